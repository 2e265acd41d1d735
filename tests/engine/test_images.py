"""The contract of every engine: what it says of itself, and its images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineCapabilityError, ImageBuildFailed, NotFound
from condor_mini.engine import (
    BuildSpec,
    ContainerSpec,
    ImageBuilder,
    ImageComposer,
    require_builder,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

needs_builds = pytest.mark.needs.with_args(ImageBuilder)
ODD_VALUE = 'a "b" c=$HOME \\ {"d": 1}'


@pytest.fixture
def context(tmp_path: Path, image: str) -> Path:
    """A folder to build an image from."""
    (tmp_path / "Dockerfile").write_text(f'FROM {image}\nENV K=V\nCMD ["sleep", "1000"]\n')
    return tmp_path


@pytest.fixture
def built(
    engine: ImageBuilder, context: Path, name: str, labels: dict[str, str]
) -> Iterator[BuildSpec]:
    """What an image of two names was built from."""
    spec = BuildSpec(context=context, tags=(f"{name}:a", f"{name}:b"), labels=labels)
    engine.build(spec, on_line=lambda _: None)
    yield spec
    for tag in spec.tags:
        engine.remove_image(tag)


def test_info_names_the_engine(engine: Engine, engine_name: str) -> None:
    """An engine says its own name."""
    name = "embedded" if engine_name in ("namespaces", "paths") else engine_name
    assert engine.info().name == name == engine.name


def test_info_says_where_it_listens(engine: Engine) -> None:
    """The endpoint is a URL."""
    assert "://" in engine.info().endpoint


def test_info_counts_cores_and_memory(engine: Engine) -> None:
    """An engine has at least a core and 100 MiB."""
    info = engine.info()
    assert (info.cpus >= 1, info.memory_mb >= 100) == (True, True)


def imported_labels(
    engine: Engine, root_tar: Path, reference: str, labels: dict[str, str]
) -> dict[str, str]:
    """The labels that an image has which was imported with these."""
    engine.import_image(root_tar, reference, labels=labels)
    try:
        info = engine.image(reference)
    finally:
        engine.remove_image(reference)
    assert info is not None
    return dict(info.labels)


def test_import_image_keeps_labels(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str]
) -> None:
    """An imported image bears its labels, whatever characters but quotes they hold."""
    expected = {**labels, "a.b/c": ODD_VALUE.replace('"', "'")}
    assert imported_labels(engine, root_tar, f"{name}:odd", expected) == expected


def test_import_image_keeps_quotes_or_refuses(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str]
) -> None:
    """A label with a quote is borne as it is, where the engine does not say that it cannot."""
    expected = {**labels, "a.b/c": ODD_VALUE}
    try:
        borne = imported_labels(engine, root_tar, f"{name}:odd", expected)
    except EngineCapabilityError:
        assert engine.image(f"{name}:odd") is None
    else:
        assert borne == expected


def test_import_of_a_missing_tar_fails(engine: Engine, tmp_path: Path, name: str) -> None:
    """A tar that is not there makes no image."""
    with pytest.raises(CommandFailed):
        engine.import_image(tmp_path / "absent.tar", f"{name}:x", labels={})


def test_image_has_a_size(engine: Engine, image: str) -> None:
    """An image says how much it takes."""
    info = engine.image(image)
    assert info is not None
    assert info.size_bytes > 0


def test_absent_image_is_none(engine: Engine, name: str) -> None:
    """An image that the engine does not hold is None."""
    assert engine.image(f"{name}:absent") is None


@pytest.mark.needs_no.with_args(ImageBuilder)
@pytest.mark.parametrize("method", ["pull", "build", "save_images", "load_images"])
def test_engine_that_builds_nothing_says_so(engine: Engine, method: str) -> None:
    """What an engine cannot do it does not have, and the error says who can."""
    assert not hasattr(engine, method)
    with pytest.raises(EngineCapabilityError, match="embedded engine cannot load x:") as caught:
        require_builder(engine, "load x")
    assert "--engine" in str(caught.value.hint)


@needs_builds
def test_engine_that_builds_composes_nothing(engine: Engine) -> None:
    """An engine makes its images in one way: of Dockerfiles, or of files."""
    assert not isinstance(engine, ImageComposer)
    assert require_builder(engine, "build an image") is engine


@needs_builds
def test_pull_of_an_absent_image_fails(engine: ImageBuilder) -> None:
    """What no registry has cannot be fetched."""
    with pytest.raises(CommandFailed):
        engine.pull("127.0.0.1:9/absent:1", timeout_s=30)


@needs_builds
def test_build_gives_every_tag(engine: Engine, built: BuildSpec) -> None:
    """A built image has all of its names."""
    assert len({info.id for tag in built.tags if (info := engine.image(tag))}) >= 1
    assert all(engine.image(tag) is not None for tag in built.tags)


@needs_builds
def test_several_images_at_once(engine: Engine, built: BuildSpec, name: str) -> None:
    """Those that are there, by the names that were asked for."""
    builder = require_builder(engine, "test")
    found = builder.images([f"{name}:absent", *built.tags])
    assert found == {tag: engine.image(tag) for tag in built.tags}


@pytest.mark.engines("docker", "podman")
def test_image_says_its_variables(engine: Engine, built: BuildSpec) -> None:
    """What a Dockerfile sets is told of the image; the fake one reads none."""
    info = engine.image(built.tags[0])
    assert info is not None
    assert info.environment["K"] == "V"


@needs_builds
def test_build_gives_labels(engine: Engine, built: BuildSpec) -> None:
    """A built image bears the labels that were asked for."""
    info = engine.image(built.tags[0])
    assert info is not None
    assert built.labels.items() <= info.labels.items()


@needs_builds
def test_build_hands_over_lines(engine: ImageBuilder, context: Path, name: str) -> None:
    """The lines of a build are handed over without their ends."""
    lines: list[str] = []
    try:
        engine.build(BuildSpec(context=context, tags=(f"{name}:c",)), on_line=lines.append)
    finally:
        engine.remove_image(f"{name}:c")
    assert lines
    assert not any("\n" in line or "\r" in line or "\x1b" in line for line in lines)


@needs_builds
def test_build_without_a_dockerfile_fails(engine: ImageBuilder, tmp_path: Path, name: str) -> None:
    """A folder without a Dockerfile is no image, and the error says which folder."""
    with pytest.raises(ImageBuildFailed, match=str(tmp_path)):
        engine.build(BuildSpec(context=tmp_path, tags=(f"{name}:x",)), on_line=lambda _: None)


@needs_builds
def test_remove_image_leaves_its_other_names(engine: Engine, built: BuildSpec) -> None:
    """Removing one name of an image leaves the other."""
    engine.remove_image(built.tags[0])
    assert [engine.image(tag) is not None for tag in built.tags] == [False, True]


def test_remove_image_that_is_absent_succeeds(engine: Engine, name: str) -> None:
    """An image that is not there is removed."""
    engine.remove_image(f"{name}:absent")


def test_remove_image_in_use_fails(
    engine: Engine,
    create: Callable[[ContainerSpec], str],
    spec: ContainerSpec,
) -> None:
    """An image that a container is made of stays."""
    create(spec)
    with pytest.raises(CommandFailed):
        engine.remove_image(spec.image)


@pytest.fixture
def saved(engine: ImageBuilder, built: BuildSpec, tmp_path: Path) -> Path:
    """A file of an image with two names."""
    tarball = tmp_path / "of one image, two names.tar"
    engine.save_images(built.tags, tarball)
    return tarball


@needs_builds
def test_saved_images_are_loaded_with_their_names(
    engine: ImageBuilder, built: BuildSpec, saved: Path
) -> None:
    """Images that were saved and removed are there again, and their names are told."""
    for tag in built.tags:
        engine.remove_image(tag)
    assert sorted(engine.load_images(saved)) == sorted(built.tags)
    assert all(engine.image(tag) is not None for tag in built.tags)


@needs_builds
def test_loaded_image_is_the_same(engine: ImageBuilder, built: BuildSpec, saved: Path) -> None:
    """An image comes back with its id and its labels."""
    before = engine.image(built.tags[0])
    for tag in built.tags:
        engine.remove_image(tag)
    engine.load_images(saved)
    after = engine.image(built.tags[0])
    assert before is not None
    assert after is not None
    assert (after.id, after.labels) == (before.id, before.labels)


@needs_builds
def test_loaded_image_runs(
    engine: ImageBuilder,
    built: BuildSpec,
    saved: Path,
    run: Callable[[ContainerSpec], str],
    spec: ContainerSpec,
) -> None:
    """A container is made of an image that came from a file."""
    for tag in built.tags:
        engine.remove_image(tag)
    engine.load_images(saved)
    try:
        name = run(replace(spec, image=built.tags[0]))
        assert engine.exec(name, ["true"]).returncode == 0
    finally:
        engine.remove(spec.name)


@needs_builds
def test_load_of_images_that_are_there_tells_their_names(
    engine: ImageBuilder, built: BuildSpec, saved: Path
) -> None:
    """Images that the engine holds already are loaded again."""
    assert sorted(engine.load_images(saved)) == sorted(built.tags)


@needs_builds
def test_save_replaces_a_file(engine: ImageBuilder, built: BuildSpec, saved: Path) -> None:
    """What was in the file before is gone."""
    engine.save_images(built.tags[:1], saved)
    assert engine.load_images(saved) == [built.tags[0]]


@needs_builds
def test_save_of_an_absent_image_is_not_found(
    engine: ImageBuilder, image: str, name: str, tmp_path: Path
) -> None:
    """If one of the images is not there, none is saved."""
    tarball = tmp_path / "images.tar"
    with pytest.raises(NotFound):
        engine.save_images([image, f"{name}:absent"], tarball)
    assert not tarball.exists()


@needs_builds
def test_save_into_an_absent_folder_fails(engine: ImageBuilder, image: str, tmp_path: Path) -> None:
    """A folder that is not there is not made up."""
    with pytest.raises(CommandFailed):
        engine.save_images([image], tmp_path / "absent" / "images.tar")


@needs_builds
@pytest.mark.parametrize("content", [None, b"", b"no archive\n", bytes(10240)])
def test_load_of_what_holds_no_image_fails(
    engine: ImageBuilder, tmp_path: Path, content: bytes | None
) -> None:
    """A file that is absent or empty, or is no archive, or an empty one, holds no image."""
    tarball = tmp_path / "images.tar"
    if content is not None:
        tarball.write_bytes(content)
    with pytest.raises(CommandFailed):
        engine.load_images(tarball)


@needs_builds
def test_load_of_a_root_file_system_fails(engine: ImageBuilder, root_tar: Path) -> None:
    """What can be imported is no image yet."""
    with pytest.raises(CommandFailed):
        engine.load_images(root_tar)


def test_create_of_an_absent_image_is_not_found(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """A container of an image that is not there is not made, and nothing is fetched for it."""
    with pytest.raises(NotFound):
        engine.create(ContainerSpec(image=f"{name}:absent", name=name, labels=labels))
