"""``condor-mini token``: create, list and revoke tokens."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import StateError, UsageError
from condor_mini.base.layout import USER
from condor_mini.cli.options import (
    container_option,
    engine_option,
    find_members,
    name_option,
    open_pool,
    output_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from typing import TextIO

    from condor_mini.members.issued_tokens import Token


JOIN_LIFETIME = "24h"


class _Format(click.Choice[str]):
    """The choice of text or json. The error for any other value suggests ``--file``."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            raise UsageError(
                f"-o {value}: must be text or json",
                hint=f"Write the token to a file: --file {shlex.quote(value)}",
            )
        return super().convert(value, param, ctx)


@click.group("token")
def command() -> None:
    """Create, list and revoke tokens."""


@command.command("create")
@click.option(
    "--user",
    "--identity",
    "user",
    metavar="USER",
    default=USER,
    show_default=True,
    help="Issue the token to this holder: a user of the access points, or NAME@DOMAIN.",
)
@click.option(
    "--authz",
    "authorizations",
    metavar="AUTHZ",
    multiple=True,
    help="Limit the token to this authorization level of HTCondor (READ, WRITE, ADVERTISE_STARTD, "
    "…). May be repeated. The default is READ (query) and WRITE (submit).",
)
@click.option(
    "--lifetime",
    "lifetime_s",
    type=click.IntRange(min=1),
    metavar="S",
    help="Let the token expire after S seconds. By default, it never expires.",
)
@click.option(
    "--join",
    "joins",
    type=click.Choice(["execute", "submit"]),
    help="Create a join token instead: with it, nodes of other hosts join the pool as execution "
    "points or as access points (`condor-mini join`).",
)
@click.option(
    "--uses",
    type=click.IntRange(min=1),
    metavar="N",
    help="Let N nodes join with the join token. The default is 1.",
)
@click.option(
    "--expires",
    metavar="DURATION",
    help="Let the join token expire after 90s, 10m, 24h (the default), 7d, ...",
)
@click.option(
    "--file",
    "path",
    metavar="FILE",
    help="Write the token to a new file that only you can read, and not to stdout.",
)
@click.option(
    "-o",
    "--output",
    type=_Format(["text", "json"]),
    default="text",
    help="Print the token alone (text, the default), or its id too (json: docs/reference/json.md).",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print the token's id on stderr.")
@name_option
@container_option
@engine_option
@click.pass_context
def create(
    ctx: click.Context,
    *,
    user: str,
    authorizations: tuple[str, ...],
    lifetime_s: int | None,
    joins: str | None,
    uses: int | None,
    expires: str | None,
    path: str | None,
    output: str,
    quiet: bool,
    name: str,
    container: str | None,
    engine: str | None,
) -> None:
    """Create a token: one line for the central manager, and one for each access point.

    A join token is one line; each node exchanges it for a token of its own. HTCondor's tools find
    other tokens in files in ~/.condor/tokens.d. The token's id, which `token revoke`
    takes, is printed on stderr.
    """
    from condor_mini.base.times import parse_duration
    from condor_mini.nodes.node import Role

    has_user = ctx.get_parameter_source("user") is click.core.ParameterSource.COMMANDLINE
    has_users_options = lifetime_s is not None or bool(authorizations) or has_user
    _check_options(joins, uses, expires, has_users_options=has_users_options)
    with ExitStack() as stack:
        file = None if path is None else stack.enter_context(_new_file(Path(path)))
        members = find_members(name, container, engine)
        if joins is None:
            made = members.create_token(
                user, authorizations=authorizations or None, lifetime_s=lifetime_s
            )
        else:
            made = members.create_join_token(
                Role(joins), uses=uses or 1, lifetime_s=parse_duration(expires or JOIN_LIFETIME)
            )
        if output == "json":
            show_json(made.to_json(), file=file)
        else:
            click.echo(made.secret, nl=False, file=file)
    if quiet:
        return
    where = f"-n {name}" if container is None else f"--container {container}"
    limits = " ".join(made.authorizations)
    click.echo(
        f"Token {made.id} of {made.identity}: {limits}, {_end(made.expires_at)}\n"
        f"Revoke it: condor-mini token revoke {where} {made.id}",
        err=True,
    )
    if joins is not None and container is None:
        at = open_pool(name, engine).node(role=Role.CENTRAL_MANAGER).exposed_at
        click.echo(
            f"On another host: condor-mini join {at} --token-file {path or 'FILE'} --{joins} N",
            err=True,
        )


def _check_options(
    joins: str | None,
    uses: int | None,
    expires: str | None,
    *,
    has_users_options: bool,
) -> None:
    if joins is None and (uses is not None or expires is not None):
        raise UsageError("--uses and --expires are for join tokens: add --join execute")
    if joins is not None and has_users_options:
        raise UsageError(
            "a join token has the rights of its role, and is nobody's: leave --authz and --user "
            "out, and write --expires in place of --lifetime"
        )


def _end(expires_at: datetime | None) -> str:
    from condor_mini.base.times import rfc3339

    return f"until {rfc3339(expires_at)}" if expires_at else "does not expire"


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Yield a new file that only the caller can read. Remove it if the context fails."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"the file {path} already exists, and is not overwritten",
            hint=f"Name another file, or remove this one: rm {shlex.quote(str(path))}",
        ) from None
    except OSError as error:
        raise StateError(f"the file {path} cannot be written: {error.strerror}") from None
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
    """List the tokens that `token create` has issued, and those that are stored on the nodes.

    The secret part is not shown. An expired token is listed until the next token is created.
    """
    found = find_members(name, container, engine).tokens()
    if output == "json":
        show_json([token.to_json() for token in found])
        return
    columns = ["ID", "STATE", "STORED ON", "IDENTITY", "LIMITED TO", "EXPIRES"]
    show_table(columns, [*map(_row, found)])


def _row(token: Token) -> list[str]:
    from condor_mini.base.times import rfc3339
    from condor_mini.members.issued_tokens import Kind

    if token.kind is Kind.ELSEWHERE:
        return [token.id, token.state, "(elsewhere)", "-", "-", "-"]
    return [
        token.id,
        token.state,
        token.node or token.description or "(issued)",
        token.identity,
        " ".join(token.authorizations) or "nothing",
        rfc3339(token.expires_at) if token.expires_at else "never",
    ]


@command.command("revoke")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--identity",
    "identities",
    metavar="NAME@DOMAIN",
    multiple=True,
    help="Revoke all tokens of this holder, future ones too. May be repeated.",
)
@click.option(
    "--force", is_flag=True, help="Accept also ids and holders that the pool does not know."
)
@name_option
@container_option
@engine_option
def revoke(
    *,
    ids: tuple[str, ...],
    identities: tuple[str, ...],
    force: bool,
    name: str,
    container: str | None,
    engine: str | None,
) -> None:
    """Revoke tokens by id or by holder: they become invalid at once and for good.

    An ID is an id that `token list` shows, or its first characters. The nodes' ads are missing
    until their next update. A node whose own token is revoked requests another one and waits for
    `approve`. `restart --node` issues one to it, unless its identity is revoked.
    """
    members = find_members(name, container, engine)
    for each in members.revoke(ids, identities=identities, force=force):
        if each.id is None:
            click.echo(
                f"all tokens of {each.identity} were already revoked"
                if each.was_revoked
                else f"revoked all tokens of {each.identity}"
            )
        else:
            token = f"the token {each.id}" + (f" of {each.identity}" if each.identity else "")
            click.echo(f"{token} was already revoked" if each.was_revoked else f"revoked {token}")
