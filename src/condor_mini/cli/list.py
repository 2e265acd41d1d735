"""``condor-mini list``: list the pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    engine_option,
    output_option,
    show_json,
    show_problems,
    show_table,
)

if TYPE_CHECKING:
    from condor_mini.reports.listing import ListedPool

_TITLES = {
    "master": "central manager",
    "submit": "access point",
    "execute": "execution point",
    "mini": "personal pool",
}


@click.command("list")
@click.option("-q", "--quiet", is_flag=True, help="Print only the names.")
@output_option
@engine_option
def command(*, quiet: bool, output: str, engine: str | None) -> None:
    """List all pools, and the personal pools of `condor-mini run`."""
    from condor_mini.base.times import ago
    from condor_mini.engines import find_engine
    from condor_mini.reports.listing import ListedState, listing

    found = listing(find_engine(engine))
    pools = found.pools
    show_problems(found.problems)
    if output == "json":
        show_json([pool.to_json() for pool in pools])
        return
    if quiet:
        for pool in pools:
            click.echo(pool.name)
        return
    if not pools:
        click.echo("There are no pools. Create one: condor-mini create", err=True)
        return
    show_table(
        ["NAME", "HTCONDOR", "STATE", "NODES", "STARTED"],
        [
            [
                pool.name,
                pool.series or "-",
                f"{pool.state} {pool.running}/{sum(pool.nodes.values())}",
                _nodes(pool),
                ago(pool.started_at) if pool.started_at else "-",
            ]
            for pool in pools
        ],
    )
    for pool in pools:
        match pool.state:
            case ListedState.PART:
                click.echo(
                    f"The pool {pool.name} has its central manager on another host.", err=True
                )
            case ListedState.KEPT if not any(pool.nodes.values()):
                click.echo(
                    f"The creation of the pool {pool.name} was cut off; it has no nodes yet. "
                    f"Finish it: condor-mini start -n {pool.name}. "
                    f"Delete it: condor-mini delete -n {pool.name}",
                    err=True,
                )
            case ListedState.KEPT:
                click.echo(
                    f"All containers of the pool {pool.name} were removed; its state is kept. "
                    f"Create them again: condor-mini start -n {pool.name}",
                    err=True,
                )
            case ListedState.INCOMPLETE:
                # A pool without any container is ``kept`` if `start` can create it again.
                can_start = bool(pool.series)
                start = f"Create it again: condor-mini start -n {pool.name}. " if can_start else ""
                click.echo(
                    f"The pool {pool.name} has no central manager. {start}"
                    f"Delete what is left: condor-mini delete -n {pool.name}",
                    err=True,
                )


def _nodes(pool: ListedPool) -> str:
    """Return ``1 central manager, 2 access points``, or a personal pool's state directory."""
    if pool.directory:
        return f"personal: {pool.directory}"
    where = [f"in the pool at {pool.joins}"] if pool.joins else []
    counts = [
        f"{count} {_TITLES[role]}{'s' if count > 1 else ''}"
        for role, count in pool.nodes.items()
        if count
    ]
    return ", ".join([*counts, *where])
