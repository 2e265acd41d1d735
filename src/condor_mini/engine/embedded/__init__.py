"""Containers without a container engine: the kernel's namespaces, or translated paths.

A container is a directory with its files and a record of its spec. While it runs, a small process,
the shim, writes its log, and its status at the end. There is no daemon, and nothing needs root. The
programs that make a sandbox come from the runtime, with their own loader.
"""

from __future__ import annotations

from condor_mini.engine.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
