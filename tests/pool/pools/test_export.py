"""``condor-mini export logs``, of a real pool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import HEALTH

if TYPE_CHECKING:
    from tests.pool.pools.conftest import Cli

    from condor_mini.pool import Pool

pytestmark = pytest.mark.every_engine

SECRET = re.compile(rb"eyJ[\w-]{8,}\.eyJ|PRIVATE KEY-----|hunter2")


@pytest.fixture(scope="module")
def exported(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the pool, in which somebody was careless with secrets."""
    from condor_mini.reports.log_bundle import export

    token = pool.nodes[0].exec(
        ["condor_token_create", "-identity", f"ada@{pool.name}"], user="root"
    )
    assert token.stdout.startswith("eyJ"), token.stderr
    submit = (
        "executable=/bin/true\ntransfer_executable=false\nhold=true\n"
        f'environment="DB_PASSWORD=hunter2 T={token.stdout.strip()}"\nqueue\n'
    )
    said = pool.exec(["condor_submit", "-terse", "-"], stdin=submit)
    assert said.returncode == 0, said.stderr
    try:
        directory = tmp_path_factory.mktemp("export")
        assert export(pool.engine, pool.nodes, directory) == []
    finally:
        pool.exec(["condor_rm", said.stdout.partition(".")[0]])
    return directory


def test_logs_of_every_daemon(exported: Path, pool: Pool) -> None:
    """HTCondor's own files, of every node."""
    assert "Finished" in (exported / f"{pool.name}-master/log/NegotiatorLog").read_text()
    assert (exported / f"{pool.name}-submit-1/log/SchedLog").stat().st_size > 0
    assert (exported / f"{pool.name}-execute-2/log/StartLog").stat().st_size > 0


def test_what_commands_say(exported: Path, pool: Pool) -> None:
    """Ads, queue, configuration and processes."""
    assert 'MyType = "Machine"' in (exported / f"{pool.name}-master/condor_status.txt").read_text()
    assert "HoldReason" in (exported / f"{pool.name}-submit-1/condor_q.txt").read_text()
    assert "DAEMON_LIST" in (exported / f"{pool.name}-submit-1/config.txt").read_text()
    assert "condor_startd" in (exported / f"{pool.name}-execute-1/ps.txt").read_text()
    assert "The pool" in (exported / "summary.txt").read_text()


def test_no_secret(exported: Path) -> None:
    """Neither a token, nor a key, nor a claim, nor a password of a job's environment."""
    files = [path for path in exported.rglob("*") if path.is_file()]
    assert [path for path in files if SECRET.search(path.read_bytes())] == []
    assert [path for path in files if path.name.startswith(".startd_claim_id")] == []


def test_default_directory(cli: Cli, state_home: Path) -> None:
    """Below the user's own logs, readable by the user only; its name is on stdout."""
    shown = cli.succeeds("export", "logs")
    directory = Path(shown.strip())
    assert directory.is_relative_to(state_home)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_node_that_was_killed(cli: Cli, pool: Pool, tmp_path: Path) -> None:
    """Its logs are had, and the summary names it."""
    node = pool.node("execute-2")
    pool.engine.stop(node.info.id, timeout_s=0)
    try:
        cli.succeeds("export", "logs", str(tmp_path / "out"))
        assert (tmp_path / f"out/{node.name}/log/StartLog").stat().st_size > 0
        assert f"{node.name} has ended with" in (tmp_path / "out/summary.txt").read_text()
        assert "broken" in cli("status").stdout.splitlines()[0]
        assert cli("doctor", "-n", pool.name).returncode == 1
    finally:
        pool.engine.start(node.info.id)
        health = node.exec([HEALTH, "--wait", "40"], user="root")
        assert health.returncode == 0, health.stdout
