"""Debian's packages, unpacked in a folder and not installed."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def unpack(folder: Path, *packages: str) -> None:
    """Download these packages of the host's release, and unpack them all in that folder."""
    download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages]
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update"], capture_output=True, check=True)
        subprocess.run(download, cwd=folder, capture_output=True, check=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
        package.unlink()
