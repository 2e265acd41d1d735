"""The lessons, typed as their pages show them, and what `condor-mini lesson check` makes of it.

All of them are on one laptop: a home and pools of its own, on the embedded engine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.conftest import wrapper
from tests.docs.on_hosts import commands_of
from tests.docs.on_hosts import typed as on_host
from tests.docs.pages import Command, examples
from tests.docs.typing_in import MOST, check

from condor_mini.base.errors import NotFound
from condor_mini.lessons.catalogue import LESSONS
from condor_mini.lessons.course import check_all
from hosts_for_tests import can_have_hosts, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.lessons.lesson import Lesson
    from hosts_for_tests import Host

OK, FAILS = "lesson", "lesson that fails"
TIMEOUT_S = 120
CLUSTER = re.compile(r"(?<=\bjob )\d+(?=\.\d)|(?<=\bcluster )\d+")
ADDRESSES = {"laptop1": "10.99.0.1", "laptop2": "10.99.0.2"}
ELSEWHERE = {"two-laptops"}
"""Lessons that need more than a laptop; they have tests of their own."""


@dataclass
class Laptop:
    """Where a learner types: a home, and the directory in which they are."""

    home: Path
    here: Path
    steps: dict[str, str] = field(default_factory=dict)
    """The command after which each step was first seen to be done, by the step's title."""

    def type(self, command: Command, *, fails: bool = False) -> None:
        """Type a command, and compare what comes with what the page shows."""
        if command.script.startswith("cd "):
            self.here = (self.here / command.script.removeprefix("cd ")).resolve()
            return
        done = subprocess.run(
            ["sh", "-uc", command.script],
            cwd=self.here,
            input="".join(f"{line}\n" for line in command.typed),
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        output = done.stderr + done.stdout
        assert (done.returncode != 0) is fails, f"{command.script}\n{output[:MOST]}"
        shown = tuple(map(without_numbers, command.shown))
        check(replace(command, shown=shown), without_numbers(output))

    def look(self, lesson: Lesson, command: Command) -> None:
        """Note the steps that were done by this command."""
        with suppress(NotFound):  # before the lesson is started
            (report,) = check_all(self.here, lesson.name)
            done = [one.step.title for one in report.steps if one.seen.is_done]
            assert set(self.steps) <= set(done), f"{command.script}: a step is no longer done"
            for title in done:
                self.steps.setdefault(title, command.script)


@pytest.fixture(scope="module")
def laptop() -> Iterator[Laptop]:
    """A laptop without a container engine, and without pools."""
    home = Path(tempfile.mkdtemp(prefix="condor-mini-laptop-"))
    home.chmod(0o755)  # jobs of root's pools run as another user
    wrapper(home / "bin/condor-mini", sys.executable, "-m", "condor_mini")
    wrapper(home / "bin/python3", sys.executable)
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", cache)
        patch.setenv("XDG_STATE_HOME", str(home / ".local/state"))
        patch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
        patch.setenv("CONDOR_MINI_ENGINE", "embedded")
        patch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
        for name in [name for name in os.environ if name.startswith("PYTEST_")]:
            patch.delenv(name)
        made = Laptop(home=home, here=home)
        try:
            yield made
        finally:
            made.type(Command.of("cd " + str(home)))
            made.type(Command.of("condor-mini delete --all -q"))
    shutil.rmtree(home)


def without_numbers(text: str) -> str:
    """Return the text without the numbers of clusters: the lessons share a pool."""
    return CLUSTER.sub("N", text)


def story(lesson: Lesson) -> list[tuple[str, Command]]:
    """Return the commands of a lesson's page, each with how it ends, in their order."""
    return [
        (example.kind, command)
        for example in examples(lesson.page)
        if example.kind in (OK, FAILS)
        for command in example.commands
    ]


@pytest.mark.parametrize(
    "lesson", [lesson for name, lesson in LESSONS.items() if name not in ELSEWHERE], ids=str
)
def test_lesson(laptop: Laptop, lesson: Lesson) -> None:
    """Each command shows what the page shows; by its command, and not before, a step is done."""
    laptop.here, laptop.steps = laptop.home, {}

    for kind, command in story(lesson):
        laptop.type(command, fails=kind == FAILS)
        laptop.look(lesson, command)

    assert laptop.steps == {step.title: step.command for step in lesson.steps}


def test_two_laptops(clone: Path, tmp_path: Path) -> None:
    """The last lesson, on two hosts: by its command, and not before, a step is done."""
    if not can_have_hosts():
        pytest.skip("only root makes network namespaces, with ip(8)")
    lesson = LESSONS["two-laptops"]
    by_command = {step.command: {step.title} for step in lesson.steps}
    steps: dict[str, set[str]] = {}
    with network(tmp_path / "hosts", "l", names=ADDRESSES) as made:
        hosts = {name: made.host(name, address=f"{at}/16") for name, at in ADDRESSES.items()}
        folders = dict.fromkeys(hosts, ".")
        done: set[str] = set()
        for name, command in commands_of(lesson.page, "lesson on two laptops"):
            if command.script.startswith("cd "):
                folders[name] = command.script.removeprefix("cd ")
                continue
            is_step = command.script in by_command
            if is_step and not steps:
                done = done_on(hosts["laptop1"], lesson)
            check(command, on_host(hosts[name], command, clone, folders[name]))
            if token := next(hosts["laptop1"].home.glob("two-laptops/token"), None):
                shutil.copy(token, hosts["laptop2"].home)
            if is_step:
                now = done_on(hosts["laptop1"], lesson)
                steps[command.script], done = now - done, now
    assert steps == by_command


def done_on(host: Host, lesson: Lesson) -> set[str]:
    """Return the titles of the steps that are done."""
    (report,) = host.cli("lesson", "check", lesson.name, "-o", "json").json
    return {step["title"] for step in report["steps"] if step["done"]}
