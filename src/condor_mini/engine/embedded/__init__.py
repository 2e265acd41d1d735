"""Containers without a container engine: the kernel's namespaces, or translated paths.

A container is a directory with its files, a record of what was asked for, and, while it runs, one
small process that keeps it: it writes the log, and the status in the end. There is no daemon, and
nothing needs root. The programs that make a sandbox come from the runtime, with their own loader.
"""

from __future__ import annotations

from condor_mini.engine.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
