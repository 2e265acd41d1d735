"""What somebody on the pool's network gets from it, with no token and with a stolen one."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.pool.pools.attackers import DAEMONS, attacker, token_of

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.node import Role
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.pools.attackers import Attacker

    from condor_mini.engine import Engine

pytestmark = pytest.mark.pool_engines(
    "docker", reason="the embedded engine has no network to share"
)

GRANTED = {
    "nobody": set[str](),
    "execution point": {"READ", "ADVERTISE_STARTD", "ADVERTISE_MASTER"},
    "access point": {"READ", "ADVERTISE_SCHEDD", "ADVERTISE_MASTER"},
}
"""At the collector, by whose token it is; no other daemon grants them anything."""
ADS = {
    "UPDATE_STARTD_AD": {"execution point"},
    "UPDATE_SCHEDD_AD": {"access point"},
    "UPDATE_SUBMITTOR_AD": {"access point"},
    "UPDATE_NEGOTIATOR_AD": set[str](),
    "UPDATE_COLLECTOR_AD": set[str](),
    "UPDATE_AD_GENERIC": set[str](),
    "INVALIDATE_SCHEDD_ADS": {"access point"},
}
DENIED = r'Received "DENIED" from server for user \S+@(execute|submit)[.]condor-mini[.]internal'
"""What somebody hears whose token the central manager takes, and who may not do this."""
UNKNOWN = "AUTHENTICATE:1003:Failed to authenticate with any method"
"""What somebody hears whose token is of no use: the pool's, anywhere but at the central manager."""
LIMITED = "Session doesn't allow requested authorization levels"
COMMANDS = {
    "reconfigure": ("condor_reconfig -addr '{manager}'", DENIED),
    "submit": (
        "printf 'executable=/bin/true\\nqueue\\n' | condor_submit -addr '{schedd}' -spool -",
        UNKNOWN,
    ),
    "see the queue": ("condor_q -addr '{schedd}' -all", UNKNOWN),
    "remove jobs": ("condor_rm -addr '{schedd}' -all", UNKNOWN),
    "vacate a slot": ("condor_vacate -addr '{startd}'", UNKNOWN),
    "get a token with more rights": (
        "condor_token_fetch -type COLLECTOR -authz ADMINISTRATOR",
        LIMITED,
    ),
    "get another role's token": (
        "condor_token_fetch -type COLLECTOR -authz ADVERTISE_NEGOTIATOR",
        LIMITED,
    ),
    "approve requests": (
        "condor_token_request_auto_approve -netblock 0.0.0.0/0 -lifetime 9",
        DENIED,
    ),
    "change priorities": (
        "condor_userprio -debug -setfactor jovyan@condor-mini.internal 99",
        DENIED,
    ),
    # Last, as who may do it has less of a pool afterwards.
    "restart a master": ("condor_restart -addr '{master}'", UNKNOWN),
    "switch a daemon off": ("condor_off -addr '{manager}' -daemon collector", DENIED),
}
"""What is tried, and the refusal that it meets with."""
WHO_IS_THERE = (
    *("condor_status", "-any", "-af", "MyType", "Name", "DaemonStartTime"),
    *("-constraint", 'DaemonStartTime isnt undefined && MyType != "Machine"'),
)
DOMAIN = ".nodes.internal"
"""What follows a node's name in its daemons' names."""
FACTOR = ("condor_userprio", "-allusers", "-af", "Name", "PriorityFactor")


@pytest.fixture(scope="module", params=list(GRANTED))
def thief(pool: Pool, request: pytest.FixtureRequest) -> Iterator[tuple[str, Attacker]]:
    """Somebody with nothing, and with each kind of a node's token."""
    nodes = {"execution point": "execute-1", "access point": "submit-1"}
    node = nodes.get(request.param)
    with attacker(pool, token_of(pool, node) if node else "") as somebody:
        yield request.param, somebody


@pytest.mark.parametrize("daemon", DAEMONS)
def test_granted(thief: tuple[str, Attacker], daemon: str) -> None:
    """A daemon grants the holder of a node's token what its role needs, others nothing."""
    whose, somebody = thief
    assert somebody.allowed(daemon) == (GRANTED[whose] if daemon == "collector" else set())


@pytest.mark.parametrize("kind", ADS)
def test_ads(thief: tuple[str, Attacker], kind: str) -> None:
    """The collector takes the ads of a token's role, and no others."""
    whose, somebody = thief
    assert somebody.advertises(kind, "nowhere") is (whose in ADS[kind])


def test_reading(thief: tuple[str, Attacker]) -> None:
    """The pool's ads are shown to its members and to nobody else."""
    whose, somebody = thief
    said = somebody.run("condor_status -any -af Name")
    assert (f"{somebody.pool.name}-master" in said.stdout) is (whose != "nobody")


