"""Building a runtime: from an installed wheel if there is one, else from Debian's packages."""

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
"""Number of parallel downloads."""
PRESET = 6
"""Preset of xz. It takes half a minute; higher presets take longer and gain nothing."""
UNPACKED = 3
"""Upper limit for the size of unpacked packages, relative to the size of the packages."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """A complete runtime."""

    runtime: Runtime
    fresh: bool
    """Whether this call made it; false if it was found."""


def ensure(
    series: Series,
    progress: Progress,
    *,
    store: Store | None = None,
    architecture: str | None = None,
) -> Made:
    """Return the runtime of a series. It is made first if it is absent or damaged.

    Args:
        series: Series of HTCondor.
        progress: Receives the phases.
        store: Store of the runtimes. None for the user's cache directory.
        architecture: Debian's name of the architecture. None for this machine's.

    Raises:
        UsageError: There is no runtime for the architecture.
        RuntimeFailed: A mirror, a package or the disk failed; no partial runtime is left.
    """
    store = store or Store()
    architecture = architecture or machine_architecture()
    source = _source(series, store, architecture)
    path = store.path(series.number, architecture, source.digest)
    existing = store.get(path)
    if existing and not existing.problem:
        return Made(runtime=existing, fresh=False)
    with store.alone(progress):
        existing = store.get(path)  # another process may have made it while we waited
        if existing and not existing.problem:
            return Made(runtime=existing, fresh=False)
        if existing:
            progress.note(f"The runtime {path} is damaged: {existing.problem}. Making it again")
        with store.making(path) as scratch:
            if isinstance(source, Bundle):
                _from_bundle(source, scratch, progress)
            else:
                _from_packages(source, scratch, progress)
        made = store.get(path)
    if made is None or made.problem:
        raise RuntimeFailed(f"the new runtime {path} is damaged: {made and made.problem}")
    return Made(runtime=made, fresh=True)


def place(series: Series) -> Path:
    """Return the path of a series' runtime on this machine, whether or not it exists."""
    store, architecture = Store(), machine_architecture()
    return store.path(series.number, architecture, _source(series, store, architecture).digest)


def find(series: Series) -> Runtime | None:
    """Return the runtime of a series on this machine, complete or damaged; None if absent."""
    return Store().get(place(series))


def usable(series: Series) -> Runtime | None:
    """Return a complete runtime of a series, also one that another condor-mini has made.

    It is the one that ``ensure`` returns if that is there, else the one that was made last; None if
    there is none.
    """
    found = find(series)
    if found and not found.problem:
        return found
    architecture = machine_architecture()
    ours = [
        other
        for other in Store().all()
        if (other.series, other.architecture) == (series.number, architecture) and not other.problem
    ]
    return max(ours, key=lambda other: other.path.stat().st_mtime, default=None)


def _source(series: Series, store: Store, architecture: str) -> Bundle | Lock:
    return installed_bundle(series, architecture) or load_lock(
        series, architecture, store.directory
    )


def export(runtime: Runtime, file: Path, *, preset: int = PRESET) -> None:
    """Write the tree of a runtime as a tar archive. The bytes are the same each time.

    Args:
        runtime: A complete runtime.
        file: File to create, or to replace when all is written. It is compressed if its name ends
            with ``.xz``.
        preset: Compression preset of xz, 0 to 9.

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
        f"Unpacking HTCondor {bundle.version} from condor-mini-runtime",
        done=f"Unpacked HTCondor {bundle.version} from condor-mini-runtime",
    ):
        with bundle.archive.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        if digest != bundle.sha256:
            raise RuntimeFailed(
                f"{bundle.archive} is damaged: its SHA-256 is\n{digest}, not\n{bundle.sha256}",
                hint="Install it again: pip install --force-reinstall condor-mini-runtime",
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
        done=f"Made the runtime of HTCondor {lock.version} from {len(lock.packages)} packages, "
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
        tree.remove_scripts_without_interpreter()
        packages = [f"{package.name} {package.version}" for package in lock.packages]
        write_manifest(scratch, {"version": lock.version, "packages": packages})


def _unpack_all(lock: Lock, tree: Tree, detail: Callable[[str], None]) -> None:
    """Unpack the packages in order, each when it has arrived, while others are downloaded."""
    from condor_mini.runtime.fetch import Fetcher, mirrors  # importing its HTTP client is slow

    fetcher = Fetcher(mirrors(lock.mirrors))
    refresh = refresh_command(lock.series, lock.architecture)
    executor = ThreadPoolExecutor(DOWNLOADS)
    done = 0
    try:
        with held_back():  # only the main thread may receive signals
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
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed / 1e6:.0f} MB needed)")
