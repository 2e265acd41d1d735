"""Docker of another host that is reached by TLS or SSH, from one pool file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from docker_hosts import can_have_docker
from hosts_for_tests import NAMESPACES

from .elsewhere import NODE1, NODE2, machines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hosts_for_tests import Network

    from .elsewhere import Machines

pytestmark = [
    pytest.mark.pool_engines("docker", reason="each host has Docker"),
    pytest.mark.slow,
]
FILE = f"""\
version: 1
name: {{name}}
expose: {NODE1}
execution_points: [{{{{host: "{{host}}"}}}}]
"""
CERTIFICATES = f"""
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca-key.pem -out ca.pem
for name in server client; do
  openssl req -newkey rsa:2048 -nodes -subj /CN=$name -keyout $name-key.pem -out $name.csr
done
printf 'subjectAltName=IP:{NODE2}\\nextendedKeyUsage=serverAuth\\n' >server.ext
printf 'extendedKeyUsage=clientAuth\\n' >client.ext
for name in server client; do
  openssl x509 -req -days 2 -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial \\
    -extfile $name.ext -out $name.pem
done
mkdir client
cp ca.pem client/ca.pem
mv client.pem client/cert.pem
mv client-key.pem client/key.pem
"""
# The privilege separation user need not exist on this machine, nor the directory.
SSHD = """
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd
sed '/^sshd:/d' /etc/passwd >"$D/passwd"
echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>"$D/passwd"
mount --bind "$D/passwd" /etc/passwd
exec "$SSHD" -D -e -f "$D/sshd_config"
"""
WITH_SSH = """
mount --bind "$HOME/ssh_config" /etc/ssh/ssh_config
exec "$@"
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A directory whose path is short enough for a socket."""
    made = Path(tempfile.mkdtemp(prefix="cmh"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def two(hosts: Network, folder: Path) -> Iterator[Machines]:
    """Two hosts with Docker; the second's also listens at a port, with TLS."""
    if not can_have_docker() or not shutil.which("openssl"):
        pytest.skip("there is no dockerd for hosts of their own, or no openssl")
    subprocess.run(["sh", "-euc", CERTIFICATES], cwd=folder, check=True, capture_output=True)
    options = ["--tlsverify", "-H", f"tcp://{NODE2}:2376", "--tlscacert", f"{folder}/ca.pem"]
    options += ["--tlscert", f"{folder}/server.pem", "--tlskey", f"{folder}/server-key.pem"]
    with machines(hosts, folder, *options) as made:
        yield made


@pytest.fixture(scope="module")
def by_ssh(two: Machines, folder: Path) -> Iterator[str]:
    """The URL of the second host's Docker by SSH."""
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or shutil.which("sshd")
    if not sshd:
        pytest.skip("there is no sshd: apt-get install openssh-server")
    for name in ("host", "user"):
        file = folder / f"{name}-key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    (folder / "sshd_config").write_text(
        f"ListenAddress {NODE2}\nHostKey {folder}/host-key\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/user-key.pub\nStrictModes no\nPermitRootLogin yes\n"
        f"SetEnv DOCKER_HOST={two.there.url}\n"
    )
    (two.here.host.home / "ssh_config").write_text(
        f"IdentityFile {folder}/user-key\nStrictHostKeyChecking no\nBatchMode yes\n"
        "UserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    )
    inside = ("nsenter", f"--net={NAMESPACES / two.there.host.namespace}", "unshare", "--mount")
    with ExitStack() as stack:
        log = stack.enter_context((folder / "sshd.log").open("wb"))
        argv = ["env", f"D={folder}", f"SSHD={sshd}", *inside, "sh", "-euc", SSHD]
        daemon = stack.enter_context(subprocess.Popen(argv, stderr=log))
        stack.callback(daemon.terminate)
        wait_until(lambda: _unanswered(two, folder / "sshd.log"), timeout_s=30)
        yield f"ssh://root@{NODE2}"


def _unanswered(two: Machines, log: Path) -> str | None:
    done = two.here.host.run("bash", "-c", f": </dev/tcp/{NODE2}/22")
    return None if done.status == 0 else log.read_text()


def whole_life(
    two: Machines, name: str, host: str, environment: Mapping[str, str], *wrapped: str
) -> None:
    """A pool is created, has an execution point there, and is deleted with nothing left."""
    file = two.file(FILE.format(name=name, host=host))

    def ran(*argv: str) -> str:
        done = two.cli(*argv, environment=environment, within=wrapped)
        assert done.status == 0, done.err
        return done.out

    ran("create", "-c", file, "-q")
    try:
        shown = ran("exec", "-n", name, "--", "condor_status", "-af", "CondorMiniHost")
        assert shown.split() == [NODE2]
        assert ran("exec", "-n", name, "--node", "execute-1", "--", "hostname")
    finally:
        ran("delete", "-n", name, "-q")
    assert two.held() == []


def test_tls(two: Machines, folder: Path) -> None:
    """A URL of TCP is used with TLS, and the certificates of DOCKER_CERT_PATH."""
    certificates = {"DOCKER_CERT_PATH": str(folder / "client")}
    whole_life(two, "tls", f"tcp://{NODE2}:2376", certificates)


def test_without_certificates(two: Machines) -> None:
    """Without certificates nothing is sent to it."""
    refused = two.cli(
        "create", "-c", two.file(FILE.format(name="bare", host="tcp://10.99.0.2:2376"))
    )
    assert refused.status == 6
    assert "the host tcp://10.99.0.2:2376 is not reached: " in refused.err
    assert "ca.pem: no such file or directory" in refused.err


def test_ssh(two: Machines, by_ssh: str) -> None:
    """A URL of SSH is used with the user's own keys and configuration."""
    whole_life(two, "ssh", by_ssh, {}, "sh", "-euc", WITH_SSH, "sh")
