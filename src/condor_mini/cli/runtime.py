"""``condor-mini runtime``: manage the runtimes, the HTCondor that needs no container engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import (
    output_option,
    quiet_option,
    series_option,
    show_json,
    show_table,
)

if TYPE_CHECKING:
    from condor_mini.runtime import Runtime

architecture_option = click.option(
    "--arch",
    "architecture",
    metavar="ARCH",
    help="Use amd64 or arm64. The default is this machine's.",
)


@click.group("runtime")
def command() -> None:
    """Build, list, remove and export the runtime: the HTCondor that needs no container engine."""


@command.command("build")
@series_option
@architecture_option
@quiet_option
def build(*, series: str | None, architecture: str | None, quiet: bool) -> None:
    """Build the runtime, unless it exists, and print its directory.

    It comes from the Python package condor-mini-runtime if that is installed, else from a mirror of
    Debian: CONDOR_MINI_DEBIAN_MIRROR, or the mirror that apt uses here, or deb.debian.org.
    """
    click.echo(str(_ensured(series, architecture, quiet=quiet).root))


@command.command("list")
@output_option
def list_runtimes(*, output: str) -> None:
    """List the runtimes."""
    from condor_mini.runtime.store import Store

    found = Store().all()
    if output == "json":
        show_json([runtime.to_json() for runtime in found])
        return
    if not found:
        click.echo("There are no runtimes. Build one: condor-mini runtime build", err=True)
        return
    show_table(
        ["SERIES", "HTCONDOR", "ARCH", "SIZE", "STATE", "DIRECTORY"],
        [
            [
                runtime.series,
                runtime.version or "-",
                runtime.architecture,
                "-" if runtime.size_bytes is None else f"{runtime.size_bytes / 1e6:.0f} MB",
                f"damaged: {runtime.problem}" if runtime.problem else "complete",
                str(runtime.root),
            ]
            for runtime in found
        ],
    )


@command.command("remove")
@click.argument("series", metavar="[SERIES]", required=False)
@click.option(
    "--all", "every", is_flag=True, help="Remove the runtimes of all series, and your own locks."
)
@quiet_option
def remove(*, series: str | None, every: bool, quiet: bool) -> None:
    """Remove the runtimes of SERIES. Pools that run on them break."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.runtime.store import Store

    if (series is None) != every:
        raise UsageError(
            "use either a series or --all",
            hint="Remove one series: condor-mini runtime remove 25. "
            "Remove all: condor-mini runtime remove --all",
        )
    chosen = None if series is None else catalogue().get(series).number
    for path in Store().remove(chosen, progress_for_stderr(quiet=quiet)):
        click.echo(f"removed {path}")


@command.command("export")
@click.argument("file", metavar="FILE")
@series_option
@architecture_option
@quiet_option
def export(*, file: str, series: str | None, architecture: str | None, quiet: bool) -> None:
    """Write the runtime's tree to FILE, a .tar or a .tar.xz. A .tar.xz takes half a minute."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.runtime import export as write

    if not file.endswith((".tar", ".tar.xz")):
        raise UsageError(f"{file}: must end in .tar or .tar.xz")
    runtime = _ensured(series, architecture, quiet=quiet)
    with progress_for_stderr(quiet=quiet).step(f"Writing {file}"):
        write(runtime, Path(file))


@command.command("wheel")
@click.argument("directory", metavar="[DIR]", default=".")
@series_option
@architecture_option
@quiet_option
def wheel(*, directory: str, series: str | None, architecture: str | None, quiet: bool) -> None:
    """Write the runtime as a wheel to DIR, for `pip install` on machines without a mirror."""
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.runtime import export as write
    from condor_mini.runtime.bundle import write_wheel

    runtime = _ensured(series, architecture, quiet=quiet)
    with progress_for_stderr(quiet=quiet).step("Writing the wheel", done="Wrote the wheel"):
        path = write_wheel(runtime, Path(directory), write)
    click.echo(str(path))


@command.command("lock")
@click.option(
    "--htcondor",
    "--series",
    "series",
    metavar="SERIES",
    help="Use HTCondor 25 (the default) or 23.",
)
@architecture_option
@click.option(
    "--output",
    metavar="FILE",
    help="Write the list to FILE, or to stdout if it is -. The default is your own list.",
)
@click.option(
    "--accept-expired",
    is_flag=True,
    help="Accept an index that is past its Valid-Until, such as that of a snapshot.",
)
@quiet_option
def lock(
    *,
    series: str | None,
    architecture: str | None,
    output: str | None,
    accept_expired: bool,
    quiet: bool,
) -> None:
    """Write the list of packages in today's versions, with digests, from Debian's index.

    gpgv or sqv checks Debian's signature of the index with Debian's keyring: both must be on this
    machine. Your own list, in the cache directory, is used as long as condor-mini brings no newer
    one.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.runtime.fetch import Fetcher, mirrors
    from condor_mini.runtime.lock import file_name, known_architecture, machine_architecture
    from condor_mini.runtime.resolve import make_lock
    from condor_mini.runtime.store import Store

    chosen = catalogue().get(series)
    known = known_architecture(architecture) if architecture else machine_architecture()
    progress = progress_for_stderr(quiet=quiet)
    with progress.step("Reading Debian's indexes", done="Read Debian's indexes"):
        made = make_lock(Fetcher(mirrors()), chosen, known, accept_expired=accept_expired)
    if output == "-":
        click.echo(made.dump(), nl=False)
        return
    file = Path(output) if output else Store().directory / file_name(chosen, known)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".{file.name}.partial")
        partial.write_text(made.dump(), "utf-8")
        partial.replace(file)
    except OSError as error:
        raise Store().unusable(error) if not output else error from None
    click.echo(f"{file}  HTCondor {made.version}, {len(made.packages)} packages")


def _ensured(series: str | None, architecture: str | None, *, quiet: bool) -> Runtime:
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.runtime import ensure
    from condor_mini.runtime.lock import known_architecture

    chosen = catalogue().get(series)
    known = known_architecture(architecture) if architecture else None
    made = ensure(chosen, progress_for_stderr(quiet=quiet), architecture=known)
    return made.runtime
