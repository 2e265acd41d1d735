"""Options that several commands share, and functions that show results."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.base.signals import start_thread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from condor_mini.base.progress import Progress
    from condor_mini.engine import Engine
    from condor_mini.members.membership import Members
    from condor_mini.nodes.holdings import LabelProblem
    from condor_mini.nodes.node import Node
    from condor_mini.pool import Pool


def _engine_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from condor_mini.engines import AUTO, CANDIDATES

    names = (AUTO, *(candidate.name for candidate in CANDIDATES))
    return [name for name in names if name.startswith(incomplete)]


def _series_numbers(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from condor_mini.base.series import catalogue

    return [number for number in catalogue().series if number.startswith(incomplete)]


engine_option = click.option(
    "--engine",
    envvar="CONDOR_MINI_ENGINE",
    metavar="NAME",
    shell_complete=_engine_names,
    help="Use this engine: auto (the default), docker, podman, or embedded, which needs no "
    "container engine. Also CONDOR_MINI_ENGINE.",
)
series_option = click.option(
    "--htcondor",
    "series",
    metavar="SERIES",
    shell_complete=_series_numbers,
    help="Use HTCondor 25 (the default) or 23. Also CONDOR_MINI_HTCONDOR.",
)
profile_option = click.option(
    "--profile",
    type=click.Choice(["dev", "production"]),
    help="Let HTCondor react at once (dev, the default), or wait as long as its own defaults do "
    "(production).",
)
host_files_option = click.option(
    "--host-files",
    is_flag=False,
    flag_value="ro",
    type=click.Choice(["ro", "rw"]),
    help="Show the host's programs and your home to jobs and access points: ro (the default) or "
    "rw. Embedded engine only.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Show no progress on stderr.")
job_log_option = click.option(
    "--log", "with_log", is_flag=True, help="Also show the events in the jobs' log."
)
job_timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=float("inf"),
    metavar="S",
    help="Give up if not all jobs have ended after S seconds.",
)
output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    help="Print text (the default), or json for programs: see docs/reference/json.md.",
)


def _pool_names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names that complete a pool's name; none if there is no engine."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    try:
        return [pool.name for pool in Pool.list() if pool.name.startswith(incomplete)]
    except CondorMiniError:
        return []


def note_one_user(node: Node, user: str) -> None:
    """Say on stderr that a command runs as another user than was asked for."""
    from condor_mini.base.layout import USER

    if node.has_one_user and user != USER:
        click.echo(
            f"The node {node.name} has one user: the command runs as {USER}, not as {user}.",
            err=True,
        )


def node_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names that complete a node's name, in the pool that the command line names."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    try:
        pool = Pool.open(ctx.params.get("name") or "mini")
        return [node.name for node in pool.nodes if node.name.startswith(incomplete)]
    except CondorMiniError:
        return []


def cluster_numbers(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the numbers that complete a cluster in the queues of the pool that is named."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    try:
        ads = Pool.open(ctx.params.get("name") or "mini").job_ads(projection=["ClusterId"])
    except CondorMiniError:
        return []
    found = sorted({int(str(ad["ClusterId"])) for ad in ads})
    return [str(number) for number in found if str(number).startswith(incomplete)]


def job_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the clusters that complete a word, or the jobs of the cluster before its dot."""
    from condor_mini.base.errors import CondorMiniError
    from condor_mini.pool import Pool

    cluster, dot, _ = incomplete.partition(".")
    if not dot or not cluster.isdecimal():
        return cluster_numbers(ctx, param, incomplete)
    try:
        pool = Pool.open(ctx.params.get("name") or "mini")
        ads = pool.job_ads(f"ClusterId == {cluster}", ["ProcId"])
    except CondorMiniError:
        return []
    found = sorted({int(str(ad["ProcId"])) for ad in ads})
    return [job for proc in found if (job := f"{cluster}.{proc}").startswith(incomplete)]


