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
    from collections.abc import Callable

    from condor_mini.faults.fault import Fault

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
    """Break a pool on purpose: kill, freeze, stop or drain a part of it, hold or evict jobs.

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
_reason_option = click.option("--reason", default="", metavar="TEXT", help="Set HoldReason.")
_code_option = click.option(
    "--code", type=click.IntRange(0), metavar="N", help="Set HoldReasonCode in the jobs' ads."
)
_subcode_option = click.option(
    "--subcode", type=click.IntRange(0), metavar="N", help="Set HoldReasonSubCode."
)

_signal_option = click.option(
    "--signal", default="KILL", show_default=True, metavar="NAME", help="Send this signal."
)
_file_option = click.option(
    "--file",
    required=True,
    metavar="PATH",
    help="Strike this file, by its path in the sandbox or in transfer_input_files.",
)


def _command_of(fault: Fault) -> click.Command:
    """Return the command that makes a fault."""
    from condor_mini.faults.fault import Strikes

    options: list[Callable[[click.Command], object]] = [name_option]
    if fault.lasts:
        options.append(_for_option)
    if fault.strikes is Strikes.JOBS:
        options.append(node_option)
    if fault.name == "hold":
        options += [_reason_option, _code_option, _subcode_option]
    if fault.name == "signal":
        options.append(_signal_option)
    if fault.name in ("lose-file", "lose-input"):
        options.append(_file_option)
    metavar = "JOB..." if fault.strikes is Strikes.JOBS else str(fault.strikes)

    def run(**given: object) -> None:
        _run(fault, **given)  # type: ignore[arg-type]

    made = click.Command(fault.name, callback=run, help=f"{fault.what}\n\nSeen: {fault.seen}.")
    made.params.append(click.Argument(["words"], nargs=-1, required=True, metavar=metavar))
    options += [engine_option, quiet_option]
    for option in options:
        option(made)
    return made


def _run(
    fault: Fault,
    *,
    words: tuple[str, ...],
    name: str,
    engine: str | None,
    quiet: bool,
    duration: str | None = None,
    node: str | None = None,
    reason: str = "",
    code: int | None = None,
    subcode: int | None = None,
    signal: str = "",
    file: str = "",
) -> None:
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.times import parse_duration
    from condor_mini.faults.fault import Strikes

    progress = progress_for_stderr(quiet=quiet)
    for_s = None if duration is None else parse_duration(duration)
    daemon, jobs = "", words
    if fault.strikes is not Strikes.JOBS:
        node, daemon, jobs = *_place(fault, words), ()
    made = open_pool(name, engine).faults.strike(
        fault.name,
        node,
        daemon,
        jobs=jobs,
        reason=reason,
        code=code,
        subcode=subcode,
        signal=signal,
        file=file,
        for_s=for_s,
        held=for_s is not None,
    )
    if made is None:
        progress.note(f"Done: {fault.name} {' '.join(words)}")
        return
    if for_s is None:
        undo = f"condor-mini heal -n {name} {made.record.target}"
        progress.note(f"{made.record} is in force. Undo it: {undo}")
        return
    with made:
        progress.note(f"{made.record} is in force for {for_s} s; Ctrl-C ends it")
        made.last()
    progress.note(f"Healed {made.record}")


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
