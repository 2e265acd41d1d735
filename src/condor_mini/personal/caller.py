"""Who calls, and as whom the personal pool therefore runs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import StateError
from condor_mini.base.layout import HOME, USER, USER_ID
from condor_mini.base.tar_writer import TarWriter, mode_of
from condor_mini.engine import BindMount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from condor_mini.engine import EngineInfo


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The UID and GID of whoever calls us, and how the engine sees them."""

    uid: int
    gid: int
    rootless: bool = False
    """Whether the engine runs as the caller too, so that a container's root is the caller."""
    mapped: bool = False
    """Whether the engine makes the container's user the caller, whatever number that one has."""

    @classmethod
    def current(cls, engine: EngineInfo) -> Caller:
        """Of this process, as that engine sees it."""
        return cls(
            uid=os.getuid(),
            gid=os.getgid(),
            rootless=engine.rootless,
            mapped=engine.maps_caller,
        )

    @property
    def is_root(self) -> bool:
        """Whether the caller's directories must be shown with exchanged owners."""
        return self.uid == 0 and not self.rootless and not self.mapped

    @property
    def user_namespace_prefix(self) -> tuple[str, ...]:
        """What every command in the pool starts with, where only root can be the caller.

        Root of a rootless engine is the caller, and HTCondor runs nothing for root. In a user
        namespace of its own the same user has ``jovyan``'s UID, and no capability.
        """
        if not self.rootless:
            return ()
        ids = (f"--map-user={USER_ID}", f"--map-group={USER_ID}")
        return ("/usr/bin/unshare", "--user", *ids, "--")

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What that prefix needs (user_namespaces(7)), within what the caller may do anyway."""
        return ("SYS_ADMIN", "SETFCAP") if self.rootless else ()

    @property
    def user(self) -> str:
        """What the container runs as: ``UID:GID``."""
        if self.rootless:
            return "0:0"
        if self.is_root or self.mapped:
            return f"{USER_ID}:{USER_ID}"
        # A group of 0 counts as root for HTCondor, and is a caller's own only where that is root.
        return f"{self.uid}:{self.gid or self.uid}"

    @property
    def is_known_to_image(self) -> bool:
        """Whether the image's ``jovyan`` is this user already."""
        return self.rootless or self.user == f"{USER_ID}:{USER_ID}"

    @contextmanager
    def mounts(self, directories: Mapping[str, Path]) -> Iterator[tuple[BindMount, ...]]:
        """The caller's directories, by their paths in the container, as the pool's user sees them.

        A container must be started inside the context. Raises ``StateError`` for a root caller on
        a kernel or file system without ID-mapped mounts.
        """
        if not self.is_root:
            yield tuple(BindMount(source=path, target=to) for to, path in directories.items())
            return
        from condor_mini.personal.id_map import exchanged_owners

        try:
            view = exchanged_owners(list(directories.values()), uid=USER_ID)
            sources = view.__enter__()
        except OSError as error:
            where = ", ".join(str(path) for path in directories.values())
            raise StateError(
                f"root's directories cannot be shown to the pool's ordinary user ({where}): "
                f"{error.strerror}. That takes Linux 5.12 and a file system with ID-mapped mounts",
                hint="Run as an ordinary user instead: HTCondor runs no jobs for root.",
            ) from error
        try:
            yield tuple(
                BindMount(source=source, target=to)
                for source, to in zip(sources, directories, strict=True)
            )
        finally:
            view.__exit__(None, None, None)

    def account_files(self, passwd: bytes, group: bytes) -> dict[str, bytes]:
        """The image's account files with ``jovyan`` as this user: HTCondor wants each UID named.

        Whoever else had these numbers is gone: the first of a number would be the user's name.

        Args:
            passwd: The image's ``/etc/passwd``.
            group: The image's ``/etc/group``.
        """
        uid, gid = self.user.split(":")

        def renumbered(text: bytes, number: str, primary_group: str | None = None) -> bytes:
            lines = []
            for line in text.decode().splitlines():
                words = line.split(":")
                if words[0] == USER:
                    words[2] = number
                    words[3] = primary_group or words[3]
                elif words[2] == number:
                    continue
                lines.append(":".join(words) + "\n")
            return "".join(lines).encode()

        return {"etc/passwd": renumbered(passwd, uid, gid), "etc/group": renumbered(group, gid)}

    def archive(self, contents: Mapping[str, bytes]) -> bytes:
        """A tar to unpack at the container's root: these files, root's, and the user's own home."""
        uid, gid = (int(number) for number in self.user.split(":"))
        tar = TarWriter()
        if self.rootless or not self.is_known_to_image:
            tar.directory(HOME.lstrip("/"), 0o700, uid, gid)
        for path, content in contents.items():
            tar.file(path.lstrip("/"), content, mode_of(content))
        return tar.finish()


def certificate_authorities() -> bytes | None:
    """The bundle that the caller's environment names in place of the system's, if it names one.

    Behind a proxy that opens TLS, pip and curl in the pool need it as much as they do outside.
    """
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        path = os.environ.get(variable)
        if path and Path(path).is_file():
            return Path(path).read_bytes()
    return None
