"""What all parts of the adapter for Docker and Podman have: a dialect, and a client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.engine.oci.client import Client

if TYPE_CHECKING:
    from condor_mini.engine.oci.dialect import Dialect


class OciAdapter:
    """An engine's command line, in its dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._client = Client(dialect)

    def _listed(self, *listing: str) -> list[str]:
        """Return the ids or names that a command lists."""
        return self._client.run(*listing, "--quiet").stdout.split()
