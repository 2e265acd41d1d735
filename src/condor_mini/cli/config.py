"""``condor-mini config``: print the schema of pool files, write an example, check a pool file."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import AlreadyInUse, NotFound, PoolFileError
from condor_mini.cli.options import output_option, show_json

if TYPE_CHECKING:
    from condor_mini.spec import PoolSpec

STDOUT = "-"


@click.group("config")
def config() -> None:
    """Write and check pool files."""


command = config


@config.command("schema")
def schema() -> None:
    """Print the JSON schema of pool files, for editors."""
    from condor_mini.spec.schema import json_schema

    show_json(json_schema())


@config.command("init")
@click.argument("file", required=False)
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(file: str | None, *, force: bool) -> None:
    """Write an example pool file with every key to FILE.

    The default is pool.yaml, or stdout if it is redirected to a file. - is stdout.
    """
    from condor_mini.spec.schema import example

    file = file or (STDOUT if _is_redirected() else "pool.yaml")
    if file == STDOUT:
        click.echo(example(), nl=False)
        return
    try:
        with Path(file).open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(example())
    except FileExistsError:
        raise AlreadyInUse(
            f"the file {file} already exists",
            hint=f"Overwrite it: condor-mini config init --force {shlex.quote(file)}",
        ) from None
    except FileNotFoundError:
        raise NotFound(f"the directory {Path(file).parent} does not exist") from None
    click.echo(
        f"Wrote {file}. Check it after a change: condor-mini config validate {file}", err=True
    )


def _is_redirected() -> bool:
    """Return whether stdout is a file: ``config init > pool.yaml``. A pipe may be any program's."""
    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # stdout is closed, or has no descriptor
        return False


@config.command("validate")
@click.argument("file")
@output_option
@click.pass_context
def validate(ctx: click.Context, *, file: str, output: str) -> None:
    """Check the pool file FILE, or stdin if it is -, and report every mistake."""
    from condor_mini.spec.pool_file import read_pool_file

    try:
        spec = read_pool_file(file)
    except PoolFileError as error:
        if output == "json":
            show_json({"valid": False, "problems": _problems(error), "spec": None})
        else:
            # Without a prefix: editors parse the format of compilers.
            click.echo(str(error), err=True)
        ctx.exit(error.exit_code)
    if output == "json":
        show_json(
            {"valid": True, "problems": [], "spec": spec.model_dump(mode="json", by_alias=True)}
        )
    else:
        click.echo(f"{file}: valid: {_summary(spec)}")


def _problems(error: PoolFileError) -> list[dict[str, object]]:
    return [
        {
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "message": problem.message,
        }
        for problem in error.problems
    ]


def _summary(spec: PoolSpec) -> str:
    from condor_mini.base.words import counted

    counts = [
        (1, "central manager"),
        (spec.access_point_count, "access point"),
        (spec.execution_point_count, "execution point"),
    ]
    return ", ".join(counted(count, noun) for count, noun in counts)
