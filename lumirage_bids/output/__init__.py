"""What goes out: everything below the output folder, written whole or not at all."""
