"""What condor-mini's speed is compared with, and how: ``python -m bench``."""
