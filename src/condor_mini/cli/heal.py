"""``condor-mini heal``: undo faults."""

from __future__ import annotations

import click

from condor_mini.cli.options import engine_option, name_option, open_pool, quiet_option


@click.command("heal")
@click.argument("what", metavar="[FAULT|NODE|NODE/DAEMON]", required=False)
@name_option
@engine_option
@quiet_option
def command(*, what: str | None, name: str, engine: str | None, quiet: bool) -> None:
    """Undo faults, and wait until their nodes do their work again. The default is all faults."""
    from condor_mini.base.progress import progress_for_stderr

    progress = progress_for_stderr(quiet=quiet)
    healed = open_pool(name, engine).faults.heal(what)
    for record in healed:
        progress.note(f"Healed {record}")
    if not healed:
        progress.note("Nothing to heal: no such fault is in force")
