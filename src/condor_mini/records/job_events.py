"""The job events of an access point: HTCondor's own log of the events of all jobs.

``EVENT_LOG`` (HTCondor's manual, "Daemon Logging Configuration File Entries") is written by the
schedd and by each shadow. A shadow opens it when its job starts, so those of jobs that run already
do not write there (``WriteUserLog::initialize``, write_user_log.cpp).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from condor_mini.base.errors import CommandFailed, PoolNotReady
from condor_mini.base.layout import CONFIG_DIRECTORY
from condor_mini.base.waiting import wait_until
from condor_mini.faults.holder import is_gone, this_process
from condor_mini.lifecycle import own_config
from condor_mini.nodes.fault_records import FaultHolder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from condor_mini.nodes.node import Node

CONFIG = f"{CONFIG_DIRECTORY}/71-record"
NAME = "RecordedEvents"
"""The file in the log directory, as ``event-log.conf`` names it."""
SCRIPT, STATE_SCRIPT = "look.sh", "log_state.sh"
_HOLDER = "# recorded by "
"""What begins the line of each process that records."""
IN_FORCE_TIMEOUT_S = 10.0
QUERY_TIMEOUT_S = 5
"""How long the schedd may take for its answer, in seconds."""
LOOK_TIMEOUT_S = 15.0
_BEGIN = re.compile(r"(?m)^[{\[]")
_Value = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an access point had to say at one look."""

    events: list[_Value]
    """The ClassAds of the new events."""
    jobs: list[_Value] | None
    """The ads of the jobs in the queue. None if the schedd does not answer."""
    offset: int
    """Where the next look at the log begins."""
    more: bool
    """Whether there are more events to read at once."""
    configured: bool
    """Whether the node's configuration still has the log."""
    failure: str
    """Why there are no jobs."""


def switch_on(node: Node, mark: str) -> tuple[str, int]:
    """Let an access point log all events; return the path of the log and its length.

    Args:
        node: The access point.
        mark: What distinguishes this recording from others of this process.

    Raises:
        PoolNotReady: The node does not run, or its schedd has not read the configuration in time.
        CommandFailed: A tool of HTCondor's failed.
    """
    log, size, others = _state(node, mark)
    own_config.write(node, CONFIG, "".join([*others, _holder_line(this_process(), mark), _knobs()]))
    _await(node, log)
    return log, size


def switch_off(node: Node, mark: str) -> None:
    """Let an access point log no events any more, unless another recording needs them.

    Args:
        node: The access point.
        mark: See ``switch_on``.

    Raises:
        PoolNotReady: The node does not run.
        CommandFailed: A tool of HTCondor's failed.
    """
    log, _, others = _state(node, mark)
    own_config.write(node, CONFIG, "".join([*others, _knobs()]) if others else "")
    if not others:
        _await(node, "")
        # A shadow of a job that still runs writes on, into a file without a name.
        node.exec(["rm", "-f", "--", log, f"{log}.lock"], user="root")


def look(node: Node, log: str, offset: int, attributes: Sequence[str]) -> Seen:
    """Return the new events, and the jobs in the queue.

    Args:
        node: The access point.
        log: Path of the log.
        offset: Where to begin in the log.
        attributes: The attributes to ask for of each job.

    Raises:
        PoolNotReady: The node does not run.
        CommandFailed: It has not answered in time.
    """
    query = ("timeout", str(QUERY_TIMEOUT_S), "condor_q", "-allusers", "-json")
    argv = [
        *("bash", "-s", "--", CONFIG, log, str(offset)),
        *(*query, "-attributes", ",".join(attributes)),
    ]
    script = (resources.files(__package__) / SCRIPT).read_text("utf-8")
    result = node.exec(argv, user="root", stdin=script, timeout_s=LOOK_TIMEOUT_S)
    head, *values = [*_values(result.stdout)] or [{}]
    if not isinstance(head, dict) or "offset" not in head:
        raise CommandFailed(argv[:7], result.returncode, result.stderr or result.stdout)
    jobs = next((value for value in values if isinstance(value, list)), [])
    return Seen(
        events=[value for value in values if isinstance(value, dict)],
        jobs=jobs if result.returncode == 0 else None,
        offset=head["offset"],
        more=head["more"],
        configured=head["configured"],
        failure=result.stderr.strip() or f"condor_q ended with {result.returncode}",
    )


def ended(node: Node, attributes: Sequence[str], last_s: int) -> list[Mapping[str, Any]]:
    """Return the ads of the jobs that have left the queue in the last seconds.

    Raises:
        CommandFailed: condor_history failed.
        PoolNotReady: The node does not run.
    """
    recent = f"EnteredCurrentStatus >= time() - {last_s}"
    text = _output(
        node,
        *("timeout", str(QUERY_TIMEOUT_S), "condor_history", "-json"),
        *("-attributes", ",".join(attributes), "-constraint", recent),
        # It reads from the end, and stops there: a long history is not read as a whole.
        *("-since", f"EnteredCurrentStatus < time() - {last_s + QUERY_TIMEOUT_S}"),
    )
    found: list[Mapping[str, Any]] = json.loads(text or "[]")
    return found


def _values(text: str) -> Iterator[_Value | list[_Value]]:
    """Yield the JSON values in a text, each of which begins in a line of its own."""
    decoder = json.JSONDecoder()
    place = 0
    while begun := _BEGIN.search(text, place):
        try:
            value, place = decoder.raw_decode(text, begun.end() - 1)
        except ValueError:  # what a tool says beside its answer, or an event that is damaged
            place = begun.end()
        else:
            yield value


def _output(node: Node, *argv: str, stdin: str | None = None) -> str:
    result = node.exec(argv, user="root", stdin=stdin)
    if result.returncode != 0:
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)
    return result.stdout


def _await(node: Node, log: str) -> None:
    """Wait until the schedd has read that the log is there; empty for that there is none."""

    def other() -> str | None:
        argv = ["condor_config_val", "-schedd", "EVENT_LOG"]
        result = node.exec(argv, user="root", timeout_s=IN_FORCE_TIMEOUT_S)
        found = result.stdout.strip()
        if result.returncode == 0 and found == log:
            return None
        if not log and found != log and "not defined" in (found + result.stderr).lower():
            return None
        return f"the schedd of {node.name} says {(found or result.stderr.strip())!r}"

    wait_until(
        other,
        timeout_s=IN_FORCE_TIMEOUT_S,
        error=PoolNotReady,
        headline=f"the schedd of {node.name} has not read its configuration",
    )


def _state(node: Node, mark: str) -> tuple[str, int, list[str]]:
    """Return the path of the log, its length, and the lines of the other recordings.

    Recordings whose process is gone are left out.
    """
    script = (resources.files(__package__) / STATE_SCRIPT).read_text("utf-8")
    text = _output(node, "sh", "-s", "--", CONFIG, NAME, stdin=script)
    log, size, *lines = text.splitlines(keepends=True)
    ours = _holder_line(this_process(), mark)
    found = [line for line in lines if line.startswith(_HOLDER) and line != ours]
    return log.strip(), int(size), [line for line in found if not is_gone(_holder(line))]


def _knobs() -> str:
    return (resources.files(__package__) / "event-log.conf").read_text("utf-8")


def _holder_line(holder: FaultHolder, mark: str) -> str:
    fields = [mark, holder.host, holder.pid, holder.started, holder.space]
    return f"{_HOLDER}{json.dumps(fields)}\n"


def _holder(line: str) -> FaultHolder:
    _, host, pid, started, space = json.loads(line.removeprefix(_HOLDER))
    return FaultHolder(host=host, pid=pid, started=started, space=space)
