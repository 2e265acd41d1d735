"""What only an engine that is driven by a command line does."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.errors import CommandFailed, EngineNotFound, ImageBuildFailed
from condor_mini.engine import (
    BindMount,
    BuildSpec,
    ContainerSpec,
    OciEngine,
    PublishedPort,
    ScratchMount,
    VolumeMount,
)
from condor_mini.engine.command import run as run_command
from condor_mini.engine.oci.argv import (
    build_arguments,
    create_arguments,
    label_instruction,
    logs_arguments,
)
from condor_mini.engine.oci.dialect import DOCKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_mini.engine import Engine, ImageBuilder

    MakeContainer = Callable[[ContainerSpec], str]

only_docker = pytest.mark.engines("docker")
by_command_line = pytest.mark.engines("docker", "podman")

EVERYTHING = ContainerSpec(
    image="image:1",
    name="node",
    command=("daemon", "-f"),
    hostname="node.pool",
    user="condor",
    workdir="/tmp",
    environment={"K": "a b"},
    labels={"k": "v=w"},
    mounts=(
        BindMount(source=Path('/a, "b"'), target="/m", read_only=True),
        VolumeMount(volume="data", target="/v"),
        VolumeMount(volume="data", target='/v, "2"', read_only=True),
        VolumeMount(volume="new", target="/n", labels={"k": 'v, "w"'}),
        ScratchMount(target="/s", labels={"k": "v"}),
    ),
    ports=(
        PublishedPort(container_port=80, host_port=8080),
        PublishedPort(container_port=81),
        PublishedPort(container_port=82, host_port=8082, host_ip="10.0.0.1"),
        PublishedPort(container_port=83, host_port=8083, host_ip="::1"),
    ),
    network="net",
    ip="10.0.0.9",
    cap_drop=("ALL",),
    cap_add=("CHOWN", "KILL"),
    read_only=True,
    no_new_privileges=True,
    cpus=1.5,
    memory_mb=512,
    pids=100,
)


def test_create_arguments_say_everything() -> None:
    """Every field of a spec becomes its option, and the command comes last."""
    assert create_arguments(EVERYTHING) == [
        *("create", "--pull", "never", "--name", "node", "--label", "k=v=w", "--env", "K=a b"),
        "--read-only",
        *("--mount", 'type=bind,"source=/a, ""b""",target=/m,ro'),
        *("--mount", "type=volume,source=data,target=/v"),
        *("--mount", 'type=volume,source=data,"target=/v, ""2""",ro'),
        *("--mount", 'type=volume,source=new,target=/n,"volume-label=k=v, ""w"""'),
        *("--mount", "type=volume,target=/s,volume-label=k=v"),
        *("--publish", "127.0.0.1:8080:80", "--publish", "127.0.0.1::81"),
        *("--publish", "10.0.0.1:8082:82", "--publish", "[::1]:8083:83"),
        *("--cap-drop", "ALL", "--cap-add", "CHOWN", "--cap-add", "KILL"),
        *("--security-opt", "no-new-privileges", "--hostname", "node.pool", "--user", "condor"),
        *("--workdir", "/tmp", "--network", "net", "--ip", "10.0.0.9", "--cpus", "1.5"),
        *("--memory", "512m", "--pids-limit", "100", "image:1", "daemon", "-f"),
    ]


def test_create_arguments_say_no_more() -> None:
    """What a spec leaves out is left to the engine."""
    assert create_arguments(ContainerSpec(image="image:1", name="node")) == [
        *("create", "--pull", "never", "--name", "node", "image:1"),
    ]


def test_build_arguments_say_everything() -> None:
    """Every field of a build's spec becomes its option, and the folder comes last."""
    spec = BuildSpec(
        context=Path("/c"),
        tags=("a:1", "b:1"),
        build_args={"X": "1 2"},
        labels={"k": "v"},
        no_cache=True,
    )
    assert build_arguments(spec) == [
        *("build", "--force-rm", "--tag", "a:1", "--tag", "b:1", "--build-arg", "X=1 2"),
        *("--label", "k=v", "--no-cache", "/c"),
    ]


def test_logs_arguments_say_everything() -> None:
    """Every choice becomes its option, and a time is told in UTC."""
    since = datetime(2026, 11, 21, 9, 40, 28, 123456, tzinfo=timezone(timedelta(hours=5)))
    assert list(logs_arguments(3, since, timestamps=True)) == [
        *("--tail", "3", "--since", "2026-11-21T04:40:28.123456+00:00", "--timestamps"),
    ]


def test_logs_arguments_say_no_more() -> None:
    """Who chooses nothing gets all."""
    assert list(logs_arguments(None, None, timestamps=False)) == []


def test_label_instruction_is_quoted() -> None:
    """Nothing in a label's value is taken for a quote or a variable."""
    assert label_instruction("k", 'a"$b\\') == 'LABEL "k"="a\\"\\$b\\\\"'


