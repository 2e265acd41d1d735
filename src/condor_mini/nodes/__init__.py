"""What a node is: its plan, its configuration, its files, and what the engine holds of it."""
