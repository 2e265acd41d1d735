"""docs/reference/json.md has every key of ``-o json``, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

from condor_mini.cli import cli
from condor_mini.engine import ContainerSpec, FakeOutcome
from condor_mini.nodes.node import pool_labels
from condor_mini.records.store import TIMELINE
from condor_mini.runtime import Runtime
from fake_event_log import FakeEventLog
from fake_schedds import Schedds
from timeline_scenes import begin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from command_line import Result
    from fake_pool import FakePool
    from fake_queue import Queue
    from pool_engine import PoolEngine
    from token_nodes import TokenNodes

    Run = Callable[..., Result]

PAGE = Path(__file__).parents[3] / "docs/reference/json.md"
SECTIONS = dict(re.findall(r"(?ms)^## ([a-z -]+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8")))
"""The page's sections, by the commands that they are about."""


def spans(text: str) -> set[str]:
    """Return the words in code style; what stands in parentheses explains and is left out."""
    return set(re.findall(r"`(\w+)`", re.sub(r"\([^()]*\)", "", text))) - {"null"}


def table(text: str) -> dict[str, str]:
    """Return what the first table of a text says of each key."""
    rows = re.search(r"\| key \| value \|\n\|---\|---\|\n((?:\|.*\n)+)", text)
    assert rows is not None
    cells = [row.strip("|").split(" | ", 1) for row in rows[1].splitlines()]
    return {key: value for keys, value in cells for key in spans(keys)}


def keys(command: str, part: str = "") -> set[str]:
    """Return the documented keys of a command's JSON, or of an object in it.

    Args:
        command: The title of the section.
        part: A key whose value is described in its row, or the words that begin a paragraph
            (``A node``); empty for what the command prints as a whole.
    """
    text = SECTIONS[command]
    if not part:
        return set(table(text))
    if not part.startswith("A "):
        return spans(table(text)[part])
    paragraph = text.partition(f"\n{part}:")[2]
    if paragraph.startswith("\n\n| key"):
        return set(table(paragraph))
    return spans(re.sub(r"\([^()]*\)", "", paragraph).partition(".")[0])


def prose(command: str) -> list[set[str]]:
    """Return the keys that each sentence of a section without a table names."""
    sentences = re.sub(r"\([^()]*\)", "", SECTIONS[command]).split(". ")
    return [spans(sentence) - {command} for sentence in sentences]


@pytest.fixture
def status(pool: FakePool, run: Run) -> Any:  # noqa: ANN401 (whatever JSON can say)
    """``status`` of a pool beside which a container claims to be a node."""
    labels = pool_labels("ci")
    pool.engine.create(ContainerSpec(image="condor-execute:25", name="evil", labels=labels))
    return run("status", "-n", "ci", "-o", "json").json


def test_status_has_its_keys(status: dict[str, Any]) -> None:
    """`status` prints the documented keys."""
    assert set(status) == keys("status")


@pytest.mark.parametrize(
    ("part", "key"),
    [("A node", "nodes"), ("A daemon", "daemons"), ("A problem", "problems"), ("jobs", "jobs")],
)
def test_each_in_a_list_of_status_has_its_keys(status: dict[str, Any], part: str, key: str) -> None:
    """So do each node, daemon and problem, and the jobs of an access point."""
    assert set(status[key][0]) == keys("status", part)


def test_slots_of_status_have_their_keys(status: dict[str, Any]) -> None:
    """So do the slots."""
    assert set(status["slots"]) == keys("status", "slots")


def test_fault_in_force_has_its_keys(pool: FakePool, run: Run) -> None:
    """So does each fault in force."""
    pool.engine.on_exec(["sh", "-s"], lambda _: FakeOutcome(stdout="7:70\n"))
    pool.faults.freeze("execute-1", "startd")
    shown = run("status", "-n", "ci", "-o", "json").json
    assert set(shown["faults"][0]) == keys("status", "A fault in force")


def test_faults_have_their_keys(command_line: Run) -> None:
    """`fault list` prints the documented keys of each fault."""
    assert set(command_line("fault", "list", "-o", "json").json[0]) == keys("fault list")


