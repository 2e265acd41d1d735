"""On an access point, submit jobs and wait: jobs.py ROUNDS COUNT PAUSE,... DESCRIPTION.

Prints two lines for each round: `started` when the first job starts, and in the end how many
seconds passed since the submission, how many since the first start, and what time it is, in seconds
since 1970. It reads in the jobs' event log what has happened.
"""

import os
import subprocess
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path

TIMEOUT_S = 300
STARTED, ENDED, HELD = "\n001 (", "\n005 (", "\n012 ("
"""How events begin, in the log."""

rounds, count = int(sys.argv[1]), int(sys.argv[2])
pauses = cycle(float(pause) for pause in sys.argv[3].split(","))
look_s = 0.005 if count == 1 else 0.1

folder = Path(tempfile.mkdtemp(dir=Path.home()))
folder.chmod(0o755)
os.chdir(folder)
Path("in.txt").write_text("x" * 10_000)
Path("job.sub").write_text(f"{sys.argv[4]}\nlog = log\nqueue {count}\n")
Path("log").touch()
with Path("log").open() as log:
    for _ in range(rounds):
        time.sleep(next(pauses))
        began = time.monotonic()
        subprocess.run(["condor_submit", "-terse", "job.sub"], check=True, stdout=subprocess.PIPE)
        started, events = 0.0, ""
        while events.count(ENDED) < count:
            time.sleep(look_s if started else 0.005)
            events += log.read()
            if STARTED in events and not started:
                started = time.monotonic()
                print("started", flush=True)
            if HELD in events or time.monotonic() > began + TIMEOUT_S:
                sys.exit(f"not all jobs have ended; the end of their log: {events[-1000:]}")
        ended = time.monotonic()
        print(ended - began, ended - started, time.time(), flush=True)
