"""What the program does with input that is broken or meant to harm."""
