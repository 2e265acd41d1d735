"""The contract of every engine: what it says of itself, images and networks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import BuildSpec, ContainerSpec
from condor_mini.errors import AlreadyInUse, CommandFailed, ImageBuildFailed, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

ODD_VALUE = 'a "b" c=$HOME \\ {"d": 1}'


@pytest.fixture
def context(tmp_path: Path, image: str) -> Path:
    """A folder to build an image from."""
    (tmp_path / "Dockerfile").write_text(f'FROM {image}\nENV K=V\nCMD ["sleep", "1000"]\n')
    return tmp_path


@pytest.fixture
def built(engine: Engine, context: Path, name: str, labels: dict[str, str]) -> Iterator[BuildSpec]:
    """What an image of two names was built from."""
    spec = BuildSpec(context=context, tags=(f"{name}:a", f"{name}:b"), labels=labels)
    engine.build(spec, on_line=lambda _: None)
    yield spec
    for tag in spec.tags:
        engine.remove_image(tag)


@pytest.fixture
def on_network(spec: ContainerSpec, network: str) -> ContainerSpec:
    """A container on the test's network."""
    return replace(spec, network=network)


def test_info_names_the_engine(engine: Engine, engine_name: str) -> None:
    """An engine says its own name."""
    assert engine.info().name == engine_name == engine.name


def test_info_says_where_it_listens(engine: Engine) -> None:
    """The endpoint is a URL."""
    assert "://" in engine.info().endpoint


def test_info_counts_cores_and_memory(engine: Engine) -> None:
    """An engine has at least a core and 100 MiB."""
    info = engine.info()
    assert (info.cpus >= 1, info.memory_mb >= 100) == (True, True)


def test_import_image_keeps_labels(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str]
) -> None:
    """An imported image bears its labels, whatever characters they hold."""
    expected = {**labels, "a.b/c": ODD_VALUE}
    engine.import_image(root_tar, f"{name}:odd", labels=expected)
    try:
        info = engine.image(f"{name}:odd")
    finally:
        engine.remove_image(f"{name}:odd")
    assert info is not None
    assert dict(info.labels) == expected


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


def test_pull_of_an_absent_image_fails(engine: Engine) -> None:
    """What no registry has cannot be fetched."""
    with pytest.raises(CommandFailed):
        engine.pull("127.0.0.1:9/absent:1", timeout_s=30)


def test_build_gives_every_tag(engine: Engine, built: BuildSpec) -> None:
    """A built image has all of its names."""
    assert len({info.id for tag in built.tags if (info := engine.image(tag))}) >= 1
    assert all(engine.image(tag) is not None for tag in built.tags)


def test_build_gives_labels(engine: Engine, built: BuildSpec) -> None:
    """A built image bears the labels that were asked for."""
    info = engine.image(built.tags[0])
    assert info is not None
    assert built.labels.items() <= info.labels.items()


def test_build_hands_over_lines(engine: Engine, context: Path, name: str) -> None:
    """The lines of a build are handed over without their ends."""
    lines: list[str] = []
    try:
        engine.build(BuildSpec(context=context, tags=(f"{name}:c",)), on_line=lines.append)
    finally:
        engine.remove_image(f"{name}:c")
    assert lines
    assert not any("\n" in line or "\r" in line or "\x1b" in line for line in lines)


def test_build_without_a_dockerfile_fails(engine: Engine, tmp_path: Path, name: str) -> None:
    """A folder without a Dockerfile is no image, and the error says which folder."""
    with pytest.raises(ImageBuildFailed, match=str(tmp_path)):
        engine.build(BuildSpec(context=tmp_path, tags=(f"{name}:x",)), on_line=lambda _: None)


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


def test_create_of_an_absent_image_is_not_found(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """A container of an image that is not there is not made, and nothing is fetched for it."""
    with pytest.raises(NotFound):
        engine.create(ContainerSpec(image=f"{name}:absent", name=name, labels=labels))


def test_taken_network_name_is_already_in_use(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A network's name is given once."""
    with pytest.raises(AlreadyInUse):
        engine.create_network(network, labels=labels)


def test_race_for_a_network_has_at_most_one_winner(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """Of three that create the same network at once, no two succeed, whatever comes of it."""

    def attempt(_: int) -> bool:
        try:
            engine.create_network(f"{name}-race", labels=labels)
        except AlreadyInUse:
            return False
        return True

    try:
        with ThreadPoolExecutor(3) as pool:
            assert sum(pool.map(attempt, range(3))) <= 1
    finally:
        engine.remove_network(f"{name}-race")


def test_remove_network_leaves_longer_names(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A network whose name begins with the removed one's stays."""
    engine.remove_network(network.removesuffix("-net"))
    with pytest.raises(AlreadyInUse):
        engine.create_network(network, labels=labels)


def test_remove_network_frees_its_name(
    engine: Engine, network: str, labels: dict[str, str]
) -> None:
    """A removed network's name can be given again."""
    engine.remove_network(network)
    engine.create_network(network, labels=labels)


def test_remove_network_that_is_absent_succeeds(engine: Engine, name: str) -> None:
    """A network that is not there is removed."""
    engine.remove_network(f"{name}-absent")


def test_remove_network_in_use_fails(
    engine: Engine, network: str, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """A network stays while a container runs on it."""
    run(on_network)
    with pytest.raises(CommandFailed):
        engine.remove_network(network)


def test_container_has_an_address_on_its_network(
    engine: Engine, network: str, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """A running container has an IPv4 address by its network's name."""
    info = engine.inspect(run(on_network))
    assert info is not None
    assert [(key, value.count(".")) for key, value in info.addresses.items()] == [(network, 3)]


def test_containers_find_each_other_by_name(
    engine: Engine, run: Callable[[ContainerSpec], str], on_network: ContainerSpec
) -> None:
    """On a network a container is reached by its name."""
    name = run(on_network)
    assert engine.exec(name, ["ping", "-c", "1", "-W", "5", name]).returncode == 0


def test_container_on_an_absent_network_does_not_run(
    run: Callable[[ContainerSpec], str], spec: ContainerSpec
) -> None:
    """A container whose network is not there fails at its start at the latest."""
    with pytest.raises((CommandFailed, NotFound)):
        run(replace(spec, network=f"{spec.name}-absent"))


def test_fixed_address_on_a_network_with_a_subnet(
    engine: Engine,
    name: str,
    labels: dict[str, str],
    run: Callable[[ContainerSpec], str],
    spec: ContainerSpec,
) -> None:
    """A container gets the address that it asks for, where the network was given its subnet."""
    network = f"{name}-fixed"
    engine.create_network(network, labels=labels, subnet="10.213.47.0/24")
    try:
        fixed = replace(spec, network=network, ip="10.213.47.9")
        info = engine.inspect(run(fixed))
        assert info is not None
        assert info.addresses == {network: "10.213.47.9"}
    finally:
        engine.remove(spec.name)
        engine.remove_network(network)
