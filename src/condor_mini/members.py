"""Who is let into a pool that runs: tokens, requests for tokens, and the key that signs them.

All of it is done by HTCondor's own tools on the nodes. HTCondor keeps no record of the tokens that
it has issued; what can be listed is those that lie on the nodes.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from condor_mini import tokens
from condor_mini.creation import READY_TIMEOUT_S
from condor_mini.engine import reached
from condor_mini.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.nodes import LIBEXEC, USER, Identity, Malformed, Node, Role, node_of
from condor_mini.progress import Progress
from condor_mini.times import rfc3339
from condor_mini.usable import Deadline, await_usable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from condor_mini.engine import Engine

_SILENT = Progress()
SIGNERS = (Role.CENTRAL_MANAGER, Role.ACCESS_POINT)
"""Who takes tokens: the one with the pool's key, and access points with one of their own."""
AUTHORIZATIONS = ("READ", "WRITE")
"""Of a user: to query, and to submit. HTCondor's manual, "Security", "Authorization"."""
_LISTED = re.compile(r"Header: \{.*?\} Payload: (\{.*\}) File: (\S+)")
_NAME = re.compile(r"[A-Za-z0-9._+-]+(@[A-Za-z0-9.-]+)?")
_CLAIM = re.compile(r"[A-Za-z0-9@._+-]+")
_AUTHORIZATION = re.compile(r"[A-Z_]+")


@dataclass(frozen=True, kw_only=True)
class InstalledToken:
    """A token that lies on a node; not the token itself."""

    node: str
    file: str
    id: str
    """Its ``jti``, which ``revoke`` takes."""
    identity: str
    authorizations: tuple[str, ...]
    """What it is limited to; empty where it is not."""
    issuer: str
    issued_at: datetime
    expires_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """For programs: docs/json.md."""
        expires = rfc3339(self.expires_at) if self.expires_at else None
        return {**asdict(self), "issued_at": rfc3339(self.issued_at), "expires_at": expires}


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
        """For programs: docs/json.md."""
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
    ) -> str:
        """A token, which is a secret: a line for the central manager, one for each access point.

        Args:
            user: Who its holder is: a user of the access points, or ``NAME@DOMAIN``.
            authorizations: What it is limited to; None for READ and WRITE: query and submit.
            lifetime_s: How long it is good for, in seconds; None for ever.

        Raises:
            UsageError: That is no user, no authorization or no lifetime.
            PoolNotReady: The central manager or an access point does not run.
        """
        limits = authorizations or AUTHORIZATIONS
        if not _NAME.fullmatch(user):
            raise UsageError(f"{user!r} is no user: a name, or NAME@DOMAIN")
        if wrong := [name for name in limits if not _AUTHORIZATION.fullmatch(name)]:
            raise UsageError(f"{wrong[0]!r} is no authorization; READ and WRITE are, for example")
        if lifetime_s is not None and lifetime_s < 1:
            raise UsageError("a token's lifetime is at least a second")
        argv = ["create-token", user, str(lifetime_s or 0), *limits]
        return "".join(f"{_run(node, argv).strip()}\n" for node in _signers(self._nodes()))

    def tokens(self) -> list[InstalledToken]:
        """What is known of the tokens on the nodes that run; never the tokens themselves."""
        found = []
        for node in self._nodes():
            if not node.is_running:
                continue
            users = ["root", USER] if node.role is Role.ACCESS_POINT else ["root"]
            said = "\n".join(node.exec(["condor_token_list"], user=user).stdout for user in users)
            # Where there is one user, both are asked of the same directory.
            listed = dict.fromkeys((file, payload) for payload, file in _LISTED.findall(said))
            found += [_installed(node.name, file, json.loads(payload)) for file, payload in listed]
        return found

    def revoke(self, ids: Sequence[str] = (), *, identities: Sequence[str] = ()) -> None:
        """Let nobody in any more by these tokens, at once and for good; jobs run on.

        The collector forgets who was in. The nodes' ads are back with their next updates. A node
        whose own token this was gets another when it is started again.

        Args:
            ids: Of tokens: ``InstalledToken.id``, the claim ``jti``.
            identities: Whose tokens, all of them: ``NAME@DOMAIN``, the claim ``sub``.

        Raises:
            UsageError: None is named.
            PoolNotReady: The central manager or an access point does not run.
        """
        if not ids and not identities:
            raise UsageError("which token? `condor-mini token list` shows their ids")
        for value in (*ids, *identities):
            if not _CLAIM.fullmatch(value):
                raise UsageError(f"{value!r} is neither a token's id nor an identity")
        # The central manager last: who is in has to come in anew then.
        for node in reversed(_signers(self._nodes())):
            for claim, values in (("jti", ids), ("sub", identities)):
                if values:
                    _run(node, ["revoke-token", claim, *values])

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
        from condor_mini import life

        nodes = self._nodes()
        manager, *others = nodes
        if not self._is_pool:
            raise UsageError(
                f"{manager.name} is no pool of ours, of which all nodes could get new tokens",
                hint='A new key by hand: docs/security.md, "Plain nodes"',
            )
        signers = _signers(nodes)
        slots = life.slots_of(nodes)
        deadline = Deadline(timeout_s)
        with progress.step("Making a new key", done="Made a new key, and tokens for all nodes"):
            for node in signers:
                _run(node, ["rotate-key"])
            tokens.give(manager, others, deadline)
            for node in others:
                if node.is_running and node.role is Role.ACCESS_POINT:
                    _run(node, ["renew-tokens", "users"])
        engine, pool = manager.engine, manager.pool
        await_usable(engine, pool, slots, progress, deadline=deadline, probe=False)


def _signers(nodes: Sequence[Node]) -> list[Node]:
    """The central manager and the access points, all of which run."""
    signers = [node for node in nodes if node.role in SIGNERS]
    for node in signers:
        if not node.is_running:
            raise node.ended()
    if not signers or signers[0].role is not Role.CENTRAL_MANAGER:
        raise PoolNotReady(f"the pool {nodes[0].pool} has no central manager any more")
    return signers


def _run(node: Node, argv: Sequence[str]) -> str:
    """Run a program of ours that administers; what it said."""
    said = node.exec([f"{LIBEXEC}/{argv[0]}", *argv[1:]], user="root")
    if said.returncode != 0:
        raise CondorMiniError(
            f"{argv[0]} on {node.name} ended with {said.returncode}: {said.stderr.strip()}"
        )
    return said.stdout


def _installed(node: str, file: str, payload: Mapping[str, object]) -> InstalledToken:
    expires = payload.get("exp")
    return InstalledToken(
        node=node,
        file=file,
        id=str(payload.get("jti", "")),
        identity=str(payload.get("sub", "")),
        authorizations=tuple(
            word.removeprefix("condor:/") for word in str(payload.get("scope", "")).split()
        ),
        issuer=str(payload.get("iss", "")),
        issued_at=_time(payload.get("iat")) or datetime.fromtimestamp(0, UTC),
        expires_at=_time(expires),
    )


def _time(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
