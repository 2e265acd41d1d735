"""A stack file, run by Docker Swarm on two hosts without condor-mini."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from condor_mini.base.waiting import wait_until
from docker_hosts import can_have_docker, docker_on

from .elsewhere import images

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker_hosts import Engine
    from hosts_for_tests import Network

pytestmark = [pytest.mark.slow, pytest.mark.alone]

READY_TIMEOUT_S = 90.0
JOBS_TIMEOUT_S = 400.0
STACK, GROUP = "t", "t_mini-execute"
COUNT = 200
JOBS = f"""\
cat >job.sub <<END
executable = /bin/sh
transfer_executable = false
arguments = "-c 'sleep 3; hostname'"
should_transfer_files = yes
output = out.\\$(Process)
log = log
request_memory = 32
request_disk = 1M
request_cpus = 1
queue {COUNT}
END
condor_submit -terse job.sub
"""


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """Two hosts in a swarm; commands are typed on the first, its manager."""

    manager: Engine
    worker: Engine
    series: str

    def docker(self, *argv: str) -> str:
        """Run a command of Docker's on the manager, which succeeds; what it wrote to stdout."""
        return self.typed("docker", *argv)

    def typed(self, *argv: str) -> str:
        """Run a command on the manager, which succeeds; what it wrote to stdout."""
        done = self.manager.host.run(*argv)
        assert done.status == 0, f"{argv}: {done.out}{done.err}"
        return done.out

    def exported(self, *options: str) -> None:
        """Write the stack file, and create the stack or make it what the file says now."""
        words = ("export", "swarm", "--htcondor", self.series, *options)
        self.typed(sys.executable, "-m", "condor_mini", *words)
        self.typed("sh", "secrets.sh")
        self.docker("stack", "deploy", "--resolve-image", "never", "-c", "stack.yaml", STACK)

    def access_point(self) -> str:
        """The container of the access point's service."""
        found = self.docker("ps", "-q", "--filter", f"name={STACK}_mini-submit-1\\.").split()
        assert len(found) == 1, found
        return found[0]

    def asked(self, *argv: str) -> str:
        """Run a command as the user on the access point."""
        as_user = ("exec", "-u", "jovyan", "-w", "/home/jovyan")
        return self.docker(*as_user, self.access_point(), *argv)

    def placed(self, service: str) -> Counter[str]:
        """How many containers of a service each host runs."""
        options = ("--filter", "desired-state=running", "--format", "{{.Node}}")
        return Counter(self.docker("service", "ps", service, *options).split())

    def await_slots(self, count: int) -> None:
        """Wait until the slots of so many execution points, and no others, are at the collector."""
        names = {f"mini-execute-{number}" for number in range(1, count + 1)}

        def missing() -> str | None:
            try:
                found = set(self.asked("condor_status", "-af", "Machine").split())
            except AssertionError as error:  # the access point is not ready
                return str(error)
            short = {name.partition(".")[0] for name in found}
            return None if short == names else f"these are there: {short}"

        wait_until(missing, timeout_s=READY_TIMEOUT_S, interval_s=0.5)

    def await_ended(self, count: int) -> None:
        """Wait until so many jobs have left the queue."""

        def missing() -> str | None:
            try:
                ended = self.asked("condor_history", "-af", "ClusterId").split()
            except AssertionError as error:  # the access point is replaced meanwhile
                return str(error)
            return None if len(ended) >= count else f"{len(ended)} jobs have ended"

        wait_until(missing, timeout_s=JOBS_TIMEOUT_S, interval_s=1)


@pytest.fixture(scope="module", params=["25", "23"])
def swarm(
    hosts: Network, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Swarm]:
    """Two hosts in a swarm of their own, with our images."""
    if not can_have_docker():
        pytest.skip("it takes root and Docker's programs")
    series = str(request.param)
    ours = images(series)
    first, second = (hosts.host(f"m{series}{n}", address=f"10.99.{series}.{n}/16") for n in (1, 2))
    folder = tmp_path_factory.mktemp("swarm")
    with docker_on(first, folder / "1") as manager, docker_on(second, folder / "2") as worker:
        for each in (manager, worker):
            each.load(ours)
        made = Swarm(manager=manager, worker=worker, series=series)
        made.docker("swarm", "init", "--advertise-addr", first.address)
        joining = made.docker("swarm", "join-token", "--quiet", "worker").strip()
        worker.docker("swarm", "join", "--token", joining, f"{first.address}:2377")
        yield made


