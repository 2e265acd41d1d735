"""What happens when jobs start: the first of a pool, and each when its input has arrived."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.pool import Pool

    from .conftest import Cli, Write

JOBS = 60
"""Of stock jobs one in ten waits, so all of these start at once by luck in one run of 500."""


LINES = re.compile(
    r"\(pid:(\d+)\) "
    r"(?:Received the following guidance: '(\w+)'|Starting a \w+ universe job with ID: (\d+)\.)"
)
"""What a starter was told, and then which cluster's job it starts."""


def guidance(pool: Pool, cluster: str) -> Counter[str]:
    """What the access point told the starters of a cluster's jobs, and how often."""
    told: Counter[str] = Counter()
    for node in pool.nodes:
        if node.role is Role.EXECUTION_POINT:
            log = node.exec(["sh", "-c", "cat /var/log/condor/SlotType1Log*"], user="root").stdout
            heard: dict[str, list[str]] = {}
            for starter, word, started in LINES.findall(log):
                if word:
                    heard.setdefault(starter, []).append(word)
                    continue
                words = heard.pop(starter, [])
                if started == cluster:
                    told.update(words)
    return told


def test_the_negotiators_cycles_begin_with_a_second(pool: Pool) -> None:
    """The master starts it by our script: docs/decisions/0008."""
    manager = next(node for node in pool.nodes if node.role is Role.CENTRAL_MANAGER)
    log = manager.exec(["sh", "-c", "cat /var/log/condor/MasterLog*"], user="root").stdout
    assert re.search(r'Started DaemonCore process "\S+/start-negotiator", pid', log), log


@pytest.mark.slow
def test_no_job_waits_after_its_input(pool: Pool, cli: Cli, here: Path, write: Write) -> None:
    """No starter is told to ask again in 5 s, in HTCondor's spelling."""
    (here / "data").write_text("it")
    write(
        "cat data",
        "transfer_input_files = data",
        'transfer_output_files = ""',
        queue=f"queue {JOBS}",
    )
    said = json.loads(cli.succeeds("submit", "job.sub", "-o", "json", cwd=here))
    (cluster,) = map(str, said["clusters"])
    cli.succeeds("wait", cluster, timeout_s=180)
    told = guidance(pool, cluster)
    asks = {"23": 0}.get(pool.nodes[0].series, JOBS)
    assert (told["RetryReqest"], told.total() >= asks) == (0, True), told


def test_common_input_files_arrive(pool: Pool, cli: Cli, here: Path, write: Write) -> None:
    """Jobs that share input files (MY.CommonInputFiles, HTCondor 25) have them when they start."""
    if pool.nodes[0].series == "23":
        pytest.skip("HTCondor 23 has no common input files")
    (here / "shared").write_text("shared\n")
    (here / "own").write_text("own\n")
    write(
        "cat shared own",
        "transfer_input_files = own",
        'MY.CommonInputFiles = "shared"',
        'transfer_output_files = ""',
        "output = out.$(Process)",
        queue="queue 8",
    )
    cli.succeeds("submit", "job.sub", "--wait", cwd=here, timeout_s=120)
    assert [(here / f"out.{n}").read_text() for n in range(8)] == ["shared\nown\n"] * 8
