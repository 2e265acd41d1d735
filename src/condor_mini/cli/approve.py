"""``condor-mini approve``: letting in who has asked."""

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
@click.option("--all", "everybody", is_flag=True, help="All that wait.")
@click.option("--list", "only_list", is_flag=True, help="Approve none; show which wait.")
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
    """Approve requests for a token, of nodes that were started with MASTER and no secret."""
    if [bool(ids), everybody, only_list].count(True) > 1:
        raise UsageError("IDs, --all or --list: one of them")
    members = find_members(name, container, engine)
    if ids or everybody:
        requests = members.approve(None if everybody else ids)
    else:
        requests = members.requests()
    if output == "json":
        show_json([request.to_json() for request in requests])
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
