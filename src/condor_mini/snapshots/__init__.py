"""Snapshots: the state of a pool in one file, and pools that begin with it."""
