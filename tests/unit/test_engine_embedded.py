"""The embedded engine's records, addresses and logs, without any container."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from condor_mini.base.errors import AlreadyInUse, CommandFailed, NotFound, StateError
from condor_mini.base.waiting import wait_until
from condor_mini.engine.embedded import journal
from condor_mini.engine.embedded.addresses import Networks
from condor_mini.engine.embedded.namespaces import _table
from condor_mini.engine.embedded.records import Shelf, alone_with


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path / "things", "thing")


@pytest.fixture
def there() -> set[str]:
    """The ids of the containers that there are."""
    return set()


@pytest.fixture
def networks(tmp_path: Path, there: set[str]) -> Networks:
    """One network, ``net``."""
    networks = Networks(tmp_path / "networks", there.__contains__)
    networks.create("net", {}, None)
    return networks


def test_record_is_found_by_name_and_id(shelf: Shelf) -> None:
    """What was added is found, with what was noted of it."""
    added = shelf.add("a/b:1", {"labels": {"k": "v"}})
    found = [shelf.get(key) for key in ("a/b:1", added.id)]
    assert [(each.name, each.labels, each.id) for each in found] == [
        ("a/b:1", {"k": "v"}, added.id)
    ] * 2


def test_taken_name_is_already_in_use(shelf: Shelf) -> None:
    """A name is given once."""
    shelf.add("name", {"labels": {}})
    with pytest.raises(AlreadyInUse):
        shelf.add("name", {"labels": {}})


@pytest.mark.parametrize("name", ["", ".", "..", ".making-1", "-rf", "a b", "a\n"])
def test_what_is_no_name_is_refused(shelf: Shelf, name: str) -> None:
    """No name leads to another directory, or to one that is not shown."""
    with pytest.raises(CommandFailed):
        shelf.add(name, {"labels": {}})


def test_what_could_not_be_filled_is_not_there(shelf: Shelf) -> None:
    """A thing is made as a whole or not at all, and nothing is left of the rest."""

    def fill(place: Path, _: str) -> None:
        (place / "file").touch()
        raise FileNotFoundError(2, "no such thing")

    with pytest.raises(StateError, match="no such thing"):
        shelf.add("name", {"labels": {}}, fill)
    assert list(shelf.directory.iterdir()) == []


def test_shelf_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """Where no directory can be, it is said which one, and why."""
    (tmp_path / "file").write_text("")
    shelf = Shelf(tmp_path / "file/things", "thing")
    with pytest.raises(StateError, match=r"cannot write to .*/file/things: Not a directory"):
        shelf.locked().__enter__()


def test_thing_is_there_while_it_is_made(shelf: Shelf) -> None:
    """Who makes a thing is not taken for somebody who died of it."""
    seen = []

    def fill(_: Path, identity: str) -> None:
        shelf.sweep()
        seen.append((shelf.is_there(identity), shelf.find("name")))

    added = shelf.add("name", {"labels": {}}, fill)
    assert (seen, shelf.is_there(added.id)) == ([(True, None)], True)


def test_what_was_left_is_swept(shelf: Shelf) -> None:
    """What somebody left half made or half removed is gone with the next that is made."""
    for name in (".making-0", ".gone-0"):
        (shelf.directory / name).mkdir(parents=True)
    shelf.add("name", {"labels": {}})
    assert [place.name for place in shelf.directory.iterdir()] == ["name"]


def test_removed_thing_is_not_found(shelf: Shelf) -> None:
    """What was removed is gone, and its name is free."""
    shelf.remove(shelf.add("name", {"labels": {}}))
    with pytest.raises(NotFound):
        shelf.get("name")
    shelf.add("name", {"labels": {}})


def test_networks_do_not_meet(tmp_path: Path) -> None:
    """No two networks share an address, and none has one that others take for the host's."""
    networks = Networks(tmp_path, lambda _: True)
    made = [networks.create(f"net-{number}", {}, None) for number in range(20)]
    subnets = [IPv4Network(record.facts["subnet"]) for record in made]
    usual = IPv4Network("127.0.0.0/16")
    assert not any(
        one.overlaps(other) for one in subnets for other in [usual, *subnets] if one is not other
    )
    assert all(subnet.subnet_of(IPv4Network("127.0.0.0/8")) for subnet in subnets)


