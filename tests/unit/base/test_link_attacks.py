"""Generated attacks by links, on every Python that is here: ``link_attacks.py``."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import link_attacks

OLDEST = (3, 11)
"""As pyproject.toml has it."""
HERE = ".".join(map(str, sys.version_info[:3]))
SEEDS = 40


@cache
def pythons() -> dict[str, str]:
    """Each Python that we support and find, by its version: in PATH, of the system, of pyenv."""
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], 30))]
    folders = [*os.get_exec_path(), "/usr/bin", "/usr/local/bin"]
    places = [Path(folder, name) for folder in folders for name in names]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    places += pyenv.glob("versions/*/bin/python3")
    found = {HERE: sys.executable}
    for place in sorted({place.resolve() for place in places if os.access(place, os.X_OK)}):
        found.setdefault(version(place), str(place))
    return {number: path for number, path in found.items() if key(number) >= OLDEST}


def version(python: Path) -> str:
    """What a Python says that it is; 0 where it says nothing."""
    script = "import platform; print(platform.python_version())"
    done = subprocess.run([python, "-ISc", script], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0"


def key(number: str) -> tuple[int, ...]:
    """A version to compare with others."""
    return tuple(int(part) for part in number.split(".")[:2] if part.isdigit())


BY_AGE: list[str] = sorted(pythons(), key=key)


@pytest.mark.parametrize("number", BY_AGE)
def test_nothing_outside_is_written_or_read(number: str) -> None:
    """Whatever archives are copied to one place, nothing of outside is changed, or copied away."""
    assert link_attacks.by([pythons()[number]], {}, SEEDS) == number


def test_other_seeds() -> None:
    """The same with archives that no run has seen before."""
    first = random.randrange(10**9)  # noqa: S311 (a test's)
    link_attacks.main(first, SEEDS)


def test_attacks_are_good_ones(tmp_path: Path) -> None:
    """Unpacked without care, many of the same archives lead outside."""
    harmed = 0
    for seed in range(SEEDS):
        chance = random.Random(seed)  # noqa: S311 (a test's)
        place = link_attacks.Place(tmp_path / str(seed), own_links=False)
        before = place.picture()
        for _ in range(link_attacks.ROUNDS):
            link_attacks.naive(link_attacks.hostile(chance, place.outside), place.here)
        harmed += place.picture() != before
        shutil.rmtree(tmp_path / str(seed))
    assert harmed > SEEDS / 10
