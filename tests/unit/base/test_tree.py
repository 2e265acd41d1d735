"""A directory in which somebody else may write."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.tree import LinkFound, Tree, named, replacing
from condor_mini.base.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENOUGH = 50
"""How often something meets a link that somebody puts in its way, and how often it does not."""
PAUSE_S = 0.0002
"""How long the link and the directory in its place stay, in seconds."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory, beside which is another with a file that is nobody's business."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def tree(here: Path) -> Iterator[Tree]:
    """The same, opened."""
    with Tree.open(here) as opened:
        yield opened


USES: dict[str, Callable[[Tree, str], object]] = {
    "read": lambda tree, name: tree.read(name),
    "write": lambda tree, name: tree.write(name, io.BytesIO(b"x"), 0o644),
    "open": lambda tree, name: tree.descriptor(name, os.O_WRONLY | os.O_CREAT),
    "make": lambda tree, name: tree.make(name),
    "entries": lambda tree, name: tree.entries(name),
    "tree": lambda tree, name: tree.tree(name),
}
ON_THE_WAY = {
    **USES,
    "status": lambda tree, name: tree.status(name),
    "link": lambda tree, name: tree.link(name, "x"),
    "remove": lambda tree, name: tree.remove(name),
    "time": lambda tree, name: tree.set_time(name, 0),
    "readable": lambda tree, name: tree.is_readable(name),
    "text": lambda tree, name: tree.link_text(name),
}


@pytest.mark.parametrize("use", ON_THE_WAY.values(), ids=ON_THE_WAY)
def test_link_on_the_way_is_an_error(here: Path, tree: Tree, use: Callable[..., object]) -> None:
    """Nothing is done with what is behind a link."""
    (here / "link").symlink_to("../outside")
    with pytest.raises(LinkFound, match=r"here/link is a symbolic link to \.\./outside"):
        use(tree, "link/file")
    assert (here.parent / "outside" / "file").read_text() == "secret"


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("to", ["../outside/file", "../outside", "../outside/new"])
def test_link_itself_is_an_error(
    here: Path, tree: Tree, use: Callable[..., object], to: str
) -> None:
    """A link in the place of a file or a directory is not followed, also one to nothing."""
    (here / "link").symlink_to(to)
    with pytest.raises(LinkFound):
        use(tree, "link")
    assert [path.name for path in (here.parent / "outside").iterdir()] == ["file"]


@pytest.mark.parametrize("use", ON_THE_WAY.values(), ids=ON_THE_WAY)
@pytest.mark.parametrize("name", ["../outside/file", "/etc/passwd", "a/../../outside/file"])
def test_name_does_not_lead_outside(tree: Tree, use: Callable[..., object], name: str) -> None:
    """A name that begins with a slash, or has two dots, is none."""
    with pytest.raises(ValueError, match="leads outside"):
        use(tree, name)


def test_directory_that_was_opened_stays_the_same(here: Path, tree: Tree) -> None:
    """A link that takes the place of a directory later is found all the same."""
    (here / "sub").mkdir()
    tree.write("sub/one", io.BytesIO(b"1"), 0o644)
    (here / "sub").rename(here / "away")
    (here / "sub").symlink_to("../outside")
    tree.write("sub/two", io.BytesIO(b"2"), 0o644)
    assert (here / "away" / "two").read_text() == "2"


def test_device_and_pipe_are_no_files(here: Path, tree: Tree) -> None:
    """A pipe without a writer is refused at once."""
    os.mkfifo(here / "pipe")
    with pytest.raises(OSError, match="is no regular file"):
        tree.read("pipe")


def test_set_user_id_does_not_pass_to_new_content(here: Path, tree: Tree) -> None:
    """A program that gives rights gives none with somebody else's content."""
    (here / "run").write_text("old")
    (here / "run").chmod(0o4755)
    tree.write("run", io.BytesIO(b"new"), 0o644)
    assert (here / "run").stat().st_mode & 0o7777 == 0o755


