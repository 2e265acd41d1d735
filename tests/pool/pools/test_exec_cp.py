"""Commands and files on a node: exec, shell and cp."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.pool import Pool

pytestmark = pytest.mark.every_engine


def in_terminal(cli: Cli, *argv: str, typed: str, until: str, timeout_s: float = 30) -> str:
    """Run the command at a terminal, type when it has said something; all that it showed."""
    from tests.pool.pools.conftest import COMMAND

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *argv], env=cli.environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown, sent = "", False
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    chunk = os.read(ours, 65536)
                except OSError:  # the terminal's other end is closed
                    break
                shown += chunk.decode(errors="replace")
            if not sent and until in shown:
                os.write(ours, typed.encode())
                sent = True
        process.kill()
    os.close(ours)
    return shown


@pytest.mark.parametrize("status", [0, 42, 137])
def test_exec_hands_the_status_through(cli: Cli, status: int) -> None:
    """`exec` ends with the command's own status."""
    assert cli("exec", "--", "sh", "-c", f"exit {status}").returncode == status


def test_exec_says_of_an_absent_command_what_a_shell_says(cli: Cli) -> None:
    """A command that is not there ends with 127."""
    assert cli("exec", "--", "no-such-command").returncode == 127


def test_exec_hands_stdin_stdout_and_stderr_through(cli: Cli) -> None:
    """What is piped in arrives, and the two outputs stay apart."""
    result = cli("exec", "--", "sh", "-c", "cat; echo aside >&2", stdin="piped\n")
    assert (result.stdout, result.stderr) == ("piped\n", "aside\n")


def test_exec_is_the_ordinary_user_on_the_access_point(cli: Cli, pool: Pool) -> None:
    """Without options the command runs as jovyan, at home, on the first access point."""
    said = cli.succeeds("exec", "--", "sh", "-c", "whoami; pwd; hostname").split()
    assert said == ["jovyan", "/home/jovyan", f"{pool.name}-submit-1"]


def test_exec_on_another_node_as_root(cli: Cli, pool: Pool) -> None:
    """--node and --user choose; the pool's name may be left out of the node's."""
    said = cli.succeeds("exec", "--node", "execute-2", "--user", "root", "--", "hostname")
    assert said.strip() == f"{pool.name}-execute-2"


def test_exec_gives_what_a_login_gives(cli: Cli) -> None:
    """USER, LOGNAME, HOME and SHELL are the user's, and HTCondor's commands are found."""
    script = 'echo "$USER $LOGNAME $HOME $SHELL"; command -v condor_restart'
    said = cli.succeeds("exec", "--", "sh", "-c", script)
    assert said == "jovyan jovyan /home/jovyan /bin/bash\n/usr/sbin/condor_restart\n"


def test_exec_as_a_second_user_begins_in_that_users_home(cli: Cli, pool: Pool) -> None:
    """A file that is made without a path is there; where all are one user, it is jovyan's."""
    user = "jovyan" if pool.node().has_one_user else "submituser"
    said = cli.succeeds("exec", "--user", "submituser", "--", "sh", "-c", "pwd; touch x; ls x")
    assert said == f"/home/{user}\nx\n"


def test_exec_as_a_number_without_an_account(cli: Cli, pool: Pool) -> None:
    """The command runs; its user has no name and no home."""
    if pool.node().has_one_user:
        pytest.skip("all processes of the node belong to one user")
    argv = ("exec", "--user", "4321:4321", "--", "sh", "-c", 'pwd; echo "$USER"')
    assert cli.succeeds(*argv) == "/\n4321\n"


def test_submit_file_has_the_users_name(cli: Cli, tmp_path: Path) -> None:
    """$ENV(USER) and $ENV(LOGNAME) in a submit file are jovyan."""
    (tmp_path / "user.sub").write_text(
        "executable = /bin/echo\ntransfer_executable = false\n"
        'arguments = "$ENV(USER) $ENV(LOGNAME)"\noutput = $ENV(USER).out\nlog = user.log\n'
        'transfer_output_files = ""\nrequest_memory = 32\nrequest_disk = 1M\nqueue\n'
    )
    cli.succeeds("submit", str(tmp_path / "user.sub"), "--wait")
    assert (tmp_path / "jovyan.out").read_text() == "jovyan jovyan\n"


