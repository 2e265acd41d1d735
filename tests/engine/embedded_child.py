"""Another process that uses the embedded engine: VERB RUNTIME DIRECTORY SANDBOX|auto NAME...

It prints what came of each name, or of the whole, in JSON.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tarfile
from pathlib import Path
from typing import NoReturn

from condor_mini.base.errors import AlreadyInUse
from condor_mini.engine import ContainerSpec, EmbeddedEngine, ImageTree

IMAGE = "child:1"


def main(verb: str, runtime: str, directory: str, sandbox: str, *names: str) -> None:
    """Do it."""
    engine = EmbeddedEngine(
        lambda: Path(runtime),
        directory=Path(directory),
        sandbox=None if sandbox == "auto" else sandbox,
    )
    match verb:
        case "create":
            answer: object = [created(engine, name) for name in names]
        case "run":
            answer = [started(engine, name) for name in names]
        case "die":
            die_creating(engine, *names)
        case _:
            answer = probed(engine)
    sys.stdout.write(json.dumps(answer))


def spec(name: str) -> ContainerSpec:
    """A container of an image that is there."""
    return ContainerSpec(image=IMAGE, name=name, command=("sleep", "1000"), network="net")


def created(engine: EmbeddedEngine, name: str) -> bool:
    """Whether the name was ours to take."""
    try:
        engine.create(spec(name))
    except AlreadyInUse:
        return False
    return True


def started(engine: EmbeddedEngine, name: str) -> str:
    """The id of a container that runs."""
    identity = engine.create(spec(name))
    engine.start(name)
    return identity


def die_creating(engine: EmbeddedEngine, name: str) -> NoReturn:
    """Be killed while the files are unpacked."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    engine.sandbox.as_owner = die  # type: ignore[method-assign, assignment]
    engine.create(spec(name))
    raise AssertionError


def probed(engine: EmbeddedEngine) -> dict[str, object]:
    """Which sandbox is chosen, why no better one, and what a command in a container says."""
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w") as tar:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    runtime = engine.tools.root
    shared = {f"/{name}": runtime / name for name in ("usr", "lib", "lib64", "bin")}
    engine.compose(IMAGE, ImageTree(archive=empty.getvalue(), shared=shared), labels={})
    engine.create_network("net", labels={})
    engine.create(spec("probe"))
    try:
        engine.start("probe")
        said = engine.exec("probe", ["id", "-u"])
        return {
            "sandbox": engine.sandbox.name,
            "rejected": engine.rejected,
            "many_users": engine.info().many_users,
            "said": said.stdout + said.stderr,
        }
    finally:
        engine.remove("probe")
        engine.remove_network("net")


if __name__ == "__main__":
    main(*sys.argv[1:])
