"""``condor-mini run -- COMMAND`` on a real engine, as root and as an ordinary user."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import zipfile
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import ContainerInfo

    from ..people import Person

    Run = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.every_engine
IN_POOL = ("run", "--quiet", "--keep", "--")
by_namespaces = pytest.mark.skipif(
    os.environ.get("CONDOR_MINI_SANDBOX") == "paths", reason="all of the host's processes are seen"
)
OF_THE_POOL = "grep -sLE '^Name:.(runc|crun)' /proc/[0-9]*/status"
"""Shell: not what the engine's runtime, about to become a health check, is for a moment."""


@pytest.fixture
def run(person: Person, kept: Path) -> Run:
    """Runs a command in the kept pool."""

    def run(*argv: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return person.run(*IN_POOL, *argv, cwd=kept, stdin=stdin)

    return run


@pytest.mark.usefixtures("one_caller")
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -9 $$"), 137),
        (("no-such-command",), 127),
        (("/etc/passwd",), 126),
    ],
    ids=["success", "seven", "killed", "absent", "not-executable"],
)
def test_status_is_the_commands(run: Run, argv: tuple[str, ...], status: int) -> None:
    """The command's status is handed through, with a shell's numbers where it never ran."""
    assert run(*argv).returncode == status


@pytest.mark.usefixtures("one_caller")
def test_absent_command_is_told_on_stderr(run: Run) -> None:
    """A command that is absent leaves stdout empty."""
    done = run("no-such-command")
    assert (done.stdout, "no-such-command: not found" in done.stderr) == ("", True)


@pytest.mark.usefixtures("one_caller")
def test_stdin_is_handed_through(run: Run) -> None:
    """The command reads what is piped into us."""
    assert run("cat", stdin="one\ntwo\n").stdout == "one\ntwo\n"


@pytest.mark.usefixtures("one_caller")
def test_arguments_arrive_as_they_are(run: Run) -> None:
    """Spaces, quotes, dollars, hyphens and empty words arrive unharmed."""
    words = ["a b", "it's", '"q"', "$HOME", "-n", "--keep", "", "*", "\\"]
    assert run("printf", "%s\n", *words).stdout.splitlines() == words


def test_working_directory_is_the_callers(run: Run, kept: Path) -> None:
    """A command sees the caller's files in its current directory."""
    (kept / "seen").write_text("it is here\n")
    assert run("cat", "seen").stdout == "it is here\n"


def test_results_are_the_callers(run: Run, kept: Path, person: Person) -> None:
    """What a command writes is owned by the caller."""
    run("touch", "result")
    status = (kept / "result").stat()
    assert (status.st_uid, status.st_gid) == (person.uid, person.gid)


def test_user_is_jovyan(run: Run) -> None:
    """Commands run as jovyan, at home in /home/jovyan."""
    assert run("sh", "-c", "id -un; id -gn; echo $HOME").stdout.split() == [
        "jovyan",
        "jovyan",
        "/home/jovyan",
    ]


def test_ids_are_the_callers(run: Run, person: Person) -> None:
    """An ordinary caller's UID and GID are jovyan's; root's place is taken by an ordinary user."""
    assert run("sh", "-c", "id -u; id -g").stdout.split() == [jovyans_uid(person)] * 2


@by_namespaces
def test_every_process_is_the_users(run: Run, person: Person) -> None:
    """No process of the pool is anybody else's."""
    uids = set(run("sh", "-c", f"stat -c %u $(dirname $({OF_THE_POOL}))").stdout.split())
    assert uids == {jovyans_uid(person)}


def jovyans_uid(person: Person) -> str:
    """That of the caller, unless that is root, or an engine makes any number the caller."""
    return "1000" if person.engine.info().maps_caller else str(person.uid or 1000)


@by_namespaces
def test_no_process_has_or_gains_privileges(run: Run) -> None:
    """No process of the pool has a capability, or could get one; nor by a setuid program."""
    words = "^(CapEff|CapPrm|CapBnd|NoNewPrivs):"
    lines = run("sh", "-c", f"cat $({OF_THE_POOL}) | grep -E '{words}'").stdout.splitlines()
    found = {(line.split(":")[0], int(line.split()[1], 16)) for line in lines}
    assert found == {("CapEff", 0), ("CapPrm", 0), ("CapBnd", 0), ("NoNewPrivs", 1)}


def test_state_is_the_callers(
    run: Run, kept: Path, person: Person, owners: Callable[[Path], set[tuple[int, int]]]
) -> None:
    """All that HTCondor keeps is owned by the caller."""
    run("true")
    assert owners(kept / "condor_state") == {(person.uid, person.gid)}


