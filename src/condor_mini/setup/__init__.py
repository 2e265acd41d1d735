"""Getting a container engine onto the machine."""
