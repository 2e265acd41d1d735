"""``condor-mini logs``, of a real pool."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

import pytest

from condor_mini.base.parallel import each

if TYPE_CHECKING:
    from tests.pool.pools.conftest import Cli

    from condor_mini.pool import Pool

pytestmark = pytest.mark.every_engine

WITHIN_S = 20.0


def _until(stream: IO[str], words: str) -> str:
    """The first line with these words that comes."""
    deadline = time.monotonic() + WITHIN_S
    seen = ""
    while time.monotonic() < deadline:
        if select.select([stream], [], [], 0.2)[0]:
            seen += os.read(stream.fileno(), 65536).decode(errors="replace")
        for line in seen.splitlines():
            if words in line:
                return line
    raise AssertionError(f"no {words!r} in {seen[-2000:]!r}")


def test_all_daemons_of_all_nodes(cli: Cli, pool: Pool) -> None:
    """Every node shows its own daemons."""
    rows = [json.loads(line) for line in cli.succeeds("logs", "-o", "json").splitlines()]
    seen = {(row["node"].removeprefix(f"{pool.name}-"), row["daemon"]) for row in rows}
    assert seen >= {
        ("master", "collector"),
        ("master", "negotiator"),
        ("submit-1", "schedd"),
        ("execute-1", "startd"),
        ("execute-2", "startd"),
    }
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)


def test_what_was_just_written(pool: Pool) -> None:
    """A reader sees each line of a daemon's log, though nodes look only twice a second."""
    for number in range(5):
        line = f"line {number} of {time.monotonic_ns()}"
        write = ["sh", "-c", f"echo {line} >>$(condor_config_val SCHEDD_LOG)"]
        pool.exec(write, node="submit-1", user="root")
        shown = pool.logs(nodes=["submit-1"], daemons=["schedd"])
        assert line in [entry.text for entry in shown]


def test_readers_at_the_same_time(pool: Pool) -> None:
    """Each of several readers gets its answer, and none leaves anything in the node."""
    line = f"line of {time.monotonic_ns()}"
    write = ["sh", "-c", f"seq -f '{line} %g' 3000 >>$(condor_config_val SCHEDD_LOG)"]
    pool.exec(write, node="submit-1", user="root")
    counts = each(
        lambda _: sum(entry.text.startswith(line) for entry in pool.logs(nodes=["submit-1"])),
        range(4),
    )
    assert counts == [3000] * 4
    left = pool.exec(["ls", "/run/condor-mini"], node="submit-1", user="root").stdout
    assert "shown" not in left


def test_one_daemon_of_one_node(cli: Cli, pool: Pool) -> None:
    """In columns, as a person reads them."""
    shown = cli.succeeds("logs", "--node", "submit-1", "--daemon", "schedd", "--tail", "3")
    assert len(shown.splitlines()) == 3
    for line in shown.splitlines():
        assert line.startswith(f"{pool.name}-submit-1")
        assert " schedd      | " in line


def test_since(cli: Cli) -> None:
    """Only what was written from then on, that moment included."""
    rows = [json.loads(line) for line in cli.succeeds("logs", "-o", "json").splitlines()]
    middle = rows[len(rows) // 2]
    shown = cli.succeeds("logs", "-o", "json", "--since", middle["time"]).splitlines()
    assert json.loads(shown[0])["time"] == middle["time"]
    assert len(shown) >= len(rows) // 2


def test_follow(cli: Cli, pool: Pool) -> None:
    """A new line comes at once, and Ctrl-C ends it with 130 and nothing left."""
    with cli.begin("logs", "--follow", "--tail", "1", "--node", "execute-1") as process:
        assert process.stdout
        process.stdout.readline()  # from now on it follows
        pool.exec(["condor_reconfig"], node="execute-1", user="root")
        line = _until(process.stdout, "startd      | ")
        assert "STARTING UP" not in line
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, err.strip()) == (130, "condor-mini: interrupted")


def test_reader_that_goes_away(cli: Cli) -> None:
    """As any program: `condor-mini logs | head -1` ends, with no complaint."""
    with cli.begin("logs", "--follow") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=WITHIN_S) == 141
        assert process.stderr.read() == ""


def test_colours_on_a_terminal(cli: Cli) -> None:
    """Nodes are told apart by colours, unless NO_COLOR or --no-color says otherwise."""
    for environment, options, coloured in (
        ({}, [], True),
        ({"NO_COLOR": "1"}, [], False),
        ({}, ["--no-color"], False),
    ):
        master, slave = os.openpty()
        argv = [sys.executable, "-m", "condor_mini", "logs", "--tail", "1", *options]
        with subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env={**cli.environment, **environment}
        ) as process:
            os.close(slave)
            assert process.wait(timeout=WITHIN_S) == 0
        assert (b"\x1b[" in os.read(master, 65536)) is coloured
        os.close(master)


def test_unknown_names(cli: Cli) -> None:
    """A daemon and a node that there are not are named, with those that there are."""
    daemon = cli("logs", "--daemon", "foo")
    assert (daemon.returncode, "there are: collector" in daemon.stderr) == (2, True)
    node = cli("logs", "--node", "foo")
    assert (node.returncode, "its nodes:" in node.stderr) == (3, True)
