"""The contract of every engine: containers whose root is read-only, and where these are written."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import ReadOnlyError
from condor_mini.engine import ScratchMount, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]

pytestmark = [
    pytest.mark.needs("read_only_roots"),
    pytest.mark.slow_on("podman"),  # the same code as on Docker
]


@pytest.fixture
def closed(spec: ContainerSpec) -> ContainerSpec:
    """A container whose root is read-only, but for the directory of its programs, and /mnt."""
    scratch = (ScratchMount(target="/bin"), ScratchMount(target="/mnt"))
    return replace(spec, read_only=True, mounts=scratch)


def touched(engine: Engine, container: str, path: str) -> bool:
    """Whether root of a container can make a file there."""
    return engine.exec(container, ["touch", path], user="0").returncode == 0


def test_read_only_root_is_not_written(
    engine: Engine, run: MakeContainer, closed: ContainerSpec
) -> None:
    """Not even root writes to a root that is read-only."""
    run(closed)
    places = ("/etc/file", "/file", "/tmp/file", "/run/file")
    assert [path for path in places if touched(engine, closed.name, path)] == []


def test_scratch_is_written(engine: Engine, run: MakeContainer, closed: ContainerSpec) -> None:
    """A read-only container writes to its scratch, and finds it again after a restart."""
    assert touched(engine, run(closed), "/mnt/file")
    engine.stop(closed.name, timeout_s=0)
    engine.start(closed.name)
    assert engine.exec(closed.name, ["cat", "/mnt/file"]).returncode == 0


def test_scratch_has_what_the_image_has(
    engine: Engine, run: MakeContainer, closed: ContainerSpec
) -> None:
    """What the image has in a place is there when that is scratch: programs, which run."""
    assert touched(engine, run(closed), "/bin/file")
    assert engine.exec(closed.name, ["echo", "it runs"]).stdout == "it runs\n"


def test_volumes_of_a_read_only_container_are_written(
    engine: Engine, run: MakeContainer, closed: ContainerSpec, volume: str
) -> None:
    """A read-only container writes to its volumes, unless they are mounted read-only."""
    mounts = (
        VolumeMount(volume=volume, target="/data"),
        VolumeMount(volume=volume, target="/again", read_only=True),
    )
    run(replace(closed, mounts=mounts))
    assert touched(engine, closed.name, "/data/file")
    assert not touched(engine, closed.name, "/again/other")


def test_copy_in_reaches_scratch(
    engine: Engine,
    create: MakeContainer,
    closed: ContainerSpec,
    tar_of: Callable[..., bytes],
) -> None:
    """Before its start files are put into scratch, beside what the image has there."""
    engine.copy_in(create(closed), tar_of("file", b"content"), at="/bin")
    engine.start(closed.name)
    assert engine.exec(closed.name, ["cat", "/bin/file"]).stdout == "content"


def test_copy_in_reaches_a_volume_in_scratch(
    engine: Engine,
    create: MakeContainer,
    run: MakeContainer,
    closed: ContainerSpec,
    spec: ContainerSpec,
    volume: str,
    tar_of: Callable[..., bytes],
) -> None:
    """What an archive has for a volume that is mounted in scratch is put into the volume."""
    mount = VolumeMount(volume=volume, target="/mnt/kept")
    create(replace(closed, mounts=(*closed.mounts, mount)))
    engine.copy_in(closed.name, tar_of("kept/file", b"content"), at="/mnt")
    engine.start(closed.name)
    assert engine.exec(closed.name, ["cat", "/mnt/kept/file"]).stdout == "content"
    other = replace(spec, name=f"{spec.name}-2", mounts=(replace(mount, target="/mnt"),))
    assert engine.exec(run(other), ["cat", "/mnt/file"]).stdout == "content"


def test_copy_in_reaches_scratch_of_what_has_ended(
    engine: Engine, run: MakeContainer, closed: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """A file is put into the scratch of a container that has run, and runs again."""
    engine.stop(run(closed), timeout_s=0)
    engine.copy_in(closed.name, tar_of("file", b"content"), at="/mnt")
    engine.start(closed.name)
    assert engine.exec(closed.name, ["cat", "/mnt/file"]).stdout == "content"


def test_copy_in_elsewhere_is_refused(
    engine: Engine, run: MakeContainer, closed: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """While a read-only container runs, it takes files in its mounts only."""
    run(closed)
    with pytest.raises(ReadOnlyError):
        engine.copy_in(closed.name, tar_of("file", b"content"), at="/etc")
    engine.copy_in(closed.name, tar_of("file", b"content"), at="/mnt")
    assert engine.exec(closed.name, ["cat", "/mnt/file"]).stdout == "content"


def test_scratch_is_no_mount(engine: Engine, create: MakeContainer, closed: ContainerSpec) -> None:
    """What a container has for itself alone is not told among its mounts."""
    info = engine.inspect(create(closed))
    assert info is not None
    assert dict(info.mounts) == {}


@pytest.mark.engines("docker", "podman")
def test_scratch_goes_with_its_container(
    engine: Engine, create: MakeContainer, closed: ContainerSpec
) -> None:
    """A container that is removed leaves no scratch behind."""
    listing = [engine.name, "container", "inspect", create(closed)]
    (facts,) = json.loads(subprocess.run(listing, capture_output=True, check=True).stdout)
    names = {mount["Name"] for mount in facts["Mounts"]}
    before = {info.name for info in engine.volumes({})} & names
    engine.remove(closed.name)
    assert (len(before), {info.name for info in engine.volumes({})} & names) == (2, set())


@pytest.mark.engines("docker")
def test_scratch_is_found_by_its_labels(
    engine: Engine, create: MakeContainer, closed: ContainerSpec, name: str
) -> None:
    """What somebody leaves behind who removes a container without its volumes can be found."""
    label = {"condor-mini-test.scratch": name}
    create(replace(closed, mounts=(ScratchMount(target="/mnt", labels=label),)))
    subprocess.run([engine.name, "rm", closed.name], capture_output=True, check=True)
    (left,) = engine.volumes(label)
    engine.remove_volume(left.name)
