"""Choosing an engine, with a ``docker`` and a ``podman`` that are scripts."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from condor_mini import engines, runtime
from condor_mini.base.errors import EngineNotFound, UsageError
from condor_mini.engine import FakeEngine
from condor_mini.engines import Candidate, Reach, find_engine, survey
from podman_answers import REMOTE, Facts

if TYPE_CHECKING:
    from collections.abc import Callable

    PutBinary = Callable[[str, str], Path]

INFO = json.dumps(
    {
        "ServerVersion": "20.10",
        "NCPU": 2,
        "MemTotal": 2**30,
        "Architecture": "x86_64",
        "SecurityOptions": ["name=seccomp,profile=default"],
        "ClientInfo": {"Context": "default"},
    }
)
NO_DAEMON = "Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?"
DENIED = "Got permission denied while trying to connect to the Docker daemon socket at unix:///x"

ANSWERS = f"echo '{INFO}'"
SAYS_NO_DAEMON = f"echo '{NO_DAEMON}' >&2; exit 1"
SAYS_DENIED = f"echo '{DENIED}' >&2; exit 1"
SAYS_NO_DAEMON_AS_BEFORE_23 = (
    f"""echo '{{"ServerErrors":["{NO_DAEMON}"],"ClientInfo":{{"Context":"default"}}}}'"""
)


@pytest.fixture(autouse=True)
def everyone(monkeypatch: pytest.MonkeyPatch) -> tuple[Candidate, ...]:
    """The engines that have a command are the only candidates; all that there are."""
    everyone = engines.CANDIDATES
    alone = tuple(candidate for candidate in everyone if candidate.binary)
    monkeypatch.setattr(engines, "CANDIDATES", alone)
    return everyone


@pytest.fixture(autouse=True)
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder, and nothing about engines in the environment."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("CONDOR_MINI_ENGINE", "CONTAINER_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
def put_binary(bin_dir: Path) -> PutBinary:
    """Puts a command on PATH that is a shell's script."""

    def put(name: str, script: str) -> Path:
        path = bin_dir / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return put


@pytest.fixture
def two_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker, and after it an engine that always answers."""
    other = Candidate(name="other", binary=None, hint_absent="", make=partial(FakeEngine, "other"))
    monkeypatch.setattr(engines, "CANDIDATES", (engines.CANDIDATES[0], other))


@pytest.mark.parametrize("choice", [None, "auto", "docker"])
def test_docker_that_answers_is_taken(put_binary: PutBinary, choice: str | None) -> None:
    """Docker is found by itself and by its name."""
    put_binary("docker", ANSWERS)
    assert find_engine(choice).name == "docker"


def test_nothing_is_said_where_nothing_was_rejected(put_binary: PutBinary) -> None:
    """The first choice needs no explanation."""
    put_binary("docker", ANSWERS)
    notes: list[str] = []
    find_engine(on_note=notes.append)
    assert notes == []


@pytest.mark.parametrize(
    ("script", "reach"),
    [
        (None, Reach.NO_CLIENT),
        (SAYS_NO_DAEMON, Reach.NO_DAEMON),
        (SAYS_NO_DAEMON_AS_BEFORE_23, Reach.NO_DAEMON),
        (SAYS_DENIED, Reach.DENIED),
        ("exit 1", Reach.NO_DAEMON),
        (ANSWERS, Reach.READY),
    ],
)
def test_reach_is_told(put_binary: PutBinary, script: str | None, reach: Reach) -> None:
    """What stands between us and an engine is one of a few kinds."""
    if script is not None:
        put_binary("docker", script)
    (finding,) = survey("docker")
    assert finding.reach is reach


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (None, "There is no command docker on PATH.\nInstall Docker"),
        (SAYS_NO_DAEMON, f"docker does not answer: {NO_DAEMON}\nStart it: sudo systemctl start"),
        (SAYS_NO_DAEMON_AS_BEFORE_23, f"docker does not answer: {NO_DAEMON}\nStart it: sudo"),
        (SAYS_DENIED, f"docker does not answer: {DENIED}\nLet this user use Docker: sudo usermod"),
    ],
)
def test_absent_engine_is_explained(put_binary: PutBinary, script: str | None, words: str) -> None:
    """An engine that was asked for and is absent is an error with the evidence and what to do."""
    if script is not None:
        put_binary("docker", script)
    with pytest.raises(EngineNotFound) as caught:
        find_engine("docker")
    assert str(caught.value).startswith(words)


def test_absent_engine_ends_with_6() -> None:
    """The command line ends with 6 where no engine is."""
    with pytest.raises(EngineNotFound) as caught:
        find_engine()
    assert caught.value.exit_code == 6


def test_unknown_name_is_a_usage_error() -> None:
    """A name that no engine has is the user's error, and the known ones are listed."""
    with pytest.raises(UsageError) as caught:
        find_engine("dokcer")
    assert str(caught.value) == "There is no engine 'dokcer'.\nKnown are: auto, docker, podman"


