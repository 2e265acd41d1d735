"""Debian's packages, unpacked in a folder and not installed."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def unpack(folder: Path, *packages: str) -> None:
    """Download these packages of the host's release, and unpack them all in that folder."""
    download = ["apt-get", "-o", "APT::Sandbox::User=root", "download", *packages]
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode != 0:
        subprocess.run(["apt-get", "update"], capture_output=True, check=True)
        subprocess.run(download, cwd=folder, capture_output=True, check=True)
    _unpack_all(folder)


def newest_python(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Unpack the newest Python of Debian's unstable release, with its C library, in that folder.

    Returns:
        The beginning of a command line that runs it, and the environment that it needs.
    """
    apt = _Unstable(folder / "apt")
    names = apt.run("apt-cache", "pkgnames", "python3.").split()
    found = (re.fullmatch(r"python(3\.\d+)-minimal", name) for name in names)
    version = max((match[1] for match in found if match), key=lambda text: int(text[2:]))
    ours = (f"python{version}-minimal", f"libpython{version}-minimal", f"libpython{version}-stdlib")
    root = folder / "root"
    root.mkdir()
    apt.run("apt-get", "download", *ours, "libc6", "libexpat1", "zlib1g", cwd=root)
    _unpack_all(root)
    (loader,) = (root / "usr/lib64").glob("ld-linux*.so.*")
    (libc,) = (root / "usr/lib").glob("*/libc.so.6")
    argv = [str(loader), "--library-path", str(libc.parent), str(root / f"usr/bin/python{version}")]
    return argv, {"PYTHONHOME": str(root / "usr")}


class _Unstable:
    """Debian's unstable release, for apt and not for the system."""

    def __init__(self, folder: Path) -> None:
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True)
        index = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
        said = subprocess.run(index, capture_output=True, text=True, check=True).stdout
        sources = folder / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {said.split()[0]} unstable main\n")
        self._options = [
            f"Dir::Etc::sourcelist={sources}",
            "Dir::Etc::sourceparts=/dev/null",
            f"Dir::State::lists={folder}/lists",
            f"Dir::Cache={folder}/cache",
            "APT::Sandbox::User=root",
        ]
        self.run("apt-get", "update")

    def run(self, tool: str, *arguments: str, cwd: Path | None = None) -> str:
        options = [word for option in self._options for word in ("-o", option)]
        argv = [tool, *options, *arguments]
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True)
        return done.stdout


def _unpack_all(folder: Path) -> None:
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
        package.unlink()
