"""Access to a running pool: tokens, requests for tokens, and the key that signs them.

HTCondor's own tools on the nodes do all the work.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS, USER
from condor_mini.base.progress import Progress
from condor_mini.engines import reached
from condor_mini.members.issued_tokens import (
    CreatedToken,
    Known,
    Revocation,
    Token,
    are_accepted,
    records_of,
    signs,
)
from condor_mini.members.joined import joined_names, warn_of
from condor_mini.nodes.claims import authorizations_of, claims_of, time_of
from condor_mini.nodes.node import Identity, Malformed, Node, Role, node_of
from condor_mini.reports.token_requests import TokenRequest, requests_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Self

    from condor_mini.engine import Engine

ROTATION_TIMEOUT_S = 120.0
_SILENT = Progress()
LEVELS = (
    *("READ", "WRITE", "ADVERTISE_STARTD", "ADVERTISE_SCHEDD", "ADVERTISE_MASTER"),
    *("DAEMON", "NEGOTIATOR", "ADMINISTRATOR", "CONFIG"),
)
"""The authorization levels that a token can be limited to: those that HTCondor grants to clients.

HTCondor's manual, "Security", "Authorization". condor_perms.cpp has four more levels, which are not
granted.
"""
AUTHORIZATIONS = ("READ", "WRITE")
"""The authorizations of a user: to query, and to submit."""
LONGEST_LIFETIME_S = 100 * 366 * 86400
LONGEST_DESCRIPTION = 200
MOST_USES = 100_000
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9._-]*)?")


class Members:
    """The tokens, requests for tokens and signing key of a pool: ``Pool.members``.

    ``of_container`` gives those of a central manager that is not part of a pool of condor-mini.
    """

    def __init__(self, nodes: Callable[[], Sequence[Node]], *, is_pool: bool = True) -> None:
        """Store how to find the nodes.

        Args:
            nodes: Returns the nodes, the central manager first.
            is_pool: Whether these are all nodes of the pool.
        """
        self._nodes = nodes
        self._is_pool = is_pool

    @classmethod
    def of_container(cls, name: str, *, engine: Engine | str | None = None) -> Self:
        """Return the members of a central manager that was started with ``docker run`` or the like.

        Args:
            name: Name of the container.
            engine: Engine that the container is on, or its name. None for the first that answers.

        Raises:
            NotFound: There is no container of that name.
            UsageError: The container is not a central manager of our images.
            PoolNotReady: The container does not run.
            EngineNotFound: No engine answers.
        """
        found = reached(engine)
        info = found.inspect(name)
        if info is None:
            raise NotFound(f"there is no container {name} on {found.name}")
        try:
            manager = node_of(found, info)
        except Malformed:
            # The user named this container, so it counts as a central manager. Its labels do not
            # count, because they may come from its image.
            identity = Identity(pool=info.name, role=Role.CENTRAL_MANAGER)
            manager = Node(engine=found, info=replace(info, labels={}), identity=identity)
        # Our images set a variable that holds the role.
        role = manager.exec(["printenv", "CONDOR_MINI_ROLE"], user="root").stdout.strip()
        if role != Role.CENTRAL_MANAGER:
            raise UsageError(
                f"{name} is not a central manager: its image is {info.image}",
                hint="Name a container of the image condor-master; it issues the tokens",
            )
        return cls(lambda: [manager], is_pool=False)

    def create_token(
        self,
        user: str = USER,
        *,
        authorizations: Sequence[str] | None = None,
        lifetime_s: int | None = None,
        description: str = "",
    ) -> CreatedToken:
        """Create a token: a part for the central manager, and one for each access point.

        The pool records the token without its secret, so that ``tokens`` can list it and ``revoke``
        can find it.

        Args:
            user: The token's holder: a user of the access points, or ``NAME@DOMAIN``.
            authorizations: Levels of ``LEVELS`` that the token is limited to. None for READ and
                WRITE: query and submit.
            lifetime_s: How long the token is valid, in seconds. None for a token that does not
                expire.
            description: What the token is for: one line that ``tokens`` shows.

        Raises:
            UsageError: The user, an authorization, the lifetime or the description is not valid.
            PoolNotReady: The central manager or an access point does not run.
            CondorMiniError: All tokens of that user are revoked, new ones included.
        """
        limits = [_checked_level(name) for name in authorizations or AUTHORIZATIONS]
        if not _NAME.fullmatch(user):
            raise UsageError(f"{user!r} is not a user: write NAME or NAME@DOMAIN")
        if lifetime_s is not None and not 1 <= lifetime_s <= LONGEST_LIFETIME_S:
            raise UsageError(
                f"a token's lifetime must be 1 to {LONGEST_LIFETIME_S} seconds, not {lifetime_s}"
            )
        if len(description) > LONGEST_DESCRIPTION or not description.isprintable():
            raise UsageError(
                "a token's description must be one line of at most "
                f"{LONGEST_DESCRIPTION} characters"
            )
        argv = [user, str(lifetime_s or 0), *dict.fromkeys(limits)]
        noted = {"TOKEN_DESCRIPTION": json.dumps(description)}
        parts: list[str] = []
        shared_id: list[str] = []
        for node in _signers(self._nodes()):
            parts.append(
                _run(
                    node, f"{REQUEST_SCRIPTS}/create-token", *shared_id, *argv, environment=noted
                ).strip()
            )
            shared_id = shared_id or ["--with", str(claims_of(parts[0])["jti"])]
        claims = claims_of(parts[0])
        ids = tuple(str(claims_of(part)["jti"]) for part in parts)
        return CreatedToken(
            secret="".join(f"{part}\n" for part in parts),
            id=ids[0],
            ids=ids,
            identity=str(claims["sub"]),
            authorizations=authorizations_of(claims),
            description=description,
            expires_at=time_of(claims, "exp"),
        )

    def create_join_token(
        self, role: Role, *, uses: int = 1, lifetime_s: int = 86_400
    ) -> CreatedToken:
        """Create a token with which nodes of other hosts join the pool.

        Each node exchanges it for a token of its own. The last use revokes it.

        Args:
            role: Role of the nodes.
            uses: How many nodes may join with it.
            lifetime_s: How long they may do so, in seconds.

        Raises:
            UsageError: Nodes of that role do not join, or a number is not valid, or the pool was
                created without ``expose``.
            PoolNotReady: The central manager does not run.
        """
        if role not in (Role.ACCESS_POINT, Role.EXECUTION_POINT):
            raise UsageError(f"no node joins as a {role.words}: submit or execute")
        if not 1 <= uses <= MOST_USES or not 1 <= lifetime_s <= LONGEST_LIFETIME_S:
            raise UsageError(
                f"a join token has 1 to {MOST_USES} uses, and is valid for 1 to "
                f"{LONGEST_LIFETIME_S} seconds"
            )
        manager = _signers(self._nodes())[0]
        if self._is_pool and not manager.exposed_at:
            raise UsageError(
                f"no other host reaches the pool {manager.pool}",
                hint="Create a pool for several hosts: condor-mini create --expose HOST",
            )
        description = f"joins {uses} {role.words}{'s' if uses > 1 else ''}"
        secret = _run(
            manager,
            f"{REQUEST_SCRIPTS}/create-join-token",
            *(str(role), str(uses), str(lifetime_s)),
            environment={"TOKEN_DESCRIPTION": json.dumps(description)},
        ).strip()
        claims = claims_of(secret)
        return CreatedToken(
            secret=f"{secret}\n",
            id=str(claims["jti"]),
            ids=(str(claims["jti"]),),
            identity=str(claims["sub"]),
            authorizations=authorizations_of(claims),
            description=description,
            expires_at=time_of(claims, "exp"),
        )

    def accepts(self, secret: str, *, for_s: float = 0) -> bool:
        """Return whether the pool accepts a token that ``create_token`` made.

        Args:
            secret: The token: ``CreatedToken.secret``.
            for_s: How long the token must still be valid, in seconds.

        Raises:
            PoolNotReady: The central manager or an access point does not run.
        """
        return are_accepted(records_of(self.signers()), secret, for_s=for_s)

    def signers(self) -> list[Node]:
        """Return the nodes that accept tokens: the central manager first, then access points.

        Raises:
            PoolNotReady: One of them does not run.
        """
        return _signers(self._nodes())

    def tokens(self) -> list[Token]:
        """Return what is known of the pool's tokens; never the tokens themselves.

        Two kinds of tokens are known. Those that ``create_token`` made are known until they have
        expired and another one is created. Those on the nodes are known while their node runs.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        return list(Known.of(_from_manager(self._nodes())).tokens)

    def revoke(
        self, ids: Sequence[str] = (), *, identities: Sequence[str] = (), force: bool = False
    ) -> list[Revocation]:
        """Revoke tokens at once and for good. Jobs continue to run.

        The collector forgets the clients that it has authenticated, and the nodes send it their ads
        anew. A node whose own token was revoked requests another one, or gets it when it is started
        again.

        Args:
            ids: Ids of tokens: ``Token.id``, or a prefix that only one of them has.
            identities: Holders, all of whose tokens are revoked, new ones included:
                ``Token.identity``, or a node's ``NODE@ROLE.DOMAIN``. The domain can be left out.
            force: Also accept ids and identities that the pool does not know.

        Returns:
            The revocations; each says whether it was revoked before.

        Raises:
            UsageError: Neither ids nor identities are given, or one of them matches several tokens
                or holders, or with ``force``, one is not an id or identity.
            NotFound: The pool knows no such token or holder. Nothing was revoked.
            PoolNotReady: The central manager or an access point does not run.
        """
        from condor_mini.lifecycle.ready import send_ads

        if not ids and not identities:
            raise UsageError(
                "no token is named", hint="List the tokens and their ids: condor-mini token list"
            )
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
        # The central manager last, because then all clients must authenticate again.
        for node in reversed(signers):
            for claim in values:
                _run(node, f"{REQUEST_SCRIPTS}/revoke-token", claim, *values[claim])
        send_ads([node for node in nodes[1:] if node.is_running])
        return revocations

    def requests(self) -> list[TokenRequest]:
        """Return the requests for tokens that wait for approval.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        return requests_at(_signers(self._nodes())[0])

    def approve(self, ids: Sequence[str] | None = None) -> list[TokenRequest]:
        """Approve requests for tokens, and return them.

        Args:
            ids: Ids of the requests. None for all that wait.

        Raises:
            NotFound: There is no such request. The message lists the requests that wait.
            PoolNotReady: The central manager does not run.
            CondorMiniError: condor_token_request_approve failed. The message has its output.
        """
        waiting = {request.id: request for request in self.requests()}
        wanted = list(waiting) if ids is None else list(dict.fromkeys(ids))
        if absent := [id_ for id_ in wanted if id_ not in waiting]:
            pending = ", ".join(waiting) or "none"
            raise NotFound(f"there is no token request {absent[0]}; pending requests: {pending}")
        manager = self._nodes()[0]
        for id_ in wanted:
            argv = ["condor_token_request_approve", "-reqid", id_]
            result = manager.exec(argv, user="root", stdin="yes\n")
            if result.returncode != 0:
                raise CondorMiniError(
                    f"the request {id_} was not approved: {result.stderr.strip()}"
                )
        return [waiting[id_] for id_ in wanted]

    def rotate_key(
        self, *, timeout_s: float = ROTATION_TIMEOUT_S, progress: Progress = _SILENT
    ) -> None:
        """Create a new signing key, invalidate every token, and issue new ones to the nodes.

        Jobs continue to run.

        Args:
            timeout_s: Give up after so many seconds.
            progress: Receives the phases.

        Raises:
            UsageError: These are the members of a single container, whose other nodes are unknown.
            PoolNotReady: The pool does not run, or a node is not back after ``timeout_s``.
        """
        from condor_mini.lifecycle import node_tokens, stop_and_start
        from condor_mini.lifecycle.ready import Deadline, wait_until_ready

        nodes = self._nodes()
        manager, *others = nodes
        if not self._is_pool:
            raise UsageError(
                f"{manager.name} is not part of a pool of condor-mini: its other nodes, which need "
                "new tokens, are unknown",
                hint="Rotate the key by hand: docs/how-to/manage-tokens.md says how",
            )
        signers = _signers(nodes)
        joined = joined_names(nodes)
        slots = stop_and_start.slots_of(nodes)
        deadline = Deadline(timeout_s)
        with progress.step(
            "Rotating the key", done="Rotated the key and issued new tokens to the nodes"
        ):
            for node in signers:
                _run(node, f"{REQUEST_SCRIPTS}/rotate-key")
            node_tokens.give_with_users(manager, others, deadline)
        engine, pool = manager.engine, manager.pool
        ran = [node.name for node in others if node.is_running]
        wait_until_ready(engine, pool, slots, progress, deadline=deadline, probe=False, ran=ran)
        warn_of(joined, pool)


def _from_manager(nodes: Sequence[Node]) -> Sequence[Node]:
    """Return the nodes.

    Raises:
        UsageError: The nodes have joined a pool, whose central manager is on another host.
        PoolNotReady: The central manager was removed.
    """
    if at := nodes[0].joined_to:
        raise UsageError(
            f"the central manager of {nodes[0].pool} is on another host: {at}",
            hint="Give the command there, for the pool that these nodes have joined",
        )
    if not nodes[0].role.acts_as(Role.CENTRAL_MANAGER):
        raise PoolNotReady(
            f"the central manager of the pool {nodes[0].pool} was removed",
            hint=f"Recreate it: condor-mini start -n {nodes[0].pool}",
        )
    return nodes


def _signers(nodes: Sequence[Node]) -> list[Node]:
    """Return the central manager and the access points; raise ``PoolNotReady`` if one has ended."""
    signers = [node for node in _from_manager(nodes) if signs(node)]
    for node in signers:
        if not node.is_running:
            raise node.ended()
    return signers


def _checked_level(name: str) -> str:
    level = name.upper()
    if level not in LEVELS:
        near = get_close_matches(level, LEVELS, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"The levels are: {', '.join(LEVELS)}"
        raise UsageError(f"{name!r} is not an authorization level of HTCondor", hint=hint)
    return level


def _run(
    node: Node, script: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run one of our scripts in a node as root, and return its output."""
    result = node.exec([script, *arguments], user="root", environment=environment)
    if result.returncode != 0:
        name = script.rpartition("/")[2]
        raise CondorMiniError(
            f"{name} on {node.name} ended with {result.returncode}: {result.stderr.strip()}"
        )
    return result.stdout
