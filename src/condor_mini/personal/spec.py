"""What a personal pool is to be like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PersonalSpec:
    """The options of a personal pool."""

    state: Path = Path("condor_state")
    """The state directory on the host."""
    workdir: Path = Path()
    """The directory of the host that commands run in."""
    name: str | None = None
    """The pool's name. None for one that is derived from the state directory."""
    series: str | None = None
    """HTCondor's series. None for the default, or for that of a running pool."""
    cpus: int | None = None
    """The number of cores that the slot advertises. None for the machine's."""
    memory_mb: int | None = None
    """The memory that the slot advertises, in MiB. None for the machine's."""
    profile: str | None = None
    """``dev`` (react at once), or ``production`` (wait as HTCondor's defaults do). None for dev, or
    for that of a running pool."""
    host_files: str | None = None
    """``ro`` or ``rw`` to give jobs the host's programs and the caller's home.

    With ``ro`` jobs can only read the home; with ``rw`` they can also write to it. None for the
    pool's own image.
    """
    reachable: bool | int | None = None
    """Whether HTCondor's clients on this machine reach the pool, and how.

    True for a free port of 127.0.0.1, a number for that port, False for a pool that listens only
    inside its container. None for the container's own address, or a free port where this machine
    has no route to containers. The embedded engine always gives pools an address of their own.
    """
    notebook: bool = False
    """Whether the pool is to be one in which JupyterLab can run: ``personal/notebook.py``."""
    notebook_port: int | None = None
    """Port of 127.0.0.1 for JupyterLab. None for 8888, or another that is free."""
    publish: tuple[str, ...] = ()
    """Ports of this machine that lead to ports of the container: ``[ADDRESS:]PORT:PORT``."""
