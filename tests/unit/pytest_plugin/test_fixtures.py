"""What tests get from the fixtures."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, NotFound
from condor_mini.engine import FakeOutcome
from condor_mini.pool import Pool
from struck_nodes import StruckNodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import FakeEngine, FakeExec
    from fake_queue import Queue
    from pool_engine import PoolEngine


def test_one_pool_for_all_tests(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """All tests of a run get the same pool."""
    names = (
        "names = set()\ndef check(pool):\n    names.add(pool.name)\n    assert len(names) == 1\n"
    )
    pytester.makepyfile(shared=names)
    for module in ("test_a", "test_b"):
        pytester.makepyfile(
            **{module: "from shared import check\ndef test_it(condor_pool): check(condor_pool)"}
        )
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=2)
    assert sum(call.method == "create_network" for call in found.calls) == 1


def test_pools_of_a_test_are_removed_after_it(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """The factory's pools are there during the test, and removed before the next one."""
    pytester.makepyfile(
        """
        from condor_mini import Pool

        def test_two(condor_pool_factory):
            one, two = condor_pool_factory(execution_points=2), condor_pool_factory()
            assert [len(pool.nodes) for pool in (one, two)] == [4, 3]
            assert {pool.name for pool in Pool.list()} == {one.name, two.name}

        def test_none():
            assert Pool.list() == []
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
    assert found.networks({}) == []


@pytest.mark.parametrize("scope", ["module", "session"])
def test_pools_of_a_wider_scope(pytester: pytest.Pytester, found: PoolEngine, scope: str) -> None:
    """Fixtures of a wider scope have a factory of theirs."""
    pytester.makepyfile(
        f"""
        import pytest
        from condor_mini import Pool

        @pytest.fixture(scope="{scope}")
        def pool({scope}_condor_pool_factory):
            return {scope}_condor_pool_factory()

        def test_one(pool):
            assert len(Pool.list()) == 1

        def test_two(pool):
            assert len(Pool.list()) == 1
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
    assert found.networks({}) == []


def test_pool_that_cannot_be_created(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """Each test says why there is no pool, without a traceback; it is tried once."""

    def fail() -> None:
        raise CommandFailed(["docker", "create"], 1, "no space left on device")

    found.before["create"] = fail
    pytester.makepyfile("def test_a(condor_pool): pass\ndef test_b(condor_pool): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["condor-mini: docker create", "ended with 1: no space left*"])
    result.stdout.no_fnmatch_line("*pytest_plugin*")
    assert sum(call.method == "create_network" for call in found.calls) == 1
    assert found.networks({}) == []


@pytest.fixture
def reusing(
    pytester: pytest.Pytester, queue: Queue, find: Callable[[FakeEngine], None]
) -> pytest.Pytester:
    """Tests on the pool ``mini`` with a queue."""
    find(queue.engine)
    pytester.makeini("[pytest]\naddopts = --condor-reuse mini\n")

    def cat(call: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=f"text of {call.argv[-1].rpartition('/')[2]}")

    queue.engine.on_exec(["cat"], cat)
    return pytester


def test_submitted_jobs(reusing: pytest.Pytester, queue: Queue) -> None:
    """``condor_submit`` waits for jobs, and gives their status and what they wrote."""
    reusing.makepyfile(
        """
        def test_it(condor_submit):
            jobs = condor_submit({"executable": "/bin/false", "Output": "mine"})
            assert jobs.status == 3
            assert jobs.outputs == ["text of mine"]
            assert jobs.errors == ["text of err.0"]
            assert jobs.error == "text of err.0"
        """
    )
    queue.ended = [queue.job(ExitCode=3, Out="mine", Err="err.0", UserLog="log")]
    reusing.runpytest_inprocess().assert_outcomes(passed=1)
    (file,) = (file for path, file in queue.files.items() if path.endswith("job.sub"))
    assert file.content is not None
    text = file.content.decode()
    assert text.splitlines() == [
        "executable = /bin/false",
        "Output = mine",
        "error = err.$(Process)",
        "log = log",
        'transfer_output_files = ""',
        "queue 1",
    ]
    assert [len(queue.commands(tool)) for tool in ("condor_q", "condor_history")] == [1, 1]


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("transfer_input_files", "in.csv", True),
        ("transfer_executable", "false", True),
        ("Transfer_Output_Files", "out.csv", False),
        ("transfer_output_remaps", '"out.csv = 1.csv"', False),
        ("transfer_checkpoint_files", "state", False),
        ("checkpoint_exit_code", "85", False),
        ("should_transfer_files", "NO", False),
        ("when_to_transfer_output", "ON_EXIT_OR_EVICT", False),
        ("output_destination", "https://example.org/", False),
    ],
)
def test_outputs_are_named_where_nothing_is_said_of_them(
    reusing: pytest.Pytester, queue: Queue, key: str, value: str, named: bool
) -> None:
    """``transfer_output_files = ""`` is added, unless a command is about the outputs' transfer."""
    reusing.makepyfile(
        f"""
        def test_it(condor_submit):
            condor_submit({{"executable": "/bin/true", {key!r}: {value!r}}})
        """
    )
    reusing.runpytest_inprocess().assert_outcomes(passed=1)
    (file,) = (file for path, file in queue.files.items() if path.endswith("job.sub"))
    assert file.content is not None
    assert ('transfer_output_files = ""' in file.content.decode().splitlines()) == named


@pytest.mark.parametrize(("text", "probes"), [(None, 0), ("", 0), ("probe_job: true", 1)])
def test_first_job_of_a_test_is_the_pools(
    pytester: pytest.Pytester, found: PoolEngine, text: str | None, probes: int
) -> None:
    """No probe job runs in a test's pool, unless the pool file states it."""
    if text is not None:
        file = pytester.makefile(".yaml", f"version: 1\n{text}\n")
        pytester.makeini(f"[pytest]\ncondor_pool_file = {file.name}\n")
    pytester.makepyfile("def test_it(condor_pool, condor_pool_factory): condor_pool_factory()")
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=1)
    said = [call for call in found.calls if call.method == "exec" and "probe-job" in str(call.argv)]
    assert len(said) == 2 * probes


