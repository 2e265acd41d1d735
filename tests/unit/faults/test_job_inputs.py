"""The fault of a job's input, on an access point in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.engine import FakeExec, FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool
    from struck_nodes import StruckNodes

AD = "alice\t/home/alice/run\tdata.txt, /data/big\n"
DATA = "/home/alice/run/data.txt"
LOST = f"{DATA}.lost-by-condor-mini"


@pytest.fixture
def files(struck: StruckNodes) -> set[str]:
    """The files of the access point; the job ``7.0`` has two inputs."""
    found = {DATA}
    struck.jobs = {"7.0": 1}
    struck.inputs = AD
    struck.engine.on_exec(
        ["test", "-f"], lambda call: FakeOutcome(returncode=int(call.argv[-1] not in found))
    )

    def move(call: FakeExec) -> FakeOutcome:
        assert call.user == "alice"
        old, new = call.argv[-2:]
        if "-n" not in call.argv or new not in found:
            found.remove(old)
            found.add(new)
        return FakeOutcome()

    struck.engine.on_exec(["mv"], move)
    return found


@pytest.mark.parametrize("name", ["data.txt", "run/data.txt", DATA])
def test_file_is_lost_and_found(pool: FakePool, files: set[str], name: str) -> None:
    """In the block the file has another name, and after it its own."""
    with pool.faults.lose_input("7", file=name) as made:
        assert files == {LOST}
        assert str(made.record) == f"lose-input ci-submit-1/{name}"
    assert (files, pool.faults.in_force()) == ({DATA}, [])


def test_file_that_is_there_again_stays(pool: FakePool, files: set[str]) -> None:
    """What was written in its place meanwhile is not overwritten."""
    with pool.faults.lose_input("7", file="data.txt"):
        files.add(DATA)
    assert files == {DATA, LOST}


def test_file_that_is_gone_is_healed(pool: FakePool, files: set[str]) -> None:
    """If somebody has removed it under its other name, there is nothing to undo."""
    with pool.faults.lose_input("7", file="data.txt"):
        files.clear()
    assert pool.faults.in_force() == []


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("", UsageError, "name the input file"),
        ("ta.txt", NotFound, "no such job has ta.txt"),
        ("big", NotFound, "/data/big is no file on ci-submit-1"),
    ],
)
def test_what_is_no_input_is_refused(
    pool: FakePool, files: set[str], name: str, error: type[Exception], words: str
) -> None:
    """Only a file in the job's ``transfer_input_files`` is struck."""
    with pytest.raises(error, match=words):
        pool.faults.lose_input("7", file=name)
    assert (files, pool.faults.in_force()) == ({DATA}, [])


def test_several_files_are_refused(pool: FakePool, struck: StruckNodes, files: set[str]) -> None:
    """A name that means two files is not guessed."""
    struck.inputs = AD.replace("/data/big", "/data/data.txt")
    with pytest.raises(UsageError, match=r"several files are data\.txt: /data/data\.txt, /home"):
        pool.faults.lose_input("7", file="data.txt")
    assert files == {DATA}


def test_path_that_no_label_holds_is_refused(
    pool: FakePool, struck: StruckNodes, files: set[str]
) -> None:
    """A path with a space cannot be recorded, so it is left alone."""
    struck.inputs = AD.replace("/run", "/my run")
    with pytest.raises(UsageError, match="cannot record a path"):
        pool.faults.lose_input("7", file="data.txt")
    assert files == {DATA}
