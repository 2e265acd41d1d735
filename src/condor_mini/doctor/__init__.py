"""Diagnosis of the engine and of pools: what is wrong, and the next command to type."""
