"""HTCondor without a container engine: an unpacked tree of Debian packages with its own libc.

A runtime is made without root, dpkg or apt, in the user's cache, once for all pools. Nothing writes
to it afterwards. ``recipe.toml`` says what it contains; ``locks/`` has the exact packages, by their
digests.
"""

from __future__ import annotations

from condor_mini.runtime.build import ensure, export, find, usable
from condor_mini.runtime.store import Runtime, Store

__all__ = ["Runtime", "Store", "ensure", "export", "find", "usable"]
