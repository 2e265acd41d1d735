"""Scenarios as people write them, and all their problems with line and column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema
import pytest

from condor_mini.base.errors import NotFound, ScenarioError
from condor_mini.chaos.scenario import Scenario, json_schema
from condor_mini.chaos.values import Moment
from condor_mini.spec import yaml_tree

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = """\
version: 1
seed: 7
timeout: 5m
workload:
  - submit: work.sub
    access_point: submit-2
  - submit: {executable: /bin/sleep, arguments: 2, transfer_executable: false}
    count: 20
steps:
  - at: 10%
    fault: kill-node
    target: execute-1
    for: 20s
  - at: 1m30s
    fault: partition
    target: [execute-1, execute-2]
    options: {from: [submit-1]}
  - fault: freeze
    target: execute-1/startd
    for: 500ms
  - at: 5
    fault: hold
    target: ProcId < 5
    options: {reason: no input, code: 13, subcode: 2}
random:
  count: 3
  within: 20s
  longest: 2.5
  faults: [evict, kill, loss]
  nodes: [execute-*]
"""
WRONG = """\
version: 1
workload:
  submit: nothing.sub
  count: 3
steps:
  - at: 100%
    fault: kill-nod
    target: execute-1
  - at: 5s
    fault: evict
    for: 3s
  - fault: loss
    target: execute-1
    options: {percnt: 3}
  - fault: freeze
    target: execute-1
  - fault: kill-node
    targt: x
  - fault: stop
    target: execute-1/shadow
  - fault: hold
    options: {code: high}
  - fault: evict
    target: [ProcId == 1, ProcId == 2]
  - fault: kill-node
    target: [execute-1, execute-2]
    access_point: submit-1
random: {count: 0, longest: -1, faults: [lose-file]}
"""
PROBLEMS = """\
bad.yaml:3:11: workload.submit: there is no file nothing.sub
bad.yaml:6:9: steps[0].at: must be a duration (30s, 1m30s) or a part of the jobs (10%), not '100%'
bad.yaml:7:12: steps[0].fault: there is no fault kill-nod; did you mean kill-node?
bad.yaml:11:10: steps[1].for: evict is a moment: it has no time
bad.yaml:14:14: steps[2].options: loss needs --percent P
bad.yaml:14:23: steps[2].options.percnt: loss has no option percnt
bad.yaml:16:13: steps[3].target: must be NODE/DAEMON (execute-1/master)
bad.yaml:17:5: steps[4]: the key target is missing: kill-node strikes NODE
bad.yaml:18:5: steps[4].targt: there is no such key: did you mean target?
bad.yaml:20:13: steps[5].target: stop strikes collector, negotiator, schedd, startd, not shadow
bad.yaml:22:21: steps[6].options.code: hold --code high: that is no number
bad.yaml:24:13: steps[7].target: must be one ClassAd expression
bad.yaml:26:13: steps[8].target: must be one: kill-node strikes NODE
bad.yaml:27:19: steps[8].access_point: kill-node strikes NODE, and no jobs
bad.yaml:28:17: random.count: must be at least 1, not 0
bad.yaml:28:29: random.longest: must be a duration: 500ms, 30s, 1m30s, not -1"""


@pytest.fixture
def read(tmp_path: Path) -> Scenario:
    """A scenario that has everything."""
    (tmp_path / "work.sub").write_text("queue\n")
    (tmp_path / "s.yaml").write_text(EVERYTHING)
    return Scenario.read(tmp_path / "s.yaml")


def test_everything_is_read(read: Scenario, tmp_path: Path) -> None:
    """Each key has its value, and a submit file is found beside the scenario."""
    first, second = read.workload
    assert (first.submit, first.access_point) == (str(tmp_path / "work.sub"), "submit-2")
    assert second.submit == {
        "executable": "/bin/sleep",
        "arguments": "2",
        "transfer_executable": "false",
    }
    assert [str(step.at) for step in read.steps] == ["10 %", "90 s", "0 s", "5 s"]
    assert [step.for_s for step in read.steps] == [20.0, None, 0.5, None]
    assert read.steps[1].target == ("execute-1", "execute-2")
    assert read.steps[3].options == {"reason": "no input", "code": "13", "subcode": "2"}
    assert read.random is not None
    assert (read.seed, read.timeout_s, read.random.longest) == (7, 300.0, 2.5)


def test_all_problems_are_told(tmp_path: Path) -> None:
    """Each with its line and column, in one error."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.load(WRONG, source="bad.yaml", base=tmp_path)
    assert str(caught.value) == PROBLEMS


def test_what_cannot_be_drawn_is_named() -> None:
    """A random fault has no file to lose."""
    with pytest.raises(ScenarioError, match=r"random.faults\[0\]: lose-file needs its option file"):
        Scenario.load("{version: 1, random: {count: 1, faults: [lose-file]}}")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version: 1\n", "1:1: nothing is to happen: add steps, or random faults"),
        ("- steps", "1:1: a scenario is a mapping of keys to values, for example version: 1"),
        ("steps: [{fault: evict}]", "1:1: the key version is missing: add version: 1"),
        ("version: 2", "1:10: version: this condor-mini reads version 1 of the format, not 2"),
        (
            "version: 1\nworkload: {submit: {queue: 3}}\nsteps: [{fault: evict}]",
            "2:20: workload.submit: 'queue' is not a submit command",
        ),
        (
            "version: 1\nsteps: [{fault: evict, options: {x: [1]}}]",
            "2:37: steps[0].options.x: must be text, a number, or a list of texts, not a list",
        ),
    ],
)
def test_one_problem(text: str, problem: str) -> None:
    """What else may be wrong."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.load(text)
    assert str(caught.value) == f"scenario:{problem}"


def test_no_such_file(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(NotFound, match=r"there is no scenario .*gone\.yaml"):
        Scenario.read(tmp_path / "gone.yaml")


def test_schema_takes_what_is_right_and_refuses_what_is_not() -> None:
    """As far as a schema can say it."""
    schema = json_schema()
    jsonschema.validate(yaml_tree.parse(EVERYTHING)[0].plain(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml_tree.parse(WRONG)[0].plain(), schema)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("0%", Moment(percent=0)),
        ("99 %", Moment(percent=99)),
        ("1m30s", Moment(seconds=90.0)),
        ("500ms", Moment(seconds=0.5)),
        (0, Moment(seconds=0.0)),
        (2.5, Moment(seconds=2.5)),
    ],
)
def test_moments(written: object, moment: Moment) -> None:
    """A part of the jobs, or a duration."""
    assert Moment.parse(written) == moment


@pytest.mark.parametrize("written", ["soon", "-3s", -3, True, None, "100%", "1.5%", [], "1e3"])
def test_no_moments(written: object) -> None:
    """Anything else is refused, with what is wanted."""
    with pytest.raises(ValueError, match="must be a duration"):
        Moment.parse(written)
