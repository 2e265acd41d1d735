"""The user who calls condor-mini, and the user that the personal pool runs as."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import StateError
from condor_mini.base.layout import HOME, USER, USER_ID
from condor_mini.base.tar_writer import TarWriter, mode_of
from condor_mini.engine import BindMount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from condor_mini.engine import EngineInfo


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The UID and GID of the caller, and how the engine maps them."""

    uid: int
    gid: int
    rootless: bool = False
    """Whether the engine runs as the caller, so that a container's root is the caller."""
    mapped: bool = False
    """Whether the engine maps the container's user to the caller, whatever UID that user has."""

    @classmethod
    def current(cls, engine: EngineInfo) -> Caller:
        """Return the caller of this process, as that engine maps it."""
        return cls(
            uid=os.getuid(),
            gid=os.getgid(),
            rootless=engine.rootless,
            mapped=engine.maps_caller,
        )

    @property
    def is_root(self) -> bool:
        """Whether the caller's directories must be mounted with exchanged owners."""
        return self.uid == 0 and not self.rootless and not self.mapped

    @property
    def user_namespace_prefix(self) -> tuple[str, ...]:
        """The prefix of every command in the pool; empty unless the engine is rootless.

        In a container of a rootless engine, root is the caller, and HTCondor runs nothing for root.
        In a user namespace of its own the same user has ``jovyan``'s UID, and no capability.
        """
        if not self.rootless:
            return ()
        ids = (f"--map-user={USER_ID}", f"--map-group={USER_ID}")
        return ("/usr/bin/unshare", "--user", *ids, "--")

    @property
    def capabilities(self) -> tuple[str, ...]:
        """The capabilities that ``user_namespace_prefix`` needs (user_namespaces(7)).

        They do not allow more than what the caller may do anyway.
        """
        return ("SYS_ADMIN", "SETFCAP") if self.rootless else ()

    @property
    def user(self) -> str:
        """The user that the container runs as: ``UID:GID``."""
        if self.rootless:
            return "0:0"
        if self.is_root or self.mapped:
            return f"{USER_ID}:{USER_ID}"
        # HTCondor counts GID 0 as root. Only root has it as a group of its own, so any other caller
        # gets the UID in its place.
        return f"{self.uid}:{self.gid or self.uid}"

    @property
    def is_known_to_image(self) -> bool:
        """Whether the image's ``jovyan`` already has the IDs of this user."""
        return self.rootless or self.user == f"{USER_ID}:{USER_ID}"

    @contextmanager
    def mounts(self, directories: Mapping[str, Path]) -> Iterator[tuple[BindMount, ...]]:
        """Yield the mounts that show the caller's directories to the pool's user as its own.

        The container must be started inside the context.

        Args:
            directories: Directories of the caller, by their paths in the container.

        Raises:
            StateError: The caller is root, and the kernel or the file system has no ID-mapped
                mounts.
        """
        if not self.is_root:
            yield tuple(BindMount(source=path, target=to) for to, path in directories.items())
            return
        from condor_mini.personal.id_map import exchanged_owners

        try:
            view = exchanged_owners(list(directories.values()), uid=USER_ID)
            sources = view.__enter__()
        except OSError as error:
            paths = ", ".join(str(path) for path in directories.values())
            raise StateError(
                f"root's directories cannot be mounted for the pool's ordinary user ({paths}): "
                f"{error.strerror}. This needs Linux 5.12 and a file system with ID-mapped mounts",
                hint="Run condor-mini as an ordinary user: HTCondor runs no jobs for root.",
            ) from error
        try:
            yield tuple(
                BindMount(source=source, target=to)
                for source, to in zip(sources, directories, strict=True)
            )
        finally:
            view.__exit__(None, None, None)

    def account_files(self, passwd: bytes, group: bytes) -> dict[str, bytes]:
        """Return the image's account files, in which ``jovyan`` has the IDs of this user.

        HTCondor needs a name for each UID. Other accounts with the same numbers are left out,
        because the first entry of a number gives the user's name.

        Args:
            passwd: Content of the image's ``/etc/passwd``.
            group: Content of the image's ``/etc/group``.

        Returns:
            The contents of both files, by their paths without the leading slash.
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
        """Return a tar archive to unpack in the container's root directory.

        It has the user's home, and these files, which belong to root.

        Args:
            contents: Contents of the files, by their paths in the container.
        """
        uid, gid = (int(number) for number in self.user.split(":"))
        tar = TarWriter()
        if self.rootless or not self.is_known_to_image:
            tar.directory(HOME.lstrip("/"), 0o700, uid, gid)
        for path, content in contents.items():
            tar.file(path.lstrip("/"), content, mode_of(content))
        return tar.finish()
