"""What is done about a missing engine, machine by machine."""

from __future__ import annotations

import pytest

from condor_mini.setup.engine_installation import Action, Host, plan


def host(
    *ids: str,
    platform: str = "linux",
    is_root: bool = True,
    dockerd: bool = False,
    docker: bool = False,
    systemd: bool = False,
) -> Host:
    """A machine."""
    return Host(
        platform=platform,
        os_ids=ids or ("debian",),
        is_root=is_root,
        dockerd="/usr/sbin/dockerd" if dockerd else None,
        docker="/usr/bin/docker" if docker else None,
        systemd=systemd,
    )


JOIN = ("sudo usermod -aG docker $USER", "newgrp docker")
APT = ("apt-get update", "apt-get install docker.io")


@pytest.mark.parametrize(
    ("machine", "action", "commands"),
    [
        pytest.param(
            host(dockerd=True, docker=True),
            *(Action.START, ("service docker start",)),
            id="root-with-dockerd",
        ),
        pytest.param(
            host("fedora", dockerd=True, docker=True, systemd=True),
            *(Action.START, ("systemctl start docker",)),
            id="root-with-dockerd-and-systemd",
        ),
        pytest.param(
            host(), *(Action.INSTALL, (*APT, "service docker start")), id="root-on-debian"
        ),
        pytest.param(
            host("ubuntu", "debian", systemd=True),
            *(Action.INSTALL, (*APT, "systemctl start docker")),
            id="root-on-ubuntu",
        ),
        pytest.param(
            host("linuxmint", "ubuntu", "debian"),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-a-relative-of-ubuntu",
        ),
        pytest.param(
            host(dockerd=True),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-debian-without-the-client",
        ),
        pytest.param(
            host(docker=True),
            *(Action.INSTALL, (*APT, "service docker start")),
            id="root-on-debian-with-only-the-client",
        ),
        pytest.param(
            host(is_root=False, systemd=True),
            Action.TELL,
            (*(f"sudo {command}" for command in APT), "sudo systemctl start docker", *JOIN),
            id="user-on-debian",
        ),
        pytest.param(
            host(is_root=False, dockerd=True, docker=True, systemd=True),
            *(Action.TELL, ("sudo systemctl start docker", *JOIN)),
            id="user-with-dockerd",
        ),
        pytest.param(
            host("fedora", is_root=False, systemd=True),
            Action.TELL,
            ("sudo dnf install moby-engine docker-cli", "sudo systemctl start docker", *JOIN),
            id="user-on-fedora",
        ),
        pytest.param(
            host("rocky", "rhel", "centos", "fedora", systemd=True),
            Action.TELL,
            (
                "(add Docker's own package repository, as its installation guide says)",
                "dnf install docker-ce docker-ce-cli containerd.io",
                "systemctl start docker",
            ),
            id="root-on-enterprise-linux",
        ),
        pytest.param(
            host("arch", is_root=False, systemd=True),
            Action.TELL,
            ("sudo pacman -S docker", "sudo systemctl start docker", *JOIN),
            id="user-on-arch",
        ),
        pytest.param(
            host("darwin", platform="darwin", is_root=False),
            *(Action.TELL, ("brew install --cask docker-desktop", "open -a Docker")),
            id="mac",
        ),
        pytest.param(
            host("darwin", platform="darwin", is_root=False, docker=True),
            *(Action.TELL, ("open -a Docker",)),
            id="mac-with-docker",
        ),
        pytest.param(
            host("unheard-of"),
            Action.TELL,
            (
                "(install Docker Engine with this system's package manager)",
                "service docker start",
            ),
            id="somewhere-else",
        ),
    ],
)
def test_plan(machine: Host, action: Action, commands: tuple[str, ...]) -> None:
    """What is done depends on the machine alone, and can always be typed by hand."""
    todo = plan(machine)
    assert (todo.action, todo.commands) == (action, commands)


def test_this_machine_can_be_described() -> None:
    """A description of this machine can be had, whatever it is."""
    assert plan(Host.here()).commands
