"""What is Podman's own: its answers, needs and complaints, with a ``podman`` that is a script.

Its words and its JSON are those of Podman 4.3.1 on Debian 12.
"""

from __future__ import annotations

import copy
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from condor_mini.base.errors import (
    AlreadyInUse,
    CommandFailed,
    EngineCapabilityError,
    EngineNotFound,
    NotFound,
)
from condor_mini.engine import BindMount, ContainerSpec, FakeEngine, OciEngine
from condor_mini.engine.answers import container_info, image_info, network_info, podman_info
from condor_mini.engine.argv import bare_label_instruction
from condor_mini.engine.dialect import PODMAN
from condor_mini.engine.lacks import Around, podman_lacks, podman_shortcomings
from condor_mini.engine.pieces import count_lines, mended_log, stamped_line
from condor_mini.engines import Reach, find_engine, survey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    PutBinary = Callable[[str, str], None]
    Facts = dict[str, Any]

MAPPED = [{"container_id": 0, "host_id": 1000, "size": 1}]
GIVEN = [*MAPPED, {"container_id": 1, "host_id": 100000, "size": 65536}]

ROOT: Facts = {
    "host": {
        "arch": "amd64",
        "cgroupControllers": ["cpuset", "cpu", "memory", "pids"],
        "cgroupVersion": "v2",
        "cpus": 2,
        "idMappings": {"gidmap": None, "uidmap": None},
        "memTotal": 2**31,
        "networkBackend": "netavark",
        "security": {"rootless": False},
        "serviceIsRemote": False,
        "slirp4netns": {"executable": ""},
    },
    "store": {
        "configFile": "/usr/share/containers/storage.conf",
        "graphDriverName": "overlay",
        "graphRoot": "/var/lib/containers/storage",
    },
    "version": {"Version": "4.3.1"},
}


def changed(facts: Facts, **host: object) -> Facts:
    """The same facts of another host."""
    facts = copy.deepcopy(facts)
    facts["host"].update(host)
    return facts


ROOTLESS = changed(
    ROOT,
    idMappings={"gidmap": GIVEN, "uidmap": GIVEN},
    security={"rootless": True},
    slirp4netns={"executable": "/usr/bin/slirp4netns"},
)


@pytest.fixture
def around(tmp_path: Path) -> Around:
    """A machine on which Podman lacks nothing."""
    (tmp_path / "helpers").mkdir()
    for name in ("aardvark-dns", "dnsname"):
        (tmp_path / "helpers" / name).touch()
    (tmp_path / "tun").touch()
    files = (tmp_path / "subuid", tmp_path / "subgid")
    for file in files:
        file.write_text("me:100000:65536\nother:165536:65536\nodd line\n")
    return Around(
        user="ann", subordinates=files, tun=tmp_path / "tun", helpers=(tmp_path / "helpers",)
    )


def lacks(facts: Facts, around: Around) -> list[str]:
    """What it lacks, each with what to do about it."""
    return [f"{lack.evidence} -> {lack.hint}" for lack in podman_lacks(facts, around)]


@pytest.mark.parametrize("facts", [ROOT, ROOTLESS])
def test_nothing_is_lacking(facts: Facts, around: Around) -> None:
    """Where all is there, nothing is said."""
    assert lacks(facts, around) == []


@pytest.mark.parametrize(
    ("version", "fits"),
    [("4.2.1", False), ("3.4.4", False), ("4.3.0", True), ("5.0.0-dev", True), ("10.1", True)],
)
def test_old_podman_is_refused(around: Around, version: str, *, fits: bool) -> None:
    """Before 4.3 it will not do."""
    said = lacks({**ROOT, "version": {"Version": version}}, around)
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
    around: Around, backend: str, plugin: str, package: str
) -> None:
    """Without the plugin containers do not find each other by name."""
    (around.helpers[0] / plugin).unlink()
    assert lacks(changed(ROOT, networkBackend=backend), around) == [
        (
            f"there is no {plugin}, by which containers find each other by name -> "
            f"Install it: sudo apt-get install {package}"
        )
    ]


