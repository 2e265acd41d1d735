"""Images for an engine that builds none: the runtime's files, shared, with our files on top.

This module does with the same files what the images' Dockerfiles and ``install`` do in a build.
"""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini import runtime
from condor_mini.base.layout import (
    CONDOR_ID,
    CONFIG_DIRECTORY,
    ENTRYPOINT,
    HOME,
    LIBEXEC,
    OTHER_USER_ID,
    START_SCRIPTS,
    USER,
    USER_ID,
)
from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import ImageTree
from condor_mini.runtime.build import place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import ImageComposer
    from condor_mini.runtime import Runtime

LAYOUT = "1"
"""Version of an image's layout; change it to have all images composed again."""
_CONFIG, _LIBEXEC = CONFIG_DIRECTORY.lstrip("/"), LIBEXEC.lstrip("/")
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
OWN = ("etc", "var")
"""Directories of the runtime of which each container has its own copy."""
EMPTY = {"home": 0o755, "mnt": 0o755, "root": 0o700, "run": 0o755, "srv": 0o755, "tmp": 0o1777}
BASHRC = b"PS1='\\u@\\h:\\w\\$ '\n[ -z \"$BASH_VERSION\" ] || alias ls='ls --color=auto'\n"


def compose(
    engine: ImageComposer,
    role: str,
    series: Series,
    progress: Progress,
    *,
    reference: str,
    label: str,
) -> bool:
    """Compose a role's image unless it is up to date, and return whether it was composed.

    Args:
        engine: Engine that is to have the image.
        role: ``mini``, ``master``, ``submit`` or ``execute``.
        series: Series of HTCondor; its runtime is made first if it is absent.
        progress: Receives the phases.
        reference: Name of the image.
        label: Name of the label that stores the digest of the image's contents.
    """
    made = runtime.ensure(series, progress).runtime
    labels = {label: digest(role, series), "org.opencontainers.image.version": made.version or ""}
    existing = engine.image(reference)
    if existing and existing.labels.get(label) == labels[label]:
        return False
    engine.compose(reference, tree(made, role), labels=labels)
    return True


def tree(made: Runtime, role: str) -> ImageTree:
    """Return the image of a role: files of its own, and directories of the runtime."""
    return ImageTree(
        archive=_archive(made.root, role, *_folders(role)),
        shared={
            f"/usr/{place.name}": place
            for place in sorted((made.root / "usr").iterdir())
            if place.name != "local"
        },
        shared_bytes=made.size_bytes or 0,
        # With translated paths (proot) the first process does not have PID 1.
        environment={**_environment(role), "TINI_SUBREAPER": "1"},
        entrypoint=ENTRYPOINT,
        user=USER if role == "mini" else None,
        workdir=HOME,
    )


def digest(role: str, series: Series) -> str:
    """Return a digest of all that determines the contents of a role's image."""
    sha256 = hashlib.sha256(f"{LAYOUT} {place(series)}".encode())
    for folder in _folders(role):
        for name, content, _ in _files(folder):
            sha256.update(f"{name} {len(content)}\0".encode() + content)
    return sha256.hexdigest()


def _folders(role: str) -> list[Traversable]:
    return [files("condor_mini").joinpath(f"images/condor-{name}") for name in ("base", role)]


def _environment(role: str) -> Mapping[str, str]:
    return {"LANG": "C.UTF-8", **({} if role == "base" else {"CONDOR_MINI_ROLE": role})}


def _archive(root: Path, role: str, base: Traversable, own: Traversable) -> bytes:
    tar = TarWriter()
    for path, mode in EMPTY.items():
        tar.directory(path, mode)
    for path, to in LINKS.items():
        tar.link(path, to)
    for path in OWN:
        tar.tree(root / path, path)
    tar.directory("usr")
    for folder, target in (("config.d", _CONFIG), ("libexec", _LIBEXEC)):
        tar.directory(target)
        for name, content, mode in _files(base.joinpath(folder)):
            tar.file(f"{target}/{name}", content, mode)
    for name, content, _ in _files(own):
        if name.startswith("20-role-"):
            tar.file(f"{_CONFIG}/{name}", content)
    _accounts(tar, root)
    _places(tar, role)
    return tar.finish()


def _accounts(tar: TarWriter, root: Path) -> None:
    users = {USER: USER_ID, "submituser": OTHER_USER_ID}
    passwd, group = ((root / "etc" / name).read_bytes().decode() for name in ("passwd", "group"))
    for name, number in users.items():
        passwd += f"{name}:x:{number}:{number}::/home/{name}:/bin/bash\n"
        group += f"{name}:x:{number}:\n"
        tar.directory(f"home/{name}", 0o700, number)
        tar.file(f"home/{name}/.bashrc", BASHRC, owner=number)
    tar.file("etc/skel/.bashrc", BASHRC)
    tar.file("etc/passwd", passwd.encode())
    tar.file("etc/group", group.encode())


def _places(tar: TarWriter, role: str) -> None:
    """Add HTCondor's directories, and for ``mini`` those that any user may write to."""
    for path in ("spool/condor", "log/condor", "lib/condor/execute", "lock/condor"):
        tar.directory(f"var/{path}", owner=CONDOR_ID)
    tar.directory("run/condor", owner=CONDOR_ID)
    for path in ("passwords.d", "tokens.d"):
        tar.directory(f"etc/condor/{path}", 0o700)
    # Stays empty, because the runtime has no Python.
    tar.directory("usr/local/share/condor-mini/venv/bin")
    for name in ("update-config", "update-secrets"):
        tar.link(name, f"{START_SCRIPTS}/{name}".lstrip("/"))
    if role == "mini":
        for path in ("condor_state", "run/condor", "run/condor-mini", "var/lock/condor"):
            tar.directory(path, 0o1777)


def _files(folder: Traversable) -> list[tuple[str, bytes, int]]:
    """Return name, content and mode of each file in a folder and its subfolders."""
    with as_file(folder) as place:
        found = sorted(path for path in place.rglob("*") if path.is_file())
        return [
            (
                path.relative_to(place).as_posix(),
                path.read_bytes(),
                0o755 if path.stat().st_mode & 0o100 else 0o644,
            )
            for path in found
            if "__pycache__" not in path.parts
        ]
