"""Checks from inside a container of the engine: disk, names, limits, clock and cgroups."""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.layout import LABEL
from condor_mini.base.signals import held_back
from condor_mini.doctor.findings import fail, ok, warn
from condor_mini.engine import ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.doctor.findings import Finding
    from condor_mini.engine import CommandResult, Engine

KIND = "doctor"
"""Value of the label ``kind`` of the container and the network."""
LIFETIME_S = 120
"""The container ends by itself after so many seconds, in case condor-mini is killed."""
LOOKUP_TIMEOUT_S = 15
SLOW_LOOKUP_S = 1.0
FEW_DESCRIPTORS = 1024
SKEW_S = 2.0
LITTLE_DISK, NO_DISK = 2 * 2**30, 200 * 2**20
LIMIT_MB = 256

_NO_NAME = "condor-mini-doctor.invalid"
"""A name that no name server knows (RFC 2606)."""
_NO_ADDRESS = "192.0.2.1"
"""An address that no host has (RFC 5737)."""
_NAME_SERVER_HINT = (
    "Each slow look-up stalls the negotiator and the schedd. Give the containers a name server "
    "that answers, or none: the engine's setting `dns`."
)


def container_findings(engine: Engine, image: str | None) -> Iterator[Finding]:
    """Yield the findings of a container that is created on a network of its own.

    Both are removed at the end.

    Args:
        engine: Engine to check.
        image: One of our images. None if none is built: the only finding is then a warning.
    """
    if image is None:
        yield warn(
            "containers", "not checked: no image is built", "Build the images: condor-mini build"
        )
        return
    try:
        with _container(engine, image) as (name, refusal):
            for check in (_disk, _own_name, _unknown_names, _descriptors, _clock):
                yield check(engine, name)
            yield _cgroups(engine, name, refusal)
    except CondorMiniError as error:
        yield fail("containers", error.message, error.hint)


@contextmanager
def _container(engine: Engine, image: str) -> Iterator[tuple[str, str]]:
    """Yield a running container's name, and why the engine refused a memory limit, or ``""``."""
    name = f"condor-mini-doctor-{secrets.token_hex(4)}"
    labels = {f"{LABEL}.kind": KIND}
    try:
        with held_back():
            engine.create_network(name, labels=labels)
            refusal = _start(engine, image, name, labels)
        yield name, refusal
    finally:
        with held_back():
            for remove in (engine.remove, engine.remove_network):
                with suppress(CondorMiniError):
                    remove(name)


def _start(engine: Engine, image: str, name: str, labels: dict[str, str]) -> str:
    def start(memory_mb: int | None) -> None:
        engine.create(
            ContainerSpec(
                image=image,
                name=name,
                hostname=name,
                entrypoint="sleep",
                command=(str(LIFETIME_S),),
                labels=labels,
                network=name,
                memory_mb=memory_mb,
            )
        )
        engine.start(name)

    try:
        start(LIMIT_MB)
    except CondorMiniError as refusal:
        engine.remove(name)
        start(None)
        return refusal.message
    return ""


def _disk(engine: Engine, name: str) -> Finding:
    result = engine.exec(name, ["df", "-Pk", "/"])
    columns = (result.stdout.splitlines() or [""])[-1].split()
    if result.returncode != 0 or len(columns) < 4 or not columns[3].isdigit():
        output = (result.stderr or result.stdout).strip()
        return warn("disk of the engine", f"df does not print the free space: {output}")
    free = int(columns[3]) * 1024
    evidence = f"{free / 2**30:.1f} GiB free in containers"
    hint = f"Remove what is not needed: {engine.name} system prune"
    if free < NO_DISK:
        return fail("disk of the engine", evidence, hint)
    return (
        warn("disk of the engine", evidence, hint)
        if free < LITTLE_DISK
        else ok("disk of the engine", evidence)
    )


def _own_name(engine: Engine, name: str) -> Finding:
    """Check the look-up of the container's own name: HTCondor does it at every start."""
    result, seconds = _lookup(engine, name, name)
    if result.returncode != 0:
        return fail(
            "own name",
            f"a container cannot resolve its own name ({seconds:.1f} s)",
            "The engine's name server for networks does not work: see the engine's log.",
        )
    address = (result.stdout.split() or ["?"])[0]
    if seconds > SLOW_LOOKUP_S:
        return warn(
            "own name",
            f"a container needs {seconds:.1f} s to resolve its own name",
            _NAME_SERVER_HINT,
        )
    return ok("own name", f"a container resolves its own name to {address} in {seconds:.1f} s")


