"""What only claims to be of a pool: no command takes it for a node, or touches it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL, TOKENS
from condor_mini.engine import ContainerSpec, ContainerState, FakeOutcome, VolumeMount
from condor_mini.nodes.node import pool_labels, pool_nodes
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from hand_made import node_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]

NAME = "ci-execute-9"
"""What the labels of each claimant say that it is, but for what is wrong with them."""
NODES = ["ci-master", "ci-submit-1", "ci-execute-1", "ci-execute-2"]
EVIL = PoolSpec.model_validate(
    {"name": "ci", "execution_points": [{"count": 2, "environment": {"EVIL": "1"}}]}
).to_json()


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is wrong with a container that claims to be a node, and how it is reported."""

    told: str
    labels: Mapping[str, str | None] | None = None
    """Labels that differ, by the last part of their names; None for one that is missing."""
    name: str = ""
    """Its name, if that is not the node's."""
    has_volume: bool = True


CLAIMS = {
    "no role": Claim(labels={"role": None}, told="it has no label io.condor-mini.role"),
    "empty role": Claim(labels={"role": ""}, told="it has no label io.condor-mini.role"),
    "unknown role": Claim(labels={"role": "evil"}, told="role is 'evil', which is no role"),
    "personal role": Claim(labels={"role": "mini"}, told="number is '9', which is not"),
    "odd role": Claim(labels={"role": "\x1b[31m\n"}, told=r"role is '\x1b[31m\n', which is no"),
    "long role": Claim(labels={"role": "x" * 5000}, told=f"role is '{'x' * 40}...', which"),
    "no number": Claim(labels={"number": None}, told="it has no label io.condor-mini.number"),
    "number in words": Claim(labels={"number": "nine"}, told="number is 'nine', which is not"),
    "negative number": Claim(labels={"number": "-9"}, told="number is '-9', which is not"),
    "broken number": Claim(labels={"number": "9.0"}, told="number is '9.0', which is not"),
    "number by other digits": Claim(labels={"number": "\u0669"}, told="number is '\\u0669', which"),
    "number of Python's": Claim(labels={"number": "0_9"}, told="number is '0_9', which is not"),
    "endless number": Claim(labels={"number": "9" * 5000}, told="number is '9999"),
    "number of no execution point": Claim(labels={"number": "0"}, told="number is '0', which is"),
    "no series": Claim(labels={"series": None}, told="it has no label io.condor-mini.series"),
    "unknown series": Claim(
        labels={"series": "99"}, has_volume=False, told="series is '99', and this condor-mini knows"
    ),
    "series in words": Claim(labels={"series": "evil"}, told="series is 'evil', and this condor"),
    "another name": Claim(name="evil", told=f"the node '{NAME}', but that is not its name"),
    "a node twice": Claim(
        name="evil",
        labels={"number": "1"},
        told="the node 'ci-execute-1', but that is not its name",
    ),
    "image alone": Claim(has_volume=False, told=f"not mount that node's volume {NAME}-tokens"),
    "central manager": Claim(
        name="evil",
        labels={"role": "master", "number": "0", "group": "", "spec": EVIL},
        told="the node 'ci-master', but that is not its name",
    ),
    "central manager with a spec that is none": Claim(
        name="evil",
        labels={"role": "master", "number": "0", "group": "", "spec": "{"},
        told="the node 'ci-master', but that is not its name",
    ),
}
COMMANDS = (
    "status",
    "status -o json",
    "list",
    "list -o json",
    "list -q",
    "logs",
    "logs --node execute-1",
    "doctor",
    "exec -- hostname",
    "exec --node execute-2 -- hostname",
    "shell",
    "cp :x .",
    "cp --name ci execute-1:x .",
    "scale --execute 1",
    "scale --execute 4",
    "stop",
    "stop --node execute-1",
    "start",
    "restart",
    "restart --node execute-1",
    "restart --htcondor 25",
    "delete",
    "delete --all",
    "create",
    "create --if-not-exists",
    "export logs",
    "token create",
    "token list",
    "token revoke x",
    "approve --list",
    "rotate-key",
    "debug",
    "debug schedd=D_FULLDEBUG",
    "submit x.sub",
    "wait",
    "images list",
    "version",
)
"""Every command that opens a pool, and those that look at all there are."""
WITHOUT_POOL = (
    *("list", "list -o json", "list -q", "doctor", "delete", "delete --all", "images list"),
    *("create", "create --if-not-exists", "version"),
)
"""Those that succeed where no pool of that name is."""
TOUCHING = ("exec", "attach", "stop", "start", "remove", "copy_in", "copy_out", "logs", "follow")
"""The engine's methods that do something to a container, or read in it."""


