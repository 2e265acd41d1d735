"""``condor-mini run --jupyter``: JupyterLab in a real pool, and the example notebooks in it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from running_notebook import RunningNotebook

from .conftest import pools_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..people import Person

    Start = Callable[..., RunningNotebook]

pytestmark = [pytest.mark.every_engine, pytest.mark.slow_on("docker", "podman")]
EXECUTE = """
cd /condor_state/notebooks/examples
{python} - <<'END'
import sys, nbclient, nbformat
notebook = nbformat.read("{name}.ipynb", as_version=4)
nbclient.execute(notebook, timeout=200)
nbformat.write(notebook, sys.stdout)
END
"""


@pytest.fixture
def start(pool_engine_name: str, me: Person, tmp_path: Path) -> Iterator[Start]:
    """Starts JupyterLab in an empty directory; no pool outlives it."""
    started: list[RunningNotebook] = []

    def start(*options: str) -> RunningNotebook:
        started.append(
            RunningNotebook(pool_engine_name, tmp_path, *options, environment=me.environment)
        )
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
    for info in pools_below(me, tmp_path):
        me.engine.remove(info.id)


@pytest.fixture
def me(people: dict[str, Person]) -> Person:
    """Who runs the tests."""
    return next(person for person in people.values() if person.uid == os.getuid())


@pytest.fixture
def python(pool_engine_name: str) -> str:
    """The notebooks' Python in the pool."""
    return sys.executable if pool_engine_name == "embedded" else "python3"


def executed(lab: RunningNotebook, python: str, name: str) -> str:
    """Execute an example in the pool, and return what its cells have printed."""
    result = lab.in_pool(EXECUTE.format(python=python, name=name))
    assert result.returncode == 0, result.stderr
    cells = json.loads(result.stdout)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return "".join("".join(output.get("text", "")) for output in outputs)


def test_first_job_and_the_token(start: Start, me: Person, python: str, tmp_path: Path) -> None:
    """Only the token opens JupyterLab; a notebook runs a job; Ctrl-C leaves what was made."""
    lab = start()
    assert [lab.status("GET", "/api/contents", token) for token in (lab.token, None, "x" * 43)] == [
        200,
        403,
        403,
    ]
    assert "Hello from a job" in executed(lab, python, "first-job")
    (info,) = pools_below(me, tmp_path)
    assert lab.token not in repr(info)
    assert lab.token not in me.engine.logs(info.id)
    assert not places_of(lab.token, tmp_path)
    status, out, err = lab.end()
    assert (status, out, lab.token in err) == (0, "", False)
    assert pools_below(me, tmp_path) == []
    made = {path.name for path in (tmp_path / "condor_state/notebooks/examples").iterdir()}
    assert {"first-job.ipynb", "many-jobs.ipynb", "dag.ipynb", "first-job.out"} <= made


def places_of(token: str, folder: Path) -> list[str]:
    """Return the files below a folder, and the processes, that have the token as all may see it."""
    places = [path for path in folder.rglob("*") if path.is_file()]
    for name in ("cmdline", "environ"):
        places += Path("/proc").glob(f"[0-9]*/{name}")
    found = []
    for place in places:
        with suppress(OSError):  # it has ended, or is another user's
            if token.encode() in place.read_bytes():
                found.append(str(place))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "printed"),
    [("many-jobs", "8 squared is 64"), ("dag", "500 words; 500 when counted here")],
)
def test_examples(start: Start, python: str, name: str, printed: str) -> None:
    """Each example runs from its first cell to its last, also a second time."""
    lab = start()
    assert printed in executed(lab, python, name)
    assert printed in executed(lab, python, name)


@pytest.mark.slow
def test_tools_and_user(start: Start, python: str) -> None:
    """The user is jovyan, with HTCondor's programs, and the bindings need no settings."""
    lab = start()
    asked = "import htcondor2; print(len(htcondor2.Schedd().query()))"
    result = lab.in_pool(f"whoami; condor_q -totals | tail -n 1; cd; {python} -c '{asked}'")
    assert (result.returncode, result.stdout.splitlines()[0]) == (0, "jovyan")
    assert result.stdout.splitlines()[-1] == "0"


@pytest.mark.slow
def test_user_shuts_it_down(start: Start, me: Person, tmp_path: Path) -> None:
    """With JupyterLab the pool ends, and the command ends well."""
    lab = start()
    assert lab.status("POST", "/api/shutdown", lab.token) == 200
    assert lab.ended()[0] == 0
    assert pools_below(me, tmp_path) == []


@pytest.mark.slow
def test_terminated(start: Start, me: Person, tmp_path: Path) -> None:
    """SIGTERM leaves nothing."""
    assert start().end(signal.SIGTERM)[0] == 128 + signal.SIGTERM
    assert pools_below(me, tmp_path) == []


@pytest.mark.slow
def test_pool_is_removed_meanwhile(start: Start, me: Person, tmp_path: Path) -> None:
    """The command says that its pool is gone."""
    lab = start()
    (info,) = pools_below(me, tmp_path)
    me.engine.remove(info.id)
    status, _, err = lab.ended()
    assert (status, "was removed while it was in use" in err) == (5, True)


@pytest.mark.slow
def test_kept_pool_and_a_second_lab(start: Start, me: Person, tmp_path: Path) -> None:
    """A second JupyterLab is refused; after --keep, the next one is at the same port."""
    lab = start("--keep")
    second = subprocess.run(
        [*lab.argv, "--jupyter"],
        cwd=tmp_path,
        env=me.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (second.returncode, "JupyterLab runs already" in second.stderr) == (4, True)
    assert lab.end()[0] == 0
    assert len(pools_below(me, tmp_path)) == 1
    assert not _answers(lab.port)
    again = start()
    assert (again.port, again.token == lab.token) == (lab.port, False)
    assert again.status("GET", "/api/contents", again.token) == 200
    assert again.end()[0] == 0
    assert pools_below(me, tmp_path) == []


def _answers(port: int) -> bool:
    """Return whether a server is at a port; an engine may listen there on its own."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2):
            return True
    except OSError:
        return False


@pytest.mark.slow
def test_port_in_use(pool_engine_name: str, tmp_path: Path) -> None:
    """A port that is taken is an error before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "condor_mini", "run", "--engine", pool_engine_name]
        result = subprocess.run(
            [*argv, "--jupyter", "--port", str(port)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert (result.returncode, f"port {port} of 127.0.0.1 is already" in result.stderr) == (4, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_published_port(pool_engine_name: str, tmp_path: Path) -> None:
    """A port of this machine leads to a server in the pool; the embedded engine says why not."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = "python3 -m http.server 8123 >/dev/null 2>&1 & cat >/dev/null; kill $!"
    argv = [sys.executable, "-m", "condor_mini", "run", "--engine", pool_engine_name]
    argv += ["--publish", f"127.0.0.1:{port}:8123", "--", "sh", "-c", script]
    with subprocess.Popen(
        argv, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        if pool_engine_name == "embedded":
            _, err = process.communicate(timeout=60)
            assert (process.returncode, "127.0.0.1:8123 in the pool is at that" in err) == (6, True)
            return
        wait_until(lambda: None if _answers(port) else "no answer", timeout_s=90)
        process.communicate(timeout=60)