def test_exec_takes_variables_and_a_directory(cli: Cli) -> None:
    """--env and --workdir do what they do with an engine."""
    said = cli.succeeds(
        "exec", "-e", "COLOUR=blue", "-w", "/tmp", "--", "sh", "-c", "echo $COLOUR $PWD"
    )
    assert said == "blue /tmp\n"


def test_unknown_node_is_named_with_those_there_are(cli: Cli, pool: Pool) -> None:
    """A node that is not there gives exit code 3 and the names of those that are."""
    result = cli("exec", "--node", "execute-9", "--", "true")
    assert result.returncode == 3
    assert f"{pool.name}-execute-2" in result.stderr


def test_exec_has_a_terminal_where_we_have_one(cli: Cli) -> None:
    """At a terminal the command has one too."""
    script = "test -t 0 && test -t 1 && test -t 2 && echo it is one; read x"
    shown = in_terminal(cli, "exec", "--", "sh", "-c", script, typed="\n", until="it is")
    assert "it is one" in shown


def test_shell_is_a_prompt_on_the_node(cli: Cli, pool: Pool) -> None:
    """`shell` shows a prompt with user and node, runs what is typed, and ends with its status."""
    node = f"{pool.name}-execute-1"
    shown = in_terminal(
        cli, "shell", "--node", node, typed="echo it-is-$((40 + 2)); exit\n", until="$ "
    )
    assert f"jovyan@{node}" in shown
    assert "it-is-42" in shown


def test_cp_brings_a_directory_there_and_back(cli: Cli, tmp_path: Path) -> None:
    """A directory comes back as it went: names, content, modes."""
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "ä b.txt").write_text("hello\n")
    (tmp_path / "data" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "data" / "run").chmod(0o755)
    cli.succeeds("cp", "data", ":there", cwd=tmp_path)
    assert cli.succeeds("exec", "--", "stat", "-c", "%U", "there/run") == "jovyan\n"
    cli.succeeds("cp", ":there", "back", cwd=tmp_path)
    assert (tmp_path / "back" / "deep" / "ä b.txt").read_text() == "hello\n"
    assert (tmp_path / "back" / "run").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "back" / "run").stat().st_uid == os.getuid()


def test_cp_puts_a_file_into_a_directory_that_is_there(cli: Cli, tmp_path: Path) -> None:
    """As with docker cp: into a directory under its own name, else under the name that is given."""
    (tmp_path / "one.txt").write_text("1")
    cli.succeeds("cp", "one.txt", "execute-1:/tmp", cwd=tmp_path)
    cli.succeeds("cp", "one.txt", "execute-1:/tmp/two.txt", cwd=tmp_path)
    said = cli.succeeds("exec", "--node", "execute-1", "--", "cat", "/tmp/one.txt", "/tmp/two.txt")
    assert said == "11"


@pytest.mark.parametrize(
    ("source", "target", "status", "words"),
    [
        ("absent", ":x", 3, "absent does not exist"),
        (":absent", ".", 3, "has no /home/jovyan/absent"),
        ("file", ":no/such/directory", 3, "mkdir -p /home/jovyan/no/such"),
        (":x", "no/such/directory/x", 3, "there is no directory no/such/directory"),
        ("file", "other", 2, "one of SOURCE and TARGET must be on a node"),
        (":a", ":b", 2, "one of SOURCE and TARGET must be on a node"),
    ],
)
def test_cp_says_what_is_missing(
    cli: Cli, tmp_path: Path, source: str, target: str, status: int, words: str
) -> None:
    """A copy that cannot be made says why, with an exit code that tells."""
    (tmp_path / "file").touch()
    result = cli("cp", source, target, cwd=tmp_path)
    assert (result.returncode, words in result.stderr) == (status, True), result.stderr


