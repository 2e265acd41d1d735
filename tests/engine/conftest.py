"""A tiny image, and containers that are gone when the tests are over."""

from __future__ import annotations

import io
import os
import pty
import select
import socket
import subprocess
import sys
import tarfile
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerSpec, ContainerState, FakeEngine, OciEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from condor_mini.engine import Engine

APPLETS = (
    "cat",
    "echo",
    "env",
    "hostname",
    "id",
    "chmod",
    "mkdir",
    "mkfifo",
    "ping",
    "pwd",
    "sh",
    "sleep",
    "stat",
    "stty",
    "tee",
    "touch",
)
APPLETS_OF_STATUS = ("false", "true", "tty")
APPLETS_OF_SOME_ENGINES = ("nc",)
ATTACH_CHILD = Path(__file__).parent / "attach_child.py"
ATTACH_TIMEOUT_S = 20
FOREVER = ("sleep", "1000")
LOG_PIPE, WRITTEN = "/tmp/log", "/tmp/written"
WRITES_FOREVER = (
    "sh",
    "-c",
    # Open for writing as well, or else it would end with the first who writes.
    f"[ -p {LOG_PIPE} ] || mkfifo {LOG_PIPE}; exec tee {WRITTEN} <>{LOG_PIPE}",
)
WRITES_PART = f"""
    until [ -f {WRITTEN} ]; do sleep 0.01; done
    after=$(($(stat -c %s {WRITTEN}) + $1))
    cat > {LOG_PIPE}
    until [ "$(stat -c %s {WRITTEN})" -ge $after ]; do sleep 0.01; done
"""
"""For what is no whole line: that it is in the log cannot be seen from outside yet."""


@pytest.fixture(scope="session")
def session() -> str:
    """What tells this run's objects from all others."""
    return f"condor-mini-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def labels(session: str) -> dict[str, str]:
    """The labels that all objects of this run bear."""
    return {"condor-mini-test.session": session}


