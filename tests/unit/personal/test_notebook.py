"""JupyterLab in a personal pool, on an engine in memory and a server in its place."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import AlreadyInUse, NotFound, PoolNotReady
from condor_mini.base.layout import HEALTH, LIBEXEC
from condor_mini.base.progress import Progress
from condor_mini.engine import FakeEngine, FakeOutcome
from condor_mini.images import builder
from condor_mini.nodes.personal_labels import NOTEBOOK
from condor_mini.personal import container, host_python, notebook
from condor_mini.personal.caller import Caller
from condor_mini.personal.pool import PersonalPool
from condor_mini.personal.reopening import options_of
from condor_mini.personal.spec import PersonalSpec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from condor_mini.engine import FakeExec

NAME = "mini-lab"
START, STOP = [notebook.START], [notebook.STOP]


class Lab:
    """What is in JupyterLab's place: it answers at a port, and ends when it is told to."""

    def __init__(self) -> None:
        self.calls: list[FakeExec] = []
        self.outcome = FakeOutcome()
        self.fails_at_once = False
        self.answers = 200
        self.ended = threading.Event()
        self.stops = 0

    def start(self, call: FakeExec) -> FakeOutcome:
        """Run until the end."""
        self.calls.append(call)
        if self.fails_at_once:
            return self.outcome
        answers, token = self.answers, call.stdin

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_known = self.headers["Authorization"] == f"token {token}"
                self.send_response(answers if is_known else 403)
                self.end_headers()

            def log_message(self, *_: Any) -> None:  # noqa: ANN401 (as the base class has them)
                pass

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
            assert self.ended.wait(20)
            server.shutdown()
        return self.outcome

    def stop(self, _: FakeExec) -> FakeOutcome:
        """End it."""
        self.stops += 1
        self.ended.set()
        return FakeOutcome()

    port = 0