def test_name_service_may_be_told_by_podman(around: Around) -> None:
    """Later versions say themselves where it is."""
    (around.helpers[0] / "aardvark-dns").unlink()
    info = {"dns": {"path": "/somewhere/aardvark-dns"}}
    assert lacks(changed(ROOT, networkBackendInfo=info), around) == []


@pytest.mark.parametrize(
    ("kind", "file", "option"), [("uidmap", "subuid", "subuids"), ("gidmap", "subgid", "subgids")]
)
def test_absent_subordinate_ids_are_told(
    around: Around, tmp_path: Path, kind: str, file: str, option: str
) -> None:
    """Who has no ids for the users in a container is told how to get some that are nobody's."""
    mappings = {"uidmap": GIVEN, "gidmap": GIVEN, kind: MAPPED}
    assert lacks(changed(ROOTLESS, idMappings=mappings), around) == [
        (
            "ann has no ids for the users in a container: "
            f"{tmp_path}/{file} has no line for ann -> "
            f"Give some: sudo usermod --add-{option} 231072-296607 ann; then: podman system migrate"
        )
    ]


def test_first_subordinate_ids_are_the_usual_ones(around: Around) -> None:
    """Where nobody has any, they begin where distributions begin."""
    for file in around.subordinates:
        file.unlink()
    said = lacks(changed(ROOTLESS, idMappings={"uidmap": MAPPED, "gidmap": MAPPED}), around)
    assert [re.findall(r"\d+-\d+", text) for text in said] == [["100000-165535"]] * 2


def test_absent_way_out_is_told(around: Around) -> None:
    """A user's networks need a program that lets them out."""
    assert lacks(changed(ROOTLESS, slirp4netns={"executable": ""}), around) == [
        (
            "there is neither slirp4netns nor pasta, the way out of a user's networks -> "
            "Install one: sudo apt-get install slirp4netns"
        )
    ]


def test_pasta_is_a_way_out(around: Around) -> None:
    """Podman 5 has another program for it."""
    pasta = {"executable": "/usr/bin/pasta"}
    assert lacks(changed(ROOTLESS, slirp4netns={"executable": ""}, pasta=pasta), around) == []


def test_absent_tun_is_told(around: Around) -> None:
    """Without the device no network of a user's works."""
    around.tun.unlink()
    (said,) = lacks(ROOTLESS, around)
    assert said.startswith(f"there is no {around.tun}, the way out")
    assert "sudo modprobe tun" in said


