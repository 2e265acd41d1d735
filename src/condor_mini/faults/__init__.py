"""Break a pool on purpose, and undo it."""
