"""What the embedded engine keeps on disk, without any container."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from condor_mini.base.errors import AlreadyInUse, CommandFailed, NotFound, StateError
from condor_mini.base.waiting import wait_until
from condor_mini.engine.embedded.records import Store, locked_folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "things", "thing")


def test_record_is_found_by_name_and_id(store: Store) -> None:
    """What was added is found, with what was noted of it."""
    added = store.add("a/b:1", {"labels": {"k": "v"}})
    found = [store.get(key) for key in ("a/b:1", added.id)]
    assert [(each.name, each.labels, each.id) for each in found] == [
        ("a/b:1", {"k": "v"}, added.id)
    ] * 2


def test_taken_name_is_already_in_use(store: Store) -> None:
    """A name is given once."""
    store.add("name", {"labels": {}})
    with pytest.raises(AlreadyInUse):
        store.add("name", {"labels": {}})


@pytest.mark.parametrize("name", ["", ".", "..", ".making-1", "-rf", "a b", "a\n"])
def test_what_is_no_name_is_refused(store: Store, name: str) -> None:
    """No name leads to another directory, or to one that is not shown."""
    with pytest.raises(CommandFailed):
        store.add(name, {"labels": {}})


def test_what_could_not_be_filled_is_not_there(store: Store) -> None:
    """A thing is made as a whole or not at all, and nothing is left of the rest."""

    def fill(place: Path, _: str) -> None:
        (place / "file").touch()
        raise FileNotFoundError(2, "no such thing")

    with pytest.raises(StateError, match="no such thing"):
        store.add("name", {"labels": {}}, fill)
    assert list(store.directory.iterdir()) == []


def test_store_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where no directory can be, it is said which one, and why."""
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file/things", "thing")
    with pytest.raises(StateError, match=r"cannot write to .*/file/things: Not a directory"):
        store.locked().__enter__()


def test_thing_is_there_while_it_is_made(store: Store) -> None:
    """Who makes a thing is not taken for somebody who died of it."""
    seen = []

    def fill(_: Path, identity: str) -> None:
        store.sweep()
        seen.append((store.exists(identity), store.find("name")))

    added = store.add("name", {"labels": {}}, fill)
    assert (seen, store.exists(added.id)) == ([(True, None)], True)


def test_what_was_left_is_swept(store: Store) -> None:
    """What somebody left half made or half removed is gone with the next that is made."""
    for name in (".making-0", ".gone-0"):
        (store.directory / name).mkdir(parents=True)
    store.add("name", {"labels": {}})
    assert [place.name for place in store.directory.iterdir()] == ["name"]


def test_removed_thing_is_not_found(store: Store) -> None:
    """What was removed is gone, and its name is free."""
    store.remove(store.add("name", {"labels": {}}))
    with pytest.raises(NotFound):
        store.get("name")
    store.add("name", {"labels": {}})


def test_another_directory_of_the_name_is_not_ours(tmp_path: Path) -> None:
    """Who waited for a directory that was removed has not got the next one of that name."""
    place = tmp_path / "place"
    place.mkdir()
    waits = threading.Event()
    outcome: list[str] = []

    def wait() -> None:
        waits.set()
        try:
            with locked_folder(place):
                outcome.append("ours")
        except FileNotFoundError:
            outcome.append("gone")

    with locked_folder(place):
        thread = threading.Thread(target=wait)
        thread.start()
        assert waits.wait(5)
        _await_waiter(place)
        place.rmdir()
        place.mkdir()
    thread.join(5)
    assert outcome == ["gone"]


def _await_waiter(place: Path) -> None:
    """Wait until somebody waits for the directory's lock: the kernel tells (proc_locks(5))."""
    inode = str(place.stat().st_ino)

    def waiter() -> str | None:
        lines = Path("/proc/locks").read_text().splitlines()
        there = [line for line in lines if "->" in line and line.split()[-3].endswith(f":{inode}")]
        return None if there else "nobody waits"

    wait_until(waiter, timeout_s=5, interval_s=0.01)


def test_what_is_made_anew_is_not_swept(tmp_path: Path) -> None:
    """Who sweeps a directory away leaves the next one of that name, which is made meanwhile."""
    making = tmp_path / ".making-1"

    class Slow(Store):
        """Removes in two steps, between which somebody is faster."""

        def discard(self, directory: Path) -> None:
            super().discard(directory)
            making.mkdir()
            super().discard(directory)

    making.mkdir()
    Slow(tmp_path, "thing").sweep()
    assert making.exists()
