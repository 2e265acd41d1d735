"""The runtime as a Python package, ``condor-mini-runtime``: writing its wheel and finding it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import zipfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from condor_mini._version import __version__
from condor_mini.base.errors import RuntimeFailed
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.runtime.recipe import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.base.series import Series
    from condor_mini.runtime.store import Runtime

PACKAGE = "condor_mini_runtime"
_LIBCS = ("manylinux_2_17", "musllinux_1_1")
"""The wheel fits every libc, because the host's is never used.

See docs/decisions/0009-a-runtime-of-debians-packages.md.
"""
_DESCRIPTION = "runtime.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A packed runtime in an installed Python package."""

    version: str
    digest: str
    """Digest of what the runtime was made from."""
    archive: Path
    sha256: str
    packages: tuple[str, ...]


def installed_bundle(series: Series, architecture: str) -> Bundle | None:
    """Return the runtime in the installed package; None if there is none for this series.

    Args:
        series: Series of HTCondor.
        architecture: Debian's name of the architecture.

    Raises:
        RuntimeFailed: The package is installed but damaged.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(next(iter(found.submodule_search_locations)))
    try:
        described: dict[str, Any] = json.loads((folder / _DESCRIPTION).read_bytes())
        if (described["series"], described["architecture"]) != (series.number, architecture):
            return None
        bundle = Bundle(
            version=described["version"],
            digest=described["digest"],
            archive=folder / described["archive"],
            sha256=described["sha256"],
            packages=tuple(described["packages"]),
        )
        bundle.archive.stat()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RuntimeFailed(
            f"the installed package {PACKAGE} in {folder} is damaged: {error}",
            hint="Install it again: pip install --force-reinstall condor-mini-runtime",
        ) from error
    return bundle


def write_wheel(runtime: Runtime, directory: Path, export: Callable[[Runtime, Path], None]) -> Path:
    """Write a wheel that contains the runtime, and return its path.

    Args:
        runtime: A complete runtime.
        directory: Directory to write to. It is created if it does not exist.
        export: Function that writes a runtime's tree as a compressed archive.

    Raises:
        RuntimeFailed: The wheel cannot be written.
    """
    version = (runtime.version or "").partition("+")[0].partition("-")[0]
    machine = next(name for name, debian in ARCHITECTURES.items() if debian == runtime.architecture)
    platforms = [f"{libc}_{machine}" for libc in _LIBCS]
    wheel = directory / f"{PACKAGE}-{version}-py3-none-{'.'.join(platforms)}.whl"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with ScratchDirectory(directory=directory, prefix=".condor-mini-") as scratch:
            packed = Path(scratch) / f"{runtime.path.name}.tar.xz"
            export(runtime, packed)
            partial = Path(scratch) / wheel.name
            _write(partial, runtime, packed, version, platforms)
            partial.replace(wheel)
    except OSError as error:
        raise RuntimeFailed(f"{wheel} cannot be written: {error.strerror or error}") from error
    return wheel


def _write(wheel: Path, runtime: Runtime, packed: Path, version: str, platforms: list[str]) -> None:
    templates = files("condor_mini.runtime").joinpath("wheel")
    names = {
        "version": version,
        "htcondor": runtime.version or "",
        "generator": f"condor-mini {__version__}",
        "tags": "\n".join(f"Tag: py3-none-{platform}" for platform in platforms),
        "packages": "\n".join(f"- {package}" for package in runtime.packages),
    }
    archive = packed.read_bytes()
    description = {
        "series": runtime.series,
        "architecture": runtime.architecture,
        "version": runtime.version,
        "digest": runtime.digest,
        "archive": packed.name,
        "sha256": hashlib.sha256(archive).hexdigest(),
        "packages": list(runtime.packages),
    }
    info = f"{PACKAGE}-{version}.dist-info"
    inside = {
        f"{PACKAGE}/__init__.py": templates.joinpath("init").read_bytes(),
        f"{PACKAGE}/{_DESCRIPTION}": json.dumps(description, indent=2).encode(),
        f"{PACKAGE}/{packed.name}": archive,
    }
    for file in ("METADATA", "WHEEL"):
        text = Template(templates.joinpath(file).read_text("utf-8")).substitute(names)
        inside[f"{info}/{file}"] = text.encode()
    record = f"{info}/RECORD"
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in inside.items()]
    inside[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    with zipfile.ZipFile(wheel, "w") as out:
        for name, data in inside.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o100644 << 16
            packs = not name.endswith(".xz")
            entry.compress_type = zipfile.ZIP_DEFLATED if packs else zipfile.ZIP_STORED
            out.writestr(entry, data)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
