"""What the doctor says of idle jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checkup_answers import found
from condor_mini.doctor.analysis import analyses
from condor_mini.doctor.findings import Level
from condor_mini.engine import FakeOutcome

if TYPE_CHECKING:
    from condor_mini.doctor.findings import Finding
    from condor_mini.engine import FakeExec
    from fake_pool import FakePool

ANALYSIS = Path(__file__).with_name("analysis.txt").read_text()
UNIVERSES = {
    series: Path(__file__).with_name(f"universes-{series}.txt").read_text()
    for series in ("23", "25")
}
PLAIN, GRID, JAVA, PARALLEL, VM = "5", "9", "10", "11", "13"
SLOTS = "2 3000 1048576.0 undefined undefined\n1 9000 2097152.0 undefined undefined\n"


def finding(
    pool: FakePool, text: str, *, universe: str = PLAIN, job: str = "3.0", slots: str = SLOTS
) -> Finding:
    """Return what is found of one idle job."""
    answers = {"-allusers": f"{job} {universe}\n", "-better-analyze": text}

    def tell(call: FakeExec) -> FakeOutcome:
        no_job_is_held = "-json" in call.argv
        return FakeOutcome(stdout="" if no_job_is_held else answers[call.argv[1]])

    pool.engine.on_exec(["condor_q"], tell)
    pool.engine.on_exec(["condor_status"], lambda _: FakeOutcome(stdout=slots))
    return found("ci")[f"job {job} on ci-submit-1"]


@pytest.mark.usefixtures("inside")
def test_idle_job_that_no_slot_fits(pool: FakePool) -> None:
    """The condition that no slot meets is named, with what the job asks for and what there is."""
    result = finding(pool, ANALYSIS)
    assert result.level is Level.WARN
    assert result.evidence == (
        "idle: none of 2 slots meets TARGET.Memory >= RequestMemory "
        "(RequestMemory = 900000 (mb)); the largest slot has 2 cores, 3000 MiB of memory, "
        "1024 MiB of disk"
    )


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("series", UNIVERSES)
@pytest.mark.parametrize(
    ("attribute", "universe", "words"),
    [
        ("HasContainer", PLAIN, "no execution point runs containers"),
        ("HasDocker", PLAIN, "no execution point runs Docker containers"),
        ("HasJava", JAVA, "no execution point has Java"),
        ("HasVM", VM, "no execution point runs virtual machines"),
    ],
)
def test_job_of_a_universe_that_the_pool_lacks(
    pool: FakePool, series: str, attribute: str, universe: str, words: str
) -> None:
    """The advice is about the universe, not about the size of the slots."""
    text = UNIVERSES[series]
    job = next(
        analysis.job
        for analysis in analyses(text)
        if f"TARGET.{attribute}" in " ".join(analysis.unmet).split()
    )
    result = finding(pool, text, universe=universe, job=job)
    assert words in result.evidence
    assert "vanilla" in str(result.hint) or "--execute-image" in str(result.hint)
    assert "larger" not in str(result.hint)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("universe", [PARALLEL, GRID])
def test_job_that_no_matchmaking_starts(pool: FakePool, universe: str) -> None:
    """A job that the analysis takes for one that waits for its turn is a warning."""
    job = analyses(ANALYSIS)[1].job
    result = finding(pool, ANALYSIS, universe=universe, job=job)
    assert result.level is Level.WARN
    assert ("DedicatedScheduler" in result.evidence) == (universe == PARALLEL)


@pytest.mark.usefixtures("inside")
def test_parallel_job_in_a_pool_for_it(pool: FakePool) -> None:
    """With a dedicated scheduler a parallel job waits as any other."""
    job = analyses(ANALYSIS)[1].job
    slots = "2 3000 1048576.0 undefined DedicatedScheduler@ci-submit-1\n"
    assert finding(pool, ANALYSIS, universe=PARALLEL, job=job, slots=slots).level is Level.OK


@pytest.mark.usefixtures("inside")
def test_requirements_are_not_a_matter_of_size(pool: FakePool) -> None:
    """Where no resource is lacking, the advice is to change the requirements."""
    text = UNIVERSES["25"]
    job = next(a.job for a in analyses(text) if any("WINDOWS" in unmet for unmet in a.unmet))
    result = finding(pool, text, job=job)
    assert 'OpSys == "WINDOWS" or Foo == 3' in result.evidence
    assert "larger" not in str(result.hint)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("answer", "words", "advice"),
    [
        ("", "no execution point runs containers (HasContainer)", "--execute-image"),
        (
            "ci-execute-1.nodes.internal false tests failed : FATAL:   no user namespaces\n",
            "Apptainer on ci-execute-1 does not work: tests failed : FATAL:   no user namespaces",
            "run-jobs-with-apptainer.md says what Apptainer needs",
        ),
    ],
)
def test_container_job_that_nothing_runs(
    pool: FakePool, answer: str, words: str, advice: str
) -> None:
    """The reason is HTCondor's own, where it has found an Apptainer that does not work."""
    text = UNIVERSES["25"]
    job = next(a.job for a in analyses(text) if "TARGET.HasContainer" in " ".join(a.unmet).split())
    result = finding(pool, text, job=job, slots=answer)
    assert words in result.evidence
    assert advice in str(result.hint)
