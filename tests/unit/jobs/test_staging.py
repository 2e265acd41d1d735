"""A directory's copy in an access point."""

from __future__ import annotations

import io
import json
import re
import tarfile
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, CondorMiniError, NotFound
from condor_mini.engine import FakeOutcome
from condor_mini.jobs.packing import Directory
from condor_mini.jobs.staging import PLACE, RECORDS, Staging, source_directory

if TYPE_CHECKING:
    from pathlib import Path

    from condor_mini.engine import FakeEngine
    from condor_mini.nodes.node import Node
    from fake_queue import Queue


@pytest.fixture
def staging(node: Node, queue: Queue, here: Path) -> Staging:
    """A copy of the directory."""
    del queue
    return Staging.of_directory(node, Directory(path=here))


def test_name_is_the_directorys(staging: Staging) -> None:
    """Its name is the directory's, without what means something in a submit file."""
    assert re.fullmatch(r"my-job-[0-9a-f]{8}", staging.name)


def test_files_are_there(staging: Staging, queue: Queue) -> None:
    """What is in the directory is in the copy, and is the ordinary user's."""
    file = queue.files[f"{staging.path}/a.sub"]
    assert (file.content, file.uid) == (b"executable = /bin/true\nqueue\n", 1000)


def test_record_is_roots(staging: Staging, queue: Queue) -> None:
    """What says where results go cannot be changed by a job, nor can the directory it is in."""
    record, folder = queue.files[f"{RECORDS}/{staging.name}.json"], queue.files[RECORDS]
    assert (record.uid, record.mode, folder.uid, folder.mode) == (0, 0o600, 0, 0o700)


def test_it_is_found_again(staging: Staging, node: Node, here: Path) -> None:
    """From the name in a job's ad all else follows."""
    found = Staging.find(node, staging.name)
    assert found is not None
    assert (found.source, found.is_of_this_machine) == (str(here), True)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b", "", ".", "no-such-1"])
def test_what_a_job_makes_up_is_not_found(node: Node, queue: Queue, name: str) -> None:
    """A name that is none of ours leads nowhere."""
    del queue
    assert Staging.find(node, name) is None


def change_record(staging: Staging, queue: Queue, **facts: object) -> None:
    """Do what a job can whose user is root's as well."""
    record = json.loads(queue.files[f"{RECORDS}/{staging.name}.json"].content or b"")
    write_record(staging, json.dumps({**record, **facts}).encode())


def write_record(staging: Staging, text: bytes) -> None:
    """Put this in the record's place."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo(f"{RECORDS}/{staging.name}.json".lstrip("/"))
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    staging.node.engine.copy_in(staging.node.name, buffer.getvalue())


@pytest.mark.parametrize(
    "facts",
    [{"directory": "/elsewhere"}, {"seal": "0" * 64}, {"seal": None}, {"seal": ""}],
    ids=str,
)
def test_record_that_was_changed_is_not_believed(
    staging: Staging, queue: Queue, node: Node, facts: dict[str, object]
) -> None:
    """Nobody but the user who has submitted says where the results go."""
    change_record(staging, queue, **facts)
    found = Staging.find(node, staging.name)
    assert found is not None
    assert (found.is_of_this_machine, found.fetch(last=True)) == (False, [])
    assert "its record in the pool was changed, so it is not fetched" in found.why_not_fetched


def test_record_of_another_submission_is_not_believed(
    staging: Staging, queue: Queue, node: Node, here: Path
) -> None:
    """A seal is good for one submission only."""
    other = Staging.of_directory(node, Directory(path=here))
    record = json.loads(queue.files[f"{RECORDS}/{other.name}.json"].content or b"")
    change_record(staging, queue, **record)
    found = Staging.find(node, staging.name)
    assert (found and found.is_of_this_machine) is False


def test_record_without_a_key_is_not_believed(
    node: Node, queue: Queue, here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no key can be kept, only the process that submits fetches, and no later one."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    staging = Staging.of_directory(node, Directory(path=here))
    found = Staging.find(node, staging.name)
    assert (staging.is_of_this_machine, found and found.is_of_this_machine) == (True, False)
    assert queue.staging == staging.name


@pytest.mark.parametrize("text", [b"{]", b"[]", b"{}", b"\xff"])
def test_damaged_record_is_told(staging: Staging, node: Node, text: bytes) -> None:
    """A damaged record is an error message, not a traceback."""
    write_record(staging, text)
    with pytest.raises(
        CondorMiniError, match=f"the record of {staging.name} in mini-submit-1 is damaged"
    ):
        Staging.find(node, staging.name)


def test_what_is_written_comes_back(staging: Staging, queue: Queue, here: Path) -> None:
    """A file that a job wrote is in the directory."""
    queue.written = {"out": b"it"}
    assert (staging.fetch(last=False), (here / "out").read_bytes()) == ([here / "out"], b"it")


def test_last_fetch_removes_the_copy(staging: Staging, queue: Queue) -> None:
    """The copy and what belongs to it are removed with the last fetching."""
    staging.fetch(last=True)
    (removal,) = queue.commands("rm")
    assert {staging.path, f"{RECORDS}/{staging.name}.json"} <= set(removal)


def test_fetch_before_the_last_goes_on_from_there(staging: Staging, queue: Queue) -> None:
    """After a fetch only what changes later is fetched."""
    staging.fetch(last=False)
    base = f"{RECORDS}/{staging.name}"
    assert queue.commands("mv") == [("mv", f"{base}.next", f"{base}.since")]


def test_after_the_last_fetch_there_is_nothing(staging: Staging, queue: Queue) -> None:
    """Fetching again is a success that does nothing."""
    staging.fetch(last=True)
    staging.fetch(last=True)
    assert len(queue.commands("tar")) == 1


def test_file_that_grows_is_fine(staging: Staging, engine: FakeEngine, queue: Queue) -> None:
    """A log that grows while it is read comes back as far as it was."""

    def changed(call: object) -> FakeOutcome:
        queue.pack(call)  # type: ignore[arg-type]
        return FakeOutcome(returncode=1, stderr="tar: log: file changed as we read it\n")

    queue.written = {"log": b"it"}
    engine.on_exec(["tar"], changed)
    assert len(staging.fetch(last=False)) == 1


def test_failure_there_is_told(staging: Staging, engine: FakeEngine) -> None:
    """A full disk in the pool is reported in the tool's words, and the copy stays."""
    words = "tar: No space left on device"
    engine.on_exec(["tar"], lambda _: FakeOutcome(returncode=2, stderr=words))
    with pytest.raises(CommandFailed, match=words):
        staging.fetch(last=True)
    assert not staging.is_removed


