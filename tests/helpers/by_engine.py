"""Which tests pytest-xdist gives to one process: those of a file on one engine."""

from __future__ import annotations

import re

from xdist.scheduler import LoadFileScheduling

EMBEDDED = "embedded"
"""How the parameters of a test in tests/pool name the engine; tests on it come after Docker's."""


class ByEngine(LoadFileScheduling):  # type: ignore[misc]  # it has no types
    """Deals out files, those of pools once for each engine.

    A process keeps a pool for all files (``tests/pool/pools/conftest.py``), but only while the
    engine is the same. So it runs files on Docker, and then files on the embedded engine.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, parameters = nodeid.partition("[")
        file = file.partition("::")[0]
        return f"{file} {EMBEDDED}" if EMBEDDED in re.split(r"[]-]", parameters) else file
