"""Nodes that run an image of the user's own. The image stays unchanged.

The container sees HTCondor at one path, read-only, with its own loader and libraries
(``runtime/relocate.py``). A few files are copied into the container, never into the image: the
scripts and the configuration that our own images have, and the accounts.
"""

from __future__ import annotations

import tarfile
from contextlib import suppress
from dataclasses import replace
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    NotFound,
)
from condor_mini.base.layout import CONFIG_DIRECTORY, LIBEXEC, PREFIX, START_SCRIPTS
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount, require_builder
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


def container_of(spec: ContainerSpec, image: str, *, role: str) -> ContainerSpec:
    """Return the container of a node with another image, whose own settings are overridden.

    Args:
        spec: Container of the node with our own image.
        image: Any image.
        role: Name of the node's role: ``execute``, ``submit`` or ``mini``.
    """
    ours = {"CONDOR_MINI_ROLE": role, "CONDOR_CONFIG": "/etc/condor/condor_config"}
    return replace(
        spec,
        image=image,
        entrypoint=f"{PREFIX}/usr/bin/tini",
        command=("--", f"{START_SCRIPTS}/prepare-image", f"{LIBEXEC}/entrypoint"),
        user=spec.user if spec.as_caller else "0:0",
        workdir="/",
        # The image's check tests what does not run here; `status` asks HTCondor.
        healthcheck=False,
        environment={**spec.environment, **ours},
        labels={**spec.labels, OWN_IMAGE: image},
    )


def equipped(
    engine: Engine, nodes: Sequence[PlannedNode], series: Series, progress: Progress
) -> list[PlannedNode]:
    """Return the nodes, where those with an image of the user's own get HTCondor mounted.

    Images that the engine lacks are pulled, and the HTCondor runtime is made if it is absent.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes of one pool.
        series: Series of HTCondor.
        progress: Receives the phases.

    Raises:
        NotFound: The engine has no such image, and it could not be pulled.
        EngineCapabilityError: An image is for another architecture.
        RuntimeFailed: The HTCondor runtime could not be made.
    """
    own = {node.container.image for node in nodes if node.has_own_image}
    if not own:
        return list(nodes)
    info = engine.info()
    architecture = _debian_name(info.architecture)
    images = {image: _have(engine, image, architecture, progress) for image in sorted(own)}
    mount: BindMount | VolumeMount
    if info.same_host:
        mount = beside(engine, series, progress, architecture=architecture)
    else:
        mount = VolumeMount(volume=_volume(nodes[0].pool), target=PREFIX, read_only=True)
    return [
        _with_preload_for_jobs(_with_mount(node, mount), images[node.container.image])
        if node.has_own_image
        else node
        for node in nodes
    ]


def _with_mount(node: PlannedNode, mount: BindMount | VolumeMount) -> PlannedNode:
    return replace(node, container=replace(node.container, mounts=(*node.container.mounts, mount)))


def _with_preload_for_jobs(node: PlannedNode, image: ImageInfo) -> PlannedNode:
    """Return the node with its ``LD_PRELOAD`` applied to jobs only, not to HTCondor.

    No other setting of an image can change which libraries HTCondor loads: the runtime's programs
    name their libraries themselves.
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
    """Return the mount that puts HTCondor beside an image; the runtime is made if it is absent.

    The mount is read-only if the engine can make it so; no container writes to it in any case.

    Args:
        engine: Engine that is to mount it.
        series: Series of HTCondor.
        progress: Receives the phases.
        architecture: Debian's name of the architecture. None for this machine's.

    Raises:
        RuntimeFailed: The HTCondor runtime could not be made.
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
    """Copy HTCondor to a volume of the pool's own, for an engine on another machine.

    This does nothing if no node mounts such a volume, or if the volume is full already.

    Args:
        engine: Engine that the pool is on.
        nodes: Nodes of one pool, as ``equipped`` returned them.
        series: Series of HTCondor.
        labels: Labels of all that the engine holds for the pool.
        progress: Receives the phases.
    """
    node = next((node for node in nodes if _wants_volume(node)), None)
    if node is None:
        return
    name = _volume(node.pool)
    # The container that fills the volume creates it, and is removed when it is full.
    is_there = any(volume.name == name for volume in engine.volumes({}))
    if is_there and engine.inspect(name) is None:
        return
    tree = _tree(series, _debian_name(engine.info().architecture), progress)
    what = f"HTCondor to the volume {name}"
    with progress.step(f"Copying {what}", done=f"Copied {what}"), TemporaryFile() as archive:
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(tree, arcname=PREFIX.lstrip("/"), filter=_as_root)
        archive.seek(0)
        # An engine writes to a volume only through a container. This one is never started.
        filler = ContainerSpec(
            image=node.container.image,
            name=name,
            entrypoint=node.container.entrypoint,
            labels=labels,
            mounts=(VolumeMount(volume=name, target=PREFIX, labels=labels),),
        )
        with suppress(AlreadyInUse):  # a process that was killed has left it
            engine.create(filler)
        engine.copy_in(name, archive)
        engine.remove(name)


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
    """Return an image that the engine can run; pull it if it is absent."""
    if image == host_files.IMAGE:
        host_files.have(engine)
    found = engine.image(image)
    if found is None:
        try:
            with progress.step(f"Pulling {image}", done=f"Pulled {image}"):
                builder = require_builder(engine, f"fetch the image {image}")
                builder.pull(image, timeout_s=PULL_TIMEOUT_S)
        except CommandFailed as refusal:
            lines = refusal.stderr.strip().splitlines() or ["no answer in time"]
            raise NotFound(
                f"there is no image {image}, and it could not be pulled: {lines[-1]}",
                hint=f"List the images: {engine.name} images",
            ) from refusal
        found = engine.image(image)
    if found is None:
        raise NotFound(f"the engine pulled {image}, but does not have it")
    if found.architecture and found.architecture != architecture:
        raise EngineCapabilityError(
            f"the image {image} is for {found.architecture}, and the engine's machine is "
            f"{architecture}",
            hint=f"Pull or build the image for {architecture}: "
            f"{engine.name} pull --platform linux/{architecture} {image}",
        )
    return found