name_option = click.option(
    "-n",
    "--name",
    envvar="CONDOR_MINI_NAME",
    default="mini",
    metavar="NAME",
    callback=lambda _ctx, _param, value: valid_name(value),
    shell_complete=_pool_names,
    help="Use the pool of this name; the default is mini. Also CONDOR_MINI_NAME.",
)


class PoolCommand(click.Command):
    """A command on a pool that can be named by an argument as well as by ``-n``."""

    def __init__(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401 (as click has them)
        super().__init__(*args, **attributes)
        argument = click.Argument(
            ["pool"],
            required=False,
            metavar="[NAME]",
            expose_value=False,
            shell_complete=_pool_names,
        )
        self.params.insert(0, argument)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the argument as ``--name``, so that only one of the two has to be looked at."""
        given, _, _ = self.make_parser(ctx).parse_args([*args])
        pool, name = given.get("pool"), given.get("name")
        if isinstance(pool, str):  # click marks in its own ways what was not given
            if isinstance(name, str) and name != pool:
                raise UsageError(f"use either {pool} or -n {name}, not both")
            args = ["--name", pool, *args]
        return super().parse_args(ctx, args)


class WithCommand(click.Command):
    """A command after whose options and arguments ``--`` and another command may follow."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what follows ``--`` as the parameter ``argv``."""
        end = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:end])
        ctx.params["argv"] = args[end + 1 :]
        return rest


class WatchCommand(PoolCommand):
    """A command on a pool whose ``--watch`` may be followed by seconds, or by the pool's name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give ``--watch`` its default where no number follows it."""
        following = [*args[1:], ""]
        return super().parse_args(
            ctx,
            [
                f"--watch={WATCH_INTERVAL_S:g}"
                if word == "--watch" and not _is_number(after)
                else word
                for word, after in zip(args, following, strict=False)
            ],
        )


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _watch_interval(
    _ctx: click.Context, _param: click.Parameter, value: float | None
) -> float | None:
    # click lets nan pass as a number in any range.
    if value is not None and not 1 <= value <= LONGEST_WATCH_INTERVAL_S:
        raise UsageError(f"--watch {value:g}: must be between 1 and {LONGEST_WATCH_INTERVAL_S} s")
    return value


WATCH_INTERVAL_S = 2.0
LONGEST_WATCH_INTERVAL_S = 86_400
watch_option = click.option(
    "--watch",
    "watch_s",
    type=float,
    metavar="[S]",
    callback=_watch_interval,
    help="Look again every S seconds (the default is 2, and the least 1) until Ctrl-C: redraw a "
    "terminal, and print to a pipe when something has changed.",
)
container_option = click.option(
    "--container",
    metavar="NAME",
    help="Use a central manager that was started with the engine alone, and not a pool.",
)
node_option = click.option(
    "--node",
    metavar="NODE",
    shell_complete=node_names,
    help="Use this node, named with or without the pool's name: execute-2. The default is the "
    "first access point.",
)
node_option_or_all = click.option(
    "--node",
    metavar="NODE",
    shell_complete=node_names,
    help="Use only this node. The default is all nodes.",
)
access_point_option = click.option(
    "--access-point",
    metavar="NODE",
    shell_complete=node_names,
    help="Use this access point by default: submit-2. The default is the first.",
)
tools_option = click.option(
    "--tools",
    "with_tools",
    is_flag=True,
    help="Also put HTCondor's own programs (condor_submit, condor_q, ...) on PATH, in the pool's "
    "series. They are made once, without root. Linux only.",
)
leave_out_option = click.option(
    "--leave-out-running",
    is_flag=True,
    help="Remove the jobs that ran when the snapshot was made. The default is to run them again.",
)
timeout_option = click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0),
    default=120,
    show_default=True,
    metavar="S",
    help="Give up if the pool is not usable after S seconds.",
)


