"""Jobs: submit them with their files, see them through, fetch what they wrote."""
