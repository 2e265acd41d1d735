"""``condor-mini create`` on an engine in memory: options, exit codes, and what goes where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineNotFound
from condor_mini.engine import FakeOutcome
from condor_mini.nodes.node import pool_nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]


def names(engine: PoolEngine) -> list[str]:
    """The nodes of all pools."""
    return [node.name for node in pool_nodes(engine)]


def test_pool_is_there_and_told(condor_mini: Run, pools: PoolEngine) -> None:
    """Without options there is a pool ``mini`` with one node of each role."""
    result = condor_mini("create")
    assert (result.status, result.out) == (0, "The pool mini is usable.\n")
    assert names(pools) == ["mini-master", "mini-submit-1", "mini-execute-1"]


def test_progress_is_on_stderr(condor_mini: Run) -> None:
    """What was done, and what can be done next, is not among the results."""
    lines = condor_mini("create").err.splitlines()
    assert [line.partition(" (")[0] for line in lines[:3]] == [
        "Started 3 nodes of the pool mini",
        "All daemons are ready",
        "Jobs run",
    ]
    assert lines[3].startswith("Open a shell: condor-mini shell. Submit a job: condor-mini submit")


def test_quiet_is_quiet(condor_mini: Run) -> None:
    """-q leaves the result, and nothing else."""
    result = condor_mini("create", "-q")
    assert (result.out, result.err) == ("The pool mini is usable.\n", "")


def test_json_is_the_result(condor_mini: Run) -> None:
    """-o json names the pool and its nodes."""
    result = condor_mini("create", "-n", "ci", "-o", "json")
    assert json.loads(result.out) == {
        "name": "ci",
        "nodes": ["ci-master", "ci-submit-1", "ci-execute-1"],
    }


def test_counts(condor_mini: Run, pools: PoolEngine) -> None:
    """--execute and --submit say how many."""
    condor_mini("create", "--execute", "3", "--submit", "2")
    assert names(pools)[1:] == [
        *("mini-submit-1", "mini-submit-2"),
        *("mini-execute-1", "mini-execute-2", "mini-execute-3"),
    ]


def test_name_of_the_environment(
    condor_mini: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONDOR_MINI_NAME is the name, and what is hinted at needs none."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "lab")
    result = condor_mini("create")
    assert names(pools)[0] == "lab-master"
    assert "Open a shell: condor-mini shell. " in result.err


def test_option_wins_over_the_environment(
    condor_mini: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """-n is the name, and what is hinted at has it."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "lab")
    result = condor_mini("create", "-n", "ci")
    assert names(pools)[0] == "ci-master"
    assert "Open a shell: condor-mini shell -n ci. " in result.err


def test_pool_file_says_the_rest(condor_mini: Run, pools: PoolEngine) -> None:
    """-c reads the pool from a file, its name too."""
    Path("pool.yaml").write_text("version: 1\nname: lab\nexecution_points:\n  - count: 2\n")
    assert condor_mini("create", "-c", "pool.yaml").status == 0
    assert names(pools) == ["lab-master", "lab-submit-1", "lab-execute-1", "lab-execute-2"]


def test_options_win_over_the_pool_file(condor_mini: Run, pools: PoolEngine) -> None:
    """What the command line says, the file does not."""
    Path("pool.yaml").write_text("version: 1\nname: lab\nexecution_points:\n  - count: 2\n")
    assert condor_mini("create", "-c", "pool.yaml", "-n", "ci", "--execute", "1").status == 0
    assert names(pools) == ["ci-master", "ci-submit-1", "ci-execute-1"]


def test_pool_file_from_stdin(condor_mini: Run, pools: PoolEngine) -> None:
    """-c - reads the file from stdin."""
    assert condor_mini("create", "-c", "-", stdin="version: 1\nname: lab\n").status == 0
    assert names(pools)[0] == "lab-master"


def test_pool_file_that_is_wrong(condor_mini: Run, pools: PoolEngine) -> None:
    """Every problem is reported with its place, exit code 7, and the engine is asked nothing."""
    Path("pool.yaml").write_text("version: 1\nname: A\nnodes: 3\n")
    result = condor_mini("create", "-c", "pool.yaml")
    assert result.status == 7
    assert [line.partition(" ")[0] for line in result.err.splitlines()] == [
        "pool.yaml:2:7:",
        "pool.yaml:3:1:",
    ]
    assert pools.calls == []


