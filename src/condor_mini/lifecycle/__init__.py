"""The life of a pool: create, start, scale, recreate, roll back, wait until it is ready."""