@by_command_line
def test_limits_and_privileges_hold(
    engine: Engine, run: MakeContainer, spec: ContainerSpec
) -> None:
    """A container has the capabilities and privileges of its spec, and no others."""
    limited = replace(
        spec,
        cap_drop=("ALL",),
        cap_add=("CHOWN",),
        no_new_privileges=True,
        cpus=0.5,
        memory_mb=64,
    )
    status = engine.exec(run(limited), ["cat", "/proc/self/status"]).stdout.split("\n")
    held = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert (int(held["CapEff"], 16), held["NoNewPrivs"]) == (0b1, "1")


@by_command_line
def test_processes_are_limited(engine: Engine, run: MakeContainer, spec: ContainerSpec) -> None:
    """A container that is full has no room for one more process, and one without a limit has."""
    if "pids" not in engine.info().limits:
        pytest.skip(f"{engine.name} has no control group here to limit processes in")
    forks = "for i in $(seq 40); do sleep 99 >/dev/null 2>&1 & done"
    names = {"full": replace(spec, pids=30), "free": replace(spec, name=f"{spec.name}-free")}
    done = {name: engine.exec(run(each), ["sh", "-c", forks]) for name, each in names.items()}
    assert (done["full"].returncode != 0, done["free"].returncode) == (True, 0)


@by_command_line
@pytest.mark.parametrize("count", [1, 3])
def test_stop_and_remove_take_a_call_each(
    engine: Engine,
    run: MakeContainer,
    spec: ContainerSpec,
    caplog: pytest.LogCaptureFixture,
    count: int,
) -> None:
    """However many containers there are, each is one call of the command line."""
    names = [run(replace(spec, name=f"{spec.name}-{number}")) for number in range(count)]
    with caplog.at_level(logging.DEBUG, "condor_mini.engine"):
        engine.stop(*names, timeout_s=0)
        engine.remove(*names)
    assert len(caplog.records) == 2


@by_command_line
@pytest.mark.parametrize("count", [1, 3])
def test_containers_takes_two_calls(
    engine: Engine,
    create: MakeContainer,
    spec: ContainerSpec,
    caplog: pytest.LogCaptureFixture,
    count: int,
) -> None:
    """However many containers there are, listing them takes two calls of the command line."""
    labels = {**spec.labels, "pool": spec.name}
    for number in range(count):
        create(replace(spec, name=f"{spec.name}-{number}", labels=labels))
    with caplog.at_level(logging.DEBUG, "condor_mini.engine"):
        listed = engine.containers({"pool": spec.name})
    assert (len(listed), len(caplog.records)) == (count, 2)


@by_command_line
def test_an_image_brings_no_named_volume(
    engine: Engine, root_tar: Path, name: str, labels: dict[str, str]
) -> None:
    """A volume that an image declares has no name, and none of the image's labels."""
    mark = [f"--change=LABEL {key}={value}" for key, value in {**labels, "of": name}.items()]
    argv = [engine.name, "import", *mark, "--change=VOLUME /mnt", str(root_tar), f"{name}:volume"]
    run_command(argv, timeout_s=60)
    try:
        engine.create(ContainerSpec(image=f"{name}:volume", name=name, command=("true",)))
        info = engine.inspect(name)
        assert info is not None
        assert (dict(info.volumes), engine.volumes({"of": name})) == ({}, [])
    finally:
        engine.remove(name)
        engine.remove_image(f"{name}:volume")


@by_command_line
def test_remove_network_removes_all_of_that_name(
    engine: Engine, name: str, labels: dict[str, str]
) -> None:
    """Networks of one name, which a race of others may leave, can be removed."""
    assert isinstance(engine, OciEngine)
    mark = [f"--label={key}={value}" for key, value in labels.items()]
    with ThreadPoolExecutor(3) as pool:
        argv = [engine.name, "network", "create", *mark, name]
        list(pool.map(lambda _: run_command(argv, timeout_s=30, check=False), range(3)))
    engine.remove_network(name)
    assert engine._networks_called(name) == []


@by_command_line
def test_failed_build_ends_with_its_last_lines(
    engine: ImageBuilder, image: str, name: str, tmp_path: Path
) -> None:
    """A failed build's error holds what the failed step said, without colours."""
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nRUN echo last words >&2; exit 4\n")
    spec = BuildSpec(context=tmp_path, tags=(f"{name}:x",))
    with pytest.raises(ImageBuildFailed, match=r"(?m)^last words$"):
        engine.build(spec, on_line=lambda _: None)


@by_command_line
def test_failed_build_leaves_no_container(
    engine: ImageBuilder, image: str, name: str, tmp_path: Path
) -> None:
    """A failed build leaves nothing behind that would keep its image in use."""
    (tmp_path / "Dockerfile").write_text(f"FROM {image}\nLABEL only={name}\nRUN exit 4\n")
    with pytest.raises(ImageBuildFailed):
        engine.build(BuildSpec(context=tmp_path, tags=(f"{name}:x",)), on_line=lambda _: None)
    assert engine.containers({"only": name}) == []


