"""Commands that are killed at each call of the engine, with no clean-up, and what finishes them."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.base.layout import BACKGROUND_SCRIPTS, REQUEST_SCRIPTS, SPOOL
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeOutcome
from condor_mini.lifecycle import claim, scale, unfinished
from condor_mini.pool import Pool
from pool_ci import held, spec_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

TOKEN = "/etc/condor/tokens.d/node"  # noqa: S105 (where it is, not what it is)
QUEUE = f"{SPOOL}/job_queue.log"


class Killed(BaseException):
    """The end of a process: from then on it makes no call."""


def scale_to(count: int) -> Callable[[PoolEngine], None]:
    """Return the command that scales the pool."""
    return lambda engine: scale.scale(
        engine, "ci", count, Progress(), group=None, grace_s=0, timeout_s=5
    )


def start_again(engine: PoolEngine) -> None:
    """Start a pool that is stopped."""
    Pool.open("ci", engine=engine).start(timeout_s=5)


def create_again(engine: PoolEngine) -> None:
    """Create the pool unless it exists."""
    Pool.create(spec=spec_of(), engine=engine, if_not_exists=True, timeout_s=5)


def nothing(_: PoolEngine) -> None:
    """Leave the pool as it is."""


def remove_containers(engine: PoolEngine) -> None:
    """Remove all containers, as somebody else may."""
    engine.remove(*(node.name for node in Pool(engine, "ci").nodes))


COMMANDS: dict[str, tuple[Callable[[PoolEngine], None] | None, Callable[[PoolEngine], object]]] = {
    "create": (None, lambda engine: Pool.create(spec=spec_of(), engine=engine, timeout_s=5)),
    "start": (lambda engine: Pool(engine, "ci").stop(), start_again),
    "recreate": (remove_containers, start_again),
    "scale-up": (nothing, scale_to(3)),
    "scale-down": (nothing, scale_to(1)),
    "restart": (nothing, lambda engine: Pool(engine, "ci").restart(timeout_s=5)),
    "renew": (nothing, lambda engine: Pool(engine, "ci").restart(series="25", timeout_s=5)),
    "rotate-key": (nothing, lambda engine: Pool(engine, "ci").members.rotate_key(timeout_s=5)),
    "delete": (nothing, lambda engine: Pool(engine, "ci").delete()),
}
"""What is done to a pool that runs, None if there is to be none; and the command to kill."""


def answer(engine: PoolEngine) -> None:
    """Let the nodes obey the commands of `scale` and `rotate-key`, and believe valid tokens."""
    key = ["key-1"]
    off: dict[str, object] = {}
    """When the nodes were started whose startd was switched off."""

    def issue(call: FakeExec) -> FakeOutcome:
        roles = [line.split()[0] for line in (call.stdin or "").splitlines()]
        return FakeOutcome(stdout="".join(f"{key[0]}.{role}\n" for role in roles))

    def rotate(call: FakeExec) -> FakeOutcome:
        if call.container == "ci-master":
            key.append(key.pop() + "1")
        return FakeOutcome()

    def await_ads(call: FakeExec) -> FakeOutcome:
        wanted = {line.split()[1] for line in (call.stdin or "").splitlines()} - {"ci-master"}
        missing = [
            name
            for name in wanted
            if (name in off and off[name] == started(name))
            or not (engine.files(name)[TOKEN].content or b"").startswith(key[0].encode())
        ]
        text = "".join(f"no ads of {name} are at the collector\n" for name in missing)
        return FakeOutcome(returncode=1 if missing else 0, stdout=text)

    def started(name: str) -> object:
        info = engine.inspect(name)
        return info.started_at if info else None

    def switch_off(call: FakeExec) -> FakeOutcome:
        off[call.container] = started(call.container)
        return FakeOutcome()

    def switch_on(call: FakeExec) -> FakeOutcome:
        off.pop(call.container, None)
        return FakeOutcome()

    engine.issue = issue
    engine.on_exec([f"{REQUEST_SCRIPTS}/rotate-key"], rotate)
    engine.on_exec([f"{REQUEST_SCRIPTS}/await-ads"], await_ads)
    engine.on_exec(["condor_off"], switch_off)
    engine.on_exec([f"{REQUEST_SCRIPTS}/switch-on"], switch_on)
    engine.on_exec([f"{BACKGROUND_SCRIPTS}/renew-tokens"], lambda _: FakeOutcome())
    engine.on_exec(["condor_status"], lambda _: FakeOutcome())
    engine.on_exec(["sh"], lambda _: FakeOutcome(returncode=1))


def enqueue(engine: PoolEngine) -> None:
    """Write a queue to the access point's spool."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("job_queue.log")
        member.size = 4
        tar.addfile(member, io.BytesIO(b"jobs"))
    engine.copy_in("ci-submit-1", buffer.getvalue(), at=SPOOL)