def test_closed_tun_is_told(around: Around, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that only root may open is as good as none."""
    monkeypatch.setattr("os.access", lambda path, _mode: path != around.tun)
    assert lacks(ROOTLESS, around) == [
        (
            f"ann may not open {around.tun}, the way out of a user's networks -> "
            f"Let everybody open it: sudo chmod 0666 {around.tun}"
        )
    ]


def test_podman_elsewhere_is_not_looked_into(around: Around) -> None:
    """What is on this machine says nothing of a Podman on another one."""
    around.tun.unlink()
    assert lacks(changed(ROOTLESS, serviceIsRemote=True), around) == []


def test_whole_copies_are_a_shortcoming() -> None:
    """The storage driver vfs works, and takes much room and time."""
    store = {**ROOT["store"], "graphDriverName": "vfs", "configFile": "/home/me/storage.conf"}
    (said,) = podman_shortcomings({**ROOT, "store": store})
    assert "storage driver vfs" in said.evidence
    assert 'driver = "overlay"\' into /home/me/storage.conf' in said.hint
    assert "fuse-overlayfs" in said.hint


# -- its answers ------------------------------------------------------------------------------


def test_info_of_this_machines() -> None:
    """Podman without a daemon tells where it keeps what it holds."""
    info = podman_info(ROOT, "")
    assert (info.name, info.version, info.rootless, info.same_host) == (
        *("podman", "4.3.1"),
        *(False, True),
    )
    assert info.endpoint == "file:///var/lib/containers/storage"
    assert (info.cpus, info.memory_mb, info.architecture) == (2, 2048, "amd64")
    assert info.limits == ("cpus", "memory_mb", "pids")


def test_info_of_another_machines() -> None:
    """A Podman that is called through a socket is elsewhere."""
    info = podman_info(changed(ROOT, serviceIsRemote=True), "ssh://me@there/run/podman.sock")
    assert (info.endpoint, info.same_host) == ("ssh://me@there/run/podman.sock", False)


@pytest.mark.parametrize(
    ("controllers", "limits"),
    [([], ()), (None, ()), (["memory", "pids"], ("memory_mb", "pids")), (["cpu"], ("cpus",))],
)
def test_limits_need_controllers(controllers: list[str] | None, limits: tuple[str, ...]) -> None:
    """Without a controller of the control groups a limit does not hold."""
    assert podman_info(changed(ROOTLESS, cgroupControllers=controllers), "").limits == limits


def test_image_has_the_id_that_docker_tells() -> None:
    """The same image counts as the same on both engines."""
    assert image_info({"Id": "0123", "Size": 1, "Config": {}}).id == "sha256:0123"


def test_image_variables() -> None:
    """An image's variables are told, also one with an equals sign; a name alone is none."""
    config = {"Env": ["A=b=c", "EMPTY=", "NAME"]}
    info = image_info({"Id": "0123", "Size": 1, "Config": config})
    assert info.environment == {"A": "b=c", "EMPTY": ""}


def test_network_has_small_keys() -> None:
    """A network's keys are written otherwise."""
    info = network_info({"id": "01", "name": "net", "labels": {"a": "b"}})
    assert (info.id, info.name, info.labels) == ("01", "net", {"a": "b"})


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *(("configured", "created"), ("initialized", "created"), ("running", "running")),
        *(("stopped", "exited"), ("exited", "exited"), ("stopping", "other"), ("paused", "other")),
    ],
)
def test_states_have_words_of_their_own(status: str, state: str) -> None:
    """Podman has more states than we tell apart."""
    facts = {
        "Id": "01",
        "Name": "x",
        "Config": {"Image": "localhost/image:1"},
        "State": {
            "Status": status,
            "Running": status == "running",
            "ExitCode": 3,
            "StartedAt": "0001-01-01T00:00:00Z",
            "Health": {"Status": ""},
        },
        "NetworkSettings": {},
    }
    info = container_info(facts, "localhost/")
    assert (info.state, info.image, info.health, info.started_at) == (
        *(state, "image:1"),
        *(None, None),
    )
    assert info.exit_code == (3 if state == "exited" else None)


# -- its log ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ("no time", "no time"),
        ("2026-11-21T13:22:15.036191761Z one", "2026-11-21T13:22:15.036191761Z one"),
        ("2026-11-21T19:24:03.010276485+05:30 x", "2026-11-21T13:54:03.010276485Z x"),
        (
            "2026-11-21T13:22:15.243753732Z half2026-11-21T13:22:16.244749337Z  and half",
            "2026-11-21T13:22:15.243753732Z half and half",
        ),
    ],
)
def test_line_has_one_time_in_utc(line: str, mended: str) -> None:
    """The time of a line's first piece, in UTC, whatever the machine's zone."""
    assert stamped_line(line) == mended


@pytest.mark.parametrize(
    ("said", "tail", "mended"),
    [
        *(("1\n2\n3\n", 2, "2\n3\n"), ("1\n2\n3", 2, "2\n3"), ("1\n", 5, "1\n")),
        *(("1\n2\n", 0, ""), ("", 3, ""), ("a\rb\n\n", None, "a\rb\n\n")),
    ],
)
def test_tail_is_of_lines(said: str, tail: int | None, mended: str) -> None:
    """The last lines, of which the very last may have no end."""
    assert mended_log(said, tail=tail, timestamps=False) == mended


@pytest.mark.parametrize(("said", "count"), [("", 0), ("1\n", 1), ("1\n2", 2), ("\n\n", 2)])
def test_lines_are_counted(said: str, count: int) -> None:
    """A last line without end is one."""
    assert count_lines(said) == count


# -- choosing it ------------------------------------------------------------------------------


