"""A job that loses its slot, in a real pool."""

import time

RUNNING = 2


def test_evicted_job_ends_all_the_same(condor_pool, condor_faults):
    job = condor_pool.submit({"executable": "/bin/sleep", "arguments": "3", "log": "log"})
    wait_until_it_runs(job)
    condor_faults.evict(str(job.clusters[0]))
    assert job.wait(timeout_s=60) == 0
    assert "Job was evicted." in job.events(job.ended()[0])


def wait_until_it_runs(job):
    deadline = time.monotonic() + 60
    while not any(ad["JobStatus"] == RUNNING for ad in job.queued()):
        assert time.monotonic() < deadline, "the job does not run"
        time.sleep(0.1)
