"""Making a runtime: from an installed wheel where there is one, else from Debian's packages."""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.signals import held_back
from condor_mini.base.tree import replacing
from condor_mini.runtime.bundle import Bundle, installed_bundle
from condor_mini.runtime.deb import contents
from condor_mini.runtime.lock import Lock, load_lock, machine_architecture, refresh_command
from condor_mini.runtime.recipe import recipe
from condor_mini.runtime.store import Store, write_manifest
from condor_mini.runtime.unpack import Tree, unpack_tar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.runtime.store import Runtime

DOWNLOADS = 8
"""At a time."""
PRESET = 6
"""Of xz: half a minute; higher ones take longer and gain nothing."""
UNPACKED = 3
"""How many bytes a byte of packages needs at most, once unpacked."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A runtime that is there now."""

    runtime: Runtime
    fresh: bool
    """Whether it was made just now, rather than found."""


def ensure(
    series: Series,
    progress: Progress,
    *,
    store: Store | None = None,
    architecture: str | None = None,
) -> Made:
    """The runtime of a series; made first if there is none, or only a damaged one.

    Args:
        series: Which HTCondor.
        progress: Told of what takes time.
        store: Where; the user's cache directory by default.
        architecture: Debian's name; this machine's by default.

    Raises:
        UsageError: There is no runtime for the architecture.
        RuntimeFailed: A mirror, a package or the disk is the reason; nothing is left behind.
    """
    store = store or Store()
    architecture = architecture or machine_architecture()
    source = _source(series, store, architecture)
    path = store.path(series.number, architecture, source.digest)
    there = store.get(path)
    if there and not there.problem:
        return Made(runtime=there, fresh=False)
    with store.alone(progress):
        there = store.get(path)  # another process may have made it while we waited
        if there and not there.problem:
            return Made(runtime=there, fresh=False)
        if there:
            progress.note(f"The runtime {path} is damaged: {there.problem}. Making it anew")
        with store.making(path) as scratch:
            if isinstance(source, Bundle):
                _from_bundle(source, scratch, progress)
            else:
                _from_packages(source, scratch, progress)
        made = store.get(path)
    if made is None or made.problem:
        raise RuntimeFailed(f"{path} was made, and is damaged: {made and made.problem}")
    return Made(runtime=made, fresh=True)


def place(series: Series) -> Path:
    """Where the runtime of a series is on this machine, or would be."""
    store, architecture = Store(), machine_architecture()
    return store.path(series.number, architecture, _source(series, store, architecture).digest)


def find(series: Series) -> Runtime | None:
    """The runtime of a series on this machine, complete or damaged, if there is one."""
    return Store().get(place(series))


def _source(series: Series, store: Store, architecture: str) -> Bundle | Lock:
    return installed_bundle(series, architecture) or load_lock(
        series, architecture, store.directory
    )


def export(runtime: Runtime, file: Path, *, preset: int = PRESET) -> None:
    """Write the tree as a tar archive, the same bytes each time.

    Args:
        runtime: A complete one.
        file: Is made, or replaced once all is written; ``.tar.xz`` by its name is packed.
        preset: How hard to pack, 0 to 9.

    Raises:
        RuntimeFailed: The file cannot be written.
    """
    packed = file.name.endswith(".xz")
    try:
        with (
            replacing(file) as partial,
            lzma.open(partial, "wb", preset=preset) if packed else partial.open("wb") as out,
            tarfile.open(fileobj=out, mode="w") as archive,
        ):
            for place in sorted(runtime.root.rglob("*")):
                name = place.relative_to(runtime.root).as_posix()
                member = archive.gettarinfo(place, name)
                member.uid = member.gid = member.mtime = 0
                member.uname = member.gname = ""
                if member.isreg():
                    with place.open("rb") as source:
                        archive.addfile(member, source)
                else:
                    archive.addfile(member)
    except OSError as error:
        raise RuntimeFailed(f"{file} cannot be written: {error.strerror or error}") from error


def _from_bundle(bundle: Bundle, scratch: Path, progress: Progress) -> None:
    with progress.step(
        f"Unpacking HTCondor {bundle.version} of condor-mini-runtime",
        done=f"Unpacked HTCondor {bundle.version} of condor-mini-runtime",
    ):
        with bundle.archive.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        if digest != bundle.sha256:
            raise RuntimeFailed(
                f"{bundle.archive} is damaged: its SHA-256 is\n{digest}, and not\n{bundle.sha256}",
                hint="Install it anew: pip install --force-reinstall condor-mini-runtime",
            )
        _check_room(scratch, bundle.archive.stat().st_size * UNPACKED)
        unpack_tar(bundle.archive.name, bundle.archive, scratch / "root")
        write_manifest(scratch, {"version": bundle.version, "packages": list(bundle.packages)})


def _from_packages(lock: Lock, scratch: Path, progress: Progress) -> None:
    _check_room(scratch, lock.size_bytes * UNPACKED)
    megabytes = lock.size_bytes / 1e6
    with progress.step(
        f"Making the runtime of HTCondor {lock.version}: {len(lock.packages)} packages, "
        f"{megabytes:.0f} MB",
        done=f"Made the runtime of HTCondor {lock.version} of {len(lock.packages)} packages, "
        f"{megabytes:.0f} MB",
    ) as detail:
        tree = Tree(scratch / "root")
        links = recipe().links
        merged = {path: to for path, to in links.items() if "/" not in path}
        with as_file(files("condor_mini.runtime").joinpath("skeleton")) as skeleton:
            tree.add((), merged, skeleton)
            _unpack_all(lock, tree, detail)
            others = {path: to for path, to in links.items() if path not in merged}
            tree.add(recipe().directories, others, skeleton)
        packages = [f"{package.name} {package.version}" for package in lock.packages]
        write_manifest(scratch, {"version": lock.version, "packages": packages})


def _unpack_all(lock: Lock, tree: Tree, detail: Callable[[str], None]) -> None:
    """Unpack each package as soon as it is there, while others are on their way."""
    from condor_mini.runtime.fetch import Fetcher, mirrors  # its HTTP takes a start's time

    fetcher = Fetcher(mirrors(lock.mirrors))
    refresh = refresh_command(lock.series, lock.architecture)
    executor = ThreadPoolExecutor(DOWNLOADS)
    done = 0
    try:
        with held_back():  # signals are for the main thread
            futures = [
                executor.submit(fetcher.package, package, refresh=refresh)
                for package in lock.packages
            ]
        for package, future in zip(lock.packages, futures, strict=True):
            with contents(package.name, future.result()) as archive:
                tree.unpack(package.name, archive, recipe().keeps)
            done += package.size
            detail(f"{done / 1e6:.0f} of {lock.size_bytes / 1e6:.0f} MB: {package.name}")
    finally:
        fetcher.stop()
        with held_back():
            executor.shutdown(wait=True, cancel_futures=True)


def _check_room(directory: Path, needed: int) -> None:
    if shutil.disk_usage(directory).free < needed:
        raise OSError(
            errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed / 1e6:.0f} MB are needed)"
        )
