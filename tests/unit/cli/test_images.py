"""``condor-mini images`` on an engine in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.series import catalogue
from condor_mini.images import builder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from command_line import Result
    from condor_mini.engine import FakeEngine


def test_every_image_is_listed(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """Built or not, of every series, the default one first."""
    del fake
    rows = run("images", "list", "-o", "json").json
    assert len(rows) == len(builder.ALL_ROLES) * len(catalogue().series)
    assert (rows[0]["reference"], rows[0]["size_bytes"]) == ("condor-base:25", 1000)
    assert rows[-1]["size_bytes"] is None
    assert list(rows[0]) == [
        *("reference", "role", "series", "size_bytes", "up_to_date", "version")
    ]


def test_state_in_words(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """A person reads whether a build is needed."""
    del fake
    lines = run("images", "list").out.splitlines()
    assert lines[1].endswith("outdated")
    assert lines[-1].endswith("not built")


def test_saved_and_loaded(fake: FakeEngine, run: Callable[..., Result], tmp_path: Path) -> None:
    """All that is there goes to another machine, with what it stands on."""
    fake.add_image(catalogue().base)
    saved = run("images", "save", "all.tar")
    assert saved.out.split() == [
        *(f"condor-{role}:25" for role in builder.ROLES),
        catalogue().base,
    ]
    for name in saved.out.split():
        fake.remove_image(name)
    assert sorted(run("images", "load", "all.tar").out.split()) == sorted(saved.out.split())
    assert fake.image("condor-mini:25") is not None
    assert [path.name for path in tmp_path.glob("all.tar*")] == ["all.tar"]


def test_nothing_to_save_is_3(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """There are none of that series."""
    del fake
    shown = run("images", "save", "--htcondor", "23", "all.tar")
    assert (shown.status, "condor-mini build" in shown.err) == (3, True)


def test_failed_save_leaves_the_old_file(
    fake: FakeEngine, run: Callable[..., Result], tmp_path: Path
) -> None:
    """A file is replaced once all of the new one is written."""
    (tmp_path / "all.tar").write_text("old")
    fake.fail_next("save_images", CommandFailed(["x", "save"], 1, "disk full"))
    assert run("images", "save", "all.tar").status == 1
    assert [path.read_text() for path in tmp_path.glob("all.tar*")] == ["old"]


def test_absent_file_is_3(fake: FakeEngine, run: Callable[..., Result]) -> None:
    """A file that is not there is not found."""
    del fake
    assert run("images", "load", "nope.tar").status == 3


def test_build_is_the_same_command(run: Callable[..., Result]) -> None:
    """`images build` is `build`."""
    assert run("images", "build", "nonsense").status == 2
