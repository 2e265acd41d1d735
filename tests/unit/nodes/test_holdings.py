"""What of a pool is believed of what the engine holds, and what becomes of the rest."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.layout import LABEL, PREFIX
from condor_mini.engine import ContainerSpec, FakeEngine, FakeOutcome, VolumeMount
from condor_mini.lifecycle import removal, unfinished
from condor_mini.nodes.holdings import Holdings
from condor_mini.nodes.node import pool_labels, pool_nodes
from condor_mini.nodes.personal_labels import PERSONAL_STATE
from condor_mini.pool import Pool
from condor_mini.reports.listing import listing
from condor_mini.spec import PoolSpec
from hand_made import node_labels, personal_spec, tokens_mount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from pool_engine import PoolEngine

    Run = Callable[..., Result]

NODES = ["ci-master", "ci-submit-1", "ci-execute-1", "ci-execute-2"]


@pytest.fixture
def engine(pools: PoolEngine) -> PoolEngine:
    """An engine with the pool ``ci``."""
    Pool.create("ci", execution_points=2, engine=pools)
    return pools


@pytest.fixture
def run(condor_mini: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``condor-mini COMMAND`` about the pool ``ci``."""
    monkeypatch.setenv("CONDOR_MINI_NAME", "ci")
    return lambda command: condor_mini(*command.split())


def told(engine: FakeEngine, pool: str | None = None) -> dict[str, str]:
    """What is wrong, by the name of what it is wrong with."""
    held = Holdings(engine, pool)
    assert held.nodes is not None
    assert held.volumes is not None
    assert held.networks is not None
    return {problem.name: problem.evidence for problem in held.problems}


# -- volumes --------------------------------------------------------------------------------------

VOLUMES = {
    "another name": ("precious", node_labels("ci", "execute", 3)),
    "another node's name": ("ci-execute-1-more", node_labels("ci", "execute", 3)),
    "the pool's labels alone": ("precious", pool_labels("ci")),
    "unknown role": ("ci-execute-3-tokens", node_labels("ci", "evil", 3)),
    "number in words": ("ci-execute-3-tokens", node_labels("ci", "execute", "x")),
    "no number": ("ci-execute-3-log", {**pool_labels("ci"), f"{LABEL}.role": "execute"}),
}
"""Volumes that somebody else has made: their names and labels."""


@pytest.mark.parametrize("kind", VOLUMES)
@pytest.mark.parametrize(
    "command", ["status", "list", "doctor", "start", "restart", "restart --htcondor 25", "stop"]
)
def test_commands_go_on_with_foreign_volumes(
    run: Run, engine: PoolEngine, command: str, kind: str
) -> None:
    """A volume with a pool's labels that is none of it changes nothing."""
    name, labels = VOLUMES[kind]
    engine.create_volume(name, labels=labels)
    # No collector answers here.
    assert run(command).status == {"doctor": 1, "status": 5}.get(command, 0)
    assert [node.name for node in pool_nodes(engine, "ci")] == NODES


@pytest.mark.parametrize("kind", VOLUMES)
def test_foreign_volumes_are_not_removed(run: Run, engine: PoolEngine, kind: str) -> None:
    """`delete` leaves it, and all else of the pool goes."""
    name, labels = VOLUMES[kind]
    engine.create_volume(name, labels=labels)
    assert run("delete").status == 0
    assert [volume.name for volume in engine.volumes({})] == [name]


@pytest.mark.parametrize("kind", VOLUMES)
@pytest.mark.parametrize("command", ["list", "doctor"])
def test_foreign_volumes_are_reported(
    run: Run, engine: PoolEngine, command: str, kind: str
) -> None:
    """A line says which it is, and how it is removed by hand."""
    name, labels = VOLUMES[kind]
    engine.create_volume(name, labels=labels)
    result = run(command)
    said = result.out + result.err
    assert (f"volume {name}: " in said, f"fake volume rm {name}" in said) == (True, True)


@pytest.mark.parametrize("kind", VOLUMES)
def test_foreign_volumes_are_no_pool(run: Run, pools: PoolEngine, kind: str) -> None:
    """Of such volumes alone `list` shows no pool."""
    name, labels = VOLUMES[kind]
    pools.create_volume(name, labels=labels)
    assert json.loads(run("list -o json").out) == []


def test_a_volume_that_a_node_needs_is_not_believed(run: Run, pools: PoolEngine) -> None:
    """Where a new node's volume is there, and its labels are not the node's, nothing is made."""
    pools.create_volume("ci-execute-1-tokens", labels=node_labels("ci", "evil", 1))
    result = run("create")
    assert (result.status, "there is a volume ci-execute-1-tokens" in result.err) == (4, True)
    assert (pools.containers({}), pools.networks({})) == ([], [])


