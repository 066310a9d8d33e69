"""What comes in: datasets, scans, label maps, and where they are found."""
