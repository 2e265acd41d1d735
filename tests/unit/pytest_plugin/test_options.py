"""Options and ini values, and what is said of those that are wrong, before any test runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import pool_nodes
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pool_engine import PoolEngine

WRONG = "version: 1\nname: A\nhtcondor: 99\nexecution_points: [{count: -1}]\n"
WRONG_LINES = (
    "{path}:2:7: name: *",
    "{path}:3:11: htcondor: *there are: *",
    "{path}:4:28: execution_points*0*.count: *",
)


@pytest.fixture
def suite(pytester: pytest.Pytester, found: PoolEngine) -> pytest.Pytester:
    """A test that writes down the pool that it gets."""
    del found
    pytester.makepyfile(
        """
        from pathlib import Path

        def test_pool(condor_pool):
            with Path("pools").open("a") as pools:
                pools.write(f"{condor_pool.engine.name} {len(condor_pool.nodes)} ")
                pools.write(f"{condor_pool.node().series}\\n")
        """
    )
    return pytester


def pools(suite: pytest.Pytester) -> list[str]:
    """The pools that the tests got: engine, number of nodes, series."""
    return (suite.path / "pools").read_text().splitlines()


def refusal(result: pytest.RunResult) -> str:
    """What pytest says when it does not begin: nothing but the error, and its status is 4."""
    assert result.ret is pytest.ExitCode.USAGE_ERROR
    assert result.outlines == []
    message = result.stderr.str().strip()
    assert message.startswith("ERROR: ")
    assert "Traceback" not in message
    return message.removeprefix("ERROR: ")


def test_default_pool(suite: pytest.Pytester) -> None:
    """Without options, the pool has one node of each role, and the newest series."""
    suite.runpytest_inprocess().assert_outcomes(passed=1)
    assert pools(suite) == ["fake 3 25"]


def test_pool_file_beside_the_caller(suite: pytest.Pytester) -> None:
    """The path of a pool file starts from where pytest is run."""
    (suite.path / "pool.yaml").write_text("version: 1\nexecution_points: [{count: 3}]\n")
    result = suite.runpytest_inprocess("--condor-pool-file", "pool.yaml", "--condor-engine", "fake")
    result.assert_outcomes(passed=1)
    assert pools(suite) == ["fake 5 25"]


def test_ini_values(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the ini file the same can be said; a path starts from the directory of that file."""
    suite.makeini("[pytest]\ncondor_pool_file = pool.yaml\ncondor_engine = fake\n")
    (suite.path / "pool.yaml").write_text("version: 1\nexecution_points: [{count: 2}]\n")
    elsewhere = suite.mkdir("elsewhere")
    monkeypatch.chdir(elsewhere)
    suite.runpytest_inprocess("..").assert_outcomes(passed=1)
    assert (elsewhere / "pools").read_text() == "fake 4 25\n"


def test_option_wins_over_ini(suite: pytest.Pytester) -> None:
    """An option on the command line wins over the value in the ini file."""
    suite.makeini("[pytest]\ncondor_engine = nope\n")
    suite.runpytest_inprocess("--condor-engine", "fake").assert_outcomes(passed=1)


def test_each_series(suite: pytest.Pytester, found: PoolEngine) -> None:
    """The tests run with each series, and their ids name it."""
    for role in ("master", "submit", "execute"):
        found.add_image(f"condor-{role}:23")
    result = suite.runpytest_inprocess("-v", "--condor-htcondor", "23,25")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*test_pool?htcondor23? PASSED*", "*test_pool?htcondor25? PASSED*"]
    )
    assert pools(suite) == ["fake 3 23", "fake 3 25"]


def test_series_leave_other_tests_alone(pytester: pytest.Pytester) -> None:
    """A test that uses no pool runs once, and its id names no series."""
    pytester.makepyfile("def test_it(): pass")
    result = pytester.runpytest_inprocess("-v", "--condor-htcondor", "23,25")
    result.stdout.fnmatch_lines(["*::test_it PASSED*"])


def test_unknown_engine(suite: pytest.Pytester) -> None:
    """An unknown engine is refused; the known ones are named."""
    message = refusal(suite.runpytest_inprocess("--condor-engine", "nope"))
    assert message == ("--condor-engine: There is no engine 'nope'.\nKnown are: auto, fake")


def test_unknown_engine_in_the_ini_file(suite: pytest.Pytester) -> None:
    """What is wrong in the ini file is said to be there."""
    suite.makeini("[pytest]\ncondor_engine = nope\n")
    message = refusal(suite.runpytest_inprocess())
    assert message.startswith(f"condor_engine in {suite.path / 'tox.ini'}: There is no engine")


