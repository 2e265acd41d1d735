"""A test of average.sub, in a real pool."""

from pathlib import Path

HERE = Path(__file__).parent


def test_average(condor_submit):
    jobs = condor_submit(HERE / "average.sub")
    assert jobs.status == 0
    assert jobs.output == "7\n"
