"""The examples with nodes that `docker run` starts, on their page of docs."""

from __future__ import annotations

import re
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import DOCS, ROOT, of_kind, scenarios

from condor_mini.base.layout import HEALTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("condormaster", "condorsubmit", "condorexecute1", "condorexecute2")
PLAIN = DOCS / "how-to/start-nodes-by-hand.md"


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


def test_page_is_the_only_one() -> None:
    """No other page has examples of this kind, which would not be run."""
    assert scenarios("plain nodes") == [PLAIN]
