"""``condor-mini doctor``: check the engine and the pool, and report what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    PoolCommand,
    engine_option,
    name_option,
    output_option,
    reach_engine,
    show_json,
)

if TYPE_CHECKING:
    from condor_mini.doctor.findings import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command("doctor", cls=PoolCommand)
@name_option
@output_option
@engine_option
@click.option(
    "--install-engine",
    is_flag=True,
    help="First start Docker, or install it as root on Debian and Ubuntu.",
)
@click.pass_context
def command(
    ctx: click.Context, *, name: str, output: str, engine: str | None, install_engine: bool
) -> None:
    """Check the engine, and the pool if it exists, and report what is wrong.

    The exit code is 1 if something does not work. Warnings do not count.
    """
    from condor_mini.doctor.checkup import examine

    if install_engine:
        from condor_mini.base.progress import progress_for_stderr

        if engine not in (None, "auto", "docker"):
            raise UsageError(f"--install-engine installs Docker, not {engine}")
        engine = reach_engine("docker", progress_for_stderr()).name

    asked = ctx.get_parameter_source("name") is click.core.ParameterSource.COMMANDLINE
    findings = []
    for finding in examine(engine, pool=name, must_exist=asked):
        findings.append(finding)
        if output == "text":
            _show(finding)
    failed = any(finding.level == "fail" for finding in findings)
    if output == "json":
        rows = [finding.to_json() for finding in findings]
        show_json({"ok": not failed, "findings": rows})
    ctx.exit(1 if failed else 0)


def _show(finding: Finding) -> None:
    import os

    level = f"{finding.level:4}"
    shown = level if os.environ.get("NO_COLOR") else click.style(level, fg=_COLOURS[finding.level])
    click.echo(f"{shown}  {finding.subject}: {_indented(finding.evidence)}")
    if finding.hint:
        click.echo(f"      {_indented(finding.hint)}")


def _indented(text: str) -> str:
    return text.replace("\n", "\n      ")
