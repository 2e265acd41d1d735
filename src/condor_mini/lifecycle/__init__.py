"""What makes a pool live: create, start, scale, recreate, roll back, wait until it is ready."""
