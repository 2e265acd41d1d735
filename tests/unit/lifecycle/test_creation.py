"""Making pools, adding to them and removing them on an engine in memory, and every way to fail."""

from __future__ import annotations

import re
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from condor_mini.base import parallel, signals
from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    CondorMiniError,
    EngineCapabilityError,
    EngineNotFound,
    NotFound,
    PoolNotReady,
)
from condor_mini.base.layout import LABEL, LIBEXEC
from condor_mini.base.progress import Progress
from condor_mini.cli import Terminated
from condor_mini.engine import ContainerSpec, FakeEngine, FakeOutcome
from condor_mini.lifecycle import creation, ready, rollback, startup
from condor_mini.lifecycle.life import scale
from condor_mini.nodes.node import Role, pool_nodes
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from condor_mini.spec.base import Reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from condor_mini.engine import FakeExec
    from pool_engine import PoolEngine

LIMITED = "/etc/condor/config.d/25-limited"
TOKEN = re.compile(r"eyJ[\w.-]+")
FAILURES: dict[str, Callable[[], CondorMiniError]] = {
    "failed": lambda: CommandFailed(["docker", "it"], 1, "it broke"),
    "late": lambda: CommandFailed(["docker", "it"], None, ""),
    "absent": lambda: NotFound("it is absent"),
    "gone": lambda: EngineNotFound("nobody answers"),
}
SIGNALS = {"ctrl-c": (signal.SIGINT, KeyboardInterrupt), "term": (signal.SIGTERM, Terminated)}


def spec_of(**facts: object) -> PoolSpec:
    """A pool ``ci`` with two execution points and a volume of its own."""
    plain = {
        "name": "ci",
        "access_points": [{"volumes": ["data:/data"]}],
        "execution_points": [{"count": 2}],
        **facts,
    }
    return PoolSpec.model_validate(plain, context=Reading(base=Path("/")))


def create(engine: PoolEngine, *, keep: bool = False, timeout_s: float = 5) -> None:
    """Make the pool ``ci``."""
    creation.create(engine, spec_of(), Progress(), timeout_s=timeout_s, keep=keep)


def add_two(engine: PoolEngine) -> None:
    """Have four execution points in the pool ``ci``."""
    scale(engine, "ci", 4, Progress(), group=None, grace_s=0, timeout_s=5)


def held(engine: PoolEngine) -> list[str]:
    """What the engine holds that bears our label; nothing befalls its calls from now on."""
    engine.disarm()
    label = {f"{LABEL}.kind": "pool"}
    names = [info.name for info in engine.containers(label)]
    names += [network.name for network in engine.networks(label)]
    return sorted(names + [volume.name for volume in engine.volumes(label)])


STATE = {
    "ci-master": ("spool", "key", "tokens", "log"),
    "ci-submit-1": ("spool", "home", "key", "tokens", "log"),
    "ci-execute-1": ("tokens", "log"),
    "ci-execute-2": ("tokens", "log"),
}
KEPT = [f"{node}-{volume}" for node, volumes in STATE.items() for volume in volumes]
WHOLE = sorted(["ci", "ci-data", *STATE, *KEPT])


# -- a pool that comes to be ----------------------------------------------------------------------


def test_create_makes_all_of_it(pools: PoolEngine) -> None:
    """Afterwards the engine has network, volume, and a running container for every node."""
    create(pools)
    assert held(pools) == WHOLE
    assert all(node.is_running for node in pool_nodes(pools, "ci"))


@pytest.mark.parametrize(
    ("limit", "limits"),
    [
        ({"cpus": 1.0}, ("memory_mb",)),
        ({"memory": "512MiB"}, ("cpus",)),
        ({"processes": 100}, ("cpus", "memory_mb")),
    ],
)
def test_limit_that_would_not_hold_is_refused(
    pools: PoolEngine,
    monkeypatch: pytest.MonkeyPatch,
    limit: dict[str, object],
    limits: tuple[str, ...],
) -> None:
    """What an engine would not heed is said before anything is made."""
    info = replace(pools.info(), limits=limits)
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"limit": limit})
    with pytest.raises(EngineCapabilityError, match="nothing would come of `limit: "):
        creation.create(pools, spec, Progress(), timeout_s=5)
    assert held(pools) == []


