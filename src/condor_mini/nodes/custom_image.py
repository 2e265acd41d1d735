"""Execution points of an image of the user's own, which stays as it is.

HTCondor is seen in it at one path, read-only, with its own loader and libraries
(``runtime/relocate.py``). A few files are put into the container, never into the image: the
scripts and the configuration that our own images have, and the accounts.
"""

from __future__ import annotations

import re
import tarfile
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.resources import files
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound
from condor_mini.base.layout import CONFIG_DIRECTORY, HOME, LIBEXEC, PREFIX, USER, USER_ID
from condor_mini.engine import BindMount, ContainerSpec, VolumeMount, require_builder
from condor_mini.nodes import condor_config, host_files
from condor_mini.nodes.node import OWN_IMAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from importlib.resources.abc import Traversable
    from pathlib import Path

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, ImageInfo
    from condor_mini.nodes.planned_node import PlannedNode

PULL_TIMEOUT_S = 900.0
SYSTEM_IDS = range(999, 99, -1)
_NSSWITCH = b"passwd: files\ngroup: files\nhosts: files dns\n"
"""For an image that has none: glibc asks name servers first then, even for the node's own name."""
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
        command=("--", f"{LIBEXEC}/prepare-image", f"{LIBEXEC}/entrypoint"),
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
                builder = require_builder(engine, f"fetch the image {image}")
                builder.pull(image, timeout_s=PULL_TIMEOUT_S)
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


def contents(engine: Engine, container: str, *, role: str = "execute") -> dict[str, bytes]:
    """What is put into a container of the user's image before its start, by path.

    Paths have no leading slash. Secrets and what is of this pool come in addition.

    Args:
        engine: Where it is.
        container: One that was created.
        role: What the node is.
    """
    passwd, group = with_accounts(
        _text(engine, container, "/etc/passwd"), _text(engine, container, "/etc/group")
    )
    found = {"etc/passwd": _bytes(passwd), "etc/group": _bytes(group)}
    if not _text(engine, container, "/etc/nsswitch.conf"):
        found["etc/nsswitch.conf"] = _NSSWITCH
    return {**found, **_shipped(role)}


def _shipped(role: str) -> dict[str, bytes]:
    """Our own images' scripts and configuration, for another shell and another place."""
    folder = files("condor_mini").joinpath("images")
    own = folder.joinpath("own-image")
    configuration = [
        *folder.joinpath("condor-base/config.d").iterdir(),
        folder.joinpath(f"condor-{role}/20-role-{role}"),
        own.joinpath("35-own-image"),
    ]
    shipped = {f"{_CONFIG}/{file.name}": file.read_bytes() for file in configuration}
    shipped["etc/condor/condor_config"] = own.joinpath("condor_config").read_bytes()
    for source in (folder.joinpath("condor-base/libexec"), own.joinpath("libexec")):
        for path, data in _below(source):
            shipped[f"{LIBEXEC.lstrip('/')}/{path}"] = _with_our_shell(data)
    return shipped


def _below(folder: Traversable, at: str = "") -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{at}{entry.name}/")
        else:
            yield f"{at}{entry.name}", entry.read_bytes()


def _with_our_shell(script: bytes) -> bytes:
    return re.sub(rb"\A#!/bin/sh$", f"#!{LIBEXEC}/sh".encode(), script, flags=re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class _Account:
    name: str
    id: int | None
    """UID and GID; None for any of the system's that are free."""
    home: str
    login: str


_BASH, _NOBODY = f"{PREFIX}/usr/bin/bash", "/sbin/nologin"
_ACCOUNTS = (
    _Account(name="root", id=0, home="/root", login=_BASH),
    _Account(name="condor", id=None, home="/var/lib/condor", login=_NOBODY),
    _Account(name=USER, id=USER_ID, home=HOME, login=_BASH),
    _Account(name="submituser", id=USER_ID + 1, home="/home/submituser", login=_BASH),
)


def with_accounts(passwd: str, group: str) -> tuple[str, str]:
    """An image's account files with those that every node has: same names, same numbers.

    Whoever else has such a number keeps it and his name, but the number's name is ours: of several
    lines with one number the first counts. Ours that the image has already only get our UID.

    Args:
        passwd: The image's ``/etc/passwd``; empty where it has none.
        group: The image's ``/etc/group``.
    """
    users, groups = _lines(passwd), _lines(group)
    taken = {number for line in (*users, *groups) for number in line[2:4] if number.isdigit()}
    first: list[list[str]] = []
    first_groups: list[list[str]] = []
    for account in _ACCOUNTS:
        number = account.id
        if number is None:
            number = next(free for free in SYSTEM_IDS if str(free) not in taken)
        there = next((line for line in users if line[0] == account.name and len(line) > 3), None)
        its_group = next((line for line in groups if line[0] == account.name), None)
        if there is not None:
            users.remove(there)
            uid = there[2] if account.id is None else str(number)
            first.append([*there[:2], uid, *there[3:]])
            continue
        if its_group is None:
            its_group = [account.name, "x", str(number), ""]
            first_groups.append(its_group)
        taken.add(str(number))
        first.append(
            [account.name, "x", str(number), its_group[2], "", account.home, account.login]
        )
    return _joined([*first, *users]), _joined([*first_groups, *groups])


def _lines(text: str) -> list[list[str]]:
    return [line.split(":") for line in text.splitlines() if line.strip()]


def _joined(lines: Iterable[Sequence[str]]) -> str:
    return "".join(":".join(line) + "\n" for line in lines)


def _text(engine: Engine, container: str, path: str) -> str:
    """A file's text; none for none. An image's files may be in any encoding."""
    with suppress(NotFound):
        return engine.copy_out(container, path).decode("utf-8", "surrogateescape")
    return ""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
