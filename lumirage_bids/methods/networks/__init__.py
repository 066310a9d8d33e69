"""What learned methods share."""
