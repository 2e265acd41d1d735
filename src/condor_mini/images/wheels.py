"""The Python packages of an image, as wheels that are fetched on this machine.

pip is set up here, with its index, proxy and certificate authorities; a build has none of that.
``requirements.txt`` beside the Dockerfile says by digests which wheels they are.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, ImageBuildFailed
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.signals import held_back
from condor_mini.engine import ContainerSpec, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine

REQUIREMENTS = "requirements.txt"
WHEELS = "wheels"
FETCH_TIMEOUT_S = 900.0
_ENVIRONMENT = "/usr/local/share/condor-mini/venv/pyvenv.cfg"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""What images call architectures, and what wheels call them."""
_TAGS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""What wheels demand of the C library, which Debian 10 and later have (PEP 600)."""


@contextmanager
def with_wheels(engine: Engine, folder: Path, base: str, progress: Progress) -> Iterator[Path]:
    """Yield a copy of an image's folder that also has its wheels, for as long as the context lasts.

    Args:
        engine: Engine that has the image below.
        folder: Folder with the Dockerfile and ``requirements.txt``.
        base: Image to build on. Its Python and its architecture decide which wheels are fetched.
        progress: Receives the phase.

    Raises:
        ImageBuildFailed: There is no pip, or it could not fetch a wheel.
    """
    pip = _pip()
    with ScratchDirectory() as scratch:
        context = Path(scratch, folder.name)
        shutil.copytree(folder, context, ignore=shutil.ignore_patterns("__pycache__"))
        with progress.step("Fetching JupyterLab's packages", done="Fetched JupyterLab's packages"):
            argv = [*pip, *_arguments(engine, base), "--dest", str(context / WHEELS)]
            _run([*argv, "--requirement", str(context / REQUIREMENTS)])
        yield context


def _pip() -> list[str]:
    """Return the command that is pip: that of our Python, of PATH, or what uv has."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found]
    if found := shutil.which("uv"):
        return [found, "tool", "run", "pip"]
    raise ImageBuildFailed(
        "JupyterLab's packages are fetched with pip, and there is none",
        hint=f"Install it: {sys.executable} -m ensurepip. Or use this machine's JupyterLab: "
        "condor-mini run --jupyter --engine embedded",
    )


def _arguments(engine: Engine, base: str) -> list[str]:
    image = engine.image(base)
    machine = _MACHINES.get(image.architecture if image else "", engine.info().architecture)
    return [
        *("download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--implementation=cp", f"--python-version={_version(engine, base)}"),
        *(f"--platform={tag}_{machine}" for tag in _TAGS),
    ]


def _version(engine: Engine, base: str) -> str:
    """Return the version of an image's Python, ``3.13``: its environment for users names it."""
    name = f"condor-mini-python-{os.getpid()}"
    try:
        with held_back():
            container = engine.create(ContainerSpec(image=base, name=name))
        settings = engine.copy_out(container, _ENVIRONMENT).decode()
    finally:
        with held_back():
            engine.remove(name)
    found = re.search(r"^version = (3\.\d+)\.", settings, re.MULTILINE)
    if found is None:
        raise ImageBuildFailed(f"{_ENVIRONMENT} in the image {base} names no version of Python")
    return found[1]


def _run(argv: list[str]) -> None:
    try:
        command.run(argv, timeout_s=FETCH_TIMEOUT_S)
    except CommandFailed as failure:
        lines = [line for line in failure.stderr.splitlines() if not line.startswith("WARNING")]
        raise ImageBuildFailed(
            "JupyterLab's packages could not be fetched:\n" + "\n".join(lines[-3:]),
            hint="See what pip can reach: pip download jupyterlab. Where there is no network, load "
            "the image from a file: condor-mini images load FILE",
        ) from None
