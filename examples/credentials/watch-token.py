#!/usr/bin/env python3
"""Use the job's token until the storage refuses it, and say whenever HTCondor has renewed it."""

import base64
import json
import os
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

host, user, service, seconds = sys.argv[1:]
file = Path(os.environ["_CONDOR_CREDS"], f"{service}.use")
until = time.monotonic() + float(seconds)
before = None
status = 200
while status == 200 and time.monotonic() < until:
    token = json.loads(file.read_text())["access_token"]
    if token != before:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        good_for = claims["exp"] - time.time()
        print(f"token {claims['jti']} good for {good_for:.0f} s", flush=True)  # noqa: T201
        before = token
    connection = HTTPConnection(host, timeout=30)
    connection.request(
        "GET", f"/user/{user}/greeting", headers={"Authorization": f"Bearer {token}"}
    )
    response = connection.getresponse()
    status, words = response.status, response.read().decode().strip()
    time.sleep(2)
print(status, words)  # noqa: T201
