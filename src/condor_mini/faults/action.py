"""How faults are made and undone: what every one of them has, and what they share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from condor_mini.base.errors import CommandFailed
from condor_mini.base.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from condor_mini.faults.choices import Choices
    from condor_mini.nodes.node import Node
    from condor_mini.nodes.pool_nodes import PoolNodes


@dataclass(frozen=True, kw_only=True)
class Target:
    """A daemon on a node, a whole node, or jobs in the queue of an access point."""

    pool: PoolNodes
    node: Node
    daemon: str = ""
    jobs: Sequence[str] = ()
    """Ids of jobs or of clusters; or one ClassAd expression."""
    options: Choices = field(default_factory=dict)
    """What was chosen with the options of the fault."""
    group: Sequence[Node] = ()
    """All nodes that are struck together, this one too."""
    away_from: Sequence[Node] = ()
    """The nodes that ``--from`` names."""
    progress: Progress = field(default_factory=Progress)

    def number(self, option: str) -> float:
        """Return the value of an option that is a number."""
        value = self.options[option]
        assert isinstance(value, float)  # noqa: S101 (`choices.checked` has made it one)
        return value

    def text(self, option: str) -> str:
        """Return the value of an option that is a text; empty if it was not given."""
        return str(self.options.get(option, ""))

    @property
    def name(self) -> str:
        """The target as records and messages name it: ``ci-execute-1/startd``."""
        part = self.daemon or self.text("file")
        return f"{self.node.name}/{part}" if part else self.node.name


Undo = Callable[["PoolNodes", "Node", str], None]


@dataclass(frozen=True, kw_only=True)
class Action:
    """How a fault is made and undone."""

    look: Callable[[Target], str]
    """Return what its undoing needs, and change nothing.

    It raises why the fault cannot be made.
    """
    strike: Callable[[Target, str], None]
    """Make it; the text is what ``look`` found."""
    undo: Undo | None = None
    """Undo it on a node, given what ``look`` found. Twice does no harm. None for a moment."""


def run(node: Node, *argv: str, stdin: str | None = None, timeout_s: float = 60.0) -> str:
    """Run a command of HTCondor's on a node as root, and return its output.

    Raises:
        CommandFailed: It failed.
        PoolNotReady: The node does not run.
    """
    result = node.exec(argv, user="root", stdin=stdin, timeout_s=timeout_s)
    if result.returncode != 0:
        raise CommandFailed(argv, result.returncode, result.stderr or result.stdout)
    return result.stdout
