"""The known tokens of a pool and their states, never the tokens themselves.

HTCondor keeps no record of the tokens that it issues. Two kinds of tokens are known: those that are
installed on the nodes, and those that ``create-token`` made. ``create-token`` records each token in
the spool of the node that accepts it; the spool outlives the container. A claim (``jti``, ``sub``,
…) is a part of a token that is not secret: RFC 7519.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from condor_mini.base import parallel
from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS, USER
from condor_mini.base.times import rfc3339
from condor_mini.nodes.claims import Claims, authorizations_of, claims_of, time_of
from condor_mini.nodes.node import SPEC, Node, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SIGNERS = (Role.CENTRAL_MANAGER, Role.ACCESS_POINT)
"""The roles that accept tokens.

The central manager has the pool's key; each access point has a key of its own.
"""
LIST_TOKENS = f"{REQUEST_SCRIPTS}/list-tokens"
"""The command that writes a node's records of tokens; only root runs it."""
LEAST_PREFIX = 4
"""The smallest number of characters by which an id can be abbreviated."""

_ID = re.compile(r"[0-9a-f]{32}")
"""HTCondor's ``jti``: 16 random bytes (condor_auth_passwd.cpp, ``generate_token``)."""
_IDENTITY = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9._+-]+")
_LISTED = re.compile(r"Header: \{.*?\} Payload: (\{.*\}) File: (\S+)")


class Kind(StrEnum):
    """The source from which a token is known."""

    NODE = "node"
    """The token is installed on a node."""
    ISSUED = "issued"
    """``token create`` issued the token."""
    ELSEWHERE = "elsewhere"
    """The token was revoked; nothing else is known of it."""


class State(StrEnum):
    """The validity of a token."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Token:
    """All that is known of one token."""

    id: str
    """The id that ``revoke`` takes: the claim ``jti`` of the part for the central manager."""
    ids: tuple[str, ...]
    """The ``jti`` of every part, ``id`` first. The token has another part for each access point."""
    kind: Kind
    node: str | None
    """Name of the node that the token is installed on. None if it is on no node."""
    file: str | None
    """Path of the token on that node."""
    identity: str
    """The token's holder: the claim ``sub``. Empty if it is not known."""
    authorizations: tuple[str, ...]
    """The authorizations that the token is limited to. Empty if it is not limited."""
    issuer: str
    description: str
    """What the token is for, as its creator wrote; empty if nothing was written."""
    issued_at: datetime | None
    expires_at: datetime | None
    """None if the token does not expire."""
    state: State

    def to_json(self) -> dict[str, object]:
        """Return the token's record for programs: docs/reference/json.md."""
        times = {name: _rfc3339(getattr(self, name)) for name in ("issued_at", "expires_at")}
        return {**asdict(self), **times}


