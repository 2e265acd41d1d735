"""When a control group is asked for, and how: what is the same on any machine."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine.command import BytesResult
from condor_mini.engine.embedded import cgroups
from condor_mini.engine.embedded.cgroups import Cgroups
from condor_mini.engine.embedded.tools import Tools

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SPEC = {"cpus": 0.5, "memory_mb": 200, "pids": 40}


@pytest.fixture
def asked(tmp_path: Path) -> Cgroups:
    """How groups are asked for, with a runtime of which nothing is run."""
    for name in ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu/libc.so.6"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    return Cgroups(Tools(tmp_path), tmp_path / "notes" / "groups")


@pytest.mark.parametrize(("uid", "manager"), [(0, []), (1000, ["--user"])])
def test_limits_are_properties_of_a_scope(
    asked: Cgroups, monkeypatch: pytest.MonkeyPatch, uid: int, manager: list[str]
) -> None:
    """Root asks the system's manager, and a user his own; systemd sets the limits."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    argv, _ = asked.scope_command(SPEC, ["sleep", "9"], {}, limits=SPEC)
    words = [word.removeprefix("--property=") for word in argv if word.startswith("--property=")]
    limits = ["CPUQuota=50%", "MemoryMax=200M", "MemorySwapMax=200M", "TasksMax=40"]
    assert (words, [word for word in argv if word == "--user"]) == (
        ["Delegate=yes", *limits],
        manager,
    )


def test_environment_is_put_back(asked: Cgroups, monkeypatch: pytest.MonkeyPatch) -> None:
    """What systemd-run is told with is not what the command has, and secrets stay off its line."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    given = {"XDG_RUNTIME_DIR": "/x", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/y", "KEY": "secret"}
    argv, environment = asked.scope_command(SPEC, ["sleep", "9"], given, limits=["pids"])
    assert environment == {"XDG_RUNTIME_DIR": "/run/user/1000", "KEY": "secret"}
    own = argv[argv.index("--unset=INVOCATION_ID") + 1 :]
    expected = ["XDG_RUNTIME_DIR=/x", "DBUS_SESSION_BUS_ADDRESS=unix:path=/y", "sleep", "9"]
    assert own == expected


@pytest.mark.parametrize("absent", ["controllers", "manager", "lingering", "nothing"])
def test_group_is_tried_where_it_may_be(
    asked: Cgroups, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, absent: str
) -> None:
    """Without version 2, or a manager that lives on, nothing is run to see; else that is, once."""
    uid = pwd.getpwall()[-1].pw_uid
    there = {
        "controllers": tmp_path / "cgroup" / "cgroup.controllers",
        "manager": tmp_path / "run" / "systemd" / "private",
        "lingering": tmp_path / "linger" / pwd.getpwuid(uid).pw_name,
    }
    for name, place in there.items():
        place.parent.mkdir(parents=True)
        if name != absent:
            place.touch()
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(cgroups, "_runtime_directory", lambda: str(tmp_path / "run"))
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path / "cgroup")
    monkeypatch.setattr(cgroups, "LINGERING", tmp_path / "linger")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    tried: list[Sequence[str]] = []

    def run(argv: Sequence[str], **_: object) -> BytesResult:
        tried.append(argv)
        return BytesResult(argv=(), returncode=0, stdout=b"memory.max\npids.max\n", stderr=b"")

    monkeypatch.setattr("condor_mini.engine.command.run_bytes", run)
    again = Cgroups(asked._tools, asked._note)
    found = (asked.limits | again.limits, len(tried))
    there_is = (frozenset({"memory_mb", "pids"}), 1)
    assert found == (there_is if absent == "nothing" else (frozenset(), 0))


def test_other_groups_are_not_ours() -> None:
    """A process of somebody else's group has none that we would join."""
    assert cgroups.cgroup_of(os.getpid()) is None