def prepared(make: Callable[[], PoolEngine], name: str) -> PoolEngine:
    """Return an engine in the state before a command."""
    engine = make()
    answer(engine)
    before, _ = COMMANDS[name]
    if before is not None:
        create_again(engine)
        enqueue(engine)
        before(engine)
    return engine


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no wait for a process that is dead last."""
    monkeypatch.setattr(unfinished, "QUIET_S", 0.01)
    monkeypatch.setattr(unfinished, "LOOK_S", 0.01)
    monkeypatch.setattr(claim, "CLAIM_TIMEOUT_S", 0.05)


def kill_at(engine: PoolEngine, name: str, number: int) -> bool:
    """Kill a command at one of its calls; return whether it made so many."""
    _, command = COMMANDS[name]
    engine.fail_at(engine.number + number, Killed(), for_good=True)
    try:
        command(engine)
    except Killed:
        return True
    finally:
        engine.disarm()
    return False


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("finish", [start_again, create_again])
def test_pool_is_finished_after_a_kill(
    new_pools: Callable[[], PoolEngine], name: str, finish: Callable[[PoolEngine], None]
) -> None:
    """Wherever a command is killed, `start` and `create --if-not-exists` make a usable pool."""
    number = 0
    while True:
        number += 1
        engine = prepared(new_pools, name)
        if not kill_at(engine, name, number):
            break
        had_queue = "ci-submit-1-spool" in held(engine)
        if finish is start_again and not held(engine):
            with pytest.raises(NotFound):
                finish(engine)
            continue
        finish(engine)
        check_usable(engine, f"{name} killed at call {number}")
        if had_queue and name != "create":
            assert engine.files("ci-submit-1")[QUEUE].content == b"jobs"
    assert number > 2


@pytest.mark.parametrize("name", COMMANDS)
def test_pool_is_deleted_after_a_kill(new_pools: Callable[[], PoolEngine], name: str) -> None:
    """Wherever a command is killed, `delete` leaves nothing."""
    number = 0
    while True:
        number += 1
        engine = prepared(new_pools, name)
        if not kill_at(engine, name, number):
            break
        Pool(engine, "ci").delete()
        assert held(engine) == []
    assert number > 2


def check_usable(engine: PoolEngine, when: str) -> None:
    """Check that the pool has a node of each role, and that each ran with all that it needs."""
    nodes = Pool(engine, "ci").nodes
    assert {str(node.role) for node in nodes} == {"master", "submit", "execute"}, when
    assert all(node.is_running for node in nodes), when
    for node in nodes:
        wanted = {"/etc/condor/config.d/40-pool"}
        assert wanted <= engine.at_start[node.name], f"{when}: {node.name}"
    if "create" in when:
        assert len(nodes) == 4, when


@pytest.mark.parametrize("finish", [start_again, create_again])
@pytest.mark.parametrize("node", ["ci-execute-1", "ci-master"])
def test_node_on_its_way_down_is_started_again(
    new_pools: Callable[[], PoolEngine], finish: Callable[[PoolEngine], None], node: str
) -> None:
    """A node that a killed `stop` has told to end, and that ends now, is started again."""
    engine = prepared(new_pools, "scale-up")

    def switch_on(call: FakeExec) -> FakeOutcome:
        if call.container == node:
            engine.end(node, exit_code=0)
            raise NotFound(node)
        return FakeOutcome()

    engine.on_exec([f"{REQUEST_SCRIPTS}/switch-on"], switch_on)
    finish(engine)
    check_usable(engine, f"{node} ended")
