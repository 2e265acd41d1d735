"""Commands that are killed, or get Ctrl-C, at random moments, on a real engine."""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import LABEL
from condor_mini.base.waiting import wait_until
from condor_mini.nodes.holdings import Holdings

if TYPE_CHECKING:
    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine

pytestmark = pytest.mark.every_engine

LOG = logging.getLogger(__name__)
"""``--log-cli-level INFO`` shows each attack while it runs; a failure has all of them."""
SEED_VARIABLE = "CONDOR_MINI_SEED"
ROUNDS = 30
LONGEST_S = 5.0
"""The last moment of a command at which it is killed, on a quiet machine near its end."""
FINISHED_S = 90.0
"""Deadline of the command that finishes what is there, on a busy machine; a few seconds else."""
COMMANDS = {
    "create": ("delete", ("create", "--execute", "2")),
    "start": ("stop", ("start",)),
    "scale up": (None, ("scale", "--execute", "3")),
    "scale down": (None, ("scale", "--execute", "1", "--grace", "1")),
    "restart": (None, ("restart",)),
    "rotate-key": (None, ("rotate-key",)),
    "delete": (None, ("delete",)),
}
"""The command that comes before, and the one that is killed."""
FINISHES = (("create", "--if-not-exists", "--execute", "2"), ("start",))
ENDS = ("SIGKILL", "Ctrl-C")


def held(engine: Engine, pool: str) -> list[str]:
    """All that the engine holds of the pool."""
    label = {f"{LABEL}.pool": pool}
    names = [info.name for info in engine.containers(label)]
    names += [network.name for network in engine.networks(label)]
    return names + [volume.name for volume in engine.volumes(label)]


def hosted(directory: Path) -> set[int]:
    """The processes of this machine's that see containers below a directory which are not there."""
    inside = re.compile(re.escape(f"{directory}/containers/").encode() + rb"([\w.-]+)")
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "mountinfo"):
            try:
                names = inside.findall((process / file).read_bytes())
            except OSError:  # it has ended
                continue
            if any(not (directory / "containers" / name.decode()).exists() for name in names):
                found.add(int(process.name))
    return found


def attack(cli: Cli, argv: tuple[str, ...], end: str, moment_s: float) -> str:
    """Begin a command, end it at that moment, and return what it wrote to stderr."""
    process = cli.begin(*argv)
    time.sleep(moment_s)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL if end == "SIGKILL" else signal.SIGINT)
    return process.communicate(timeout=FINISHED_S)[1]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(1800)
def test_every_attack_is_mended(fresh: Cli, pool_engine: Engine, tmp_path: Path) -> None:
    """After each of many attacks one command makes the pool usable, and `delete` leaves nothing."""
    seed = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(10**6))
    LOG.info("%s=%d", SEED_VARIABLE, seed)
    chance = random.Random(seed)  # noqa: S311
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    cli = replace(fresh, variables={**fresh.variables, "TMPDIR": str(scratch)})
    cli.succeeds("create", "--execute", "2", timeout_s=FINISHED_S)
    for number in range(ROUNDS):
        name = chance.choice(list(COMMANDS))
        before, argv = COMMANDS[name]
        end, moment_s = chance.choice(ENDS), chance.uniform(0.1, LONGEST_S)
        finish = chance.choice(FINISHES)
        what = f"seed {seed}, round {number}: {end} after {moment_s:.2f} s of {name}, then {finish}"
        LOG.info(what)
        if before:
            cli.succeeds(before, timeout_s=FINISHED_S)
        said = attack(cli, argv, end, moment_s)
        if not held(pool_engine, cli.name):
            finish = FINISHES[0]
        begun = time.monotonic()
        result = cli(*finish, timeout_s=FINISHED_S)
        LOG.info("finished in %.1f s", time.monotonic() - begun)
        assert result.returncode == 0, f"{what}\n{said}\n{result.stdout}{result.stderr}"
        cli.succeeds("status")
    cli.succeeds("delete", timeout_s=FINISHED_S)
    directory = Path(cli.environment["XDG_STATE_HOME"]) / "condor-mini/engine"
    assert (held(pool_engine, cli.name), Holdings(pool_engine, cli.name).problems) == ([], [])
    assert [path.name for path in scratch.iterdir()] == []
    assert [str(path) for path in directory.rglob(".condor-mini-*")] == []

    def remaining() -> str | None:
        left = hosted(directory)
        return f"processes of deleted containers: {left}" if left else None

    wait_until(remaining, timeout_s=FINISHED_S)