def test_pool_file_that_is_absent(condor_mini: Run) -> None:
    """A file that is not there is named, with exit code 3."""
    result = condor_mini("create", "-c", "pool.yaml")
    assert (result.status, "pool.yaml" in result.err) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["-n", "Big"], "--name Big"),
        (["-n", "a" * 41], "at most 40"),
        (["-n", ""], "--name"),
        (["-n", "-x"], "--name -x"),
        (["--execute", "-1"], "-1"),
        (["--execute", "many"], "many"),
        (["--execute", "100000"], "100000"),
        (["--submit", "-1"], "-1"),
        (["--htcondor", "24"], "24"),
        (["--timeout", "-1"], "-1"),
        (["--timeout", "soon"], "soon"),
        (["-o", "xml"], "xml"),
        (["--engine", "lorry"], "lorry"),
        (["more", "most"], "most"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused(
    condor_mini: Run, pools: PoolEngine, arguments: list[str], word: str
) -> None:
    """Wrong options are exit code 2, one message that has the value, and nothing is made."""
    result = condor_mini("create", *arguments)
    assert (result.status, result.out) == (2, "")
    assert word in result.err
    assert "Traceback" not in result.err
    assert names(pools) == []


def test_known_series_are_told(condor_mini: Run) -> None:
    """An unknown series is refused with the known ones."""
    said = condor_mini("create", "--htcondor", "24").err
    assert "23" in said
    assert "25" in said


def test_series_is_the_images(condor_mini: Run, pools: PoolEngine) -> None:
    """--htcondor 23 takes the images of that series."""
    for role in ("master", "submit", "execute"):
        pools.add_image(f"condor-{role}:23")
    condor_mini("create", "--htcondor", "23")
    assert {node.info.image.partition(":")[2] for node in pool_nodes(pools)} == {"23"}


def test_pool_that_exists(condor_mini: Run) -> None:
    """A second one of a name is exit code 4, with what can be done."""
    condor_mini("create")
    result = condor_mini("create")
    assert (result.status, result.out) == (4, "")
    assert result.err == (
        "condor-mini: there is a pool mini; it has 3 nodes and runs\n"
        "Use it: condor-mini shell -n mini. Delete it: condor-mini delete -n mini. "
        "Create another: condor-mini create -n NAME\n"
    )


def test_if_not_exists(condor_mini: Run, pools: PoolEngine) -> None:
    """With --if-not-exists the one that is there will do."""
    condor_mini("create")
    before = [node.info for node in pool_nodes(pools)]
    result = condor_mini("create", "--if-not-exists")
    assert (result.status, result.out) == (0, "The pool mini is usable.\n")
    assert [node.info for node in pool_nodes(pools)] == before


def test_pool_that_is_not_ready(condor_mini: Run, pools: PoolEngine) -> None:
    """A missing slot is exit code 5; the message has the logs and what became of the pool."""
    pools.lacking["mini-execute-1"] = "STARTD is not running"
    result = condor_mini("create", "--timeout", "0")
    assert (result.status, result.out) == (5, "")
    assert result.err.splitlines()[-4:-2] == [
        "mini-execute-1 says: STARTD is not running",
        "The end of its log:",
    ]
    assert "All logs: " in result.err
    assert "All that was created of the pool mini was removed." in result.err
    assert names(pools) == []


def test_keep(condor_mini: Run, pools: PoolEngine) -> None:
    """--keep leaves what was made."""
    pools.probe = lambda _: FakeOutcome(returncode=1)
    assert condor_mini("create", "--timeout", "0", "--keep").status == 5
    assert len(names(pools)) == 3


def test_engine_that_does_not_answer(
    condor_mini: Run, pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine is exit code 6, with its own words."""

    def gone() -> None:
        raise EngineNotFound("nobody answers", hint="start it")

    monkeypatch.setattr(pools, "info", gone)
    result = condor_mini("create", "--engine", "fake")
    assert (result.status, result.err) == (6, "condor-mini: nobody answers\nstart it\n")


def test_dry_run_shows_and_makes_nothing(condor_mini: Run, pools: PoolEngine) -> None:
    """--dry-run prints network, nodes and files, and asks nothing of the engine."""
    result = condor_mini("create", "--execute", "2", "--dry-run")
    lines = result.out.splitlines()
    assert lines[0] == "network mini"
    assert "mini-execute-2  condor-execute:25" in lines
    assert "    CONDOR_HOST = mini-master" in lines
    assert pools.calls == []


def test_dry_run_as_json(condor_mini: Run) -> None:
    """With -o json each node has its image, slots and files."""
    shown = json.loads(condor_mini("create", "--dry-run", "-o", "json").out)
    assert [(node["role"], node["slots"]) for node in shown["nodes"]] == [
        ("master", 0),
        ("submit", 0),
        ("execute", 1),
    ]
    assert "CONDOR_HOST = mini-master" in shown["nodes"][2]["files"]["etc/condor/config.d/40-pool"]


def test_interrupt(condor_mini: Run, pools: PoolEngine) -> None:
    """Ctrl-C is exit code 130; the logs are named, and nothing is left."""

    def interrupt(_: object) -> FakeOutcome:
        raise KeyboardInterrupt

    pools.probe = interrupt
    result = condor_mini("create")
    assert result.status == 130
    assert "All logs: " in result.err
    assert result.err.endswith("condor-mini: interrupted\n")
    assert names(pools) == []


def test_option(condor_mini: Run) -> None:
    """`create --execute-image` is what `image` is in a pool file."""
    result = condor_mini("create", "--execute-image", "my/thing:1", "--dry-run")
    assert "mini-execute-1  my/thing:1\n" in result.out


def test_option_is_no_reference(condor_mini: Run) -> None:
    """What is no image's name is refused as an option too."""
    result = condor_mini("create", "--execute-image", "My Thing", "--dry-run")
    assert result.status == 2
    assert "must be the name of an image" in result.err


def test_image_that_is_nowhere(condor_mini: Run, pools: PoolEngine) -> None:
    """One that no registry has is named, with status 3, and nothing is made."""
    result = condor_mini("create", "--execute-image", "my/thing:2")
    assert result.status == 3
    assert "there is no image my/thing:2" in result.err
    assert not pools.has_held_nodes
    assert pools.networks({}) == []
