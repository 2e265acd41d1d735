"""A program of a user's, which knows HTCondor's bindings and nothing of condor-mini.

It submits a job to the access point that its environment names, hands in a file, waits, fetches the
output, and prints it with the states that the job was in.
"""

from __future__ import annotations

import time
from pathlib import Path

import htcondor2

IDLE_AGAIN_S = 0.05
COMPLETED, HELD, SPOOLING = 4, 5, 16


def main() -> None:
    """See above."""
    Path("input").write_text("from the host\n", encoding="utf-8")
    schedd = htcondor2.Schedd()
    description = htcondor2.Submit(
        {
            "executable": "/bin/cat",
            "transfer_executable": "false",
            "arguments": "input",
            "transfer_input_files": "input",
            "transfer_output_files": "",
            "output": "output",
            "log": "log",
            "request_memory": "16",
            "request_disk": "1M",
        }
    )
    submitted = schedd.submit(description, count=1, spool=True)
    schedd.spool(submitted)
    ours = f"ClusterId == {submitted.cluster()}"
    deadline = time.monotonic() + 60
    while True:
        (ad,) = schedd.query(ours, ["JobStatus", "HoldReason", "HoldReasonCode"])
        if ad["JobStatus"] == COMPLETED:
            break
        if ad["JobStatus"] == HELD and ad["HoldReasonCode"] != SPOOLING:
            raise SystemExit(f"held: {ad['HoldReason']}")
        if time.monotonic() > deadline:
            raise SystemExit(f"not done: {ad}")
        time.sleep(IDLE_AGAIN_S)
    schedd.retrieve(ours)
    print(Path("output").read_text("utf-8"), end="")
    for event in htcondor2.JobEventLog("log").events(stop_after=0):
        print(event.type.name)
    schedd.act(htcondor2.JobAction.Remove, ours)
    collector = htcondor2.Collector()
    print(len(collector.locateAll(htcondor2.DaemonType.Schedd)), "access points")


if __name__ == "__main__":
    main()
