"""The dashboard: one page that shows a pool, and does what the command line does."""
