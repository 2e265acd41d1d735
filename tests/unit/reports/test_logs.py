"""The logs of a pool in memory."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.waiting import wait_until
from condor_mini.engine import FakeExec, FakeOutcome
from condor_mini.reports import logs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.reports.logs import LogLine
    from fake_pool import FakePool

WITHIN_S = 10.0
SHOW = [f"{REQUEST_SCRIPTS}/show-logs"]


class Followed:
    """The lines that ``follow`` yields, read by a thread."""

    def __init__(self, lines: Iterator[LogLine]) -> None:
        self._seen: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=[lines], daemon=True)
        self._thread.start()

    def _read(self, lines: Iterator[LogLine]) -> None:
        for line in lines:
            self._seen.put(f"{line.node} {line.daemon} {line.text}")

    def next(self) -> str:
        """The next line."""
        return self._seen.get(timeout=WITHIN_S)

    def ends(self) -> bool:
        """Whether it comes to its end, with nothing left."""
        self._thread.join(WITHIN_S)
        return not self._thread.is_alive() and self._seen.empty()


def end(pool: FakePool) -> None:
    """Let all nodes end."""
    for node in pool.nodes:
        pool.engine.end(node.name, exit_code=0)


def following(pool: FakePool) -> None:
    """Wait until every node is followed."""

    def probe() -> str | None:
        count = sum(call.method == "follow" for call in pool.engine.calls)
        return None if count >= len(pool.nodes) else f"{count} are followed"

    wait_until(probe, timeout_s=WITHIN_S, interval_s=0.01)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOOK_INTERVAL_S", 0.02)


def test_merged_in_order_of_time(written: FakePool) -> None:
    """Lines of all nodes come in the order in which they were written."""
    assert [(line.node, line.daemon, line.text) for line in logs.lines(written)] == [
        ("ci-master", "condor-mini", "has a token"),
        ("ci-submit-1", "schedd", "11/21/26 06:50:04 Started"),
        ("ci-master", "collector", "11/21/26 06:50:05 Updating"),
        ("ci-submit-1", "shadow", "11/21/26 06:50:06 (1.0) exit"),
    ]


@pytest.mark.parametrize(
    ("raw", "daemon", "text"),
    [
        ("startd: 11/21/26 06:50:04 Initial", "startd", "11/21/26 06:50:04 Initial"),
        ("schedd: ForkedChildren = 0", "schedd", "ForkedChildren = 0"),
        ("had: 11/21/26 06:50:04 x", "had", "11/21/26 06:50:04 x"),
        ("starter:", "starter", ""),
        ("cat: /x: No such file", "condor-mini", "cat: /x: No such file"),
        ("no colon", "condor-mini", "no colon"),
    ],
)
def test_daemon_of_a_line(pool: FakePool, raw: str, daemon: str, text: str) -> None:
    """A known daemon, or one whose lines bear HTCondor's time; all else is the node's own."""
    pool.engine.write_log("ci-master", f"{raw}\n")
    (line,) = logs.lines(pool)
    assert (line.daemon, line.text) == (daemon, text)


def test_only_a_node(written: FakePool) -> None:
    """With or without the pool's name."""
    for name in ("submit-1", "ci-submit-1"):
        assert {line.node for line in logs.lines(written, nodes=[name])} == {"ci-submit-1"}


def test_unknown_node(pool: FakePool) -> None:
    """A node that there is not is named."""
    with pytest.raises(NotFound, match="no node execute-9"):
        list(logs.lines(pool, nodes=["execute-9"]))


def test_only_a_daemon(written: FakePool) -> None:
    """However HTCondor writes its name."""
    for name in ("schedd", "SCHEDD", "condor_schedd"):
        assert [line.daemon for line in logs.lines(written, daemons=[name])] == ["schedd"]


def test_unknown_daemon(pool: FakePool) -> None:
    """A daemon that there is not is refused with those that there are."""
    with pytest.raises(UsageError, match=r"no daemon foo; there are: collector, .*schedd"):
        list(logs.lines(pool, daemons=["foo"]))


def test_nodes_first_show_what_was_written(written: FakePool) -> None:
    """What a node shows because it is asked is among the lines; only running nodes are asked."""
    written.engine.end("ci-execute-1", exit_code=0)
    asked: list[str] = []

    def show(call: FakeExec) -> FakeOutcome:
        asked.append(call.container)
        written.engine.write_log(call.container, "master: 11/21/26 06:50:07 shown\n")
        return FakeOutcome()

    written.engine.on_exec(SHOW, show)
    shown = [line.node for line in logs.lines(written) if line.text.endswith("shown")]
    assert sorted(asked) == sorted(shown) == ["ci-master", "ci-submit-1"]


def test_node_that_does_not_answer_has_its_log(written: FakePool) -> None:
    """A node that hangs delays the lines up to a deadline, and keeps none back."""
    written.engine.on_exec(SHOW, lambda _: FakeOutcome(seconds=2 * logs.SHOW_TIMEOUT_S))
    assert len(list(logs.lines(written))) == 4


def test_tail_counts_what_is_wanted(written: FakePool) -> None:
    """Of each node so many of the last lines, of the daemons that are wanted."""
    assert len(list(logs.lines(written, tail=1))) == 2
    assert [line.daemon for line in logs.lines(written, tail=1, daemons=["schedd"])] == ["schedd"]
    assert list(logs.lines(written, tail=0, daemons=["schedd"])) == []


