"""Files with which other programs run a pool."""
