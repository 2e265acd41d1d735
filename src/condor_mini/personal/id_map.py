"""ID-mapped mounts that show root's directories to a container's ordinary user as its own.

A personal pool runs as an ordinary user, because HTCondor runs nothing for root. If root is the
caller, that user could not access root's directories, and root would not own what the user writes.
The kernel (mount_setattr(2), Linux 5.12) can mount a directory with two owners exchanged. On disk,
everything still belongs to root, and no file's mode or owner is changed.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.scratch import ScratchDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# These numbers are the same on every architecture but Alpha, because the calls were added after the
# tables were unified (syscalls(2)).
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD = -100
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_AT_EMPTY_PATH = 0x1000
_MOUNT_ATTR_IDMAP = 0x100000
_CLONE_NEWUSER = 0x10000000
_MNT_DETACH = 2
_LAST_ID = 2**32 - 2

_SCRATCH, _PREFIX = "/run", "condor-mini-"

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttr(ctypes.Structure):
    """The ``struct mount_attr`` of mount_setattr(2)."""

    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


@contextmanager
def exchanged_owners(directories: Sequence[Path], *, uid: int) -> Iterator[list[Path]]:
    """Mount directories with the owners root and ``uid`` exchanged, and yield the mount points.

    The mounts are removed at the end of the context. A container that is started inside the context
    keeps its view of them.

    Args:
        directories: Directories to mount.
        uid: UID and GID to exchange with 0.

    Raises:
        OSError: The kernel, the file system or the privileges of this process do not allow it.
    """
    _remove_leftovers()
    with (
        ScratchDirectory(prefix=f"{_PREFIX}{os.getpid()}-", directory=_SCRATCH) as scratch,
        _user_namespace(uid) as namespace,
        ExitStack() as mounted,
    ):
        targets = []
        for number, directory in enumerate(directories):
            target = os.path.join(scratch, str(number))  # noqa: PTH118 (bytes for the kernel)
            os.mkdir(target)  # noqa: PTH102
            _mount(directory, target, namespace)
            mounted.callback(_libc.umount2, target.encode(), _MNT_DETACH)
            targets.append(type(directory)(target))
        yield targets


def _remove_leftovers() -> None:
    """Unmount and remove the mount points of processes that were killed inside the context."""
    for directory in Path(_SCRATCH).glob(f"{_PREFIX}*-*"):
        process = directory.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not Path("/proc", process).exists():
            with suppress(OSError):  # another process is removing it
                for target in directory.iterdir():
                    _libc.umount2(os.fsencode(target), _MNT_DETACH)
                    target.rmdir()
                directory.rmdir()


@contextmanager
def _user_namespace(uid: int) -> Iterator[int]:
    """Yield a descriptor of a user namespace that exchanges 0 and ``uid`` and no other IDs."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # only system calls here, because this process may have threads
        failed = _libc.unshare(_CLONE_NEWUSER) != 0
        os.write(ready[1], bytes([ctypes.get_errno() if failed else 0]))
        os.close(done[1])
        os.read(done[0], 1)
        os._exit(0)
    try:
        error = os.read(ready[0], 1)[0]
        if error:
            raise OSError(error, f"user namespace: {os.strerror(error)}")
        mapping = (
            f"0 {uid} 1\n1 1 {uid - 1}\n{uid} 0 1\n{uid + 1} {uid + 1} {_LAST_ID - uid}\n"
        ).encode()
        for kind in ("uid_map", "gid_map"):
            with open(f"/proc/{child}/{kind}", "wb", buffering=0) as file:  # noqa: PTH123
                file.write(mapping)
        namespace = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield namespace
        finally:
            os.close(namespace)
    finally:
        for descriptor in (*ready, *done):
            os.close(descriptor)
        os.waitpid(child, 0)


def _mount(source: Path, target: str, namespace: int) -> None:
    tree = _call(
        *(_OPEN_TREE, _AT_FDCWD, os.fsencode(source)),
        ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC),
    )
    try:
        attributes = _MountAttr(attr_set=_MOUNT_ATTR_IDMAP, userns_fd=namespace)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        _call(
            *(_MOUNT_SETATTR, tree, b"", ctypes.c_uint(_AT_EMPTY_PATH)),
            *(ctypes.byref(attributes), size),
        )
        _call(
            *(_MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target)),
            ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
        )
    finally:
        os.close(tree)


def _call(number: int, *arguments: object) -> int:
    result: int = _libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