@pytest.mark.usefixtures("person")
def test_key_is_private(kept: Path) -> None:
    """The pool's signing key is readable by its owner only."""
    key = kept / "condor_state" / "passwords.d" / "POOL"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_slot_is_shown(run: Run) -> None:
    """condor_status shows one slot, and it is free."""
    assert run("condor_status", "-af", "SlotType", "State").stdout == "Partitionable Unclaimed\n"


@pytest.mark.usefixtures("one_caller")
def test_stdout_is_only_the_commands(person: Person, kept: Path) -> None:
    """Progress is on stderr: stdout can be piped on."""
    assert person.run("run", "--keep", "--", "echo", "it", cwd=kept).stdout == "it\n"


@pytest.mark.usefixtures("one_caller")
@pytest.mark.pool_engines("docker", reason="no Python is in embedded's pools")
def test_bindings_are_importable(run: Run) -> None:
    """HTCondor's Python bindings can be used at once, and talk to the pool."""
    code = "import htcondor2; print(len(htcondor2.Collector().query(htcondor2.AdType.Startd)))"
    assert run("python3", "-c", code).stdout.strip() == "1"


@pytest.mark.pool_engines("docker", reason="no Python is in embedded's pools")
def test_package_installs_without_root(run: Run, kept: Path) -> None:
    """The user installs a wheel into an environment of their own, and imports it."""
    make_wheel(kept, "probe_pip")
    run("pip", "install", "--no-index", "./probe_pip-1.0-py3-none-any.whl")
    assert run("python3", "-c", "import probe_pip as it; print(it.VALUE)").stdout == "7\n"


@pytest.mark.usefixtures("one_caller")
@pytest.mark.pool_engines("docker", reason="no Python is in embedded's pools")
def test_uv_is_installed_by_its_first_call(run: Run, kept: Path) -> None:
    """It comes from where pip gets packages, and the calls after it are those of uv itself."""
    make_wheel(kept, "probe_uv")
    series = files("condor_mini").joinpath("images/condor-base/series").read_text("utf-8")
    (version,) = re.findall(r"^uv +(\S+)", series, re.MULTILINE)
    download = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    subprocess.run([*download, "--dest", str(kept), f"uv=={version}"], check=True, timeout=120)
    install = ("uv", "pip", "install", "--no-index", "./probe_uv-1.0-py3-none-any.whl")
    run("env", "PIP_NO_INDEX=1", "PIP_FIND_LINKS=.", *install)
    assert run("python3", "-c", "import probe_uv as it; print(it.VALUE)").stdout == "7\n"
    assert run("sh", "-c", "command -v uv").stdout == "/home/jovyan/.venv/bin/uv\n"
    assert run("uv", "--version").stdout.startswith(f"uv {version} ")


@pytest.mark.usefixtures("one_caller")
@pytest.mark.pool_engines("docker", reason="no Python is in embedded's pools")
def test_installed_package_stays_and_jobs_find_it(
    person: Person, directory: Path, write_job: Callable[..., Path]
) -> None:
    """What pip has installed is there in the next pool on the state directory, for jobs as well."""
    make_wheel(directory, "probe_state")
    wheel = "./probe_state-1.0-py3-none-any.whl"
    install = ("run", "--", "pip", "install", "--no-index", wheel)
    assert person.run(*install, cwd=directory).returncode == 0
    script = 'import probe_state as it; print("value", it.VALUE)'
    write_job(
        person, directory, "python3 program", "output = out", "transfer_input_files = program"
    )
    (directory / "program").write_text(f"{script}\n")
    done = person.run("run", "--submit", "job.sub", cwd=directory)
    assert (done.returncode, "  value 7\n" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.usefixtures("one_caller")
def test_login_shell_finds_htcondors_commands(run: Run) -> None:
    """`bash -l` has the administrator's commands too."""
    assert run("bash", "-lc", "command -v condor_restart").stdout.endswith("/condor_restart\n")


def make_wheel(folder: Path, name: str) -> None:
    """Write the smallest wheel there can be."""
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", "VALUE = 7\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.parametrize(
    "daemon", ["master", "collector", "negotiator", "schedd", "startd", "shared_port", "procd"]
)
def test_engine_shows_each_daemons_log(
    person: Person,
    pools: Callable[[Path], list[ContainerInfo]],
    kept: Path,
    until: Callable[..., None],
    daemon: str,
) -> None:
    """The engine's logs have lines of every daemon, behind its name."""
    (pool,) = pools(kept)
    until(lambda: f"\n{daemon}: " in "\n" + person.engine.logs(pool.id), f"lines of the {daemon}")
