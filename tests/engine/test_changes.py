"""The contract of every engine: what changes among its containers and volumes is told."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import ContainerState, FakeEngine
from condor_mini.engine.several import several_hosts
from line_reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]

ENOUGH_S = 5
"""Within this time a change is told, on a busy machine too, in seconds."""


@contextmanager
def watching(engine: Engine) -> Iterator[Reader]:
    """Read the changes in a thread."""
    with engine.changes() as names:
        yield Reader(names)


def is_told(reader: Reader, name: str) -> bool:
    """Whether a name is told soon; other tests change other things."""
    deadline = time.monotonic() + ENOUGH_S
    while time.monotonic() < deadline:
        if reader.lines(1) == [name]:
            return True
    return False


def test_container(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A container is told when it is created, starts, ends, starts again, and is removed."""
    changes: list[Callable[[], object]] = [
        lambda: create(spec),
        lambda: engine.start(spec.name),
        lambda: engine.stop(spec.name, timeout_s=0),
        lambda: engine.start(spec.name),
        lambda: engine.remove(spec.name),
    ]
    told = []
    for change in changes:
        with watching(engine) as reader:
            change()
            told.append(is_told(reader, spec.name))
    assert told == [True] * 5


def test_container_that_ends_by_itself(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container is told when its command ends."""
    run(replace(spec, command=("sleep", "2")))
    with watching(engine) as reader:
        if isinstance(engine, FakeEngine):
            engine.end(spec.name, exit_code=0)
        while is_told(reader, spec.name):
            info = engine.inspect(spec.name)
            assert info is not None
            if info.state is ContainerState.EXITED:
                return
    pytest.fail("its end is not told")


def test_volume(engine: Engine, name: str, labels: dict[str, str]) -> None:
    """A volume is told when it is created and when it is removed."""
    changes: list[Callable[[], object]] = [
        lambda: engine.create_volume(f"{name}-more", labels=labels),
        lambda: engine.remove_volume(f"{name}-more"),
    ]
    for change in changes:
        with watching(engine) as reader:
            change()
            assert is_told(reader, f"{name}-more")


def test_end_from_another_thread(engine: Engine, volume: str) -> None:  # noqa: ARG001
    """Leaving the context ends the iteration that a thread is in, at once."""
    with watching(engine) as reader:
        began = time.monotonic()
    reader.rest()
    assert time.monotonic() - began < 2


def test_several_hosts(engine: Engine, name: str, labels: dict[str, str]) -> None:
    """The changes of all hosts come in one stream."""
    both = several_hosts(engine, {"other": engine})
    with watching(both) as reader:
        engine.create_volume(f"{name}-more", labels=labels)
        try:
            assert [is_told(reader, f"{name}-more") for _ in range(2)] == [True] * 2
        finally:
            engine.remove_volume(f"{name}-more")
    reader.rest()