def followed(engine: Engine, container: str) -> list[str]:
    """All that a container writes."""
    with engine.follow(container) as lines:
        return list(lines)


@only_docker
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda engine: engine.info(), id="info"),
        pytest.param(lambda engine: engine.image("x"), id="image"),
        pytest.param(lambda engine: engine.containers({}), id="containers"),
        pytest.param(lambda engine: engine.inspect("x"), id="inspect"),
        pytest.param(lambda engine: engine.exec("x", ["true"]), id="exec"),
        pytest.param(lambda engine: engine.stop("x", "y", timeout_s=1), id="stop"),
        pytest.param(lambda engine: engine.remove("x", "y"), id="remove"),
        pytest.param(lambda engine: engine.copy_in("x", b""), id="copy_in"),
        pytest.param(lambda engine: engine.logs("x"), id="logs"),
        pytest.param(lambda engine: followed(engine, "x"), id="follow"),
        pytest.param(lambda engine: engine.start("x"), id="start"),
        pytest.param(lambda engine: engine.networks({}), id="networks"),
        pytest.param(lambda engine: engine.volumes({}), id="volumes"),
        pytest.param(lambda engine: engine.remove_volume("x"), id="remove_volume"),
        pytest.param(lambda engine: engine.save_images(["x"], Path("/x")), id="save_images"),
    ],
)
def test_engine_that_has_gone_is_not_found(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    call: Callable[[Engine], object],
) -> None:
    """An engine that does not answer is told from a container that is absent."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(EngineNotFound):
        call(engine)


@only_docker
def test_build_without_an_engine_is_not_found(
    engine: ImageBuilder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A build that finds no engine did not fail for what is in its folder."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(EngineNotFound):
        engine.build(BuildSpec(context=tmp_path, tags=("x",)), on_line=lambda _: None)


@only_docker
def test_context_that_is_unknown_is_not_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A context that does not exist is an engine that is not there."""
    monkeypatch.setenv("DOCKER_CONTEXT", "absent")
    with pytest.raises(EngineNotFound, match="absent"):
        engine.info()


def test_endpoint_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that names an endpoint wins over the client's context."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:1")
    assert OciEngine(DOCKER).endpoint("default") == "tcp://elsewhere:1"


@only_docker
def test_endpoint_is_asked_of_the_client(engine: Engine) -> None:
    """Where nobody knows the context, the client tells its endpoint."""
    assert isinstance(engine, OciEngine)
    assert engine.endpoint().startswith("unix://")


def test_missing_binary_is_engine_not_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without the command on PATH there is no engine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineNotFound, match="no command docker"):
        OciEngine(DOCKER).containers({})


def test_nothing_is_called_for_no_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """To stop or remove no container at all one needs no engine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    OciEngine(DOCKER).stop(timeout_s=1)
    OciEngine(DOCKER).remove()


@pytest.mark.parametrize(
    "said",
    [
        "Error: No such container: x\n",
        "Error response from daemon: No such container: x\n",
        "Error response from daemon: Container 0123 is not running\n",
        "Error response from daemon: container 0123 is not running\n",
        "Error response from daemon: Container 0123 is paused, unpause the container before exec\n",
        "Error response from daemon: Container 0123 is restarting, wait until it runs\n",
        "OCI runtime exec failed: exec failed: cannot exec in a stopped container: unknown\r\n",
    ],
)
def test_words_of_a_container_that_cannot_run_it(said: str) -> None:
    """These words of the engine mean that the command never ran."""
    assert re.fullmatch(DOCKER.not_running, said)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Error: something else\n",
        "first line\nError: No such container: x\n",
        'OCI runtime exec failed: exec failed: exec: "x": executable file not found in $PATH\n',
    ],
)
def test_words_of_a_command_that_ran(said: str) -> None:
    """These words leave the status to the command."""
    assert not re.fullmatch(DOCKER.not_running, said)


@by_command_line
def test_error_can_be_pasted(engine: Engine, create: MakeContainer, spec: ContainerSpec) -> None:
    """A failure shows the command line that failed."""
    create(spec)
    with pytest.raises(CommandFailed, match=f"^{engine.name} .*rmi {spec.image}"):
        engine.remove_image(spec.image)


@by_command_line
def test_interrupt_key_goes_to_the_command(
    engine_name: str, box: str, attach_by_terminal: Callable[..., tuple[int, str]]
) -> None:
    """On a terminal Ctrl-C is the command's, and attach answers with what became of it."""
    script = "trap 'exit 9' INT; echo ready; while true; do sleep 0.1; done"
    status, _ = attach_by_terminal(
        engine_name, box, "sh", "-c", script, keys=b"\x03", keys_after=b"ready"
    )
    assert status == 9
