"""The part of a Kubernetes API server that says which kinds there are, from the published schemas.

``kubectl create --dry-run=client`` asks for no more, and does not work without it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Answer = dict[str, Any]


@cache
def _kinds(version: str) -> dict[str, list[str]]:
    """The kinds of each group and version: {"apps/v1": ["StatefulSet", ...]}."""
    schemas = files("kubernetes_validate") / "kubernetes-json-schema"
    text = (schemas / f"v{version}-local-strict" / "_definitions.json").read_text()
    found = defaultdict[str, list[str]](list)
    for definition in json.loads(text)["$defs"].values():
        match definition:
            case {
                "x-kubernetes-group-version-kind": [{"group": group, "version": of, "kind": kind}],
                "properties": {"metadata": _},
            }:
                found[f"{group}/{of}".lstrip("/")].append(kind)
    return found


def _plural(kind: str) -> str:
    name = kind.lower()
    if name.endswith("y"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("s") else f"{name}s"


def _answers(version: str) -> dict[str, Answer]:
    answers: dict[str, Answer] = {"/api": {"kind": "APIVersions", "versions": ["v1"]}}
    groups = []
    for group_version, kinds in _kinds(version).items():
        group, _, of = group_version.rpartition("/")
        path = f"/apis/{group_version}" if group else f"/api/{group_version}"
        answers[path] = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": group_version,
            "resources": [
                {
                    "name": _plural(kind),
                    "singularName": "",
                    "namespaced": True,
                    "kind": kind,
                    "verbs": ["create", "get"],
                }
                for kind in kinds
            ],
        }
        if group:
            versions = [{"groupVersion": group_version, "version": of}]
            groups.append({"name": group, "versions": versions, "preferredVersion": versions[0]})
    answers["/apis"] = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    return answers


@contextmanager
def kubernetes_api(version: str) -> Iterator[str]:
    """Serve what kinds a version of Kubernetes has, at the URL that is yielded."""
    answers = _answers(version)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            body = json.dumps(answer).encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