def test_events_have_their_keys(command_line: Run) -> None:
    """`event list` prints the documented keys of each type."""
    assert set(command_line("event", "list", "-o", "json").json[0]) == keys("event", "A type")


def test_event_has_its_keys(pool: FakePool, run: Run) -> None:
    """`event` prints the documented keys."""
    FakeEventLog(pool=pool, after={"condor_submit": [0]})
    assert set(run("event", "0", "-n", "ci", "-o", "json").json) == keys("event")


@pytest.mark.usefixtures("pool")
def test_list_has_its_keys(run: Run) -> None:
    """`list` prints the documented keys of each pool."""
    assert set(run("list", "-o", "json").json[0]) == keys("list")


def test_lessons_have_their_keys(command_line: Run) -> None:
    """`lesson list` prints the documented keys of each lesson."""
    assert set(command_line("lesson", "list", "-o", "json").json[0]) == keys("lesson list")


def test_checks_of_lessons_have_their_keys(command_line: Run) -> None:
    """`lesson check` prints the documented keys of each lesson, and of each step."""
    command_line("lesson", "start", "many-jobs")
    (lesson,) = command_line("lesson", "check", "-o", "json").json
    assert set(lesson) == keys("lesson check")
    assert set(lesson["steps"][0]) == keys("lesson check", "A step")


@pytest.mark.usefixtures("written")
def test_logs_have_their_keys(run: Run) -> None:
    """`logs` prints the documented keys on every line."""
    first = run("logs", "-n", "ci", "--tail", "1", "--daemon", "shadow", "-o", "json")
    assert set(first.json) == keys("logs")


def test_timeline_has_its_keys(command_line: Run, tmp_path: Path) -> None:
    """`timeline` prints the documented keys on every line."""
    (tmp_path / TIMELINE).write_text(begin(("ci-master", "master")).line())
    first = command_line("timeline", str(tmp_path), "-o", "json")
    assert set(first.json) == keys("timeline")


@pytest.mark.usefixtures("inside")
def test_doctor_has_its_keys(run: Run) -> None:
    """`doctor` prints the documented keys, and those of each finding."""
    shown = run("doctor", "-o", "json").json
    assert (set(shown), set(shown["findings"][0])) == ({"ok", "findings"}, keys("doctor"))


@pytest.mark.usefixtures("fake")
def test_images_have_their_keys(run: Run) -> None:
    """`images list` prints the documented keys of each image."""
    assert set(run("images", "list", "-o", "json").json[0]) == keys("images list")


def test_runtimes_have_their_keys(tmp_path: Path) -> None:
    """`runtime list` prints the documented keys of each runtime."""
    runtime = Runtime(
        series="25",
        architecture="amd64",
        digest="abc",
        path=tmp_path,
        version=None,
        size_bytes=None,
        problem="lost",
    )
    assert set(runtime.to_json()) == keys("runtime list")


@pytest.fixture
def version(pool: FakePool, run: Run) -> Any:  # noqa: ANN401 (whatever JSON can say)
    """``version`` of a pool."""
    return run("version", "-n", pool.name, "-o", "json").json


def test_version_has_its_keys(version: dict[str, Any]) -> None:
    """`version` prints the documented keys."""
    assert set(version) == keys("version")


def test_engine_of_version_has_its_keys(version: dict[str, Any]) -> None:
    """So does the engine, which has more: facts that only condor-mini itself needs."""
    assert keys("version", "engine") <= set(version["engine"])


def test_series_of_version_have_their_keys(version: dict[str, Any]) -> None:
    """So does each series of HTCondor."""
    assert set(version["htcondor"][0]) == keys("version", "htcondor")


# -- members --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("nodes")
def test_new_token_has_its_keys(condor_mini: Run) -> None:
    """`token create` prints the documented keys."""
    assert set(condor_mini("token", "create", "-n", "ci", "-o", "json").json) == keys(
        "token create"
    )


@pytest.mark.usefixtures("nodes")
def test_tokens_have_their_keys(condor_mini: Run) -> None:
    """`token list` prints the documented keys of each token."""
    assert set(condor_mini("token", "list", "-n", "ci", "-o", "json").json[0]) == keys("token list")


