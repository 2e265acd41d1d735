"""The nodes of a pool: their plan, configuration and files, and what the engine has of them."""