@dataclass(frozen=True, kw_only=True)
class CreatedToken:
    """A token that was just created."""

    secret: str = field(repr=False)
    """The token itself: a line for the central manager, and one for each access point."""
    id: str
    ids: tuple[str, ...]
    identity: str
    authorizations: tuple[str, ...]
    description: str
    expires_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return the token for programs, the secret included: docs/reference/json.md."""
        facts = asdict(self)
        return {"token": facts.pop("secret"), **facts, "expires_at": _rfc3339(self.expires_at)}


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """The revocation of one token, or of all tokens of a holder."""

    id: str | None
    """The token's id. None for all tokens of a holder."""
    identity: str | None
    """The holder. None for a token that the pool does not know."""
    claim: str
    """The claim that identifies the revoked tokens: ``jti`` or ``sub``."""
    values: tuple[str, ...]
    """The values of that claim."""
    was_revoked: bool
    """Whether this was revoked before."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """The records of tokens on a node that accepts them: the output of ``list-tokens``."""

    domain: str
    """The domain of users: ``UID_DOMAIN``."""
    issued: tuple[tuple[str, Claims], ...]
    """The id and the claims of each token that the node issued."""
    revoked: frozenset[tuple[str, str]]
    """The claims and values of tokens that the node no longer accepts: ``("jti", ID)``."""

    @classmethod
    def read(cls, text: str) -> Records:
        """Return the records in the output of ``LIST_TOKENS``; other lines are passed over."""
        lines = [line.split(" ", 2) for line in text.splitlines()]
        return cls(
            domain=next(line[1] for line in lines if line[0] == "domain"),
            issued=tuple((line[1], json.loads(line[2])) for line in lines if line[0] == "issued"),
            revoked=frozenset((line[1], line[2]) for line in lines if line[0] == "revoked"),
        )

    def revokes(self, claims: Mapping[str, object]) -> bool:
        """Return whether a token with these claims is revoked."""
        return any((claim, claims.get(claim)) in self.revoked for claim in ("jti", "sub"))


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of a pool's tokens."""

    pool: str
    """The option that names the pool in a command: ``-n mini``."""
    tokens: tuple[Token, ...]
    revoked: frozenset[tuple[str, str]]
    """The claims and values that every node that was queried has revoked."""
    holders: frozenset[str]
    """The identities of the tokens and of the pool's nodes, and the revoked identities."""

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Known:
        """Query the nodes of a pool, and return what they know of its tokens.

        Args:
            nodes: Nodes of the pool, the central manager first. Other nodes that do not run are
                not queried.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        manager = nodes[0]
        asked = [n for n in nodes if n is manager or (signs(n) and n.is_running)]
        records = {n.name: own for n, own in zip(asked, records_of(asked), strict=True)}
        ours = records[manager.name]
        tokens = [*_issued(records), *_installed(nodes, ours)]
        tokens += _elsewhere(ours, tokens)
        named = {f"{node.name}@{node.role}.{ours.domain}" for node in nodes[1:]}
        named |= {value for claim, value in ours.revoked if claim == "sub"}
        option = "-n" if manager.is_personal or SPEC in manager.info.labels else "--container"
        return cls(
            pool=f"{option} {manager.name if option == '--container' else manager.pool}",
            tokens=tuple(tokens),
            revoked=frozenset.intersection(*(each.revoked for each in records.values())),
            holders=frozenset({*named, *(token.identity for token in tokens)} - {""}),
        )

    def revocation_of_token(self, text: str, *, force: bool) -> Revocation:
        """Return the revocation of the token with this id.

        Args:
            text: The id, or a prefix of it that no other token's id has.
            force: Also accept a whole id that the pool does not know.

        Raises:
            NotFound: The pool knows no such token, and ``force`` is not set.
            UsageError: Several tokens' ids begin with ``text``, or with ``force``, ``text`` is not
                the id of a token.
        """
        token = self._token(text)
        if token is None and not force:
            raise self._unknown(f"token {text!r}")
        if token is None and not _ID.fullmatch(text.lower()):
            raise UsageError(f"{text!r} is not the id of a token: an id has 32 hexadecimal digits")
        values = token.ids if token else (text.lower(),)
        return Revocation(
            id=values[0],
            identity=(token.identity if token else "") or None,
            claim="jti",
            values=values,
            was_revoked=self.revoked >= {("jti", value) for value in values},
        )

    def revocation_of_holder(self, text: str, *, force: bool) -> Revocation:
        """Return the revocation of all tokens of this holder.

        Args:
            text: The holder's identity, with or without its domain.
            force: Also accept a whole identity that the pool does not know.

        Raises:
            NotFound: The pool knows no such holder, and ``force`` is not set.
            UsageError: Several holders have that name, or with ``force``, ``text`` is not an
                identity.
        """
        found = {each for each in self.holders if text in (each, each.partition("@")[0])}
        if len(found) > 1:
            raise UsageError(f"{text!r} matches several holders: {', '.join(sorted(found))}")
        if not found and not force:
            raise self._unknown(f"holder {text!r}")
        if not found and not _IDENTITY.fullmatch(text):
            raise UsageError(f"{text!r} is not an identity: write NAME@DOMAIN")
        identity = next(iter(found), text)
        return Revocation(
            id=None,
            identity=identity,
            claim="sub",
            values=(identity,),
            was_revoked=("sub", identity) in self.revoked,
        )

    def _token(self, text: str) -> Token | None:
        found: list[Token] = []
        for token in self.tokens if len(text) >= LEAST_PREFIX else ():
            # A token that was issued may be installed on a node too, as a whole or in part.
            is_found = any(token.id in other.ids for other in found)
            if not is_found and any(id_.startswith(text.lower()) for id_ in token.ids):
                found.append(token)
        if len(found) > 1:
            several = ", ".join(sorted(token.id for token in found))
            raise UsageError(f"{text!r} matches several tokens: {several}")
        return found[0] if found else None

    def _unknown(self, what: str) -> NotFound:
        return NotFound(
            f"the pool knows no {what}",
            hint=f"List the known tokens: condor-mini token list {self.pool}. To revoke an unknown "
            "one, give its whole id or identity, and --force",
        )


def signs(node: Node) -> bool:
    """Return whether the node has a key that signs tokens."""
    return any(map(node.role.acts_as, SIGNERS))


def are_accepted(records: Sequence[Records], secret: str, *, for_s: float) -> bool:
    """Return whether each node accepts its part of a token that was created.

    Args:
        records: Those of each of the pool's nodes that accept tokens.
        secret: The token: ``CreatedToken.secret``.
        for_s: How long they must still accept it, in seconds.
    """
    try:
        parts = {str(claims["jti"]): claims for claims in map(claims_of, secret.split())}
    except (CondorMiniError, KeyError):
        return False
    end = datetime.now(UTC) + timedelta(seconds=for_s)

    def accepts(own: Records) -> bool:
        known = [parts[jti] for _, claims in own.issued if (jti := str(claims["jti"])) in parts]
        return any(
            not own.revokes(claims) and not ((until := time_of(claims, "exp")) and until < end)
            for claims in known
        )

    return all(map(accepts, records))


def records_of(nodes: Sequence[Node]) -> list[Records]:
    """Return the records of tokens of nodes that run, in the nodes' order."""
    return [Records.read(text) for text in parallel.each(list_tokens, nodes)]


