"""``condor-mini token``: tokens for people, and what becomes of tokens."""

from __future__ import annotations

import os
from pathlib import Path

import click

from condor_mini.cli.options import (
    engine_option,
    name_option,
    open_pool,
    output_option,
    show_json,
    show_table,
)


@click.group("token")
def command() -> None:
    """Create, list and revoke tokens."""


@command.command("create")
@click.option(
    "--user",
    "--identity",
    "user",
    metavar="USER",
    default="jovyan",
    show_default=True,
    help="Who its holder is: a user of the access points, or NAME@DOMAIN.",
)
@click.option(
    "--authz",
    "authorizations",
    metavar="AUTHZ",
    multiple=True,
    help="What it is limited to, as often as needed. READ (query) and WRITE (submit) if none.",
)
@click.option(
    "--lifetime",
    "lifetime_s",
    type=click.IntRange(min=1),
    metavar="S",
    help="Seconds that it is good for. For ever if not given.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="A new file for it, which only you can read; else stdout.",
)
@name_option
@engine_option
def create(
    *,
    user: str,
    authorizations: tuple[str, ...],
    lifetime_s: int | None,
    output: str | None,
    name: str,
    engine: str | None,
) -> None:
    """Create a token: a line for the central manager, and one for each access point.

    HTCondor's tools find it as a file in ~/.condor/tokens.d.
    """
    made = open_pool(name, engine).create_token(
        user, authorizations=authorizations or None, lifetime_s=lifetime_s
    )
    if output is None:
        click.echo(made, nl=False)
        return
    with os.fdopen(os.open(Path(output), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(made)


@command.command("list")
@output_option
@name_option
@engine_option
def list_tokens(*, output: str, name: str, engine: str | None) -> None:
    """List the tokens on the nodes, without what makes them secret."""
    from condor_mini.times import rfc3339

    found = open_pool(name, engine).tokens()
    if output == "json":
        show_json([token.to_json() for token in found])
        return
    show_table(
        ["ID", "NODE", "IDENTITY", "LIMITED TO", "EXPIRES"],
        [
            [
                token.id,
                token.node,
                token.identity,
                " ".join(token.authorizations) or "nothing",
                rfc3339(token.expires_at) if token.expires_at else "never",
            ]
            for token in found
        ],
    )


@command.command("revoke")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--identity", "identities", metavar="NAME@DOMAIN", multiple=True, help="All tokens of this one."
)
@name_option
@engine_option
def revoke(
    *, ids: tuple[str, ...], identities: tuple[str, ...], name: str, engine: str | None
) -> None:
    """Revoke tokens, by id or by identity: they let nobody in any more, at once and for good.

    The nodes' ads are away until their next update. A node whose own token this was gets another
    by `restart --node`.
    """
    open_pool(name, engine).revoke_tokens(ids, identities=identities)
