"""A process of its own that attaches: attach needs our real stdin and stdout.

Arguments: the engine's name, the container's, and the command. A fake engine lives in one process
only: the child makes its own, with a container of that name.
"""

from __future__ import annotations

import os
import sys

from condor_mini.base.errors import CondorMiniError
from condor_mini.engine import ContainerSpec, Engine, FakeEngine
from condor_mini.engines import find_engine


def main(engine_name: str, container: str, *argv: str) -> int:
    """Attach; the command's status, or 99 and the kind of the error."""
    try:
        return engine_of(engine_name, container).attach(container, argv)
    except CondorMiniError as error:
        sys.stdout.write(f"{type(error).__name__}\n")
        return 99


def engine_of(name: str, container: str) -> Engine:
    """The engine, which holds the container unless that is to be absent."""
    if name in ("namespaces", "paths"):
        os.environ["CONDOR_MINI_SANDBOX"] = name
        return find_engine("embedded")
    if name != "fake":
        return find_engine(name)
    fake = FakeEngine()
    fake.add_image("image")
    if not container.endswith("absent"):
        fake.create(ContainerSpec(image="image", name=container))
        fake.start(container)
    return fake


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
