"""The bundle of logs of a pool in memory."""

from __future__ import annotations

import io
import json
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, StateError, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.engine import FakeOutcome
from condor_mini.reports.log_bundle import export

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

TOKEN = "eyJhbGciOiJIUzI1NiIsImtpZCI6IlBPT0wifQ.eyJpc3MiOiJ4IiwiZXhwIjoxN30.abc-_DEF123"  # noqa: S105
LOG = "/var/log/condor"


def put(pool: FakePool, node: str, **files: str) -> None:
    """Write files into a node's log directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo(LOG[1:])
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, text in files.items():
            member = tarfile.TarInfo(f"{LOG[1:]}/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    pool.engine.copy_in(node, buffer.getvalue())


@pytest.fixture
def full(pool: FakePool) -> FakePool:
    """A pool whose nodes have logs and answer all that is asked."""
    for node in pool.nodes:
        put(pool, node.name, MasterLog=f"begin {node.name} {TOKEN}\n")
        pool.engine.write_log(node.name, f"master: 11/21/26 06:50:04 {TOKEN}\n")

    def echo(call: FakeExec) -> FakeOutcome:
        return FakeOutcome(stdout=f"{' '.join(call.argv)} as {call.user}\nMY_TOKEN=abc\n")

    for tool in (
        f"{REQUEST_SCRIPTS}/list-processes",
        "condor_version",
        "condor_status",
        "condor_q",
        "condor_history",
    ):
        pool.engine.on_exec([tool], echo)
    pool.engine.on_exec(["condor_config_val", "-summary"], echo)
    pool.engine.on_exec(["condor_config_val", "LOG"], lambda _: FakeOutcome(stdout=f"{LOG}\n"))
    return pool


@pytest.mark.parametrize("name", ["summary.txt", "errors.txt", "ci-master"])
@pytest.mark.parametrize("to", ["../there", "../new"])
def test_nothing_is_written_through_a_link(
    full: FakePool, tmp_path: Path, name: str, to: str
) -> None:
    """A link in the directory is refused, be it one to nothing, and nothing is made behind it."""
    (tmp_path / "there").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(to)
    with pytest.raises(UsageError, match=f"already has {name}"):
        export(full.engine, full.nodes, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "there"]
    assert list((tmp_path / "there").iterdir()) == []


def test_directory_that_is_a_link_is_refused(full: FakePool, tmp_path: Path) -> None:
    """The directory itself may not be a link: a job may have put it there."""
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to("there")
    with pytest.raises(StateError, match="out is a symbolic link to there"):
        export(full.engine, full.nodes, tmp_path / "out")
    assert list((tmp_path / "there").iterdir()) == []


def test_nodes_first_show_what_was_written(full: FakePool, tmp_path: Path) -> None:
    """A node's own log has what it shows because it is asked."""

    def show(call: FakeExec) -> FakeOutcome:
        full.engine.write_log(call.container, "master: 11/21/26 06:50:07 shown\n")
        return FakeOutcome()

    full.engine.on_exec([f"{REQUEST_SCRIPTS}/show-logs"], show)
    assert export(full.engine, full.nodes, tmp_path / "out") == []
    for node in full.nodes:
        assert "07 shown\n" in (tmp_path / "out" / node.name / "container.log").read_text()


def test_links_in_a_log_directory_are_left_out(full: FakePool, tmp_path: Path) -> None:
    """Of a node's log directory files come, and links do not."""
    member = tarfile.TarInfo(f"{LOG[1:]}/link")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    pack = full.engine.copy_out_archive

    def with_link(container: str, path: str, archive: BinaryIO) -> None:
        pack(container, path, archive)
        archive.seek(0)
        with tarfile.open(fileobj=archive, mode="a") as tar:
            member.name = "condor/link"
            tar.addfile(member)

    full.engine.copy_out_archive = with_link  # type: ignore[method-assign] # an odd node's
    assert export(full.engine, full.nodes, tmp_path / "out") == []
    names = {path.name for path in (tmp_path / "out" / "ci-master" / "log").iterdir()}
    assert names == {"MasterLog"}


def test_all_that_is_wanted(full: FakePool, tmp_path: Path) -> None:
    """Each node's files, the pool's, the engine's, and a summary; nothing was missing."""
    directory = tmp_path / "out"
    assert export(full.engine, full.nodes, directory) == []
    found = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    every_node = ("container.log", "inspect.json", "log/MasterLog", "ps.txt", "config.txt")
    assert found == {
        *("summary.txt", "engine.json", "status.json", "spec.json"),
        *(f"{node.name}/{file}" for node in full.nodes for file in every_node),
        *("ci-master/version.txt", "ci-master/condor_status.txt"),
        *("ci-submit-1/condor_q.txt", "ci-submit-1/condor_history.txt"),
    }