@pytest.fixture
def results(cli: Cli) -> Iterator[str]:
    """A directory that a job has left in the home directory of the access point."""
    cli.succeeds("exec", "--", "sh", "-c", "mkdir results && echo 1 >results/out")
    yield "results"
    cli.succeeds("exec", "--", "rm", "-rf", "results", "link")


@pytest.mark.parametrize("leads", ["../.ssh", "x1/x2/x3/x4/../.ssh"])
def test_cp_twice_does_not_go_through_a_link(
    cli: Cli, tmp_path: Path, results: str, leads: str
) -> None:
    """A link that a job has made is not what the next copy is written through."""
    (tmp_path / ".ssh").mkdir()
    here = tmp_path / "here"
    here.mkdir()
    chain = "for n in 1 2 3 4; do ln -s . x$n; done"
    cli.succeeds("exec", "-w", "/home/jovyan/results", "--", "sh", "-c", chain)
    # From the home directory the link would lead beside the copy.
    cli.succeeds("exec", "--", "ln", "-s", f"../{leads}", f"{results}/link")
    first = cli("cp", f":{results}", ".", cwd=here)
    told = f"link: a symbolic link to ../{leads}, which leads outside" in first.stderr
    assert (first.returncode, told) == (1, True), first.stderr
    forge = "rm results/link && mkdir results/link && echo forged >results/link/id"
    cli.succeeds("exec", "--", "sh", "-c", forge)
    cli.succeeds("cp", f":{results}", ".", cwd=here)
    assert list((tmp_path / ".ssh").iterdir()) == []
    assert (here / "results" / "link" / "id").read_text() == "forged\n"


def test_cp_does_not_follow_a_jobs_link_in_the_node(cli: Cli, tmp_path: Path, results: str) -> None:
    """What root copies does not get to where a job's link leads, and that is told."""
    del results
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "passwd").write_text("forged\n")
    cli.succeeds("exec", "--", "ln", "-s", "/etc", "link")
    for target in (":", ":link", ":link/"):
        done = cli("cp", "link", target, cwd=tmp_path)
        told = "/home/jovyan/link is a symbolic link to /etc" in done.stderr
        assert (done.returncode, told) == (2, True), done.stderr
    assert "forged" not in cli.succeeds("exec", "--", "cat", "/etc/passwd")


@pytest.mark.skipif(os.getuid() != 0, reason="a pool of an ordinary user's may have no root")
def test_cp_follows_the_systems_links_in_the_node(cli: Cli, tmp_path: Path) -> None:
    """A link that root has made leads where it always does."""
    (tmp_path / "file").write_text("1")
    link = ("exec", "--user", "root", "--", "ln", "-sfn", "/tmp", "/var/tmp/systems")
    cli.succeeds(*link)
    done = cli("cp", "file", ":/var/tmp/systems", cwd=tmp_path)
    there = cli("exec", "--", "cat", "/tmp/file").stdout
    cli("exec", "--user", "root", "--", "rm", "-f", "/var/tmp/systems", "/tmp/file")
    assert (done.stderr, there) == ("", "1")


SLEEPER = """
printf '%s\\n' 'executable = /bin/sleep' 'arguments = 300' 'transfer_executable = false' \\
    'request_memory = 32' queue >sleeper.sub
job=$(condor_submit -terse sleeper.sub | cut -d' ' -f1)
timeout 60 condor_ssh_to_job -auto-retry "$job" 'whoami; echo "$_CONDOR_SCRATCH_DIR"' </dev/null
status=$?
condor_rm "$job" >/dev/null
exit $status
"""


@pytest.mark.slow
def test_ssh_to_job_leads_into_the_job(cli: Cli) -> None:
    """`condor_ssh_to_job` runs a command as the job's user, in the job's own environment."""
    user, scratch = cli.succeeds("exec", "--", "sh", "-c", SLEEPER, timeout_s=90).split()[-2:]
    assert (user, scratch.startswith("/var/lib/condor/execute/dir_")) == ("jovyan", True)
