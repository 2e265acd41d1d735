"""The pods of the manifests of a pool, run by ``docker run``.

tests/helpers/pods.py says what that leaves out.
"""

from __future__ import annotations

import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.layout import REQUEST_SCRIPTS
from condor_mini.base.waiting import wait_until
from pods import DOMAIN, NAMESPACE, Cluster, Pod, docker, manifests_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Cli

pytestmark = [
    pytest.mark.pool_engines("docker", reason="the pods are containers of Docker's"),
    pytest.mark.slow,
]

KUBECTL = Path(__file__).parents[2] / "helpers/kubectl_on_docker.sh"
START_TIMEOUT_S = 40.0
MACHINES_TIMEOUT_S = 90.0
"""Nodes of HTCondor 23 look once a minute whether the central manager's address is another."""
TOKENS = ("condor_token_list", "-dir", "/etc/condor/tokens.d")
USER = "jovyan@condor-mini.internal"
POOL = """\
version: 1
name: {name}
shared: {{path: /shared}}
environment: {{PRICE: "5$$ or $(PROFILE)"}}
execution_points: [{{count: 2, cpus: 1, limit: {{cpus: 1.5, memory: 512MB}}}}]
"""
JOB = """\
cat >job.sub <<END
executable = /bin/sh
transfer_executable = false
arguments = "-c 'cat in; hostname -s; id -un; sleep 3'"
should_transfer_files = yes
transfer_input_files = in
transfer_output_files = ""
output = out.\\$(Process)
log = log
request_cpus = 1
request_memory = 32
request_disk = 1M
queue 2
END
echo it is done >in
condor_submit -terse job.sub && condor_wait -wait 60 log && cat out.0 out.1
"""
OTHER_PORT = (
    "awk '$4 == \"0A\" && $2 ~ /^00000000:/ && $2 !~ /:2592$/ { print $2; exit }' /proc/net/tcp"
)
"""What prints a port that the collector listens at beside 9618: proc_pid_net(5)."""


@pytest.fixture
def cluster(fresh: Cli, tmp_path: Path) -> Iterator[Cluster]:
    """The pods of a pool that was exported with two execution points, before they are started."""
    (tmp_path / "pool.yaml").write_text(POOL.format(name=fresh.name))
    fresh.succeeds("export", "kubernetes", "-c", "pool.yaml", "out", cwd=tmp_path)
    made = Cluster(
        directory=tmp_path / "cluster",
        network=f"k8s-{fresh.name}",
        manifests=manifests_of(tmp_path / "out/manifests"),
    )
    made.secrets.mkdir(parents=True)
    docker("network", "create", made.network)
    yield made
    made.end()
    docker("network", "rm", made.network)


def make_secrets(cluster: Cluster) -> str:
    """Run secrets.sh with a kubectl that is about these pods; what it writes."""
    programs = cluster.directory / "programs"
    programs.mkdir(exist_ok=True)
    if not (programs / "kubectl").exists():
        (programs / "kubectl").symlink_to(KUBECTL)
    done = subprocess.run(
        ["sh", str(cluster.directory.parent / "out/secrets.sh"), "--namespace", NAMESPACE],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "SECRETS": str(cluster.secrets),
            "NAMESPACE": NAMESPACE,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def start(cluster: Cluster, *pods: Pod) -> None:
    """Start pods beside each other; their startup probes succeed when it returns."""

    def begin(pod: Pod) -> None:
        cluster.start(pod)
        cluster.await_start(pod, START_TIMEOUT_S)

    with ThreadPoolExecutor() as kubelets:
        begun = [kubelets.submit(begin, pod) for pod in pods]
        make_secrets(cluster)
        for each in begun:
            each.result()


def as_user(pod: Pod, script: str) -> str:
    """Run a shell script as the user there, as the page says."""
    return docker("exec", pod.name, "su", "--login", "jovyan", "--command", script)


def await_machines(access_point: Pod, names: set[str]) -> None:
    """Wait until the slots of these machines are at the collector, which the user asks."""

    def missing() -> str | None:
        try:
            found = set(as_user(access_point, "condor_status -af Machine").split())
        except AssertionError as error:  # the central manager was replaced just now
            return str(error)
        return None if found == names else f"these are there: {found}"

    wait_until(missing, timeout_s=MACHINES_TIMEOUT_S, interval_s=0.5)


def await_answer(pod: Pod, authorization: str, *, accepted: bool) -> None:
    """Wait until the collector accepts a pod's token, or refuses it."""

    def other() -> str | None:
        argv = ("condor_ping", "-type", "collector", "-verbose", authorization)
        done = subprocess.run(
            ["docker", "exec", pod.name, *argv],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        answer = done.stdout + done.stderr
        if accepted:
            return None if done.returncode == 0 else answer
        return None if "AUTHENTICATE:1003" in answer else answer

    wait_until(other, timeout_s=START_TIMEOUT_S, interval_s=0.5)


def test_pool_of_the_manifests(cluster: Cluster) -> None:
    """Jobs run on it, its probes succeed, its state outlives pods, and tokens are revoked."""
    pods = cluster.pods()
    roles = ["master", "submit", "execute", "execute"]
    pods.sort(key=lambda pod: roles.index(pod.service.rpartition("-")[2]))
    manager, access_point, *execution_points = pods
    start(cluster, *pods)
    await_machines(access_point, {f"{pod.name}.{pod.service}.{DOMAIN}" for pod in execution_points})
    names = sorted(pod.name for pod in execution_points)
    output = as_user(access_point, JOB).splitlines()[-6:]
    assert sorted(output) == sorted([*["it is done"] * 2, *["jovyan"] * 2, *names])
    as_user(access_point, "echo shared >/shared/file")
    assert as_user(execution_points[0], "cat /shared/file") == "shared\n"

    for pod in pods:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert cluster.probe(pod, probe) is None
        assert docker("exec", pod.name, "printenv", "PRICE") == "5$$ or $(PROFILE)\n"
    assert docker("exec", manager.name, "id", "-un") == "jovyan\n"
    docker("exec", manager.name, "condor_userprio", "-setfactor", USER, "9")
    assert make_secrets(cluster).startswith("the secrets of ")
    if cluster.confines:
        port = int(docker("exec", manager.name, "sh", "-c", OTHER_PORT).partition(":")[2], 16)
        connect = f"timeout 2 bash -c ': </dev/tcp/{manager.name}.{manager.service}/{port}'"
        refused = docker("exec", access_point.name, "bash", "-c", f"{connect} || echo $?")
        assert refused == "124\n", "the policy lets in nobody there"

    cluster.restart(execution_points[0])
    for pod in (access_point, manager):
        before = cluster.address(pod)
        assert cluster.stop(pod) == 0
        start(cluster, pod)
        assert cluster.address(pod) != before
    assert as_user(access_point, "condor_history -af ExitCode") == "0\n0\n"
    assert as_user(access_point, "cat out.0").startswith("it is done")
    await_machines(access_point, {f"{pod.name}.{pod.service}.{DOMAIN}" for pod in execution_points})

    (token,) = re.findall(r'"jti":"([0-9a-f]+)"', docker("exec", pods[-1].name, *TOKENS))
    docker("exec", manager.name, f"{REQUEST_SCRIPTS}/revoke-token", "jti", token)
    await_answer(access_point, "ADVERTISE_SCHEDD", accepted=True)
    await_answer(execution_points[0], "ADVERTISE_STARTD", accepted=False)
