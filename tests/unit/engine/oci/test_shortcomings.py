"""What Podman lacks on this machine, and what to do about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from condor_mini.engine.oci.shortcomings import Machine, podman_blockers, podman_shortcomings
from podman_answers import GIVEN, MAPPED, ROOT, ROOTLESS, Facts, changed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine where Podman lacks nothing."""
    (tmp_path / "helpers").mkdir()
    for name in ("aardvark-dns", "dnsname"):
        (tmp_path / "helpers" / name).touch()
    (tmp_path / "tun").touch()
    files = (tmp_path / "subuid", tmp_path / "subgid")
    for file in files:
        file.write_text("me:100000:65536\nother:165536:65536\nodd line\n")
    return Machine(
        user="ann", subordinates=files, tun=tmp_path / "tun", helpers=(tmp_path / "helpers",)
    )


def blockers(facts: Facts, machine: Machine) -> list[str]:
    """What it lacks, each with what to do about it."""
    return [f"{each.evidence} -> {each.hint}" for each in podman_blockers(facts, machine)]


@pytest.mark.parametrize("facts", [ROOT, ROOTLESS])
def test_nothing_is_lacking(facts: Facts, machine: Machine) -> None:
    """Where all is there, nothing is said."""
    assert blockers(facts, machine) == []


@pytest.mark.parametrize(
    ("version", "fits"),
    [("4.2.1", False), ("3.4.4", False), ("4.3.0", True), ("5.0.0-dev", True), ("10.1", True)],
)
def test_old_podman_is_refused(machine: Machine, version: str, *, fits: bool) -> None:
    """Before 4.3 it will not do."""
    said = blockers({**ROOT, "version": {"Version": version}}, machine)
    expected = [f"it is version {version}, and 4.3 is the oldest that will do -> Get Podman 4.3"]
    assert [text[: len(expected[0])] for text in said] == ([] if fits else expected)


@pytest.mark.parametrize(
    ("backend", "plugin", "package"),
    [
        ("netavark", "aardvark-dns", "netavark aardvark-dns"),
        ("cni", "dnsname", "golang-github-containernetworking-plugin-dnsname"),
    ],
)
def test_absent_name_service_is_told(
    machine: Machine, backend: str, plugin: str, package: str
) -> None:
    """Without the plugin containers do not find each other by name."""
    (machine.helpers[0] / plugin).unlink()
    assert blockers(changed(ROOT, networkBackend=backend), machine) == [
        (
            f"there is no {plugin}, by which containers find each other by name -> "
            f"Install it: sudo apt-get install {package}"
        )
    ]


def test_name_service_may_be_told_by_podman(machine: Machine) -> None:
    """Later versions say themselves where it is."""
    (machine.helpers[0] / "aardvark-dns").unlink()
    info = {"dns": {"path": "/somewhere/aardvark-dns"}}
    assert blockers(changed(ROOT, networkBackendInfo=info), machine) == []


@pytest.mark.parametrize(
    ("kind", "file", "option"), [("uidmap", "subuid", "subuids"), ("gidmap", "subgid", "subgids")]
)
def test_absent_subordinate_ids_are_told(
    machine: Machine, tmp_path: Path, kind: str, file: str, option: str
) -> None:
    """Who has no ids for the users in a container is told how to get some that are nobody's."""
    mappings = {"uidmap": GIVEN, "gidmap": GIVEN, kind: MAPPED}
    assert blockers(changed(ROOTLESS, idMappings=mappings), machine) == [
        (
            "ann has no ids for the users in a container: "
            f"{tmp_path}/{file} has no line for ann -> "
            f"Give some: sudo usermod --add-{option} 231072-296607 ann; then: podman system migrate"
        )
    ]


def test_first_subordinate_ids_are_the_usual_ones(machine: Machine) -> None:
    """Where nobody has any, they begin where distributions begin."""
    for file in machine.subordinates:
        file.unlink()
    said = blockers(changed(ROOTLESS, idMappings={"uidmap": MAPPED, "gidmap": MAPPED}), machine)
    assert [re.findall(r"\d+-\d+", text) for text in said] == [["100000-165535"]] * 2


def test_absent_way_out_is_told(machine: Machine) -> None:
    """A user's networks need a program that lets them out."""
    assert blockers(changed(ROOTLESS, slirp4netns={"executable": ""}), machine) == [
        (
            "there is neither slirp4netns nor pasta, the way out of a user's networks -> "
            "Install one: sudo apt-get install slirp4netns"
        )
    ]


def test_pasta_is_a_way_out(machine: Machine) -> None:
    """Podman 5 has another program for it."""
    pasta = {"executable": "/usr/bin/pasta"}
    assert blockers(changed(ROOTLESS, slirp4netns={"executable": ""}, pasta=pasta), machine) == []


def test_absent_tun_is_told(machine: Machine) -> None:
    """Without the device no network of a user's works."""
    machine.tun.unlink()
    (said,) = blockers(ROOTLESS, machine)
    assert said.startswith(f"there is no {machine.tun}, the way out")
    assert "sudo modprobe tun" in said


def test_closed_tun_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that only root may open is as good as none."""
    monkeypatch.setattr("os.access", lambda path, _mode: path != machine.tun)
    assert blockers(ROOTLESS, machine) == [
        (
            f"ann may not open {machine.tun}, the way out of a user's networks -> "
            f"Let everybody open it: sudo chmod 0666 {machine.tun}"
        )
    ]


def test_podman_elsewhere_is_not_looked_into(machine: Machine) -> None:
    """What is on this machine says nothing of a Podman on another one."""
    machine.tun.unlink()
    assert blockers(changed(ROOTLESS, serviceIsRemote=True), machine) == []


def test_whole_copies_are_a_shortcoming() -> None:
    """The storage driver vfs works, and takes much room and time."""
    store = {**ROOT["store"], "graphDriverName": "vfs", "configFile": "/home/me/storage.conf"}
    (said,) = podman_shortcomings({**ROOT, "store": store})
    assert "storage driver vfs" in said.evidence
    assert 'driver = "overlay"\' into /home/me/storage.conf' in said.hint
    assert "fuse-overlayfs" in said.hint
