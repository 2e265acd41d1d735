"""The container of a personal pool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.layout import ENTRYPOINT, HOME, LABEL
from condor_mini.engine import BindMount, ContainerSpec, PublishedPort
from condor_mini.images import builder
from condor_mini.nodes import custom_image, forwarding, host_files
from condor_mini.nodes.certificates import files_at, variables_for
from condor_mini.nodes.node import OWN_IMAGE, Role, pool_labels
from condor_mini.nodes.personal_labels import (
    COMMAND_PREFIX,
    CONTAINER_USER,
    REACHABLE,
    STATE_DIRECTORY,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, EngineInfo
    from condor_mini.personal.caller import Caller
    from condor_mini.personal.state_directory import StateDirectory

WORK = f"{HOME}/work"
"""The caller's directory in the container."""
CERTIFICATES = "/run/condor-mini/ca-certificates.crt"


@dataclass(frozen=True, kw_only=True)
class PersonalSpec:
    """The options of a personal pool."""

    state: Path = Path("condor_state")
    """The state directory on the host."""
    workdir: Path = Path()
    """The directory of the host that commands run in."""
    name: str | None = None
    """The pool's name. None for one that is derived from the state directory."""
    series: str | None = None
    """HTCondor's series. None for the default, or for that of a running pool."""
    cpus: int | None = None
    """The number of cores that the slot advertises. None for the machine's."""
    memory_mb: int | None = None
    """The memory that the slot advertises, in MiB. None for the machine's."""
    profile: str | None = None
    """``dev`` (react at once), or ``production`` (wait as HTCondor's defaults do). None for dev, or
    for that of a running pool."""
    host_files: str | None = None
    """``ro`` or ``rw`` to give jobs the host's programs and the caller's home.

    With ``ro`` jobs can only read the home; with ``rw`` they can also write to it. None for the
    pool's own image.
    """
    reachable: bool | int | None = None
    """Whether HTCondor's clients on this machine reach the pool, and how.

    True for a free port of 127.0.0.1, a number for that port, False for a pool that listens only
    inside its container. None for the container's own address, or a free port where this machine
    has no route to containers. The embedded engine always gives pools an address of their own.
    """


def container_spec(
    spec: PersonalSpec,
    series: Series,
    state: StateDirectory,
    image: str,
    name: str,
    caller: Caller,
    mounts: tuple[BindMount, ...],
    port: int | None,
) -> ContainerSpec:
    """Return the container of the personal pool ``name`` on this state directory.

    It publishes ``port``, if there is one.
    """
    profile = spec.profile or "dev"
    environment = {"HOME": HOME, "PROFILE": profile, **variables_for(CERTIFICATES)}
    if spec.cpus is not None:
        environment["NUM_CPUS"] = str(spec.cpus)
    if spec.memory_mb is not None:
        environment["MEMORY"] = str(spec.memory_mb)
    return ContainerSpec(
        image=image,
        name=name,
        # The same at every start, because HTCondor stores the host name in the queue.
        hostname=name,
        user=caller.user,
        as_caller=caller.mapped,
        entrypoint=caller.user_namespace_prefix[0] if caller.user_namespace_prefix else None,
        command=(*caller.user_namespace_prefix[1:], *ENTRYPOINT)
        if caller.user_namespace_prefix
        else (),
        environment=environment,
        labels={
            **pool_labels(name),
            f"{LABEL}.role": str(Role.PERSONAL_POOL),
            f"{LABEL}.number": "0",
            f"{LABEL}.series": series.number,
            STATE_DIRECTORY: str(state.path),
            CONTAINER_USER: caller.user,
            COMMAND_PREFIX: " ".join(caller.user_namespace_prefix),
            OWN_IMAGE: "",
            f"{LABEL}.host-files": spec.host_files or "",
            f"{LABEL}.workdir": str(spec.workdir.absolute()),
            f"{LABEL}.profile": profile,
            f"{LABEL}.cpus": str(spec.cpus or ""),
            f"{LABEL}.memory": str(spec.memory_mb or ""),
            REACHABLE: "false" if spec.reachable is False else "true",
            forwarding.PORT: str(port or ""),
        },
        ports=(PublishedPort(container_port=port, host_port=port),) if port else (),
        mounts=mounts,
        cap_drop=("ALL",),
        cap_add=caller.capabilities,
        no_new_privileges=True,
    )


def image_and_mounts(
    engine: Engine, spec: PersonalSpec, series: Series, progress: Progress
) -> tuple[str, tuple[BindMount, ...]]:
    """Return the image to use, and the mounts that one which is not ours needs."""
    if spec.host_files is None:
        return builder.ensure(engine, "mini", series, progress), ()
    image = host_files.have(engine)
    mounts = (host_files.home(spec.host_files), custom_image.beside(engine, series, progress))
    return image, mounts


def network_files(
    spec: PersonalSpec, info: EngineInfo, name: str, port: int | None
) -> dict[str, bytes]:
    """Return the configuration with which clients on this machine reach the pool, by its path.

    There is none if the pool is to listen only inside its container, and none with the embedded
    engine, whose pools have an address of their own.
    """
    if spec.reachable is False or info.on_loopback:
        return {}
    config = forwarding.personal_config(name, port)
    return {path: text.encode() for path, text in config.items()}


def files_archive(
    engine: Engine, container: str, caller: Caller, more: Mapping[str, bytes]
) -> bytes:
    """Return the archive of the files that the container gets before its start."""
    contents = {**more, **files_at(CERTIFICATES)}
    if not caller.is_known_to_image:
        passwd, group = (engine.copy_out(container, f"/etc/{file}") for file in ("passwd", "group"))
        contents.update(caller.account_files(passwd, group))
    return caller.archive(contents)