def make_claimant(engine: PoolEngine, claim: Claim, *, number: int = 9) -> str:
    """Make a container that is no node for one reason alone; its id."""
    node = f"ci-execute-{number}"
    labels = node_labels("ci", "execute", number)
    for key, value in (claim.labels or {}).items():
        labels.pop(f"{LABEL}.{key}", None)
        if value is not None:
            labels[f"{LABEL}.{key}"] = value
    mounts = (VolumeMount(volume=f"{node}-tokens", target=TOKENS, labels={}),)
    engine.add_image("evil", labels=labels)
    container = engine.create(
        ContainerSpec(
            image="evil",
            name=claim.name or node,
            mounts=mounts if claim.has_volume else (),
        )
    )
    engine.start(container)
    return container


def make_all_claimants(engine: PoolEngine) -> set[str]:
    """Make a container for every claim; their ids."""
    numbered = enumerate(CLAIMS.values(), start=9)
    return {
        make_claimant(
            engine, replace(claim, name=claim.name and f"{claim.name}-{number}"), number=number
        )
        for number, claim in numbered
    }


@pytest.fixture
def run(condor_mini_on: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """``condor-mini COMMAND`` on an engine, about the pool ``ci``."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "ci")
    (tmp_path / "x.sub").write_text("executable = /bin/true\nqueue\n")
    return lambda engine, command: condor_mini_on(engine, *command.split())


@pytest.fixture
def new_pool(new_pools: Callable[[], PoolEngine]) -> Callable[[], PoolEngine]:
    """Makes engines with the pool ``ci``, whose nodes understand what commands say to them."""

    def make() -> PoolEngine:
        engine = new_pools()
        for tool in ("condor_off", "condor_status", "condor_q", "condor_token_list"):
            engine.on_exec([tool], lambda _: FakeOutcome())
        engine.on_exec(["sh"], lambda _: FakeOutcome(returncode=1))
        Pool.create("ci", execution_points=2, engine=engine)
        return engine

    return make


@pytest.fixture
def engine(new_pool: Callable[[], PoolEngine]) -> PoolEngine:
    """One such engine."""
    return new_pool()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_go_on(
    run: Run, new_pool: Callable[[], PoolEngine], engine: PoolEngine, command: str
) -> None:
    """Every command does what it does without claimants, of whatever kind, and touches none."""
    clean = new_pool()
    expected = run(clean, command)
    claimants = make_all_claimants(engine)
    made = len(engine.calls)
    result = run(engine, command)
    assert result.status == expected.status, result.err
    left = {info.id: info for info in engine.containers({})}
    assert all(left[claimant].state is ContainerState.RUNNING for claimant in claimants)
    nodes = {info.name for info in left.values() if info.id not in claimants}
    assert nodes == {info.name for info in clean.containers({})}
    names = {left[claimant].name for claimant in claimants}
    touched = [
        f"{call.method} {call.target}"
        for call in engine.calls[made:]
        if call.method in TOUCHING and (claimants | names) & set(call.target.split())
    ]
    assert touched == []


@pytest.mark.parametrize("kind", CLAIMS)
@pytest.mark.parametrize("command", ["status", "list", "doctor"])
def test_it_is_reported(run: Run, engine: PoolEngine, command: str, kind: str) -> None:
    """A line says which container it is, what is wrong, and how it is removed by hand."""
    claim = CLAIMS[kind]
    make_claimant(engine, claim)
    result = run(engine, command)
    said = " ".join((result.out if command == "doctor" else result.err).split())
    name = claim.name or NAME
    hint = f"To remove it: fake rm --force {name}"
    assert [f"container {name}: " in said, claim.told in said, hint in said] == [True] * 3


def test_no_control_character_is_repeated(run: Run, engine: PoolEngine) -> None:
    """What a label says comes to no terminal as it is."""
    make_claimant(engine, CLAIMS["odd role"])
    assert "\x1b" not in run(engine, "status").err


def test_json_has_it(run: Run, engine: PoolEngine) -> None:
    """JSON has what the warning says, and no warning is on stdout."""
    make_claimant(engine, CLAIMS["unknown role"])
    (problem,) = json.loads(run(engine, "status -o json").out)["problems"]
    assert problem == {
        "kind": "container",
        "name": NAME,
        "pool": "ci",
        "evidence": "its label io.condor-mini.role is 'evil', which is no role; it is left alone",
        "hint": f"To remove it: fake rm --force {NAME}",
    }


@pytest.mark.parametrize("command", ["list", "doctor"])
def test_without_a_pools_name_it_is_reported(run: Run, engine: PoolEngine, command: str) -> None:
    """A container that claims to be a node and names no pool is reported with all pools."""
    make_claimant(engine, Claim(labels={"pool": None}, told=""))
    result = run(engine, command)
    assert f"{NAME}: it has no label io.condor-mini.pool" in result.out + result.err


# -- no pool but claims ---------------------------------------------------------------------------


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in WITHOUT_POOL])
def test_claims_alone_are_no_pool(
    run: Run, new_pools: Callable[[], PoolEngine], command: str
) -> None:
    """Where only claimants are there is no pool, which commands say, and tell of the claimants."""
    engine = new_pools()
    claimants = make_all_claimants(engine)
    result = run(engine, command)
    assert (result.status, "there is no pool ci" in result.err) == (3, True)
    assert result.err.count("it is left alone") == len(claimants)


@pytest.mark.parametrize("kind", CLAIMS)
def test_claims_do_not_keep_a_pool_from_being_made(
    run: Run, new_pools: Callable[[], PoolEngine], kind: str
) -> None:
    """A pool of that name is made beside them, and is deleted without them."""
    engine = new_pools()
    make_claimant(engine, CLAIMS[kind])
    assert run(engine, "create --execute 2").status == 0
    assert [node.name for node in pool_nodes(engine, "ci")] == NODES
    run(engine, "delete")
    assert [info.name for info in engine.containers({})] == [CLAIMS[kind].name or NAME]


def test_list_knows_no_pool(run: Run, new_pools: Callable[[], PoolEngine]) -> None:
    """Claims are in no list of pools."""
    engine = new_pools()
    for kind in ("unknown role", "another name"):
        make_claimant(engine, CLAIMS[kind])
    assert json.loads(run(engine, "list -o json").out) == []


# -- names and networks that are taken ------------------------------------------------------------


def test_a_nodes_name_that_is_taken(run: Run, engine: PoolEngine) -> None:
    """A container that has the name of a lost node is not taken for it, and is named."""
    engine.remove("ci-master")
    claim = replace(CLAIMS["central manager"], name="ci-master", has_volume=False)
    container = make_claimant(engine, claim)
    result = run(engine, "start")
    assert (result.status, "the name ci-master is taken by a container" in result.err) == (4, True)
    info = engine.inspect("ci-master")
    assert info is not None
    assert info.id == container


def test_a_name_that_scale_wants(run: Run, engine: PoolEngine) -> None:
    """A container that has the next node's name is an error, and the pool is as it was."""
    claim = replace(CLAIMS["image alone"], name="ci-execute-3", labels={"number": "3"})
    make_claimant(engine, claim)
    result = run(engine, "scale --execute 3")
    assert (result.status, "ci-execute-3 is taken by a container" in result.err) == (4, True)
    assert [node.name for node in pool_nodes(engine, "ci")] == NODES


def test_a_network_that_is_used(run: Run, engine: PoolEngine) -> None:
    """`delete` removes all that is the pool's, and says where to look for who uses its network."""
    engine.add_image("evil", labels=node_labels("ci", "execute", 9))
    engine.start(engine.create(ContainerSpec(image="evil", name="evil", network="ci")))
    result = run(engine, "delete")
    assert (result.status, "fake network inspect ci" in result.err) == (1, True)
    names = [info.name for info in engine.containers({})]
    assert (names, engine.volumes(pool_labels("ci"))) == (["evil"], [])


# -- what is made of a claim's spec ---------------------------------------------------------------


def test_scale_builds_from_the_pools_own_spec(run: Run, engine: PoolEngine) -> None:
    """Nothing of a spec that an image brings is in the nodes that are added."""
    make_claimant(engine, CLAIMS["central manager"])
    assert run(engine, "scale --execute 3").status == 0
    assert "EVIL" not in engine.spec("ci-execute-3").environment


@pytest.mark.parametrize("command", ["start", "restart --htcondor 25"])
def test_lost_nodes_are_made_from_the_pools_own_spec(
    run: Run, engine: PoolEngine, command: str
) -> None:
    """Nor is it in nodes that are made again, with no central manager there but the claimed one."""
    engine.remove("ci-master", "ci-execute-1")
    make_claimant(engine, CLAIMS["central manager"])
    assert run(engine, command).status == 0
    names = [node.name for node in pool_nodes(engine, "ci")]
    assert (names, "EVIL" in engine.spec("ci-execute-1").environment) == (NODES, False)
