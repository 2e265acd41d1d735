"""The contract of every engine: directories that it keeps."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, NotFound
from condor_mini.engine import BindMount, ScratchMount, VolumeInfo, VolumeMount

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import ContainerSpec, Engine

    MakeContainer = Callable[[ContainerSpec], str]

ODD_VALUE = 'a "b", c=d {"e": 1}'


@pytest.fixture
def mounting(spec: ContainerSpec, volume: str) -> ContainerSpec:
    """A container that mounts the test's volume."""
    return replace(spec, mounts=(VolumeMount(volume=volume, target="/mnt"),))


def test_container_tells_its_volumes(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, volume: str, tmp_path: Path
) -> None:
    """Of what is mounted a container tells the names of volumes, and neither bind nor scratch."""
    mounts = (
        VolumeMount(volume=volume, target="/mnt"),
        BindMount(source=tmp_path, target="/bound"),
        ScratchMount(target="/scratch"),
    )
    info = engine.inspect(create(replace(spec, mounts=mounts)))
    assert info is not None
    assert info.volumes == {"/mnt": volume}


def test_volume_is_found_by_its_labels(engine: Engine, volume: str, labels: dict[str, str]) -> None:
    """A volume is listed with its name and labels."""
    found = [
        VolumeInfo(name=info.name, labels=dict(info.labels)) for info in engine.volumes(labels)
    ]
    assert VolumeInfo(name=volume, labels=labels) in found


def test_volumes_bear_every_label(engine: Engine, name: str, labels: dict[str, str]) -> None:
    """Of the volumes only those are listed that bear every one of the labels."""
    more = {**labels, "pool": name, "odd": "a=b {c}"}
    engine.create_volume(f"{name}-more", labels=more)
    try:
        found = [
            [info.name for info in engine.volumes(asked)]
            for asked in ({"pool": name, "odd": "a=b {c}"}, {"pool": name, "odd": ODD_VALUE})
        ]
    finally:
        engine.remove_volume(f"{name}-more")
    assert found == [[f"{name}-more"], []]


