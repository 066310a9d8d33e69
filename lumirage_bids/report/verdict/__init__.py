"""The outcome in words: what the numbers of a run carry, and no more."""
