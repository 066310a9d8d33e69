"""What everything else may use: errors, parameters and digests, logs, memory, progress, publications."""
