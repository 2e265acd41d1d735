"""``condor-mini fault``: break a pool on purpose. Each fault is a command of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    engine_option,
    name_option,
    node_option,
    open_pool,
    output_option,
    quiet_option,
    show_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.faults.choices import Choices
    from condor_mini.faults.fault import Fault, FaultOption

LIST = "list"


class _Faults(click.Group):
    """The group of all faults. Its commands are made of the catalogue."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        from condor_mini.faults.catalogue import FAULTS

        return [LIST, *FAULTS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        from condor_mini.faults.catalogue import fault_named

        return _list if cmd_name == LIST else _command_of(fault_named(cmd_name))


@click.group("fault", cls=_Faults)
def command() -> None:
    """Break a pool on purpose: kill, freeze, stop or cut off a part of it, hold or evict jobs.

    A fault that lasts stays until `condor-mini heal`, or ends by itself with --for.
    """


@click.command(LIST)
@output_option
def _list(*, output: str) -> None:
    """List the faults: what HTCondor does then, what shows it, and on which engines it works."""
    from condor_mini.faults.catalogue import FAULTS

    if output == "json":
        show_json([fault.to_json() for fault in FAULTS.values()])
        return
    for place, fault in enumerate(FAULTS.values()):
        undone = f"Lasts. Undone by {fault.undone_by}." if fault.lasts else "A moment."
        click.echo(("\n" if place else "") + f"{fault.name} {fault.strikes}")
        lines = [fault.what, f"Seen: {fault.seen}.", undone, f"Engines: {fault.engines}."]
        if fault.daemons:
            lines.insert(1, f"Daemons: {', '.join(fault.daemons)}.")
        if fault.options:
            given = (f"--{option.name} {option.metavar}" for option in fault.options)
            lines.insert(1, f"Options: {', '.join(given)}.")
        click.echo(
            "\n".join(
                click.wrap_text(line, 78, initial_indent="  ", subsequent_indent="  ")
                for line in lines
            )
        )


_for_option = click.option(
    "--for",
    "duration",
    metavar="TIME",
    help="Keep it in force so long (30s, 2m), and undo it then; Ctrl-C undoes it at once. "
    "Without it, the fault stays until `condor-mini heal`.",
)


def _command_of(fault: Fault) -> click.Command:
    """Return the command that makes a fault."""
    from condor_mini.faults.fault import Strikes

    options: list[Callable[[click.Command], object]] = [name_option]
    if fault.lasts:
        options.append(_for_option)
    if fault.strikes is Strikes.JOBS:
        options.append(node_option)
    options += map(_option, fault.options)
    metavar = "JOB..." if fault.strikes is Strikes.JOBS else str(fault.strikes)
    names = {f"option_{option.name}": option.name for option in fault.options}

    def run(**given: object) -> None:
        chosen = {names[key]: value for key in names if (value := given.pop(key))}
        _run(fault, chosen=chosen, **given)  # type: ignore[arg-type]

    made = click.Command(fault.name, callback=run, help=f"{fault.what}\n\nSeen: {fault.seen}.")
    made.params.append(click.Argument(["words"], nargs=-1, required=True, metavar=metavar))
    options += [engine_option, quiet_option]
    for option in options:
        option(made)
    return made


def _option(option: FaultOption) -> Callable[[click.Command], object]:
    """Return an option of a fault as one of its command."""
    return click.option(
        f"--{option.name}",
        f"option_{option.name}",
        metavar=option.metavar,
        multiple=option.many,
        required=option.required,
        help=option.what,
    )


def _run(
    fault: Fault,
    *,
    chosen: Choices,
    words: tuple[str, ...],
    name: str,
    engine: str | None,
    quiet: bool,
    duration: str | None = None,
    node: str | None = None,
) -> None:
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.times import parse_duration
    from condor_mini.faults.fault import Strikes

    progress = progress_for_stderr(quiet=quiet)
    for_s = None if duration is None else parse_duration(duration)
    nodes: str | Sequence[str] | None = node
    daemon, jobs = "", words
    if fault.strikes is Strikes.NODES:
        nodes, jobs = words, ()
    elif fault.strikes is not Strikes.JOBS:
        nodes, daemon, jobs = *_place(fault, words), ()
    made = open_pool(name, engine).faults.strike(
        fault.name,
        nodes,
        daemon,
        jobs=jobs,
        options=chosen,
        for_s=for_s,
        held=for_s is not None,
        progress=progress,
    )
    if made is None:
        progress.note(f"Done: {fault.name} {' '.join(words)}")
        return
    if for_s is None:
        what = made.record.target if len(made.records) == 1 else fault.name
        progress.note(f"{made} is in force. Undo it: condor-mini heal -n {name} {what}")
        return
    with made:
        progress.note(f"{made} is in force for {for_s} s; Ctrl-C ends it")
        made.last()
    progress.note(f"Healed {made}")


def _place(fault: Fault, words: tuple[str, ...]) -> tuple[str, str]:
    """Return the node and the daemon that the arguments name."""
    from condor_mini.faults.fault import Strikes

    parts = words[0].split("/") if len(words) == 1 else list(words)
    if len(parts) != (2 if fault.strikes is Strikes.DAEMON else 1):
        example = "execute-1 startd" if fault.strikes is Strikes.DAEMON else "execute-1"
        raise UsageError(
            f"{fault.name} takes {fault.strikes}: condor-mini fault {fault.name} {example}"
        )
    return parts[0], parts[1] if len(parts) > 1 else ""
