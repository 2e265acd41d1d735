"""How programs outside a pool use it: addresses, a token, configuration, tools, Python objects."""
