"""How large images are: as the engine keeps them, and compressed as a registry does (gzip).

Layers that images share count once. The peer is Debian with `condor` and `minicondor` installed,
and the floor is Debian alone.
"""

from __future__ import annotations

import subprocess
import zlib
from typing import TYPE_CHECKING

from bench import peers
from bench.figures import Figure, Result
from condor_mini.base.progress import Progress
from condor_mini.base.series import catalogue
from condor_mini.engine import require_builder
from condor_mini.engines import find_engine
from condor_mini.images import builder
from condor_mini.images.debian import debian_base

if TYPE_CHECKING:
    from bench.options import Options

MEGABYTE = 1_000_000


def measure(options: Options) -> Result:
    """Weigh the images of all roles."""
    del options
    engine = require_builder(find_engine("docker"), "build the images")
    series, silent = catalogue().get(None), Progress()
    roles = builder.build(engine, builder.ROLES, series, silent)
    weighed = {
        peers.OURS: [built.reference for built in roles],
        "Debian's packages": [peers.stock_image()],
        peers.FLOOR: [debian_base(engine, silent)],
    }
    figures = []
    for pool, images in weighed.items():
        whole, compressed = sizes_mb(images)
        for what, size in (("on the disk", whole), ("compressed", compressed)):
            title = f"all roles, {what}"
            figures.append(
                Figure(what=title, pool=pool, unit="MB", values=(size,), plot="Size of images")
            )
    return Result(figures=tuple(figures))


def sizes_mb(images: list[str]) -> tuple[float, float]:
    """Return the size of an archive of these images, and of the same compressed."""
    packer = zlib.compressobj(6)
    whole = compressed = 0
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        assert saving.stdout
        while chunk := saving.stdout.read(MEGABYTE):
            whole += len(chunk)
            compressed += len(packer.compress(chunk))
    assert saving.returncode == 0
    return whole / MEGABYTE, (compressed + len(packer.flush())) / MEGABYTE
