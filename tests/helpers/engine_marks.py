"""What marks of a test say of engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def engines_that_are_slow(metafunc: pytest.Metafunc) -> tuple[str, ...]:
    """The engines that a test runs on with --slow only: ``slow_on``."""
    mark = metafunc.definition.get_closest_marker("slow_on")
    return mark.args if mark else ()
