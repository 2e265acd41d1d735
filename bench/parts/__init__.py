"""The parts of the bench: each module measures one thing, and its docstring says what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bench.parts import create, faults, first_job, growth, hosts, idle, images, latency, throughput

if TYPE_CHECKING:
    from bench.figures import Result
    from bench.options import Options


class PartModule(Protocol):
    """A module of this package."""

    def measure(self, options: Options, /) -> Result:
        """Return what was found."""


PARTS: dict[str, PartModule] = {
    "first-job": first_job,
    "latency": latency,
    "throughput": throughput,
    "idle": idle,
    "create": create,
    "growth": growth,
    "hosts": hosts,
    "images": images,
    "faults": faults,
}
"""All parts, in the order of the page."""