@pytest.fixture
def put_binary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutBinary:
    """Puts a command that is a shell's script on a PATH of nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for variable in ("CONDOR_MINI_ENGINE", "CONTAINER_HOST", "DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(variable, raising=False)

    def put(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    return put


def answers(facts: Facts) -> str:
    """A script that answers with these facts."""
    return f"echo '{json.dumps(facts)}'"


REMOTE = changed(ROOT, serviceIsRemote=True)
"""Of which nothing is looked for on this machine."""


@pytest.mark.parametrize("choice", ["auto", "podman"])
def test_podman_is_taken(put_binary: PutBinary, choice: str) -> None:
    """Podman is found by its name, and by itself where Docker is not."""
    put_binary("podman", answers(REMOTE))
    notes: list[str] = []
    assert find_engine(choice, on_note=notes.append).name == "podman"
    passed_over = ["Using podman (not docker: There is no command docker on PATH.)"]
    assert notes == (passed_over if choice == "auto" else [])


def test_environment_chooses_podman(put_binary: PutBinary, monkeypatch: pytest.MonkeyPatch) -> None:
    """CONDOR_MINI_ENGINE may say it."""
    put_binary("podman", answers(REMOTE))
    monkeypatch.setenv("CONDOR_MINI_ENGINE", "podman")
    assert find_engine().name == "podman"


def test_unfit_podman_is_told(put_binary: PutBinary) -> None:
    """A Podman that answers but will not do is an error with all that it lacks."""
    put_binary("podman", answers({**REMOTE, "version": {"Version": "4.0.0"}}))
    assert survey("podman")[0].reach is Reach.UNFIT
    with pytest.raises(EngineNotFound) as caught:
        find_engine("podman")
    assert str(caught.value) == (
        "podman cannot be used here: it is version 4.0.0, and 4.3 is the oldest that will do\n"
        "Get Podman 4.3 or newer: Debian 12 and Ubuntu 24.04 have one."
    )


def test_podman_in_dockers_clothes_is_passed_over(put_binary: PutBinary) -> None:
    """Debian's podman-docker answers to Docker's name, but not as Docker does."""
    put_binary("docker", answers(REMOTE))
    put_binary("podman", answers(REMOTE))
    assert find_engine("auto").name == "podman"
    with pytest.raises(EngineNotFound, match="answers as Podman does") as caught:
        find_engine("docker")
    assert caught.value.hint == "Call it by its own name: --engine podman"


NO_NEWUIDMAP = (
    'Error: command required for rootless mode with multiple IDs: exec: "newuidmap": executable'
    " file not found in $PATH"
)
NO_RLIMIT = (
    'Error: unable to start container "01": runc: runc create failed: unable to start container'
    " process: error during container init: error setting rlimits for ready process: error setting"
    " rlimit type 6: operation not permitted: OCI permission denied"
)
NO_RLIMIT_BY_CRUN = (
    'Error: unable to start container "01": crun: setrlimit `RLIMIT_NPROC`: Operation not'
    " permitted: OCI permission denied"
)
HYBRID = (
    "Error: OCI runtime error: crun: cgroups in hybrid mode not supported, drop all controllers"
    " from cgroupv2"
)
NO_TUN = 'Error: /usr/bin/slirp4netns failed: "open(\\"/dev/net/tun\\"): Permission denied'


@pytest.fixture
def complain(put_binary: PutBinary) -> Callable[[str], OciEngine]:
    """Makes an engine whose client says this, and fails."""

    def complain(said: str) -> OciEngine:
        put_binary("podman", f"echo {shlex.quote(said)} >&2; exit 125")
        return OciEngine(PODMAN)

    return complain


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (NO_NEWUIDMAP, "sudo apt-get install uidmap"),
        (NO_RLIMIT, 'default_ulimits = ["nofile=1024:1024", "nproc=16384:16384"]'),
        (NO_RLIMIT_BY_CRUN, "default_ulimits"),
        (HYBRID, 'runtime = "runc"'),
        (NO_TUN, "sudo chmod 0666 /dev/net/tun"),
        ("Error: write /x: no space left on device", "podman system df"),
    ],
)
def test_trouble_has_a_remedy(complain: Callable[[str], OciEngine], said: str, hint: str) -> None:
    """What this machine does not let Podman do is told with what to do about it."""
    with pytest.raises((CommandFailed, EngineNotFound)) as caught:
        complain(said).start("x")
    assert hint in (caught.value.hint or "")


def test_podman_that_cannot_begin_is_not_found(complain: Callable[[str], OciEngine]) -> None:
    """Without newuidmap there is no Podman for an ordinary user."""
    complain(NO_NEWUIDMAP)
    with pytest.raises(EngineNotFound, match="podman does not answer: Error: command") as caught:
        find_engine("podman")
    assert "sudo apt-get install uidmap" in (caught.value.hint or "")


def test_podman_that_says_nothing_we_know(complain: Callable[[str], OciEngine]) -> None:
    """Of what is not known one is told where to look."""
    complain("Error: database configuration mismatch")
    with pytest.raises(EngineNotFound, match="mismatch") as caught:
        find_engine("podman")
    assert "podman info" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ('Error: no container with name or ID "x" found: no such container', NotFound),
        ("Error: x:1: image not known", NotFound),
        ("Error: unable to find network with name or ID x: network not found", NotFound),
        (
            (
                'Error: creating container storage: the container name "x" is already in use by 01.'
                " You have to remove that container to be able to reuse that name: that name is"
                " already in use"
            ),
            AlreadyInUse,
        ),
        ("Error: network name x already used: network already exists", AlreadyInUse),
        (
            (
                'Error: unable to start container "01": cannot listen on the TCP port: listen tcp4'
                " 127.0.0.1:18080: bind: address already in use"
            ),
            AlreadyInUse,
        ),
        (
            "Error: could not find free subnet from subnet pools",
            EngineCapabilityError,
        ),
    ],
)
def test_words_mean_errors(
    complain: Callable[[str], OciEngine], said: str, error: type[Exception]
) -> None:
    """Podman's words become the errors that Docker's become."""
    with pytest.raises(error):
        complain(said).start("x")


@pytest.mark.parametrize(
    "said",
    [
        'Error: no container with name or ID "x" found: no such container\n',
        "Error: can only create exec sessions on running containers: container state improper\n",
    ],
)
def test_words_of_a_container_that_cannot_run_it(said: str) -> None:
    """These words mean that the command never ran."""
    assert PODMAN.not_running.fullmatch(said)


# -- what it is asked -------------------------------------------------------------------------


def test_options_are_podmans_own(put_binary: PutBinary, tmp_path: Path) -> None:
    """A container is made with what Podman needs in addition."""
    put_binary("podman", f'echo "$@" >> {tmp_path}/calls; echo 01')
    mount = BindMount(source=tmp_path, target="/m")
    OciEngine(PODMAN).create(ContainerSpec(image="i", name="x", mounts=(mount,)))
    OciEngine(PODMAN).remove("x")
    created, removed = (tmp_path / "calls").read_text().splitlines()
    assert created.startswith(
        "--log-level=error create --pull never --log-driver k8s-file --security-opt label=disable"
    )
    assert removed == "--log-level=error rm --force --volumes --ignore --time 0 x"


def test_label_with_a_quote_is_refused() -> None:
    """An import has no way to write a quote."""
    assert bare_label_instruction("k", "a $b \\") == 'LABEL "k"="a $b \\"'
    with pytest.raises(EngineCapabilityError, match="quote in a label: k"):
        bare_label_instruction("k", 'a"b')


@pytest.mark.parametrize("value", ["a,b", 'a"b', "a\nb"])
def test_volume_label_that_would_be_cut_is_refused(value: str) -> None:
    """What Podman would take for several labels is not handed to it."""
    with pytest.raises(EngineCapabilityError, match="label: k"):
        OciEngine(PODMAN).create_volume("v", labels={"k": value})


def test_fake_engine_has_all_limits() -> None:
    """An engine that says nothing of limits heeds them."""
    assert FakeEngine().info().limits == ("cpus", "memory_mb", "pids")