def test_walk_is_in_order(here: Path, tree: Tree) -> None:
    """A directory comes before what is in it, and names are sorted."""
    (here / "b" / "d").mkdir(parents=True)
    (here / "b" / "c").touch()
    (here / "a").symlink_to("b")
    assert [name for name, _ in tree.walk()] == ["a", "b", "b/c", "b/d"]


def test_exactly_is_without_links(here: Path) -> None:
    """A path that was looked up before is opened only if no part of it is a link by now."""
    (here.parent / "link").symlink_to("outside")
    with pytest.raises(LinkFound):
        Tree.open_exactly(here.parent / "link")


@pytest.mark.parametrize("deep", [False, True])
def test_typed_path_below_the_current_directory(
    here: Path, monkeypatch: pytest.MonkeyPatch, *, deep: bool
) -> None:
    """Beneath the current directory no part of a typed path may be a link."""
    monkeypatch.chdir(here.parent)
    (here / "link").symlink_to("../outside")
    tree, name = named(Path("here/link/file" if deep else "here/link"))
    with tree, pytest.raises(LinkFound):
        tree.read(name)


def test_typed_path_through_the_systems_links(here: Path) -> None:
    """Elsewhere a typed path leads as it always does."""
    (here.parent / "link").symlink_to("outside")
    tree, name = named(here.parent / "link" / "file")
    with tree, tree.read(name) as file:
        assert file.read() == b"secret"


def test_replacing_writes_through_no_link(here: Path) -> None:
    """A file that is made elsewhere first takes the place of a link, and leaves nothing else."""
    (here / "file").symlink_to("../outside/file")
    with replacing(here / "file") as new:
        new.write_text("new")
    assert (here.parent / "outside" / "file").read_text() == "secret"
    assert [path.name for path in here.iterdir()] == ["file"]


def test_replacing_that_fails_leaves_what_was_there(here: Path) -> None:
    """What could not be written to its end is not there."""
    (here / "file").write_text("old")

    def fail() -> None:
        with replacing(here / "file") as new:
            new.write_text("new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.read_text() for path in here.iterdir()] == ["old"]


@pytest.fixture
def restless(here: Path) -> Iterator[str]:
    """The name of a directory in whose place somebody puts a link outside, again and again."""
    (here / "sub").mkdir()
    over = threading.Event()

    def swap() -> None:
        while not over.wait(PAUSE_S):
            (here / "sub").rename(here / "away")
            (here / "sub").symlink_to("../outside")
            over.wait(PAUSE_S)
            (here / "sub").unlink()
            (here / "away").rename(here / "sub")

    thread = threading.Thread(target=swap)
    thread.start()
    yield "sub"
    over.set()
    thread.join()


def meet(work: Callable[[], object]) -> None:
    """Do something until it has met the link as well as the directory, both often enough."""
    done = refused = 0

    def met() -> str | None:
        nonlocal done, refused
        try:
            work()
            done += 1
        except OSError:
            refused += 1
        return None if min(done, refused) >= ENOUGH else f"{done} done, {refused} refused"

    wait_until(met, timeout_s=60, interval_s=0)


def test_link_that_comes_meanwhile_is_not_written_through(here: Path, restless: str) -> None:
    """Whenever the link comes, what we write is in the directory, or nowhere."""

    def write() -> None:
        with Tree.open(here) as tree:
            tree.write(f"{restless}/file", io.BytesIO(b"own"), 0o644)

    meet(write)
    assert [path.read_text() for path in (here.parent / "outside").iterdir()] == ["secret"]


def test_link_that_comes_meanwhile_is_not_read_through(here: Path, restless: str) -> None:
    """Whenever the link comes, what we read is in the directory, or nothing."""
    read = set()

    def write_and_read() -> None:
        with Tree.open(here) as tree:
            tree.write(f"{restless}/file", io.BytesIO(b"own"), 0o644)
        with Tree.open(here) as tree, tree.read(f"{restless}/file") as file:
            read.add(file.read())

    meet(write_and_read)
    assert read == {b"own"}
