"""The accounts that every node has, whatever its image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.layout import (
    HOME,
    LABEL,
    OTHER_USER_ID,
    PREFIX,
    USER,
    USER_ID,
    USER_IDS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from condor_mini.engine import EngineInfo
    from condor_mini.spec import PoolSpec

USER_LABEL = f"{LABEL}.user"
"""Label with the numbers of a node's ``jovyan``, ``UID:GID``, if they are not ``USER_IDS``."""

SYSTEM_IDS = range(999, 99, -1)


@dataclass(frozen=True, kw_only=True)
class _Account:
    name: str
    ids: tuple[int, int] | None
    """UID and GID; None for any free number of ``SYSTEM_IDS``."""
    home: str
    login: str


def settled(spec: PoolSpec, info: EngineInfo) -> PoolSpec:
    """Return the spec with the numbers that ``jovyan`` has on the pool's nodes.

    Users' jobs run as ``jovyan``. With the caller's numbers they read and write the files of a
    mounted directory as the caller does.

    Args:
        spec: Spec of a pool that does not exist yet.
        info: What the engine says of itself.

    Raises:
        EngineCapabilityError: The spec has numbers, and the engine's containers have no users.
    """
    if spec.user is None:
        uid, gid = caller_ids() if info.keeps_owners else USER_IDS
        # Only root has the group root as its own.
        return spec.model_copy(update={"user": f"{uid}:{gid or uid}"})
    if info.on_loopback and spec.user_ids != USER_IDS:
        raise EngineCapabilityError(
            f"user: {spec.user}: on the engine {info.name}, jobs run as who creates the pool",
            hint="Leave `user` out of the pool file.",
        )
    return spec


def caller_ids() -> tuple[int, int]:
    """Return the caller's UID and GID, or those of the images if the caller is no ordinary user."""
    uid = os.getuid()
    return (uid, os.getgid()) if uid >= USER_ID else USER_IDS


def user_of(labels: Mapping[str, str]) -> tuple[int, int]:
    """Return the UID and GID of ``jovyan`` on a node that has these labels."""
    uid, _, gid = labels.get(USER_LABEL, "").partition(":")
    return (int(uid), int(gid)) if uid.isdigit() and gid.isdigit() else USER_IDS


_BASH, _NOBODY = f"{PREFIX}/usr/bin/bash", "/sbin/nologin"


def _accounts(ids: tuple[int, int]) -> tuple[_Account, ...]:
    # submituser gives way, each number by itself.
    uid, free = (OTHER_USER_ID, USER_ID)[:: -1 if ids[0] == OTHER_USER_ID else 1]
    gid = free if ids[1] == uid else uid
    return (
        _Account(name="root", ids=(0, 0), home="/root", login=_BASH),
        _Account(name="condor", ids=None, home="/var/lib/condor", login=_NOBODY),
        _Account(name=USER, ids=ids, home=HOME, login=_BASH),
        _Account(name="submituser", ids=(uid, gid), home="/home/submituser", login=_BASH),
    )


def with_accounts(passwd: str, group: str, ids: tuple[int, int] = USER_IDS) -> tuple[str, str]:
    """Return an image's passwd and group files with the accounts that every node has.

    These accounts have the same names and numbers on every node. If another account of the image
    has one of the numbers, it keeps its number and its name, but the number resolves to our name:
    of several lines with one number, the first counts. If the image has an account of one of our
    names already, only its UID changes to ours, and ``jovyan``'s GID if ``ids`` are not the usual.

    Args:
        passwd: The image's ``/etc/passwd``; empty if it has none.
        group: The image's ``/etc/group``; empty if it has none.
        ids: UID and GID of ``jovyan``.
    """
    users, groups = _lines(passwd), _lines(group)
    taken = {number for line in (*users, *groups) for number in line[2:4] if number.isdigit()}
    first: list[list[str]] = []
    first_groups: list[list[str]] = []
    for account in _accounts(ids):
        if account.ids is None:
            number = next(free for free in SYSTEM_IDS if str(free) not in taken)
        uid, gid = account.ids or (number, number)
        existing = next((line for line in users if line[0] == account.name and len(line) > 3), None)
        its_group = next((line for line in groups if line[0] == account.name), None)
        if existing is not None:
            users.remove(existing)
            if account.ids is not None:
                existing[2] = str(uid)
            if account.name == USER and ids != USER_IDS:
                existing[3] = str(gid)
            first.append(existing)
            continue
        if its_group is None:
            its_group = [account.name, "x", str(gid), ""]
            first_groups.append(its_group)
        taken |= {str(uid), str(gid)}
        first.append([account.name, "x", str(uid), its_group[2], "", account.home, account.login])
    return _joined([*first, *users]), _joined([*first_groups, *groups])


def _lines(text: str) -> list[list[str]]:
    return [line.split(":") for line in text.splitlines() if line.strip()]


def _joined(lines: Iterable[Sequence[str]]) -> str:
    return "".join(":".join(line) + "\n" for line in lines)
