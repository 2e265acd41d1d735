"""What a submit file names, against what the access point has."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import JobFailed, UsageError
from condor_mini.engine import FakeOutcome
from condor_mini.jobs.dry_run import check_paths
from condor_mini.jobs.packing import Directory
from condor_mini.jobs.staging import Staging

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from condor_mini.engine import FakeEngine, FakeExec
    from condor_mini.nodes.node import Node
    from fake_queue import Queue


@pytest.fixture
def staging(node: Node, queue: Queue, here: Path) -> Staging:
    """The copy of the directory."""
    del queue
    return Staging.of_directory(node, Directory(path=here))


def problems(
    staging: Staging,
    queue: Queue,
    *ads: dict[str, str],
    outside: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """What is wrong with jobs that have these attributes."""
    first = {"Iwd": staging.path, "Cmd": f"{staging.path}/run.sh"}
    ads = ({**first, **ads[0]}, *ads[1:])
    quoted = ([f'{name}="{value}"' for name, value in ad.items()] for ad in ads)
    queue.dry_run = "Dry-Run job(s)\n" + "".join("\n".join([*ad, ".\n"]) for ad in quoted)
    try:
        check_paths(staging, "a.sub", (), outside=outside)
    except UsageError as error:
        return [line.strip() for line in error.message.splitlines()[1:]]
    return []


@pytest.mark.parametrize(
    "ad",
    [
        {},
        {"In": "/dev/null", "Out": "/dev/null", "UserLog": "/dev/null"},
        {"TransferInput": 'in, sub/in,http://x/y , osdf:///x, \\"with space\\"'},
        {"Out": "out.0", "Err": "sub/../err"},
        {"TransferOutputRemaps": "a=b;c = sub/d;e=https://x/y"},
    ],
    ids=["nothing", "null", "inputs", "outputs", "remaps"],
)
def test_what_is_inside_is_fine(staging: Staging, queue: Queue, ad: dict[str, str]) -> None:
    """What is in the directory, and what is no file, is fine."""
    assert problems(staging, queue, ad) == []


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        ("Cmd", "/home/me/run.sh", "executable: /home/me/run.sh"),
        ("In", "/home/me/in", "input: /home/me/in"),
        ("Iwd", "/home/me/run", "initialdir: /home/me/run"),
        ("TransferInput", "in, ../x y", "transfer_input_files: ../x y"),
        ("Out", "/home/me/out", "output: /home/me/out"),
        ("Err", "../../err", "error: /home/jovyan/err"),
        ("UserLog", "/tmp/log", "log: /tmp/log"),
        ("TransferOutputRemaps", "a=b;c=/home/me/d", "transfer_output_remaps: /home/me/d"),
    ],
)
def test_what_is_outside_is_told(
    staging: Staging, queue: Queue, here: Path, attribute: str, value: str, told: str
) -> None:
    """Each path outside is named, with the command that names it."""
    assert f"{told} is outside {here}; put it there" in problems(staging, queue, {attribute: value})


def test_all_are_told_at_once(staging: Staging, queue: Queue) -> None:
    """What differs from job to job is seen in each."""
    ads = ({"Out": "/a/0"}, {"Out": "/a/1"}, {"Out": "here"})
    assert len(problems(staging, queue, *ads)) == 2


def test_input_that_is_in_the_node_is_fine(
    staging: Staging, queue: Queue, engine: FakeEngine
) -> None:
    """A program of the image, or a file in a shared directory, is there."""
    engine.on_exec(["find"], lambda call: FakeOutcome(stdout=call.stdin or ""))
    ad = {"Cmd": "/bin/sh", "TransferInput": "/shared/data"}
    assert problems(staging, queue, ad) == []


def test_output_in_a_mount_is_fine(
    staging: Staging, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written in a shared directory is not lost with the pool."""
    info = staging.node.info
    monkeypatch.setitem(info.mounts, "/shared", "/srv/shared")
    assert problems(staging, queue, {"Out": "/shared/out"}) == []


def test_executable_that_is_not_transferred_is_not_looked_for(
    staging: Staging, queue: Queue
) -> None:
    """With transfer_executable = false it is the execution point's."""
    queue.dry_run = f'Iwd="{staging.path}"\nCmd="/opt/x"\nTransferExecutable=false\n.\n'
    check_paths(staging, "a.sub", (), outside={})


@pytest.mark.parametrize(
    ("attribute", "value", "told"),
    [
        ("TransferInput", "in, data", "transfer_input_files: data -> /big/data"),
        ("TransferInput", "data/deep/file", "transfer_input_files: data -> /big/data"),
        ("In", "sub/../data", "input: data -> /big/data"),
        ("Cmd", "sub/run.sh", "executable: sub/run.sh -> /opt/run.sh"),
        ("Out", "data/out", "output: data -> /big/data"),
    ],
)
def test_link_to_outside_that_is_named_is_told(
    staging: Staging, queue: Queue, attribute: str, value: str, told: str
) -> None:
    """A link that leads nowhere in the pool is reported before a job fails because of it."""
    links = {"data": "/big/data", "sub/run.sh": "/opt/run.sh", "other": "/x"}
    assert problems(staging, queue, {attribute: value}, outside=links) == [told]


def test_link_into_a_mount_is_fine(
    staging: Staging, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to what the pool sees at the same place leads there too."""
    monkeypatch.setitem(staging.node.info.mounts, "/big", "/big")
    links = {"data": "/big/data"}
    assert problems(staging, queue, {"TransferInput": "data"}, outside=links) == []


def test_submit_file_that_is_a_link_is_told(staging: Staging, queue: Queue) -> None:
    """A submit file that is elsewhere is not looked for in the pool."""
    with pytest.raises(UsageError, match=r"submit file: a\.sub -> /me/a\.sub") as refused:
        check_paths(staging, "a.sub", (), outside={"a.sub": "/me/a.sub"})
    assert "--follow-links" in (refused.value.hint or "")
    assert queue.commands("condor_submit") == []


def test_jobs_that_are_made_later_are_seen(staging: Staging, queue: Queue) -> None:
    """A submit file that paces its jobs is looked at without the pacing."""
    problems(staging, queue, {})
    (argv,) = queue.commands("condor_submit")
    assert {"max_materialize =", "max_idle ="} <= set(argv)


def test_executable_outside_is_told_though_condor_submit_fails(
    staging: Staging, queue: Queue, engine: FakeEngine, here: Path
) -> None:
    """condor_submit refuses an absent executable even in a dry run; we say where it must be."""

    def submit(call: FakeExec) -> FakeOutcome:
        if "transfer_executable = false" not in call.argv:
            return FakeOutcome(returncode=1, stderr="ERROR: Can't access executable file /me/x")
        return FakeOutcome(
            stdout=f'Iwd="{staging.path}"\nCmd="/me/x"\nTransferExecutable=false\n.\n'
        )

    del queue
    engine.on_exec(["condor_submit"], submit)
    with pytest.raises(UsageError, match=f"executable: /me/x is outside {here}"):
        check_paths(staging, "a.sub", (), outside={})


def test_refusal_is_in_condor_submits_words(staging: Staging, queue: Queue, here: Path) -> None:
    """What condor_submit refuses is reported in its words, with the paths of this machine."""
    queue.refusal = f"\nERROR: No such directory: {staging.path}/x\n"
    with pytest.raises(JobFailed, match=f"condor_submit a.sub: No such directory: {here}/x"):
        check_paths(staging, "a.sub", (), outside={})
