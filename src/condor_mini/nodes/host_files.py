"""The host's own files as an image: what jobs find there, they find on the host.

Only an engine that composes images can show them: its containers are on the host as it is.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.layout import LIBEXEC, PREFIX
from condor_mini.base.tar_writer import TarWriter
from condor_mini.engine import BindMount, ImageComposer, ImageTree
from condor_mini.images.builder import DIGEST_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.engine import Engine

IMAGE = "host-files"
"""The name that stands for the host in place of an image's."""
READ_ONLY, READ_WRITE = "ro", "rw"
_TOP = ("bin", "lib", "lib32", "lib64", "opt", "sbin")
# Of the host's settings what its programs and libraries need, and nothing secret.
_SETTINGS = (
    *("alternatives", "ca-certificates", "crypto-policies", "fonts", "java*", "ld.so.c*"),
    *("localtime", "openmpi", "pki/ca-trust", "pki/tls/cert*", "python3*", "ssl/certs"),
    "ssl/openssl.cnf",
)
_EMPTY = {
    **dict.fromkeys(("condor_state", "tmp", "var/tmp", "run/condor", "run/condor-mini"), 0o1777),
    **dict.fromkeys(("etc", "home", "mnt", "root", "run", "usr", "var"), 0o755),
}


def have(engine: Engine) -> str:
    """See to it that the engine has the host's files as an image; its name.

    Raises:
        EngineCapabilityError: The engine is one of images.
    """
    if not isinstance(engine, ImageComposer):
        raise EngineCapabilityError(
            f"{engine.name} shows its containers no more of the host than directories that are "
            "mounted",
            hint="Use --engine embedded; or name directories: `volumes` in the pool file.",
        )
    seen = dict(_shown())
    links = {
        place.lstrip("/"): str(path.readlink()) for place, path in seen.items() if path.is_symlink()
    }
    shared = {place: path for place, path in seen.items() if not path.is_symlink()}
    digest = hashlib.sha256(repr((sorted(shared), links, _EMPTY)).encode()).hexdigest()
    there = engine.image(IMAGE)
    if there is None or there.labels.get(DIGEST_LABEL) != digest:
        tree = ImageTree(archive=_archive(links), shared=shared)
        engine.compose(IMAGE, tree, labels={DIGEST_LABEL: digest})
    return IMAGE


def home(mode: str) -> BindMount:
    """The caller's home, where it is on the host.

    Args:
        mode: ``ro`` or ``rw``.
    """
    path = Path.home().resolve()
    return BindMount(source=path, target=str(path), read_only=mode == READ_ONLY)


def _shown() -> Iterator[tuple[str, Path]]:
    """Each directory, file and link of the host's that is shown, by its path."""
    # Ours are put beside what the host has there, and nothing can be made below what is shown.
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
            yield str(path), path.resolve()


def _archive(links: dict[str, str]) -> bytes:
    tar = TarWriter()
    for path, mode in sorted(_EMPTY.items()):
        tar.directory(path, mode)
    for path, to in links.items():
        tar.link(path, to)
    return tar.finish()
