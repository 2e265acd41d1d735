"""A lesson's files are put into a directory, and its steps are looked at."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, NotFound, StateError
from condor_mini.lessons.catalogue import LESSONS
from condor_mini.lessons.course import check_all, lesson_named
from condor_mini.lessons.lesson import PAGE, for_learners
from condor_mini.lessons.work import MARK, Work

if TYPE_CHECKING:
    from condor_mini.lessons.lesson import Lesson

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=[*LESSONS.values()], ids=str)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    """Each lesson."""
    found: Lesson = request.param
    return found


def test_catalogue_is_numbered_in_order() -> None:
    """The numbers are 1 to 12."""
    assert [one.number for one in LESSONS.values()] == list(range(1, 13))


def test_lesson_is_on_its_page(lesson: Lesson) -> None:
    """The page has the lesson's title, its start, and the command of each step."""
    page = lesson.page.read_text("utf-8")
    assert page.startswith(f"# {lesson.title}\n")
    assert f"condor-mini lesson start {lesson.name}\n" in page
    assert [step.command for step in lesson.steps if f"{step.command}" not in page] == []


def test_lesson_takes_a_quarter_of_an_hour(lesson: Lesson) -> None:
    """None takes longer."""
    assert 0 < lesson.minutes <= 15


def test_start_puts_page_and_files(lesson: Lesson, tmp_path: Path) -> None:
    """All files are there, scripts can be executed, and no step is done."""
    names = lesson.start(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {MARK, *names}
    scripts = [path for path in (tmp_path / "new").iterdir() if path.suffix == ".sh"]
    needed = [path for path in scripts if path.name != "until-saved.sh"]
    assert [path for path in needed if not os.access(path, os.X_OK)] == []
    (report,) = check_all(tmp_path / "new", engine="none-such")
    assert [one.seen.is_done for one in report.steps] == [False] * len(lesson.steps)
    assert report.next == lesson.steps[0]


def test_wheel_has_page_and_files(lesson: Lesson) -> None:
    """Each of them, or its folder, is included in the wheel, where ``shared`` looks for it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    needed = [f"docs/tutorials/{lesson.name}.md", *(f"examples/{file}" for file in lesson.files)]
    for path in needed:
        (place,) = [one for one in included if path == one or path.startswith(f"{one}/")]
        assert included[place] == f"condor_mini/lessons/shared/{place}"


def test_start_overwrites_nothing(tmp_path: Path) -> None:
    """A directory with anything in it stays as it is."""
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(AlreadyInUse, match="not empty"):
        LESSONS["many-jobs"].start(tmp_path)
    with pytest.raises(AlreadyInUse, match="not a directory"):
        LESSONS["many-jobs"].start(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "mine"


def test_start_in_an_empty_directory(tmp_path: Path) -> None:
    """A directory that is there and empty will do."""
    assert PAGE in LESSONS["many-jobs"].start(tmp_path)


def test_page_for_learners_has_no_links_and_comments() -> None:
    """Links lead to pages that a learner does not have; comments are for tests."""
    page = "<!-- example: lesson -->\nSee [that](../how-to/a.md#b), [this](https://example.org)\n"
    assert for_learners(page) == "See that, [this](https://example.org)\n"


def test_lessons_are_found_by_name_and_number() -> None:
    """An unknown one is an error that knows what was meant."""
    assert lesson_named("3") is lesson_named("held-jobs")
    with pytest.raises(NotFound, match="did you mean held-jobs"):
        lesson_named("held-job")
    with pytest.raises(NotFound, match="no lesson 13"):
        lesson_named("13")


def test_lessons_below_a_directory(tmp_path: Path) -> None:
    """They are checked in their order, or one of them by its name."""
    for name in ("idle-jobs", "first-job"):
        LESSONS[name].start(tmp_path / name)
    (tmp_path / "other").mkdir()
    assert [one.lesson.name for one in check_all(tmp_path)] == ["first-job", "idle-jobs"]
    (one,) = check_all(tmp_path, "4")
    assert one.directory == tmp_path / "idle-jobs"
    with pytest.raises(NotFound, match="the lesson dags was not started"):
        check_all(tmp_path, "dags")


def test_no_lesson(tmp_path: Path) -> None:
    """A directory without lessons is an error."""
    with pytest.raises(NotFound, match="no lesson was started"):
        check_all(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"lesson": "dags"}', '{"lesson": "x", "seen": 1}']
)
def test_damaged_mark(tmp_path: Path, text: str) -> None:
    """A file that does not say which lesson it is raises no other error."""
    (tmp_path / MARK).write_text(text)
    with pytest.raises(StateError, match="is damaged"):
        check_all(tmp_path)


def test_step_that_was_seen_stays_done(tmp_path: Path) -> None:
    """A pool that is gone later does not undo what was seen; a file that is gone does."""
    lesson = LESSONS["gpus"]
    lesson.start(tmp_path)
    work = Work(directory=tmp_path, lesson="gpus", seen=(lesson.steps[0].title,))
    report = lesson.check(work)
    assert [one.seen.is_done for one in report.steps] == [True, False, False]
    assert report.steps[0].seen.text == "seen before"
    found = Work.find(tmp_path)
    assert found is not None
    assert found.seen == ()
