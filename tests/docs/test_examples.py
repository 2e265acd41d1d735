"""The examples in README.md and on the pages of docs, run as they stand there.

A comment above each example says how it is run: ``<!-- example: pool -->``. Those of one kind and
one page are one story, told from the top of the page to its end.
"""

from __future__ import annotations

import os
import re
import shlex
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

from condor_mini.base.layout import HEALTH
from condor_mini.cli import COMMANDS, cli
from condor_mini.engines import find_engine
from condor_mini.pool import Pool
from condor_mini.spec.pool_file import load_pool_file

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("condormaster", "condorsubmit", "condorexecute1", "condorexecute2")
PLAIN = DOCS / "how-to/start-nodes-by-hand.md"
KINDS = {
    "personal": "`./run`, in a directory of its own",
    "pool": "`condor-mini`, with a pool of its own for the page",
    "plain nodes": "`docker`, with nodes of its own",
    "python": "Python, with a pool of its own",
    "pool file": "read as a pool file",
    "install": "in a virtual environment, in the clone",
    "offline": "as `install`, with a second environment that reaches no package index",
}
NOT_RUN = "not run: "
"""Why it cannot be run, or where the same is run."""
VARYING = re.compile(
    r"\([0-9.]+ s\)"  # how long it took
    r"|(?<=execute-)\d(?=, as)"  # the node that a job happened to run on
    r"|mini-[0-9a-f]{6}"  # a personal pool's name
    r"|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    r"|<127\.0\.0\.1:\d+\?[^>]*>"
    r"|[0-9.]+ \d+ \d\+\d\d:\d\d:\d\d"  # LoadAv, Mem, ActvtyTime of condor_status
)
ENGINES_OWN = {
    *("--privileged", "--network", "--cap-drop", "--cap-add", "--security-opt", "--read-only"),
    *("--tmpfs", "--pids-limit", "--volumes"),
}
"""Options of docker's that the pages name."""


def sh(script: str, cwd: Path, timeout_s: float = 120) -> str:
    """Run a script, which must succeed, and return its output."""
    result = subprocess.run(
        ["sh", "-euc", script],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def without_varying(text: str) -> str:
    """Return the text without what differs from run to run, as the width of columns does."""
    return VARYING.sub("…", re.sub("[ ]+", " ", text))


def check(command: Command, output: str) -> None:
    """Check that each line that the page shows is in the output."""
    for line in command.shown:
        shown = without_varying(line)
        assert shown in without_varying(output), f"{command.script}: {line}\n{output}"


def wrapper(path: Path, *argv: str) -> None:
    """Make a program that runs another one with the same arguments."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A directory with what the examples expect to find in a clone, and nothing else."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    wrapper(tmp_path / "run", str(ROOT / "run"))
    wrapper(tmp_path / "bin/condor-mini", sys.executable, "-m", "condor_mini")
    return tmp_path


def typed(command: Command, cwd: Path, environment: dict[str, str]) -> str:
    """Run a command as the page shows it, and return all that it says, stderr first."""
    result = subprocess.run(
        ["sh", "-euc", command.script],
        cwd=cwd,
        env={**os.environ, "PATH": f"{cwd / 'bin'}:{os.environ['PATH']}", **environment},
        input="".join(f"{line}\n" for line in command.typed),
        check=False,
        capture_output=True,
        text=True,
        timeout=280,
    )
    output = result.stderr + result.stdout
    assert result.returncode == 0, f"{command.script}\n{output}"
    return output


# -- every example --------------------------------------------------------------------------------


@pytest.mark.parametrize("example", examples(), ids=str)
def test_every_example_is_run(example: Example) -> None:
    """Each example says how it is run, or why it is not."""
    assert example.kind in KINDS or example.kind.startswith(NOT_RUN)


def test_story_is_told_once() -> None:
    """The pages that only one test knows are the only ones with examples of that kind."""
    assert scenarios("plain nodes") == [PLAIN]


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


# -- pools of nodes -------------------------------------------------------------------------------


@pytest.mark.parametrize("page", scenarios("pool"), ids=name_of)
def test_pool(page: Path, clone: Path) -> None:
    """Each command for a pool of nodes gives what stands below it, but for the seconds."""
    name = f"docs-{uuid.uuid4().hex[:6]}"
    environment = {"CONDOR_MINI_NAME": name}
    story = of_kind("pool", page)
    try:
        if "condor-mini create" not in story[0].text:
            typed(Command.of("condor-mini create"), clone, environment)
        for example in story:
            if example.language == "sh":
                script = example.text.replace("mini-submit-1", f"{name}-submit-1")
                typed(Command(script=script, typed=(), shown=()), clone, environment)
            for command in example.commands:
                output = typed(command, clone, environment)
                check(command, output.replace(f" -n {name}", "").replace(name, "mini"))
    finally:
        Pool(find_engine(), name).delete()


def test_readme_shows_a_pool() -> None:
    """README's pool of nodes is among them, from its creation to its end."""
    commands = [c.script for example in of_kind("pool", README) for c in example.commands]
    assert (commands[0], commands[-1]) == ("condor-mini create --execute 3", "condor-mini delete")


# -- nodes by hand --------------------------------------------------------------------------------


class Nodes:
    """The page's pool of nodes, under names that are nobody else's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suffix = uuid.uuid4().hex[:6]

    def own(self, script: str) -> str:
        """Return a script of the page's with this pool's names."""
        script = re.sub(rf"\b({'|'.join(NAMES)})\b", rf"\1-{self.suffix}", script)
        script = re.sub(r"(--network|network create) condor\b", rf"\1 condor-{self.suffix}", script)
        return script.replace("docker run -d", f"docker run -d --label readme={self.suffix}")

    def run(self, script: str) -> str:
        """Run one of the page's scripts."""
        return sh(self.own(script), self.folder)

    def remove(self) -> None:
        """Remove all that the scripts have made."""
        script = (
            f"docker ps -aq --filter label=readme={self.suffix} | xargs -r docker rm -f; "
            f"docker network rm condor-{self.suffix}"
        )
        subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=False)


