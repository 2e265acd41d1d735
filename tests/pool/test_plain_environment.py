"""The variables and mount points of HTCondor's own images, and the older Debian images' MASTER."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pool.conftest import Docker, Node

pytestmark = pytest.mark.engines("docker")


@pytest.fixture(scope="module")
def network(shared: Docker) -> str:
    """Where the nodes of this module are."""
    return shared.network()


@pytest.fixture(scope="module")
def master(shared: Docker, network: str) -> Node:
    """A central manager that lets every node in."""
    return shared.run("master", "-e", "AUTO_APPROVE=0.0.0.0/0", "--network", network)


@pytest.fixture(scope="module")
def node(
    shared: Docker, network: str, master: Node, tmp_path_factory: pytest.TempPathFactory
) -> Node:
    """An execution point that is told all that can be told."""
    folder: Path = tmp_path_factory.mktemp("config")
    (folder / "site.conf").write_text("FROM_MOUNT = yes\nFROM_LOCAL = no\n")
    hook = folder / "pre-exec.sh"
    hook.write_text("#!/bin/sh\necho FROM_HOOK = yes >/etc/condor/config.d/85-hook\n")
    hook.chmod(0o755)
    local = folder / "local"
    local.write_text("FROM_LOCAL = yes\n")
    return shared.run(
        *("execute", "--network", network, "-e", f"CONDOR_HOST={master.name}"),
        *("-e", "MASTER=nosuch", "-e", "NUM_CPUS=5", "-e", "MEMORY=1234"),
        *("-e", "RESERVED_DISK=100", "-e", "_CONDOR_FROM_ENVIRONMENT=yes"),
        *("-v", f"{folder}:/root/config:ro"),
        *("-v", f"{local}:/etc/condor/condor_config.local:ro"),
    ).wait_until_healthy()


@pytest.mark.parametrize("variable", ["MASTER", "CONDOR_HOST", "CONDOR_SERVICE_HOST"])
def test_each_name_of_the_master_counts(
    docker: Docker, network: str, master: Node, variable: str
) -> None:
    """MASTER, CONDOR_HOST and CONDOR_SERVICE_HOST all name the central manager."""
    node = docker.run("execute", "--network", network, "-e", f"{variable}={master.name}")
    node.wait_until_healthy()


def test_num_cpus_and_memory_are_advertised(node: Node) -> None:
    """NUM_CPUS and MEMORY are what the slot has."""
    said = node.exec(
        *("condor_status", "-constraint", f'CondorMiniNode == "{node.exec("hostname")}"'),
        *("-af", "TotalCpus", "TotalMemory"),
    )
    assert said.split() == ["5", "1234"] or said.split() == ["5.0", "1234"]


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("RESERVED_DISK", "100"),
        ("FROM_ENVIRONMENT", "yes"),
        ("FROM_MOUNT", "yes"),
        ("FROM_HOOK", "yes"),
        ("FROM_LOCAL", "yes"),
    ],
)
def test_each_way_of_configuration_counts(node: Node, knob: str, value: str) -> None:
    """Variables, /root/config/*.conf, its pre-exec.sh, and condor_config.local, which wins."""
    assert node.exec("condor_config_val", knob) == value


def test_update_config_takes_in_new_files(
    docker: Docker, network: str, master: Node, tmp_path: Path
) -> None:
    """/update-config, as in HTCondor's own images, takes in what was mounted later."""
    node = docker.run(
        *("submit", "--network", network, "-e", f"MASTER={master.name}"),
        *("-v", f"{tmp_path}:/root/config:ro"),
    ).wait_until_healthy()
    (tmp_path / "new.conf").write_text("MAX_JOBS_RUNNING = 3\n")
    assert node.attempt("/update-config").stderr == ""
    node.exec("condor_reconfig")
    assert node.exec("condor_config_val", "-schedd", "MAX_JOBS_RUNNING") == "3"
