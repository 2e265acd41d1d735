"""Temporary directories that remain after no Ctrl-C."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from condor_mini.base.signals import held_back

if TYPE_CHECKING:
    from pathlib import Path

PREFIX = "condor-mini-"
"""What the names of temporary directories begin with."""


class ScratchDirectory(TemporaryDirectory[str]):
    """A temporary directory. Neither its creation nor its removal is interrupted by a signal.

    If a signal comes between them and cuts off the context's own end, the directory is removed when
    the object is, or when the process ends in order.
    """

    def __init__(self, *, prefix: str = PREFIX, directory: Path | str | None = None) -> None:
        """Create it.

        Args:
            prefix: What its name begins with.
            directory: Directory to create it in. None for the system's.

        Raises:
            OSError: It cannot be created.
        """
        with held_back() as held:
            super().__init__(prefix=prefix, dir=directory)
            try:
                with held.let_through():
                    pass  # a signal that came meanwhile raises here
            except BaseException:
                super().cleanup()
                raise

    def cleanup(self) -> None:
        """Remove it with all that is in it."""
        with held_back():
            super().cleanup()
