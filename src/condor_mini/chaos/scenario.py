"""``Scenario``: a file that says what happens to a pool when, beside which jobs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from condor_mini.base.errors import ScenarioError, UsageError
from condor_mini.chaos.drawn_options import needs_a_step
from condor_mini.chaos.values import (
    ClassAdText,
    Duration,
    FaultName,
    Moment,
    Options,
    SubmitCommands,
    When,
)
from condor_mini.faults.catalogue import FAULTS
from condor_mini.faults.choices import problems
from condor_mini.faults.fault import Strikes
from condor_mini.jobs.submit import description_text
from condor_mini.reports.logs import known_daemon
from condor_mini.spec.base import Location, Part, ShortForm, reading
from condor_mini.spec.document import Document, Source
from condor_mini.spec.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.faults.fault import Fault

SCHEMA_ID = "urn:condor-mini:scenario:1"
ALL_JOBS = "true"
MOST_STEPS = 1000


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | dict) else value


def _found(value: object, info: ValidationInfo) -> object:
    """Return the absolute path of a submit file that is named relative to the scenario."""
    base = reading(info).base
    if not isinstance(value, str) or base is None:
        return value
    path = base / value
    if not path.is_file():
        raise ValueError(f"there is no file {value}")
    return os.fspath(path)


class Work(Part):
    """Jobs that the scenario submits."""

    submit: Annotated[str | SubmitCommands, BeforeValidator(_found)]
    """Path of a submit file, relative to the scenario; or submit commands with their values."""
    count: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Number of jobs of the submit commands, by default 1. A submit file says it itself."""
    access_point: str | None = None
    """Name of the access point: submit-2. The default is the first."""

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield what of it condor_submit would not take."""
        if isinstance(self.submit, str):
            if self.count is not None:
                yield ("count",), "goes with submit commands: a submit file has its own queue"
            return
        try:
            description_text(self.submit, self.count or 1)
        except UsageError as error:
            yield ("submit",), error.message


class Step(Part):
    """A fault, and when it strikes what."""

    at: When = Moment(seconds=0.0)
    """When: 30s after all jobs were submitted, or when 10% of them have ended. At once by default.
    """
    fault: FaultName
    """Name of the fault: condor-mini fault list."""
    target: Annotated[
        tuple[ClassAdText, ...], BeforeValidator(_listed), Field(strict=False), ShortForm(item=True)
    ] = ()
    """What it strikes: a node (execute-1), nodes, a daemon (execute-1/startd), or a ClassAd
    expression of jobs (ProcId < 5). The default for jobs is all jobs of the scenario.
    """
    access_point: str | None = None
    """Access point of the jobs that it strikes: submit-2. The default is the first."""
    options: Options = Field(default_factory=dict)
    """The fault's options by their names: percent, rate, file, signal, reason, code, ..."""
    for_s: Annotated[Duration | None, Field(alias="for")] = None
    """How long it stays in force: 20s. Without it, to the end of the scenario."""

    @property
    def catalogued(self) -> Fault:
        """The entry of the fault in the catalogue."""
        return FAULTS[self.fault]

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield what does not fit this fault."""
        fault = self.catalogued
        if self.for_s is not None and not fault.lasts:
            yield ("for",), f"{fault.name} is a moment: it has no time"
        if fault.strikes is not Strikes.JOBS and self.access_point is not None:
            yield ("access_point",), f"{fault.name} strikes {fault.strikes}, and no jobs"
        yield from self._of_target(fault)
        for option, message in problems(fault, self.options):
            yield ("options", option), message

    def _of_target(self, fault: Fault) -> Iterator[tuple[Location, str]]:
        here = ("target",)
        if fault.strikes is Strikes.JOBS:
            if len(self.target) > 1:
                yield here, "must be one ClassAd expression"
            return
        if not self.target:
            yield here, f"the key target is missing: {fault.name} strikes {fault.strikes}"
        elif fault.strikes is not Strikes.NODES and len(self.target) > 1:
            yield here, f"must be one: {fault.name} strikes {fault.strikes}"
        elif fault.strikes is Strikes.DAEMON:
            node, _, daemon = self.target[0].partition("/")
            if not node or not daemon:
                yield here, f"must be NODE/DAEMON (execute-1/{fault.daemons[0]})"
            elif (name := known(daemon)) not in fault.daemons:
                yield here, f"{fault.name} strikes {', '.join(fault.daemons)}, not {name}"
        elif any("/" in name for name in self.target):
            yield here, f"must be a node (execute-1): {fault.name} strikes {fault.strikes}"


def known(daemon: str) -> str:
    """Return a daemon's name as the catalogue has it, or what was given if there is none."""
    try:
        return known_daemon(daemon)
    except UsageError:
        return daemon


class RandomFaults(Part):
    """Faults that are drawn by the seed."""

    count: Annotated[int, Field(ge=1, le=MOST_STEPS)]
    """How many."""
    within: Duration = 60.0
    """They strike between the start and then."""
    longest: Duration = 10.0
    """A fault that lasts stays in force for 1 s to so long."""
    faults: tuple[FaultName, ...] = Field(default=(), strict=False)
    """Draw these. The default: those of this engine after which jobs can complete by themselves."""
    nodes: tuple[str, ...] = Field(default=("execute-*",), strict=False)
    """Patterns of the nodes that they strike. By default all execution points."""

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield the faults that cannot be drawn."""
        for place, fault in enumerate(self.faults):
            if option := needs_a_step(fault):
                yield ("faults", place), f"{fault} needs its option {option}: make it a step"


class Scenario(Part):
    """A scenario of faults."""

    version: Literal[1] = 1
    """Version of the format."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] | None = None
    """What random faults are drawn by. The same seed draws the same. Another one each time by
    default.
    """
    timeout_s: Annotated[Duration, Field(alias="timeout")] = 600.0
    """Give up if not all jobs have ended so long after they were submitted."""
    workload: Annotated[tuple[Work, ...], BeforeValidator(_listed), Field(strict=False)] = ()
    """Jobs that the scenario submits. The default is what is in the queue when it begins."""
    steps: Annotated[tuple[Step, ...], Field(strict=False, max_length=MOST_STEPS)] = ()
    """What strikes when."""
    random: RandomFaults | None = None
    """Faults that are drawn."""

    def contradictions(self) -> Iterator[tuple[Location, str]]:
        """Yield what makes it a scenario of nothing."""
        if not self.steps and self.random is None:
            yield (), "nothing is to happen: add steps, or random faults"

    @classmethod
    def read(cls, file: str | os.PathLike[str]) -> Scenario:
        """Return the scenario in a file, or in stdin for ``-``.

        Raises:
            ScenarioError: The file cannot be read or has mistakes; lists all of them.
            NotFound: There is no such file.
        """
        return _DOCUMENT.load(_DOCUMENT.read(file))

    @classmethod
    def load(cls, text: str, *, source: str = "scenario", base: Path | None = None) -> Scenario:
        """Return the scenario in a text.

        Args:
            text: Text of the scenario, YAML.
            source: Its name in messages.
            base: Absolute path of the directory that submit files are relative to. None for the
                current one.

        Raises:
            ScenarioError: The text has mistakes; lists all of them, with line and column.
        """
        return _DOCUMENT.load(Source(text=text, name=source, base=base or Path.cwd()))


def json_schema() -> dict[str, object]:
    """Return the JSON schema (draft 2020-12) of a scenario."""
    schema = schema_of(Scenario, SCHEMA_ID, "Scenario of condor-mini")
    return {**schema, "required": ["version"]}


_DOCUMENT = Document(words="scenario", model=Scenario, error=ScenarioError, example="version: 1")
