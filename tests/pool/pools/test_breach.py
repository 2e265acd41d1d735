"""Somebody who is no access point advertises jobs: three places refuse that, each by itself.

HTCondor's collector takes a submitter's ad from whoever it is about, ``UPDATE_OWN_SUBMITTOR_AD``,
and anybody is ``unauthenticated``: without a token somebody on the pool's network had jobs run.
"""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.pool.pools.attackers import token_of
from tests.pool.pools.rogues import rogue

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.series import catalogue
from condor_mini.base.waiting import wait_until
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pool.pools.rogues import Rogue

    from condor_mini.engine import Engine

pytestmark = pytest.mark.every_engine

SWITCHED_OFF = {
    "collector": "COLLECTOR_REQUIREMENTS = True",
    "negotiator": "NEGOTIATOR_SUBMITTER_CONSTRAINT = True\nNEGOTIATOR_SLOT_CONSTRAINT = True\n"
    "NEGOTIATOR.SEC_CLIENT_AUTHENTICATION = OPTIONAL\n"
    "NEGOTIATOR.SEC_CLIENT_AUTHENTICATION_METHODS = FS, IDTOKENS, SSL",
    "startd": "IS_OF_A_USER = True",
}
"""What lets everybody through, place by place."""
MATCHED_ANYHOW = """\
NegotiatorRequirements = True
STARTD_ATTRS = $(STARTD_ATTRS) NegotiatorRequirements"""
"""The negotiator does not look at what the execution point requires, which so refuses by itself."""
RECONFIGURE = """
printf '%s\\n' "$1" "SWITCHED_OFF = $2" >/etc/condor/config.d/95-switched-off
condor_reconfig
"""

DAEMONS = {"Collector": "master", "Negotiator": "master", "Machine": "execute-1"}
"""Whose ad is of a daemon that is told, and its node."""
ASK = """
address=$(condor_status -any -limit 1 -constraint 'MyType == "{kind}"' -af MyAddress)
condor_config_val -addr "$address" SWITCHED_OFF
"""
REFUSED = "State change: claiming protocol failed"
"""What a startd logs of a claim that it does not grant."""
WHO = {
    "nobody": "unauthenticated",
    "execution point": "{name}-execute-1",
    "user": "jovyan",
}
"""Whose token they have, and whose submitter's ad HTCondor takes from them."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """A pool whose places can be switched off."""

    pool: Pool
    series: str

    def switch_off(self, *places: str) -> None:
        """Let all of it through these places, and stop it at the others, from now on."""
        # All are closed first: nodes are told one after the other, and a job that meets no closed
        # place on the way from one set to the next has run when the test looks.
        if places:
            self.switch_off()
        lines = [SWITCHED_OFF[place] for place in places]
        if "startd" not in places:
            lines.append(MATCHED_ANYHOW)
        label = "-".join(places) or "none"
        script = ["sh", "-euc", RECONFIGURE, "sh", "\n".join(lines), label]
        for node in ("master", "execute-1"):
            self.pool.exec(script, node=node, user="root")
        for kind, node in DAEMONS.items():
            wait_until(partial(self._unread, kind, node, label), timeout_s=20)

    def _unread(self, kind: str, node: str, label: str) -> str | None:
        script = ASK.format(kind=kind)
        said = self.pool.exec(["sh", "-c", script], node=node, user="root")
        return None if said.stdout.strip() == label else f"{kind}: {said.stdout}{said.stderr}"

    def negotiate(self) -> str:
        """See a cycle of the negotiator begin and end; what it logged meanwhile."""
        before = len(self.log("master", "NEGOTIATOR_LOG"))

        def going_on() -> str | None:
            seen = self.log("master", "NEGOTIATOR_LOG")[before:]
            begun = seen.count("Started Negotiation Cycle")
            return None if begun > 1 else "no cycle has begun and ended"

        wait_until(going_on, timeout_s=30)
        return self.log("master", "NEGOTIATOR_LOG")[before:]

    def log(self, node: str, knob: str) -> str:
        """A daemon's log, by the knob that says where it is."""
        script = f"cat $(condor_config_val {knob})"
        return self.pool.exec(["sh", "-c", script], node=node, user="root").stdout

    def submitters(self) -> set[str]:
        """Who has told the collector of submitters, by whatever command."""
        argv = ["condor_status", "-any", "-constraint", 'MyType == "Submitter"']
        argv += ["-af", "AuthenticatedIdentity"]
        return set(self.pool.exec(argv, node="master", user="root").stdout.split())


