"""Images for an engine that builds none: the runtime's files, shared, with our files on top.

This module does with the same files what the images' Dockerfiles and ``install`` do in a build.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini import runtime
from condor_mini.base.layout import (
    CONDOR_ID,
    CONFIG_DIRECTORY,
    HOME,
    LIBEXEC,
    OTHER_USER_ID,
    USER,
    USER_ID,
)
from condor_mini.engine import ImageTree
from condor_mini.runtime.build import place

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine

LAYOUT = "1"
"""Version of an image's layout; change it to have all images composed again."""
ROOT_ID = 0
_CONFIG, _LIBEXEC = CONFIG_DIRECTORY.lstrip("/"), LIBEXEC.lstrip("/")
LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
OWN = ("etc", "var")
"""Directories of the runtime of which each container has its own copy."""
EMPTY = {"home": 0o755, "mnt": 0o755, "root": 0o700, "run": 0o755, "srv": 0o755, "tmp": 0o1777}
BASHRC = b"PS1='\\u@\\h:\\w\\$ '\n[ -z \"$BASH_VERSION\" ] || alias ls='ls --color=auto'\n"


@dataclass
class _Tar:
    """A writer of a tar archive; the same calls give the same bytes."""

    buffer: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        self._tar = tarfile.open(fileobj=self.buffer, mode="w")  # noqa: SIM115 (ended by `end`)

    def directory(self, path: str, mode: int = 0o755, owner: int = ROOT_ID) -> None:
        self._add(path, tarfile.DIRTYPE, mode, owner)

    def link(self, path: str, to: str) -> None:
        self._add(path, tarfile.SYMTYPE, 0o777, ROOT_ID, to=to)

    def file(self, path: str, content: bytes, mode: int = 0o644, owner: int = ROOT_ID) -> None:
        self._add(path, tarfile.REGTYPE, mode, owner, content)

    def tree(self, source: Path, path: str) -> None:
        """Add a directory of the runtime with all its contents, writable by the owner."""
        if source.is_symlink():
            self.link(path, str(source.readlink()))
        elif source.is_dir():
            self.directory(path)
            for inner in sorted(source.iterdir()):
                self.tree(inner, f"{path}/{inner.name}")
        else:
            self.file(path, source.read_bytes(), (source.stat().st_mode & 0o777) | 0o200)

    def end(self) -> bytes:
        self._tar.close()
        return self.buffer.getvalue()

    def _add(
        self, path: str, kind: bytes, mode: int, owner: int, content: bytes = b"", to: str = ""
    ) -> None:
        entry = tarfile.TarInfo(path)
        entry.type, entry.mode, entry.linkname, entry.size = kind, mode, to, len(content)
        entry.uid = entry.gid = owner
        self._tar.addfile(entry, io.BytesIO(content))


def compose(
    engine: Engine, role: str, series: Series, progress: Progress, *, reference: str, label: str
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
    folders = _folders(role)
    labels = {label: digest(role, series), "org.opencontainers.image.version": made.version or ""}
    existing = engine.image(reference)
    if existing and existing.labels.get(label) == labels[label]:
        return False
    tree = ImageTree(
        archive=_archive(made.root, role, *folders),
        shared={
            f"/usr/{place.name}": place
            for place in sorted((made.root / "usr").iterdir())
            if place.name != "local"
        },
        shared_bytes=made.size_bytes or 0,
        # With translated paths (proot) the first process does not have PID 1.
        environment={**_environment(role), "TINI_SUBREAPER": "1"},
        entrypoint=("/usr/bin/tini", "--", f"{LIBEXEC}/entrypoint"),
        user=USER if role == "mini" else None,
        workdir=HOME,
    )
    engine.compose(reference, tree, labels=labels)
    return True


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
    tar = _Tar()
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
    return tar.end()


def _accounts(tar: _Tar, root: Path) -> None:
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


def _places(tar: _Tar, role: str) -> None:
    """Add HTCondor's directories, and for ``mini`` those that any user may write to."""
    for path in ("spool/condor", "log/condor", "lib/condor/execute", "lock/condor"):
        tar.directory(f"var/{path}", owner=CONDOR_ID)
    tar.directory("run/condor", owner=CONDOR_ID)
    for path in ("passwords.d", "tokens.d"):
        tar.directory(f"etc/condor/{path}", 0o700)
    # Stays empty, because the runtime has no Python.
    tar.directory("usr/local/share/condor-mini/venv/bin")
    for name in ("update-config", "update-secrets"):
        tar.link(name, f"{_LIBEXEC}/{name}")
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
