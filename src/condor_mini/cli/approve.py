"""``condor-mini approve``: approve requests for a token."""

from __future__ import annotations

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    container_option,
    engine_option,
    find_members,
    name_option,
    output_option,
    show_json,
    show_table,
)


@click.command("approve")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everybody", is_flag=True, help="Approve all pending requests.")
@click.option("--list", "only_list", is_flag=True, help="Show the pending requests; approve none.")
@output_option
@name_option
@container_option
@engine_option
def command(
    *,
    ids: tuple[str, ...],
    everybody: bool,
    only_list: bool,
    output: str,
    name: str,
    container: str | None,
    engine: str | None,
) -> None:
    """Approve requests for a token from nodes that were started with MASTER and no secret.

    Without ID and --all, show the pending requests.
    """
    if [bool(ids), everybody, only_list].count(True) > 1:
        raise UsageError("use only one of ID, --all and --list")
    members = find_members(name, container, engine)
    if ids or everybody:
        requests = members.approve(None if everybody else ids)
    else:
        requests = members.requests()
    if output == "json":
        show_json([request.to_json() for request in requests])
        return
    if not requests:
        click.echo("No request is waiting", err=True)
        return
    show_table(
        ["ID", "CLIENT", "ADDRESS", "IDENTITY", "LIMITED TO"],
        [
            [
                request.id,
                request.client,
                request.address,
                request.identity,
                " ".join(request.authorizations) or "nothing",
            ]
            for request in requests
        ],
    )
