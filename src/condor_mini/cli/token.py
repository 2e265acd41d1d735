"""``condor-mini token``: tokens for people, and what becomes of tokens."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.cli.options import (
    container_option,
    engine_option,
    find_members,
    name_option,
    output_option,
    show_json,
    show_table,
)
from condor_mini.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


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
@container_option
@engine_option
def create(
    *,
    user: str,
    authorizations: tuple[str, ...],
    lifetime_s: int | None,
    output: str | None,
    name: str,
    container: str | None,
    engine: str | None,
) -> None:
    """Create a token: a line for the central manager, and one for each access point.

    HTCondor's tools find it as a file in ~/.condor/tokens.d.
    """
    with ExitStack() as stack:
        file = None if output is None else stack.enter_context(_new_file(Path(output)))
        made = find_members(name, container, engine).create_token(
            user, authorizations=authorizations or None, lifetime_s=lifetime_s
        )
        click.echo(made, nl=False, file=file)


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """A file that only the caller can read, and that is not there if something fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} is there already, and is not overwritten") from None
    except OSError as error:
        raise StateError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@command.command("list")
@output_option
@name_option
@container_option
@engine_option
def list_tokens(*, output: str, name: str, container: str | None, engine: str | None) -> None:
    """List the tokens on the nodes, without what makes them secret."""
    from condor_mini.times import rfc3339

    found = find_members(name, container, engine).tokens()
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
@container_option
@engine_option
def revoke(
    *,
    ids: tuple[str, ...],
    identities: tuple[str, ...],
    name: str,
    container: str | None,
    engine: str | None,
) -> None:
    """Revoke tokens, by id or by identity: they let nobody in any more, at once and for good.

    The nodes' ads are away until their next update. A node whose own token this was gets another
    by `restart --node`.
    """
    find_members(name, container, engine).revoke(ids, identities=identities)
