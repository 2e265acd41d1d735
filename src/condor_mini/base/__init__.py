"""What every room needs; imports nothing of the project but ``errors``."""
