"""The runtime's programs, started from outside it and from inside a container.

They run with the runtime's own loader: the host may have another C library, or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError

if TYPE_CHECKING:
    from pathlib import Path

INSIDE = "/.condor-mini"
"""The path of the runtime in each container."""


@dataclass(frozen=True)
class Tools:
    """The programs of a runtime's tree."""

    root: Path

    @cached_property
    def loader(self) -> str:
        """The path of the dynamic loader, below the root."""
        for pattern in ("usr/lib64/ld-linux*.so.*", "usr/lib/ld-linux*.so.*"):
            for place in sorted(self.root.glob(pattern)):
                return place.relative_to(self.root).as_posix()
        raise EngineCapabilityError(f"the runtime {self.root} has no loader")

    @cached_property
    def libraries(self) -> str:
        """The directory with the C library, below the root."""
        (libc,) = self.root.glob("usr/lib/*/libc.so.6")
        return libc.parent.relative_to(self.root).as_posix()

    def argv(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of a program, for the host."""
        return self._argv(str(self.root), program, arguments)

    def inside(self, program: str, *arguments: str) -> list[str]:
        """Return the command line of a program, inside a container."""
        return self._argv(INSIDE, program, arguments)

    def _argv(self, root: str, program: str, arguments: tuple[str, ...]) -> list[str]:
        loader = [f"{root}/{self.loader}", "--library-path", f"{root}/{self.libraries}"]
        folder = "usr/sbin" if program in ("pivot_root", "chroot") else "usr/bin"
        return [*loader, f"{root}/{folder}/{program}", *arguments]
