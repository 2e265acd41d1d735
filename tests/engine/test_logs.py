"""The contract of every engine: what a container wrote, and what it goes on writing."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.base.waiting import wait_until
from line_reader import PATIENCE_S, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]
    Write = Callable[[str, str], None]

pytestmark = pytest.mark.slow_on("podman")  # the same code as on Docker

STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) ")


@contextmanager
def reading(engine: Engine, container: str) -> Iterator[Reader]:
    """Follows a container in a thread."""
    with engine.follow(container) as lines:
        yield Reader(lines)


@pytest.fixture
def node(run: MakeContainer, writing_spec: ContainerSpec, write: Write) -> str:
    """A running container that has written two lines, one after the other."""
    run(writing_spec)
    write(writing_spec.name, "first\n")
    write(writing_spec.name, "second\n")
    return writing_spec.name


@pytest.fixture
def ended(run: MakeContainer, spec: ContainerSpec, wait_for_end: Callable[[str], None]) -> str:
    """A container that has ended."""
    wait_for_end(run(replace(spec, command=("sh", "-c", "echo 1; echo 2; echo 3"))))
    return spec.name


def test_logs_are_in_order(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, wait_for_end: Callable[[str], None]
) -> None:
    """What went to stdout and to stderr stands in the log as it was written."""
    # The pauses: an engine reads two pipes, and knows no order of what comes within a moment.
    script = "echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3"
    if engine.name == "fake":
        script = "echo 1; echo 2 >&2; echo 3"
    wait_for_end(run(replace(spec, command=("sh", "-c", script))))
    with engine.follow(spec.name) as lines:
        assert (engine.logs(spec.name), list(lines)) == ("1\n2\n3\n", ["1", "2", "3"])


def test_logs_end_with_the_tail(engine: Engine, ended: str) -> None:
    """Of a log one can have the last lines."""
    assert engine.logs(ended, tail=2) == "2\n3\n"


def test_logs_of_absent_are_not_found(engine: Engine, name: str) -> None:
    """A container that is not there has no log."""
    with pytest.raises(NotFound):
        engine.logs(name)


def test_logs_of_created_are_empty(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that has not run yet has written nothing."""
    assert engine.logs(create(spec)) == ""


def test_logs_go_on_after_a_restart(engine: Engine, node: str, write: Write) -> None:
    """A container that was started again adds to its log."""
    engine.stop(node, timeout_s=0)
    engine.start(node)
    write(node, "third\n")
    assert engine.logs(node) == "first\nsecond\nthird\n"


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=30))])
def test_logs_since_leave_out_what_was_before(
    engine: Engine, node: str, write: Write, zone: timezone
) -> None:
    """Of a log one can have what was written from some time on, in whatever zone it is told."""
    since = datetime.now(zone)
    write(node, "third\n")
    assert engine.logs(node, since=since) == "third\n"


def test_logs_since_the_time_of_a_line_have_it(engine: Engine, node: str) -> None:
    """A line belongs to what was written from its own time on."""
    _, second = STAMP.findall(engine.logs(node, timestamps=True))
    assert engine.logs(node, since=datetime.fromisoformat(second)) == "second\n"


def test_logs_since_now_are_empty(engine: Engine, node: str) -> None:
    """What was written before is not there, though it be all."""
    assert engine.logs(node, since=datetime.now(UTC)) == ""


def test_logs_since_end_with_the_tail(engine: Engine, node: str, write: Write) -> None:
    """Both can be asked for: no line that either leaves out is there."""
    since = datetime.now(UTC)
    write(node, "third\nfourth\n")
    said = [engine.logs(node, since=since, tail=count) for count in (1, 3)]
    assert said == ["fourth\n", "third\nfourth\n"]


def test_timestamps_begin_each_line(engine: Engine, node: str) -> None:
    """Each line begins with a time, if that is asked for."""
    assert STAMP.sub("at ", engine.logs(node, timestamps=True)) == "at first\nat second\n"


def test_timestamps_are_of_the_writing(
    engine: Engine, run: MakeContainer, writing_spec: ContainerSpec, write: Write
) -> None:
    """A line's time is when it was written."""
    run(writing_spec)
    before = datetime.now(UTC)
    write(writing_spec.name, "line\n")
    (stamp,) = STAMP.findall(engine.logs(writing_spec.name, timestamps=True))
    assert before <= datetime.fromisoformat(stamp) <= datetime.now(UTC)


def test_follow_begins_with_the_log(engine: Engine, node: str) -> None:
    """Who follows a container gets first what it has written already."""
    with reading(engine, node) as reader:
        assert reader.lines(2) == ["first", "second"]


def test_follow_gives_lines_as_they_are_written(engine: Engine, node: str, write: Write) -> None:
    """A new line comes while the container runs."""
    with reading(engine, node) as reader:
        reader.lines(2)
        for line in ("third", "fourth"):
            write(node, f"{line}\n")
            assert reader.lines(1) == [line]