@pytest.fixture
def lab(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """JupyterLab, which the pool's engine runs."""
    lab = Lab()
    monkeypatch.setattr(notebook, "GONE_S", 0.0)
    fake.on_exec(START, lab.start)
    fake.on_exec(STOP, lab.stop)
    fake.on_exec([HEALTH], lambda _: FakeOutcome())
    fake.add_image("condor-notebook:25")
    monkeypatch.setattr(builder, "ensure", lambda _, role, *__: f"condor-{role}:25")
    monkeypatch.setattr(Caller, "current", lambda _: Caller(uid=1000, gid=1000))
    return lab


@pytest.fixture
def opened(fake: FakeEngine, lab: Lab, tmp_path: Path) -> AbstractContextManager[PersonalPool]:
    """A pool with a notebook, on a port that is free."""

    @contextmanager
    def opened() -> Iterator[PersonalPool]:
        spec = PersonalSpec(name=NAME, state=tmp_path / "state", workdir=tmp_path, notebook=True)
        with PersonalPool.open(fake, spec, Progress(), keep=True) as pool:
            lab.port = int(pool.node.info.labels[NOTEBOOK])
            yield pool

    return opened()


def test_answers_and_ends(lab: Lab, opened: AbstractContextManager[PersonalPool]) -> None:
    """The link works when the context begins, and JupyterLab ends with it."""
    with opened as pool, notebook.serving(pool, Progress()) as found:
        assert found.link == f"http://127.0.0.1:{lab.port}/lab?token={lab.calls[0].stdin}"
        assert pool.engine.inspect(NAME).image == "condor-notebook:25"  # type: ignore[union-attr]
    assert (lab.ended.is_set(), lab.stops) == (True, 1)


def test_token_is_in_no_argument(
    fake: FakeEngine, lab: Lab, opened: AbstractContextManager[PersonalPool]
) -> None:
    """It is new at each start, and only JupyterLab's input has it."""
    with opened as pool, notebook.serving(pool, Progress()):
        (call,) = lab.calls
        token = call.stdin or ""
        assert len(token) >= 43
        assert token not in " ".join(call.argv)
        assert token not in repr(fake.spec(NAME))
        assert list(call.argv) == [*START, "0.0.0.0", "8888"]  # noqa: S104


def test_one_at_a_time(lab: Lab, opened: AbstractContextManager[PersonalPool]) -> None:
    """A second one is refused, and the first goes on."""
    with (
        opened as pool,
        notebook.serving(pool, Progress()),
        pytest.raises(AlreadyInUse, match="runs already"),
        notebook.serving(pool, Progress()),
    ):
        pass
    assert len(lab.calls) == 1


def test_user_shuts_it_down(lab: Lab, opened: AbstractContextManager[PersonalPool]) -> None:
    """The wait ends, and there is nothing to stop."""
    with opened as pool, notebook.serving(pool, Progress()) as found:
        lab.ended.set()
        found.wait()
    assert lab.stops == 0


@pytest.mark.parametrize("at_once", [True, False])
def test_cause_of_its_failure_is_said(
    lab: Lab, opened: AbstractContextManager[PersonalPool], *, at_once: bool
) -> None:
    """The message has its last lines, and where all of them are; at the start and later."""
    lab.outcome = FakeOutcome(returncode=1, stderr="OSError: no room\n")
    lab.fails_at_once = at_once

    def run(pool: PersonalPool) -> None:
        with notebook.serving(pool, Progress()) as found:
            lab.ended.set()
            found.wait()

    with opened as pool, pytest.raises(PoolNotReady, match="ended with 1:\nOSError: no") as failed:
        run(pool)
    assert str(failed.value.hint).endswith("state/log/JupyterLog")


def test_no_answer_in_time(
    lab: Lab, opened: AbstractContextManager[PersonalPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended, and the message says what it answered."""
    lab.answers = 503
    monkeypatch.setattr(notebook, "READY_TIMEOUT_S", 0.2)
    with (
        opened as pool,
        pytest.raises(PoolNotReady, match=r"after 0\.2 s: port \d+ (answers with status 503|: )"),
        notebook.serving(pool, Progress()),
    ):
        pass
    assert lab.ended.is_set()


def test_pool_ends_while_it_runs(
    fake: FakeEngine, lab: Lab, opened: AbstractContextManager[PersonalPool]
) -> None:
    """The error is the pool's."""
    lab.outcome = FakeOutcome(returncode=137)
    with opened as pool, notebook.serving(pool, Progress()) as found:
        fake.end(NAME, exit_code=9, log="condor_master ended")
        lab.ended.set()
        with pytest.raises(PoolNotReady, match=f"the pool {NAME} ended with 9"):
            found.wait()


def test_pool_without_a_notebook_gets_none(fake: FakeEngine, lab: Lab, tmp_path: Path) -> None:
    """A pool that was kept without one has no port for it; the message says how to end it."""
    del lab
    fake.add_image("condor-mini:25")
    spec = PersonalSpec(name=NAME, state=tmp_path / "state", workdir=tmp_path)
    with PersonalPool.open(fake, spec, Progress(), keep=True):
        pass
    with pytest.raises(AlreadyInUse, match="started without a notebook") as refused:
        PersonalPool.open(fake, replace(spec, notebook=True), Progress()).__enter__()
    assert refused.value.hint is not None
    assert f"condor-mini delete -n {NAME}" in refused.value.hint


def test_options_are_known_again(fake: FakeEngine, lab: Lab, tmp_path: Path) -> None:
    """`start` gives a pool back its notebook and its ports; others are refused while it runs."""
    del lab
    spec = PersonalSpec(
        name=NAME, state=tmp_path / "state", workdir=tmp_path, notebook=True, publish=("45678:80",)
    )
    with PersonalPool.open(fake, spec, Progress(), keep=True) as pool:
        again = options_of(pool.node)
    port = int(pool.node.info.labels[NOTEBOOK])
    assert (again.notebook, again.notebook_port, again.publish) == (
        True,
        port,
        ("127.0.0.1:45678:80",),
    )
    with PersonalPool.open(fake, replace(spec, notebook=False), Progress(), keep=True):
        pass
    for other in (replace(spec, notebook_port=port + 1), replace(spec, publish=("45678:81",))):
        with pytest.raises(AlreadyInUse, match="port"):
            PersonalPool.open(fake, other, Progress()).__enter__()


class Composer(FakeEngine):
    """An engine that makes its images of files."""

    def compose(self, *_: Any, **__: Any) -> None:  # noqa: ANN401 (never called)
        """Do nothing."""


def test_this_machines_python_where_images_are_composed(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the host's files are shown, and what runs JupyterLab comes along."""
    monkeypatch.setattr(host_python, "check", lambda: None)
    engine, spec = Composer(), PersonalSpec(notebook=True)
    assert container.with_host_files(engine, spec, Progress()).host_files == "ro"
    facts = replace(engine.info(), read_only_mounts=False)
    monkeypatch.setattr(engine, "info", lambda: facts)
    assert container.with_host_files(engine, spec, Progress()).host_files == "rw"
    assert container.with_host_files(FakeEngine(), spec, Progress()) is spec
    files = container.notebook_files(engine, spec)
    start = files[notebook.START.lstrip("/")]
    assert start.startswith(b"#!/bin/sh")
    assert f"{LIBEXEC.lstrip('/')}/notebook/examples/first-job.ipynb" in files
    assert container.notebook_files(FakeEngine(), spec) == {}


def test_not_installed_is_said_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No state directory is left."""
    monkeypatch.setattr(host_python, "find_spec", lambda _: None)
    spec = PersonalSpec(notebook=True, state=tmp_path / "state", workdir=tmp_path)
    with pytest.raises(NotFound, match="htcondor jupyterlab"):
        PersonalPool.open(Composer(), spec, Progress()).__enter__()
    assert list(tmp_path.iterdir()) == []