@pytest.fixture(scope="module", params=["25", "23"])
def places(pool_engine: Engine, request: pytest.FixtureRequest) -> Iterator[Places]:
    """A pool of each series."""
    # Each engine and each series once: the configuration that refuses is the same on both engines.
    quick = (pool_engine.name == "embedded") != (request.param == catalogue().get(None).number)
    if not quick and not request.config.getoption("--slow"):
        pytest.skip("each engine and each series is there once without it: --slow")
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, series=request.param, engine=pool_engine) as pool:
        yield Places(pool=pool, series=request.param)


@pytest.fixture(scope="module")
def rogues(places: Places) -> Iterator[dict[str, Rogue]]:
    """Somebody with no token, with a stolen execution point's, and with a user's."""
    pool = places.pool
    tokens = {
        "nobody": "",
        "execution point": token_of(pool, "execute-1"),
        "user": pool.members.create_token("jovyan").secret.split()[0],
    }
    with ExitStack() as stack:
        yield {
            who: stack.enter_context(
                rogue(pool, submitter.format(name=pool.name), tokens[who], series=places.series)
            )
            for who, submitter in WHO.items()
        }


def identities(places: Places) -> set[str]:
    """As whom the collector knows them."""
    return {
        "unauthenticated@unmapped",
        f"{places.pool.name}-execute-1@execute.condor-mini.internal",
        "jovyan@condor-mini.internal",
    }


def advertise(rogues: dict[str, Rogue]) -> None:
    """Have each of them tell the pool of their job."""
    for one in rogues.values():
        one.advertise()


def started(rogues: dict[str, Rogue]) -> set[str]:
    """Whose job has begun to run, wherever it was."""
    return {who for who, one in rogues.items() if "\n001 (" in one.log()}


def test_refused(places: Places, rogues: dict[str, Rogue]) -> None:
    """Nobody's jobs are told of, asked for or run: not with a node's token, nor with a user's."""
    advertise(rogues)
    log = places.negotiate()
    assert not places.submitters() & identities(places)
    assert [who for who, one in rogues.items() if one.address in log] == []
    assert started(rogues) == set()


def test_refused_by_the_collector(places: Places, rogues: dict[str, Rogue]) -> None:
    """The collector alone refuses each of them: it takes no ad of theirs."""
    places.switch_off("negotiator", "startd")
    advertise(rogues)
    log = places.negotiate()
    assert not places.submitters() & identities(places)
    assert [who for who, one in rogues.items() if one.address in log] == []
    assert started(rogues) == set()


def test_refused_by_the_negotiator(places: Places, rogues: dict[str, Rogue]) -> None:
    """The negotiator alone refuses each of them: the collector has their ads, and it asks none."""
    places.switch_off("collector", "startd")
    advertise(rogues)
    log = places.negotiate()
    assert places.submitters() >= identities(places)
    assert [who for who, one in rogues.items() if one.address in log] == []
    assert started(rogues) == set()


def test_refused_by_the_execution_point(places: Places, rogues: dict[str, Rogue]) -> None:
    """The execution point alone refuses somebody without a token, who has the match's claim."""
    places.switch_off("collector", "negotiator")
    outsider = rogues["nobody"]

    def unclaimed() -> str | None:
        outsider.advertise()
        if places.log("execute-1", "STARTD_LOG").count(REFUSED) > before:
            return None
        log = places.log("master", "NEGOTIATOR_LOG")
        return f"it has refused nobody; the negotiator says: {log[-2500:]}"

    before = places.log("execute-1", "STARTD_LOG").count(REFUSED)
    wait_until(unclaimed, timeout_s=60)
    matched = f"Matched 1.0 unauthenticated@condor-mini.internal <{outsider.address}"
    assert matched in places.log("master", "NEGOTIATOR_LOG")
    assert "nobody" not in started(rogues)


def test_none_refuses(places: Places, rogues: dict[str, Rogue]) -> None:
    """With all three switched off the jobs run, and their output comes back: so it had been."""
    places.switch_off("collector", "negotiator", "startd")
    advertise(rogues)

    def unended() -> str | None:
        advertise(rogues)
        waiting = {who: log for who, one in rogues.items() if "uid=" not in (log := one.log())}
        return f"not ended: {waiting}" if waiting else None

    wait_until(unended, timeout_s=60)


def test_refused_in_disguise(places: Places, rogues: dict[str, Rogue]) -> None:
    """A submitter's ad that passes the collector as a machine's makes the negotiator ask nobody."""
    places.switch_off()
    # It forgets what it was told while it took everything.
    places.pool.exec([f"{REQUEST_SCRIPTS}/restart-collector"], node="master", user="root")
    thief = rogues["execution point"]
    thief.advertise_in_disguise()
    log = places.negotiate()
    # HTCondor 23 evaluates such a type otherwise, and refuses the ad at once.
    assert bool(places.submitters() & identities(places)) is (places.series != "23")
    assert thief.address not in log