def test_follow_waits_for_the_end_of_a_line(engine: Engine, node: str, write: Write) -> None:
    """What is written in two goes comes as one line."""
    with reading(engine, node) as reader:
        reader.lines(2)
        write(node, "half ")
        write(node, "and half\n\n")
        assert reader.lines(2) == ["half and half", ""]


def test_follow_loses_no_line(engine: Engine, node: str, write: Write) -> None:
    """However many lines come at once, all are handed over in order."""
    expected = [f"{number} ü {'x' * 40}" for number in range(5000)]
    with reading(engine, node) as reader:
        reader.lines(2)
        write(node, "".join(f"{line}\n" for line in expected))
        assert reader.lines(5000) == expected


def test_follow_by_two(engine: Engine, node: str, write: Write) -> None:
    """Two that follow the same container both get all."""
    with reading(engine, node) as one, reading(engine, node) as other:
        write(node, "third\n")
        assert one.lines(3) == other.lines(3) == ["first", "second", "third"]


def test_follow_begins_with_the_tail(engine: Engine, node: str, write: Write) -> None:
    """One can follow without the older lines."""
    with engine.follow(node, tail=1) as lines:
        reader = Reader(lines)
        before = reader.lines(1)
        write(node, "third\n")
        assert (before, reader.lines(1)) == (["second"], ["third"])


def test_follow_with_no_tail_begins_with_what_comes(
    engine: Engine, node: str, write: Write
) -> None:
    """One can follow without any line that was there."""
    with engine.follow(node, tail=0) as lines:
        reader = Reader(lines)

        def probe() -> str | None:  # nothing else tells whether an engine has begun to follow
            write(node, "new\n")
            return "no line has come" if reader.is_empty() else None

        wait_until(probe, timeout_s=PATIENCE_S)
        assert reader.lines(1) == ["new"]


def test_follow_since_leaves_out_what_was_before(engine: Engine, node: str, write: Write) -> None:
    """One can follow from some time on."""
    since = datetime.now(UTC)
    with engine.follow(node, since=since) as lines:
        reader = Reader(lines)
        write(node, "third\n")
        assert reader.lines(1) == ["third"]


def test_follow_with_timestamps(engine: Engine, node: str) -> None:
    """Followed lines begin with a time, if that is asked for."""
    with engine.follow(node, timestamps=True) as lines:
        said = [STAMP.sub("at ", line) for line in Reader(lines).lines(2)]
    assert said == ["at first", "at second"]


def test_follow_of_ended_gives_its_lines_and_ends(engine: Engine, ended: str) -> None:
    """A container that has ended has nothing to wait for."""
    with engine.follow(ended) as lines:
        assert list(lines) == ["1", "2", "3"]


def test_follow_gives_a_last_line_without_end(engine: Engine, node: str, write: Write) -> None:
    """What a container wrote last is not lost for the lack of a line's end."""
    write(node, "last words")
    engine.stop(node, timeout_s=0)
    with engine.follow(node, tail=1) as lines:
        assert list(lines) == ["last words"]


def test_follow_of_created_ends(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A container that does not run yet is not waited for."""
    with engine.follow(create(spec)) as lines:
        assert list(lines) == []


def test_follow_of_absent_is_not_found(engine: Engine, name: str) -> None:
    """A container that is not there is not followed."""
    with pytest.raises(NotFound), engine.follow(name) as lines:
        next(lines)


def test_follow_ends_when_the_container_is_stopped(engine: Engine, node: str) -> None:
    """Who follows a container learns of its end."""
    with reading(engine, node) as reader:
        reader.lines(2)
        engine.stop(node, timeout_s=0)
        assert reader.rest() == []


def test_follow_ends_when_the_container_is_removed(engine: Engine, node: str) -> None:
    """A container that was removed has ended: that is no error."""
    with reading(engine, node) as reader:
        reader.lines(2)
        engine.remove(node)
        assert reader.rest() == []


def test_follow_is_ended_from_another_thread(engine: Engine, node: str) -> None:
    """Leaving the context ends the iteration that a thread is in, at once."""
    with reading(engine, node) as reader:
        reader.lines(2)
        began = time.monotonic()
    assert (reader.rest(), time.monotonic() - began < 2) == ([], True)


def test_follow_that_is_over_has_no_lines(engine: Engine, node: str) -> None:
    """Once the context is left, nothing comes any more, though there be lines."""
    with engine.follow(node) as lines:
        assert next(lines) == "first"
    assert list(lines) == []


def test_follow_that_nobody_reads_can_be_left(engine: Engine, node: str, write: Write) -> None:
    """Leaving the context does not wait for what nobody reads."""
    write(node, "0123456789abcdef\n" * 20_000)
    began = time.monotonic()
    with engine.follow(node):
        time.sleep(0.2)
    assert time.monotonic() - began < 3


def test_follow_passes_on_what_its_body_raises(engine: Engine, node: str) -> None:
    """An error in the body is no error of the engine's."""
    with pytest.raises(FileNotFoundError, match="mine"), engine.follow(node):
        raise FileNotFoundError("mine")
