"""The Python of this machine that runs JupyterLab in a pool of the embedded engine.

It is the one that runs condor-mini, so the extra ``notebook`` is all that it takes.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from condor_mini.base.errors import NotFound
from condor_mini.engine import BindMount

PACKAGES = {"jupyterlab": "jupyterlab", "ipykernel": "jupyterlab", "htcondor2": "htcondor"}
"""What has to be importable, and what pip calls it."""
_SHOWN = ("/usr", "/bin", "/lib", "/lib64", "/opt", "/sbin")
"""What ``nodes/host_files.py`` shows of this machine, beside the home."""


def check() -> None:
    """Raise ``NotFound`` if JupyterLab or HTCondor's bindings are not installed."""
    missing = {package for module, package in PACKAGES.items() if find_spec(module) is None}
    if missing:
        names = " ".join(sorted(missing))
        raise NotFound(
            f"the notebook needs what is not installed beside condor-mini: {names}",
            hint=f"Install it: {sys.executable} -m pip install {names}. Or use Docker or Podman, "
            "which have it in an image: condor-mini run --jupyter --engine docker",
        )


def program() -> str:
    """Return the path of the Python that runs JupyterLab."""
    return sys.executable


def mounts(*, read_only: bool) -> tuple[BindMount, ...]:
    """Return the mounts that show this Python to a container that sees this machine's files.

    Args:
        read_only: Whether the container can only read what they show.
    """
    shown = [*map(Path, _SHOWN), Path.home().resolve()]
    # A link is followed in the container too: both its ends have to be there.
    places = {Path(place) for place in (sys.prefix, sys.base_prefix)}
    places |= {Path(sys.executable).resolve().parent.parent}
    needed = [
        place
        for place in sorted({*places, *(place.resolve() for place in places)})
        if place.is_dir() and not any(place.is_relative_to(parent) for parent in shown)
    ]
    outermost = [place for place in needed if not any(other in place.parents for other in needed)]
    return tuple(
        BindMount(source=place, target=str(place), read_only=read_only) for place in outermost
    )
