"""The accounts that every node has, whatever its image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.layout import HOME, OTHER_USER_ID, PREFIX, USER, USER_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SYSTEM_IDS = range(999, 99, -1)


@dataclass(frozen=True, kw_only=True)
class _Account:
    name: str
    id: int | None
    """UID and GID; None for any free number of ``SYSTEM_IDS``."""
    home: str
    login: str


_BASH, _NOBODY = f"{PREFIX}/usr/bin/bash", "/sbin/nologin"
_ACCOUNTS = (
    _Account(name="root", id=0, home="/root", login=_BASH),
    _Account(name="condor", id=None, home="/var/lib/condor", login=_NOBODY),
    _Account(name=USER, id=USER_ID, home=HOME, login=_BASH),
    _Account(name="submituser", id=OTHER_USER_ID, home="/home/submituser", login=_BASH),
)


def with_accounts(passwd: str, group: str) -> tuple[str, str]:
    """Return an image's passwd and group files with the accounts that every node has.

    These accounts have the same names and numbers on every node. If another account of the image
    has one of the numbers, it keeps its number and its name, but the number resolves to our name:
    of several lines with one number, the first counts. If the image has an account of one of our
    names already, only its UID changes to ours.

    Args:
        passwd: The image's ``/etc/passwd``; empty if it has none.
        group: The image's ``/etc/group``; empty if it has none.
    """
    users, groups = _lines(passwd), _lines(group)
    taken = {number for line in (*users, *groups) for number in line[2:4] if number.isdigit()}
    first: list[list[str]] = []
    first_groups: list[list[str]] = []
    for account in _ACCOUNTS:
        number = account.id
        if number is None:
            number = next(free for free in SYSTEM_IDS if str(free) not in taken)
        existing = next((line for line in users if line[0] == account.name and len(line) > 3), None)
        its_group = next((line for line in groups if line[0] == account.name), None)
        if existing is not None:
            users.remove(existing)
            uid = existing[2] if account.id is None else str(number)
            first.append([*existing[:2], uid, *existing[3:]])
            continue
        if its_group is None:
            its_group = [account.name, "x", str(number), ""]
            first_groups.append(its_group)
        taken.add(str(number))
        first.append(
            [account.name, "x", str(number), its_group[2], "", account.home, account.login]
        )
    return _joined([*first, *users]), _joined([*first_groups, *groups])


def _lines(text: str) -> list[list[str]]:
    return [line.split(":") for line in text.splitlines() if line.strip()]


def _joined(lines: Iterable[Sequence[str]]) -> str:
    return "".join(":".join(line) + "\n" for line in lines)