def test_volumes_of_a_group_that_is_not_there(run: Run, engine: PoolEngine) -> None:
    """No node is made of a volume whose group the pool does not have; `doctor` tells it."""
    labels = node_labels("ci", "execute", 3, group="nobody's")
    engine.create_volume("ci-execute-3-tokens", labels=labels)
    assert run("start").status == 0
    assert [node.name for node in pool_nodes(engine, "ci")] == NODES
    assert 'volume ci-execute-3-tokens: it belongs to the group "nobody\'s"' in run("doctor").out


# -- networks -------------------------------------------------------------------------------------


def test_a_network_of_another_name_is_not_removed(run: Run, engine: PoolEngine) -> None:
    """A network with a pool's labels that has not its name is left alone."""
    engine.create_network("theirs", labels=pool_labels("ci"))
    assert run("delete").status == 0
    assert [network.name for network in engine.networks({})] == ["theirs"]


def test_no_node_is_made_of_a_network_of_another_name(run: Run, engine: PoolEngine) -> None:
    """What such a network says that the pool was made from counts for nothing."""
    evil = PoolSpec.model_validate({"name": "ci", "environment": {"EVIL": "1"}}).to_json()
    engine.create_network("theirs", labels={**pool_labels("ci"), f"{LABEL}.spec": evil})
    engine.remove("ci-master")
    assert run("start").status == 0
    assert "EVIL" not in engine.spec("ci-master").environment


def test_networks_are_reported(run: Run, engine: PoolEngine) -> None:
    """`doctor` says which network it is, and how it is removed by hand."""
    engine.create_network("theirs", labels=pool_labels("ci"))
    said = run("doctor").out
    assert "network theirs: its labels say that it belongs to 'ci', but its name does not" in said
    assert "fake network rm theirs" in said


# -- what a pool was made from --------------------------------------------------------------------

WHOLE = json.loads(PoolSpec(name="ci").to_json())
SPECS = {
    "none": None,
    "empty": "",
    "half": "{",
    "a list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "a newer format": json.dumps({**WHOLE, "version": 2}),
    "another pool's": json.dumps({**WHOLE, "name": "evil"}),
    "groups that are none": json.dumps({**WHOLE, "execution_points": {"a": [1]}}),
    "groups of nothing": json.dumps({**WHOLE, "execution_points": [None, 1]}),
    "slots in words": json.dumps({**WHOLE, "execution_points": [{"slots": "many"}]}),
    "unknown key": json.dumps({**WHOLE, "evil": 1}),
}
LOOKING = ("status", "list", "logs", "exec -- hostname", "token list", "debug", "export logs")
NEEDING = (
    *("start", "restart", "restart --node execute-1", "restart --htcondor 25", "rotate-key"),
    "create --if-not-exists",
)


def tamper(engine: PoolEngine, spec: str | None) -> None:
    """Let the pool's central manager say that the pool was made from something else."""
    held = engine._host.get("ci-master")
    changed = {key: value for key, value in held.labels.items() if key != f"{LABEL}.spec"}
    held.labels = changed if spec is None else {**changed, f"{LABEL}.spec": spec}


@pytest.mark.parametrize("kind", ["none", "half", "groups that are none", "slots in words"])
@pytest.mark.parametrize("command", LOOKING)
def test_who_needs_no_spec_goes_on(run: Run, engine: PoolEngine, command: str, kind: str) -> None:
    """Commands that need not know what the pool was made from do what they do."""
    engine.on_exec(["condor_token_list"], lambda _: FakeOutcome())
    expected = run(command)
    tamper(engine, SPECS[kind])
    assert run(command).status == expected.status


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        *(("scale --execute 3", kind) for kind in SPECS),
        *((command, kind) for command in NEEDING for kind in ("none", "half", "unknown key")),
    ],
)
def test_who_needs_the_spec_says_so(run: Run, engine: PoolEngine, command: str, kind: str) -> None:
    """Those that need it say what is wrong with it, and the pool runs on as it was."""
    tamper(engine, SPECS[kind])
    result = run(command)
    what = "it has no label" if SPECS[kind] in (None, "") else "its label"
    assert (result.status, f"ci-master: {what} io.condor-mini.spec" in result.err) == (1, True)
    running = [node.name for node in pool_nodes(engine, "ci") if node.is_running]
    assert running == NODES


