"""Images in which ``jovyan`` has the numbers of who creates a pool: ``condor-execute:25-1234``.

Each is the image of a role with one more layer. ``docker exec --user jovyan`` and HTCondor find the
numbers in the image's account files, which nobody changes in a container: its root is read-only.
"""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from condor_mini.base.errors import ImageBuildFailed
from condor_mini.base.layout import USER_IDS
from condor_mini.engine import BuildSpec, ImageBuilder
from condor_mini.images import builder

if TYPE_CHECKING:
    from collections.abc import Collection

    from condor_mini.base.progress import Progress
    from condor_mini.base.series import Series
    from condor_mini.engine import Engine


def reference(role: str, series: Series, user: tuple[int, int]) -> str:
    """Return the name of a role's image whose ``jovyan`` has this UID and this GID."""
    uid, gid = user
    if user == USER_IDS:
        return builder.reference(role, series)
    number = f"{uid}" if uid == gid else f"{uid}-{gid}"
    return builder.reference(role, series, f"{series.number}-{number}")


def ensure(
    engine: Engine,
    roles: Collection[str],
    series: Series,
    progress: Progress,
    *,
    user: tuple[int, int],
) -> None:
    """Build the images of these roles, unless they are up to date.

    Args:
        engine: Engine to build the images on.
        roles: Names of roles.
        series: Series of HTCondor.
        progress: Receives a phase for each image that is built.
        user: UID and GID of ``jovyan``.

    Raises:
        ImageBuildFailed: A build failed; has the last lines of the build.
    """
    builder.build(engine, roles, series, progress)
    if user != USER_IDS and isinstance(engine, ImageBuilder):
        for role in sorted(roles):
            _ensure(engine, role, series, progress, user)


def _ensure(
    engine: ImageBuilder, role: str, series: Series, progress: Progress, user: tuple[int, int]
) -> None:
    name, base = reference(role, series, user), builder.reference(role, series)
    below, existing = engine.image(base), engine.image(name)
    if below is None:
        raise ImageBuildFailed(f"the engine has no image {base} any more")
    arguments = {"BASE": base, "USER_ID": str(user[0]), "GROUP_ID": str(user[1])}
    with as_file(files("condor_mini").joinpath("images/for-user")) as folder:
        digest = builder.digest_of(folder, arguments, below.id)
        if existing and existing.labels.get(builder.DIGEST_LABEL) == digest:
            return
        spec = BuildSpec(
            context=folder,
            tags=(name,),
            build_args=arguments,
            labels={builder.DIGEST_LABEL: digest},
        )
        with progress.step(f"Building {name}") as detail:
            builder.run_build(engine, spec, detail)