def test_unknown_name_in_the_environment_is_said_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong name that nobody typed is said to come from the environment."""
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "dokcer")
    with pytest.raises(UsageError, match="'dokcer' in CONDOR_MINI_ENGINE"):
        find_engine()


@pytest.mark.usefixtures("two_candidates")
def test_environment_chooses(put_binary: PutBinary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no argument says it, the environment chooses."""
    put_binary("docker", ANSWERS)
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "other")
    assert find_engine().name == "other"


@pytest.mark.usefixtures("two_candidates")
def test_argument_wins_over_the_environment(
    put_binary: PutBinary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument is heard first."""
    put_binary("docker", ANSWERS)
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "other")
    assert find_engine("auto").name == "docker"


@pytest.mark.usefixtures("two_candidates")
def test_auto_says_what_it_rejected() -> None:
    """Where the first candidate is absent, the choice is said, with the reason."""
    notes: list[str] = []
    find_engine("auto", on_note=notes.append)
    assert notes == ["Using other (not docker: There is no command docker on PATH.)"]


@pytest.mark.usefixtures("two_candidates")
def test_explicit_choice_has_no_substitute() -> None:
    """An engine that was asked for by name is not replaced by another."""
    with pytest.raises(EngineNotFound):
        find_engine("docker")


def test_embedded_is_taken_where_nothing_answers(
    everyone: tuple[Candidate, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any command of an engine there is still the one that needs none, and it says so."""
    monkeypatch.setattr(engines, "CANDIDATES", everyone)
    notes: list[str] = []
    assert find_engine(on_note=notes.append).name == "embedded"
    assert "Using embedded (not docker: There is no command docker on PATH.; not podman" in notes[0]


def test_docker_that_answers_goes_before_embedded(
    everyone: tuple[Candidate, ...],
    put_binary: PutBinary,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was installed on purpose is used."""
    monkeypatch.setattr(engines, "CANDIDATES", everyone)
    put_binary("docker", ANSWERS)
    assert find_engine().name == "docker"


def test_embedded_needs_linux(
    everyone: tuple[Candidate, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere it is not even tried."""
    monkeypatch.setattr(engines, "CANDIDATES", everyone)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(EngineNotFound, match="It needs Linux, and this is darwin") as caught:
        find_engine("embedded")
    assert "--install-engine" in str(caught.value)


# -- Podman --------------------------------------------------------------------------------------


def answers(facts: Facts) -> str:
    """A script that answers with these facts."""
    return f"echo '{json.dumps(facts)}'"


@pytest.mark.parametrize("choice", ["auto", "podman"])
def test_podman_is_taken(put_binary: PutBinary, choice: str) -> None:
    """Podman is found by its name, and by itself where Docker is not."""
    put_binary("podman", answers(REMOTE))
    notes: list[str] = []
    assert find_engine(choice, on_note=notes.append).name == "podman"
    rejected = ["Using podman (not docker: There is no command docker on PATH.)"]
    assert notes == (rejected if choice == "auto" else [])


def test_environment_chooses_podman(put_binary: PutBinary, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONDOR_MINI_ENGINE may say it."""
    put_binary("podman", answers(REMOTE))
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "podman")
    assert find_engine().name == "podman"


def test_unfit_podman_is_told(put_binary: PutBinary) -> None:
    """A Podman that answers but will not do is an error with all that it lacks."""
    put_binary("podman", answers({**REMOTE, "version": {"Version": "4.0.0"}}))
    assert survey("podman")[0].reach is Reach.UNFIT
    with pytest.raises(EngineNotFound) as caught:
        find_engine("podman")
    assert str(caught.value) == (
        "podman cannot be used here: it is version 4.0.0, and 4.3 is the oldest that will do\n"
        "Get Podman 4.3 or newer: Debian 12 and Ubuntu 24.04 have one."
    )


def test_podman_in_dockers_clothes_is_passed_over(put_binary: PutBinary) -> None:
    """Debian's podman-docker answers to Docker's name, but not as Docker does."""
    put_binary("docker", answers(REMOTE))
    put_binary("podman", answers(REMOTE))
    assert find_engine("auto").name == "podman"
    with pytest.raises(EngineNotFound, match="answers as Podman does") as caught:
        find_engine("docker")
    assert caught.value.hint == "Call it by its own name: --engine podman"


def test_runtime_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded engine takes any complete runtime, so deleting a pool makes none."""
    there = SimpleNamespace(root=Path("/there"))
    monkeypatch.setattr(runtime, "usable", lambda _: there)
    monkeypatch.setattr(runtime, "ensure", lambda *_: pytest.fail("it was made"))
    assert engines._runtime() == Path("/there")


def test_runtime_that_is_absent_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a runtime, the embedded engine has one made."""
    made = SimpleNamespace(runtime=SimpleNamespace(root=Path("/made")))
    monkeypatch.setattr(runtime, "usable", lambda _: None)
    monkeypatch.setattr(runtime, "ensure", lambda *_: made)
    assert engines._runtime() == Path("/made")
