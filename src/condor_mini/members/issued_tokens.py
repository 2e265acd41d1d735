"""Which tokens of a pool are known, and what becomes of them; never the tokens themselves.

HTCondor keeps no record of the tokens that it issues. Known are those that lie on the nodes, and
those that ``create-token`` has made: it notes them in the spool of the node that takes them, which
outlives the container. A claim (``jti``, ``sub``, …) is a part of a token that is not secret:
RFC 7519.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS, USER
from condor_mini.base.times import rfc3339
from condor_mini.nodes.node import SPEC, Node, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SIGNERS = (Role.CENTRAL_MANAGER, Role.ACCESS_POINT)
"""The roles that take tokens: the one with the pool's key, and those with a key of their own."""
LEAST_PREFIX = 4
"""How many characters of an id stand for it, at the least."""

_ID = re.compile(r"[0-9a-f]{32}")
"""HTCondor's ``jti``: 16 random bytes (condor_auth_passwd.cpp, ``generate_token``)."""
_IDENTITY = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9._+-]+")
_LISTED = re.compile(r"Header: \{.*?\} Payload: (\{.*\}) File: (\S+)")
_TOKEN = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]+", re.ASCII)

Claims = dict[str, object]


class Kind(StrEnum):
    """Where a token comes from."""

    NODE = "node"
    """It lies on a node."""
    ISSUED = "issued"
    """``token create`` has given it out."""
    ELSEWHERE = "elsewhere"
    """It is somewhere else, or was: nothing but its revocation is known."""


class State(StrEnum):
    """What a token is worth."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Token:
    """What is known of a token."""

    id: str
    """By which ``revoke`` knows it: the claim ``jti`` of its part for the central manager."""
    ids: tuple[str, ...]
    """The ``jti`` of each part of it, ``id`` first: it has another one for each access point."""
    kind: Kind
    node: str | None
    """On which node it lies; None for one that lies on none."""
    file: str | None
    """Where it lies there."""
    identity: str
    """Its holder: the claim ``sub``; empty where that is not known."""
    authorizations: tuple[str, ...]
    """What it is limited to; empty where it is not."""
    issuer: str
    issued_at: datetime | None
    expires_at: datetime | None
    """None for one that does not."""
    state: State

    def to_json(self) -> dict[str, object]:
        """Return it for programs: docs/reference/json.md."""
        times = {name: _rfc3339(getattr(self, name)) for name in ("issued_at", "expires_at")}
        return {**asdict(self), **times}


@dataclass(frozen=True, kw_only=True)
class CreatedToken:
    """A token that was just created, and what is not secret about it."""

    secret: str = field(repr=False)
    """The token: a line for the central manager, one for each access point."""
    id: str
    ids: tuple[str, ...]
    identity: str
    authorizations: tuple[str, ...]
    expires_at: datetime | None

    def to_json(self) -> dict[str, object]:
        """Return it for programs, the secret included: docs/reference/json.md."""
        facts = asdict(self)
        return {"token": facts.pop("secret"), **facts, "expires_at": _rfc3339(self.expires_at)}


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """A token that is revoked, or all tokens of a holder."""

    id: str | None
    """The token's; None for all of a holder."""
    identity: str | None
    """The holder; None for a token that the pool does not know."""
    claim: str
    """What tells the tokens: ``jti`` or ``sub``."""
    values: tuple[str, ...]
    """Of that claim."""
    was_revoked: bool
    """Whether it had been revoked before."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What a node that takes tokens has noted of them: ``list-tokens``."""

    domain: str
    """The domain of users: ``UID_DOMAIN``."""
    issued: tuple[tuple[str, Claims], ...]
    """Of each token that it has given out: the id that it is known by, and its claims."""
    revoked: frozenset[tuple[str, str]]
    """Claims, and their values, of the tokens that it takes no more: ``("jti", ID)``."""

    def revokes(self, claims: Mapping[str, object]) -> bool:
        """Whether a token with these claims is not taken."""
        return any((claim, claims.get(claim)) in self.revoked for claim in ("jti", "sub"))


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of a pool's tokens."""

    pool: str
    """The option that names it in a command: ``-n mini``."""
    tokens: tuple[Token, ...]
    revoked: frozenset[tuple[str, str]]
    """What no node takes any more: claims and their values."""
    holders: frozenset[str]
    """The identities of the tokens and of the pool's nodes, and the revoked ones."""

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Known:
        """Ask the nodes of a pool, the central manager first; those that do not run know nothing.

        Raises:
            PoolNotReady: The central manager does not run.
        """
        manager = nodes[0]
        records = {
            node.name: _records(node)
            for node in nodes
            if node is manager or (node.role in SIGNERS and node.is_running)
        }
        ours = records[manager.name]
        tokens = [*_issued(records), *_installed(nodes, ours)]
        tokens += _elsewhere(ours, tokens)
        named = {f"{node.name}@{node.role}.{ours.domain}" for node in nodes[1:]}
        named |= {value for claim, value in ours.revoked if claim == "sub"}
        option = "-n" if SPEC in manager.info.labels else "--container"
        return cls(
            pool=f"{option} {manager.name if option == '--container' else manager.pool}",
            tokens=tuple(tokens),
            revoked=frozenset.intersection(*(each.revoked for each in records.values())),
            holders=frozenset({*named, *(token.identity for token in tokens)} - {""}),
        )

    def revocation_of_token(self, text: str, *, force: bool) -> Revocation:
        """Return what revokes the token with this id, or the only one whose id begins so.

        Raises:
            NotFound: There is none, and it is not to be ``force``.
            UsageError: Several ids begin so, or no token can have the one that is to be forced.
        """
        token = self._token(text)
        if token is None and not force:
            raise self._unknown(f"token {text!r}")
        if token is None and not _ID.fullmatch(text.lower()):
            raise UsageError(f"{text!r} is no id of a token: 32 hexadecimal digits")
        values = token.ids if token else (text.lower(),)
        return Revocation(
            id=values[0],
            identity=(token.identity if token else "") or None,
            claim="jti",
            values=values,
            was_revoked=self.revoked >= {("jti", value) for value in values},
        )

    def revocation_of_holder(self, text: str, *, force: bool) -> Revocation:
        """Return what revokes all tokens of this identity; its domain can be left out.

        Raises:
            NotFound: It is nobody's, and is not to be ``force``.
            UsageError: It is several people's, or the one that is to be forced is no identity.
        """
        found = {each for each in self.holders if text in (each, each.partition("@")[0])}
        if len(found) > 1:
            raise UsageError(f"{text!r} is several: {', '.join(sorted(found))}")
        if not found and not force:
            raise self._unknown(f"holder {text!r}")
        if not found and not _IDENTITY.fullmatch(text):
            raise UsageError(f"{text!r} is no identity: NAME@DOMAIN")
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
            # One that was given out may lie on a node too, as a whole or a part of it.
            is_found = any(token.id in other.ids for other in found)
            if not is_found and any(id_.startswith(text.lower()) for id_ in token.ids):
                found.append(token)
        if len(found) > 1:
            several = ", ".join(sorted(token.id for token in found))
            raise UsageError(f"{text!r} begins the ids of several tokens: {several}")
        return found[0] if found else None

    def _unknown(self, what: str) -> NotFound:
        return NotFound(
            f"the pool knows no {what}",
            hint=f"What it knows: condor-mini token list {self.pool}. To revoke what comes from "
            "elsewhere, by its whole id or identity: --force",
        )


