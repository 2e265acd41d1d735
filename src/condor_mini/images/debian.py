"""The Debian image that ``condor-base`` is built on: from a registry, or from Debian's packages.

mmdebstrap makes the same minimal system as ``debian:*-slim``, from the same signed packages.
"""

from __future__ import annotations

import os
import shlex
import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, ImageBuildFailed
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.series import catalogue
from condor_mini.engine import command

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine, ImageBuilder

PULL_TIMEOUT_S = 300.0
BOOTSTRAP_TIMEOUT_S = 900.0


def debian_names() -> tuple[str, str]:
    """Return the images that ``debian_base`` looks for: a registry's, and the one that we make."""
    return catalogue().base, f"condor-mini-debian:{catalogue().debian}"


def debian_base(engine: ImageBuilder, progress: Progress) -> str:
    """Return the Debian image to build on. It is pulled or made if the engine has none.

    Raises:
        ImageBuildFailed: Neither a registry nor a package mirror answers, or mmdebstrap is absent.
    """
    from_registry, ours = debian_names()
    for reference in (from_registry, ours):
        if engine.image(reference) is not None:
            return reference
    try:
        with progress.step(f"Pulling {from_registry}"):
            engine.pull(from_registry, timeout_s=PULL_TIMEOUT_S)
    except CommandFailed as refusal:
        last_line = (refusal.stderr.strip().splitlines() or ["no answer in time"])[-1]
        progress.note(f"No registry answers ({last_line}). Making {ours} from Debian's packages")
    else:
        return from_registry
    _bootstrap(engine, ours, progress)
    return ours


def _bootstrap(engine: Engine, reference: str, progress: Progress) -> None:
    mmdebstrap = _mmdebstrap(progress)
    with (
        ScratchDirectory() as scratch,
        as_file(files("condor_mini").joinpath("images")) as images,
        progress.step(f"Making {reference} from Debian's packages"),
    ):
        tarball = Path(scratch) / "root.tar"
        excludes = shlex.quote(str(images / "condor-base/dpkg-excludes"))
        argv = [
            *(mmdebstrap, "--quiet", "--variant=minbase", "--include=ca-certificates"),
            f"--extract-hook=upload {excludes} /etc/dpkg/dpkg.cfg.d/condor-mini",
            f"--extract-hook={(images / 'debian-base/remove-excluded').read_text('utf-8')}",
            '--aptopt=Acquire::Languages "none"',
            *(catalogue().debian, str(tarball)),
        ]
        _run(argv, hint="Check that Debian's mirror is reachable: apt-get update")
        engine.import_image(
            tarball,
            reference,
            labels={"org.opencontainers.image.title": reference.split(":")[0]},
        )


def _mmdebstrap(progress: Progress) -> str:
    """Return the path of mmdebstrap. It is installed first if we are root and apt-get exists."""
    if found := shutil.which("mmdebstrap"):
        return found
    apt_get = shutil.which("apt-get")
    if apt_get is None or os.getuid() != 0:
        raise ImageBuildFailed(
            "no registry answers, and mmdebstrap, which can make the base image from Debian's "
            "packages, is not installed",
            hint="Install it: sudo apt-get install mmdebstrap debian-archive-keyring",
        )
    with progress.step("Installing mmdebstrap"):
        packages = ["mmdebstrap", "debian-archive-keyring"]
        _run([apt_get, "update", "--quiet"], hint="Check the network: apt-get update")
        _run(
            [apt_get, "install", "--yes", "--no-install-recommends", *packages],
            hint=f"Try the command: apt-get install {' '.join(packages)}",
        )
    return "mmdebstrap"


def _run(argv: list[str], *, hint: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        command.run_bytes(argv, timeout_s=BOOTSTRAP_TIMEOUT_S, environment=environment)
    except CommandFailed as failure:
        raise ImageBuildFailed(str(failure), hint=hint) from None
