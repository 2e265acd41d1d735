"""Execution points of images without HTCondor: an older Debian, busybox alone, and musl's libc."""

from __future__ import annotations

import subprocess
import tarfile
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import musl_root
from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.progress import Progress
from condor_mini.base.waiting import wait_until
from condor_mini.engine import BuildSpec
from condor_mini.images.debian import _mmdebstrap
from condor_mini.pool import Pool
from condor_mini.spec import PoolSpec
from node_programs import ssh_to_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import Engine, ImageBuilder
    from condor_mini.nodes.node import Node

RELEASE = "bookworm"
PACKAGES = ("base-files", "bash", "coreutils", "dash", "libc-bin", "python3.11-minimal")
APPLETS = ("cat", "env", "id", "sh", "sleep", "true")
DOCKERFILE = """
FROM BASE
COPY tool /opt/conda/bin/
# All that could come between HTCondor and its own libraries, programs and configuration.
ENV PATH=/opt/conda/bin:$PATH \\
    LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu:/lib:/usr/lib \\
    CONDOR_CONFIG=/nowhere GREETING="good day" HOME=/nowhere
USER 1234:1234
WORKDIR /srv
ENTRYPOINT ["/bin/false"]
HEALTHCHECK --interval=1s --retries=1 CMD ["/bin/false"]
"""
SUBMIT = """
executable = job.sh
transfer_input_files = input.txt
transfer_output_files = made.txt
output = out
error = err
log = log
request_memory = 10
request_disk = 10
requirements = Os == "OS"
queue
"""
SCRIPTS = {
    "debian": """#!/bin/sh
cat /etc/os-release
python3.11 -c 'import platform; print(*platform.libc_ver())'
tool
cat input.txt >made.txt
env
""",
    "busybox": """#!/bin/sh
busybox | head -n 1
id -u
ls /usr
cat input.txt >made.txt
env
""",
    "musl": "#!/bin/tool\n",
}
pytestmark = pytest.mark.pool_engines(
    "docker", reason="an image is built, with variables and an entrypoint of its own"
)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
JOB_TIMEOUT_S = 40.0


@pytest.fixture(scope="module")
def tag(pool_engine: Engine) -> Iterator[Callable[[str], str]]:
    """Names for images, which are gone when the tests are over."""
    names: list[str] = []
    session = uuid.uuid4().hex[:12]

    def make(what: str) -> str:
        names.append(f"condor-mini-test-{session}:{what}")
        return names[-1]

    yield make
    for name in reversed(names):
        pool_engine.remove_image(name)


def imported(engine: Engine, tarball: Path, name: str) -> str:
    """An image of that root file system; its name."""
    engine.import_image(tarball, name, labels={"condor-mini-test": "any-image"})
    tarball.unlink()
    return name


