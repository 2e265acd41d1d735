"""The examples in README.md and on the pages of docs, run as they stand there.

A comment above each example says how it is run: ``<!-- example: pool -->``. Those of one kind and
one page are one story, told from the top of the page to its end. Pools of nodes are in
``test_pool_examples.py``, nodes by hand in ``test_plain_examples.py``, CI services in
``test_ci.py``, dev containers in ``test_dev_container.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from tests.docs.pages import (
    DOCS,
    PAGES,
    README,
    ROOT,
    Command,
    Example,
    examples,
    name_of,
    of_kind,
    scenarios,
)
from tests.docs.typing_in import check, typed

from condor_mini.cli import COMMANDS, cli
from condor_mini.engines import find_engine
from condor_mini.pool import Pool
from condor_mini.spec.pool_file import load_pool_file

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = {
    "personal": "`./run`, in a directory of its own",
    "pool": "`condor-mini`, with a pool of its own for the page",
    "two pools": "`condor-mini`, with the pools `home` and `away`, without a container engine",
    "hosts": "`condor-mini`, on two hosts that the test makes",
    "plain nodes": "`docker`, with nodes of its own",
    "python": "Python, with a pool of its own",
    "pytest": "as a file of tests, by pytest",
    "pool file": "read as a pool file",
    "workflow": "a job of a CI service, step by step (`test_ci.py`)",
    "pipeline": "the same",
    "test_pool.py": "by pytest, in the jobs of CI services",
    "dev container": "a dev container's steps, without the container (`test_dev_container.py`)",
    "lesson": "a lesson's, on a laptop of its own (`test_lessons.py`)",
    "lesson on two laptops": "the same, on two hosts that the test makes",
    "lesson that fails": "the same, of a command that does not succeed",
    "install": "in a virtual environment, in the clone",
    "offline": "as `install`, with a second environment that reaches no package index",
}
NOT_RUN = "not run: "
"""Why it cannot be run, or where the same is run."""
CLIENT = "client: "
"""Which client it is of, and the name of a file: tests/clients runs it."""
ENGINES_OWN = {
    *("--privileged", "--network", "--cap-drop", "--cap-add", "--security-opt", "--read-only"),
    *("--tmpfs", "--pids-limit", "--volumes"),
}
"""Options of docker's that the pages name."""


# -- every example --------------------------------------------------------------------------------


@pytest.mark.parametrize("example", examples(), ids=str)
def test_every_example_is_run(example: Example) -> None:
    """Each example says how it is run, or why it is not."""
    assert example.kind in KINDS or example.kind.startswith((NOT_RUN, CLIENT))


# -- personal pools -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", scenarios("personal"), ids=name_of)
def test_personal_pool(page: Path, clone: Path) -> None:
    """Each command for a personal pool shows what the page shows."""
    story = of_kind("personal", page)
    try:
        for example in story:
            for command in example.commands:
                check(command, typed(command, clone, {}))
    finally:
        if any("--keep" in example.text for example in story):
            subprocess.run(["./run", "--", "true"], cwd=clone, timeout=280, check=False)


def test_first_command(clone: Path) -> None:
    """The first command of README submits three jobs, and shows the greeting of each."""
    command = examples(README)[0].commands[0]
    output = typed(command, clone, {})
    assert re.search(r"3 job\(s\) submitted to cluster 1\.", output)
    for job in range(3):
        assert re.search(rf"Hello from job {job} on mini-[0-9a-f]{{6}}, as jovyan", output)


# -- Python, pool files, installing ---------------------------------------------------------------


