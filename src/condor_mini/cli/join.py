"""``condor-mini join``: join nodes of this host to a pool on another host."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from condor_mini.base.errors import NotFound, UsageError
from condor_mini.cli.create import spec_of_file
from condor_mini.cli.options import (
    engine_option,
    output_option,
    quiet_option,
    reach_engine,
    series_option,
    show_json,
    timeout_option,
    valid_name,
)

MOST_TOKEN_BYTES = 16_384
NAME_LENGTH = 40


@click.command("join")
@click.argument("central_manager", metavar="HOST[:PORT]")
@click.option(
    "--token-file",
    required=True,
    metavar="FILE",
    help="Read the join token from FILE, or from stdin if it is -. The pool's host makes it: "
    "`condor-mini token create --join`.",
)
@click.option(
    "-n",
    "--name",
    metavar="NAME",
    help="Call the nodes NAME-execute-1 and so on. The default is the name of this host.",
)
@click.option("--execute", type=int, metavar="N", help="Join N execution points.")
@click.option("--submit", type=int, metavar="N", help="Join N access points.")
@click.option(
    "-c",
    "--config",
    "file",
    metavar="FILE",
    help="Join with the groups of access points or execution points that the pool file FILE names.",
)
@series_option
@timeout_option
@output_option
@engine_option
@quiet_option
def command(
    *,
    central_manager: str,
    token_file: str,
    name: str | None,
    execute: int | None,
    submit: int | None,
    file: str | None,
    series: str | None,
    timeout_s: float,
    output: str,
    engine: str | None,
    quiet: bool,
) -> None:
    """Join nodes of this host to the pool whose central manager is at HOST[:PORT].

    The pool was created with `--expose`, and the join token for nodes of one role with `condor-mini
    token create --join`. By default one execution point joins. The command ends when the nodes take
    part.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.pool import Pool

    token = _token(token_file)
    progress = progress_for_stderr(quiet=quiet)
    pool = Pool.join(
        central_manager,
        token,
        _name(name),
        execution_points=execute,
        access_points=submit,
        series=series,
        spec=None if file is None else spec_of_file(file),
        engine=reach_engine(engine, progress),
        timeout_s=timeout_s,
        progress=progress,
    )
    if output == "json":
        show_json({"name": pool.name, "nodes": [node.name for node in pool.nodes]})
        return
    nodes = ", ".join(node.name for node in pool.nodes)
    click.echo(f"{nodes} joined the pool at {central_manager}.")
    progress.note(f"Leave it: condor-mini leave -n {pool.name}")


def _name(name: str | None) -> str:
    """Return the name of the nodes; by default that of this host, as far as nodes can have it."""
    if name is not None:
        return valid_name(name)
    from condor_mini.nodes.exposure import host_name

    words = re.sub("[^a-z0-9]+", "-", host_name().lower()).strip("-")[:NAME_LENGTH].strip("-")
    return words or "host"


def _token(file: str) -> str:
    """Return the token in a file that only the caller and root read."""
    try:
        if file == "-":
            return sys.stdin.read(MOST_TOKEN_BYTES).strip()
        with Path(file).open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o077:
                raise UsageError(
                    f"the join token in {file} can be read by other users of this host",
                    hint=f"chmod 600 {file}",
                )
            return stream.read(MOST_TOKEN_BYTES).decode("ascii", "replace").strip()
    except OSError as error:
        raise NotFound(f"the file {file} cannot be read: {error.strerror}") from None
