"""The host's own files as an image: jobs find the programs and libraries of the host.

Only an engine that composes images can do this: its containers share the host's file system.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.layout import LIBEXEC, PREFIX
from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import BindMount, ImageComposer, ImageTree
from condor_mini.images.builder import DIGEST_LABEL
from condor_mini.nodes.certificates import DEFAULT_BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from condor_mini.engine import Engine

IMAGE = "host-files"
"""The image name that stands for the host's files."""
READ_ONLY, READ_WRITE = "ro", "rw"
_TOP = ("bin", "lib", "lib32", "lib64", "opt", "sbin")
# The settings in /etc that the host's programs and libraries need; none of them is secret.
_SETTINGS = (
    *("alternatives", "apptainer", "ca-certificates", "crypto-policies", "fonts", "java*"),
    *("ld.so.c*", "localtime", "openmpi", "pki/ca-trust", "pki/tls/cert*", "python3*"),
    *("singularity", "ssl/certs", "ssl/openssl.cnf"),
)
_MOUNT_POINTS = ("apptainer", "singularity", "lib/apptainer", "lib/singularity")
"""Apptainer's own directory below ``/var``, and those of Singularity, as they are packaged."""
_EMPTY = {
    **dict.fromkeys(("condor_state", "tmp", "var/tmp", "run/condor", "run/condor-mini"), 0o1777),
    **dict.fromkeys(("etc", "home", "mnt", "root", "run", "usr", "var"), 0o755),
}


def have(engine: Engine) -> str:
    """Make the host's files an image of the engine unless they are one, and return its name.

    Raises:
        EngineCapabilityError: The engine's containers cannot see the host's files.
    """
    composer = check(engine)
    seen = dict(_shown())
    links = {
        place.lstrip("/"): str(path.readlink()) for place, path in seen.items() if path.is_symlink()
    }
    shared = {place: path for place, path in seen.items() if not path.is_symlink()}
    empty = {**_EMPTY, **mount_points(Path("/var"))}
    digest = hashlib.sha256(repr((sorted(shared), links, empty)).encode()).hexdigest()
    existing = composer.image(IMAGE)
    if existing is None or existing.labels.get(DIGEST_LABEL) != digest:
        tree = ImageTree(archive=_archive(links, empty), shared=shared)
        composer.compose(IMAGE, tree, labels={DIGEST_LABEL: digest})
    return IMAGE


def check(engine: Engine) -> ImageComposer:
    """Return the engine if its containers can see the host's files.

    Raises:
        EngineCapabilityError: They cannot.
    """
    if isinstance(engine, ImageComposer):
        return engine
    raise EngineCapabilityError(
        f"{engine.name} cannot show the host's files to its containers, except directories that "
        "are mounted",
        hint="Use --engine embedded. Or mount directories: `volumes` in the pool file.",
    )


def home(mode: str) -> BindMount:
    """Return the mount of the caller's home, at the path that it has on the host.

    Args:
        mode: ``ro`` for read-only, ``rw`` for writable.
    """
    path = Path.home().resolve()
    return BindMount(source=path, target=str(path), read_only=mode == READ_ONLY)


def _shown() -> Iterator[tuple[str, Path]]:
    """Yield the path in the image, and on the host, of each directory, file and link to show."""
    # Our directories are mounted beside the host's. No mount point can be created below a directory
    # of the host, so those that contain ours are shown entry by entry.
    ours = {*Path(PREFIX).parents, *Path(LIBEXEC).parents, Path(PREFIX), Path(LIBEXEC)}

    def beside(folder: Path) -> Iterator[tuple[str, Path]]:
        for path in sorted(folder.iterdir()):
            if path in (Path(PREFIX), Path(LIBEXEC)):
                continue
            if path in ours:
                yield from beside(path)
            else:
                yield str(path), path

    yield from beside(Path("/usr"))
    for name in _TOP:
        path = Path("/", name)
        if path.is_dir():
            yield str(path), path
    for pattern in _SETTINGS:
        for path in sorted(Path("/etc").glob(pattern)):
            # Where the host keeps the bundle elsewhere, the container gets a file of its own.
            if path != Path(DEFAULT_BUNDLE).parent or Path(DEFAULT_BUNDLE).exists():
                yield str(path), path.resolve()


def mount_points(var: Path) -> dict[str, int]:
    """Return the directories that the host's Apptainer mounts images on, and their modes.

    Apptainer does not make them itself. An image has them empty.

    Args:
        var: The host's ``/var``.
    """
    found = (PurePosixPath(name, "mnt/session") for name in _MOUNT_POINTS)
    inside = (path for one in found if (var / one).is_dir() for path in (one, *one.parents))
    return {f"var/{path}": 0o755 for path in inside if path.name}


def _archive(links: dict[str, str], empty: Mapping[str, int]) -> bytes:
    tar = TarWriter()
    for path, mode in sorted(empty.items()):
        tar.directory(path, mode)
    for path, to in links.items():
        tar.link(path, to)
    return tar.finish()
