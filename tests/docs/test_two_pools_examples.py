"""The examples with two pools that know each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.docs.pages import Command, name_of, of_kind, scenarios
from tests.docs.typing_in import check, typed

from condor_mini.engines import find_engine
from condor_mini.pool import Pool

if TYPE_CHECKING:
    from pathlib import Path

POOLS = ("home", "away")


@pytest.mark.parametrize("page", scenarios("two pools"), ids=name_of)
def test_two_pools(page: Path, clone: Path) -> None:
    """What the page makes of both gives what stands there."""
    environment = {"CONDOR_MINI_ENGINE": "embedded"}
    try:
        for example in of_kind("two pools", page):
            if example.language == "sh":
                typed(Command(script=example.text, typed=(), shown=()), clone, environment)
            for command in example.commands:
                check(command, typed(command, clone, environment))
    finally:
        for name in POOLS:
            Pool(find_engine("embedded"), name).delete()
