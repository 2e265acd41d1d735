"""Scenarios: which faults strike a pool when, beside which jobs, and what became of each job."""