@pytest.fixture(scope="module")
def debian_image(
    pool_engine: ImageBuilder, tag: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """Debian 12, whose glibc is older than HTCondor's, and with no account of any kind in it."""
    folder = tmp_path_factory.mktemp("debian")
    tarball = folder / "root.tar"
    subprocess.run(
        [
            *(_mmdebstrap(Progress()), "--quiet", "--variant=extract"),
            *(f"--include={','.join(PACKAGES)}", "--dpkgopt=path-exclude=/usr/share/*"),
            *('--aptopt=Acquire::Languages "none"', RELEASE, str(tarball)),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    base = imported(pool_engine, tarball, tag("debian"))
    (folder / "tool").write_text("#!/bin/sh\necho a tool of the image\n")
    (folder / "tool").chmod(0o755)
    (folder / "Dockerfile").write_text(DOCKERFILE.replace("BASE", base))
    name = tag("conda")
    pool_engine.build(BuildSpec(context=folder, tags=(name,)), on_line=lambda _: None)
    return name


@pytest.fixture(scope="module")
def busybox_image(
    pool_engine: Engine,
    tag: Callable[[str], str],
    busybox: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """One program without a libc, and not one directory but its own: no /etc, /tmp, /usr, /var."""
    tarball = tmp_path_factory.mktemp("root") / "root.tar"
    with tarfile.open(tarball, "w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return imported(pool_engine, tarball, tag("busybox"))


@pytest.fixture(scope="module")
def musl_image(
    pool_engine: ImageBuilder, tag: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """One program, and the libc that it is linked against, which is musl as in Alpine Linux.

    A library of that libc is to be loaded first, in all programs: HTCondor's could not.
    """
    folder = tmp_path_factory.mktemp("musl")
    base = imported(pool_engine, musl_root.make(folder), tag("musl-alone"))
    (folder / "Dockerfile").write_text(
        f"FROM {base}\nCOPY first.so /lib/\nENV LD_PRELOAD=/lib/first.so\n"
    )
    name = tag("musl")
    pool_engine.build(BuildSpec(context=folder, tags=(name,)), on_line=lambda _: None)
    return name


@pytest.fixture(scope="module")
def mixed(
    pool_engine: Engine, debian_image: str, busybox_image: str, musl_image: str
) -> Iterator[Pool]:
    """A pool with a group of execution points of each of them."""
    groups = [
        {"name": "debian", "image": debian_image, "attributes": {"Os": "debian"}, "gpus": 1},
        {"name": "busybox", "image": busybox_image, "attributes": {"Os": "busybox"}},
        {"name": "musl", "image": musl_image, "attributes": {"Os": "musl"}},
    ]
    spec = PoolSpec.model_validate({"name": f"t{uuid.uuid4().hex[:8]}", "execution_points": groups})
    with Pool.create(spec=spec, engine=pool_engine) as made:
        yield made


@pytest.fixture
def at(mixed: Pool, cli_of: Callable[[str], Cli]) -> Cli:
    """The command, about that pool."""
    return cli_of(mixed.name)


def node_of(pool: Pool, group: str) -> Node:
    """The first node of a group."""
    return next(node for node in pool.nodes if node.group == group)


@pytest.fixture(scope="module")
def seen(mixed: Pool, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a job saw, by the group that it ran in; the jobs run at the same time."""
    folders = {group: tmp_path_factory.mktemp(group) for group in SCRIPTS}
    jobs = []
    for group, folder in folders.items():
        (folder / "job.sh").write_text(SCRIPTS[group])
        (folder / "input.txt").write_text("from here\n")
        (folder / "submit").write_text(SUBMIT.replace("OS", group))
        jobs.append(mixed.submit(folder / "submit"))
    for job in jobs:
        job.wait(timeout_s=JOB_TIMEOUT_S)
        job.fetch()
    for folder in folders.values():
        assert (folder / "err").read_text() == ""
    return {
        group: (folder / "out").read_text() + "made: " + (folder / "made.txt").read_text()
        for group, folder in folders.items()
    }


@pytest.mark.parametrize("group", SCRIPTS)
def test_files_come_and_go(seen: dict[str, str], group: str) -> None:
    """A job's input is there, and its output comes back."""
    assert seen[group].endswith("made: from here\n")


def test_job_is_in_the_image_s_debian(seen: dict[str, str]) -> None:
    """A job sees the image's release, its Python and C library, and its tools."""
    lines = seen["debian"].splitlines()
    assert "VERSION_CODENAME=bookworm" in lines
    assert "glibc 2.36" in lines
    assert "a tool of the image" in lines


def test_job_is_in_the_image_s_busybox(seen: dict[str, str]) -> None:
    """Where there is no C library at all, a job runs with what there is."""
    version, uid, usr = seen["busybox"].splitlines()[:3]
    assert version.startswith("BusyBox v")
    assert (uid, usr) == ("1000", "local")


def test_job_is_in_the_image_s_musl(seen: dict[str, str]) -> None:
    """A program of another libc finds that one, and nothing of ours comes into its process."""
    lines = seen["musl"].splitlines()
    mapped = {line.partition(": ")[2] for line in lines if line.startswith("mapped: ")}
    (libc,) = mapped - {"/bin/tool", "/lib/first.so"}
    assert libc.startswith("/lib/ld-musl-")
    assert len(mapped) == 3
    assert [line for line in lines if line.startswith("LD_")] == ["LD_PRELOAD=/lib/first.so"]


def test_job_has_the_image_s_variables(seen: dict[str, str]) -> None:
    """A job has what the image sets, its PATH first of all; its home is its user's own."""
    lines = seen["debian"].splitlines()
    assert f"PATH=/opt/conda/bin:{PATH}" in lines
    assert "GREETING=good day" in lines
    assert [line for line in lines if line.startswith("HOME=")] == ["HOME=/home/jovyan"]


@pytest.mark.parametrize("group", SCRIPTS)
def test_job_finds_nothing_of_the_runtime(seen: dict[str, str], group: str) -> None:
    """No variable of a job leads to the runtime, but the one that HTCondor documents."""
    lines = seen[group].splitlines()
    ours = [line.partition("=")[0] for line in lines if "condor-mini/" in line]
    assert ours == ["_CONDOR_BIN"]
    assert not [line for line in lines if line.startswith("CONDOR_CONFIG")]


def test_removed_job_takes_its_children_along(mixed: Pool, at: Cli, tmp_path: Path) -> None:
    """`condor_rm` ends all processes of a job, also those that left its session."""
    node = node_of(mixed, "busybox")
    script = "sleep 4711 & (sleep 4711 & busybox setsid sleep 4711 &)\nsleep 4711\n"
    (tmp_path / "job.sh").write_text(f"#!/bin/sh\n{script}")
    (tmp_path / "input.txt").touch()
    (tmp_path / "submit").write_text(SUBMIT.replace("OS", "busybox"))
    at.succeeds("submit", "submit", cwd=tmp_path)

    def running(expected: int) -> str | None:
        said = node.exec([f"{REQUEST_SCRIPTS}/processes"], user="root").stdout
        count = sum(line.endswith("sleep 4711 ") for line in said.splitlines())
        return None if count == expected else f"{count} of {expected} processes:\n{said}"

    wait_until(lambda: running(4), timeout_s=JOB_TIMEOUT_S)
    mixed.exec(["condor_rm", "-all"])
    wait_until(lambda: running(0), timeout_s=JOB_TIMEOUT_S)
    wait_until(lambda: left_by_jobs(node), timeout_s=JOB_TIMEOUT_S)


def left_by_jobs(node: Node) -> str | None:
    """What is left of jobs on a node; nothing when all is well."""
    said = node.exec(["ls", "/var/lib/condor/execute"], user="root")
    return said.stdout or None


@pytest.mark.parametrize("group", SCRIPTS)
def test_image_is_as_it_was(pool_engine: Engine, mixed: Pool, group: str) -> None:
    """The image has not changed; what is HTCondor's cannot be written in the node."""
    node = node_of(mixed, group)
    assert pool_engine.image(node.info.image) is not None
    said = node.exec(["touch", "/usr/local/lib/condor-mini/x"], user="root")
    assert "Read-only file system" in said.stderr


def test_reports_know_the_nodes(mixed: Pool, at: Cli, tmp_path: Path) -> None:
    """Each has a log, is well, and leaves its evidence in an export, as every other node."""
    at.succeeds("export", "logs", str(tmp_path / "logs"))
    assert not (tmp_path / "logs" / "errors.txt").exists()
    for group in SCRIPTS:
        node = node_of(mixed, group)
        assert node.health() == ""
        assert "condor_startd" in at.succeeds("logs", "--node", node.name)
        assert "condor_startd" in (tmp_path / "logs" / node.name / "ps.txt").read_text()


def test_pool_is_usable(mixed: Pool) -> None:
    """The image's own health check, which always fails, makes no node broken."""
    assert mixed.status().verdict == "usable"


@pytest.mark.slow
def test_probe_job_runs_without_what_the_image_preloads(
    pool_engine: Engine, musl_image: str
) -> None:
    """Where each program of a job loads a library of another libc first, a pool is usable too."""
    group = {"name": "musl", "image": musl_image}
    spec = PoolSpec.model_validate(
        {"name": f"t{uuid.uuid4().hex[:8]}", "execution_points": [group]}
    )
    with Pool.create(spec=spec, engine=pool_engine, timeout_s=40) as made:
        assert len(made.slot_ads(projection=["Name"])) == 1


@pytest.mark.slow
def test_ssh_leads_into_a_job(at: Cli) -> None:
    """condor_ssh_to_job needs no openssh in the image: HTCondor brings its own along."""
    script = ssh_to_job('Os == "busybox"')
    assert at.succeeds("exec", "--", "bash", "-c", script) == "jovyan\n"


def test_own_gpus_are_there(mixed: Pool) -> None:
    """Simulated GPUs need no program of the image's."""
    said = mixed.exec(["condor_status", "-constraint", 'Os == "debian"', "-af", "GPUs"])
    assert said.stdout.strip() == "1"


def test_shell_where_there_is_no_bash(mixed: Pool, at: Cli) -> None:
    """A prompt is there in every image, with the image's own programs before all others."""
    node = node_of(mixed, "busybox")
    result = at("shell", "--node", node.name, stdin="command -v cat condor_status; exit 7\n")
    assert result.stdout.splitlines() == [
        "/bin/cat",
        "/usr/local/lib/condor-mini/usr/bin/condor_status",
    ]
    assert result.returncode == 7


def test_exec_of_what_is_not_there(mixed: Pool, at: Cli) -> None:
    """A command that neither the image nor HTCondor has ends with 127."""
    result = at("exec", "--node", node_of(mixed, "busybox").name, "--", "python3")
    assert result.returncode == 127


def test_scaled_up_and_down(mixed: Pool) -> None:
    """A group of the user's image grows and shrinks as any other."""
    mixed.scale(2, group="busybox")
    groups = [node.group for node in mixed.nodes if node.group]
    assert groups.count("busybox") == 2
    mixed.scale(1, group="busybox")
    assert mixed.status().verdict == "usable"


@pytest.mark.slow
def test_stopped_and_started(mixed: Pool) -> None:
    """After a stop and a start all slots are there again."""
    mixed.stop()
    mixed.start()
    assert mixed.status().slots.configured == 3


@pytest.mark.slow
def test_other_series_and_engine_elsewhere(
    pool_engine: Engine, busybox_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTCondor 23 works too; and an engine that can mount nothing of ours gets a copy."""
    info = pool_engine.info()
    monkeypatch.setattr(pool_engine, "info", lambda: replace(info, same_host=False))
    name = f"t{uuid.uuid4().hex[:8]}"
    with Pool.create(name, execute_image=busybox_image, series="23", engine=pool_engine):
        named = [volume.name for volume in pool_engine.volumes({}) if name in volume.name]
        assert f"{name}-condor-mini-runtime" in named
    assert not [volume for volume in pool_engine.volumes({}) if name in volume.name]


def test_image_that_is_nowhere(fresh: Cli, pool_engine: Engine) -> None:
    """An image that is not to be had is named, with status 3, and nothing is left."""
    missing = f"condor-mini-test-{uuid.uuid4().hex}"
    result = fresh("create", "--execute-image", missing, timeout_s=120)
    assert result.returncode == 3
    assert missing in result.stderr
    assert not [network for network in pool_engine.networks({}) if network.name == fresh.name]


@pytest.mark.slow
def test_directory_that_is_a_file(
    fresh: Cli,
    pool_engine: ImageBuilder,
    busybox_image: str,
    tag: Callable[[str], str],
    tmp_path: Path,
) -> None:
    """An image whose /tmp is none is refused with these words, and nothing is left."""
    (tmp_path / "file").touch()
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox_image}\nCOPY file /tmp\n")
    name = tag("odd")
    pool_engine.build(BuildSpec(context=tmp_path, tags=(name,)), on_line=lambda _: None)
    result = fresh("create", "--execute-image", name)
    assert result.returncode == 5
    assert "this image cannot be a node: cannot create directory '/tmp'" in result.stderr
    assert not [network for network in pool_engine.networks({}) if network.name == fresh.name]
