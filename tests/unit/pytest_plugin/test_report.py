"""What a failing test's report says of pools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import FakeOutcome
from condor_mini.pytest_plugin import report

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeEngine, FakeExec
    from fake_pool import FakePool

JOBS = [
    {"ClusterId": 1, "ProcId": 1, "Owner": "jovyan", "JobStatus": 5, "HoldReason": "no such file"},
    {"ClusterId": 1, "ProcId": 0, "Owner": "jovyan", "JobStatus": 1, "Cmd": "/bin/a"},
]
HISTORY = [
    {
        "ClusterId": 2,
        "ProcId": 0,
        "Owner": "jovyan",
        "JobStatus": 4,
        "ExitCode": 3,
        "Cmd": "/bin/sh",
        "Arguments": "TOKEN=hunter2",
    },
    {
        "ClusterId": 3,
        "ProcId": 0,
        "Owner": "jovyan",
        "JobStatus": 4,
        "ExitBySignal": True,
        "ExitSignal": 9,
    },
    {
        "ClusterId": 4,
        "ProcId": 0,
        "Owner": "jovyan",
        "JobStatus": 3,
        "RemoveReason": "via condor_rm",
    },
]


@pytest.fixture
def on_pool(
    pytester: pytest.Pytester,
    pool: FakePool,
    find: Callable[[FakeEngine], None],
    monkeypatch: pytest.MonkeyPatch,
) -> pytest.Pytester:
    """Tests on the pool ``ci``, which has jobs."""
    monkeypatch.chdir(pytester.path)
    find(pool.engine)
    pytester.makeini("[pytest]\naddopts = --condor-reuse ci\n")
    for tool, ads in (("condor_q", JOBS), ("condor_history", HISTORY)):
        pool.engine.on_exec([tool], _telling(ads))
    return pytester


def _telling(ads: list[dict[str, object]]) -> Callable[[FakeExec], FakeOutcome]:
    return lambda _: FakeOutcome(stdout=json.dumps(ads))


def sections(output: str) -> tuple[list[str], list[str]]:
    """The lines about jobs, and those of the logs."""
    _, _, rest = output.partition("HTCondor jobs, pool ci")
    jobs, _, logs = rest.partition("HTCondor logs, pool ci")
    logs, _, _ = logs.partition("\n====")
    return jobs.splitlines()[1:-1], logs.splitlines()[1:]


def test_jobs_of_a_failing_test(on_pool: pytest.Pytester) -> None:
    """Each job is a line: its state and how it ended, without secrets."""
    on_pool.makepyfile("def test_it(condor_pool): assert False")
    jobs, _ = sections(on_pool.runpytest_inprocess().stdout.str())
    assert jobs == [
        "1.0  jovyan  idle  /bin/a",
        "1.1  jovyan  held, no such file",
        "2.0  jovyan  completed, exit 3  /bin/sh TOKEN=REDACTED",
        "3.0  jovyan  completed, signal 9",
        "4.0  jovyan  removed, via condor_rm",
    ]


def test_logs_of_the_time_of_the_test(on_pool: pytest.Pytester, pool: FakePool) -> None:
    """The logs begin with the test, and are without secrets."""
    pool.engine.write_log("ci-master", "collector: before the test\n")
    on_pool.makeconftest(
        """
        import pytest

        @pytest.fixture
        def write(condor_pool):
            return lambda text: condor_pool.engine.write_log("ci-submit-1", f"schedd: {text}\\n")
        """
    )
    on_pool.makepyfile(
        """
        def test_first(write):
            write("of another test")

        def test_it(write):
            write("PASSWORD=hunter2")
            assert False
        """
    )
    _, logs = sections(on_pool.runpytest_inprocess().stdout.str())
    assert logs == ["ci-submit-1  schedd: PASSWORD=REDACTED"]


def test_long_logs_are_cut(
    on_pool: pytest.Pytester, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of long logs the last lines are there, and how to get the others."""
    del pool
    monkeypatch.setattr(report, "MOST_LINES", 2)
    on_pool.makepyfile(
        """
        def test_it(condor_pool):
            condor_pool.engine.write_log("ci-submit-1", "schedd: 1\\nschedd: 2\\nschedd: 3\\n")
            assert False
        """
    )
    _, logs = sections(on_pool.runpytest_inprocess().stdout.str())
    assert logs[0].startswith("earlier lines are left out: condor-mini logs -n ci --since 20")
    assert logs[1:] == ["ci-submit-1  schedd: 2", "ci-submit-1  schedd: 3"]


def test_failing_setup(on_pool: pytest.Pytester) -> None:
    """A fixture of a user's that fails is reported with jobs and logs, too."""
    on_pool.makepyfile(
        """
        import pytest

        @pytest.fixture
        def job(condor_pool):
            raise ValueError("no")

        def test_it(job): pass
        """
    )
    jobs, logs = sections(on_pool.runpytest_inprocess().stdout.str())
    assert len(jobs) == 5
    assert logs == ["the daemons wrote nothing during the test"]


def test_pool_that_does_not_answer(on_pool: pytest.Pytester, pool: FakePool) -> None:
    """Where a pool has ended, the report says so in place of jobs."""
    del pool
    on_pool.makepyfile(
        """
        def test_it(condor_pool):
            condor_pool.engine.stop("ci-submit-1", timeout_s=1)
            assert False
        """
    )
    jobs, _ = sections(on_pool.runpytest_inprocess().stdout.str())
    assert jobs[0].startswith("not available: ")
    assert "ci-submit-1" in jobs[0]


@pytest.mark.parametrize(
    "test", ["def test_it(condor_pool): pass", "def test_it(): assert False"], ids=["passes", "no"]
)
def test_others_get_no_sections(on_pool: pytest.Pytester, pool: FakePool, test: str) -> None:
    """A test that passes, or that uses no pool, costs no question to the pool."""
    on_pool.makepyfile(test)
    assert "HTCondor" not in on_pool.runpytest_inprocess("-rA").stdout.str()
    assert not [call for call in pool.engine.calls if call.argv[:1] == ("condor_q",)]
