"""README's commands, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from condor_mini.cli import COMMANDS, cli
from condor_mini.engine import find_engine
from condor_mini.pool import Pool
from condor_mini.poolfile import load_pool_file

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
HEALTH = "/usr/local/libexec/condor-mini/health"
NAMES = ("condormaster", "condorsubmit", "condorexecute1", "condorexecute2")


def blocks(language: str) -> list[str]:
    """The fenced blocks of that language, in order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", README)


def sh(script: str, cwd: Path, timeout_s: float = 120) -> str:
    """What a script says, which must succeed."""
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


class Nodes:
    """README's pool of nodes, under names that are nobody else's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suffix = uuid.uuid4().hex[:6]

    def own(self, script: str) -> str:
        """A script of README's with this pool's names."""
        script = re.sub(rf"\b({'|'.join(NAMES)})\b", rf"\1-{self.suffix}", script)
        script = re.sub(r"(--network|network create) condor\b", rf"\1 condor-{self.suffix}", script)
        return script.replace("docker run -d", f"docker run -d --label readme={self.suffix}")

    def run(self, script: str) -> str:
        """Run one of README's scripts."""
        return sh(self.own(script), self.folder)

    def remove(self) -> None:
        """Remove all that the scripts have made."""
        script = (
            f"docker ps -aq --filter label=readme={self.suffix} | xargs -r docker rm -f; "
            f"docker network rm condor-{self.suffix}"
        )
        subprocess.run(["sh", "-c", script], capture_output=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The pool of the section on the engine alone, every request approved as README says."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "build").symlink_to(ROOT / "build")
    made = Nodes(folder)
    start, join = blocks("sh")
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
    """Read the request's number where README says it is, and approve it by README's command."""
    number = made.run(
        f"until docker logs {node} 2>&1 | grep -m1 -o 'request [0-9]*:'; do sleep 0.2; done"
    )
    (listing, command) = [
        line.removeprefix("$ ")
        for line in "\n".join(blocks("console")).splitlines()
        if "condor_token_request_" in line and line.startswith("$ ")
    ]
    request = re.search(r"\d+", number)
    assert request is not None
    assert request[0] in made.run(listing)
    made.run("echo yes | " + re.sub(r"-it (.*)-reqid \d+", rf"-i \1-reqid {request[0]}", command))


def test_first_command(tmp_path: Path) -> None:
    """The first command of README shows what README shows."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    (command,) = (
        line.removeprefix("$ ") for line in blocks("console")[0].splitlines() if line[0] == "$"
    )
    said = sh(command.replace("./run", str(ROOT / "run")), tmp_path, timeout_s=280)
    assert re.search(r"3 job\(s\) submitted to cluster 1\.", said)
    for job in range(3):
        assert re.search(rf"Hello from job {job} on mini-[0-9a-f]{{6}}, as jovyan", said)


def test_every_node_is_in_the_pool(nodes: Nodes) -> None:
    """README's commands give a pool with all its execution points, also the one with a token."""
    said = nodes.run(
        "until [ $(docker exec condormaster condor_status -af Name | wc -l) = 3 ]; do sleep 0.2;"
        " done; docker exec condormaster condor_status -schedd -af Name"
    )
    assert len(said.splitlines()) == 1


def test_job_runs_from_the_access_point(nodes: Nodes) -> None:
    """A job that is submitted on the access point, as README says, completes."""
    said = nodes.run(
        "docker exec -i -u jovyan condorsubmit sh -euc '"
        'printf "executable=/bin/hostname\\noutput=out\\nlog=log\\ntransfer_executable=false\\n'
        "queue\\n\" > job.sub; condor_submit job.sub; condor_wait -wait 60 log; cat out'"
    )
    assert "All jobs done." in said


def section(title: str) -> str:
    """A section of README, from its heading to the next of its level."""
    found = re.search(rf"(?ms)^(#+) {re.escape(title)}\n.*?(?=^\1 |\Z)", README)
    assert found is not None
    return found[0]


def test_pool_does_what_readme_shows(tmp_path: Path) -> None:
    """Each command of the section on pools gives what stands below it, but for the seconds."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    name = f"readme-{uuid.uuid4().hex[:6]}"
    shown = re.search(r"(?ms)^```console\n(.*?)^```$", section("A pool of nodes"))
    assert shown is not None
    try:
        for entry in re.split(r"(?m)^\$ ", shown[1])[1:]:
            command, *expected = entry.splitlines()
            result = subprocess.run(
                [sys.executable, "-m", *command.replace("condor-mini", "condor_mini").split()],
                cwd=tmp_path,
                env={**os.environ, "CONDOR_MINI_NAME": name},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert result.returncode == 0, result.stderr
            said = (result.stdout + result.stderr).replace(f" -n {name}", "").replace(name, "mini")
            for line in expected:
                assert without_varying(line) in without_varying(said), f"{command}: {line}\n{said}"
    finally:
        Pool(find_engine(), name).delete()


def without_varying(text: str) -> str:
    """Without the seconds, and without the node that a job happened to run on."""
    return re.sub(r"\([0-9.]+ s\)|(?<=execute-)\d(?=, as)", "…", text)


def test_python_of_readme_runs() -> None:
    """README's Python runs as it stands, but for the pool's name."""
    (code,) = blocks("python")
    name = f"readme-{uuid.uuid4().hex[:6]}"
    said = subprocess.run(
        [sys.executable, "-c", code.replace('"ci"', f'"{name}"')],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert re.findall(rf"slot1@{name}-execute-\d Unclaimed", said.stdout)


def test_pool_file_of_readme_is_valid() -> None:
    """README's pool file is valid."""
    (text,) = blocks("yaml")
    assert load_pool_file(text, source="README", base=ROOT).execution_point_count == 3


def test_options_of_the_table_exist() -> None:
    """Each option that README names is one of the program's."""
    said = "".join(CliRunner().invoke(cli, [name, "--help"]).output for name in COMMANDS)
    options = set(re.findall(r"`(?:\./\w+ |[^`]*\[)?(--[a-z-]+)", README)) - {"--privileged"}
    assert {option for option in options if option not in said} <= {"--network"}


def test_links_lead_somewhere() -> None:
    """Each file that README links to is there."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert missing == []
