"""The owners of files by their names: the same user has another number on another pool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from condor_mini.base.layout import USER

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Mapping

    from condor_mini.engine import Engine

ROOT, DAEMONS = "root", "condor"
_OF_A_JOB = re.compile(r"\d+/\d+/cluster\d+\.proc\d+\.")
"""A job's directory in the spool, which is its owner's: gen_ckpt_name, SpooledJobFiles.cpp."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """The users and groups of a container."""

    users: Mapping[str, int]
    groups: Mapping[str, int]

    @classmethod
    def of(cls, engine: Engine, container: str) -> Self:
        """Return those of a container, running or not."""
        users, groups = (
            _numbers(engine.copy_out(container, path).decode("utf-8", "replace"))
            for path in ("/etc/passwd", "/etc/group")
        )
        return cls(users=users, groups=groups)

    def name(self, member: tarfile.TarInfo) -> None:
        """Give a file the names of its owners, as far as its numbers have names."""
        member.uname = _name(self.users, member.uid)
        member.gname = _name(self.groups, member.gid)

    def number(self, member: tarfile.TarInfo) -> None:
        """Give a file the numbers that its owners have here."""
        member.uid = self.users.get(member.uname, member.uid)
        member.gid = self.groups.get(member.gname, member.gid)
        member.uname = member.gname = ""


def name_by_place(member: tarfile.TarInfo, part: str, path: str) -> None:
    """Give a file the owner that it has where there are several users.

    Args:
        member: A file of a container that has one user only.
        part: Which state it is: ``spool``, ``home`` or ``key``.
        path: Its path there.
    """
    is_of_a_job = part == "spool" and _OF_A_JOB.match(path) is not None
    owner = {"home": USER, "key": ROOT}.get(part, USER if is_of_a_job else DAEMONS)
    member.uname = member.gname = owner


def _numbers(text: str) -> dict[str, int]:
    lines = [line.split(":") for line in text.splitlines()]
    return {line[0]: int(line[2]) for line in lines if len(line) > 2 and line[2].isdigit()}


def _name(names: Mapping[str, int], number: int) -> str:
    # Of several lines with one number, the first counts: getpwuid(3).
    return next((name for name, own in names.items() if own == number), "")
