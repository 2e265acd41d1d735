"""What a container of this engine is like, seen from inside of one that is made for it."""

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
"""The label ``kind`` of what is made for this."""
LIFETIME_S = 120
"""The container ends by itself after this time, should we be killed."""
LOOKUP_TIMEOUT_S = 15
SLOW_LOOKUP_S = 1.0
FEW_DESCRIPTORS = 1024
SKEW_S = 2.0
LITTLE_DISK, NO_DISK = 2 * 2**30, 200 * 2**20
LIMIT_MB = 256

_NO_NAME = "condor-mini-doctor.invalid"
"""No name server has it; RFC 2606."""
_NO_ADDRESS = "192.0.2.1"
"""Nobody's; RFC 5737."""
_NAME_SERVER_HINT = (
    "Give the engine's containers a name server that answers (its setting `dns`), or none: each "
    "slow look-up stalls the negotiator and the schedd."
)


def container_findings(engine: Engine, image: str | None) -> Iterator[Finding]:
    """Make a container on a network, look around in it, and remove both.

    Args:
        engine: Where.
        image: One of ours; None where none is built.
    """
    if image is None:
        yield warn(
            "containers", "not looked into: no image is there", "Build them: condor-mini build"
        )
        return
    try:
        with _container(engine, image) as (name, limited):
            for look in (_disk, _own_name, _unknown_names, _descriptors, _clock):
                yield look(engine, name)
            yield _cgroups(engine, name, limited)
    except CondorMiniError as error:
        yield fail("containers", error.message, error.hint)


@contextmanager
def _container(engine: Engine, image: str) -> Iterator[tuple[str, str]]:
    """Its name, and why it could not be limited, or nothing."""
    name = f"condor-mini-doctor-{secrets.token_hex(4)}"
    labels = {f"{LABEL}.kind": KIND}
    try:
        with held_back():
            engine.create_network(name, labels=labels)
            why = _start(engine, image, name, labels)
        yield name, why
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
    said = engine.exec(name, ["df", "-Pk", "/"])
    columns = (said.stdout.splitlines() or [""])[-1].split()
    if said.returncode != 0 or len(columns) < 4 or not columns[3].isdigit():
        return warn("disk of the engine", f"df says: {(said.stderr or said.stdout).strip()}")
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
    """HTCondor resolves its host's name at every start."""
    said, seconds = _lookup(engine, name, name)
    if said.returncode != 0:
        return fail(
            "own name",
            f"a container cannot resolve its own name ({seconds:.1f} s)",
            "See the engine's own log: its name server for networks does not work.",
        )
    address = (said.stdout.split() or ["?"])[0]
    if seconds > SLOW_LOOKUP_S:
        return warn("own name", f"resolved only after {seconds:.1f} s", _NAME_SERVER_HINT)
    return ok("own name", f"a container finds itself at {address}, in {seconds:.1f} s")


def _unknown_names(engine: Engine, name: str) -> Finding:
    """A name server that does not answer is worse than one that says no."""
    times = [_lookup(engine, name, what)[1] for what in (_NO_NAME, _NO_ADDRESS)]
    slowest = max(times)
    evidence = f"the answer to an unknown name and address took {times[0]:.1f} and {times[1]:.1f} s"
    if slowest > SLOW_LOOKUP_S:
        return warn("name servers", evidence, _NAME_SERVER_HINT)
    return ok("name servers", evidence)


def _lookup(engine: Engine, container: str, what: str) -> tuple[CommandResult, float]:
    began = time.monotonic()
    said = engine.exec(container, ["timeout", str(LOOKUP_TIMEOUT_S), "getent", "hosts", what])
    return said, time.monotonic() - began


def _descriptors(engine: Engine, name: str) -> Finding:
    said = engine.exec(name, ["cat", "/proc/self/limits"])
    found = re.search(r"Max open files\s+(\S+)\s+(\S+)", said.stdout)
    if found is None:
        return warn("file descriptors", "the limit could not be read")
    soft, hard = found[1], found[2]
    evidence = f"at most {soft}, which can be raised to {hard}"
    if hard.isdigit() and int(hard) < FEW_DESCRIPTORS:
        return fail(
            "file descriptors",
            evidence,
            f"Daemons of a large pool need more: raise the engine's limit to {FEW_DESCRIPTORS}.",
        )
    return ok("file descriptors", evidence)


def _clock(engine: Engine, name: str) -> Finding:
    before = time.time()
    said = engine.exec(name, ["date", "+%s.%N"])
    after = time.time()
    try:
        theirs = float(said.stdout)
    except ValueError:
        return warn("clock", f"date says: {(said.stdout + said.stderr).strip()}")
    skew = max(0.0, before - theirs, theirs - after)
    if skew > SKEW_S:
        return warn(
            "clock",
            f"the clocks of this machine and the engine's differ by {skew:.0f} s",
            "Set them right: timedatectl set-ntp true",
        )
    return ok("clock", f"the same as this machine's, within {after - before:.1f} s")


def _cgroups(engine: Engine, name: str, refusal: str) -> Finding:
    said = engine.exec(name, ["stat", "-f", "-c", "%T", "/sys/fs/cgroup"])
    version = "2" if said.stdout.strip() == "cgroup2fs" else "1"
    if refusal:
        return warn(
            "cgroups",
            f"version {version}; a container with a limit is refused: {refusal}",
            "Pools work, but a `limit` in a pool file does not.",
        )
    # Not every engine shows a container its own group as the root of the tree: cgroups(7).
    groups = engine.exec(name, ["cat", "/proc/self/cgroup"]).stdout.splitlines()
    own = next((line[3:].rstrip("/") for line in groups if line.startswith("0::")), "")
    files = (f"{own}/memory.max", "/memory/memory.limit_in_bytes")
    limits = [engine.exec(name, ["cat", f"/sys/fs/cgroup{file}"]).stdout.strip() for file in files]
    if str(LIMIT_MB * 2**20) in limits:
        return ok("cgroups", f"version {version}; limits of memory work")
    if engine.info().on_loopback:
        return warn(
            "cgroups",
            f"version {version}, none for a container: a limit of memory is each process's own, "
            "and processes are not limited",
            "Pools work. For limits of whole nodes: systemd with cgroups of version 2, as root or "
            "as a user who lingers (loginctl enable-linger); or Docker or Podman.",
        )
    return warn(
        "cgroups",
        f"version {version}; a limit of {LIMIT_MB} MiB is not seen in the container",
        "Pools work, but a `limit` in a pool file may not.",
    )
