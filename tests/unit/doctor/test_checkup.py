"""What is looked at, in which order, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkup_answers import found
from condor_mini.base.errors import CommandFailed, EngineNotFound
from condor_mini.doctor.checkup import disk_finding, examine
from condor_mini.doctor.findings import Level
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.engine import FakeEngine
    from fake_pool import FakePool


@pytest.mark.usefixtures("inside")
def test_all_is_well(pool: FakePool) -> None:
    """An engine and a pool at which there is nothing to find."""
    pool.engine.on_exec(["condor_q"], lambda _: FakeOutcome())
    findings = found("ci")
    bad = [finding for finding in findings.values() if finding.level is not Level.OK]
    assert [finding.subject for finding in bad] == ["images of HTCondor 25"]  # fakes are outdated
    assert list(findings) == [
        *("disk here", "kernel", "engine", "images of HTCondor 25", "images of HTCondor 23"),
        *("disk of the engine", "own name", "name servers", "file descriptors", "clock"),
        *("cgroups", "pool ci", "node ci-master", "node ci-submit-1", "node ci-execute-1"),
        "jobs on ci-submit-1",
    ]


@pytest.mark.usefixtures("inside")
def test_nothing_is_left(fake: FakeEngine) -> None:
    """The container and its network are gone, and they bore our label."""
    found()
    assert (fake.containers({}), fake.networks({})) == ([], [])
    made = [call for call in fake.calls if call.method in ("create", "create_network")]
    assert len(made) == 2


def test_nothing_is_left_when_it_fails(fake: FakeEngine, inside: object) -> None:
    """Container and network go whatever happens inside."""
    del inside
    fake.fail_next("exec", CommandFailed(["x"], None, ""))
    assert found()["containers"].level is Level.FAIL
    assert (fake.containers({}), fake.networks({})) == ([], [])


@pytest.mark.parametrize(
    ("free", "level"), [(10 * 2**30, Level.OK), (2**30, Level.WARN), (2**20, Level.FAIL)]
)
def test_disk(free: int, level: Level) -> None:
    """The images and a pool's logs need a few GiB."""
    assert disk_finding("disk", free, "/").level is level


def test_no_engine(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an engine the report says why and how to get one, and nothing more is checked."""

    def gone() -> None:
        raise EngineNotFound("no daemon", hint="start it")

    monkeypatch.setattr(fake, "info", gone)
    findings = found()
    assert list(findings) == ["disk here", "kernel", "engine"]
    assert (findings["engine"].level, findings["engine"].hint) == (Level.FAIL, "start it")


@pytest.mark.parametrize(
    ("release", "level"), [("5.11.0-1", Level.WARN), ("5.12.0", Level.OK), ("6.1", Level.OK)]
)
def test_kernel_for_root(monkeypatch: pytest.MonkeyPatch, release: str, level: Level) -> None:
    """Root's own directories need ID-mapped mounts."""
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("platform.release", lambda: release)
    assert next(f for f in examine("fake") if f.subject == "kernel").level is level