@pytest.fixture
def stack(swarm: Swarm) -> Iterator[Swarm]:
    """A stack that was exported and deployed with two execution points."""
    swarm.exported("--execute", "2", "--force")
    yield swarm
    swarm.docker("stack", "rm", STACK)
    of_stack = ("--filter", f"label=com.docker.stack.namespace={STACK}")

    def left() -> str | None:
        found: list[str] = []
        for each in (swarm.manager, swarm.worker):
            found += each.docker("ps", "-aq", *of_stack).split()
        found += swarm.docker("network", "ls", "-q", *of_stack).split()
        return f"left are {found}" if found else None

    wait_until(left, timeout_s=60, interval_s=0.5)
    volumes = swarm.docker("volume", "ls", "-q", *of_stack).split()
    swarm.docker("volume", "rm", *volumes)


def test_pool_runs_is_scaled_and_updated(stack: Swarm) -> None:
    """Jobs run while execution points come, go and are replaced on both hosts; none is lost."""
    stack.await_slots(2)
    stack.asked("bash", "-c", JOBS)
    stack.docker("service", "scale", "--detach", f"{GROUP}=6")
    stack.await_slots(6)
    assert len(stack.placed(GROUP)) == 2
    image = f"condor-execute:{stack.series}"
    for each in (stack.manager, stack.worker):
        each.docker("tag", image, f"{image}-next")
    update = ("service", "update", "--detach", "--no-resolve-image", "--image", f"{image}-next")
    stack.docker(*update, GROUP)

    def old() -> str | None:
        options = ("--filter", "desired-state=running", "--format", "{{.Image}} {{.CurrentState}}")
        found = stack.docker("service", "ps", GROUP, *options).splitlines()
        behind = [each for each in found if not each.startswith(f"{image}-next Running")]
        return f"these are left: {behind}" if behind or len(found) != 6 else None

    wait_until(old, timeout_s=JOBS_TIMEOUT_S, interval_s=1)
    stack.docker("service", "scale", "--detach", f"{GROUP}=2")
    stack.await_ended(COUNT)
    assert stack.asked("condor_history", "-af", "ExitCode").split() == ["0"] * COUNT
    stack.await_slots(2)


def test_changed_pool_file_is_deployed_again(stack: Swarm) -> None:
    """Configuration of Swarm's never changes, so it has another name."""
    stack.await_slots(2)
    group = {"count": 3, "attributes": {"Revision": 2}}
    changed = {"version": 1, "name": "mini", "execution_points": [group]}
    (stack.manager.host.home / "pool.yaml").write_text(json.dumps(changed))
    stack.exported("-c", "pool.yaml", "--force")

    def behind() -> str | None:
        try:
            found = stack.asked("condor_status", "-af", "Machine", "Revision").splitlines()
        except AssertionError as error:
            return str(error)
        revisions = [line.split()[1] for line in found]
        return None if revisions == ["2"] * 3 else f"the slots are {found}"

    wait_until(behind, timeout_s=READY_TIMEOUT_S, interval_s=1)


def test_secrets_are_made_once_and_shown_nowhere(stack: Swarm) -> None:
    """The script leaves what is there, and `inspect` shows no token."""
    assert stack.typed("sh", "secrets.sh") == "the secrets of mini are there\n"
    stack.await_slots(2)
    node = stack.access_point()
    token = stack.docker("exec", "-u", "root", node, "cat", "/root/secrets/token").strip()
    assert len(token) > 100
    assert token not in stack.docker("inspect", node)
    assert token not in stack.docker("service", "inspect", f"{STACK}_mini-submit-1")
