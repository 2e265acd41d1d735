"""The image with which faults are made beside a node: Debian with nft, tc and nsenter."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini.base.series import catalogue
from condor_mini.engine import BuildSpec, ImageBuilder, require_builder
from condor_mini.engine.several import engine_at
from condor_mini.images import builder
from condor_mini.images.debian import debian_base
from condor_mini.images.distribution import send_missing

if TYPE_CHECKING:
    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine


def reference() -> str:
    """Return the name of the image."""
    return f"condor-mini-fault-tools:{catalogue().debian}"


def ensure(engine: Engine, host: str, progress: Progress) -> str:
    """Build the image on a host of an engine, unless it is up to date, and return its name.

    Another host than the first gets the first one's image, if it has the same kind of engine.

    Args:
        engine: Engine of one host or of several.
        host: The host; empty for the first.
        progress: Receives a phase for what is done.

    Raises:
        ImageBuildFailed: The build failed, or there is no base image; says what is needed.
        EngineCapabilityError: The engine builds no images, or the host's machine is of another
            architecture than the first one's.
    """
    task = "make such a fault"
    there = require_builder(engine_at(engine, host), task)
    if host and isinstance(engine, ImageBuilder) and there.name == engine.name:
        _build(engine, progress)
        send_missing(engine, {host: [reference()]}, progress)
    else:
        _build(there, progress)
    return reference()


def _build(engine: ImageBuilder, progress: Progress) -> None:
    name, existing = reference(), engine.image(reference())
    with as_file(files("condor_mini").joinpath("images/fault-tools")) as folder:
        # The base does not count: where the image was loaded from a file, it need not be there.
        digest = builder.digest_of(folder, {}, "")
        if existing and existing.labels.get(builder.DIGEST_LABEL) == digest:
            return
        spec = BuildSpec(
            context=folder,
            tags=(name,),
            build_args={"BASE": debian_base(engine, progress)},
            labels={builder.DIGEST_LABEL: digest},
        )
        with progress.step(f"Building {name}") as detail:
            builder.run_build(engine, spec, detail)