def test_volume_keeps_odd_labels_or_is_refused(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """A label with commas and quotes is kept as it is, where the engine does not refuse it."""
    more = {**labels, "odd": ODD_VALUE}
    try:
        engine.create_volume(f"{name}-odd", labels=more)
        kept = [dict(info.labels) for info in engine.volumes({"odd": ODD_VALUE})]
    except EngineCapabilityError:
        kept = [dict(info.labels) for info in engine.volumes({}) if info.name == f"{name}-odd"]
        assert kept == []
    else:
        assert kept == [more]
    finally:
        engine.remove_volume(f"{name}-odd")


def test_volumes_without_a_label_are_all(engine: Engine, volume: str) -> None:
    """Who asks for no label gets them all."""
    assert volume in {info.name for info in engine.volumes({})}


def test_volume_that_exists_is_left_as_it_is(
    engine: Engine, run: MakeContainer, mounting: ContainerSpec, volume: str, labels: dict[str, str]
) -> None:
    """Creating a volume again changes neither its labels nor what is in it."""
    engine.exec(run(mounting), ["touch", "/mnt/file"])
    engine.create_volume(volume, labels={**labels, "other": "label"})
    (info,) = (info for info in engine.volumes({}) if info.name == volume)
    seen = engine.exec(mounting.name, ["cat", "/mnt/file"]).returncode
    assert (dict(info.labels), seen) == (labels, 0)


def test_volume_outlives_its_containers(
    engine: Engine, run: MakeContainer, mounting: ContainerSpec
) -> None:
    """What one container wrote the next one reads."""
    engine.exec(run(mounting), ["touch", "/mnt/file"])
    engine.remove(mounting.name)
    assert engine.exec(run(mounting), ["cat", "/mnt/file"]).returncode == 0


def test_volume_is_shared(engine: Engine, run: MakeContainer, mounting: ContainerSpec) -> None:
    """What one container writes another one reads meanwhile."""
    other = run(replace(mounting, name=f"{mounting.name}-2"))
    engine.exec(run(mounting), ["touch", "/mnt/file"])
    assert engine.exec(other, ["cat", "/mnt/file"]).returncode == 0


@pytest.mark.needs("read_only_mounts")
def test_read_only_volume_is_not_written(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, volume: str
) -> None:
    """A container writes to no volume that it mounts read-only."""
    run(replace(spec, mounts=(VolumeMount(volume=volume, target="/mnt", read_only=True),)))
    assert engine.exec(spec.name, ["touch", "/mnt/file"]).returncode != 0


def test_copy_in_reaches_a_volume(
    engine: Engine,
    create: MakeContainer,
    run: MakeContainer,
    mounting: ContainerSpec,
    tar_of: Callable[..., bytes],
) -> None:
    """A file is put into the volume of a container that has not run."""
    engine.copy_in(create(mounting), tar_of("mnt/file", b"content"))
    other = run(replace(mounting, name=f"{mounting.name}-2"))
    assert engine.exec(other, ["cat", "/mnt/file"]).stdout == "content"


def test_copy_in_makes_directories_in_a_volume(
    engine: Engine, create: MakeContainer, run: MakeContainer, mounting: ContainerSpec
) -> None:
    """A directory that others can read is put into a volume, and what is in it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        directory = tarfile.TarInfo("mnt/a")
        directory.type, directory.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(directory)
        file = tarfile.TarInfo("mnt/a/b")
        file.size = len(b"content")
        tar.addfile(file, io.BytesIO(b"content"))
    engine.copy_in(create(mounting), buffer.getvalue())
    other = run(replace(mounting, name=f"{mounting.name}-2"))
    assert engine.exec(other, ["cat", "/mnt/a/b"]).stdout == "content"


def test_copy_out_reads_a_volume(
    engine: Engine, run: MakeContainer, mounting: ContainerSpec, tar_of: Callable[..., bytes]
) -> None:
    """A file in a volume comes out of a container that mounts it."""
    engine.copy_in(run(mounting), tar_of("mnt/file", b"content"))
    assert engine.copy_out(mounting.name, "/mnt/file") == b"content"


def test_mounted_volume_is_told(
    engine: Engine, create: MakeContainer, mounting: ContainerSpec, volume: str
) -> None:
    """A container tells where a volume is mounted, and where the engine keeps it."""
    info = engine.inspect(create(mounting))
    assert info is not None
    assert [(target, volume in source) for target, source in info.mounts.items()] == [
        ("/mnt", True)
    ]


def test_absent_volume_is_not_found(engine: Engine, spec: ContainerSpec, name: str) -> None:
    """A container of a volume that is not there is not made, and the volume neither."""
    absent = VolumeMount(volume=f"{name}-absent", target="/mnt")
    with pytest.raises(NotFound, match=f"{name}-absent"):
        engine.create(replace(spec, mounts=(absent,)))
    made = [info.name for info in engine.volumes({}) if info.name == f"{name}-absent"]
    assert (engine.inspect(spec.name), made) == (None, [])


def test_absent_volume_is_made_with_its_labels(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, name: str, labels: dict[str, str]
) -> None:
    """A container brings a volume with it whose labels its mount says, with exactly these."""
    more = {**labels, "odd": "a=b {c}"}
    mount = VolumeMount(volume=f"{name}-new", target="/mnt", labels=more)
    try:
        create(replace(spec, mounts=(mount,)))
        made = [dict(info.labels) for info in engine.volumes({}) if info.name == f"{name}-new"]
    finally:
        engine.remove(spec.name)
        engine.remove_volume(f"{name}-new")
    assert made == [more]


def test_brought_volume_keeps_odd_labels_or_is_refused(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, name: str, labels: dict[str, str]
) -> None:
    """The same for a label with commas and quotes, where the engine does not refuse it."""
    more = {**labels, "odd": ODD_VALUE}
    mount = VolumeMount(volume=f"{name}-odd", target='/mnt, "1"', labels=more)
    try:
        create(replace(spec, mounts=(mount,)))
        made = [dict(info.labels) for info in engine.volumes({}) if info.name == f"{name}-odd"]
    except EngineCapabilityError:
        made = [more]
    finally:
        engine.remove(spec.name)
        engine.remove_volume(f"{name}-odd")
    assert made == [more]


def test_volume_that_is_there_is_not_made_anew(
    engine: Engine,
    run: MakeContainer,
    mounting: ContainerSpec,
    volume: str,
    labels: dict[str, str],
) -> None:
    """A mount's labels change neither those of a volume that is there nor what is in it."""
    engine.exec(run(mounting), ["touch", "/mnt/file"])
    mount = VolumeMount(volume=volume, target="/mnt", labels={**labels, "other": "label"})
    other = run(replace(mounting, name=f"{mounting.name}-2", mounts=(mount,)))
    (info,) = (info for info in engine.volumes({}) if info.name == volume)
    assert dict(info.labels) == labels
    assert engine.exec(other, ["cat", "/mnt/file"]).returncode == 0


def test_several_volumes_are_removed(
    engine: Engine,
    create: MakeContainer,
    mounting: ContainerSpec,
    volume: str,
    labels: dict[str, str],
) -> None:
    """Of several volumes those go that can, whatever is absent or in use."""
    others = [f"{volume}-1", f"{volume}-2"]
    for other in others:
        engine.create_volume(other, labels=labels)
    create(mounting)
    with pytest.raises(CommandFailed):
        engine.remove_volume(others[0], f"{volume}-absent", volume, others[1])
    left = {info.name for info in engine.volumes(labels)}
    assert left & {volume, *others} == {volume}
    engine.remove_volume()


def test_removed_volume_is_gone(engine: Engine, volume: str, labels: dict[str, str]) -> None:
    """A volume that was removed is not listed."""
    engine.remove_volume(volume)
    assert volume not in {info.name for info in engine.volumes(labels)}


def test_removed_volume_was_emptied(
    engine: Engine, run: MakeContainer, mounting: ContainerSpec, volume: str, labels: dict[str, str]
) -> None:
    """A volume that is created again after its removal has nothing in it."""
    engine.exec(run(mounting), ["touch", "/mnt/file"])
    engine.remove(mounting.name)
    engine.remove_volume(volume)
    engine.create_volume(volume, labels=labels)
    assert engine.exec(run(mounting), ["cat", "/mnt/file"]).returncode != 0


def test_remove_volume_that_is_absent_succeeds(engine: Engine, name: str) -> None:
    """A volume that is not there is removed."""
    engine.remove_volume(f"{name}-absent")


def test_remove_volume_in_use_fails(
    engine: Engine, create: MakeContainer, mounting: ContainerSpec, volume: str
) -> None:
    """A volume stays while a container mounts it, be it one that does not run."""
    create(mounting)
    with pytest.raises(CommandFailed):
        engine.remove_volume(volume)
