"""What happens in a pool during a time, in one ordered timeline; and its picture."""
