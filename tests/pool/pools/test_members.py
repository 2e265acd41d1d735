"""Who is let in: tokens, requests, revocation, a new key, renewal; and that no secret shows."""

from __future__ import annotations

import base64
import json
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.pool.people import image
from tests.pool.pools.attackers import attacker, token_of

from condor_mini.base.errors import CondorMiniError
from condor_mini.base.layout import BACKGROUND_SCRIPTS, REQUEST_SCRIPTS, START_SCRIPTS
from condor_mini.base.waiting import wait_until
from condor_mini.engine import ContainerSpec
from condor_mini.lifecycle import node_tokens
from condor_mini.lifecycle.ready import Deadline
from condor_mini.nodes.node import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pool.pools.conftest import Cli

    from condor_mini.engine import CommandResult
    from condor_mini.pool import Pool

pytestmark = pytest.mark.pool_engines("docker", reason="others come in by a network of their own")

READ = "condor_status -af Name"
USERS = ("ada", "bob", "eve")
SHELL = "#!/bin/sh"
PLACES = """
for file in /etc/condor/tokens.d/node /etc/condor/users-token /etc/condor/passwords.d/POOL; do
  cat $file && echo got $file
done
for daemon in condor_master condor_startd condor_procd; do
  kill -0 $(pgrep -o -x $daemon) && echo signalled $daemon
done
cat /var/lib/condor/execute/dir_*/scratch/private && echo got private
ls /var/lib/condor/execute/*/scratch/private && echo seen private
condor_status -pool $1 -af Name | grep . && echo read ads
echo tried
"""

RENEWED = f"""
cd /etc/condor/tokens.d
cat >node
before=$(cat node)
_CONDOR_NODE_TOKEN_LIFETIME=20 timeout 14 {BACKGROUND_SCRIPTS}/renew-tokens 1 &
while kill -0 $! 2>/dev/null && [ "$(cat node)" = "$before" ]; do sleep 0.2; done
kill $! 2>/dev/null
"""
"""Renews a token, which comes by stdin, until there is another one."""
KEPT_REQUESTS = 1000
"""By a daemon of HTCondor's (``handle_dc_start_token_request``); the next one is refused."""
KNOW_THE_MANAGER = """
ask='stdbuf -oL timeout 60 condor_token_request -identity condor@condor-mini.internal'
grep -q enqueued < <($ask 2>&1)
"""
"""Asks once as everybody does, by which the central manager's certificate gets known."""
CROWD = f"""
import os
import socket

import classad2
from htcondor2.htcondor2_impl import _send_generic_payload_command

START_TOKEN_REQUEST = 60047  # condor_commands.h
manager = os.environ['_CONDOR_CONDOR_HOST']
address = f'<{{socket.gethostbyname(manager)}}:9618?alias={{manager}}&sock=collector>'
for number in range({KEPT_REQUESTS} + 10):
    request = {{'User': 'condor@condor-mini.internal', 'ClientId': f'stranger-{{number}}'}}
    ad = classad2.ClassAd(request)
    _send_generic_payload_command(address, START_TOKEN_REQUEST, ad._handle)
"""
"""Asks for tokens in one session, and waits for none: a process for each would take minutes."""
GIVEN_MEANWHILE = f"""
mkdir /tmp/slow
trap 'rm -r /tmp/slow' EXIT
cd /etc/condor/tokens.d
cp -p node /tmp/slow
printf '#!/bin/sh
  /usr/bin/condor_ping "$@"
  status=$?
  cp -p /tmp/slow/node /etc/condor/tokens.d
  exit $status
' >/tmp/slow/condor_ping
chmod +x /tmp/slow/condor_ping
sed -i 's/.....$/wrong/' node
PATH=/tmp/slow:$PATH {START_SCRIPTS}/check-secret
"""
"""Asks about a token that is not good, and gets the good one when the answer has come."""


def has_read(who: CommandResult) -> bool:
    """Whether the central manager has answered."""
    return who.returncode == 0 and "slot1@" in who.stdout


@contextmanager
def sleeping(pool: Pool, seconds: int) -> Iterator[str]:
    """A job that runs; its cluster."""
    submitted = pool.submit(
        {
            "executable": "/bin/sleep",
            "arguments": str(seconds),
            "transfer_executable": "false",
            "transfer_output_files": '""',
            "log": "sleeping.log",
        }
    )
    cluster = str(submitted.clusters[0])

    def unstarted() -> str | None:
        states = [ad["JobStatus"] for ad in pool.job_ads(f"ClusterId == {cluster}", ["JobStatus"])]
        return None if states == [2] else f"job {cluster}: {states}"

    wait_until(unstarted, timeout_s=30)
    yield cluster
    assert submitted.wait(timeout_s=60) == 0


