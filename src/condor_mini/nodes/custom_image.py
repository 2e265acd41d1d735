"""Execution points of an image of the user's own, which stays as it is.

HTCondor is seen in it at one path, read-only, with its own loader and libraries
(``runtime/relocate.py``). A few files are put into the container, never into the image: the
scripts and the configuration that our own images have, and the accounts.
"""

from __future__ import annotations

import tarfile
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound
from condor_mini.base.layout import CONFIG_DIRECTORY, LIBEXEC, PREFIX, START_SCRIPTS
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount
from condor_mini.nodes import condor_config, host_files
from condor_mini.nodes.node import OWN_IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, ImageInfo
    from condor_mini.nodes.planned_node import PlannedNode

PULL_TIMEOUT_S = 900.0
_CONFIG = CONFIG_DIRECTORY.lstrip("/")
_PRELOAD = f"{_CONFIG}/36-preload"


def container_of(spec: ContainerSpec, image: str, *, role: str = "execute") -> ContainerSpec:
    """The container of a node, with another image, and what it takes to ignore it.

    Args:
        spec: As it is with our own.
        image: Any.
        role: What the node is.
    """
    ours = {"CONDOR_MINI_ROLE": role, "CONDOR_CONFIG": "/etc/condor/condor_config"}
    return replace(
        spec,
        image=image,
        entrypoint=f"{PREFIX}/usr/bin/tini",
        command=("--", f"{START_SCRIPTS}/prepare-image", f"{LIBEXEC}/entrypoint"),
        user=spec.user if spec.as_caller else "0:0",
        workdir="/",
        # What it checks is not there; `status` asks HTCondor.
        healthcheck=False,
        environment={**spec.environment, **ours},
        labels={**spec.labels, OWN_IMAGE: image},
    )


def equipped(
    engine: Engine, nodes: Sequence[PlannedNode], series: Series, progress: Progress
) -> list[PlannedNode]:
    """The same nodes; those of the user's images are there, with HTCondor beside them.

    Args:
        engine: Where.
        nodes: Of one pool.
        series: Of HTCondor.
        progress: Told of what takes time.

    Raises:
        NotFound: The engine has no such image, and no registry gives it.
        EngineCapabilityError: An image is of another architecture.
        RuntimeFailed: HTCondor could not be had.
    """
    own = {node.container.image for node in nodes if node.has_own_image}
    if not own:
        return list(nodes)
    info = engine.info()
    architecture = _debian_name(info.architecture)
    there = {image: _have(engine, image, architecture, progress) for image in sorted(own)}
    mount: BindMount | VolumeMount
    if info.same_host:
        mount = beside(engine, series, progress, architecture=architecture)
    else:
        mount = VolumeMount(volume=_volume(nodes[0].pool), target=PREFIX, read_only=True)
    return [
        _with_preload_for_jobs(_with_mount(node, mount), there[node.container.image])
        if node.has_own_image
        else node
        for node in nodes
    ]


def _with_mount(node: PlannedNode, mount: BindMount | VolumeMount) -> PlannedNode:
    return replace(node, container=replace(node.container, mounts=(*node.container.mounts, mount)))


def _with_preload_for_jobs(node: PlannedNode, image: ImageInfo) -> PlannedNode:
    """The same node, where what is to be loaded before all else comes into jobs, not into HTCondor.

    Nothing else that an image sets can: the runtime's programs name their libraries themselves.
    """
    wanted = {**image.environment, **node.container.environment}.get("LD_PRELOAD")
    if not wanted:
        return node
    environment = {**node.container.environment, "LD_PRELOAD": ""}
    return replace(
        node,
        container=replace(node.container, environment=environment),
        files={_PRELOAD: condor_config.preload_config(wanted), **node.files},
    )


