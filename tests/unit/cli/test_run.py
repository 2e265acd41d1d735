"""``condor-mini run`` on an engine in memory."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineNotFound
from condor_mini.base.layout import HEALTH, USER_ID
from condor_mini.engine import ContainerSpec, FakeEngine, FakeOutcome
from condor_mini.images import builder
from hand_made import personal_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from command_line import Result
    from condor_mini.personal.pool import PersonalPool

    Run = Callable[..., Result]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """An engine of a healthy pool, with every image, for an ordinary user."""
    engine = FakeEngine()
    engine.on_exec([HEALTH], lambda _: FakeOutcome())
    engine.add_image("condor-mini:25")
    monkeypatch.setattr(builder, "ensure", lambda *_: "condor-mini:25")
    monkeypatch.setattr("condor_mini.cli.run.reach_engine", lambda *_: engine)
    monkeypatch.setattr(os, "getuid", lambda: USER_ID)
    monkeypatch.setattr(os, "getgid", lambda: USER_ID)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(variable, raising=False)
    return engine


@pytest.fixture
def run(engine: FakeEngine, command_line: Callable[..., Result]) -> Run:
    """``condor-mini run ARGUMENTS``."""
    del engine
    return partial(command_line, "run")


@pytest.fixture
def created(engine: FakeEngine, run: Run) -> Callable[..., ContainerSpec]:
    """What container ``condor-mini run ARGUMENTS`` creates."""

    def created(*arguments: str) -> ContainerSpec:
        run("--keep", *arguments, "--", "true")
        (info,) = engine.containers({})
        return engine.spec(info.name)

    return created


def answer(engine: FakeEngine, status: int) -> None:
    """Let every command of the user's end so."""
    engine.on_exec(["bash", "-c", 'exec "$@"'], lambda _: FakeOutcome(returncode=status))


@pytest.mark.parametrize("status", [0, 7, 127, 137])
def test_status_is_the_commands(engine: FakeEngine, run: Run, status: int) -> None:
    """The command's status is ours."""
    answer(engine, status)
    assert run("--", "it").status == status


def test_pool_is_gone_afterwards(engine: FakeEngine, run: Run) -> None:
    """After the command no container is there."""
    answer(engine, 0)
    run("--", "it")
    assert engine.containers({}) == []


def test_pool_is_stopped_before_it_is_removed(engine: FakeEngine, run: Run) -> None:
    """The queue is saved: stop comes before remove."""
    answer(engine, 0)
    run("--", "it")
    assert [call.method for call in engine.calls if call.method in {"stop", "remove"}] == [
        "stop",
        "remove",
    ]