def valid_name(name: str) -> str:
    """Return the name if engines accept it for containers and networks, and DNS for hosts.

    Raises:
        UsageError: It is not such a name.
    """
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise UsageError(
            f"--name {name}: must be lower-case letters, digits and hyphens, at most 40"
        )
    return name


def open_pool(name: str, engine: str | None) -> Pool:
    """Return the pool of that name on the chosen engine; raises what ``Pool.open`` raises."""
    found = _reached(engine)
    from condor_mini.pool import Pool

    return Pool.open(name, engine=found)


def open_node(name: str, node: str | None, engine: str | None) -> Node:
    """Return a node of the pool of that name; raises what ``Pool.open_node`` raises."""
    found = _reached(engine)
    from condor_mini.pool import Pool

    return Pool.open_node(name, node, engine=found)


def pool_named(name: str, engine: str | None, *modules: str) -> Pool:
    """Return the pool of that name on the chosen engine, which may have none.

    It saves one question to the engine if the next call asks for the pool's nodes in any case.
    Faults whose holder is gone, or whose time is over, are healed beside the command, which ends
    when they are.

    Args:
        name: Name of the pool.
        engine: Name of the engine. None for the first that answers.
        modules: Names of modules that the command needs next.
    """
    found = _reached(engine, *modules)
    from condor_mini.pool import Pool

    pool = Pool(found, name)
    healing = Thread(target=_heal_abandoned, args=(pool,), daemon=True)
    start_thread(healing)
    click.get_current_context().call_on_close(healing.join)
    return pool


def _reached(engine: str | None, *modules: str) -> Engine:
    """Return the chosen engine, and import while it is asked: both take some 30 ms."""
    from condor_mini.base.parallel import each
    from condor_mini.engines import reached

    def load() -> None:
        for module in ("condor_mini.pool", *modules):
            import_module(module)

    found: list[Engine] = []
    each(lambda task: task(), (lambda: found.append(reached(engine)), load))
    return found[0]


def _heal_abandoned(pool: Pool) -> None:
    from condor_mini.faults import journal

    with suppress(CondorMiniError):  # the command says what is wrong
        if journal.records(pool.engine, pool.name):
            pool.faults.heal_abandoned()


def find_members(name: str, container: str | None, engine: str | None) -> Members:
    """Return the members of the pool, or of the central manager in ``container`` if it is given.

    Args:
        name: Name of the pool.
        container: Container of a central manager that was started with the engine alone.
        engine: Name of the engine. None for the first that answers.
    """
    from condor_mini.members.membership import Members

    if container is not None:
        return Members.of_container(container, engine=engine)
    return open_pool(name, engine).members


def reach_engine(choice: str | None, progress: Progress) -> Engine:
    """Return the engine of that name, or the first that answers.

    If there is none, root on Debian and Ubuntu installs or starts Docker. A person at a terminal
    is asked first.

    Args:
        choice: Name of the engine. None for the first that answers.
        progress: Receives a note about each thing that is installed or started.
    """
    from condor_mini.setup.engine_installation import ensure_engine

    def ask(question: str) -> bool:
        return click.confirm(question, default=True, err=True)

    at_terminal = sys.stdin.isatty() and sys.stderr.isatty()
    return ensure_engine(choice, confirm=ask if at_terminal else None, say=progress.note)


def show_json(value: Any, *, file: TextIO | None = None) -> None:  # noqa: ANN401 (whatever JSON can say)
    """Write a result for programs to stdout, or to a file."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False), file=file)


def show_problems(problems: Sequence[LabelProblem]) -> None:
    """Write a warning to stderr for each object whose labels are not believed or not understood."""
    for problem in problems:
        click.echo(f"Warning: {problem}", err=True)


def show_table(columns: list[str], rows: list[list[str]]) -> None:
    """Write a result for people to stdout: columns are as wide as needed, and nothing is cut."""
    for line in table(columns, rows):
        click.echo(line)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; see ``show_table``."""
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    padded = (
        (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in [columns, *rows]
    )
    return ["  ".join(cells).rstrip() for cells in padded]
