"""The container of a personal pool."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini.base.layout import ENTRYPOINT, HOME, LABEL, LIBEXEC
from condor_mini.engine import BindMount, ContainerSpec, ImageComposer, PublishedPort
from condor_mini.images import builder
from condor_mini.nodes import custom_image, forwarding, host_files
from condor_mini.nodes.certificates import files_at, variables_for
from condor_mini.nodes.node import OWN_IMAGE, Role, pool_labels
from condor_mini.nodes.personal_labels import (
    COMMAND_PREFIX,
    CONTAINER_USER,
    NOTEBOOK,
    PUBLISHED,
    REACHABLE,
    STATE_DIRECTORY,
)
from condor_mini.personal import host_python, ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine, EngineInfo
    from condor_mini.personal.caller import Caller
    from condor_mini.personal.spec import PersonalSpec
    from condor_mini.personal.state_directory import StateDirectory

WORK = f"{HOME}/work"
"""The caller's directory in the container."""
CERTIFICATES = "/run/condor-mini/ca-certificates.crt"


def container_spec(
    spec: PersonalSpec,
    series: Series,
    state: StateDirectory,
    image: str,
    name: str,
    caller: Caller,
    mounts: tuple[BindMount, ...],
    port: int | None,
    notebook: int | None,
    published: tuple[PublishedPort, ...],
) -> ContainerSpec:
    """Return the container of the personal pool ``name`` on this state directory.

    Its labels have ``port`` and ``notebook``, if there are any: ``personal/ports.py``.
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
            NOTEBOOK: str(notebook or ""),
            PUBLISHED: ports.label(spec),
        },
        ports=published,
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
        role = builder.NOTEBOOK if spec.notebook else "mini"
        return builder.ensure(engine, role, series, progress), ()
    image = host_files.have(engine)
    mounts = (host_files.home(spec.host_files), custom_image.beside(engine, series, progress))
    python = host_python.mounts(read_only=engine.info().read_only_mounts) if spec.notebook else ()
    return image, (*mounts, *python)


def with_host_files(engine: Engine, spec: PersonalSpec, progress: Progress) -> PersonalSpec:
    """Return the options with the host's files, if an engine needs them for the notebook.

    Engines that compose their images have none with JupyterLab, and use that of this machine.

    Args:
        engine: Engine that is to run the pool.
        spec: Options of the pool.
        progress: Receives a note if the pool can write to the caller's home.

    Raises:
        NotFound: JupyterLab is not installed here.
    """
    if not spec.notebook or not isinstance(engine, ImageComposer):
        return spec
    host_python.check()
    if spec.host_files is not None:
        return spec
    if engine.info().read_only_mounts:
        return replace(spec, host_files=host_files.READ_ONLY)
    progress.note("Without namespaces no mount can be read-only: the pool can write to your home")
    return replace(spec, host_files=host_files.READ_WRITE)


def notebook_files(engine: Engine, spec: PersonalSpec) -> dict[str, bytes]:
    """Return what runs JupyterLab in a container that has no image of ours, by its path."""
    if not spec.notebook or not isinstance(engine, ImageComposer):
        return {}
    with as_file(files("condor_mini").joinpath("images/condor-notebook/notebook")) as folder:
        return {
            f"{LIBEXEC.lstrip('/')}/notebook/{path.relative_to(folder)}": path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }


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
