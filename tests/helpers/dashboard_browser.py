"""What a browser that has opened the dashboard's link sends."""

from __future__ import annotations

from collections.abc import Callable

from starlette.testclient import TestClient

TOKEN = "t" * 43
CSRF = "c" * 43
HOST = "127.0.0.1:8000"
MakeClient = Callable[..., TestClient]


def headers(**changed: str | None) -> dict[str, str]:
    """Return the headers of a button of the page."""
    found = {"origin": f"http://{HOST}", "x-condor-mini": CSRF}
    merged = {**found, **{key.replace("_", "-"): value for key, value in changed.items()}}
    return {key: value for key, value in merged.items() if value is not None}
