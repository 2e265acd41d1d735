"""Commands in the namespaces of a fake engine's containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.engine.fake.controls import FakeControls
from condor_mini.engine.fake.shell import NOT_FOUND, FakeExec, FakeOutcome, unknown
from condor_mini.engine.protocol import QUICK_TIMEOUT_S
from condor_mini.engine.values import CommandResult, ContainerSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class FakeBeside(FakeControls):
    """Lets ``on_exec`` answer such commands; of itself it knows only ``cat``."""

    def run_in_network(
        self,
        container: str | None,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        labels: Mapping[str, str] | None = None,  # noqa: ARG002
        timeout_s: float = QUICK_TIMEOUT_S,  # noqa: ARG002
    ) -> CommandResult:
        """See ``NamespaceKeeper.run_in_network``."""
        self._record("run_in_network", container or "", argv=argv)
        return self._run_beside(container, image, argv, stdin)

    def run_in_mounts(
        self,
        container: str | None,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        labels: Mapping[str, str] | None = None,  # noqa: ARG002
        timeout_s: float = QUICK_TIMEOUT_S,  # noqa: ARG002
    ) -> CommandResult:
        """See ``NamespaceKeeper.run_in_mounts``."""
        self._record("run_in_mounts", container or "", argv=argv)
        return self._run_beside(container, image, argv, stdin)

    def _run_beside(
        self, container: str | None, image: str, argv: Sequence[str], stdin: str
    ) -> CommandResult:
        line = (self.name, "run", image, *argv)
        if image not in self._images:
            raise CommandFailed(line, 125, f"no such image: {image}")
        spec = ContainerSpec(image=image, name="")
        if container is not None:
            spec = self._host.running(container).spec
        outcome = self._answer(FakeExec.in_container(spec, argv, "0", stdin=stdin))
        status, stdout, stderr = outcome.returncode, outcome.stdout, outcome.stderr
        if status == NOT_FOUND:
            raise CommandFailed(line, status, stderr)
        return CommandResult(argv=line, returncode=status, stdout=stdout, stderr=stderr)

    def _answer(self, call: FakeExec) -> FakeOutcome:
        for prefix, handler in self._handlers:
            if call.argv[: len(prefix)] == prefix:
                return handler(call)
        return FakeOutcome(stdout=call.stdin or "") if call.argv == ("cat",) else unknown(call)
