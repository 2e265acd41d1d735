"""What a node's kernel files, libraries and programs are good for, whoever the caller is."""

from __future__ import annotations

import contextlib
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.series import catalogue
from node_programs import broken_programs, hold_and_release

from .conftest import UID, new_home, remove_home

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..people import Person

pytestmark = [
    pytest.mark.every_engine,
    pytest.mark.pool_engines("embedded", reason="it is about the embedded engine"),
]
POOL_FILE = """version: 1
name: programs
htcondor: "{series}"
execution_points:
  - volumes: ["./wrap.sh:/opt/site/wrap.sh{mode}"]
    config: |
      USER_JOB_WRAPPER = /opt/site/wrap.sh
"""
JOB = """request_memory = 16
request_disk = 1M
log = log
"""
TRANSFER = f"""{JOB}executable = /bin/cat
transfer_executable = false
arguments = from-file from-http
transfer_input_files = {{urls}}
transfer_output_files = ""
output = out
queue
"""
PASSES_ON = '#!/bin/sh\nexec "$@"\n'


@pytest.fixture(scope="module", params=list(catalogue().series))
def pool(request: pytest.FixtureRequest, caller: Person) -> Iterator[Path]:
    """A pool with a volume of one file, whose directory the nodes lack; the caller's directory."""
    if request.param != catalogue().default and caller.uid != UID:
        pytest.skip("one kind of caller is enough for the other series")
    folder = new_home(caller.uid)
    # Without namespaces no mount is read-only.
    mode = "" if "CONDOR_MINI_SANDBOX" in caller.environment else ":ro"
    (folder / "pool.yaml").write_text(POOL_FILE.format(series=request.param, mode=mode))
    (folder / "wrap.sh").write_text(PASSES_ON)
    (folder / "wrap.sh").chmod(0o755)
    made = caller.run("create", "-c", "pool.yaml", cwd=folder, timeout_s=120)
    assert made.returncode == 0, made.stderr
    yield folder
    deleted = caller.run("delete", "-n", "programs", cwd=folder)
    assert deleted.returncode == 0, deleted.stderr
    remove_home(folder)


def shell(caller: Person, pool: Path, script: str) -> str:
    """What a script says on the access point; it succeeds."""
    argv = ("exec", "-n", "programs", "--", "bash", "-c", script)
    done = caller.run(*argv, cwd=pool, timeout_s=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that has the file ``from-http``."""
    (tmp_path / "from-http").write_text("by http\n")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_held_job_is_released(caller: Person, pool: Path) -> None:
    """condor_release says so, and ends with 0."""
    assert "released\nstatus 0\n" in shell(caller, pool, hold_and_release())


def test_every_program_starts(caller: Person, pool: Path) -> None:
    """Each of HTCondor's programs that is there finds its interpreter and libraries."""
    assert shell(caller, pool, broken_programs()) == ""


def test_a_job_has_a_terminal(caller: Person, pool: Path) -> None:
    """`condor_submit -i` leads to a prompt in the job, which is at a terminal of its own."""
    if "CONDOR_MINI_SANDBOX" in caller.environment:
        pytest.skip("the test's paths are too long for ssh's socket, which proot translates")
    submit = "cd /tmp && printf 'request_memory=16\\nrequest_disk=1M\\nqueue\\n' >inter.sub"
    shell(caller, pool, submit)
    argv = ("exec", "-n", "programs", "--", "condor_submit", "-i", "/tmp/inter.sub")
    with caller.terminal(*argv, cwd=pool) as terminal:
        terminal.expect("Welcome to")
        terminal.type("tty; echo at $(id -un)")
        assert "/dev/pts/" in terminal.expect(r"at jovyan")
        terminal.type("exit")
        with contextlib.suppress(EOFError):
            terminal.end()


def test_urls_are_transferred(caller: Person, pool: Path, web: str) -> None:
    """HTCondor's plugin gets file:// and http:// for a job."""
    urls = f"file:///tmp/from-file, {web}/from-http"
    on_execute = ("exec", "-n", "programs", "--node", "execute-1", "--", "sh", "-c")
    made = caller.run(*on_execute, "echo by file >/tmp/from-file", cwd=pool)
    assert made.returncode == 0, made.stderr
    submit = TRANSFER.format(urls=urls)
    (pool / "urls.sub").write_text(submit)
    done = caller.run("submit", "-n", "programs", "--wait", "urls.sub", cwd=pool)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (pool / "out").read_text() == "by file\nby http\n"
