"""Relocated runtimes: copies that find their loader, libraries and shells at another path.

There are two. One is mounted read-only at a path, its prefix, in a container of the user's own
image, which so becomes an execution point. The other stays where it is made: its programs run on
the host. Neither uses anything of the image or the host, or changes anything there. Each is made
once, in the directory of the runtime, and is removed with the runtime.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.runtime.store import Store, damage, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.runtime.store import Runtime

PATCH_TIMEOUT_S = 120.0
PROGRAMS = "programs"
"""Directory of ``on_host``'s tree with HTCondor's programs, for ``PATH``."""
_LAYOUT = 3
"""Version of the layout of relocated trees; change it to have all of them made again."""
_DYNAMIC, _INTERPRETER, _NEEDED = 2, 3, 1
_LITTLE_ENDIAN_64 = b"\x7fELF\x02\x01"
_KEPT = frozenset({"libc.so.6"})
"""Libraries that stay unchanged: they need only the loader, which is loaded before them."""
_MODULES = re.compile(rb"\0/usr/lib/[\w-]+/ossl-modules(?=\0)")
"""The path in libcrypto.so.3 of the providers that it loads at run time."""
_MODULES_BESIDE = b"\0$ORIGIN/ossl-modules"
"""The same directory, relative to the library that loads it: the loader expands it (dlopen(3))."""
_SSHD_TEMPLATE = "condor_ssh_to_job_sshd_config_template"
_SSHD_HELPERS = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}
"""Settings of sshd_config(5) that name sshd's own programs; sshd knows their path in Debian."""
_PROGRAM = re.compile(rb"(?<![\w./$}-])/(?:usr/)?s?bin/([\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class Elf:
    """What the ELF file of a program or library says about its loader and libraries."""

    has_interpreter: bool
    """Whether the file names its loader; programs do."""
    needs_libraries: bool


def relocated(
    runtime: Runtime, prefix: str, progress: Progress, *, tools: Runtime | None = None
) -> Path:
    """Return the tree of a runtime for another path. It is made first if it is absent or damaged.

    Args:
        runtime: A complete runtime.
        prefix: Path at which the tree is to be mounted: ``/usr/local/lib/condor-mini``.
        progress: Receives the phases.
        tools: A runtime for this machine's architecture. None for ``runtime`` itself.

    Raises:
        RuntimeFailed: The disk is full, or patchelf failed.
    """
    path = runtime.path / f"at{prefix.replace('/', '-')}-{_LAYOUT}"
    what = f"the runtime of HTCondor {runtime.version} for images of your own"
    return _have(runtime, path, prefix, what, progress, tools or runtime)


def on_host(runtime: Runtime, progress: Progress) -> Path:
    """Return the tree of a runtime whose programs run on this machine, where the tree is.

    Its directory ``PROGRAMS`` has HTCondor's programs, and nothing that this machine has too. It
    is made first if it is absent or damaged; raises what ``relocated`` raises.
    """
    path = runtime.path / f"on-host-{_LAYOUT}"
    what = f"the programs of HTCondor {runtime.version} for this machine"
    return _have(runtime, path, f"{path}/root", what, progress, runtime)


def _have(
    runtime: Runtime, path: Path, prefix: str, what: str, progress: Progress, tools: Runtime
) -> Path:
    if damage(path) is None:
        return path / "root"
    store = Store(runtime.path.parent)
    with store.alone(progress):
        if damage(path) is None:  # another process may have made it while we waited
            return path / "root"
        with (
            progress.step(f"Preparing {what}", done=f"Prepared {what}"),
            store.making(path) as scratch,
        ):
            _relocate(runtime.root, scratch / "root", prefix, tools)
            _link_programs(scratch / "root", prefix)
            write_manifest(scratch, {"version": runtime.version, "prefix": prefix})
        if problem := damage(path):
            raise RuntimeFailed(f"the new tree {path} is damaged: {problem}")
    return path / "root"


def elf(data: bytes) -> Elf | None:
    """Return what a file says about its loader and libraries, in the format ELF.

    See the manual page elf(5). None for any other file, and for ELF files that are not 64-bit
    little-endian.
    """
    if not data.startswith(_LITTLE_ENDIAN_64) or len(data) < 64:
        return None
    (at,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    has_interpreter = needs_libraries = False
    try:
        for start in range(at, at + size * count, size):
            (kind,) = struct.unpack_from("<I", data, start)
            offset, _, _, length = struct.unpack_from("<4Q", data, start + 8)
            has_interpreter |= kind == _INTERPRETER
            if kind == _DYNAMIC:
                tags = struct.iter_unpack("<qQ", data[offset : offset + length])
                needs_libraries |= any(tag == _NEEDED for tag, _ in tags)
    except struct.error:
        return None
    return Elf(has_interpreter=has_interpreter, needs_libraries=needs_libraries)


def relocated_script(script: bytes, has: Callable[[str], bool], prefix: str) -> bytes:
    """Return a script that calls the runtime's programs instead of the image's.

    Args:
        script: Script that begins with ``#!``.
        has: Function that returns whether the runtime has a program of that name.
        prefix: Path at which the runtime is mounted.
    """

    def ours(found: re.Match[bytes]) -> bytes:
        name = found[1].decode()
        return f"{prefix}/usr/bin/{name}".encode() if has(name) else found[0]

    return _PROGRAM.sub(ours, script)


def with_modules_beside(library: bytes) -> bytes:
    """Return libcrypto so that it looks for OpenSSL's providers in a directory beside it.

    Other libraries are returned unchanged. An environment variable (``OPENSSL_MODULES``) would do
    the same, but the image's or the host's own programs would then load our providers.

    Args:
        library: Contents of the library.
    """
    return _MODULES.sub(lambda found: _MODULES_BESIDE.ljust(len(found[0]), b"\0"), library)


def _sshd_helpers(prefix: str) -> bytes:
    lines = (
        f"{key} {prefix}/usr/lib/openssh/{name}\n" for key, name in sorted(_SSHD_HELPERS.items())
    )
    return "".join(lines).encode()


def _relocate(source: Path, target: Path, prefix: str, tools: Runtime) -> None:
    programs: list[Path] = []
    libraries: list[Path] = []

    def has(name: str) -> bool:
        return (source / "usr/bin" / name).exists()

    for folder, names, files in os.walk(source):
        here = target / os.path.relpath(folder, source)
        here.mkdir()
        here.chmod(0o755)  # whatever the umask
        for name in [*files, *names]:
            place = source / folder / name
            if place.is_symlink():
                (here / name).symlink_to(place.readlink())
                continue
            if place.is_dir():
                continue
            data = place.read_bytes()
            asks = elf(data)
            if name == _SSHD_TEMPLATE:
                (here / name).write_bytes(data + _sshd_helpers(prefix))
            elif asks and asks.needs_libraries and name not in _KEPT:
                (here / name).write_bytes(with_modules_beside(data))
                (programs if asks.has_interpreter else libraries).append(here / name)
            elif data.startswith(b"#!") and (text := relocated_script(data, has, prefix)) != data:
                (here / name).write_bytes(text)
                (here / name).chmod(0o555)
            else:
                os.link(place, here / name)
    (loader,) = (target / "usr/lib64").glob("ld-linux*.so.*")
    places = [*(target / "usr/lib").glob("*-linux-gnu"), target / "usr/lib"]
    # RPATH, the older kind, wins over the image's LD_LIBRARY_PATH. The image's own libraries are
    # not searched, because they need another libc.
    paths = ":".join(_below(prefix, place, target) for place in places)
    options = ["--no-default-lib", "--force-rpath", "--set-rpath", paths]
    _patch(tools, ["--set-interpreter", _below(prefix, loader, target), *options], programs)
    _patch(tools, options, libraries)
    for path in programs:
        path.chmod(0o555)
    for path in libraries:
        path.chmod((source / path.relative_to(target)).stat().st_mode & 0o777)


def _link_programs(root: Path, prefix: str) -> None:
    """Link HTCondor's programs, without scripts whose interpreter the runtime lacks."""
    (root / PROGRAMS).mkdir()
    for folder in ("bin", "sbin"):
        for path in sorted((root / "usr" / folder).glob("condor_*")):
            with path.open("rb") as file:
                first = file.readline()
            interpreter = first[2:].split()[0].decode() if first.startswith(b"#!") else prefix
            if interpreter.startswith(prefix):
                (root / PROGRAMS / path.name).symlink_to(f"../usr/{folder}/{path.name}")


def _below(prefix: str, path: Path, root: Path) -> str:
    return f"{prefix}/{path.relative_to(root).as_posix()}"


def _patch(tools: Runtime, options: Sequence[str], files: Sequence[Path]) -> None:
    """Change these files with the runtime's own patchelf, run by the runtime's own loader."""
    (loader,) = (tools.root / "lib64").glob("ld-linux*.so.*")
    libraries = [str(path) for path in (tools.root / "usr/lib").glob("*-linux-gnu")]
    argv = [
        str(loader),
        "--library-path",
        ":".join(libraries),
        str(tools.root / "usr/bin/patchelf"),
    ]
    try:
        result = subprocess.run(
            [*argv, *options, *map(str, files)],
            capture_output=True,
            text=True,
            timeout=PATCH_TIMEOUT_S,
            check=False,
        )
        reason = result.stderr.strip() or f"it ended with {result.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        result, reason = None, str(error)
    if result is None or result.returncode != 0:
        raise RuntimeFailed(
            f"HTCondor's programs cannot be relocated on this machine: patchelf: {reason}"
        )