def test_jobs_that_are_left_are_removed(reusing: pytest.Pytester, queue: Queue) -> None:
    """Jobs of a test that did not wait to their end are removed after it."""
    reusing.makepyfile(
        """
        import pytest
        from condor_mini import PoolNotReady

        def test_it(condor_submit):
            with pytest.raises(PoolNotReady):
                condor_submit({"executable": "/bin/sleep"}, timeout_s=0)
        """
    )
    queue.queued = [queue.job(JobStatus=1)]
    reusing.runpytest_inprocess().assert_outcomes(passed=1)
    assert queue.commands("condor_rm") == [("condor_rm", "7")]


def test_client_objects_are_made_once(
    pytester: pytest.Pytester, found: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``condor_client`` is what the pool's ``client`` returns, in use until the run ends."""
    del found
    events: list[str] = []

    @contextmanager
    def client(pool: Pool) -> Iterator[str]:
        events.append("begins")
        yield f"objects of {pool.name}"
        assert pool.nodes
        events.append("ends")

    monkeypatch.setattr(Pool, "client", client)
    pytester.makepyfile(
        """
        def test_one(condor_client, condor_pool):
            assert condor_client == f"objects of {condor_pool.name}"

        def test_two(condor_client): pass
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)
    assert events == ["begins", "ends"]


def test_client_without_bindings(
    pytester: pytest.Pytester, found: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where HTCondor's bindings are not installed, the test says what to type."""
    del found

    def client(_: Pool) -> None:
        raise NotFound("no bindings", hint="Install them: pip install htcondor")

    monkeypatch.setattr(Pool, "client", client)
    pytester.makepyfile("def test_it(condor_client): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["condor-mini: no bindings", "Install them: pip install htcondor"], consecutive=True
    )


def test_faults_are_healed_after_the_test(pytester: pytest.Pytester, found: PoolEngine) -> None:
    """A fault that a test leaves in force is undone before the next one."""
    struck = StruckNodes(engine=found)
    pytester.makepyfile(
        """
        def test_first(condor_pool, condor_faults):
            condor_faults.freeze("execute-1", "startd")
            assert condor_pool.status().faults
        def test_second(condor_pool):
            assert not condor_pool.status().faults
        """
    )
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=2)
    assert not any(struck.stopped.values())
