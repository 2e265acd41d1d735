"""The image condor-mini with nothing but the engine."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine import BindMount, ContainerSpec

from ..people import PROMPT, Terminal, image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from condor_mini.engine import Engine

pytestmark = [
    pytest.mark.usefixtures("images"),
    pytest.mark.pool_engines("docker", reason="it is about docker run"),
]
IMAGE = image("mini")


@pytest.fixture
def name(pool_engine: Engine) -> Iterator[str]:
    """A name that nothing has; what gets it is removed."""
    name = f"plain-{uuid.uuid4().hex[:8]}"
    yield name
    pool_engine.remove(name)


def test_prompt(name: str) -> None:
    """``docker run -it`` ends in a prompt of a working pool."""
    descriptor, slave = os.openpty()
    argv = ["docker", "run", "-it", "--rm", "--name", name, IMAGE]
    with subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        terminal = Terminal(process=process, descriptor=descriptor)
        terminal.expect("Started HTCondor")
        terminal.expect(PROMPT)
        shown = terminal.command("condor_status")
        terminal.type("exit")
        terminal.end()
        os.close(descriptor)
    assert "slot1@" in shown


def test_command(name: str) -> None:
    """``docker run IMAGE COMMAND`` runs the command in the pool and shows nothing else."""
    argv = ["docker", "run", "--rm", "--name", name, IMAGE, "condor_status", "-af", "State"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "Unclaimed\n"


def test_logs(pool_engine: Engine, name: str, until: Callable[..., None]) -> None:
    """``docker logs`` of ``docker run -d`` shows the daemons at work."""
    pool_engine.create(ContainerSpec(image=IMAGE, name=name))
    pool_engine.start(name)
    until(lambda: re.search(r"(?m)^startd: .*State", pool_engine.logs(name)), "the startd says so")


def test_unwritable_state_is_one_message(pool_engine: Engine, name: str, here: Path) -> None:
    """A state directory that jovyan cannot write to is one clear message."""
    here.chmod(0o755)
    os.chown(here, 0, 0)
    mount = BindMount(source=here, target="/condor_state")
    pool_engine.create(ContainerSpec(image=IMAGE, name=name, mounts=(mount,)))
    argv = ["docker", "start", "--attach", name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == (
        "condor-mini: cannot write to the state directory /condor_state as UID 1000: "
        "Permission denied\n"
    )