def test_requests_have_their_keys(nodes: TokenNodes, pools: PoolEngine, condor_mini: Run) -> None:
    """`approve` prints the documented keys of each request."""
    del nodes
    pools.on_exec(["condor_token_request_list"], lambda _: FakeOutcome(stdout='[{"RequestId": 1}]'))
    (request,) = condor_mini("approve", "-n", "ci", "--list", "-o", "json").json
    assert set(request) == keys("approve")


# -- pools and jobs -------------------------------------------------------------------------------


def test_create_has_its_keys(condor_mini: Run) -> None:
    """`create` prints the documented keys."""
    assert set(condor_mini("create", "-o", "json").json) == prose("create")[0]


def test_dry_run_has_its_keys(condor_mini: Run) -> None:
    """`create --dry-run` prints the documented keys, and those of each node."""
    shown = condor_mini("create", "--dry-run", "-o", "json").json
    assert set(shown) | set(shown["nodes"][0]) == prose("create")[1]


def test_debug_levels_have_their_keys(pools: PoolEngine, condor_mini: Run) -> None:
    """`debug` prints the documented keys of each level."""
    pools.keep_debug_levels()
    condor_mini("create", "-n", "ci")
    (level,) = condor_mini("debug", "-n", "ci", "schedd=D_ALL", "-o", "json").json
    assert set(level) == keys("debug")


@pytest.fixture
def on_queue(
    queue: Queue, here: Path, condor_mini_on: Run, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """``condor-mini ARGUMENTS -o json`` where a job can be submitted."""
    monkeypatch.chdir(here)

    def run(*arguments: str) -> Any:  # noqa: ANN401 (whatever JSON can say)
        return condor_mini_on(queue.engine, *arguments, "-o", "json").json

    return run


def test_submit_has_its_keys(on_queue: Callable[..., Any]) -> None:
    """`submit` prints the documented keys."""
    assert set(on_queue("submit", "a.sub")) == keys("submit")


def test_jobs_have_their_keys(on_queue: Callable[..., Any]) -> None:
    """So does each job."""
    assert set(on_queue("submit", "a.sub")["jobs"][0]) == keys("submit", "A job")


def test_wait_has_its_keys(on_queue: Callable[..., Any]) -> None:
    """`wait` prints what `submit` prints of each submission."""
    on_queue("submit", "a.sub")
    shown = on_queue("wait", "7")
    assert (set(shown), set(shown["submissions"][0])) == ({"submissions"}, keys("submit"))


def test_jobs_of_the_queue_have_their_keys(condor_mini_on: Run) -> None:
    """`queue` prints the documented keys of each job."""
    schedds = Schedds()
    schedds.add("3.0")
    assert set(condor_mini_on(schedds.engine, "queue", "-o", "json").json[0]) == keys("queue")


@pytest.mark.parametrize(
    "text", ["version: 1\n", "version: 1\nname: A\n"], ids=["valid", "invalid"]
)
def test_validation_has_its_keys(command_line: Run, text: str) -> None:
    """`config validate` prints the documented keys, whatever it finds."""
    shown = command_line("config", "validate", "-", "-o", "json", stdin=text).json
    assert set(shown) == keys("config validate")


def test_problems_of_a_pool_file_have_their_keys(command_line: Run) -> None:
    """So does each problem."""
    shown = command_line("config", "validate", "-", "-o", "json", stdin="version: 2\n").json
    assert set(shown["problems"][0]) == keys("config validate", "problems")


# -- the page -------------------------------------------------------------------------------------


def reporting(command: click.Command, path: str = "") -> Iterator[str]:
    """Yield the words of every command that can print JSON."""
    if any("json" in getattr(each.type, "choices", ()) for each in command.params):
        yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from reporting(below, f"{path} {name}".strip())


def test_every_command_that_prints_json_has_a_section() -> None:
    """The page has a section for each of them, and for no other command."""
    assert sorted(SECTIONS) == sorted(reporting(cli))
