"""What methods that call other programs share."""
