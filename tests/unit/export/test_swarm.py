"""The stack file of a pool."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from condor_mini.base.errors import UsageError
from condor_mini.export.swarm import FILE, SCRIPT, swarm_files
from condor_mini.nodes.plan import planned_nodes
from condor_mini.spec import PoolSpec

if TYPE_CHECKING:
    from pathlib import Path

POOL = PoolSpec.from_options(name="ci", execution_points=3)


def document(spec: PoolSpec = POOL) -> dict[str, Any]:
    """What the stack file says."""
    found: dict[str, Any] = yaml.safe_load(swarm_files(spec)[FILE])
    return found


def test_nodes_are_confined_as_those_of_create() -> None:
    """The same images and capabilities; a group of execution points is one service."""
    services = document()["services"]
    assert {name: each["deploy"]["replicas"] for name, each in services.items()} == {
        "ci-master": 1,
        "ci-submit-1": 1,
        "ci-execute": 3,
    }
    for node in planned_nodes(POOL):
        service = services[node.name.rpartition("-")[0] if "execute" in node.name else node.name]
        assert service["image"] == node.container.image
        assert tuple(service["cap_drop"]) == node.container.cap_drop
        assert tuple(service["cap_add"]) == node.container.cap_add


def test_each_node_has_the_secret_of_its_role() -> None:
    """Only the central manager has the key, and only root reads a secret."""
    found = document()
    of_services = {name: each["secrets"] for name, each in found["services"].items()}
    mounted = {
        name: (secret["source"], secret["target"]) for name, (secret,) in of_services.items()
    }
    assert mounted == {
        "ci-master": ("ci-key", "/root/secrets/pool_password"),
        "ci-submit-1": ("ci-submit-token", "/root/secrets/token"),
        "ci-execute": ("ci-execute-token", "/root/secrets/token"),
    }
    assert {secret["mode"] for (secret,) in of_services.values()} == {0o400}
    assert set(found["secrets"]) == {source for source, _ in mounted.values()}


def test_what_has_state_stays_where_it_is() -> None:
    """Execution points run on any host, and keep nothing."""
    services = document()["services"]
    placed = {name for name, each in services.items() if "placement" in each["deploy"]}
    assert placed == {name for name, each in services.items() if "volumes" in each}
    assert placed == {"ci-master", "ci-submit-1"}


def test_changed_configuration_has_another_name() -> None:
    """Swarm's configurations never change."""
    names = {each["name"] for each in document()["configs"].values()}
    changed = POOL.model_copy(update={"config": "A = 1\n"})
    others = {each["name"] for each in document(changed)["configs"].values()}
    assert len(names) == 2
    assert names.isdisjoint(others)


def test_script_is_a_shell_script(tmp_path: Path) -> None:
    """A shell reads it, and no secret is among the words of a command."""
    script = tmp_path / SCRIPT
    script.write_text(swarm_files(POOL)[SCRIPT])
    subprocess.run(["sh", "-n", str(script)], check=True)
    commands = [line for line in script.read_text().splitlines() if "docker " in line]
    assert not [line for line in commands if "$key" in line.partition("docker ")[2]]


@pytest.mark.parametrize(
    ("there", "status", "said"),
    [
        ("ci-key ci-submit-token ci-execute-token", 0, "the secrets of ci are there"),
        ("ci-submit-token", 1, "docker secret rm ci-submit-token && sh "),
    ],
    ids=["all", "of a script that was cut off"],
)
def test_script_says_what_is_there(tmp_path: Path, there: str, status: int, said: str) -> None:
    """It makes nothing anew beside secrets that are there, and says what to do about some."""
    docker = tmp_path / "docker"
    # docker secret inspect NAME
    docker.write_text(f'#!/bin/sh\ncase " {there} " in *" $3 "*) ;; *) exit 1 ;; esac\n')
    docker.chmod(0o755)
    script = tmp_path / SCRIPT
    script.write_text(swarm_files(POOL)[SCRIPT])
    result = subprocess.run(
        ["sh", str(script)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, said in result.stdout + result.stderr) == (status, True)


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"shared": {"path": "/shared"}}, "a volume is of one host"),
        ({"execution_points": [{"volumes": ["data:/data"]}]}, "the volume at /data"),
        ({"access_points": [{"ports": ["80"]}]}, "not at 127.0.0.1"),
        ({"reachable": True}, "Write them into `ports`"),
    ],
)
def test_what_swarm_cannot_have_is_refused(pool: dict[str, object], message: str) -> None:
    """The message says what to do instead."""
    with pytest.raises(UsageError, match=message):
        swarm_files(PoolSpec.model_validate(pool))


def test_port_for_everybody_is_published_by_the_host() -> None:
    """Where names lead to containers, Swarm's own load balancer cannot publish."""
    spec = PoolSpec.model_validate({"name": "ci", "access_points": [{"ports": ["0.0.0.0:81:80"]}]})
    ports = document(spec)["services"]["ci-submit-1"]["ports"]
    assert ports == [{"target": 80, "published": 81, "mode": "host"}]