def test_limit_that_holds_is_no_matter(pools: PoolEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the engine heeds limits, or none is asked for, the pool is made."""
    info = replace(pools.info(), limits=("cpus",))
    monkeypatch.setattr(pools, "info", lambda: info)
    spec = spec_of(central_manager={"limit": {"cpus": 1.0}})
    creation.create(pools, spec, Progress(), timeout_s=5)
    assert held(pools) != []


def test_execution_points_have_a_limit_of_processes(pools: PoolEngine) -> None:
    """Those that name none have one too, however they came to be, and no other node has."""
    create(pools)
    add_two(pools)
    pools.remove("ci-execute-1")
    Pool.open("ci", engine=pools).start()
    limits = {node.name: pools.spec(node.name).pids for node in pool_nodes(pools, "ci")}
    executes = {f"ci-execute-{number}": 2048 for number in (1, 2, 3, 4)}
    assert limits == {"ci-master": None, "ci-submit-1": None, **executes}
    knobs = {name: LIMITED in pools.files(name) for name in limits}
    assert knobs == {name: name in executes for name in limits}


@pytest.mark.parametrize(
    ("group", "expected"), [({"limit": {"processes": 100}}, 100), ({"slots": 1000}, 16000)]
)
def test_limit_of_processes_fits_the_node(
    pools: PoolEngine, group: dict[str, object], expected: int
) -> None:
    """It is the one that is named, or else leaves room for a job in each static slot."""
    creation.create(pools, spec_of(execution_points=[group]), Progress(), timeout_s=5)
    assert pools.spec("ci-execute-1").pids == expected


def test_no_limit_of_processes_where_none_holds(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that has no such limit is not asked for one that nobody has named."""
    info = replace(pools.info(), limits=())
    monkeypatch.setattr(pools, "info", lambda: info)
    create(pools)
    assert pools.spec("ci-execute-1").pids is None
    assert LIMITED not in pools.files("ci-execute-1")


def test_network_is_the_first_thing_made(pools: PoolEngine) -> None:
    """The name is claimed before anything else is made."""
    create(pools)
    making = {"create_network", "create_volume", "create"}
    made = [call.method for call in pools.calls if call.method in making]
    assert (made[0], made.count("create_network")) == ("create_network", 1)


def test_central_manager_runs_before_tokens_are_issued(pools: PoolEngine) -> None:
    """Tokens are asked of a central manager that was started."""
    create(pools)
    issued = pools.index("exec", "issue-tokens")
    (manager,) = (node for node in pool_nodes(pools, "ci") if node.role is Role.CENTRAL_MANAGER)
    assert pools.index("start", manager.info.id) < issued


@pytest.mark.parametrize("name", ["ci-submit-1", "ci-execute-1", "ci-execute-2"])
def test_node_has_its_token_before_it_starts(pools: PoolEngine, name: str) -> None:
    """When a node starts, its token and its configuration are there."""
    create(pools)
    assert {"/etc/condor/tokens.d/node", "/etc/condor/config.d/40-pool"} <= pools.at_start[name]


def test_each_node_has_a_token_of_its_own(pools: PoolEngine) -> None:
    """No two nodes share a token, and each one's is for its role."""
    create(pools)
    tokens = {
        name: pools.files(name)["/etc/condor/tokens.d/node"].content
        for name in ("ci-submit-1", "ci-execute-1", "ci-execute-2")
    }
    roles = [(content or b"").decode().split(".")[1] for content in tokens.values()]
    assert (len(set(tokens.values())), roles) == (3, ["submit", "execute", "execute"])


def test_token_is_readable_by_root_only(pools: PoolEngine) -> None:
    """The token's file has mode 600 and belongs to root."""
    create(pools)
    file = pools.files("ci-execute-1")["/etc/condor/tokens.d/node"]
    assert (file.mode, file.uid) == (0o600, 0)


def test_token_passes_nothing_that_others_see(pools: PoolEngine) -> None:
    """No token stands in a command line, an environment or a label."""
    create(pools)
    specs = [pools.spec(node.name) for node in pool_nodes(pools, "ci")]
    shown = [*(repr(spec) for spec in specs), *(repr(call) for call in pools.calls)]
    assert not [text for text in shown if TOKEN.search(text)]


def test_token_is_in_no_error(pools: PoolEngine) -> None:
    """Where too few tokens come, the error shows none."""
    pools.issue = lambda _: FakeOutcome(stdout="eyJhbGciOi.submit.one\n", stderr="no more\n")
    with pytest.raises(PoolNotReady, match="no tokens could be issued: no more") as caught:
        create(pools)
    assert not TOKEN.search(str(caught.value))


def test_pool_without_a_probe_job_runs_none(pools: PoolEngine) -> None:
    """With ``probe_job: false`` nothing is submitted."""
    spec = spec_of(probe_job=False)
    creation.create(pools, spec, Progress(), timeout_s=5)
    assert not [call for call in pools.calls if "probe-job" in repr(call.argv)]


def test_every_access_point_is_probed(pools: PoolEngine) -> None:
    """Each access point must have run a job."""
    spec = spec_of(access_points=[{"count": 3}])
    creation.create(pools, spec, Progress(), timeout_s=5)
    probed = {call.target for call in pools.calls if "probe-job" in repr(call.argv)}
    assert probed == {n.info.id for n in pool_nodes(pools, "ci") if n.role is Role.ACCESS_POINT}


# -- names that are taken -------------------------------------------------------------------------


def test_pool_that_exists_is_told(pools: PoolEngine) -> None:
    """A second pool of a name is refused, and the first one stays as it is."""
    create(pools)
    before = [node.info for node in pool_nodes(pools, "ci")]
    with pytest.raises(AlreadyInUse, match="there is a pool ci; it has 4 nodes and runs"):
        create(pools)
    assert [node.info for node in pool_nodes(pools, "ci")] == before


def test_foreign_container_is_neither_used_nor_removed(pools: PoolEngine) -> None:
    """A container that has a node's name and is not ours stays, and nothing else is left."""
    pools.create(ContainerSpec(image="condor-master:25", name="ci-execute-2"))
    with pytest.raises(AlreadyInUse):
        create(pools)
    assert [info.name for info in pools.containers({})] == ["ci-execute-2"]
    assert held(pools) == []


@pytest.mark.parametrize("kind", ["network", "volume"])
def test_foreign_thing_is_neither_used_nor_removed(pools: PoolEngine, kind: str) -> None:
    """A network or volume of that name that is no pool's is refused, and stays."""
    name = {"network": "ci", "volume": "ci-data"}[kind]
    getattr(pools, f"create_{kind}")(name, labels={"whose": "theirs"})
    with pytest.raises(AlreadyInUse, match="is no pool's"):
        create(pools)
    assert [thing.name for thing in getattr(pools, f"{kind}s")({})] == [name]


def test_loser_of_a_race_removes_nothing(pools: PoolEngine) -> None:
    """Who finds the network taken when it wants it, and then nodes, leaves all of it alone."""
    beaten = False

    def meanwhile() -> None:
        nonlocal beaten
        if not beaten:
            beaten = True
            create(pools)

    pools.before["create_network"] = meanwhile
    with pytest.raises(AlreadyInUse, match="there is a pool ci"):
        create(pools)
    assert held(pools) == WHOLE


def test_network_that_a_kill_has_left_is_taken_over(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody has made nodes for a while, the network is removed and made anew."""
    monkeypatch.setattr(creation, "CLAIM_TIMEOUT_S", 0.2)
    pools.create_network("ci", labels={f"{LABEL}.kind": "pool", f"{LABEL}.pool": "ci"})
    create(pools)
    assert held(pools) == WHOLE


@pytest.mark.parametrize(("network", "start"), [(True, True), (False, False)])
def test_the_state_of_a_pool_is_not_overwritten(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch, *, network: bool, start: bool
) -> None:
    """A pool whose containers are gone keeps its name; with its network it can be started again."""
    monkeypatch.setattr(creation, "CLAIM_TIMEOUT_S", 0.2)
    create(pools)
    pools.remove(*(node.info.id for node in pool_nodes(pools, "ci")))
    if not network:
        pools.remove_network("ci")
    kept = held(pools)
    with pytest.raises(AlreadyInUse, match="its state is kept") as raised:
        create(pools)
    assert held(pools) == kept
    assert ("condor-mini start -n ci" in str(raised.value.hint)) == start


def test_if_not_exists_makes_a_kept_pool_anew(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``if_not_exists`` a pool of which only its state is left is started."""
    monkeypatch.setattr(creation, "CLAIM_TIMEOUT_S", 0.2)
    create(pools)
    pools.remove(*(node.info.id for node in pool_nodes(pools, "ci")))
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE
    assert "remove_volume" not in [call.method for call in pools.calls]


def test_start_that_is_refused_is_tried_again(pools: PoolEngine) -> None:
    """While the loser of a race still has a network of that name, Docker starts nothing."""
    refused = iter(["ambiguous"] * 2)

    def refuse() -> None:
        if next(refused, None):
            raise CommandFailed(["docker", "start"], 1, "it is ambiguous")

    pools.before["start"] = refuse
    create(pools)
    assert held(pools) == WHOLE


def test_start_that_is_refused_for_good_fails(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is refused for longer is a failure, with the engine's own words."""
    monkeypatch.setattr(startup, "START_PATIENCE_S", 0.1)

    def refuse() -> None:
        raise CommandFailed(["docker", "start"], 1, "it is ambiguous")

    pools.before["start"] = refuse
    with pytest.raises(CommandFailed, match="it is ambiguous"):
        create(pools)


# -- failures -------------------------------------------------------------------------------------


def count_calls(make: Callable[[PoolEngine], None], engine: PoolEngine) -> int:
    """How many calls of the engine a success takes."""
    before = engine.number
    make(engine)
    return engine.number - before


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("failure", FAILURES)
def test_failure_of_any_call_leaves_nothing(
    new_pools: Callable[[], PoolEngine], failure: str, *, after: bool
) -> None:
    """Whichever call of the engine fails, and however, all that was made is gone."""
    total = count_calls(create, new_pools())
    failed = 0
    for number in range(1, total + 1):
        engine = new_pools()
        engine.fail_at(number, FAILURES[failure](), after=after)
        try:
            create(engine)
        except CondorMiniError:
            failed += 1
            assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"
        else:
            # What was not answered is asked again, as is a start that was refused.
            assert held(engine) == WHOLE, f"call {number}: {engine.calls[number - 1]}"
    assert failed > total // 2


def test_failure_names_a_directory_with_the_logs(new_pools: Callable[[], PoolEngine]) -> None:
    """Whichever call fails once there are nodes, the error names a directory, which is there."""
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.fail_at(number, FAILURES["failed"]())
        said = ""
        try:
            create(engine)
        except CondorMiniError as error:
            said = str(error)
        if said and engine.has_held_nodes:
            found = re.search(r"All logs: (\S+)\. ", said)
            assert found, f"call {number}: {said}"
            assert list(Path(found[1]).glob("ci-*/container.log"))


def test_keep_keeps(new_pools: Callable[[], PoolEngine]) -> None:
    """With ``keep`` what was made stays, and the error says how to look at it."""
    engine = new_pools()
    engine.probe = lambda _: FakeOutcome(returncode=1, stdout="nobody wants it")
    with pytest.raises(PoolNotReady, match=r"is kept; look at it: condor-mini status -n ci"):
        create(engine, keep=True, timeout_s=0)
    assert held(engine) == WHOLE


@pytest.mark.usefixtures("ending")
@pytest.mark.parametrize("name", SIGNALS)
def test_signal_at_any_call_leaves_nothing(new_pools: Callable[[], PoolEngine], name: str) -> None:
    """A signal that comes during any call of the engine ends the creation and leaves nothing."""
    number_of, kind = SIGNALS[name]
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.signal_at(number, number_of)
        with pytest.raises(kind):
            create(engine)
        assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"


@pytest.mark.usefixtures("ending")
def test_two_signals_at_once_leave_nothing(
    new_pools: Callable[[], PoolEngine],
) -> None:
    """SIGTERM right after Ctrl-C, as a launcher passes it on, changes nothing."""
    total = count_calls(create, new_pools())
    for number in range(1, total + 1):
        engine = new_pools()
        engine.signal_at(number, signal.SIGINT, signal.SIGTERM)
        with pytest.raises((KeyboardInterrupt, Terminated)):
            create(engine)
        assert held(engine) == [], f"call {number}: {engine.calls[number - 1]}"


@pytest.mark.parametrize("failing", [0, 9, 18, 22], ids=lambda number: f"call-{number}-fails")
def test_interrupt_between_any_two_lines_leaves_nothing(
    new_pools: Callable[[], PoolEngine], failing: int
) -> None:
    """Ctrl-C before any line that makes a pool leaves nothing, also after a failure."""
    number, interrupted = 0, True
    while interrupted:
        number += 1
        engine = new_pools()
        engine.fail_at(failing, FAILURES["failed"]())
        with Interrupting(number) as tracer, suppress(KeyboardInterrupt, CommandFailed):
            create(engine)
        interrupted = tracer.raised
        if interrupted:
            assert held(engine) == [], tracer.where
    assert number > 60


class Interrupting:
    """Raises ``KeyboardInterrupt`` before the n-th line of our modules that admits signals."""

    FILES = frozenset(
        cast("str", module.__file__)
        for module in (creation, parallel, signals, startup, rollback, ready)
    )

    def __init__(self, number: int) -> None:
        self.left = number
        self.raised = False
        self.where = ""

    def __enter__(self) -> Interrupting:
        self.before = sys.gettrace()
        sys.settrace(cast("Any", self.trace))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.settrace(self.before)

    def trace(self, frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        """Counts the lines; the interpreter calls it."""
        if frame.f_code.co_filename not in self.FILES or self.raised:
            return None
        if event == "line" and signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            self.left -= 1
            if self.left == 0:
                self.raised = True
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self.trace


def test_engine_that_is_gone_for_good_is_told(new_pools: Callable[[], PoolEngine]) -> None:
    """Where nothing can be removed any more, the error says what to do when the engine is back."""
    engine = new_pools()
    engine.fail_at(15, FAILURES["gone"](), for_good=True)
    with pytest.raises(
        EngineNotFound,
        match=r"nobody answers\nThe logs could not be saved \(nobody .*Not all could be",
    ):
        create(engine)
    engine.fail_at(0, FAILURES["gone"]())
    assert creation.remove(engine, "ci")
    assert held(engine) == []


def test_node_that_ends_is_told_with_its_last_words(pools: PoolEngine) -> None:
    """A node that dies while the others are awaited is named, with how it ended and its log."""
    pools.die_at_start["ci-execute-2"] = (44, "condor-mini: no such core\n")
    with pytest.raises(PoolNotReady, match=r"ci-execute-2 has ended with 44.*\ncondor-mini: no su"):
        create(pools)


def test_node_that_ends_is_not_to_be_started_again(pools: PoolEngine) -> None:
    """Nobody is told to start a pool that is removed."""
    pools.die_at_start["ci-execute-2"] = (44, "")
    with pytest.raises(PoolNotReady) as caught:
        create(pools)
    assert "condor-mini start" not in str(caught.value)


def test_node_that_ends_while_its_slot_is_awaited_is_told(pools: PoolEngine) -> None:
    """A node that dies later is noticed after the next question, and not at the deadline."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-execute-1", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=1, stdout="no Machine ads of ci-execute-1\n")

    pools.on_exec([f"{LIBEXEC}/await-ads"], die)
    with pytest.raises(PoolNotReady, match=r"ci-execute-1 has ended with 9.*\nkilled"):
        create(pools)


def test_node_that_ends_under_the_probe_job_is_told(pools: PoolEngine) -> None:
    """The same where only the probe job is still to run."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-execute-1", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=1, stdout="it is idle\n")

    pools.probe = die
    with pytest.raises(PoolNotReady, match=r"ci-execute-1 has ended with 9.*\nkilled"):
        create(pools)


def test_central_manager_that_ends_is_told(pools: PoolEngine) -> None:
    """A central manager that dies before it has issued tokens is named, with its log."""
    pools.die_at_start["ci-master"] = (4, "condor-mini: no port\n")
    with pytest.raises(PoolNotReady, match=r"ci-master has ended with 4.*\ncondor-mini: no port"):
        create(pools)


def test_central_manager_that_ends_under_the_question_is_told(pools: PoolEngine) -> None:
    """The same where it dies while it is asked for tokens."""

    def die(_: object) -> FakeOutcome:
        pools.end("ci-master", exit_code=9, log="killed\n")
        return FakeOutcome(returncode=137)

    pools.issue = die
    with pytest.raises(PoolNotReady, match=r"ci-master has ended with 9.*\nkilled"):
        create(pools)


def test_collector_without_a_key_is_told_at_the_deadline(pools: PoolEngine) -> None:
    """A collector that makes no key ends the wait at --timeout, not later."""
    pools.issue = lambda _: FakeOutcome(returncode=124)
    with pytest.raises(PoolNotReady, match=r"Not ready after 0.2 s: .* no key to sign tokens"):
        create(pools, timeout_s=0.2)


def test_slow_central_manager_is_given_longer_each_time(pools: PoolEngine) -> None:
    """A machine on which issuing takes longer than one look has its tokens in the end."""
    usual, looks = pools.issue, list[int]()

    def issue(call: FakeExec) -> FakeOutcome:
        looks.append(int(call.argv[1]))
        return usual(call) if looks[-1] >= 4 else FakeOutcome(returncode=124)

    pools.issue = issue
    create(pools)
    assert looks == [1, 2, 4]


def test_missing_slot_is_told_with_the_nodes_own_words(pools: PoolEngine) -> None:
    """At the deadline the error names the ad, and what the node says of itself."""
    pools.lacking["ci-execute-1"] = "STARTD is not running, see /var/log/condor/StartLog"
    with pytest.raises(
        PoolNotReady, match=r"no Machine ads of ci-execute-1 .*\nci-execute-1 says: STARTD is not r"
    ):
        create(pools, timeout_s=0)


def test_question_that_is_not_answered_is_asked_again(pools: PoolEngine) -> None:
    """An engine that is too slow for one question is no reason to give up before the deadline."""
    slow = iter([FakeOutcome(seconds=1000)])
    pools.probe = lambda _: next(slow, FakeOutcome())
    create(pools)
    assert held(pools) == WHOLE


def test_hanging_question_is_told_at_the_deadline(pools: PoolEngine) -> None:
    """One that is never answered is named."""
    pools.probe = lambda _: FakeOutcome(seconds=1000)
    with pytest.raises(PoolNotReady, match=r"not completed: ci-submit-1 does not answer"):
        create(pools, timeout_s=0.2)


def test_probe_job_that_fails_is_removed_again(pools: PoolEngine) -> None:
    """A probe job that has not run does not stay in the queue of a pool that is kept."""
    pools.probe = lambda _: FakeOutcome(returncode=1)
    with pytest.raises(PoolNotReady, match="probe-job ended with 1"):
        create(pools, keep=True, timeout_s=0)
    assert [c.argv[-1] for c in pools.calls if "probe-job" in repr(c.argv)] == ["1", "end"]


# -- adding nodes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_failure_while_adding_leaves_the_pool_as_it_was(
    new_pools: Callable[[], PoolEngine], *, after: bool
) -> None:
    """Whichever call fails while nodes are added, the new ones go, and only they."""
    engine = new_pools()
    create(engine)
    total = count_calls(add_two, engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.fail_at(engine.number + number, FAILURES["absent"](), after=after)
        with pytest.raises(CondorMiniError):
            add_two(engine)
        assert held(engine) == WHOLE, f"call {number}"
        assert all(node.is_running for node in pool_nodes(engine, "ci"))


@pytest.mark.usefixtures("ending")
def test_signal_while_adding_leaves_the_pool_as_it_was(
    new_pools: Callable[[], PoolEngine],
) -> None:
    """A signal during any call while nodes are added: the new ones go, and only they."""
    engine = new_pools()
    create(engine)
    total = count_calls(add_two, engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.signal_at(engine.number + number, signal.SIGTERM)
        with pytest.raises(Terminated):
            add_two(engine)
        assert held(engine) == WHOLE, f"call {number}"


def test_slot_that_does_not_come_takes_the_new_nodes_away(pools: PoolEngine) -> None:
    """New nodes whose slots are missing at the deadline are stopped, then removed."""
    create(pools)
    pools.lacking["ci-execute-3"] = "STARTD is not running"
    with pytest.raises(PoolNotReady, match=r"(?s)ci-execute-3 .*the pool ci is as it was"):
        scale(pools, "ci", 3, Progress(), group=None, grace_s=0, timeout_s=0)
    assert held(pools) == WHOLE
    assert [c.method for c in pools.calls if c.method in {"stop", "remove"}] == ["stop", "remove"]


NEW = '"ci-execute-3", "ci-execute-4"'


def test_new_nodes_that_go_are_forgotten(pools: PoolEngine) -> None:
    """The collector is told to forget the new nodes, and only these."""
    create(pools)
    pools.lacking["ci-execute-3"] = "STARTD is not running"
    told: list[str] = []

    def forget(call: FakeExec) -> FakeOutcome:
        told.append(call.stdin or "")
        return FakeOutcome()

    for command in ("INVALIDATE_STARTD_ADS", "INVALIDATE_MASTER_ADS"):
        pools.on_exec(["condor_advertise", command, "-"], forget)
    with pytest.raises(PoolNotReady):
        scale(pools, "ci", 4, Progress(), group=None, grace_s=0, timeout_s=0)
    assert [ad.splitlines()[1:] for ad in told] == [
        [f'TargetType = "{kind}"', f"Requirements = member(Machine, {{{NEW}}})"]
        for kind in ("Machine", "StartD", "DaemonMaster")
    ]


# -- removing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", WHOLE)
def test_half_a_pool_is_removed(pools: PoolEngine, gone: str) -> None:
    """Whatever part of a pool is missing, the rest is removed."""
    create(pools)
    if gone == "ci":
        pools.stop(*(node.info.id for node in pool_nodes(pools, "ci")), timeout_s=0)
        pools.remove_network(gone)
    elif gone == "ci-data":
        pools.remove("ci-submit-1")
        pools.remove_volume(gone)
    else:
        pools.remove(gone)
    assert creation.remove(pools, "ci")
    assert held(pools) == []


def test_removal_that_fails_can_be_repeated(new_pools: Callable[[], PoolEngine]) -> None:
    """Whichever call of a removal fails, a second one removes the rest."""
    engine = new_pools()
    create(engine)
    total = count_calls(lambda engine: cast("None", creation.remove(engine, "ci")), engine)
    for number in range(1, total + 1):
        engine = new_pools()
        create(engine)
        engine.fail_at(engine.number + number, FAILURES["failed"]())
        with pytest.raises(CommandFailed):
            creation.remove(engine, "ci")
        creation.remove(engine, "ci")
        assert held(engine) == [], f"call {number}"


def test_network_is_removed_last(pools: PoolEngine) -> None:
    """As long as anything of a pool is there, its name is taken."""
    create(pools)
    creation.remove(pools, "ci")
    removals = [call.method for call in pools.calls if call.method.startswith("remove")]
    assert list(dict.fromkeys(removals)) == ["remove", "remove_volume", "remove_network"]
    assert removals.count("remove_network") == 1


def test_removal_by_somebody_else_is_waited_for(pools: PoolEngine) -> None:
    """Where another process is removing the nodes, network and volumes wait for its end."""
    create(pools)
    nodes = [node.info.id for node in pool_nodes(pools, "ci")]
    looks = 0

    def already_in_progress(*_: str) -> None:
        """The engine says that somebody is at it."""

    def meanwhile() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            FakeEngine.remove(pools, *nodes)

    pools.remove = already_in_progress  # type: ignore[method-assign]
    pools.before["containers"] = meanwhile
    assert creation.remove(pools, "ci")
    assert (looks, held(pools)) == (3, [])


def test_absent_pool_is_no_failure(pools: PoolEngine) -> None:
    """Removing what is not there is a success, and says that nothing was there."""
    assert creation.remove(pools, "ci") is False


def test_other_pool_stays(pools: PoolEngine) -> None:
    """Removing a pool does not touch one whose name begins alike."""
    create(pools)
    creation.create(pools, spec_of(name="ci-2"), Progress(), timeout_s=5)
    creation.remove(pools, "ci-2")
    assert held(pools) == WHOLE


# -- one that somebody else is making -------------------------------------------------------------


def test_if_not_exists_waits_for_who_is_making_it(pools: PoolEngine) -> None:
    """A node that was made and not started is another process's: it is waited for."""
    create(pools)
    spec = pools.spec("ci-execute-2")
    pools.remove("ci-execute-2")
    waited = threading.Event()

    def meanwhile() -> None:
        if not waited.is_set():
            waited.set()
            pools.start(pools.create(spec))

    pools.before["containers"] = meanwhile
    creation.await_made(pools, "ci", timeout_s=5)
    assert waited.is_set()


def test_if_not_exists_takes_a_pool_that_was_scaled_down(
    pools: PoolEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that lacks a node for good is there when nothing has changed for a while."""
    monkeypatch.setattr(creation, "QUIET_S", 0.1)
    create(pools)
    pools.remove("ci-execute-2")
    creation.await_made(pools, "ci", timeout_s=5)
    assert "ci-execute-2" not in held(pools)


def test_if_not_exists_says_that_the_maker_failed(pools: PoolEngine) -> None:
    """A pool that vanishes while it is waited for is told at once."""
    with pytest.raises(NotFound, match="was removed while it was being made"):
        creation.await_made(pools, "ci", timeout_s=5)


def test_if_not_exists_creates_what_is_absent(pools: PoolEngine) -> None:
    """With ``if_not_exists`` a pool that is not there is made."""
    Pool.create(spec=spec_of(), engine=pools, if_not_exists=True)
    assert held(pools) == WHOLE


# -- the engine's part ----------------------------------------------------------------------------


def test_tokens_are_asked_for_with_an_end(pools: PoolEngine) -> None:
    """The question waits for no more than a moment, so that an end that is asked for comes soon."""
    create(pools)
    (argv,) = [call.argv for call in pools.calls if "issue-tokens" in repr(call.argv)]
    assert argv == ("timeout", "1", f"{LIBEXEC}/issue-tokens")


def test_our_process_is_left_with_the_signals_it_had(pools: PoolEngine) -> None:
    """After a failure no signal is held back."""
    pools.fail_next("create", FAILURES["failed"]())
    with pytest.raises(CommandFailed):
        create(pools)
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}
