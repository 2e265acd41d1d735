"""What a node's kernel files, libraries and programs are good for, whoever the caller is."""

from __future__ import annotations

import contextlib
import functools
import shutil
import ssl
import subprocess
import threading
from dataclasses import replace
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
arguments = {{names}}
transfer_input_files = {{urls}}
transfer_output_files = ""
output = out
queue
"""
CERTIFICATES = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj "/CN=our own"
openssl req -newkey rsa:2048 -nodes -keyout server.key -out request -subj /CN=localhost
echo subjectAltName=IP:127.0.0.1 >names
openssl x509 -req -in request -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names >server.crt
cat server.key server.crt >server.pem
"""
"""Makes a certificate authority ``ca.crt``, and a server's key with its certificate."""
PASSES_ON = '#!/bin/sh\nexec "$@"\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate authority of our own, and a server's certificate by it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes certificates, is not here")
    folder = tmp_path_factory.mktemp("authority")
    script = ["sh", "-euc", CERTIFICATES]
    subprocess.run(script, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(
    scope="module",
    params=[
        series if series == catalogue().default else pytest.param(series, marks=pytest.mark.slow)
        for series in catalogue().series
    ],
)
def pool(request: pytest.FixtureRequest, caller: Person, authority: Path) -> Iterator[Path]:
    """A pool with a volume of one file, whose directory the nodes lack; the caller's directory.

    The caller's environment names an authority of its own.
    """
    if request.param != catalogue().default and caller.uid != UID:
        pytest.skip("one kind of caller is enough for the other series")
    folder = new_home(caller.uid)
    # Without namespaces no mount is read-only.
    mode = "" if "CONDOR_MINI_SANDBOX" in caller.environment else ":ro"
    (folder / "pool.yaml").write_text(POOL_FILE.format(series=request.param, mode=mode))
    (folder / "wrap.sh").write_text(PASSES_ON)
    (folder / "wrap.sh").chmod(0o755)
    shutil.copyfile(authority / "ca.crt", folder / "ca.crt")
    (folder / "ca.crt").chmod(0o644)
    environment = {**caller.environment, "SSL_CERT_FILE": str(folder / "ca.crt")}
    trusting = replace(caller, environment=environment)
    made = trusting.run("create", "-c", "pool.yaml", cwd=folder, timeout_s=120)
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


@contextlib.contextmanager
def serving(folder: Path, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a web server that has the files of a directory; with a context, by TLS."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
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
    if caller.uid != 0 and "CONDOR_MINI_SANDBOX" in caller.environment:
        pytest.skip("an ordinary user's sshd ends the connection where paths are translated")
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


def fetched(caller: Person, pool: Path, **urls: str) -> str:
    """What a job prints that gets these files by URL, and prints one after the other."""
    submit = TRANSFER.format(urls=", ".join(urls.values()), names=" ".join(urls))
    (pool / "urls.sub").write_text(submit)
    done = caller.run("submit", "-n", "programs", "--wait", "urls.sub", cwd=pool)
    assert done.returncode == 0, done.stdout + done.stderr
    return (pool / "out").read_text()


def test_urls_are_transferred(caller: Person, pool: Path, tmp_path: Path) -> None:
    """HTCondor's plugin gets file:// and http:// for a job."""
    (tmp_path / "by-http").write_text("by http\n")
    on_execute = ("exec", "-n", "programs", "--node", "execute-1", "--", "sh", "-c")
    made = caller.run(*on_execute, "echo by file >/tmp/by-file", cwd=pool)
    assert made.returncode == 0, made.stderr
    with serving(tmp_path) as web:
        urls = {"by-file": "file:///tmp/by-file", "by-http": f"{web}/by-http"}
        assert fetched(caller, pool, **urls) == "by file\nby http\n"


def test_https_trusts_what_the_caller_trusts(
    caller: Person, pool: Path, tmp_path: Path, authority: Path
) -> None:
    """HTCondor's plugin gets https:// from a server that the caller's own authority vouches for."""
    (tmp_path / "by-https").write_text("by https\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    with serving(tmp_path, context) as web:
        assert fetched(caller, pool, **{"by-https": f"{web}/by-https"}) == "by https\n"