def test_another_series_is_refused_before_anything_is_built(
    run: Run, created: Callable[..., ContainerSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool that runs on the state directory is of another series: the hint names --state."""
    created()
    built: list[object] = []
    monkeypatch.setattr(builder, "ensure", lambda *said: built.append(said))
    refused = run("--htcondor", "23", "--", "true")
    assert (refused.status, built) == (4, [])
    assert "its HTCondor series is 25, not 23" in refused.err
    assert "--state DIR" in refused.err


def test_container_has_no_capabilities(created: Callable[..., ContainerSpec]) -> None:
    """The container is created without any capability, and cannot gain one."""
    spec = created()
    assert (spec.cap_drop, spec.cap_add, spec.no_new_privileges) == (("ALL",), (), True)


def test_cores_and_memory_go_in(created: Callable[..., ContainerSpec]) -> None:
    """--cpus and --memory are in the container's environment."""
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


def test_container_that_ends_at_once_is_told(engine: FakeEngine, run: Run) -> None:
    """A container that ends while it starts shows what it said, and where the logs are."""
    engine.on_exec(["/usr/local"], lambda _: FakeOutcome())

    def end(_: object) -> FakeOutcome:
        (info,) = engine.containers({})
        engine.end(info.name, exit_code=44, log="condor-mini: it broke\n")
        return FakeOutcome(returncode=137)

    engine.on_exec([HEALTH], end)
    result = run("--", "it")
    told = ("it broke" in result.err, "condor_state/log" in result.err)
    assert (result.status, *told) == (5, True, True)


@pytest.mark.parametrize("method", ["create", "copy_in", "start", "exec"])
def test_interrupt_while_starting_leaves_nothing(
    engine: FakeEngine, run: Run, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """Ctrl-C at any point of the start is exit code 130, and no container is left."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, method, interrupted)
    assert (run("--", "it").status, engine.containers({})) == (130, [])


def test_engine_that_is_gone_is_6(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not answer is exit code 6, with its own words."""

    def gone(*_: object) -> None:
        raise EngineNotFound("nobody answers", hint="start it")

    monkeypatch.setattr("condor_mini.cli.run.reach_engine", gone)
    result = run("--", "it")
    assert (result.status, result.err) == (6, "condor-mini: nobody answers\nstart it\n")


def test_io_error_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the operating system refuses is a line, not a traceback."""

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("condor_mini.cli.run.reach_engine", refused)
    result = run("--", "it")
    assert (result.status, result.err) == (
        1,
        "condor-mini: [Errno 13] Permission denied: 'somewhere'\n",
    )


def script_job(engine: FakeEngine, **attributes: object) -> None:
    """Let condor_submit make one job, which has ended so."""
    ad = {"ClusterId": 1, "ProcId": 0, "JobStatus": 4, "Iwd": "/", **attributes}
    ads = json.dumps([ad])
    queued = ads if ad["JobStatus"] == 5 else ""
    engine.on_exec(
        ["condor_submit"], lambda _: FakeOutcome(stdout="1 job(s) submitted to cluster 1.\n")
    )
    engine.on_exec(["condor_rm"], lambda _: FakeOutcome())
    engine.on_exec(["condor_q"], lambda _: FakeOutcome(stdout=queued))
    engine.on_exec(["condor_history"], lambda _: FakeOutcome(stdout=ads))
    engine.on_exec(["condor_config_val"], lambda _: FakeOutcome())


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
    engine: FakeEngine, run: Run, tmp_path: Path, attributes: dict[str, object], status: int
) -> None:
    """With --submit the job's status is ours."""
    (tmp_path / "a.sub").touch()
    script_job(engine, **attributes)
    assert run("--submit", "a.sub").status == status


def test_held_job_is_removed(
    engine: FakeEngine, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A held job is taken out of the queue."""
    monkeypatch.setattr("condor_mini.jobs.tracking.REMOVE_TIMEOUT_S", 0)
    (tmp_path / "a.sub").touch()
    script_job(engine, JobStatus=5, HoldReason="why")
    run("--submit", "a.sub")
    assert ("condor_rm", "1") in [call.argv for call in engine.calls]


def test_submit_file_is_handed_over_by_its_path(
    engine: FakeEngine, run: Run, tmp_path: Path
) -> None:
    """A name that looks like an option is a file all the same."""
    (tmp_path / "-a.sub").touch()
    script_job(engine, ExitCode=0)
    run("--submit=-a.sub")
    assert ("condor_submit", "./-a.sub") in [call.argv for call in engine.calls]


@pytest.fixture
def claimant(engine: FakeEngine, tmp_path: Path) -> str:
    """A container that runs, of an image which claims to be the pool on our state directory."""
    spec = personal_spec("mini-evil", tmp_path / "condor_state")
    engine.add_image("evil", labels=spec.labels)
    engine.start(engine.create(ContainerSpec(image="evil", name="mini-evil")))
    return "mini-evil"


def test_who_claims_to_be_the_pool_is_not_taken_for_it(
    engine: FakeEngine, run: Run, claimant: str
) -> None:
    """A pool is started beside it; no command runs in it, and it is neither stopped nor removed."""
    answer(engine, 0)
    info = engine.inspect(claimant)
    assert info is not None
    before = len(engine.calls)
    assert run("--", "it").status == 0
    targets = {word for call in engine.calls[before:] for word in call.target.split()}
    assert targets & {info.id, claimant} == set()
    assert [held.id for held in engine.containers({})] == [info.id]


def test_name_that_a_claimant_has(run: Run, claimant: str) -> None:
    """If it has the name that the pool should have, the error says what it is."""
    result = run("--name", claimant, "--", "it")
    words = f"the name {claimant} is taken by a container that is not a personal pool"
    assert (result.status, words in result.err) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--jupyter", "--", "true"), "use one of --submit FILE, --jupyter and a command"),
        (("--jupyter", "--submit", "x.sub"), "use one of --submit FILE, --jupyter and a command"),
        (("--port", "8888"), "--port is an option of --jupyter"),
        (("--open",), "--open is an option of --jupyter"),
        (("--publish", "80"), "must be [ADDRESS:]PORT:PORT"),
        (("--jupyter", "--port", "0"), "--port"),
    ],
)
def test_options_that_do_not_fit(
    engine: FakeEngine, run: Run, arguments: tuple[str, ...], why: str
) -> None:
    """They are refused before anything starts."""
    result = run(*arguments)
    assert (result.status, why in result.err, engine.containers({})) == (2, True, [])


def test_ports_are_published(created: Callable[..., ContainerSpec]) -> None:
    """--publish takes several."""
    spec = created("--publish", "127.0.0.1:45678:80", "--publish", "0.0.0.0:45679:81")
    assert [(port.host_ip, port.host_port) for port in spec.ports] == [
        ("127.0.0.1", 45678),
        ("0.0.0.0", 45679),  # noqa: S104
    ]


@pytest.mark.parametrize("end", [None, KeyboardInterrupt])
@pytest.mark.parametrize("opens", [True, False])
def test_link_is_printed_once(
    engine: FakeEngine,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    end: type[BaseException] | None,
    *,
    opens: bool,
) -> None:
    """--jupyter prints the link, opens it if asked, and ends well and with the pool at Ctrl-C."""
    link = "http://127.0.0.1:8888/lab?token=abc"
    ended: list[str] = []
    opened = threading.Event()

    class Lab:
        """JupyterLab that is shut down at once."""

        link = "http://127.0.0.1:8888/lab?token=abc"

        def wait(self) -> None:
            if end is not None:
                raise end

    @contextmanager
    def serving(pool: PersonalPool, _: object) -> Iterator[Lab]:
        yield Lab()
        ended.append(pool.name)

    monkeypatch.setattr("condor_mini.personal.notebook.serving", serving)
    monkeypatch.setattr("condor_mini.cli.browser.user_state", lambda: tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda _: opened.set())
    engine.add_image("condor-notebook:25")
    result = run("--jupyter", "--name", "lab", *(["--open"] if opens else []))
    assert (result.status, result.out) == (0, f"JupyterLab is at {link}\n")
    assert ("token" in result.err, "condor_state/notebooks" in result.err) == (False, True)
    assert (ended, engine.containers({})) == (["lab"], [])
    assert opened.wait(10 if opens else 0) is opens