@pytest.mark.parametrize("command", ["start", "restart", "restart --node execute-1"])
def test_a_series_that_is_not_known(run: Run, engine: PoolEngine, command: str) -> None:
    """A pool of a series that only another condor-mini knows runs on as it was."""
    tamper(engine, json.dumps({**WHOLE, "htcondor": "99"}))
    result = run(command)
    assert (result.status, "there is no HTCondor series '99' here" in result.err) == (2, True)
    running = [node.name for node in pool_nodes(engine, "ci") if node.is_running]
    assert running == NODES


@pytest.mark.parametrize("command", ["status", "list", "doctor"])
def test_nodes_of_a_series_that_is_not_known(run: Run, engine: PoolEngine, command: str) -> None:
    """They are the pool's nodes, and a warning says what cannot be done to them."""
    held = engine._host.get("ci-execute-1")
    held.labels = {**held.labels, f"{LABEL}.series": "99"}
    result = run(command)
    said = result.out + result.err
    words = "container ci-execute-1: its label io.condor-mini.series is '99'"
    assert (words in said, "it is left alone" in said) == (True, False)
    assert [node.name for node in pool_nodes(engine, "ci")] == NODES


@pytest.mark.parametrize("kind", SPECS)
def test_doctor_tells_what_the_pool_does_not(run: Run, engine: PoolEngine, kind: str) -> None:
    """`doctor` fails, says which label is wrong, and what to do."""
    tamper(engine, SPECS[kind])
    result = run("doctor")
    assert (result.status, "io.condor-mini.spec" in result.out) == (1, True)
    assert "condor-mini delete -n ci" in result.out


@pytest.mark.parametrize("kind", ["none", "half", "a newer format", "another pool's"])
@pytest.mark.parametrize("command", ["status", "list"])
def test_status_and_list_tell_it_too(run: Run, engine: PoolEngine, command: str, kind: str) -> None:
    """They do where it takes no model of the pool file to see it."""
    tamper(engine, SPECS[kind])
    said = run(command).err
    assert "Warning: the container ci-master: it" in said
    assert "`start`, `restart`, `scale` and `rotate-key` need it" in said


@pytest.mark.parametrize("kind", SPECS)
def test_a_pool_whose_spec_is_unreadable_is_deleted(
    run: Run, engine: PoolEngine, kind: str
) -> None:
    """It is a pool all the same, and goes as a whole."""
    tamper(engine, SPECS[kind])
    assert run("delete").status == 0
    assert (engine.containers({}), engine.volumes({}), engine.networks({})) == ([], [], [])


def test_a_networks_spec_that_is_unreadable(run: Run, pools: PoolEngine) -> None:
    """A pool of which only the state is left is an error if its network's spec is unreadable."""
    Pool.create("ci", engine=pools)
    pools.remove(*(node.info.id for node in pool_nodes(pools, "ci")))
    pools.remove_network("ci")
    pools.create_network("ci", labels={**pool_labels("ci"), f"{LABEL}.spec": "{"})
    result = run("start")
    words = "ci: its label io.condor-mini.spec is not JSON"
    assert (result.status, words in result.err) == (1, True)


# -- images of one's own --------------------------------------------------------------------------


def test_labels_of_an_own_image_do_not_count(pools: PoolEngine, run: Run) -> None:
    """A node of an image that claims everything is what condor-mini has made it, and no more."""
    claims = node_labels("theirs", "master", 7, series="23", group="evil", spec="{")
    claims |= {f"{LABEL}.one-user": "true", f"{LABEL}.own-image": "evil"}
    for role in ("master", "submit", "execute"):
        pools.add_image(f"condor-{role}:25", labels=claims)
    Pool.create("ci", execution_points=2, engine=pools)
    nodes = pool_nodes(pools, "ci")
    assert [node.name for node in nodes] == NODES
    assert {node.series for node in nodes} == {"25"}
    assert not any(node.has_one_user or node.has_own_image for node in nodes)
    results = [run(command) for command in ("scale --execute 3", "restart", "status")]
    # No collector answers here.
    assert ([result.status for result in results], results[-1].err) == ([0, 0, 5], "")


def test_an_own_image_does_not_tell_how_many_slots(pools: PoolEngine) -> None:
    """Only the central manager tells what the pool was made from."""
    slots = {**WHOLE, "execution_points": [{"name": "default", "slots": 5}]}
    pools.add_image("condor-execute:25", labels={f"{LABEL}.spec": json.dumps(slots)})
    pool = Pool.create("ci", execution_points=2, engine=pools)
    pools.on_exec(["timeout", "5", "condor_status"], lambda _: FakeOutcome(stdout="[]"))
    assert pool.status().slots.expected == 2


# -- personal pools -------------------------------------------------------------------------------


