#!/usr/bin/env python3
"""Store a file with the job's token, read it again, and try what the token does not permit."""

import base64
import json
import os
import sys
from http.client import HTTPConnection
from pathlib import Path

host, user, service = sys.argv[1:]
token = json.loads(Path(os.environ["_CONDOR_CREDS"], f"{service}.use").read_text())["access_token"]


def request(method, path, content=None, *, with_token=True):
    connection = HTTPConnection(host, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if with_token else {}
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    print(method, path, response.status, response.read().decode().strip(), sep="  ")  # noqa: T201


claims = token.split(".")[1]
print(base64.urlsafe_b64decode(claims + "==").decode())  # noqa: T201
request("PUT", f"/user/{user}/greeting", "Hello from a job\n")
request("GET", f"/user/{user}/greeting")
request("GET", f"/user/{user}/greeting", with_token=False)
request("GET", "/user/somebody/greeting")