def test_addresses_are_given_once(networks: Networks, there: set[str]) -> None:
    """Each container has its own address, which is free again when it has left."""
    there |= {"a", "b", "c"}
    first, second = (networks.join("net", owner, (owner,), None) for owner in "ab")
    networks.leave("net", "a")
    assert (first != second, networks.join("net", "c", ("c",), None)) == (True, first)


def test_address_of_one_who_died_is_free(networks: Networks, there: set[str]) -> None:
    """Who has not become a container has no address."""
    first = networks.join("net", "dead", ("dead",), None)
    there.add("b")
    assert networks.join("net", "b", ("b",), None) == first


def test_table_of_names_follows(networks: Networks, there: set[str]) -> None:
    """The network's containers see the names of those that are on it."""
    there.add("a")
    address = networks.join("net", "a", ("node.pool", "node", "node"), None)
    hosts = networks.get("net").path / "etc/hosts"
    assert hosts.read_text() == f"127.0.0.1 localhost\n{address} node.pool node\n"
    networks.leave("net", "a")
    assert hosts.read_text() == "127.0.0.1 localhost\n"


def test_fixed_address_needs_a_fixed_subnet(networks: Networks, there: set[str]) -> None:
    """An address is asked for where the network was given its subnet, and in that only."""
    there |= {"a", "b"}
    networks.create("fixed", {}, "127.9.9.0/24")
    assert networks.join("fixed", "a", ("a",), "127.9.9.9") == "127.9.9.9"
    inside = IPv4Network(networks.get("net").facts["subnet"])[9]
    for network, ip in (("fixed", "127.9.9.9"), ("fixed", "127.9.8.9"), ("net", str(inside))):
        with pytest.raises(CommandFailed, match=str(IPv4Address(ip))):
            networks.join(network, "b", ("b",), ip)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The directory of a container that has written three lines in three seconds."""
    (tmp_path / journal.LOG).write_bytes(b"10.000001 one\n11.5 two\n12.000000 three \xff\n13.0 ha")
    return tmp_path


@pytest.mark.parametrize(
    ("tail", "since", "expected"),
    [
        (None, None, "one\ntwo\nthree \ufffd\n"),
        (2, None, "two\nthree \ufffd\n"),
        (0, None, ""),
        (9, 11.5, "two\nthree \ufffd\n"),
        (1, 10.0, "three \ufffd\n"),
    ],
)
def test_log_is_read_in_part(
    log: Path, tail: int | None, since: float | None, expected: str
) -> None:
    """Of a log one can have the end, and what was written from some time on."""
    from_then = None if since is None else datetime.fromtimestamp(since, tz=UTC)
    assert journal.read(log, tail=tail, since=from_then, timestamps=False) == expected


def test_log_has_times(log: Path) -> None:
    """The times are those of the writing, to nine digits."""
    said = journal.read(log, tail=2, since=None, timestamps=True)
    assert said.splitlines()[0] == "1970-01-01T00:00:11.500000000Z two"


def test_followed_log_waits_for_the_end_of_a_line(log: Path) -> None:
    """A line that is not whole yet comes when it is."""
    lines = journal.Followed(log, lambda: False, tail=1, since=None, timestamps=False)
    first = next(lines)
    with (log / journal.LOG).open("ab") as file:
        file.write(b"lf\n")
    assert (first, next(lines)) == ("three \ufffd", "half")


def test_mounts_with_odd_paths_are_told_apart() -> None:
    """Spaces and the like in a path do not end it."""
    assert _table([("/a b#\t", "/c\\d", "bind")]) == "/a\\040b\\043\\011 /c\\134d none bind 0 0\n"


def test_another_directory_of_the_name_is_not_ours(tmp_path: Path) -> None:
    """Who waited for a directory that was removed has not got the next one of that name."""
    place = tmp_path / "place"
    place.mkdir()
    waits = threading.Event()
    outcome: list[str] = []

    def wait() -> None:
        waits.set()
        try:
            with alone_with(place):
                outcome.append("ours")
        except FileNotFoundError:
            outcome.append("gone")

    with alone_with(place):
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

    class Slow(Shelf):
        """Removes in two steps, between which somebody is faster."""

        def discard(self, directory: Path) -> None:
            super().discard(directory)
            making.mkdir()
            super().discard(directory)

    making.mkdir()
    Slow(tmp_path, "thing").sweep()
    assert making.exists()
