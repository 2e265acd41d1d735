"""HTCondor without a container engine: one unpacked tree of Debian's packages, with its own libc.

It is made without root, dpkg or apt, in the user's cache, once for all pools; nobody writes to it
afterwards. ``recipe.toml`` says what is in it, ``locks/`` which packages exactly, by their digests.
"""

from __future__ import annotations

from condor_mini.runtime.build import ensure, export, find
from condor_mini.runtime.store import Runtime, Store

__all__ = ["Runtime", "Store", "ensure", "export", "find"]
