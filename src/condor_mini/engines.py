"""Which container engine to use: the one that was asked for, or the first that answers."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from condor_mini.base.errors import (
    EngineAccessDenied,
    EngineCapabilityError,
    EngineNotFound,
    UsageError,
)
from condor_mini.engine.oci import OciEngine
from condor_mini.engine.oci.dialect import DOCKER, PODMAN, Dialect
from condor_mini.engine.oci.hosts import DockerElsewhere
from condor_mini.engine.several import FIRST, on_each_host, several_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from condor_mini.engine.protocol import Engine

AUTO = "auto"
EMBEDDED = "embedded"
CHOICE_VARIABLE = "CONDOR_MINI_ENGINE"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An engine that could be used."""

    name: str
    binary: str | None
    """The command that it needs on PATH, if any."""
    hint_absent: str
    make: Callable[[], Engine]
    has_daemon: bool = True
    """Whether a daemon must answer before it can be used."""
    problem: Callable[[], str | None] = lambda: None
    """Returns why it cannot be used on this machine, without asking a daemon."""


def _embedded() -> Engine:
    from condor_mini.engine.embedded import EmbeddedEngine

    return EmbeddedEngine(_runtime)


def _no_linux() -> str | None:
    return None if sys.platform == "linux" else f"It needs Linux, and this is {sys.platform}."


def _runtime() -> Path:
    """Return the tree of a runtime of the default series, whose programs make all sandboxes.

    Any complete one does, so stopping and deleting a pool never makes a new runtime. What creates
    nodes has the present one made for its images, and the engine then takes that.
    """
    from condor_mini import runtime
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue

    known = catalogue()
    default = known.get(known.default)
    there = runtime.usable(default)
    return (there or runtime.ensure(default, progress_for_stderr()).runtime).root


def _by_command_line(dialect: Dialect) -> Candidate:
    return Candidate(
        name=dialect.name,
        binary=dialect.binary,
        hint_absent=dialect.hint_absent,
        make=partial(OciEngine, dialect),
    )


CANDIDATES: tuple[Candidate, ...] = (
    _by_command_line(DOCKER),
    _by_command_line(PODMAN),
    Candidate(
        name=EMBEDDED,
        binary=None,
        hint_absent="Use Docker: condor-mini doctor --install-engine",
        make=_embedded,
        has_daemon=False,
        problem=_no_linux,
    ),
)
"""All engines, in the order in which ``auto`` asks them."""


class Reach(StrEnum):
    """How far we got with an engine."""

    READY = "ready"
    NO_CLIENT = "no client"
    NO_DAEMON = "no daemon"
    DENIED = "denied"
    UNFIT = "unfit"
    """It answers, but something is missing that we need."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result for one candidate: an engine if it is ready, else the evidence and a hint."""

    name: str
    reach: Reach
    engine: Engine | None = None
    evidence: str = ""
    hint: str = ""


def find_engine(
    choice: str | None = None, *, on_note: Callable[[str], None] = lambda _: None
) -> Engine:
    """Return the engine to use.

    Args:
        choice: The engine's name, or ``auto`` for the first that answers; None for the value of the
            environment variable ``CONDOR_MINI_ENGINE``, else ``auto``.
        on_note: Called with a line that names the engine that ``auto`` took instead of others, and
            why.

    Raises:
        UsageError: There is no engine of that name.
        EngineNotFound: It does not answer; holds the evidence and the next command.
    """
    return chosen(survey(choice), on_note=on_note)


def reached(engine: Engine | str | None) -> Engine:
    """Return an engine as it is, or the one that ``find_engine`` finds by that name."""
    return find_engine(engine) if engine is None or isinstance(engine, str) else engine


def with_hosts(engine: Engine, hosts: Sequence[str]) -> Engine:
    """Return an engine together with those of other hosts; without more hosts, it as it is.

    Args:
        engine: Engine of the first host, perhaps with those of others already.
        hosts: ``embedded`` for this machine without an engine, or what ``DockerElsewhere`` takes.
    """
    known = dict(on_each_host(engine))
    if not (more := [host for host in hosts if host not in known]):
        return engine
    first = known.pop(FIRST)
    return several_hosts(first, {**known, **{host: _engine_of(host) for host in more}})


def _engine_of(host: str) -> Engine:
    return _embedded() if host == EMBEDDED else DockerElsewhere(host)


def survey(choice: str | None = None) -> list[Finding]:
    """Ask the candidates in order until one is ready; return what came of each."""
    findings = []
    for candidate in _candidates(choice):
        findings.append(look(candidate))
        if findings[-1].reach is Reach.READY:
            break
    return findings


def chosen(findings: Sequence[Finding], *, on_note: Callable[[str], None]) -> Engine:
    """Return the engine that a survey ended with; raises ``EngineNotFound`` if it found none."""
    *rejected, last = findings
    if last.engine is None:
        raise not_found(findings)
    if rejected:
        reasons = "; ".join(f"not {finding.name}: {finding.evidence}" for finding in rejected)
        on_note(f"Using {last.name} ({reasons})")
    return last.engine


def not_found(findings: Sequence[Finding], *, hint: str | None = None) -> EngineNotFound:
    """Return the error of a survey that found nothing."""
    if len(findings) == 1:
        return EngineNotFound(findings[0].evidence, hint=hint or findings[0].hint)
    evidence = "\n".join(f"{finding.name}: {finding.evidence}" for finding in findings)
    hints = "\n".join(f"{finding.name}: {finding.hint}" for finding in findings)
    return EngineNotFound(f"No container engine answers.\n{evidence}", hint=hint or hints)


def look(candidate: Candidate) -> Finding:
    """Ask one candidate whether it can be used."""
    if candidate.binary is not None and shutil.which(candidate.binary) is None:
        return Finding(
            name=candidate.name,
            reach=Reach.NO_CLIENT,
            evidence=f"There is no command {candidate.binary} on PATH.",
            hint=candidate.hint_absent,
        )
    if (problem := candidate.problem()) is not None:
        return Finding(
            name=candidate.name,
            reach=Reach.NO_CLIENT,
            evidence=problem,
            hint=candidate.hint_absent,
        )
    engine = candidate.make()
    if not candidate.has_daemon:  # nobody is there to be asked
        return Finding(name=candidate.name, reach=Reach.READY, engine=engine)
    try:
        engine.info()
    except EngineNotFound as error:
        return Finding(
            name=candidate.name,
            reach=Reach.DENIED if isinstance(error, EngineAccessDenied) else Reach.NO_DAEMON,
            evidence=error.message,
            hint=error.hint or "",
        )
    except EngineCapabilityError as error:
        return Finding(
            name=candidate.name,
            reach=Reach.UNFIT,
            evidence=error.message,
            hint=error.hint or "",
        )
    return Finding(name=candidate.name, reach=Reach.READY, engine=engine)


def _candidates(choice: str | None) -> Sequence[Candidate]:
    """Return the candidates that the choice admits."""
    origin = ""
    if choice is None:
        choice = os.environ.get(CHOICE_VARIABLE) or AUTO
        origin = f" in {CHOICE_VARIABLE}"
    if choice == AUTO:
        return CANDIDATES
    admitted = [candidate for candidate in CANDIDATES if candidate.name == choice]
    if not admitted:
        known = ", ".join([AUTO, *(candidate.name for candidate in CANDIDATES)])
        raise UsageError(f"There is no engine {choice!r}{origin}.", hint=f"Known are: {known}")
    return admitted