@pytest.fixture(scope="session")
def root_tar(
    engine_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A root file system of one program, as a tar; a fake engine does without the program."""
    path = tmp_path_factory.mktemp("root") / "root, of one program.tar"
    with tarfile.open(path, "w") as tar:
        if engine_name != "fake":
            tar.add(request.getfixturevalue("busybox"), "bin/busybox")
        for applet in (*APPLETS, *APPLETS_OF_STATUS, *APPLETS_OF_SOME_ENGINES):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name in ("etc", "mnt", "tmp"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
    return path


@pytest.fixture(scope="session")
def image(engine: Engine, root_tar: Path, session: str, labels: dict[str, str]) -> Iterator[str]:
    """The name of an image of a tiny system."""
    reference = f"{session}:tiny"
    engine.import_image(root_tar, reference, labels=labels)
    yield reference
    for container in engine.containers(labels):
        engine.remove(container.name)
    engine.remove_image(reference)
    if isinstance(engine, OciEngine):
        remove_steps_of_failed_builds(engine.name, labels)


def remove_steps_of_failed_builds(binary: str, labels: dict[str, str]) -> None:
    """Remove the nameless images that the classic builder leaves; they bear our image's labels."""
    left = ids_of_images(binary, labels)
    if left:  # a step that goes with its successor is absent when its turn comes
        subprocess.run([binary, "rmi", "--force", *left], capture_output=True, check=False)
    assert not ids_of_images(binary, labels)


def ids_of_images(binary: str, labels: dict[str, str]) -> list[str]:
    """The ids of all images with these labels, nameless ones too.

    Podman's list fails if another process, as another worker's test, removes one of the images that
    it is about to look at (podman issue 24800): then it is asked again.
    """
    filters = [f"--filter=label={key}={value}" for key, value in labels.items()]
    ids: list[str] = []

    def probe() -> str | None:
        listing = [binary, "images", "--all", "--quiet", *filters]
        done = subprocess.run(listing, capture_output=True, text=True, check=False)
        ids[:] = done.stdout.split()
        return f"{binary} images: {done.stderr}" if done.returncode else None

    wait_until(probe, timeout_s=10)
    return ids


@pytest.fixture
def name(session: str) -> str:
    """A name that nothing has yet."""
    return f"{session}-{uuid.uuid4().hex[:6]}"


@pytest.fixture
def spec(image: str, name: str, labels: dict[str, str]) -> ContainerSpec:
    """A container that lives until it is killed."""
    return ContainerSpec(image=image, name=name, command=FOREVER, labels=labels)


@pytest.fixture
def writing_spec(engine: Engine, spec: ContainerSpec) -> ContainerSpec:
    """A container that lives until it is killed, and writes what ``write`` lets it."""
    return spec if isinstance(engine, FakeEngine) else replace(spec, command=WRITES_FOREVER)


@pytest.fixture
def network(engine: Engine, name: str, labels: dict[str, str]) -> Iterator[str]:
    """A network of the test's own."""
    engine.create_network(f"{name}-net", labels=labels)
    yield f"{name}-net"
    for container in engine.containers(labels):
        if f"{name}-net" in container.addresses:
            engine.remove(container.name)
    engine.remove_network(f"{name}-net")


@pytest.fixture
def volume(engine: Engine, name: str, labels: dict[str, str]) -> Iterator[str]:
    """A volume of the test's own."""
    engine.create_volume(f"{name}-data", labels=labels)
    yield f"{name}-data"
    for container in engine.containers(labels):
        if any(f"{name}-data" in source for source in container.mounts.values()):
            engine.remove(container.name)
    engine.remove_volume(f"{name}-data")


@pytest.fixture
def free_port() -> int:
    """A port of the host that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture
def port_of_another_process(engine: Engine) -> Iterator[int]:
    """A port of the host on which a process listens that is no container."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        if isinstance(engine, FakeEngine):
            engine.take_port(port)
        yield port


@pytest.fixture
def create(engine: Engine) -> Iterator[Callable[[ContainerSpec], str]]:
    """Creates containers, and removes them when the test is over; answers with the name."""
    created: list[str] = []

    def create(spec: ContainerSpec) -> str:
        created.append(spec.name)
        engine.create(spec)
        return spec.name

    yield create
    for container in created:
        engine.remove(container)


@pytest.fixture
def run(engine: Engine, create: Callable[[ContainerSpec], str]) -> Callable[[ContainerSpec], str]:
    """Creates and starts containers; answers with the name."""

    def run(spec: ContainerSpec) -> str:
        engine.start(create(spec))
        return spec.name

    return run


@pytest.fixture
def write(engine: Engine) -> Callable[[str, str], None]:
    """Lets a container of ``writing_spec`` write; returns when its whole lines are in the log."""

    def write(container: str, text: str) -> None:
        before = len(engine.logs(container))
        if isinstance(engine, FakeEngine):
            engine.write_log(container, text)
        else:
            script = f"until [ -p {LOG_PIPE} ]; do sleep 0.01; done; cat > {LOG_PIPE}"
            if not text.endswith("\n"):
                script = WRITES_PART
            length = str(len(text.encode()))
            said = engine.exec(container, ["sh", "-c", script, "sh", length], stdin=text)
            assert said.returncode == 0, said.stderr

        def probe() -> str | None:
            missing = before + text.rfind("\n") + 1 - len(engine.logs(container))
            return f"{missing} characters are missing" if missing > 0 else None

        wait_until(probe, timeout_s=10)

    return write


@pytest.fixture(scope="session")
def box(engine: Engine, image: str, session: str, labels: dict[str, str]) -> str:
    """A running container that tests share, and leave as it is."""
    spec = ContainerSpec(image=image, name=f"{session}-box", command=FOREVER, labels=labels)
    engine.create(spec)
    engine.start(spec.name)
    return spec.name


@pytest.fixture
def wait_for_end(engine: Engine) -> Callable[[str], None]:
    """Waits until a container has ended."""

    def wait(container: str) -> None:
        def probe() -> str | None:
            info = engine.inspect(container)
            assert info is not None
            return None if info.state is ContainerState.EXITED else f"it is {info.state}"

        wait_until(probe, timeout_s=10)

    return wait


@pytest.fixture
def tar_of() -> Callable[..., bytes]:
    """Makes a tar of one file."""

    def make(name: str, content: bytes, *, uid: int = 0, gid: int = 0, mode: int = 0o644) -> bytes:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.size, member.uid, member.gid, member.mode = len(content), uid, gid, mode
            tar.addfile(member, io.BytesIO(content))
        return archive.getvalue()

    return make


@pytest.fixture
def attach_by_terminal() -> Callable[..., tuple[int, str]]:
    """Attaches with a terminal; the status, and all that was seen on it."""

    def attach_by_terminal(
        *arguments: str, stdin_is_terminal: bool = True, keys: bytes = b"", keys_after: bytes = b""
    ) -> tuple[int, str]:
        """Attach with a terminal for stdout; the status, and all that was seen on the terminal."""
        master, slave = pty.openpty()
        stdin = slave if stdin_is_terminal else subprocess.DEVNULL
        with subprocess.Popen(
            [sys.executable, str(ATTACH_CHILD), *arguments],
            stdin=stdin,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        ) as child:
            os.close(slave)
            seen = b""
            typed = False
            while True:
                if not select.select([master], [], [], ATTACH_TIMEOUT_S)[0]:
                    child.kill()
                    pytest.fail(f"nothing more came on the terminal after {seen!r}")
                try:
                    chunk = os.read(master, 4096)
                except OSError:  # Linux says so when the last writer has gone
                    break
                if not chunk:
                    break
                seen += chunk
                if keys and not typed and keys_after in seen:
                    os.write(master, keys)
                    typed = True
            os.close(master)
            return child.wait(timeout=30), seen.decode()

    return attach_by_terminal