def test_a_users_token_queries_and_submits(cli: Cli, pool: Pool, tmp_path: Path) -> None:
    """`token create` gives a file with which a stranger queries and submits, and no more."""
    file = tmp_path / "token"
    cli.succeeds("token", "create", "--user", "jovyan", "--lifetime", "600", "--file", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    with attacker(pool, file.read_text().rstrip()) as somebody:
        assert somebody.allowed("collector") == {"READ"}
        assert somebody.allowed("schedd") == {"READ", "WRITE"}
        assert somebody.allowed("startd") == set()


def test_first_tokens_at_the_same_time(pool: Pool) -> None:
    """Two that make an access point's key at once make the same one, and both tokens are good."""
    script = f"{REQUEST_SCRIPTS}/create-token jovyan 600 READ"
    made = pool.exec(
        ["sh", "-c", f"rm -f /etc/condor/passwords.d/$(hostname); {script} & {script}; wait"],
        user="root",
    )
    tokens = made.stdout.split()
    assert len(tokens) == 2, made.stderr
    for token in tokens:
        with attacker(pool, token) as somebody:
            assert somebody.allowed("schedd") == {"READ"}


def test_a_token_is_not_written_over(cli: Cli, tmp_path: Path) -> None:
    """`token create --file` leaves a file that is there as it is."""
    file = tmp_path / "token"
    file.write_text("mine")
    result = cli("token", "create", "--file", str(file))
    assert (result.returncode, f"{file} already exists" in result.stderr) == (2, True)
    assert file.read_text() == "mine"


def test_list_tells_no_secret(cli: Cli, pool: Pool) -> None:
    """`token list` shows whose tokens there are, and no token."""
    shown = cli.succeeds("token", "list", "-o", "json")
    found = {(row["node"], *row["authorizations"]) for row in json.loads(shown)}
    name = pool.name
    assert (f"{name}-execute-1", "ADVERTISE_STARTD", "ADVERTISE_MASTER") in found
    assert (f"{name}-submit-1", "READ") in found
    assert token_of(pool, "execute-1").rpartition(".")[2] not in shown
    assert "eyJ" not in shown


def test_a_revoked_token_lets_nobody_in(cli: Cli, pool: Pool) -> None:
    """After `token revoke`, by id or identity, the token's holder is out; others are not."""
    made = {
        user: pool.members.create_token(user, authorizations=["READ"]).secret.split()[0]
        for user in USERS
    }
    ada = json.loads(base64.urlsafe_b64decode(made["ada"].split(".")[1] + "=="))
    with ExitStack() as stack:
        who = {user: stack.enter_context(attacker(pool, made[user])) for user in USERS}
        assert has_read(who["ada"].run(READ))
        cli.succeeds("token", "revoke", ada["jti"], "--identity", "bob@condor-mini.internal")
        assert pool.members.requests() == [], "the collector is back"
        assert not has_read(who["ada"].run(READ))
        assert not has_read(who["bob"].run(READ))
        wait_until(lambda: None if has_read(who["eve"].run(READ)) else "no ads", timeout_s=30)


def test_a_new_key(cli: Cli, pool: Pool) -> None:
    """After `rotate-key` old tokens let nobody in, all nodes are there, and a job has run on."""
    old = pool.members.create_token("eve", authorizations=["READ"]).secret.split()[0]
    with attacker(pool, old) as somebody, sleeping(pool, 15) as cluster:
        assert has_read(somebody.run(READ))
        cli.succeeds("rotate-key", timeout_s=120)
        assert not has_read(somebody.run(READ))
        assert len(pool.slot_ads('SlotType == "Partitionable"', ["Name"])) == 2
    starts = pool.job_ads(f"ClusterId == {cluster}", ["NumJobStarts"], history=True)
    assert [ad["NumJobStarts"] for ad in starts] == [1]
    assert pool.exec(["condor_status"]).returncode == 0, "the access point's users have no token"


@pytest.fixture
def crowd(pool: Pool) -> Iterator[None]:
    """A stranger's token requests, as many as HTCondor keeps."""
    with attacker(pool, series="25") as stranger:  # 23's bindings send no such command
        script = f"set -e\n{KNOW_THE_MANAGER}\npython3 - <<'END'\n{CROWD}\nEND"
        said = stranger.run(script, timeout_s=100)
        assert said.returncode == 0, said.stdout + said.stderr
        listed = pool.exec(["condor_token_request_list", "-json"], node="master", user="root")
        assert listed.stdout.count('"RequestId"') > KEPT_REQUESTS
        yield
    # They go with the collector, and whoever comes later finds it empty.
    pool.exec([f"{REQUEST_SCRIPTS}/restart-collector"], node="master", user="root")


def test_a_token_is_renewed(pool: Pool, crowd: None) -> None:
    """A node gets a new token in time, without a restart, whatever a stranger has asked for."""
    del crowd
    node, manager = pool.node("execute-2"), pool.node("master")
    # As the entrypoint has started it, but for tokens that live for seconds.
    approve = f"_CONDOR_NODE_TOKEN_LIFETIME=10 timeout 30 {BACKGROUND_SCRIPTS}/announce-requests 1"
    manager.exec(["sh", "-c", f"{approve} >/dev/null 2>&1 &"], user="root")
    short = manager.exec(
        ["env", "_CONDOR_NODE_TOKEN_LIFETIME=10", f"{REQUEST_SCRIPTS}/issue-tokens"],
        user="root",
        stdin=f"execute {node.name}\n",
    ).stdout
    try:
        # As the entrypoint starts it, but for a life of minutes.
        said = node.exec(["sh", "-c", RENEWED], user="root", stdin=short)
        assert token_of(pool, "execute-2") != short.strip(), said.stderr
        said = node.exec(["condor_ping", "-type", "collector", "ADVERTISE_STARTD"], user="root")
        assert said.returncode == 0, said.stdout + said.stderr
    finally:
        node_tokens.give(manager, [node], Deadline(20))


def test_a_token_that_is_given_meanwhile_is_kept(pool: Pool) -> None:
    """A node that gets another token while it asks about an old one asks about that one too."""
    node = pool.node("execute-2")
    good = token_of(pool, "execute-2")
    try:
        said = node.exec(["bash", "-euc", GIVEN_MEANWHILE], user="root")
        assert (said.returncode, token_of(pool, "execute-2")) == (0, good), said.stderr
    finally:
        node_tokens.give(pool.node("master"), [node], Deadline(20))


def test_approve_lets_in(cli: Cli, pool: Pool) -> None:
    """A node that came with MASTER waits, `approve --list` shows it, `approve` lets it in."""
    engine = pool.engine
    container = engine.create(
        ContainerSpec(
            image=image("execute"),
            name=f"{pool.name}-guest",
            hostname=f"{pool.name}-guest",
            network=pool.name,
            environment={"MASTER": f"{pool.name}-master"},
        )
    )
    try:
        engine.start(container)
        waiting: list[str] = []

        def unasked() -> str | None:
            rows = json.loads(cli.succeeds("approve", "--list", "-o", "json"))
            waiting[:] = [row["id"] for row in rows if row["client"].startswith(f"{pool.name}-g")]
            return None if waiting else f"requests: {rows}"

        wait_until(unasked, timeout_s=30)
        with pytest.raises(CondorMiniError, match="there is no token request 1"):
            pool.members.approve(["1"])
        cli.succeeds("approve", *waiting)
        wait_until(
            lambda: None if pool.slot_ads(f'CondorMiniNode == "{pool.name}-guest"') else "no slot",
            timeout_s=30,
        )
    finally:
        engine.stop(container, timeout_s=10)
        engine.remove(container)


@pytest.fixture
def victim(pool: Pool) -> Iterator[None]:
    """A job of another user on the first execution point, with a file of its own."""
    submit = (
        "executable = /bin/sh\narguments = \"-c 'umask 077; echo x >private; sleep 60'\"\n"
        f'transfer_executable = false\nrequirements = CondorMiniNode == "{pool.name}-execute-1"\n'
        'request_memory = 16\ntransfer_output_files = ""\nqueue\n'
    )
    argv = ["condor_submit", "-terse", "-"]
    said = pool.exec(argv, user="submituser", workdir="/home/submituser", stdin=submit)
    assert said.returncode == 0, said.stderr

    def unwritten() -> str | None:
        find = ["find", "/var/lib/condor/execute", "-name", "private"]
        found = pool.exec(find, node="execute-1", user="root").stdout
        return None if "private" in found else "the other user's job has not begun"

    try:
        wait_until(unwritten, timeout_s=30)
        yield
    finally:
        cluster = said.stdout.partition(".")[0]
        pool.exec(["condor_rm", cluster], user="submituser", workdir="/home/submituser")


def test_a_job_gets_at_nothing_of_the_pools(pool: Pool, victim: None) -> None:
    """A job reads no token or key, signals no daemon, reads no ads, and no other user's files."""
    del victim
    submit = (
        "executable = evil.sh\noutput = evil.out\nlog = evil.log\nrequest_memory = 16\n"
        f'requirements = CondorMiniNode == "{pool.name}-execute-1"\ntransfer_output_files = ""\n'
        f"arguments = {pool.name}-master\nqueue\n"
    )
    script = f"""cd; cat >evil.sh <<'END'
{SHELL}
{PLACES}
END
condor_submit -terse - >/dev/null <<'END'
{submit}
END
condor_wait -wait 40 evil.log >/dev/null && cat evil.out"""
    said = pool.exec(["bash", "-euc", script])
    assert (said.returncode, said.stdout) == (0, "tried\n"), said.stdout + said.stderr


# -- no secret shows ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secrets(pool: Pool) -> list[bytes]:
    """The pool's real key and tokens, in the forms in which they could be seen."""
    key = pool.engine.copy_out(pool.node("master").info.id, "/etc/condor/passwords.d/POOL")
    made = [
        token_of(pool, node.name) for node in pool.nodes if node.role is not Role.CENTRAL_MANAGER
    ]
    made += pool.members.create_token().secret.split()
    signatures = [token.rpartition(".")[2].encode() for token in made]
    assert len(key) >= 32
    assert all(len(signature) == 43 for signature in signatures)
    return [key, base64.b64encode(key)[:-4], key.hex().encode(), *signatures]


def shown(secrets: list[bytes], content: bytes) -> list[int]:
    """Which of the secrets stand there, by number."""
    return [number for number, secret in enumerate(secrets) if secret in content]


def docker(*argv: str) -> bytes:
    """What the engine's command writes."""
    return subprocess.run(["docker", *argv], capture_output=True, check=True, timeout=60).stdout


def test_secrets_are_found_where_they_are(pool: Pool, secrets: list[bytes]) -> None:
    """The search of these tests finds a token in the file that it is in."""
    node = pool.node("execute-1")
    held = pool.engine.copy_out(node.info.id, "/etc/condor/tokens.d/node")
    assert shown(secrets, held)


def test_no_secret_in_the_engines_records(pool: Pool, secrets: list[bytes]) -> None:
    """Neither the containers', the network's nor the images' record or history has one."""
    names = [node.name for node in pool.nodes]
    images = [image(role) for role in ("base", "mini", "master", "submit", "execute")]
    records = docker("inspect", *names, *images) + docker("network", "inspect", pool.name)
    records += b"".join(docker("history", "--no-trunc", name) for name in images)
    assert shown(secrets, records) == []


def test_images_bring_no_secret() -> None:
    """No image has a key or token where HTCondor looks for them, nor a certificate's key."""
    find = "find /etc/condor/passwords.d /etc/condor/tokens.d /etc/condor/*.pem /root /home -type f"
    more = "| grep -v '/[.]bash\\|/[.]profile' || true"
    for role in ("master", "submit", "execute", "mini"):
        entry = ("run", "--rm", "--user", "root", "--entrypoint", "sh", image(role))
        assert docker(*entry, "-c", f"{find} 2>/dev/null {more}") == b"", role


def test_no_secret_in_processes(pool: Pool, secrets: list[bytes]) -> None:
    """Neither the arguments nor the environment of a process has one."""
    read = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | base64 -w 0"
    for node in pool.nodes:
        said = node.exec(["sh", "-c", read], user="root").stdout
        assert shown(secrets, base64.b64decode(said)) == [], node.name


def test_no_secret_in_logs(cli: Cli, pool: Pool, secrets: list[bytes], tmp_path: Path) -> None:
    """Neither what the engine shows, nor HTCondor's files, nor an export of them has one."""
    for node in pool.nodes:
        assert shown(secrets, docker("logs", node.name)) == [], node.name
        files = node.exec(["sh", "-c", "cat /var/log/condor/* | base64 -w 0"], user="root").stdout
        assert shown(secrets, base64.b64decode(files)) == [], node.name
    cli.succeeds("export", "logs", str(tmp_path / "out"))
    exported = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert [path for path in exported if shown(secrets, path.read_bytes())] == []


def test_no_secret_in_what_is_said(cli: Cli, secrets: list[bytes]) -> None:
    """Neither what commands say in detail, nor errors."""
    said = [cli("-v", "token", "list"), cli("-v", "status"), cli("-v", "approve", "999")]
    said.append(cli("-v", "exec", "--", "condor_token_list"))
    assert [result.returncode for result in said] == [0, 0, 3, 0]
    assert shown(secrets, "".join(r.stdout + r.stderr for r in said).encode()) == []
