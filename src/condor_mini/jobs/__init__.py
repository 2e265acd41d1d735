"""Jobs: submit them with their files, wait for them, fetch what they wrote."""
