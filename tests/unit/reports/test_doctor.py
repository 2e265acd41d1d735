"""``condor-mini doctor`` on an engine in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineNotFound
from condor_mini.doctor.checkup import disk_finding, examine
from condor_mini.doctor.container import LIMIT_MB
from condor_mini.doctor.findings import Level
from condor_mini.doctor.pool import analyses
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.reports.conftest import FakePool, Result

    from condor_mini.doctor.findings import Finding
    from condor_mini.engine import ContainerSpec, FakeEngine, FakeExec

ANALYSIS = Path(__file__).with_name("analysis.txt").read_text()
ANALYSIS_23 = Path(__file__).with_name("analysis-23.txt").read_text()
"""Of condor_q -better-analyze of HTCondor 25.14.1, for a job that no slot fits and a held one."""
LIMITS = "Max open files            {0}                {0}                files\n"


@pytest.fixture
def inside(fake: FakeEngine) -> dict[str, FakeOutcome]:
    """What commands in a container say, by their last words; all is well."""
    said = {
        "df": FakeOutcome(stdout="Filesystem x\noverlay 100000000 1 90000000 1% /\n"),
        "getent": FakeOutcome(stdout="10.0.0.2 x\n"),
        "/proc/self/limits": FakeOutcome(stdout=LIMITS.format(20000)),
        "date": FakeOutcome(stdout="0"),
        "stat": FakeOutcome(stdout="cgroup2fs\n"),
        "/sys/fs/cgroup/memory.max": FakeOutcome(stdout=f"{LIMIT_MB * 2**20}\n"),
    }

    def date(_: FakeExec) -> FakeOutcome:
        import time

        return said["date"] if said["date"].stdout != "0" else FakeOutcome(stdout=f"{time.time()}")

    fake.on_exec(["df"], lambda _: said["df"])
    fake.on_exec(["timeout", "15", "getent"], lambda _: said["getent"])
    fake.on_exec(["cat"], lambda call: said.get(call.argv[1], FakeOutcome(returncode=1)))
    fake.on_exec(["date"], date)
    fake.on_exec(["stat", "-f"], lambda _: said["stat"])
    return said


def found(pool: str | None = None, *, must_exist: bool = False) -> dict[str, Finding]:
    """All findings, by their subjects."""
    return {finding.subject: finding for finding in examine(pool=pool, must_exist=must_exist)}


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
    """Whatever happens inside."""
    del inside
    fake.fail_next("exec", CommandFailed(["x"], None, ""))
    assert found()["containers"].level is Level.FAIL
    assert (fake.containers({}), fake.networks({})) == ([], [])


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
    """Where limits are those of single processes, that is said."""
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
    """It stalls daemons, and what to do is said."""
    del inside
    monkeypatch.setattr("condor_mini.doctor.container.SLOW_LOOKUP_S", -1.0)
    finding = found()["name servers"]
    assert finding.level is Level.WARN
    assert "dns" in (finding.hint or "")


@pytest.mark.parametrize(
    ("free", "level"), [(10 * 2**30, Level.OK), (2**30, Level.WARN), (2**20, Level.FAIL)]
)
def test_disk(free: int, level: Level) -> None:
    """The images and a pool's logs need a few GiB."""
    assert disk_finding("disk", free, "/").level is level


def test_no_engine(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why there is none, and how to get one; nothing more is looked at."""

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


@pytest.mark.usefixtures("inside")
def test_ended_node(pool: FakePool) -> None:
    """With its last words and how to start it."""
    pool.engine.end("ci-execute-1", exit_code=137, log="out of memory\n")
    finding = found("ci")["node ci-execute-1"]
    assert (finding.level, "out of memory" in finding.evidence) == (Level.FAIL, True)
    assert "condor-mini start -n ci" in (finding.hint or "")


@pytest.mark.usefixtures("inside")
def test_unhealthy_node(pool: FakePool) -> None:
    """In its own words."""
    pool.health["ci-submit-1"] = "SCHEDD is not running"
    assert found("ci")["node ci-submit-1"].evidence == "SCHEDD is not running"


@pytest.mark.usefixtures("inside")
def test_stopped_pool_is_a_warning(pool: FakePool) -> None:
    """Somebody stopped it; its nodes are not looked at."""
    pool.engine.stop(*(node.name for node in pool.nodes), timeout_s=1)
    findings = found("ci")
    assert findings["pool ci"].level is Level.WARN
    assert "node ci-master" not in findings


@pytest.mark.usefixtures("inside")
def test_idle_job_that_no_slot_fits(pool: FakePool) -> None:
    """The condition that no slot meets is named, with what the job asks for."""
    answers = {"-allusers": "3.0 0\n", "-better-analyze": ANALYSIS}
    pool.engine.on_exec(["condor_q"], lambda call: FakeOutcome(stdout=answers[call.argv[1]]))
    finding = found("ci")["job 3.0 on ci-submit-1"]
    assert finding.level is Level.WARN
    assert finding.evidence == (
        "idle: none of 2 slots meets TARGET.Memory >= RequestMemory (RequestMemory = 900000 (mb))"
    )


def test_analysis() -> None:
    """HTCondor's text, read job by job."""
    unfit, fits = analyses(ANALYSIS)[:2]
    assert (unfit.job, unfit.slots, unfit.matching) == ("3.0", 2, 0)
    assert (fits.job, fits.matching > 0, fits.unmet) == ("4.0", True, ())


def test_analysis_by_23() -> None:
    """HTCondor 23 says the same in other words."""
    (unfit,) = analyses(ANALYSIS_23)
    assert (unfit.job, unfit.slots, unfit.matching, unfit.refused) == ("2.0", 1, 0, 0)
    assert unfit.unmet == ("TARGET.Memory >= RequestMemory (RequestMemory = 9000000 (mb))",)


def test_analysis_of_nonsense() -> None:
    """No text is no analysis."""
    assert analyses("") == analyses("what?\n") == []


def test_absent_pool_is_1_when_named(run: Callable[..., Result], inside: object) -> None:
    """One that was asked for must be there; the default one need not."""
    del inside
    assert run("doctor", "-n", "nope").status == 1
    assert run("doctor").status == 0


def test_json(run: Callable[..., Result], inside: object) -> None:
    """The documented keys."""
    del inside
    answer = run("doctor", "-o", "json").json
    assert answer["ok"] is True
    assert list(answer["findings"][0]) == ["subject", "level", "evidence", "hint"]


def test_text(run: Callable[..., Result], inside: dict[str, FakeOutcome]) -> None:
    """A line each, and what to do below it."""
    inside["df"] = FakeOutcome(stdout="x\noverlay 1 1 1000 1% /\n")
    shown = run("doctor")
    assert shown.status == 1
    assert "fail  disk of the engine: 0.0 GiB free in containers\n      Remove" in shown.out
    assert "ok    engine: fake 1.0" in shown.out
