"""What is refused before a personal pool's image is built or its runtime downloaded."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, StateError, UsageError
from condor_mini.base.layout import LABEL
from condor_mini.base.tree import Tree
from condor_mini.engine import ImageBuilder
from condor_mini.nodes import host_files
from condor_mini.nodes.holdings import Holdings, ask_at_once
from condor_mini.nodes.node import Malformed, node_of
from condor_mini.nodes.personal_labels import REACHABLE
from condor_mini.nodes.plan import SERIES_NOTE
from condor_mini.personal import ports

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.base.series import Series
    from condor_mini.engine import ContainerInfo, Engine
    from condor_mini.nodes.node import Node
    from condor_mini.personal.spec import PersonalSpec
    from condor_mini.personal.state_directory import StateDirectory

_NOTE = f"spool/{PurePosixPath(SERIES_NOTE).name}"
_LONGEST_NOTE = 16


def check_path(path: Path) -> None:
    """Raise ``UsageError`` if the name of a directory is not UTF-8.

    Labels and mounts are UTF-8, so a pool on such a directory could not be found again.
    """
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path.absolute()).decode(errors="replace")
        raise UsageError(f"the name of the directory {shown} is not UTF-8") from None


def check_startable(
    engine: Engine, spec: PersonalSpec, series: Series, state: StateDirectory
) -> None:
    """Raise what refuses a pool on a state directory on which none runs.

    Args:
        engine: Engine that is to run the pool.
        spec: Options of the pool.
        series: Series of HTCondor that it is to have.
        state: Its state directory.

    Raises:
        AlreadyInUse: Something else has the pool's name.
        StateError: There is a link in the state directory, or a newer HTCondor has written it.
        EngineCapabilityError: The engine cannot show the host's files, or publishes no ports.
    """
    state.check_links()
    ports.check(spec, engine.info())
    check_series(state.path, series)
    if spec.host_files is not None:
        host_files.check(engine)
    check_name(engine, pool_name(spec, state), state.path)


def check_same(node: Node, spec: PersonalSpec, series: Series, state: StateDirectory) -> None:
    """Raise ``AlreadyInUse`` if the pool that runs on a state directory has other options."""

    def label(key: str) -> str:
        return node.info.labels.get(f"{LABEL}.{key}", "")

    if spec.notebook and not label("notebook"):
        raise AlreadyInUse(
            f"the pool {node.pool} runs on {state.path}, and it was started without a notebook",
            hint="Use another state directory: --state DIR. Or leave the shell of that pool, "
            f"or, if it was kept, end it: condor-mini delete -n {node.pool}",
        )
    machines = "that of the machine"
    options = (
        ("name", node.pool, spec.name),
        ("HTCondor series", node.series, series.number if spec.series else None),
        ("working directory", label("workdir"), str(spec.workdir.absolute())),
        ("--host-files", label("host-files") or "none", spec.host_files),
        ("profile", label("profile"), spec.profile),
        ("number of cores", label("cpus") or machines, spec.cpus),
        ("memory in MiB", label("memory") or machines, spec.memory_mb),
        ("way for clients on this machine", *_ways(node, spec.reachable)),
        ("port of the notebook", label("notebook"), spec.notebook_port),
        (
            "list of published ports",
            label("published") or "empty",
            ports.label(spec) or None,
        ),
    )
    for what, actual, wanted in options:
        if wanted is not None and actual != str(wanted):
            raise AlreadyInUse(
                f"the pool {node.pool} runs on {state.path}, and its {what} is {actual}, "
                f"not {wanted}",
                hint="Use another state directory: --state DIR. Or leave the shell of that pool, "
                f"or, if it was kept, end it: condor-mini delete -n {node.pool}",
            )


def _ways(node: Node, wanted: bool | int | None) -> tuple[str, str | None]:
    """Return how clients reach a pool, and how they are to reach it; None if that is open."""
    port = node.published_port
    by_port, by_address = f"the port {port}", "the address of its container"
    actual = by_port if port else by_address
    if node.info.labels.get(REACHABLE) != "true":
        actual = "none"
    if wanted is None or (wanted and node.engine.info().on_loopback):
        return actual, None
    if wanted is False:
        return actual, "none"
    if wanted is True:
        return actual, actual if port else "a published port"
    return actual, f"the port {wanted}"


def check_series(state: Path, series: Series) -> None:
    """Raise ``StateError`` if a newer HTCondor than this series has written a state directory.

    images/condor-base/libexec/start/prepare-directories notes the series there, and refuses too.
    """
    try:
        with Tree.open_exactly(state) as tree, tree.read(_NOTE) as file:
            note = file.read(_LONGEST_NOTE).strip()
    except OSError:  # new, or only the pool's own user may read it
        return
    if note.isdigit() and int(note) > int(series.number):
        theirs = note.decode()
        raise StateError(
            f"HTCondor {theirs} has written the state directory {state}, and HTCondor "
            f"{series.number} may misread it",
            hint=f"Use HTCondor {theirs}: --htcondor {theirs}. "
            "Or use another state directory: --state DIR",
        )


def check_name(engine: Engine, name: str, state: Path) -> None:
    """Raise ``AlreadyInUse`` if anything but a pool on this state directory has the name."""
    held = Holdings(engine, name)
    ask_at_once(lambda: held.nodes, lambda: held.volumes, lambda: held.networks)
    if held.networks or held.volumes or not all(node.is_personal for node in held.nodes):
        raise AlreadyInUse(
            f"there is a pool {name}, which `condor-mini create` has created",
            hint=f"Choose another name: --name NAME. Or use that pool: condor-mini shell -n {name}",
        )
    existing = engine.inspect(name)
    if existing is not None and _state_of(engine, existing) != str(state):
        raise name_taken(engine, existing)


def name_taken(engine: Engine, existing: ContainerInfo) -> AlreadyInUse:
    """Return the error for a name that a container already has."""
    place = _state_of(engine, existing)
    owner = f"the pool on {place}" if place else "a container that is not a personal pool"
    builds = isinstance(engine, ImageBuilder)
    command = f"{engine.name} ps --all" if builds else "condor-mini list"
    return AlreadyInUse(
        f"the name {existing.name} is taken by {owner}",
        hint=f"Choose another name: --name NAME. Or look at that container: {command}",
    )


def pool_name(spec: PersonalSpec, state: StateDirectory) -> str:
    """Return the name that was asked for, or one that is unique to this state directory."""
    return spec.name or f"mini-{hashlib.sha256(os.fsencode(state.path)).hexdigest()[:6]}"


def _state_of(engine: Engine, info: ContainerInfo) -> str | None:
    """Return the state directory of a container; None if it is no personal pool."""
    with suppress(Malformed):
        return node_of(engine, info).state_directory
    return None