def claims_of(token: str) -> Claims:
    """Return what a token says of itself.

    Raises:
        CondorMiniError: It is no token; the message does not show it.
    """
    try:
        found = _TOKEN.fullmatch(token)
        payload = found[1] if found else ""
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise CondorMiniError("HTCondor has made something else than a token")
    return said


def time_of(claims: Mapping[str, object], claim: str) -> datetime | None:
    """Return the point in time that a claim names; None where it names none."""
    seconds = claims.get(claim)
    try:
        return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None
    except (OverflowError, ValueError, OSError):
        return None  # beyond the year 9999


def authorizations_of(claims: Mapping[str, object]) -> tuple[str, ...]:
    """Return what a token is limited to; nothing where it is not."""
    return tuple(word.removeprefix("condor:/") for word in str(claims.get("scope", "")).split())


def _records(node: Node) -> Records:
    result = node.exec([f"{REQUEST_SCRIPTS}/list-tokens"], user="root")
    if result.returncode != 0:
        raise CondorMiniError(f"{node.name} lists no tokens: {result.stderr.strip()}")
    lines = [line.split(" ", 2) for line in result.stdout.splitlines()]
    return Records(
        domain=next(line[1] for line in lines if line[0] == "domain"),
        issued=tuple((line[1], json.loads(line[2])) for line in lines if line[0] == "issued"),
        revoked=frozenset((line[1], line[2]) for line in lines if line[0] == "revoked"),
    )


def _issued(records: Mapping[str, Records]) -> list[Token]:
    """Return the tokens that were given out, in that order; each is one for all who take it."""
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
                # As long as one part of it is good, it is.
                state=states.pop() if len(states) == 1 else State.VALID,
                kind=Kind.ISSUED,
                ids=tuple(dict.fromkeys([id_, *(str(claims.get("jti")) for claims, _ in found)])),
            )
        )
    return tokens


def _installed(nodes: Iterable[Node], records: Records) -> list[Token]:
    """Return the tokens that lie on nodes that run."""
    tokens = []
    for node in nodes:
        if not node.is_running:
            continue
        users = ["root", USER] if node.role is Role.ACCESS_POINT else ["root"]
        output = "\n".join(node.exec(["condor_token_list"], user=user).stdout for user in users)
        # Where there is one user, both are asked of the same directory.
        for file, payload in dict.fromkeys((f, p) for p, f in _LISTED.findall(output)):
            claims = json.loads(payload)
            tokens.append(
                _token(
                    claims,
                    state=_state(claims, records.revokes),
                    kind=Kind.NODE,
                    node=node.name,
                    file=file,
                )
            )
    return tokens


def _elsewhere(records: Records, tokens: Iterable[Token]) -> list[Token]:
    """Return the revoked tokens that are none of these."""
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
        issued_at=time_of(claims, "iat"),
        expires_at=time_of(claims, "exp"),
        state=state,
    )


def _rfc3339(time: datetime | None) -> str | None:
    return rfc3339(time) if time else None
