"""A change of a calm pool is noticed at once, for the dashboard, on a real pool."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.dashboard.pool_watch import WATCHERS, PoolWatch
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool

pytestmark = [pytest.mark.every_engine, pytest.mark.slow_on("docker")]

TIMEOUT_S = 30.0
BEGUN_S = 3.0
"""Within this the programs in the nodes watch, most of the time."""
JOB = {"executable": "/bin/true", "transfer_executable": "false", "requirements": "false"}


@pytest.fixture
def notices(pool: Pool) -> Iterator[Callable[[Callable[[], object]], bool]]:
    """Whether something that is done now is noticed soon."""
    changed = threading.Event()
    watch = PoolWatch(pool.engine, pool.name, lambda: pool.nodes)

    def notices(act: Callable[[], object]) -> bool:
        watch.watch(changed.set)
        changed.wait(BEGUN_S)
        changed.clear()
        act()
        return changed.wait(BEGUN_S)

    yield notices
    watch.close()


def test_calm_pool_says_nothing(pool: Pool) -> None:
    """The programs wait to their end, and say that nothing has changed."""

    def restless() -> str | None:  # jobs of other tests may still be leaving
        nodes = [(node, script) for node in pool.nodes for script in _scripts(node)]
        said = [node.exec(["sh", "-c", script, "sh", "1"], user="root") for node, script in nodes]
        assert len(said) >= 2
        return None if {each.stdout.strip() for each in said} == {"0"} else str(said)

    wait_until(restless, timeout_s=TIMEOUT_S, interval_s=0.1)


def _scripts(node: Node) -> list[str]:
    return [script for role, script in WATCHERS.items() if node.role.acts_as(role)]


def test_submitted_job(pool: Pool, notices: Callable[[Callable[[], object]], bool]) -> None:
    """A job that is submitted is noticed."""
    made = []
    assert any(notices(lambda: made.append(pool.submit(JOB))) for _ in range(5))
    pool.remove_jobs([cluster for each in made for cluster in each.clusters])


def test_daemon_that_is_new(pool: Pool, notices: Callable[[Callable[[], object]], bool]) -> None:
    """A daemon that the collector has not had is noticed, and that it is gone."""
    manager = next(node for node in pool.nodes if node.role is Role.CENTRAL_MANAGER)
    ad = 'MyType = "Generic"\nName = "new"\nMyAddress = "<127.0.0.1:1>"\n'
    gone = 'MyType = "Query"\nTargetType = "Generic"\nRequirements = Name == "new"\n'

    def advertise(command: str, ad: str) -> None:
        script = f"printf '{ad}' >/tmp/ad && condor_advertise {command} /tmp/ad"
        said = manager.exec(["sh", "-c", script], user="root")
        assert said.returncode == 0, said.stderr

    def come_and_go() -> list[bool]:
        return [
            notices(lambda: advertise("UPDATE_AD_GENERIC", ad)),
            notices(lambda: advertise("INVALIDATE_ADS_GENERIC", gone)),
        ]

    assert any(come_and_go() == [True, True] for _ in range(3))


def test_record_of_a_fault(pool: Pool, notices: Callable[[Callable[[], object]], bool]) -> None:
    """What the engine is given for the pool is noticed: a fault's record is a volume."""
    volume = f"{pool.name}-watch"
    try:
        assert notices(lambda: pool.engine.create_volume(volume, labels={}))
    finally:
        pool.engine.remove_volume(volume)
