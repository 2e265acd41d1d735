"""``condor-mini build``: build the images."""

from __future__ import annotations

from pathlib import Path

import click

from condor_mini.base.errors import UsageError
from condor_mini.cli.options import engine_option, quiet_option, reach_engine, series_option


@click.command("build")
@click.argument("roles", metavar="[base|mini|master|submit|execute|notebook|all]...", nargs=-1)
@series_option
@click.option(
    "--tag", metavar="TAG", help="Tag the images TAG. The default is the number of the series."
)
@click.option("--base", metavar="IMAGE", help="Build on this image of Debian or Ubuntu.")
@click.option(
    "--build-arg",
    "build_args",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set an argument of the base image's Dockerfile. May be repeated.",
)
@click.option("--no-cache", is_flag=True, help="Build everything again, without the cache.")
@click.option(
    "--sbom",
    metavar="DIR",
    help="Write each image's bill of materials to DIR. The default is below your data directory.",
)
@engine_option
@quiet_option
def command(
    *,
    roles: tuple[str, ...],
    series: str | None,
    tag: str | None,
    base: str | None,
    build_args: tuple[str, ...],
    no_cache: bool,
    sbom: str | None,
    engine: str | None,
    quiet: bool,
) -> None:
    """Build all images but notebook, or those that are named. What is up to date is left alone.

    If debsbom is installed (pip install 'debsbom[cdx,spdx]'), a bill of materials is written for
    each image that is built, in CycloneDX and in SPDX.
    """
    from condor_mini.base.progress import progress_for_stderr
    from condor_mini.base.series import catalogue
    from condor_mini.images import builder
    from condor_mini.images import sbom as bills

    wanted = set(roles) - {"all"}
    if unknown := wanted - set(builder.ALL_ROLES):
        raise UsageError(
            f"there is no image {', '.join(sorted(unknown))}; there are: "
            f"{', '.join(builder.ALL_ROLES)}"
        )
    if sbom is not None:
        bills.debsbom()
    chosen = catalogue().get(series)
    progress = progress_for_stderr(quiet=quiet)
    arguments = dict(_pair(argument) for argument in build_args)
    reached = reach_engine(engine, progress)
    built = builder.build(
        reached,
        wanted if wanted and "all" not in roles else wanted.union(builder.ROLES),
        chosen,
        progress,
        tag=tag,
        base=base,
        build_args=arguments,
        no_cache=no_cache,
    )
    bills.write_missing(reached, built, None if sbom is None else Path(sbom), progress)
    for image in built:
        what = "built" if image.fresh else "up to date"
        click.echo(f"{image.reference}  {image.size_bytes / 1e6:.0f} MB  {what}")


def _pair(argument: str) -> tuple[str, str]:
    key, separator, value = argument.partition("=")
    if not separator or not key:
        raise UsageError(f"--build-arg {argument}: must be KEY=VALUE")
    return key, value
