"""The program: command line, commands, runs."""
