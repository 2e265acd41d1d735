"""Creating and deleting pools on a real engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import CREATED_ROLES, Role
from condor_mini.nodes.plan import SCRATCH
from condor_mini.nodes.state import STATE
from condor_mini.pool import Pool

from .conftest import SLOTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine


def whatever_is_left(engine: Engine, name: str) -> list[str]:
    """All that bears the pool's label."""
    label = {f"{LABEL}.pool": name}
    return [
        *(container.name for container in engine.containers(label)),
        *(network.name for network in engine.networks(label)),
        *(volume.name for volume in engine.volumes(label)),
    ]


@pytest.mark.every_engine
@pytest.mark.slow_on("embedded")
def test_created_pool_is_usable_at_once_and_delete_leaves_nothing(
    fresh: Cli, pool_engine: Engine
) -> None:
    """As soon as `create` has ended every slot is there, and no job is, as far as `status` shows.

    A network without nodes, which was left of a pool, keeps nobody from using its name. After
    `delete` the engine holds nothing of the pool; a second `delete` succeeds too.
    """
    labels = {f"{LABEL}.kind": "pool", f"{LABEL}.pool": fresh.name}
    pool_engine.create_network(fresh.name, labels=labels)
    said = fresh.succeeds("create", "--execute", "2", timeout_s=120)
    assert said == f"The pool {fresh.name} is usable.\n"
    slots = fresh.succeeds("exec", "--", *SLOTS).split()
    assert slots == [f"{fresh.name}-execute-1", f"{fresh.name}-execute-2"]

    def shown() -> str | None:
        (jobs,) = json.loads(fresh.succeeds("status", "-o", "json"))["jobs"]
        return "a job is idle or runs" if jobs["idle"] + jobs["running"] else None

    # Half of UPDATE_INTERVAL, after which the schedd's ad is new anyway.
    wait_until(shown, timeout_s=2)
    roles = [*CREATED_ROLES, Role.EXECUTION_POINT]
    volumes = sum(len(STATE[role]) for role in roles)
    if pool_engine.info().read_only_roots:
        volumes += sum(len(SCRATCH[role]) for role in roles)
    assert len(whatever_is_left(pool_engine, fresh.name)) == 5 + volumes
    fresh.succeeds("delete")
    assert whatever_is_left(pool_engine, fresh.name) == []
    assert fresh("delete").returncode == 0


def test_name_that_exists_is_refused(pool: Pool, cli: Cli) -> None:
    """A second pool of a name is refused with exit code 4, and the first one goes on."""
    result = cli("create")
    assert result.returncode == 4
    assert f"there is a pool {pool.name}" in result.stderr
    assert f"condor-mini delete -n {pool.name}" in result.stderr
    assert cli.succeeds("exec", "--", "echo", "alive") == "alive\n"


def test_if_not_exists_takes_the_one_that_is_there(pool: Pool, cli: Cli) -> None:
    """With --if-not-exists a pool that is there is a success, and is left as it is."""
    before = [node.info.id for node in pool.nodes]
    cli.succeeds("create", "--if-not-exists", timeout_s=120)
    assert [node.info.id for node in pool.nodes] == before


def test_foreign_network_is_left_alone(fresh: Cli, pool_engine: Engine) -> None:
    """A network of that name that is no pool's is neither used nor removed."""
    pool_engine.create_network(fresh.name, labels={"whose": "somebody's"})
    try:
        result = fresh("create")
        assert (result.returncode, "is no pool's" in result.stderr) == (4, True)
        assert fresh.name in [net.name for net in pool_engine.networks({"whose": "somebody's"})]
    finally:
        pool_engine.remove_network(fresh.name)


@pytest.mark.slow
def test_pool_of_series_23(fresh: Cli, tmp_path: Path) -> None:
    """Create, submit and delete work with HTCondor 23."""
    fresh.succeeds("create", "--htcondor", "23", timeout_s=280)
    assert "23." in fresh.succeeds("exec", "--", "condor_version")
    (tmp_path / "job.sub").write_text(
        "executable = /bin/hostname\ntransfer_executable = false\n"
        'transfer_output_files = ""\noutput = out\nlog = log\nqueue\n'
    )
    fresh.succeeds("submit", "job.sub", "--wait", cwd=tmp_path)
    assert (tmp_path / "out").read_text().strip() == f"{fresh.name}-execute-1"
    fresh.succeeds("delete")


def test_dry_run_makes_nothing(fresh: Cli, pool_engine: Engine) -> None:
    """--dry-run shows every node and its configuration, and the engine has nothing afterwards."""
    said = fresh.succeeds("create", "--execute", "3", "--submit", "2", "--dry-run", "-o", "json")
    names = [node["name"] for node in json.loads(said)["nodes"]]
    assert names == [
        f"{fresh.name}-master",
        *(f"{fresh.name}-submit-{number}" for number in (1, 2)),
        *(f"{fresh.name}-execute-{number}" for number in (1, 2, 3)),
    ]
    assert whatever_is_left(pool_engine, fresh.name) == []


def test_api_is_a_context_manager(fresh: Cli, pool_engine: Engine) -> None:
    """A pool that Python makes is gone after its context."""
    with Pool.create(fresh.name, engine=pool_engine) as made:
        assert [node.role for node in made.nodes] == list(CREATED_ROLES)
    assert whatever_is_left(pool_engine, fresh.name) == []


def test_exception_in_the_context_says_where_the_logs_are(
    fresh: Cli, pool_engine: Engine, state_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What leaves the context as an exception has a note with the directory of the pool's logs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(state_home))
    with (
        pytest.raises(ZeroDivisionError) as caught,
        Pool.create(fresh.name, engine=pool_engine),
    ):
        raise ZeroDivisionError
    (note,) = caught.value.__notes__
    assert str(state_home) in note
    assert whatever_is_left(pool_engine, fresh.name) == []


@pytest.mark.every_engine
def test_nodes_have_tokens_of_their_own_with_the_least(pool: Pool) -> None:
    """An execution point's token lets it advertise itself, and not a schedd."""
    told = {
        authz: pool.exec(
            ["condor_ping", "-type", "collector", "-quiet", authz], node="execute-1", user="root"
        ).returncode
        for authz in ("ADVERTISE_STARTD", "ADVERTISE_SCHEDD", "NEGOTIATOR")
    }
    assert told == {"ADVERTISE_STARTD": 0, "ADVERTISE_SCHEDD": 1, "NEGOTIATOR": 1}


@pytest.mark.slow
def test_pools_side_by_side_know_nothing_of_each_other(
    pool: Pool, fresh: Cli, new_cli: Callable[[], Cli], pool_engine: Engine
) -> None:
    """A second pool has its own slots only, and its end does not touch the first.

    What a kill in the middle of a `delete` has left of it can be deleted.
    """
    fresh.succeeds("create", timeout_s=120)
    names = fresh.succeeds("exec", "--", *SLOTS).split()
    assert names == [f"{fresh.name}-execute-1"]
    assert new_cli()("delete").returncode == 0
    pool_engine.remove(f"{fresh.name}-master", f"{fresh.name}-submit-1")
    fresh.succeeds("delete")
    assert whatever_is_left(pool_engine, fresh.name) == []
    assert all(node.is_running for node in pool.nodes)
