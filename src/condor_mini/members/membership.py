"""Who is let into a pool that runs: tokens, requests for tokens, and the key that signs them.

All of it is done by HTCondor's own tools on the nodes.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.base.layout import BACKGROUND_SCRIPTS, REQUEST_SCRIPTS, USER
from condor_mini.base.progress import Progress
from condor_mini.engines import reached
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.creation import READY_TIMEOUT_S
from condor_mini.lifecycle.ready import Deadline, await_usable
from condor_mini.members.issued_tokens import (
    SIGNERS,
    CreatedToken,
    Known,
    Revocation,
    Token,
    authorizations_of,
    claims_of,
    time_of,
)
from condor_mini.nodes.node import Identity, Malformed, Node, Role, node_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from condor_mini.engine import Engine

_SILENT = Progress()
LEVELS = (
    *("READ", "WRITE", "ADVERTISE_STARTD", "ADVERTISE_SCHEDD", "ADVERTISE_MASTER"),
    *("DAEMON", "NEGOTIATOR", "ADMINISTRATOR", "CONFIG"),
)
"""What a token can be limited to: HTCondor's authorization levels that are granted to somebody.

HTCondor's manual, "Security", "Authorization"; condor_perms.cpp has four more, which are not.
"""
AUTHORIZATIONS = ("READ", "WRITE")
"""Of a user: to query, and to submit."""
LONGEST_LIFETIME_S = 100 * 366 * 86400
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9._-]*)?")


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """A node or a person that asks for a token, and waits for approval."""

    id: str
    client: str
    """What it calls itself: host name and PID."""
    address: str
    identity: str
    """That it asks for."""
    authorizations: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """For programs: docs/reference/json.md."""
        return asdict(self)


class Members:
    """Who is let in: ``Pool.members``, or those of a central manager without a pool of ours."""

    def __init__(self, nodes: Callable[[], Sequence[Node]], *, is_pool: bool = True) -> None:
        """Given what finds the nodes: the central manager first; and whether these are all."""
        self._nodes = nodes
        self._is_pool = is_pool

    @classmethod
    def of_container(cls, name: str, *, engine: Engine | str | None = None) -> Self:
        """Those of a central manager that was started with the engine alone (``docker run``).

        Raises:
            NotFound: There is no container of that name.
            UsageError: It is no central manager of our images.
            PoolNotReady: It does not run.
            EngineNotFound: No engine answers.
        """
        where = reached(engine)
        info = where.inspect(name)
        if info is None:
            raise NotFound(f"there is no container {name} on {where.name}")
        try:
            manager = node_of(where, info)
        except Malformed:
            # It was named, so it is believed, but not its labels, which are its image's.
            identity = Identity(pool=info.name, role=Role.CENTRAL_MANAGER)
            manager = Node(engine=where, info=replace(info, labels={}), identity=identity)
        # Our images say by a variable what they are.
        role = manager.exec(["printenv", "CONDOR_MINI_ROLE"], user="root").stdout.strip()
        if role != Role.CENTRAL_MANAGER:
            raise UsageError(
                f"{name} is no central manager: its image is {info.image}",
                hint="It is the node of the image condor-master that gives tokens",
            )
        return cls(lambda: [manager], is_pool=False)

    def create_token(
        self,
        user: str = USER,
        *,
        authorizations: Sequence[str] | None = None,
        lifetime_s: int | None = None,
    ) -> CreatedToken:
        """Create a token: a part for the central manager, and one for each access point.

        The pool notes all of it but the secret: ``tokens`` tells of it, and ``revoke`` knows it.

        Args:
            user: Who its holder is: a user of the access points, or ``NAME@DOMAIN``.
            authorizations: What it is limited to, of ``LEVELS``; None for READ and WRITE: query
                and submit.
            lifetime_s: How long it is good for, in seconds; None for ever.

        Raises:
            UsageError: That is no user, no authorization or no lifetime.
            PoolNotReady: The central manager or an access point does not run.
            CondorMiniError: All tokens of that user are revoked, new ones too.
        """
        limits = [_checked_level(name) for name in authorizations or AUTHORIZATIONS]
        if not _NAME.fullmatch(user):
            raise UsageError(f"{user!r} is no user: a name, or NAME@DOMAIN")
        if lifetime_s is not None and not 1 <= lifetime_s <= LONGEST_LIFETIME_S:
            raise UsageError(
                f"a token's lifetime is 1 to {LONGEST_LIFETIME_S} seconds, not {lifetime_s}"
            )
        argv = [user, str(lifetime_s or 0), *dict.fromkeys(limits)]
        parts: list[str] = []
        known_by: list[str] = []
        for node in _signers(self._nodes()):
            parts.append(_run(node, f"{REQUEST_SCRIPTS}/create-token", *known_by, *argv).strip())
            known_by = known_by or ["--with", str(claims_of(parts[0])["jti"])]
        claims = claims_of(parts[0])
        ids = tuple(str(claims_of(part)["jti"]) for part in parts)
        return CreatedToken(
            secret="".join(f"{part}\n" for part in parts),
            id=ids[0],
            ids=ids,
            identity=str(claims["sub"]),
            authorizations=authorizations_of(claims),
            expires_at=time_of(claims, "exp"),
        )

    def tokens(self) -> list[Token]:
        """Return what is known of the pool's tokens; never the tokens themselves.

        Known are those that ``create_token`` has made, until they have expired and another one is
        made, and those that lie on the nodes that run.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        return list(Known.of(_from_manager(self._nodes())).tokens)

    def revoke(
        self, ids: Sequence[str] = (), *, identities: Sequence[str] = (), force: bool = False
    ) -> list[Revocation]:
        """Let nobody in any more by these tokens, at once and for good; jobs run on.

        The collector forgets who was in. The nodes' ads are back with their next updates. A node
        whose own token this was asks for another one, or gets it when it is started again.

        Args:
            ids: Of tokens: ``Token.id``, or how only one of them begins.
            identities: Whose tokens, all of them, new ones too: ``Token.identity``, or a node's
                ``NODE@ROLE.DOMAIN``; the domain can be left out.
            force: Whether to take ids and identities that the pool does not know, too.

        Returns:
            What was revoked, and whether it had been before.

        Raises:
            UsageError: None is named, or several tokens' ids begin so, or, with ``force``, it is
                no id or identity.
            NotFound: The pool knows no such token or holder. None was revoked then.
            PoolNotReady: The central manager or an access point does not run.
        """
        if not ids and not identities:
            raise UsageError("which token? `condor-mini token list` shows their ids")
        nodes = self._nodes()
        signers = _signers(nodes)
        known = Known.of(nodes)
        revocations = [
            *(known.revocation_of_token(text, force=force) for text in ids),
            *(known.revocation_of_holder(text, force=force) for text in identities),
        ]
        values: dict[str, list[str]] = {}
        for each in revocations:
            values.setdefault(each.claim, []).extend(each.values)
        # The central manager last: who is in has to come in anew then.
        for node in reversed(signers):
            for claim in values:
                _run(node, f"{REQUEST_SCRIPTS}/revoke-token", claim, *values[claim])
        return revocations

    def requests(self) -> list[TokenRequest]:
        """Who has asked for a token and waits.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        manager = _signers(self._nodes())[0]
        said = manager.exec(["condor_token_request_list", "-json"], user="root")
        if said.returncode != 0:
            raise PoolNotReady(f"{manager.name} tells of no requests: {said.stderr.strip()}")
        ads = json.loads(said.stdout) if said.stdout.strip() else []
        return [
            TokenRequest(
                id=str(ad["RequestId"]),
                client=ad.get("ClientId", ""),
                address=ad.get("PeerLocation", ""),
                identity=ad.get("RequestedIdentity", ""),
                authorizations=_words(ad.get("LimitAuthorization", "")),
            )
            for ad in ads
        ]

    def approve(self, ids: Sequence[str] | None = None) -> list[TokenRequest]:
        """Approve these requests, None for all that wait; which they were.

        Raises:
            NotFound: There is no such request; says which there are.
            PoolNotReady: The central manager does not run.
        """
        waiting = {request.id: request for request in self.requests()}
        wanted = list(waiting) if ids is None else list(dict.fromkeys(ids))
        if absent := [id_ for id_ in wanted if id_ not in waiting]:
            there = ", ".join(waiting) or "none"
            raise NotFound(f"no token request {absent[0]} waits; those that wait: {there}")
        manager = self._nodes()[0]
        for id_ in wanted:
            argv = ["condor_token_request_approve", "-reqid", id_]
            said = manager.exec(argv, user="root", stdin="yes\n")
            if said.returncode != 0:
                raise CondorMiniError(f"the request {id_} was not approved: {said.stderr.strip()}")
        return [waiting[id_] for id_ in wanted]

    def rotate_key(
        self, *, timeout_s: float = READY_TIMEOUT_S, progress: Progress = _SILENT
    ) -> None:
        """Make a new signing key: all tokens of the old one are of no use; nodes get new ones.

        Jobs run on.

        Raises:
            UsageError: It is no pool of ours: nothing is known of its other nodes.
            PoolNotReady: The pool does not run, or a node is not back after ``timeout_s``.
        """
        from condor_mini.lifecycle import stop_and_start

        nodes = self._nodes()
        manager, *others = nodes
        if not self._is_pool:
            raise UsageError(
                f"{manager.name} is no pool of ours, of which all nodes could get new tokens",
                hint='A new key by hand: docs/how-to/manage-tokens.md, "Nodes started by hand"',
            )
        signers = _signers(nodes)
        slots = stop_and_start.slots_of(nodes)
        deadline = Deadline(timeout_s)
        with progress.step("Making a new key", done="Made a new key, and tokens for all nodes"):
            for node in signers:
                _run(node, f"{REQUEST_SCRIPTS}/rotate-key")
            node_tokens.give(manager, others, deadline)
            for node in others:
                if node.is_running and node.role is Role.ACCESS_POINT:
                    _run(node, f"{BACKGROUND_SCRIPTS}/renew-tokens", "users")
        engine, pool = manager.engine, manager.pool
        await_usable(engine, pool, slots, progress, deadline=deadline, probe=False)


def _from_manager(nodes: Sequence[Node]) -> Sequence[Node]:
    """Return the nodes, of which the first is the central manager."""
    if nodes[0].role is not Role.CENTRAL_MANAGER:
        raise PoolNotReady(f"the pool {nodes[0].pool} has no central manager any more")
    return nodes


def _signers(nodes: Sequence[Node]) -> list[Node]:
    """Return the central manager and the access points, all of which run."""
    signers = [node for node in _from_manager(nodes) if node.role in SIGNERS]
    for node in signers:
        if not node.is_running:
            raise node.ended()
    return signers


def _checked_level(name: str) -> str:
    level = name.upper()
    if level not in LEVELS:
        near = get_close_matches(level, LEVELS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(LEVELS)}"
        raise UsageError(f"{name!r} is no authorization of HTCondor's", hint=hint)
    return level


def _run(node: Node, script: str, *arguments: str) -> str:
    """Run a script of ours that administers, as root, and return its output."""
    said = node.exec([script, *arguments], user="root")
    if said.returncode != 0:
        name = script.rpartition("/")[2]
        raise CondorMiniError(
            f"{name} on {node.name} ended with {said.returncode}: {said.stderr.strip()}"
        )
    return said.stdout


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
