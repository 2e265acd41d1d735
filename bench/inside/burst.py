"""burst.py PER_SECOND SECONDS <DESCRIPTION: on an access point, submits jobs at that pace.

Prints the number of each cluster, and last how many seconds it took.
"""

import importlib
import sys
import time

htcondor2 = importlib.import_module("htcondor2")

per_second, seconds = float(sys.argv[1]), float(sys.argv[2])
description = htcondor2.Submit(sys.stdin.read())
schedd = htcondor2.Schedd()
began = time.monotonic()
for number in range(int(per_second * seconds)):
    time.sleep(max(0.0, began + number / per_second - time.monotonic()))
    print(schedd.submit(description).cluster())
print(f"{time.monotonic() - began:.2f}")