@pytest.mark.parametrize(
    "example", [example for example in examples() if example.kind == "python"], ids=str
)
def test_python(example: Example, clone: Path) -> None:
    """Python runs as it stands on the page, but for the pool's name."""
    name = f"docs-{uuid.uuid4().hex[:6]}"
    try:
        result = subprocess.run(
            [sys.executable, "-c", example.text.replace('"ci"', f'"{name}"')],
            cwd=clone,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    finally:
        Pool(find_engine(), name).delete()
    assert result.returncode == 0, result.stderr
    assert '"ci"' in example.text
    if example.page == README:
        assert re.findall(rf"slot1@{name}-execute-\d\.nodes\.internal Unclaimed", result.stdout)


@pytest.mark.parametrize("page", scenarios("pytest"), ids=name_of)
def test_tests(page: Path, tmp_path: Path) -> None:
    """The tests of a page pass, in one run of pytest."""
    for number, example in enumerate(of_kind("pytest", page)):
        (tmp_path / f"test_{number}.py").write_text(example.text)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "example", [example for example in examples() if example.kind == "pool file"], ids=str
)
def test_pool_file_is_valid(example: Example) -> None:
    """Each pool file is valid."""
    assert load_pool_file(example.text, source=str(example), base=ROOT).execution_point_count > 0


def test_pool_file_of_the_reference_has_three_nodes() -> None:
    """The pool file that shows most keys describes as many execution points as it seems to."""
    text = of_kind("pool file", DOCS / "reference/pool-file.md")[0].text
    assert load_pool_file(text, source="pool-file.md", base=ROOT).execution_point_count == 3


@pytest.mark.slow
@pytest.mark.parametrize("page", scenarios("install"), ids=name_of)
def test_install(page: Path, tmp_path: Path) -> None:
    """What is installed by the page's commands is there to use."""
    environment = virtual_environment(tmp_path / "venv")
    for example in of_kind("install", page):
        for command in example.commands:
            check(command, typed(command, ROOT, environment))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_install_without_a_network(tmp_path: Path) -> None:
    """The wheels are all that a second environment needs, HTCondor among them."""
    page = DOCS / "how-to/install-without-a-network.md"
    here, there = of_kind("offline", page)
    for name in ("src", "docs/tutorials", "examples"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for command in here.commands:
        typed(command, tmp_path, virtual_environment(tmp_path / "here"))
    other = virtual_environment(tmp_path / "there")
    for command in there.commands:
        typed(command, tmp_path, other)
    unreachable = {
        "CONDOR_MINI_DEBIAN_MIRROR": "http://127.0.0.1:9",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    typed(Command.of("condor-mini lesson start many-jobs"), tmp_path, {**other, **unreachable})
    started = {path.name for path in (tmp_path / "many-jobs").iterdir()}
    assert {"LESSON.md", "square.sub", "square.sh"} <= started
    built = typed(Command.of("condor-mini runtime build -q"), tmp_path, {**other, **unreachable})
    assert Path(built.strip()).is_relative_to(tmp_path / "cache")


def virtual_environment(path: Path) -> dict[str, str]:
    """Make a virtual environment; return the variables that put it first."""
    subprocess.run([sys.executable, "-m", "venv", str(path)], check=True, timeout=120)
    return {"PATH": f"{path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": ""}


# -- options --------------------------------------------------------------------------------------


def helps(command: click.Command, parent: click.Context) -> Iterator[str]:
    """The help texts of a command and of all below it."""
    context = click.Context(command, info_name=command.name, parent=parent)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if below := command.get_command(context, name):
                yield from helps(below, context)


@pytest.fixture(scope="module")
def known_options() -> str:
    """The help texts of all commands, and of pytest with our plugin."""
    context = click.Context(cli, info_name="condor-mini")
    commands = [cli.get_command(context, name) for name in COMMANDS]
    texts = [text for command in commands if command for text in helps(command, context)]
    argv = [sys.executable, "-m", "pytest", "--help"]
    plugin = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True)
    return "".join([*texts, plugin.stdout])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_exist(page: Path, known_options: str) -> None:
    """Each option that a page names is one of the program's."""
    text = page.read_text("utf-8")
    options = set(re.findall(r"`(?:\./\w+ |condor-mini [^`]*?|[^`]*\[)?(--[a-z-]+)", text))
    assert {option for option in options if option not in known_options} <= ENGINES_OWN