def test_what_cannot_be_written_stays_there(staging: Staging, queue: Queue, here: Path) -> None:
    """If something cannot come back, the copy stays, and the error says how to get at it."""
    (here / "out").mkdir()
    queue.written = {"out": b"it"}
    with pytest.raises(CondorMiniError, match=f"condor-mini cp -n mini .*{staging.path}"):
        staging.fetch(last=True)
    assert (staging.is_removed, queue.commands("rm")) == (False, [])


def test_directory_that_is_gone_is_told(staging: Staging, here: Path) -> None:
    """A directory that was removed meanwhile is an error, which says how to get at the results."""
    (here / "a.sub").unlink()
    here.rmdir()
    with pytest.raises(NotFound, match="no longer exists"):
        staging.fetch(last=True)


def test_other_machines_results_are_not_fetched(
    staging: Staging, queue: Queue, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory of the same name on another machine is another one."""
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    found = Staging.find(node, staging.name)
    assert found is not None
    assert (found.fetch(last=True), queue.commands("tar")) == ([], [])
    assert "are fetched by `condor-mini wait` on that machine" in found.why_not_fetched


def test_text_has_a_directory_of_its_own(node: Node, queue: Queue) -> None:
    """A submit file that is no file of this machine is there, and has no record."""
    staging = Staging.of_text(node, "job.sub", "queue\n")
    assert (queue.files[f"{PLACE}/{staging.name}/job.sub"].content, queue.staging) == (
        b"queue\n",
        "",
    )


def test_record_is_what_was_copied(staging: Staging, queue: Queue, here: Path) -> None:
    """The record names the machine and the directory."""
    content = queue.files[f"{RECORDS}/{staging.name}.json"].content
    assert json.loads(content or b"")["directory"] == str(here)


def test_interrupt_while_copying_leaves_nothing(
    node: Node, queue: Queue, engine: FakeEngine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the directory is copied removes what of it is there."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "copy_in", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Staging.of_directory(node, Directory(path=here))
    assert len(queue.commands("rm")) == 1


@pytest.mark.parametrize(("name", "words"), [("no.sub", "does not exist"), (".", "is not a file")])
def test_submit_file_that_is_none(here: Path, name: str, words: str) -> None:
    """A submit file that is absent, or is a directory, is an error."""
    with pytest.raises(NotFound, match=words):
        source_directory(here / name)


def test_linked_submit_files_directory_is_the_links(here: Path, tmp_path: Path) -> None:
    """A submit file that is a link belongs to the directory that the link is in."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.sub").symlink_to(here / "a.sub")
    assert source_directory(tmp_path / "other" / "b.sub").path == tmp_path / "other"