def test_no_secret_is_in_it(full: FakePool, tmp_path: Path) -> None:
    """Neither in logs, nor in the container's own, nor in what commands say."""
    put(full, "ci-execute-1", **{".startd_claim_id.slot1": "claim", "StartLog": "x"})
    directory = tmp_path / "out"
    export(full.engine, full.nodes, directory)
    texts = [path.read_text() for path in directory.rglob("*") if path.is_file()]
    assert not any(TOKEN in text or "MY_TOKEN=abc" in text for text in texts)
    assert (directory / "ci-master/log/MasterLog").read_text() == "begin ci-master REDACTED\n"
    assert (directory / "ci-execute-1/log/StartLog").is_file()
    assert not (directory / "ci-execute-1/log/.startd_claim_id.slot1").exists()


def test_root_asks(full: FakePool, tmp_path: Path) -> None:
    """Root sees all jobs."""
    export(full.engine, full.nodes, tmp_path / "out")
    said = (tmp_path / "out/ci-submit-1/condor_q.txt").read_text()
    assert said.startswith("condor_q -long -allusers as root")


def test_only_its_owner_may_read(full: FakePool, tmp_path: Path) -> None:
    """Redacted or not, it is nobody else's."""
    export(full.engine, full.nodes, tmp_path / "a/out")
    assert (tmp_path / "a/out").stat().st_mode & 0o777 == 0o700


def test_spec_is_in_it(make_pool: Callable[..., FakePool], tmp_path: Path) -> None:
    """What the pool was made from, without its secrets."""
    spec = json.dumps({"version": 1, "name": "ci", "environment": {"MY_TOKEN": "abc"}})
    pool = make_pool(spec=spec)
    export(pool.engine, pool.nodes, tmp_path / "out")
    found = json.loads((tmp_path / "out/spec.json").read_text())
    assert found == {"version": 1, "name": "ci", "environment": {"MY_TOKEN": "REDACTED"}}


def test_node_that_ended(full: FakePool, tmp_path: Path) -> None:
    """Its logs are there; what it was not asked is no error."""
    full.engine.end("ci-execute-1", exit_code=137, log="last words\n")
    assert export(full.engine, full.nodes, tmp_path / "out") == []
    assert "last words" in (tmp_path / "out/ci-execute-1/container.log").read_text()
    assert (tmp_path / "out/ci-execute-1/log/MasterLog").is_file()
    summary = (tmp_path / "out/summary.txt").read_text()
    assert "The pool ci is broken.\nci-execute-1 has ended with 137" in summary
    assert "ci-execute-1: execution point, exited with 137" in summary


def test_summary_names_what_is_missing(full: FakePool, tmp_path: Path) -> None:
    """The daemon, in the words of its node."""
    full.forget("ci-submit-1")
    full.health["ci-submit-1"] = "SCHEDD is not running, see /var/log/condor/SchedLog"
    export(full.engine, full.nodes, tmp_path / "out")
    summary = (tmp_path / "out/summary.txt").read_text()
    assert "no schedd of ci-submit-1 is at the collector" in summary
    assert "  ci-submit-1: SCHEDD is not running, see /var/log/condor/SchedLog" in summary


def test_what_fails_is_noted(full: FakePool, tmp_path: Path) -> None:
    """The rest is there."""
    full.engine.on_exec(["condor_q"], lambda _: FakeOutcome(returncode=1, stderr="no schedd"))
    full.engine.fail_next("logs", CommandFailed(["engine", "logs"], 1, f"bad {TOKEN}"))
    errors = export(full.engine, full.nodes, tmp_path / "out")
    noted = (tmp_path / "out/errors.txt").read_text()
    assert len(errors) == 2
    assert "ci-submit-1/condor_q.txt: condor_q -long -allusers ended with 1: no schedd" in noted
    assert "engine logs\nended with 1: bad REDACTED" in noted
    assert (tmp_path / "out/ci-submit-1/condor_history.txt").is_file()


def test_deadline(full: FakePool, tmp_path: Path) -> None:
    """A call that hangs ends nothing but itself."""
    hangs = threading.Event()

    def hang(_: FakeExec) -> FakeOutcome:
        hangs.wait(30)
        return FakeOutcome(stdout="late")

    full.engine.on_exec(["condor_history"], hang)
    began = time.monotonic()
    errors = export(full.engine, full.nodes, tmp_path / "out", timeout_s=0.5)
    assert time.monotonic() - began < 5
    assert "ci-submit-1/condor_history.txt: not collected before the deadline" in errors
    assert (tmp_path / "out/summary.txt").is_file()
    hangs.set()
