"""What is found wrong in a container of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from checkup_answers import LIMITS, found
from condor_mini.base.errors import CommandFailed
from condor_mini.doctor.findings import Level
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import ContainerSpec, FakeEngine


@pytest.mark.usefixtures("inside")
def test_refused_limit_is_a_warning(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that cannot limit containers can have pools."""
    create = fake.create

    def refuse(spec: ContainerSpec) -> str:
        if spec.memory_mb is not None:
            raise CommandFailed(["x", "create"], 1, "no memory controller")
        return create(spec)

    monkeypatch.setattr(fake, "create", refuse)
    finding = found()["cgroups"]
    assert (finding.level, "no memory controller" in finding.evidence) == (Level.WARN, True)


@pytest.mark.parametrize(
    ("command", "said", "subject", "level"),
    [
        ("df", "x\noverlay 1 1 1000000 1% /\n", "disk of the engine", Level.WARN),
        ("df", "x\noverlay 1 1 1000 1% /\n", "disk of the engine", Level.FAIL),
        ("df", "", "disk of the engine", Level.WARN),
        ("/proc/self/limits", LIMITS.format(256), "file descriptors", Level.FAIL),
        ("/proc/self/limits", LIMITS.format("unlimited"), "file descriptors", Level.OK),
        ("/proc/self/limits", "", "file descriptors", Level.WARN),
        ("date", "12345.6", "clock", Level.WARN),
        ("date", "nonsense", "clock", Level.WARN),
        ("/sys/fs/cgroup/memory.max", "max", "cgroups", Level.WARN),
    ],
)
def test_bad_container(
    inside: dict[str, FakeOutcome], command: str, said: str, subject: str, level: Level
) -> None:
    """Each answer has its meaning."""
    inside[command] = FakeOutcome(stdout=said)
    assert found()[subject].level is level


def test_limit_in_a_group_below_the_root(inside: dict[str, FakeOutcome]) -> None:
    """A container that sees the host's groups has its own one somewhere among them."""
    inside["/proc/self/cgroup"] = FakeOutcome(stdout="0::/user.slice/ours.scope\n")
    limit = inside.pop("/sys/fs/cgroup/memory.max")
    assert found()["cgroups"].level is Level.WARN
    inside["/sys/fs/cgroup/user.slice/ours.scope/memory.max"] = limit
    assert found()["cgroups"].level is Level.OK


def test_limit_without_a_group(fake: FakeEngine, inside: dict[str, FakeOutcome]) -> None:
    """Where limits hold for single processes only, the warning says so."""
    inside["/sys/fs/cgroup/memory.max"] = FakeOutcome(returncode=1)
    info = replace(fake.info(), on_loopback=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fake, "info", lambda: info)
        finding = found()["cgroups"]
    assert (finding.level, "each process's own" in finding.evidence) == (Level.WARN, True)


def test_own_name_is_unknown(inside: dict[str, FakeOutcome]) -> None:
    """HTCondor does not start without it."""
    inside["getent"] = FakeOutcome(returncode=2)
    assert found()["own name"].level is Level.FAIL


def test_slow_name_server(inside: dict[str, FakeOutcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow name server stalls daemons: the warning says what to do."""
    del inside
    monkeypatch.setattr("condor_mini.doctor.container.SLOW_LOOKUP_S", -1.0)
    finding = found()["name servers"]
    assert finding.level is Level.WARN
    assert "dns" in (finding.hint or "")
