"""The checks of `condor-mini doctor`: of this machine, the engine, the images and a pool."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.series import catalogue
from condor_mini.base.times import ago
from condor_mini.doctor.container import container_findings
from condor_mini.doctor.findings import fail, ok, warn
from condor_mini.doctor.pool import pool_findings
from condor_mini.engine.several import lenient, unreached
from condor_mini.engines import find_engine
from condor_mini.images import builder
from condor_mini.nodes.holdings import Holdings, ask_at_once
from condor_mini.nodes.node import pool_nodes, shown
from condor_mini.nodes.pool_hosts import with_recorded_hosts
from condor_mini.nodes.record import has_group, stored_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from condor_mini.doctor.findings import Finding
    from condor_mini.engine import Engine
    from condor_mini.images.builder import Listed
    from condor_mini.nodes.node import Node

LITTLE_DISK = 2 * 2**30
"""Enough for the images of one series and a pool's logs."""
NO_DISK = 200 * 2**20
IDMAP_KERNEL = (5, 12)
"""First version of Linux with ID-mapped mounts, with which root's files stay root's."""


def examine(
    engine: str | None = None, *, pool: str | None = None, must_exist: bool = False
) -> Iterator[Finding]:
    """Yield the findings of all checks, one after the other.

    Args:
        engine: Name of the engine, as for ``find_engine``.
        pool: Name of the pool to check, if it exists. None for no pool.
        must_exist: Whether it is a failure that the pool does not exist.
    """
    yield _disk_here()
    yield _kernel()
    try:
        reached = find_engine(engine)
        info = reached.info()
    except CondorMiniError as error:
        yield fail("engine", error.message, error.hint)
        return
    whose = "rootless" if info.rootless else "as the caller" if info.maps_caller else "as root"
    where = "" if info.same_host else ", on another machine"
    yield ok(
        "engine",
        f"{info.name} {info.version} at {info.endpoint}, {whose}{where}, "
        f"{info.cpus} cores, {info.memory_mb} MiB, {info.architecture}",
    )
    for shortcoming in info.shortcomings:
        yield warn("engine", shortcoming.evidence, shortcoming.hint)
    try:
        listed = builder.listing(reached)
        yield from _images(listed)
        yield from container_findings(reached, _any_image(listed))
        yield from _labels(reached)
        if pool is not None:
            yield from _pool(reached, pool, must_exist=must_exist)
    except CondorMiniError as error:
        yield fail("engine", error.message, error.hint)


def _disk_here() -> Finding:
    here = Path.cwd()
    return disk_finding("disk here", shutil.disk_usage(here).free, str(here))


def disk_finding(subject: str, free: int, where: str) -> Finding:
    """Return whether the disk space is enough.

    Args:
        subject: Subject of the finding.
        free: Free space in bytes.
        where: Directory on the disk.
    """
    evidence = f"{free / 2**30:.1f} GiB free at {where}"
    hint = f"Free disk space; see how much there is: df -h {where}"
    if free < NO_DISK:
        return fail(subject, evidence, hint)
    if free < LITTLE_DISK:
        return warn(subject, evidence, hint)
    return ok(subject, evidence)


def _kernel() -> Finding:
    """Check whether `condor-mini run` can mount root's directories as the ordinary user's."""
    release = platform.release()
    if sys.platform != "linux" or os.getuid() != 0:
        return ok("kernel", f"{platform.system()} {release}; ID-mapped mounts are not needed")
    found = re.match(r"(\d+)\.(\d+)", release)
    if found and (int(found[1]), int(found[2])) < IDMAP_KERNEL:
        return warn(
            "kernel",
            f"Linux {release} has no ID-mapped mounts; they come with Linux 5.12",
            "`condor-mini run` needs them if root runs it. Run it as an ordinary user.",
        )
    return ok("kernel", f"Linux {release} has ID-mapped mounts")


def _images(listed: list[Listed]) -> Iterator[Finding]:
    for number in catalogue().series:
        ours = [image for image in listed if image.series == number]
        absent = [image.role for image in ours if image.size_bytes is None]
        outdated = [image.role for image in ours if image.size_bytes and not image.up_to_date]
        subject = f"images of HTCondor {number}"
        hint = (
            "condor-mini builds them when they are needed. "
            f"Build them now: condor-mini build --htcondor {number}"
        )
        if len(absent) == len(ours) and number != catalogue().get(None).number:
            yield ok(subject, "not built")
        elif absent:
            yield warn(subject, f"not built: {', '.join(absent)}", hint)
        elif outdated:
            yield warn(subject, f"outdated: {', '.join(outdated)}", hint)
        else:
            yield ok(subject, f"up to date, version {ours[0].version or 'unknown'}")


def _any_image(listed: list[Listed]) -> str | None:
    return next((image.reference for image in listed if image.size_bytes is not None), None)


def _labels(engine: Engine) -> Iterator[Finding]:
    """Yield the problems with the labels of objects that belong to a pool, or claim to."""
    held = Holdings(engine)
    ask_at_once(lambda: held.nodes, lambda: held.volumes, lambda: held.networks)
    for problem in held.problems:
        yield warn(f"{problem.kind} {problem.name}", problem.evidence, problem.hint)


def _record(engine: Engine, pool: str, nodes: Sequence[Node]) -> Iterator[Finding]:
    """Yield what is wrong with the stored spec, and the volumes that do not agree with it."""
    try:
        spec = stored_spec(pool, nodes)
    except CondorMiniError as error:
        yield fail(f"record of the pool {pool}", error.message, error.hint)
        return
    for volume in Holdings(engine, pool).volumes:
        if volume.node and not has_group(spec, volume.node):
            group = shown(volume.node.group)
            evidence = f"it belongs to the group {group}, which the pool does not have"
            hint = f"Nothing uses it. Delete it with the whole pool: condor-mini delete -n {pool}"
            yield warn(f"volume {volume.name}", evidence, hint)


def _pool(engine: Engine, pool: str, *, must_exist: bool) -> Iterator[Finding]:
    engine = lenient(with_recorded_hosts(engine, pool))
    for host, failure in unreached(engine).items():
        yield fail(f"host {host}", failure.message, failure.hint)
    nodes = pool_nodes(engine, pool)
    if nodes:
        if not nodes[0].is_personal:  # such a pool is made of options, and has no spec
            yield from _record(engine, pool, nodes)
        held = Holdings(engine, pool)
        yield from pool_findings(pool, nodes, lost=held.lost_nodes())
        for volume in held.volumes:
            if record := volume.fault:
                evidence = f"made on purpose {ago(record.since)}"
                undo = f"Undo it: condor-mini heal -n {pool} {record.target}"
                yield warn(f"fault {record}", evidence, undo)
    elif must_exist:
        yield fail(
            f"pool {pool}", "there is no such pool", f"Create it: condor-mini create -n {pool}"
        )
