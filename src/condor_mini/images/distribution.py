"""Sending images to the engines of other hosts, where they are missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.parallel import each
from condor_mini.base.scratch import ScratchDirectory
from condor_mini.base.words import counted
from condor_mini.engine import ImageBuilder
from condor_mini.engine.several import SeveralHosts
from condor_mini.images.builder import DIGEST_LABEL

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine, ImageInfo

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""What Docker's `info` calls architectures, and what images call them."""


def send_missing(engine: Engine, wanted: Mapping[str, Collection[str]], progress: Progress) -> None:
    """Send images of the first host to the other hosts that do not have the same ones.

    Images that the first host does not have are left to the other host. A host with another kind of
    engine gets none, and makes its own.

    Args:
        engine: Engine of several hosts; with any other this does nothing.
        wanted: References of images, by host.
        progress: Receives a phase for each host.

    Raises:
        EngineCapabilityError: A host's machine is of another architecture than an image.
        CommandFailed: An image could not be sent.
    """
    if not isinstance(engine, SeveralHosts) or not isinstance(engine, ImageBuilder):
        return
    for host, references in wanted.items():
        there = engine.at(host)
        if not host or not isinstance(there, ImageBuilder) or there.name != engine.name:
            continue
        ours = {name: image for name in references if (image := engine.image(name))}
        found = dict(zip(ours, each(there.image, ours), strict=True))
        missing = sorted(name for name, image in ours.items() if not _is_same(image, found[name]))
        if missing:
            _check_architecture(there, host, ours[missing[0]])
            what = f"{counted(len(missing), 'image')} to {host}"
            with (
                progress.step(f"Sending {what}", done=f"Sent {what}"),
                ScratchDirectory() as folder,
            ):
                tarball = Path(folder, "images.tar")
                engine.save_images(missing, tarball)
                there.load_images(tarball)


def _is_same(ours: ImageInfo, theirs: ImageInfo | None) -> bool:
    # With another kind of store Docker gives the same image another id.
    digest = ours.labels.get(DIGEST_LABEL)
    return theirs is not None and (
        theirs.id == ours.id or (bool(digest) and theirs.labels.get(DIGEST_LABEL) == digest)
    )


def _check_architecture(engine: Engine, host: str, image: ImageInfo) -> None:
    machine = engine.info().architecture
    theirs = _ARCHITECTURES.get(machine, machine)
    if image.architecture and theirs != image.architecture:
        raise EngineCapabilityError(
            f"the host {host} is {theirs}, and the images here are for {image.architecture}",
            hint=f"Create nodes there with condor-mini on {host}, which builds its own images: "
            "condor-mini join",
        )
