"""The image with which faults are made beside a node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import EngineCapabilityError
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import EmbeddedEngine, FakeEngine
from condor_mini.engine.several import several_hosts
from condor_mini.images import fault_tools

if TYPE_CHECKING:
    from pathlib import Path

NAME = fault_tools.reference()


def test_is_built_once(fake: FakeEngine) -> None:
    """It is built on Debian's image; one that was loaded from a file needs no base."""
    fake.add_image(catalogue().base)
    fault_tools.ensure(fake, "", Progress())
    assert [spec.build_args for spec in fake.builds] == [{"BASE": catalogue().base}]
    fake.remove_image(catalogue().base)
    fault_tools.ensure(fake, "", Progress())
    assert len(fake.builds) == 1


def test_other_host_gets_the_first_ones(fake: FakeEngine) -> None:
    """Nothing is built on another host with the same kind of engine."""
    fake.add_image(catalogue().base)
    there = FakeEngine()
    engine = several_hosts(fake, {"b": there})
    assert fault_tools.ensure(engine, "b", Progress()) == NAME
    assert there.image(NAME) is not None
    assert (len(fake.builds), there.builds) == (1, [])


def test_other_kind_of_engine_builds_its_own(fake: FakeEngine) -> None:
    """An image is not sent to another kind of engine."""
    there = FakeEngine("other")
    there.add_image(catalogue().base)
    fault_tools.ensure(several_hosts(fake, {"b": there}), "b", Progress())
    assert (fake.builds, len(there.builds)) == ([], 1)


def test_engine_that_builds_nothing_is_refused(tmp_path: Path) -> None:
    """The embedded engine has no such image."""
    with pytest.raises(EngineCapabilityError, match="make such a fault"):
        fault_tools.ensure(EmbeddedEngine(lambda: tmp_path), "", Progress())
