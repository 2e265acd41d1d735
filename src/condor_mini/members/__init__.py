"""Who may do what in a pool: tokens, approvals, keys."""
