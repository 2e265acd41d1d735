"""``condor-mini run`` on an engine in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineNotFound
from condor_mini.cli import main
from condor_mini.engine import ContainerSpec, FakeOutcome
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import FakeEngine

    Run = Callable[..., int]


@pytest.fixture
def run(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``condor-mini run ARGUMENTS``; the status."""
    del fake

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["condor-mini", "run", *arguments])
        monkeypatch.setattr("condor_mini.cli.signal.signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def created(fake: FakeEngine, run: Run) -> Callable[..., ContainerSpec]:
    """What container ``condor-mini run ARGUMENTS`` creates."""

    def created(*arguments: str) -> ContainerSpec:
        run("--keep", *arguments, "--", "true")
        (info,) = fake.containers({})
        return fake.spec(info.name)

    return created


def answer(fake: FakeEngine, status: int) -> None:
    """Let every command of the user's end so."""
    fake.on_exec(["bash", "-c", 'exec "$@"'], lambda _: FakeOutcome(returncode=status))


@pytest.mark.parametrize("status", [0, 7, 127, 137])
def test_status_is_the_commands(fake: FakeEngine, run: Run, status: int) -> None:
    """The command's status is ours."""
    answer(fake, status)
    assert run("--", "it") == status


def test_pool_is_gone_afterwards(fake: FakeEngine, run: Run) -> None:
    """After the command no container is there."""
    answer(fake, 0)
    run("--", "it")
    assert fake.containers({}) == []


def test_pool_is_stopped_before_it_is_removed(fake: FakeEngine, run: Run) -> None:
    """The queue is saved: stop comes before remove."""
    answer(fake, 0)
    run("--", "it")
    assert [call.method for call in fake.calls if call.method in {"stop", "remove"}] == [
        "stop",
        "remove",
    ]


def test_container_has_no_capabilities(created: Callable[..., ContainerSpec]) -> None:
    """The container is created without any capability, and cannot gain one."""
    spec = created()
    assert (spec.cap_drop, spec.cap_add, spec.no_new_privileges) == (("ALL",), (), True)


def test_cores_and_memory_go_in(created: Callable[..., ContainerSpec]) -> None:
    """--cpus and --memory are what the container is told."""
    environment = created("--cpus", "4", "--memory", "2G").environment
    assert (environment["NUM_CPUS"], environment["MEMORY"]) == ("4", "2048")


def test_name_is_the_host_name(created: Callable[..., ContainerSpec]) -> None:
    """--name is the container's name and its host name."""
    spec = created("--name", "mine")
    assert (spec.name, spec.hostname) == ("mine", "mine")


def test_default_name_is_the_state_directorys(created: Callable[..., ContainerSpec]) -> None:
    """Without --name it follows from the state directory."""
    assert created().name.startswith("mini-")


@pytest.mark.parametrize(
    ("size", "megabytes"), [("512", "512"), ("512M", "512"), ("2g", "2048"), ("1GiB", "1024")]
)
def test_sizes(created: Callable[..., ContainerSpec], size: str, megabytes: str) -> None:
    """A size is MiB, or has a unit."""
    assert created("--memory", size).environment["MEMORY"] == megabytes


def test_container_that_ends_at_once_is_told(
    fake: FakeEngine, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A container that ends while it starts shows what it said, and where the logs are."""
    fake.on_exec(["/usr/local"], lambda _: FakeOutcome())

    def end(_: object) -> FakeOutcome:
        (info,) = fake.containers({})
        fake.end(info.name, exit_code=44, log="condor-mini: it broke\n")
        return FakeOutcome(returncode=137)

    fake.on_exec(["/usr/local/libexec/condor-mini/health"], end)
    status = run("--", "it")
    errors = capsys.readouterr().err
    assert (status, "it broke" in errors, "condor_state/log" in errors) == (5, True, True)


@pytest.mark.parametrize("method", ["create", "copy_in", "start", "exec"])
def test_interrupt_while_starting_leaves_nothing(
    fake: FakeEngine, run: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Ctrl-C at any point of the start is 130, and no container is left."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fake, method, interrupted)
    assert (run("--", "it"), fake.containers({})) == (130, [])


def test_engine_that_is_gone_is_6(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An engine that does not answer is 6, with its own words."""

    def gone(*_: object) -> None:
        raise EngineNotFound("nobody answers", hint="start it")

    monkeypatch.setattr("condor_mini.cli.run.reach_engine", gone)
    status = run("--", "it")
    assert (status, capsys.readouterr().err) == (6, "condor-mini: nobody answers\nstart it\n")


def test_io_error_is_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the operating system refuses is a line, not a traceback."""

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("condor_mini.cli.run.reach_engine", refused)
    status = run("--", "it")
    assert (status, capsys.readouterr().err) == (
        1,
        "condor-mini: [Errno 13] Permission denied: 'somewhere'\n",
    )


def script_job(fake: FakeEngine, **attributes: object) -> None:
    """Let condor_submit make one job, which has ended so."""
    ad = {"ClusterId": 1, "ProcId": 0, "JobStatus": 4, "Iwd": "/", **attributes}
    ads = json.dumps([ad])
    queued = ads if ad["JobStatus"] == 5 else ""
    fake.on_exec(
        ["condor_submit"], lambda _: FakeOutcome(stdout="1 job(s) submitted to cluster 1.\n")
    )
    fake.on_exec(["condor_rm"], lambda _: FakeOutcome())
    fake.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=queued))
    fake.on_exec(["condor_history"], lambda _: FakeOutcome(stdout=ads))


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({"ExitCode": 0}, 0),
        ({"ExitCode": 3}, 3),
        ({"ExitBySignal": True, "ExitSignal": 9}, 137),
        ({"JobStatus": 3, "RemoveReason": "why"}, 1),
    ],
    ids=["success", "three", "signal", "removed"],
)
def test_status_is_the_jobs(
    fake: FakeEngine, run: Run, tmp_path: Path, attributes: dict[str, object], status: int
) -> None:
    """With --submit the job's status is ours."""
    (tmp_path / "a.sub").touch()
    script_job(fake, **attributes)
    assert run("--submit", "a.sub") == status


def test_held_job_is_removed(
    fake: FakeEngine, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held job is taken out of the queue."""
    monkeypatch.setattr("condor_mini.jobs.tracking.REMOVE_TIMEOUT_S", 0)
    (tmp_path / "a.sub").touch()
    script_job(fake, JobStatus=5, HoldReason="why")
    run("--submit", "a.sub")
    assert ("condor_rm", "1") in [call.argv for call in fake.calls]


def test_submit_file_is_handed_over_by_its_path(fake: FakeEngine, run: Run, tmp_path: Path) -> None:
    """A name that looks like an option is a file all the same."""
    (tmp_path / "-a.sub").touch()
    script_job(fake, ExitCode=0)
    run("--submit=-a.sub")
    assert ("condor_submit", "./-a.sub") in [call.argv for call in fake.calls]


@pytest.fixture
def claimant(fake: FakeEngine, tmp_path: Path) -> str:
    """A container that runs, of an image which claims to be the pool on our state directory."""
    spec = personal_spec("mini-evil", tmp_path / "condor_state")
    fake.add_image("evil", labels=spec.labels)
    fake.start(fake.create(ContainerSpec(image="evil", name="mini-evil")))
    return "mini-evil"


def test_who_claims_to_be_the_pool_is_not_taken_for_it(
    fake: FakeEngine, run: Run, claimant: str
) -> None:
    """A pool is started beside it; no command runs in it, and it is neither stopped nor removed."""
    answer(fake, 0)
    info = fake.inspect(claimant)
    assert info is not None
    before = len(fake.calls)
    assert run("--", "it") == 0
    targets = {word for call in fake.calls[before:] for word in call.target.split()}
    assert targets & {info.id, claimant} == set()
    assert [held.id for held in fake.containers({})] == [info.id]


def test_name_that_a_claimant_has(
    run: Run, claimant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it has the name that the pool is to have, it is called what it is."""
    status = run("--name", claimant, "--", "it")
    words = f"the name {claimant} is taken by a container that is not a personal pool"
    assert (status, words in capsys.readouterr().err) == (4, True)
