"""The contract of every engine: a container from its creation to its removal."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import AlreadyInUse, CommandFailed, EngineCapabilityError, NotFound
from condor_mini.engine import BindMount, ContainerSpec, ContainerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import ContainerInfo, Engine

    MakeContainer = Callable[[ContainerSpec], str]


@pytest.fixture
def labelled_image(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str]
) -> Iterator[str]:
    """An image with labels of its own."""
    own = {"image": "image's", "given": "image's", "emptied": "image's"}
    engine.import_image(root_tar, f"{name}:labelled", labels={**labels, **own})
    yield f"{name}:labelled"
    engine.remove_image(f"{name}:labelled")


def looked_up(engine: Engine, container: str) -> ContainerInfo:
    """A container that must be there."""
    info = engine.inspect(container)
    assert info is not None
    return info


def test_create_does_not_start(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A container that was created waits for its start."""
    assert looked_up(engine, create(spec)).state is ContainerState.CREATED


def test_create_answers_with_the_id(engine: Engine, spec: ContainerSpec) -> None:
    """What create answers with is the container's id."""
    container_id = engine.create(spec)
    try:
        assert looked_up(engine, spec.name).id == container_id
    finally:
        engine.remove(spec.name)


def test_container_is_known_by_its_id(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container is found by its id as by its name."""
    info = looked_up(engine, create(spec))
    assert looked_up(engine, info.id) == info


def test_taken_name_is_already_in_use(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container's name is given once."""
    create(spec)
    with pytest.raises(AlreadyInUse):
        engine.create(spec)


def test_race_for_a_name_has_one_winner(create: MakeContainer, spec: ContainerSpec) -> None:
    """Of four that create the same name at once, one does, and three learn that it is in use."""

    def attempt(_: int) -> str:
        try:
            create(spec)
        except AlreadyInUse:
            return "in use"
        return "created"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == ["created", *["in use"] * 3]


def test_inspect_says_image_and_labels(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container tells its image and the labels that it was given."""
    labels = {**spec.labels, "spec": '{"a": "b=c, d"}\n'}
    info = looked_up(engine, create(replace(spec, labels=labels)))
    assert (info.image, labels.items() <= info.labels.items()) == (spec.image, True)


def test_labels_are_the_images_too(
    engine: Engine, labelled_image: str, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container has its image's labels; where it was given one, an empty one too, that wins."""
    given = {**spec.labels, "given": "container's", "emptied": ""}
    created = create(replace(spec, image=labelled_image, labels=given))
    labels = looked_up(engine, created).labels
    found = {key: labels[key] for key in ("image", "given", "emptied")}
    assert found == {"image": "image's", "given": "container's", "emptied": ""}


def test_containers_are_found_by_their_images_labels(
    engine: Engine, labelled_image: str, create: MakeContainer, spec: ContainerSpec
) -> None:
    """Who asks for a label gets containers that only their image gives it to."""
    created = create(replace(spec, image=labelled_image))
    found = engine.containers({**spec.labels, "image": "image's"})
    assert [info.name for info in found] == [created]


def test_inspect_of_absent_is_none(engine: Engine, name: str) -> None:
    """A container that is not there is None."""
    assert engine.inspect(name) is None


def test_health_is_none_without_a_health_check(engine: Engine, box: str) -> None:
    """A container of an image without a health check has no health."""
    assert looked_up(engine, box).health is None


def test_containers_are_found_by_all_labels(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, name: str
) -> None:
    """Of the containers only those are listed that bear every label, running or not."""
    both = {**spec.labels, "pool": name, "role": "a"}
    create(replace(spec, labels=both))
    create(replace(spec, name=f"{name}-2", labels={**both, "role": "b"}))
    assert [info.name for info in engine.containers({"pool": name, "role": "b"})] == [f"{name}-2"]


def test_containers_are_found_by_odd_labels(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, name: str
) -> None:
    """A label may hold what command lines and lists are made of, a path with commas for one."""
    odd = {"pool": name, "state": '/a, b/"c"=d'}
    create(replace(spec, labels={**spec.labels, **odd}))
    found = [
        [info.name for info in engine.containers(asked)]
        for asked in (odd, {**odd, "state": "/a, b"})
    ]
    assert found == [[spec.name], []]


def test_containers_of_an_unknown_label_are_none(engine: Engine, name: str) -> None:
    """A label that nothing bears gives an empty list."""
    assert engine.containers({"pool": name}) == []


def test_start_runs(engine: Engine, box: str) -> None:
    """A container that was started runs, and has no status yet."""
    info = looked_up(engine, box)
    assert (info.state, info.exit_code) == (ContainerState.RUNNING, None)


def test_start_of_running_succeeds(engine: Engine, box: str) -> None:
    """A container that runs is started."""
    engine.start(box)


def test_start_of_absent_is_not_found(engine: Engine, name: str) -> None:
    """A container that is not there is not started."""
    with pytest.raises(NotFound):
        engine.start(name)


def test_created_container_was_never_started(
    engine: Engine, create: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that waits for its start has no time of it."""
    assert looked_up(engine, create(spec)).started_at is None


def test_start_is_told(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A container tells when it was started, in a time zone."""
    create(spec)
    before = datetime.now(UTC)
    engine.start(spec.name)
    started_at = looked_up(engine, spec.name).started_at
    assert started_at is not None
    assert before <= started_at <= datetime.now(UTC)


def test_start_is_told_after_the_end(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that has ended still tells when it was started."""
    started_at = looked_up(engine, run(spec)).started_at
    engine.stop(spec.name, timeout_s=0)
    assert looked_up(engine, spec.name).started_at == started_at


def test_last_start_is_told(engine: Engine, run: MakeContainer, spec: ContainerSpec) -> None:
    """Of a container that was started twice the second time counts."""
    first = looked_up(engine, run(spec)).started_at
    engine.stop(spec.name, timeout_s=0)
    engine.start(spec.name)
    last = looked_up(engine, spec.name).started_at
    assert first is not None
    assert last is not None
    assert first < last


def test_ended_container_has_its_status(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, wait_for_end: Callable[[str], None]
) -> None:
    """A container that has ended tells its command's status."""
    wait_for_end(run(replace(spec, command=("sh", "-c", "exit 3"))))
    assert looked_up(engine, spec.name).exit_code == 3


def test_ended_container_starts_again(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that was stopped runs again when it is started."""
    engine.stop(run(spec), timeout_s=0)
    engine.start(spec.name)
    assert looked_up(engine, spec.name).state is ContainerState.RUNNING


def test_stop_kills_at_its_deadline(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that does not heed the request to end has ended soon after the deadline."""
    run(spec)
    began = time.monotonic()
    engine.stop(spec.name, timeout_s=1)
    took_s = time.monotonic() - began
    assert (looked_up(engine, spec.name).state, took_s < 6) == (ContainerState.EXITED, True)


def test_stop_of_ended_succeeds(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A container that does not run is stopped."""
    engine.stop(create(spec), timeout_s=1)


def test_stop_ends_several(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, name: str
) -> None:
    """Of several containers all are stopped, also if some are absent or have ended."""
    names = [run(replace(spec, name=f"{name}-{number}")) for number in range(3)]
    engine.stop(names[1], timeout_s=0)
    engine.stop(f"{name}-absent", names[0], f"{name}-gone", *names[1:], timeout_s=0)
    assert {looked_up(engine, each).state for each in names} == {ContainerState.EXITED}


def test_stop_of_several_is_at_once(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, name: str
) -> None:
    """Several containers that do not heed the request take no longer than one."""
    names = [run(replace(spec, name=f"{name}-{number}")) for number in range(3)]
    began = time.monotonic()
    engine.stop(*names, timeout_s=3)
    assert time.monotonic() - began < 8


def test_remove_removes_several(
    engine: Engine, run: MakeContainer, create: MakeContainer, spec: ContainerSpec, name: str
) -> None:
    """Of several containers all are removed, running or not, also if some are absent."""
    names = [run(replace(spec, name=f"{name}-{number}")) for number in range(2)]
    names.append(create(replace(spec, name=f"{name}-created")))
    engine.remove(f"{name}-absent", names[0], f"{name}-gone", *names[1:])
    assert [engine.inspect(each) for each in names] == [None] * 3


def test_stop_of_absent_succeeds(engine: Engine, name: str) -> None:
    """A container that is not there is stopped."""
    engine.stop(name, timeout_s=1)


def test_remove_ends_a_running_container(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container that runs is removed as well."""
    engine.remove(run(spec))
    assert engine.inspect(spec.name) is None


def test_remove_of_absent_succeeds(engine: Engine, name: str) -> None:
    """A container that is not there is removed."""
    engine.remove(name)


def test_command_line_options_are_the_commands_own(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, wait_for_end: Callable[[str], None]
) -> None:
    """A command's options are not taken for the engine's."""
    wait_for_end(run(replace(spec, command=("echo", "--name", "-it"))))
    assert engine.logs(spec.name) == "--name -it\n"


def test_container_has_environment_hostname_user_and_folder(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container's commands see what its spec says of hostname, user, folder and environment."""
    run(
        replace(
            spec, hostname="node.pool", user="123:45", workdir="/tmp", environment={"K": "a b=c"}
        )
    )
    said = [engine.exec(spec.name, [word]).stdout for word in ("hostname", "pwd")]
    said.append(engine.exec(spec.name, ["id", "-u"]).stdout)
    said += [line for line in engine.exec(spec.name, ["env"]).stdout.splitlines() if "K=" in line]
    assert said == ["node.pool\n", "/tmp\n", "123\n", "K=a b=c"]


@pytest.mark.parametrize("folder", ["plain", "a b, c", 'quo"te', "ü=1:2"])
def test_mount_shows_the_hosts_folder(
    engine: Engine, run: MakeContainer, spec: ContainerSpec, tmp_path: Path, folder: str
) -> None:
    """A mounted folder's files are read in the container, whatever characters its path holds."""
    source = tmp_path / folder
    source.mkdir()
    (source / "file").write_text("from the host\n")
    run(replace(spec, mounts=(BindMount(source=source, target="/mnt"),)))
    assert engine.exec(spec.name, ["cat", "/mnt/file"]).stdout == "from the host\n"


def test_mounts_are_told(
    engine: Engine, create: MakeContainer, spec: ContainerSpec, tmp_path: Path
) -> None:
    """A container tells the host's path of each of its mounts."""
    create(replace(spec, mounts=(BindMount(source=tmp_path, target="/mnt"),)))
    assert looked_up(engine, spec.name).mounts == {"/mnt": str(tmp_path)}


@pytest.mark.parametrize(
    ("read_only", "written"),
    [(False, True), pytest.param(True, False, marks=pytest.mark.needs("read_only_mounts"))],
)
def test_read_only_mount_is_not_written(
    engine: Engine,
    run: MakeContainer,
    spec: ContainerSpec,
    tmp_path: Path,
    *,
    read_only: bool,
    written: bool,
) -> None:
    """A container writes to a mount unless it is read-only."""
    run(replace(spec, mounts=(BindMount(source=tmp_path, target="/mnt", read_only=read_only),)))
    engine.exec(spec.name, ["touch", "/mnt/file"])
    assert (tmp_path / "file").exists() is written


@pytest.mark.needs_no("read_only_mounts")
def test_read_only_mount_is_refused(engine: Engine, spec: ContainerSpec, tmp_path: Path) -> None:
    """An engine that cannot keep a container from writing does not pretend to."""
    mount = BindMount(source=tmp_path, target="/mnt", read_only=True)
    with pytest.raises(EngineCapabilityError, match=spec.name):
        engine.create(replace(spec, mounts=(mount,)))
    assert engine.inspect(spec.name) is None


def test_mount_of_an_absent_path_fails(engine: Engine, spec: ContainerSpec, tmp_path: Path) -> None:
    """A path that is not there is not made up."""
    absent = BindMount(source=tmp_path / "absent", target="/mnt")
    with pytest.raises(CommandFailed):
        engine.create(replace(spec, mounts=(absent,)))
