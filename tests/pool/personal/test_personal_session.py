"""The prompt: ``condor-mini run`` at a terminal or a pipe."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import NotFound
from condor_mini.base.layout import HEALTH

from ..people import PROMPT, Person, Terminal, kill_master, processes
from .conftest import directory_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import ContainerInfo, Engine

    Pools = Callable[[Path], list[ContainerInfo]]


@pytest.fixture(scope="module")
def terminal(person: Person) -> Iterator[Terminal]:
    """The caller at a prompt, where the tests type one after the other."""
    with directory_of(person) as place, person.terminal("run", cwd=place) as terminal:
        terminal.expect(r"Started HTCondor[^\n]*\n")
        terminal.expect(PROMPT)
        yield terminal


def test_prompt_is_of_a_working_pool(terminal: Terminal) -> None:
    """After ``Started HTCondor`` comes a prompt at which the slot is there."""
    assert "slot1@" in terminal.command("condor_status")


def test_queue_is_shown(terminal: Terminal) -> None:
    """condor_q answers for the schedd."""
    assert "-- Schedd: mini-" in terminal.command("condor_q")


def test_job_runs_at_once(terminal: Terminal) -> None:
    """A job that is submitted at the prompt is done in seconds."""
    terminal.type("printf 'executable=/bin/true\\nlog=l\\nqueue\\n' >j; condor_submit j")
    terminal.expect(r"\d job\(s\) submitted[^\n]*\n")
    terminal.expect(PROMPT)
    assert "All jobs done" in terminal.command("condor_wait -wait 20 l")


def test_pool_lives_on_after_restart(terminal: Terminal) -> None:
    """condor_restart is answered, and the shell has a working pool again, with other daemons."""
    schedd = "grep -lx condor_schedd /proc/[0-9]*/comm | grep -o '[0-9]*'"
    before = re.findall(r"(\d+)\r\n", terminal.command(schedd))
    assert 'Sent "Restart" command to local master' in terminal.command("condor_restart")
    shown = terminal.command(
        f"while [ \"$({schedd})\" = '{before[0]}' ]; do sleep 0.1; done; "
        f"{HEALTH} --wait 30; condor_status"
    )
    assert "slot1@" in shown


@pytest.mark.every_engine
@pytest.mark.usefixtures("one_caller")
def test_leaving_the_shell_ends_the_pool(
    person: Person, directory: Path, leftovers: Callable[[Path], list[str]]
) -> None:
    """Once the shell is left, its status is ours, and no container is there."""
    with person.terminal("run", cwd=directory) as terminal:
        terminal.expect(PROMPT)
        terminal.type("exit 5")
        assert terminal.end() == 5
    assert leftovers(directory) == []


@pytest.mark.usefixtures("one_caller")
def test_no_terminal_is_needed(person: Person, directory: Path) -> None:
    """Commands that are piped in run in the shell."""
    done = person.run("run", cwd=directory, stdin="condor_q\n")
    assert "-- Schedd: mini-" in done.stdout


@pytest.mark.every_engine
def test_second_run_is_in_the_same_pool(anyone: Person, here: Path) -> None:
    """A second run attaches to the container that the first one kept."""
    started = ["sh", "-c", "cut -d' ' -f22 /proc/1/stat"]  # proc(5): starttime
    first, second = (anyone.run("run", "--keep", "--", *started, cwd=here).stdout for _ in range(2))
    assert first.strip().isdigit()
    assert first == second


def test_run_without_keep_ends_a_kept_pool(anyone: Person, here: Path, pools: Pools) -> None:
    """A run without --keep ends the pool that it came to."""
    anyone.run("run", "--keep", "--", "true", cwd=here)
    anyone.run("run", "--", "true", cwd=here)
    assert pools(here) == []


def test_pool_ends_with_the_last_session(anyone: Person, here: Path, pools: Pools) -> None:
    """The first of two sessions that is left does not end the pool; the last one does."""
    with anyone.terminal("run", cwd=here) as terminal:
        terminal.expect(PROMPT)
        anyone.run("run", "--", "true", cwd=here)
        assert "slot1@" in terminal.command("condor_status")
        terminal.type("exit")
        terminal.end()
    assert pools(here) == []


def test_shell_ends_clearly_when_the_pool_does(
    pool_engine: Engine, anyone: Person, here: Path, pools: Pools
) -> None:
    """When condor_master is killed, the shell ends with a message that says so."""
    with anyone.terminal("run", cwd=here) as terminal:
        terminal.expect(PROMPT)
        (pool,) = pools(here)
        kill_master(pool_engine, pool.id)
        said = terminal.expect(r"All logs: [^\n]*\n")
    assert re.search(r"condor-mini: the pool mini-\w+ ended with 137 while it was in use", said)


@pytest.mark.every_engine
def test_pool_that_ended_is_status_5(
    pool_engine: Engine, anyone: Person, here: Path, pools: Pools, until: Callable[..., None]
) -> None:
    """A command in a pool whose master was killed ends with 5, not with the command's status."""
    with anyone.start("run", "--", "sleep", "600", cwd=here) as process:
        until(lambda: in_pool(pool_engine, pools(here), "sleep 600"), "the command runs")
        kill_master(pool_engine, pools(here)[0].id)
        assert process.wait(timeout=60) == 5


def in_pool(pool_engine: Engine, pools: list[ContainerInfo], command: str) -> bool:
    """Whether such a command runs in the pool."""
    with suppress(NotFound):  # it is not running yet
        return any(command in processes(pool_engine, pool.id).values() for pool in pools)
    return False
