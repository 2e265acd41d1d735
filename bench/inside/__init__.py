"""Programs for the nodes of a pool. They are sent there as text, and need Python alone."""