def plain(language: str) -> list[str]:
    """The examples of the page on nodes by hand in that language."""
    return [e.text for e in of_kind("plain nodes", PLAIN) if e.language == language]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The pool of that page, every request approved as the page says."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "build").symlink_to(ROOT / "build")
    made = Nodes(folder)
    start, join = plain("sh")
    try:
        made.run(start.replace("./build\n", ""))
        for node in NAMES[1:]:
            approve(made, node)
        made.run(join)
        for node in NAMES:
            made.run(f"docker exec {node} {HEALTH} --wait 60")
        yield made
    finally:
        made.remove()


def approve(made: Nodes, node: str) -> None:
    """Read the request's number where the page says it is, and approve it by the page's command."""
    number = made.run(
        f"until docker logs {node} 2>&1 | grep -m1 -o 'request [0-9]*:'; do sleep 0.2; done"
    )
    (listing, command) = [
        line.removeprefix("$ ")
        for line in "\n".join(plain("console")).splitlines()
        if "condor_token_request_" in line and line.startswith("$ ")
    ]
    request = re.search(r"\d+", number)
    assert request is not None
    assert request[0] in made.run(listing)
    made.run("echo yes | " + re.sub(r"-it (.*)-reqid \d+", rf"-i \1-reqid {request[0]}", command))


def test_every_node_is_in_the_pool(nodes: Nodes) -> None:
    """The commands give a pool with all its execution points, also the one with a token."""
    output = nodes.run(
        "until [ $(docker exec condormaster condor_status -af Name | wc -l) = 3 ]; do sleep 0.2;"
        " done; docker exec condormaster condor_status -schedd -af Name"
    )
    assert len(output.splitlines()) == 1


def test_job_runs_from_the_access_point(nodes: Nodes) -> None:
    """A job that is submitted on the access point, as the page says, completes."""
    output = nodes.run(
        "docker exec -i -u jovyan condorsubmit sh -euc '"
        'printf "executable=/bin/hostname\\noutput=out\\nlog=log\\ntransfer_executable=false\\n'
        "queue\\n\" > job.sub; condor_submit job.sub; condor_wait -wait 60 log; cat out'"
    )
    assert "All jobs done." in output


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
        assert re.findall(rf"slot1@{name}-execute-\d Unclaimed", result.stdout)


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
    shutil.copytree(ROOT / "src", tmp_path / "src")
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
        for below in command.commands.values():
            yield from helps(below, context)


@pytest.fixture(scope="module")
def known_options() -> str:
    """The help texts of all commands."""
    context = click.Context(cli, info_name="condor-mini")
    commands = [cli.get_command(context, name) for name in COMMANDS]
    return "".join(text for command in commands if command for text in helps(command, context))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_exist(page: Path, known_options: str) -> None:
    """Each option that a page names is one of the program's."""
    text = page.read_text("utf-8")
    options = set(re.findall(r"`(?:\./\w+ |condor-mini [^`]*?|[^`]*\[)?(--[a-z-]+)", text))
    assert {option for option in options if option not in known_options} <= ENGINES_OWN