def test_since(written: FakePool) -> None:
    """Only what was written from then on."""
    *_, last = logs.lines(written)
    assert list(logs.lines(written, since=last.time))[-1] == last


def test_node_that_ended_has_its_log(written: FakePool) -> None:
    """A log outlives its node's run."""
    written.engine.end("ci-submit-1", exit_code=1)
    assert "ci-submit-1" in {line.node for line in logs.lines(written)}


def test_follow_goes_on(written: FakePool) -> None:
    """What is there comes first, then what comes, and nothing twice."""
    followed = Followed(logs.follow(written, tail=1))
    assert followed.next() == "ci-master collector 11/21/26 06:50:05 Updating"
    assert followed.next() == "ci-submit-1 shadow 11/21/26 06:50:06 (1.0) exit"
    written.engine.write_log("ci-execute-1", "startd: 11/21/26 06:50:07 new\n")
    assert followed.next() == "ci-execute-1 startd 11/21/26 06:50:07 new"
    end(written)
    assert followed.ends()


@pytest.mark.parametrize("daemons", [None, ["shadow"]])
def test_follow_of_what_is_new_only(written: FakePool, daemons: list[str] | None) -> None:
    """With a tail of 0 nothing of what is there is shown."""
    followed = Followed(logs.follow(written, tail=0, daemons=daemons))
    following(written)
    written.engine.write_log("ci-submit-1", "shadow: 11/21/26 06:50:07 new\n")
    assert followed.next() == "ci-submit-1 shadow 11/21/26 06:50:07 new"
    end(written)
    assert followed.ends()


def test_follow_has_no_gap_at_equal_times(pool: FakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the same moment are counted, so that none is lost or shown twice."""
    pool.engine.write_log("ci-master", "master: 1\nmaster: 2\n")
    read = logs._Source.read

    def read_and_write(self: logs._Source, since: None, tail: None) -> None:
        read(self, since, tail)
        if self.name == "ci-master":
            log = pool.engine._host.get("ci-master").log
            monkeypatch.setattr(log, "_clock", lambda: log._lines[-1].time)
            log.write("master: 3\n")

    monkeypatch.setattr(logs._Source, "read", read_and_write)
    followed = Followed(logs.follow(pool, nodes=["master"]))
    assert [followed.next() for _ in range(3)] == [f"ci-master master {n}" for n in (1, 2, 3)]
    pool.engine.end("ci-master", exit_code=0)
    assert followed.ends()


def test_follow_picks_up_a_restart(pool: FakePool) -> None:
    """A node that is started again while others run is followed again, from where it was."""
    followed = Followed(logs.follow(pool))
    pool.engine.write_log("ci-execute-1", "startd: 11/21/26 06:50:07 one\n")
    assert followed.next().endswith("one")
    pool.engine.end("ci-execute-1", exit_code=0)
    pool.engine.start("ci-execute-1")
    pool.engine.write_log("ci-execute-1", "startd: 11/21/26 06:50:08 two\n")
    assert followed.next().endswith("two")
    end(pool)
    assert followed.ends()


def test_follow_picks_up_a_new_node(pool: FakePool) -> None:
    """A node that is added is followed from its first line."""
    followed = Followed(logs.follow(pool))
    pool.add("execute", 2)
    pool.engine.write_log("ci-execute-2", "startd: 11/21/26 06:50:07 hello\n")
    assert followed.next() == "ci-execute-2 startd 11/21/26 06:50:07 hello"
    end(pool)
    assert followed.ends()


def test_follow_of_chosen_nodes_ends_with_them(pool: FakePool) -> None:
    """Others may go on."""
    followed = Followed(logs.follow(pool, nodes=["execute-1"]))
    pool.add("execute", 2)
    pool.engine.write_log("ci-execute-2", "startd: 11/21/26 06:50:07 not wanted\n")
    pool.engine.end("ci-execute-1", exit_code=0)
    assert followed.ends()


def test_follow_of_a_stopped_pool_ends(written: FakePool) -> None:
    """There is nothing to wait for."""
    end(written)
    assert len(list(logs.follow(written))) == 4


def test_follow_ends_when_nobody_reads(pool: FakePool) -> None:
    """Leaving the iteration ends its threads."""
    before = set(threading.enumerate())
    pool.engine.write_log("ci-master", "master: 1\nmaster: 2\n")
    lines = logs.follow(pool, tail=1)
    next(lines)
    pool.engine.write_log("ci-master", "master: 3\n")
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    ours = set(threading.enumerate()) - before
    for thread in ours:
        thread.join(WITHIN_S)
    assert not any(thread.is_alive() for thread in ours)


def test_following_until_told(written: FakePool) -> None:
    """With ``ended``, the lines go on while no node runs, and a node that starts again is read."""
    ended = threading.Event()
    lines = Followed(logs.follow(written, ended=ended.is_set))
    for _ in range(4):
        lines.next()
    following(written)
    end(written)
    written.engine.start("ci-master")
    written.engine.write_log("ci-master", "collector: again\n")
    assert lines.next() == "ci-master collector again"
    ended.set()
    assert lines.ends()
