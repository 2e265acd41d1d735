"""Runs, their records, and what is removed of those whose process is dead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CondorMiniError, EngineNotFound, PoolNotReady
from condor_mini.engines import Candidate
from condor_mini.pool import Pool
from condor_mini.pytest_plugin.run import Run, remove_dead_runs

if TYPE_CHECKING:
    from condor_mini.engine import Engine
    from pool_engine import PoolEngine


def make(name: str, engine: Engine) -> Pool:
    """Create a pool of that name."""
    return Pool.create(name, engine=engine)


def die(run: Run) -> None:
    """Let go of a run's lock, as the kernel does for a process that is killed."""
    assert run._lock is not None
    run._lock.close()


def names(engine: PoolEngine) -> set[str]:
    """The pools that there are."""
    return {pool.name for pool in Pool.list(engine=engine)}


def test_end_removes_all(found: PoolEngine) -> None:
    """At its end a run has no pools and no directory left."""
    run = Run.begin(keep=False)
    run.create(make, None)
    run.shared("x", make, None)
    assert len(names(found)) == 2
    run.end()
    assert names(found) == set()
    assert not run.directory.exists()


def test_shared_pool_is_made_once(found: PoolEngine) -> None:
    """Processes of one run that ask for the same pool get the same pool; others get others."""
    run = Run.begin(keep=False)
    worker = Run(run.directory)
    first = run.shared("htcondor25", make, None)
    assert worker.shared("htcondor25", make, None).name == first.name
    assert worker.shared("htcondor23", make, None).name != first.name
    assert len(names(found)) == 2


def test_failure_is_shared(found: PoolEngine) -> None:
    """A pool that could not be created is not tried again; all hear why, and where the logs are."""
    del found
    calls = []

    def fail(name: str, engine: Engine) -> Pool:
        del engine
        calls.append(name)
        error = PoolNotReady("no slots", hint="Look at it")
        error.add_note("The logs: /there")
        raise error

    run = Run.begin(keep=False)
    for _ in range(2):
        with pytest.raises(CondorMiniError, match="no slots") as caught:
            run.shared("x", fail, None)
        assert str(caught.value) == "no slots\nLook at it\nThe logs: /there"
    assert len(calls) == 1


def test_maker_that_dies_is_followed_by_another(found: PoolEngine) -> None:
    """If a process ends while it creates the shared pool, the next one creates another."""
    run = Run.begin(keep=False)

    def killed(name: str, engine: Engine) -> Pool:
        make(name, engine)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.shared("x", killed, None)
    (left,) = names(found)
    assert run.shared("x", make, None).name != left
    run.end()
    assert names(found) == set()


def test_end_of_a_worker_removes_nothing(found: PoolEngine) -> None:
    """A process that takes part in a run leaves the pools to the one that began it."""
    run = Run.begin(keep=False)
    worker = Run(run.directory)
    pool = worker.shared("x", make, None)
    worker.end()
    assert names(found) == {pool.name}


def test_next_run_removes_what_a_dead_one_left(found: PoolEngine) -> None:
    """The first pool of a run comes after the pools of dead runs are removed."""
    dead = Run.begin(keep=False)
    dead.create(make, None)
    die(dead)
    pool = Run.begin(keep=False).create(make, None)
    assert names(found) == {pool.name}
    assert not dead.directory.exists()


def test_pool_that_was_never_made_is_no_error(found: PoolEngine) -> None:
    """A run that died before its pool was created leaves a record, which goes away."""
    dead = Run.begin(keep=False)

    def killed(name: str, engine: Engine) -> Pool:
        raise KeyboardInterrupt(name, engine)

    with pytest.raises(KeyboardInterrupt):
        dead.create(killed, None)
    assert len(dead.records) == 1
    die(dead)
    remove_dead_runs()
    assert not dead.directory.exists()
    assert names(found) == set()


def test_others_pools_are_left_alone(found: PoolEngine) -> None:
    """Pools of runs that live, of nobody's run, and such as are kept, are not touched."""
    alive = Run.begin(keep=False)
    kept = Run.begin(keep=True)
    others = {alive.create(make, None).name, kept.create(make, None).name, make("mini", found).name}
    die(kept)
    remove_dead_runs()
    assert names(found) == others
    assert alive.directory.exists()
    assert not kept.directory.exists()


def test_run_that_is_kept_leaves_no_record(found: PoolEngine) -> None:
    """After a run whose pools are kept, nothing of it is left but the pools."""
    kept = Run.begin(keep=True)
    pool = kept.create(make, None)
    kept.remove(pool)
    kept.end()
    assert names(found) == {pool.name}
    assert not kept.directory.exists()


def test_what_cannot_be_removed_is_left_to_a_later_run(
    found: PoolEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While the engine of a dead run does not answer, its record stays, and the log says why."""
    dead = Run.begin(keep=False)
    pool = dead.create(make, None)
    die(dead)

    def silent() -> Engine:
        raise EngineNotFound("nobody is there")

    with monkeypatch.context() as patch:
        candidate = Candidate(name="fake", binary=None, hint_absent="", make=silent)
        patch.setattr("condor_mini.engines.CANDIDATES", (candidate,))
        remove_dead_runs()
    assert f"The pool {pool.name} of a test run could not be removed: nobody is" in caplog.text
    assert names(found) == {pool.name}
    remove_dead_runs()
    assert names(found) == set()


def test_records_are_for_the_user_alone(found: PoolEngine) -> None:
    """Nobody else can write records that say what to remove."""
    del found
    run = Run.begin(keep=False)
    assert [oct(path.stat().st_mode & 0o777) for path in (run.directory, run.directory.parent)] == [
        "0o700",
        "0o700",
    ]


def test_outcome_is_never_half_written(found: PoolEngine) -> None:
    """What other processes read is whole, and no other file is left beside it."""
    del found
    run = Run.begin(keep=False)
    pool = run.shared("x", make, None)
    assert json.loads((run.directory / "x.shared").read_text()) == {
        "pool": pool.name,
        "engine": "fake",
    }
    assert not list(Path(run.directory).glob("*.new"))
