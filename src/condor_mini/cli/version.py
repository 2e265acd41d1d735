"""``condor-mini version``: show the versions of condor-mini and of what it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    output_option,
    show_json,
)

if TYPE_CHECKING:
    from condor_mini.reports.status import PoolStatus
    from condor_mini.reports.versions import Versions


@click.command("version")
@name_option
@output_option
@engine_option
@click.pass_context
def command(ctx: click.Context, *, name: str, output: str, engine: str | None) -> None:
    """Show the versions of condor-mini, Python, the engine and HTCondor in the images.

    With -n, also show the versions of a pool's nodes.
    """
    from condor_mini.reports.status import status
    from condor_mini.reports.versions import versions

    found = versions(engine)
    asked = ctx.get_parameter_source("name") is click.core.ParameterSource.COMMANDLINE
    pool = status(open_pool(name, engine)) if asked else None
    if output == "json":
        nodes = {node.name: node.version for node in pool.nodes} if pool else None
        show_json({**found.to_json(), "pool": nodes and {"name": name, "nodes": nodes}})
        return
    _show(found)
    if pool:
        _show_pool(pool)


def _show(found: Versions) -> None:
    click.echo(f"condor-mini {found.condor_mini} (Python {found.python}, {found.platform})")
    if found.engine:
        engine = found.engine
        click.echo(f"engine: {engine.name} {engine.version} at {engine.endpoint}")
    else:
        click.echo(f"engine: none ({found.engine_error})")
    for series in found.htcondor:
        default = ", the default" if series.is_default else ""
        present = {version or "unknown" for version in series.images.values()}
        built = f"{len(series.images)} images, {', '.join(sorted(present))}" if present else "none"
        click.echo(
            f"HTCondor {series.series}{default}: tested with {series.tested}; images: {built}"
        )


def _show_pool(pool: PoolStatus) -> None:
    click.echo(f"pool {pool.name}:")
    for node in pool.nodes:
        click.echo(f"  {node.name}: {node.version or f'unknown ({node.state})'}")
