"""What somebody on the pool's network gets from it, with no token and with a stolen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pool.pools.attackers import DAEMONS, attacker, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.pools.attackers import Attacker

    from condor_mini.pool import Pool

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
COMMANDS = {
    "switch a daemon off": "condor_off -addr '{collector}' -daemon collector",
    "restart a master": "condor_restart -addr '{master}'",
    "set configuration": "condor_config_val -addr '{collector}' -set 'EVIL = 1'",
    "submit": "cd /tmp && printf 'executable=/bin/true\\nqueue\\n' >s"
    " && condor_submit -addr '{schedd}' -spool s",
    "see the queue": "condor_q -addr '{schedd}' -all",
    "remove jobs": "condor_rm -addr '{schedd}' -all",
    "vacate a slot": "condor_vacate -addr '{startd}'",
    "get a token with more rights": "condor_token_fetch -type COLLECTOR -authz ADMINISTRATOR",
    "get another role's token": "condor_token_fetch -type COLLECTOR -authz ADVERTISE_NEGOTIATOR",
    "approve requests": "condor_token_request_auto_approve -netblock 0.0.0.0/0 -lifetime 9",
    "change priorities": "condor_userprio -setfactor jovyan@condor-mini.internal 99",
}


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


@pytest.mark.parametrize("what", COMMANDS)
@pytest.mark.parametrize("thief", ["execution point"], indirect=True, scope="module")
def test_commands(thief: tuple[str, Attacker], what: str) -> None:
    """No command gets through with the token of an execution point."""
    _, somebody = thief
    said = somebody.run(COMMANDS[what].format(**somebody.addresses))
    assert said.returncode != 0, said.stdout + said.stderr


def test_nothing_has_come_of_it(thief: tuple[str, Attacker]) -> None:
    """The pool is as it was: usable, with no job that a thief has submitted."""
    _, somebody = thief
    pool = somebody.pool
    assert pool.status().verdict == "usable", pool.status().reasons
    assert [ad for ad in pool.job_ads(projection=["Cmd"]) if ad["Cmd"] == "/bin/true"] == []
