"""Access to a pool: tokens, requests for tokens, and the signing key."""