def beside(
    engine: Engine, series: Series, progress: Progress, *, architecture: str | None = None
) -> BindMount:
    """HTCondor as it is put beside an image; made first if it is not there.

    Args:
        engine: Where; its containers do not write to it, and cannot where the engine sees to that.
        series: Of HTCondor.
        progress: Told of what takes time.
        architecture: Debian's name; this machine's by default.
    """
    from condor_mini.runtime.lock import machine_architecture

    tree = _tree(series, architecture or machine_architecture(), progress)
    return BindMount(source=tree, target=PREFIX, read_only=engine.info().read_only_mounts)


def fill_volume(
    engine: Engine,
    nodes: Sequence[PlannedNode],
    series: Series,
    labels: Mapping[str, str],
    progress: Progress,
) -> None:
    """Where the engine is on another machine: a volume of the pool's own, with HTCondor in it.

    Args:
        engine: Where.
        nodes: Of one pool, equipped. Nothing is done if none of them has such a volume, or if that
            one is there already.
        series: Of HTCondor.
        labels: Of all that the engine holds for the pool.
        progress: Told of what takes time.
    """
    node = next((node for node in nodes if _wants_volume(node)), None)
    if node is None:
        return
    name = _volume(node.pool)
    if any(volume.name == name for volume in engine.volumes({})):
        return
    tree = _tree(series, _debian_name(engine.info().architecture), progress)
    what = f"HTCondor to the volume {name}"
    with progress.step(f"Copying {what}", done=f"Copied {what}"), TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(tree, arcname=PREFIX.lstrip("/"), filter=_as_root)
        archive.seek(0)
        engine.create_volume(name, labels=labels)
        # A volume is written to through a container. It is never started.
        container = engine.create(
            ContainerSpec(
                image=node.container.image,
                name=name,
                entrypoint=node.container.entrypoint,
                labels=labels,
                mounts=(VolumeMount(volume=name, target=PREFIX),),
            )
        )
        engine.copy_in(container, archive)
        engine.remove(container)


def _volume(pool: str) -> str:
    return f"{pool}-condor-mini-runtime"


def _wants_volume(node: PlannedNode) -> bool:
    name = _volume(node.pool)
    mounts = node.container.mounts
    return any(isinstance(mount, VolumeMount) and mount.volume == name for mount in mounts)


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _tree(series: Series, architecture: str, progress: Progress) -> Path:
    from condor_mini.runtime.build import ensure
    from condor_mini.runtime.lock import machine_architecture
    from condor_mini.runtime.relocate import relocated

    runtime = ensure(series, progress, architecture=architecture).runtime
    here = machine_architecture()
    tools = None if here == architecture else ensure(series, progress).runtime
    return relocated(runtime, PREFIX, progress, tools=tools)


def _debian_name(architecture: str) -> str:
    from condor_mini.runtime.recipe import ARCHITECTURES

    return ARCHITECTURES.get(architecture, architecture)


def _have(engine: Engine, image: str, architecture: str, progress: Progress) -> ImageInfo:
    """An image that the engine can run; it is pulled where it is absent."""
    if image == host_files.IMAGE:
        host_files.have(engine)
    found = engine.image(image)
    if found is None:
        try:
            with progress.step(f"Pulling {image}", done=f"Pulled {image}"):
                engine.pull(image, timeout_s=PULL_TIMEOUT_S)
        except CommandFailed as refusal:
            words = refusal.stderr.strip().splitlines() or ["no answer in time"]
            raise NotFound(
                f"there is no image {image}, and it could not be pulled: {words[-1]}",
                hint=f"See what there is: {engine.name} images",
            ) from refusal
        found = engine.image(image)
    if found is None:
        raise NotFound(f"there is no image {image}, although it was pulled")
    if found.architecture and found.architecture != architecture:
        raise EngineCapabilityError(
            f"the image {image} is for {found.architecture}, and the engine's machine is "
            f"{architecture}",
            hint="Pull or build it for that one: "
            f"{engine.name} pull --platform linux/{architecture} {image}",
        )
    return found
