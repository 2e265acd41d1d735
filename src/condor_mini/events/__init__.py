"""Produce the events of HTCondor's job event log on demand."""
