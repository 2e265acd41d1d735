"""Who may use the page, and what the others are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dashboard_browser import CSRF, HOST, TOKEN, MakeClient, headers

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.testclient import TestClient

PLACES = ("/", "/events", "/logs", "/metrics", "/api/session", "/api/jobs", "/api/why", "/nowhere")


@pytest.mark.parametrize("path", PLACES)
def test_without_the_token_there_is_nothing(
    app: Starlette, make_client: MakeClient, path: str
) -> None:
    """Every place answers 403 with a sentence, also those that do not exist."""
    answer = make_client(app, enter=False).get(path)
    assert (answer.status_code, "Open the link" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "query", ["token=", "token=wrong", f"token={TOKEN[:-1]}", f"token={TOKEN}x", "x=1"]
)
def test_wrong_token(app: Starlette, make_client: MakeClient, query: str) -> None:
    """A wrong token is refused, and sets no cookie."""
    answer = make_client(app, enter=False).get(f"/?{query}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


def test_wrong_token_is_refused_though_there_is_a_cookie(client: TestClient) -> None:
    """An old link says that it is old, and does not show the page by accident."""
    assert client.get("/?token=old").status_code == 403


def test_cookie_of_the_link(app: Starlette, make_client: MakeClient) -> None:
    """Scripts cannot read the cookie, and other sites' requests do not have it."""
    answer = make_client(app, enter=False).get(f"/?token={TOKEN}")
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("condor-mini-")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Strict"}


def test_cookie_lets_in(client: TestClient) -> None:
    """After the link, the page needs no token in the address."""
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("cookie", ["condor-mini-80=wrong", "condor-mini-80", "a b;;=", "[]=\x7f"])
def test_wrong_cookie(app: Starlette, make_client: MakeClient, cookie: str) -> None:
    """A cookie that is another's, or none at all, is refused."""
    answer = make_client(app, enter=False).get("/", headers={"cookie": cookie})
    assert answer.status_code == 403


def test_bearer_token(app: Starlette, make_client: MakeClient) -> None:
    """Prometheus has the token in a header."""
    client = make_client(app, enter=False)
    good = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    bad = client.get("/metrics", headers={"authorization": "Bearer x"})
    assert (good.status_code, bad.status_code) == (200, 403)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "0.0.0.0:8000", ""]
)
def test_host_of_another_name(app: Starlette, make_client: MakeClient, host: str) -> None:
    """A name that was made to mean this machine (DNS rebinding) is refused, with the token too."""
    client = make_client(app)
    answer = client.get("/static/app.js", headers={"host": host})
    assert (answer.status_code, "this machine only" in answer.text) == (403, True)


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1", "[::1]:80"])
def test_loopback_names(app: Starlette, make_client: MakeClient, host: str) -> None:
    """A forwarded port (ssh -L) has another number, and is as good."""
    answer = make_client(app, enter=False).get(f"/?token={TOKEN}", headers={"host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"origin": "http://evil.example"}, "another site"),
        ({"origin": "http://127.0.0.1:9999"}, "another site"),
        ({"origin": "null"}, "another site"),
        ({"origin": None}, "another site"),
        ({"x_condor_mini": None}, "not from the page"),
        ({"x_condor_mini": "wrong"}, "not from the page"),
        ({"x_condor_mini": TOKEN}, "not from the page"),
    ],
)
def test_request_of_another_site(
    client: TestClient, changed: dict[str, str | None], sentence: str
) -> None:
    """A button works on the page itself only, though the browser sends the cookie."""
    answer = client.post("/act/heal", json={}, headers=headers(**changed))
    assert (answer.status_code, sentence in answer.text) == (403, True)


def test_page_has_no_secret(client: TestClient) -> None:
    """The second secret is given to scripts of the page, and is in no page or file."""
    assert CSRF not in client.get("/").text
    assert client.get("/api/session").json()["csrf"] == CSRF
    assert TOKEN not in client.get("/api/session").text


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/api/session", "/nowhere", "/?token=x"])
def test_headers_of_every_answer(client: TestClient, path: str) -> None:
    """No inline script runs, nothing comes from elsewhere, nobody frames or keeps the page."""
    found = client.get(path).headers
    policy = found["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (found["x-content-type-options"], found["referrer-policy"], found["cache-control"]) == (
        "nosniff",
        "no-referrer",
        "no-store",
    )
    assert "access-control-allow-origin" not in found


def test_page_needs_nothing_from_elsewhere(client: TestClient) -> None:
    """All that the page loads is here, and none of it is inline."""
    page = client.get("/").text
    assert "//" not in page.replace("<!doctype", "")
    assert "<style" not in page
    assert "style=" not in page
    assert " on" not in page.replace(" only", "").replace(" one", "").replace(" on ", "")
    for part in page.split('"'):
        if part.startswith("/static/"):
            assert client.get(part).status_code == 200, part


def test_nothing_outside_of_the_folder(client: TestClient) -> None:
    """Paths do not lead out of the package's files."""
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert client.get(path).status_code in (403, 404)


def test_host_is_the_default(app: Starlette, make_client: MakeClient) -> None:
    """The tests' own host is one that a browser would have."""
    assert make_client(app).base_url.host == HOST.partition(":")[0]
