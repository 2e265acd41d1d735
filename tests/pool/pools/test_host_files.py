"""Jobs on the embedded engine that find the host's files, or a root file system of the user's."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Cli

pytestmark = [
    pytest.mark.every_engine,
    pytest.mark.pool_engines(
        "embedded", reason="no other engine shows the host's files, or makes an image of a tar"
    ),
]
APPLETS = ("cat", "echo", "id", "ls", "rm", "sh")
SUBMIT = """executable = job
output = out
error = err
log = log
request_memory = 16
request_disk = 16
queue
"""
HOSTS_PYTHON = Path("/usr/bin/python3")
"""Not ours, which may be in a directory of the caller's."""

Ready = tuple[Path, Path]


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    """A home with a file, and a directory with a submit file of a job of the host's Python."""
    home, folder = tmp_path / "a home", tmp_path / "jobs"
    home.mkdir()
    folder.mkdir()
    (home / "file").write_text("of the caller\n")
    (folder / "job.sub").write_text(SUBMIT)
    (folder / "job").write_text(f"""#!{HOSTS_PYTHON}
import pathlib
home = pathlib.Path({str(home)!r})
print((home / "file").read_text(), end="")
try:
    (home / "new").write_text("of a job")
except OSError as error:
    print(error.strerror)
""")
    (folder / "job").chmod(0o755)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o755)  # where jobs have a user of their own, they are not the caller
    return home, folder


def at(cli: Cli, home: Path) -> Cli:
    """The same command of somebody with that home, and with the runtime that there is."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return replace(cli, variables={**cli.variables, "HOME": str(home), "XDG_CACHE_HOME": cache})


@pytest.mark.parametrize(
    ("mode", "said"), [("ro", "of the caller\nRead-only file system\n"), ("rw", "of the caller\n")]
)
def test_jobs_have_the_hosts_python_and_the_home(
    fresh: Cli, ready: Ready, mode: str, said: str
) -> None:
    """A job is run by the host's Python, and reads the caller's home; writes too if it may."""
    home, folder = ready
    home.chmod(0o777)
    cli = at(fresh, home)
    cli.succeeds("create", f"--host-files={mode}")
    cli.succeeds("submit", "job.sub", "--wait", cwd=folder)
    outcome = (folder / "out").read_text(), (folder / "err").read_text(), (home / "new").exists()
    assert outcome == (said, "", mode == "rw")


@pytest.mark.parametrize(
    ("executable", "script"),
    [
        ("job", f"#!{HOSTS_PYTHON}\n"),
        ("job", "#!/usr/bin/env python3\n"),
        ("job", "#!/bin/sh\npython3 -V\n"),
        (str(HOSTS_PYTHON), ""),
    ],
    ids=["interpreter", "env", "command", "executable"],
)
def test_a_missing_python_names_the_option(
    cli: Cli, tmp_path: Path, executable: str, script: str
) -> None:
    """Without the host's files, a job that asks for Python is answered with the option for them."""
    (tmp_path / "job").write_text(script)
    (tmp_path / "job").chmod(0o755)
    (tmp_path / "job.sub").write_text(SUBMIT.replace("= job", f"= {executable}"))
    failed = cli("submit", "job.sub", "--wait", cwd=tmp_path)
    assert failed.returncode != 0
    assert f"condor-mini create -n {cli.name} --host-files ro" in failed.stderr
    if "was put on hold" in failed.stderr:
        assert "--host-files ro" in cli("doctor").stdout
        cli.succeeds("exec", "--", "condor_rm", "-all")


def test_access_point_has_them_too(fresh: Cli, ready: Ready) -> None:
    """The host's Python on the access point submits a job with HTCondor's commands."""
    home, folder = ready
    cli = at(fresh, home)
    cli.succeeds("create", "--host-files")
    program = f"""
import pathlib, subprocess
print(pathlib.Path({str(home / "file")!r}).read_text(), end="", flush=True)
subprocess.run(["condor_submit", "executable=/bin/true", "-queue", "1"], check=True, input=b"")
"""
    output = cli.succeeds("exec", "--", str(HOSTS_PYTHON), "-c", program, cwd=folder)
    assert output.startswith("of the caller\n")
    assert "1 job(s) submitted to cluster" in output


def test_it_is_stopped_and_started(fresh: Cli) -> None:
    """Root without CAP_FOWNER removes the pipes that the condor_procd before has left."""
    fresh.succeeds("create", "--host-files")
    fresh.succeeds("stop")
    fresh.succeeds("start")
    assert fresh.succeeds("exec", "--user", "root", "--", "stat", "-c", "%U %a", "/run/condor") == (
        "condor 755\n"
    )


def test_personal_pool_has_them_too(variables: dict[str, str], ready: Ready) -> None:
    """``run --host-files``: HTCondor's commands and the host's are found, and the home is seen."""
    home, folder = ready
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    script = f"condor_version | head -n 1 && cat '{home}/file' && {HOSTS_PYTHON} -c 'print(6 * 7)'"
    done = subprocess.run(
        [sys.executable, "-m", "condor_mini", "run", "--host-files", "--", "sh", "-c", script],
        cwd=folder,
        env={**os.environ, **variables, "HOME": str(home), "XDG_CACHE_HOME": cache},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("$CondorVersion: ")
    assert done.stdout.endswith("of the caller\n42\n")


def test_root_file_system_of_ones_own(
    fresh: Cli, busybox: Path, tmp_path: Path, new_cli: Callable[[], Cli]
) -> None:
    """A tar of one program is an image that jobs run in, and that HTCondor runs beside."""
    tarball = tmp_path / "root.tar"
    with tarfile.open(tarball, "w") as tar:
        tar.add(busybox, "bin/busybox")
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    (tmp_path / "job.sub").write_text(SUBMIT)
    (tmp_path / "job").write_text("#!/bin/sh\nls -l /bin/ls\nid -u\n")
    (tmp_path / "job").chmod(0o755)
    name = f"{new_cli().name}/box"
    fresh.succeeds("images", "import", str(tarball), name)
    fresh.succeeds("create", "--execute", "2", "--execute-image", name)
    fresh.succeeds("submit", "job.sub", "--wait", cwd=tmp_path)
    said = (tmp_path / "out").read_text().splitlines()
    assert (said[0].endswith("/bin/ls -> busybox"), said[1]) == (True, "1000")


def test_images_show_no_more_of_the_host_than_they_are_given(fresh: Cli) -> None:
    """On an engine of images it is refused, in one message."""
    docker = replace(fresh, variables={**fresh.variables, "CONDOR_MINI_ENGINE": "docker"})
    result = docker("create", "--host-files")
    assert result.returncode == 6
    assert "docker cannot show the host's files to its containers" in result.stderr
    assert "--engine embedded" in result.stderr