@pytest.mark.parametrize("mounts", ["nothing", "a volume"])
def test_a_personal_pool_needs_a_directory_of_the_hosts(
    pools: PoolEngine, tmp_path: Path, mounts: str
) -> None:
    """A container that only its labels make a personal pool is none, and is reported."""
    pools.add_image("condor-mini:25")
    spec = personal_spec("mini-abc", tmp_path)
    volume = VolumeMount(volume="x", target=PERSONAL_STATE, labels={})
    pools.create(
        ContainerSpec(
            image=spec.image,
            name=spec.name,
            labels=spec.labels,
            mounts=(volume,) if mounts == "a volume" else (),
        )
    )
    found = listing(pools)
    assert found.pools == []
    (problem,) = found.problems
    assert "no directory of the host is mounted at /condor_state" in problem.evidence


def test_a_personal_pool_of_another_name(pools: PoolEngine, tmp_path: Path) -> None:
    """A container that has not the name of the personal pool that it claims to be is none."""
    pools.add_image("condor-mini:25")
    spec = personal_spec("mini-abc", tmp_path)
    pools.create(
        ContainerSpec(image=spec.image, name="evil", labels=spec.labels, mounts=spec.mounts)
    )
    found = listing(pools)
    assert (found.pools, [problem.name for problem in found.problems]) == ([], ["evil"])


# -- what fills a volume --------------------------------------------------------------------------


def test_what_fills_a_volume_goes_with_the_pool(engine: PoolEngine) -> None:
    """A container that a kill has left while it filled a volume is no node, and is removed."""
    mount = VolumeMount(volume="ci-condor-mini-runtime", target=PREFIX, labels=pool_labels("ci"))
    engine.create(
        ContainerSpec(
            image="condor-execute:25",
            name="ci-condor-mini-runtime",
            labels=node_labels("ci", "execute", 1),
            mounts=(mount,),
        )
    )
    assert ([node.name for node in pool_nodes(engine, "ci")], told(engine)) == (NODES, {})
    removal.remove(engine, "ci")
    assert (engine.containers({}), engine.volumes({})) == ([], [])


# -- anything at all ------------------------------------------------------------------------------

KEYS = ("kind", "pool", "role", "number", "group", "series", "spec", "state", "one-user", "x")
VALUES = (
    *("pool", "ci", "mini", "master", "submit", "execute", "evil", "", " ", "0", "1", "2", "-1"),
    *("25", "23", "99", "\u0661", "\ud800", "\x1b[2J", "{", "null", "default", "/x", "x" * 300),
    *("NaN", json.dumps(WHOLE), json.dumps({**WHOLE, "execution_points": 1})),
)
labels_of_anything = st.dictionaries(
    st.sampled_from(KEYS), st.sampled_from(VALUES) | st.text(max_size=5), max_size=len(KEYS)
).map(lambda said: {f"{LABEL}.{key}": value for key, value in said.items()})
names = st.sampled_from(["ci", "ci-master", "ci-execute-1", "ci-execute-1-tokens", "mini", "x"])


@settings(
    max_examples=100,
    deadline=timedelta(seconds=10),
    database=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    containers=st.lists(st.tuples(names, labels_of_anything), max_size=3),
    volumes=st.lists(st.tuples(names, labels_of_anything), max_size=3),
    networks=st.lists(st.tuples(names, labels_of_anything), max_size=2),
    mounted=st.booleans(),
)
def test_whatever_the_labels_say(
    containers: list[tuple[str, dict[str, str]]],
    volumes: list[tuple[str, dict[str, str]]],
    networks: list[tuple[str, dict[str, str]]],
    *,
    mounted: bool,
) -> None:
    """Whatever labels say, no command ends with worse than an error of ours."""
    engine = FakeEngine()
    engine.add_image("it")
    for name, labels in networks:
        with suppress(CondorMiniError):
            engine.create_network(name, labels=labels)
    for name, labels in volumes:
        engine.create_volume(name, labels=labels)
    mount = tokens_mount("ci", "execute", 1)
    for name, labels in containers:
        with suppress(CondorMiniError):
            spec = ContainerSpec(image="it", name=name, labels={**pool_labels("ci"), **labels})
            mounts = (mount,) if mounted and name == "ci-execute-1" else ()
            engine.create(ContainerSpec(**{**vars(spec), "mounts": mounts}))
    listing(engine)
    assert not any(node.is_personal for node in Holdings(engine).nodes)
    told(engine)
    for pool in [*Pool.list(engine=engine), Pool(engine, "ci")]:
        for look in (pool.status, pool.start, lambda pool=pool: pool.scale(2), pool.delete):
            # Nobody else creates nodes here: to wait for that took seconds of each example.
            with suppress(CondorMiniError), patch.object(unfinished, "QUIET_S", 0):
                look()