def list_tokens(node: Node) -> str:
    """Return what ``LIST_TOKENS`` writes on a node."""
    result = node.exec([LIST_TOKENS], user="root")
    if result.returncode != 0:
        raise CondorMiniError(f"list-tokens failed on {node.name}: {result.stderr.strip()}")
    return result.stdout


def _issued(records: Mapping[str, Records]) -> list[Token]:
    """Return the tokens that were issued, in that order.

    The parts for the central manager and for the access points count as one token.
    """
    parts: dict[str, list[tuple[Claims, State]]] = {}
    for each in records.values():
        for id_, claims in each.issued:
            parts.setdefault(id_, []).append((claims, _state(claims, each.revokes)))
    tokens = []
    for id_, found in parts.items():
        states = {state for _, state in found}
        tokens.append(
            _token(
                found[0][0],
                # A token is valid as long as one of its parts is.
                state=states.pop() if len(states) == 1 else State.VALID,
                kind=Kind.ISSUED,
                ids=tuple(dict.fromkeys([id_, *(str(claims.get("jti")) for claims, _ in found)])),
            )
        )
    return tokens


def installed_on(node: Node) -> list[tuple[Claims, str]]:
    """Return the claims of each token that is installed on a node that runs, and its file."""
    users = ["root", USER] if node.role.acts_as(Role.ACCESS_POINT) else ["root"]
    output = "\n".join(node.exec(["condor_token_list"], user=user).stdout for user in users)
    # If the node has one user only, both commands list the same directory.
    found = dict.fromkeys((file, payload) for payload, file in _LISTED.findall(output))
    return [(json.loads(payload), file) for file, payload in found]


def _installed(nodes: Iterable[Node], records: Records) -> list[Token]:
    """Return the tokens that are installed on nodes that run."""
    return [
        _token(
            claims,
            state=_state(claims, records.revokes),
            kind=Kind.NODE,
            node=node.name,
            file=file,
        )
        for node in nodes
        if node.is_running
        for claims, file in installed_on(node)
    ]


def _elsewhere(records: Records, tokens: Iterable[Token]) -> list[Token]:
    """Return the revoked tokens that are not among ``tokens``."""
    known = {id_ for token in tokens for id_ in token.ids}
    return [
        _token({"jti": id_}, state=State.REVOKED, kind=Kind.ELSEWHERE)
        for claim, id_ in sorted(records.revoked)
        if claim == "jti" and id_ not in known
    ]


def _state(claims: Claims, revokes: Callable[[Claims], bool]) -> State:
    if revokes(claims):
        return State.REVOKED
    expires = time_of(claims, "exp")
    return State.EXPIRED if expires and expires <= datetime.now(UTC) else State.VALID


def _token(
    claims: Claims,
    *,
    state: State,
    kind: Kind,
    ids: tuple[str, ...] = (),
    node: str | None = None,
    file: str | None = None,
) -> Token:
    all_ids = ids or (str(claims.get("jti", "")),)
    return Token(
        id=all_ids[0],
        ids=all_ids,
        kind=kind,
        node=node,
        file=file,
        identity=str(claims.get("sub", "")),
        authorizations=authorizations_of(claims),
        issuer=str(claims.get("iss", "")),
        description=str(claims.get("description", "")),
        issued_at=time_of(claims, "iat"),
        expires_at=time_of(claims, "exp"),
        state=state,
    )


def _rfc3339(time: datetime | None) -> str | None:
    return rfc3339(time) if time else None
