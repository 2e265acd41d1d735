"""Why no execution point runs containers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from condor_mini.doctor.apptainer import why_not
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from fake_pool import FakePool

WORKS = "ci-execute-1.nodes.internal true undefined\n"
BROKEN = "ci-execute-2.nodes.internal false not allowed to create user namespace\n"


@pytest.mark.parametrize(
    ("attribute", "answer", "evidence", "advice"),
    [
        (
            "HasContainer",
            "",
            "no execution point runs containers (HasContainer)",
            "--execute-image",
        ),
        ("HasContainer", "x.nodes.internal undefined undefined\n", "(HasContainer)", "Or install"),
        (
            "HasContainer",
            BROKEN,
            "Apptainer on ci-execute-2 does not work: not allowed to create user namespace",
            "docs/how-to/run-jobs-with-apptainer.md",
        ),
        ("HasSIF", BROKEN + WORKS, "no execution point runs .sif images (HasSIF)", "HasSIF ="),
        ("HasSIF", BROKEN, "Apptainer on ci-execute-2 does not work", "what Apptainer needs"),
    ],
)
def test_reason(pool: FakePool, attribute: str, answer: str, evidence: str, advice: str) -> None:
    """The reason is what HTCondor found when it tried Apptainer, if there is one."""
    pool.engine.on_exec(["condor_status"], lambda _: FakeOutcome(stdout=answer))
    found, hint = why_not(pool.nodes[0], attribute)
    assert evidence in found
    assert advice in hint
