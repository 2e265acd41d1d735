"""``condor-mini build`` on an engine in memory."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from condor_mini.images import sbom
from condor_mini.images.builder import Built

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result


@pytest.fixture
def build(run: Callable[..., Result]) -> Callable[..., Result]:
    """``condor-mini build ARGUMENTS``."""
    return partial(run, "build")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "there is no image nonsense"),
        (["--htcondor", "9"], "no HTCondor series '9'"),
        (["--build-arg", "nonsense"], "must be KEY=VALUE"),
    ],
)
def test_bad_input_is_2(
    build: Callable[..., Result],
    arguments: list[str],
    words: str,
) -> None:
    """What there is not is refused by name."""
    result = build(*arguments)
    assert (result.status, words in result.err) == (2, True)


def test_results_are_on_stdout(
    build: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each image is a line with its size, and whether it is new."""
    built = [Built(reference="condor-mini:25", size_bytes=250_000_000, fresh=False)]
    monkeypatch.setattr("condor_mini.images.builder.build", lambda *_, **__: built)
    monkeypatch.setattr("condor_mini.images.sbom.is_installed", lambda: False)
    assert build("mini").out == "condor-mini:25  250 MB  up to date\n"


def test_bills_without_their_tool_fail_before_the_build(
    build: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where debsbom is not installed, nothing is built, and the command that gets it is said."""
    monkeypatch.setattr("condor_mini.images.sbom.which", lambda _: None)
    monkeypatch.setattr("condor_mini.images.sbom.sys.executable", "/nowhere/python")
    monkeypatch.setattr(
        "condor_mini.images.builder.build", lambda *_, **__: pytest.fail("it builds")
    )
    result = build("mini", "--sbom", "bills")
    assert (result.status, "pip install 'debsbom[cdx,spdx]'" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("installed", "written"), [(True, ["new:25", "unwritten:25"]), (False, [])]
)
def test_a_build_writes_bills(
    build: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    installed: bool,
    written: list[str],
) -> None:
    """Where debsbom is, what was built gets its bills, and what has none; nothing else does."""
    built = [
        Built(reference=f"{name}:25", size_bytes=1, fresh=name == "new")
        for name in ("new", "old", "unwritten")
    ]
    for reference in ("new:25", "old:25"):
        for file in sbom.files(tmp_path, reference):
            file.touch()
    asked: list[str] = []
    monkeypatch.setattr("condor_mini.images.builder.build", lambda *_, **__: built)
    monkeypatch.setattr("condor_mini.images.sbom.own_folder", lambda: tmp_path)
    monkeypatch.setattr("condor_mini.images.sbom.is_installed", lambda: installed)
    monkeypatch.setattr("condor_mini.images.sbom.write", lambda _, found, __: asked.extend(found))
    assert (build().status, asked) == (0, written)
