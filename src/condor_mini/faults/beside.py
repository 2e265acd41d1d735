"""Scripts that run beside a node, in its namespaces, for what a node may not do to itself."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.layout import LABEL
from condor_mini.engine import require_namespaces
from condor_mini.engine.several import engine_at, host_of, own_id
from condor_mini.images import fault_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from condor_mini.base.progress import Progress
    from condor_mini.engine import CommandResult, NamespaceKeeper
    from condor_mini.nodes.node import Node

TIMEOUT_S = 30.0
LABELS = {f"{LABEL}.kind": "fault"}


def prepare(node: Node, progress: Progress) -> None:
    """Get what scripts need to run beside a node.

    Raises:
        EngineCapabilityError: The engine has no namespaces of its nodes to enter.
        ImageBuildFailed: The image that is needed cannot be built.
    """
    _keeper(node)
    fault_tools.ensure(node.engine, host_of(node.info.id), progress)


def try_in_network(node: Node, script: str, *words: str) -> CommandResult:
    """Run a script of this package in a network of nobody's, on the node's host."""
    return _run(_keeper(node).run_in_network, None, script, words)


def run_in_network(node: Node, script: str, *words: str) -> None:
    """Run a script of this package in a node's network; raises ``CommandFailed``."""
    _check(_run(_keeper(node).run_in_network, own_id(node.info.id), script, words))


def try_in_mounts(node: Node, script: str, *words: str) -> CommandResult:
    """Run a script of this package in a mount namespace of nobody's, on the node's host."""
    return _run(_keeper(node).run_in_mounts, None, script, words)


def run_in_mounts(node: Node, script: str, *words: str) -> None:
    """Run a script of this package where a node's file systems are; raises ``CommandFailed``."""
    _check(_run(_keeper(node).run_in_mounts, own_id(node.info.id), script, words))


def output(node: Node, command: str) -> str:
    """Return what a shell command prints in the image on the node's host.

    Raises ``CommandFailed``.
    """
    result = _keeper(node).run_in_network(
        None, fault_tools.reference(), ["sh", "-c", command], labels=LABELS, timeout_s=TIMEOUT_S
    )
    _check(result)
    return result.stdout


def _run(
    where: Callable[..., CommandResult], container: str | None, script: str, words: Sequence[str]
) -> CommandResult:
    return where(
        container,
        fault_tools.reference(),
        ["sh", "-s", *words],
        stdin=(resources.files(__package__) / script).read_text("utf-8"),
        labels=LABELS,
        timeout_s=TIMEOUT_S,
    )


def _keeper(node: Node) -> NamespaceKeeper:
    engine = engine_at(node.engine, host_of(node.info.id))
    return require_namespaces(engine, "make such a fault")


def _check(result: CommandResult) -> None:
    if result.returncode != 0:
        raise CommandFailed(result.argv, result.returncode, result.stderr or result.stdout)