def _unknown_names(engine: Engine, name: str) -> Finding:
    """Check the look-up of unknown names: no answer is worse than a negative answer."""
    times = [_lookup(engine, name, what)[1] for what in (_NO_NAME, _NO_ADDRESS)]
    slowest = max(times)
    evidence = (
        f"the look-up of an unknown name takes {times[0]:.1f} s, "
        f"of an unknown address {times[1]:.1f} s"
    )
    if slowest > SLOW_LOOKUP_S:
        return warn("name servers", evidence, _NAME_SERVER_HINT)
    return ok("name servers", evidence)


def _lookup(engine: Engine, container: str, what: str) -> tuple[CommandResult, float]:
    began = time.monotonic()
    result = engine.exec(container, ["timeout", str(LOOKUP_TIMEOUT_S), "getent", "hosts", what])
    return result, time.monotonic() - began


def _descriptors(engine: Engine, name: str) -> Finding:
    result = engine.exec(name, ["cat", "/proc/self/limits"])
    found = re.search(r"Max open files\s+(\S+)\s+(\S+)", result.stdout)
    if found is None:
        return warn("file descriptors", "the limit cannot be read from /proc/self/limits")
    soft, hard = found[1], found[2]
    evidence = f"the limit is {soft}; a process can raise it to {hard}"
    if hard.isdigit() and int(hard) < FEW_DESCRIPTORS:
        return fail(
            "file descriptors",
            evidence,
            f"A large pool's daemons need more. Raise the engine's limit to {FEW_DESCRIPTORS}.",
        )
    return ok("file descriptors", evidence)


def _clock(engine: Engine, name: str) -> Finding:
    before = time.time()
    result = engine.exec(name, ["date", "+%s.%N"])
    after = time.time()
    try:
        container_time = float(result.stdout)
    except ValueError:
        output = (result.stdout + result.stderr).strip()
        return warn("clock", f"date does not print the time: {output}")
    skew = max(0.0, before - container_time, container_time - after)
    if skew > SKEW_S:
        return warn(
            "clock",
            f"the clocks of this machine and of the engine differ by {skew:.0f} s",
            "Synchronize both clocks: timedatectl set-ntp true",
        )
    return ok("clock", f"agrees with this machine's clock within {after - before:.1f} s")


def _cgroups(engine: Engine, name: str, refusal: str) -> Finding:
    result = engine.exec(name, ["stat", "-f", "-c", "%T", "/sys/fs/cgroup"])
    version = "2" if result.stdout.strip() == "cgroup2fs" else "1"
    if refusal:
        return warn(
            "cgroups",
            f"version {version}; the engine refuses a container with a memory limit: {refusal}",
            "Pools work, but a `limit` in a pool file does not.",
        )
    # Some engines do not show a container its own group as the root of the tree: cgroups(7).
    groups = engine.exec(name, ["cat", "/proc/self/cgroup"]).stdout.splitlines()
    own = next((line[3:].rstrip("/") for line in groups if line.startswith("0::")), "")
    files = (f"{own}/memory.max", "/memory/memory.limit_in_bytes")
    limits = [engine.exec(name, ["cat", f"/sys/fs/cgroup{file}"]).stdout.strip() for file in files]
    if str(LIMIT_MB * 2**20) in limits:
        return ok("cgroups", f"version {version}; memory limits work")
    if engine.info().on_loopback:
        return warn(
            "cgroups",
            f"version {version}; containers have no cgroup: a memory limit is each process's own, "
            "and the number of processes is not limited",
            "Pools work. Limits of whole nodes need Docker, Podman, or systemd with cgroups of "
            "version 2, as root or as a user with lingering enabled (loginctl enable-linger).",
        )
    return warn(
        "cgroups",
        f"version {version}; the container does not see its memory limit of {LIMIT_MB} MiB",
        "Pools work, but a `limit` in a pool file may not.",
    )
