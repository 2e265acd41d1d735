"""Temporary directories, and signals that come while one is made, used or removed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import condor_mini
from condor_mini.base.scratch import ScratchDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(condor_mini.__file__).parent


def interrupted(call: Callable[..., object]) -> Callable[..., object]:
    """Return a function that is interrupted, as by Ctrl-C, before and after it does its work."""

    def run(*arguments: object, **options: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        result = call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGINT)
        return result

    return run


@pytest.mark.parametrize(
    ("module", "function"), [(tempfile, "mkdtemp"), (shutil, "rmtree")], ids=["made", "removed"]
)
def test_interrupt_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: object, function: str
) -> None:
    """Ctrl-C acts when the directory is made or removed as a whole."""
    monkeypatch.setattr(module, function, interrupted(getattr(module, function)))
    with pytest.raises(KeyboardInterrupt), ScratchDirectory(directory=tmp_path) as scratch:
        Path(scratch, "file").touch()
    assert list(tmp_path.iterdir()) == []


def test_interrupt_of_the_work_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in between acts at once."""
    with pytest.raises(KeyboardInterrupt), ScratchDirectory(directory=tmp_path):
        os.kill(os.getpid(), signal.SIGINT)
    assert list(tmp_path.iterdir()) == []


def test_no_other_temporary_files_have_names() -> None:
    """All temporary files of the source are these, or have no name (`TemporaryFile`)."""
    named = re.compile(r"\b(NamedTemporaryFile|mkstemp|mkdtemp|(?<!\()TemporaryDirectory\()")
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if named.search(path.read_text("utf-8"))
    }
    assert found == set()