@pytest.fixture(scope="module")
def job(pool: Pool) -> Iterator[int]:
    """A job that runs for as long as a thief is at work; its cluster."""
    submit = "executable = /bin/sleep\narguments = 600\ntransfer_executable = false\nqueue\n"
    said = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert said.returncode == 0, said.stderr
    cluster = int(said.stdout.partition(".")[0])

    def unstarted() -> str | None:
        # A job's shadow counts its start some seconds later.
        ads = pool.job_ads(f"ClusterId == {cluster}", ["JobStatus", "NumJobStarts"])
        started = [(ad["JobStatus"], ad.get("NumJobStarts")) for ad in ads] == [(2, 1)]
        return None if started else f"job {cluster}: {ads}"

    try:
        wait_until(unstarted, timeout_s=30)
        yield cluster
    finally:
        pool.exec(["condor_rm", str(cluster)])


@pytest.fixture(scope="module")
def before(pool: Pool, job: int) -> object:
    """The pool, before anything was tried."""

    def unadvertised() -> str | None:
        # A pool is usable before its masters have advertised themselves.
        ads = {tuple(line.replace(DOMAIN, "").split()[:2]) for line in who_is_there(pool)}
        daemons = {("DaemonMaster", node.name) for node in pool.nodes}
        if catalogue().get(None).number != "23":
            points = (node for node in pool.nodes if node.role is Role.EXECUTION_POINT)
            daemons |= {("StartD", node.name) for node in points}
        daemons.add(("Submitter", "jovyan@condor-mini.internal"))
        return f"not at the collector: {daemons - ads}" if daemons - ads else None

    wait_until(unadvertised, timeout_s=30)
    return seen(pool, job)


def who_is_there(pool: Pool) -> list[str]:
    """The pool's daemons, and since when each of them is there."""
    return sorted(pool.exec(WHO_IS_THERE, node="master").stdout.splitlines())


def seen(pool: Pool, job: int) -> object:
    """What the commands would change, and that can be seen."""
    states = pool.job_ads(projection=["ClusterId", "Cmd", "JobStatus", "NumJobStarts"])
    factors = pool.exec(FACTOR, node="master", user="root").stdout
    return (
        who_is_there(pool),
        [ad for ad in states if ad["ClusterId"] == job or ad["Cmd"] == "/bin/true"],
        [line for line in factors.splitlines() if line.startswith("jovyan@")],
    )


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.parametrize(
    "thief", ["execution point", "access point"], indirect=True, scope="module"
)
def test_commands(thief: tuple[str, Attacker], before: object, what: str) -> None:
    """With a node's token a command is refused, because its holder has no right to it."""
    del before
    _, somebody = thief
    command, refusal = COMMANDS[what]
    said = somebody.run(command.format(**somebody.addresses))
    assert said.returncode != 0
    assert re.search(refusal, said.stdout + said.stderr), said.stdout + said.stderr


def test_nobody_sets_configuration(thief: tuple[str, Attacker]) -> None:
    """A daemon's configuration is not set over the network, by whomever."""
    _, somebody = thief
    collector = somebody.addresses["collector"]
    said = somebody.run(f"condor_config_val -addr '{collector}' -set 'EVIL = 1'")
    assert 'Attempt to set configuration "EVIL = 1"' in said.stderr
    asked = somebody.pool.exec(
        ["condor_config_val", "-addr", collector, "EVIL"], node="master", user="root"
    )
    assert asked.stdout == "Not defined\n"


def test_nothing_has_come_of_it(thief: tuple[str, Attacker], before: object, job: int) -> None:
    """The pool is as it was: usable, no daemon is new, a job runs on, and there is no other."""
    _, somebody = thief
    pool = somebody.pool
    assert pool.status().verdict == "usable", pool.status().reasons
    assert seen(pool, job) == before


def test_commands_of_an_administrator(pool_engine: Engine) -> None:
    """With the rights for it, not one of the commands is refused: it is these that thieves lack."""
    name = f"t{uuid.uuid4().hex[:8]}"
    create = [f"{REQUEST_SCRIPTS}/create-token", "condor", "600"]
    with Pool.create(name, engine=pool_engine) as pool:
        tokens = [pool.exec(create, node=node, user="root") for node in ("master", "submit-1")]
        with attacker(pool, "".join(said.stdout for said in tokens).rstrip()) as administrator:
            refused = {}
            for what, (command, refusal) in COMMANDS.items():
                script = command.format(**administrator.addresses)
                # An execution point takes nobody's token: it has its own root alone.
                said = (
                    pool.exec(["sh", "-c", script], node="execute-1", user="root")
                    if "{startd}" in command
                    else administrator.run(script)
                )
                if re.search(refusal, said.stdout + said.stderr):
                    refused[what] = said.stderr
    assert refused == {}