@pytest.mark.parametrize("series", ["24", "25,24", "", "25,"])
def test_unknown_series(suite: pytest.Pytester, series: str) -> None:
    """An unknown series is refused; the known ones are named."""
    message = refusal(suite.runpytest_inprocess("--condor-htcondor", series))
    assert message.startswith("--condor-htcondor: there is no HTCondor series '")
    assert message.endswith("here; there are: 25, 23")


def test_series_named_twice(suite: pytest.Pytester) -> None:
    """A series that is named twice would run the same tests twice."""
    message = refusal(suite.runpytest_inprocess("--condor-htcondor", "25,23,25"))
    assert message == "--condor-htcondor: 25 is named 2 times"


def test_pool_file_with_mistakes(suite: pytest.Pytester) -> None:
    """All mistakes of a pool file are shown, each with its line and column."""
    path = suite.path / "pool.yaml"
    path.write_text(WRONG)
    lines = refusal(suite.runpytest_inprocess("--condor-pool-file", "pool.yaml")).splitlines()
    matcher = pytest.LineMatcher(lines)
    matcher.fnmatch_lines([line.format(path=path) for line in WRONG_LINES], consecutive=True)
    assert len(lines) == len(WRONG_LINES)


def test_absent_pool_file(suite: pytest.Pytester) -> None:
    """A pool file that is absent is named."""
    message = refusal(suite.runpytest_inprocess("--condor-pool-file", "nope.yaml"))
    assert "nope.yaml" in message


def test_reused_pool(suite: pytest.Pytester, found: PoolEngine) -> None:
    """A pool that exists is used, and it is there afterwards."""
    pool = Pool.create("ci", execution_points=2, engine=found)
    suite.runpytest_inprocess("--condor-reuse", "ci").assert_outcomes(passed=1)
    assert pools(suite) == ["fake 4 25"]
    assert len(pool.nodes) == 4


def test_reuse_says_nothing_of_the_ini_file(suite: pytest.Pytester, found: PoolEngine) -> None:
    """What the ini file says of the pool is no contradiction to reusing another."""
    suite.makeini("[pytest]\ncondor_pool_file = nope.yaml\ncondor_htcondor = 23,25\n")
    Pool.create("ci", engine=found)
    suite.runpytest_inprocess("--condor-reuse", "ci").assert_outcomes(passed=1)


def test_reused_pool_is_absent(suite: pytest.Pytester, found: PoolEngine) -> None:
    """There is no pool of that name; those that there are are named."""
    Pool.create("other", engine=found)
    message = refusal(suite.runpytest_inprocess("--condor-reuse", "ci"))
    assert message.startswith("--condor-reuse: ")
    assert "other" in message


def test_reused_pool_is_stopped(suite: pytest.Pytester, found: PoolEngine) -> None:
    """The pool of that name is stopped; what to type is said."""
    Pool.create("ci", engine=found).stop()
    message = refusal(suite.runpytest_inprocess("--condor-reuse", "ci"))
    assert message == ("--condor-reuse: the pool ci is stopped\nStart it: condor-mini start -n ci")


@pytest.mark.parametrize(
    "other", [("--condor-htcondor", "25"), ("--condor-pool-file", "pool.yaml")], ids=lambda o: o[0]
)
def test_contradiction(suite: pytest.Pytester, found: PoolEngine, other: tuple[str, str]) -> None:
    """A pool that is reused cannot be told what to be."""
    Pool.create("ci", engine=found)
    (suite.path / "pool.yaml").write_text("version: 1\n")
    message = refusal(suite.runpytest_inprocess("--condor-reuse", "ci", *other))
    assert message.startswith(f"use either --condor-reuse or {other[0]}, not both")


def test_pool_is_removed(suite: pytest.Pytester, found: PoolEngine) -> None:
    """At the end nothing of the pool is left."""
    suite.runpytest_inprocess().assert_outcomes(passed=1)
    assert (found.containers({}), found.networks({}), found.volumes({})) == ([], [], [])


def test_pool_is_kept(suite: pytest.Pytester, found: PoolEngine) -> None:
    """With ``--condor-keep`` the pool stays, and how to delete it is said."""
    result = suite.runpytest_inprocess("--condor-keep")
    (network,) = found.networks({})
    assert len(pool_nodes(found, network.name)) == 3
    result.stdout.fnmatch_lines(
        [f"The pool {network.name} is kept. Delete it: condor-mini delete -n {network.name}"]
    )
