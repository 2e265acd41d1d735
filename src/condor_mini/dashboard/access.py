"""Who may use the page: whoever has the token, from this machine's own name, from the page itself.

The server listens on a loopback address, where every user and every browser tab of the machine can
reach it. So each request has to show:

- a ``Host`` that is a loopback name. A page of another site whose name was made to mean 127.0.0.1
  (DNS rebinding) has its own name there.
- the token, in the cookie that the link sets, or as a bearer token. Only files of the package are
  given without it.
- for what changes something, an ``Origin`` that is the page's own, and a second secret that only
  the page can have read. A form of another site has neither. A cookie is sent to every port of a
  host, so ``SameSite`` alone does not keep out the pages of another server of this machine.
"""

from __future__ import annotations

import hmac
import re
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.ASCII)
CSRF_HEADER = "x-condor-mini"
OPEN = "/static/"
"""Below here are files of the package, which are no secret."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Access:
    """ASGI middleware that lets the bearer of the token in, and nobody else."""

    def __init__(self, app: ASGIApp, *, token: str, csrf: str) -> None:
        self._app = app
        self._token = token
        self._csrf = csrf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it with a plain sentence."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no WebSockets here; the server closes the connection
        sets_cookie = False

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if sets_cookie:
                    headers.append("set-cookie", self._cookie(scope))
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            status, sentence = refusal
            await PlainTextResponse(sentence + "\n", status)(scope, receive, send_with_headers)
            return
        sets_cookie = scope["path"] == "/" and bool(scope["query_string"])
        await self._app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return the status and the sentence for a request that is refused; None for others."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not LOOPBACK.fullmatch(host):
            return 403, "This page is for this machine only: use the address 127.0.0.1."
        path, method = str(scope["path"]), str(scope["method"])
        if path.startswith(OPEN) and method in ("GET", "HEAD"):
            return None
        if not self._has_token(scope, headers):
            return 403, (
                "The token is missing or wrong. Open the link that condor-mini dashboard printed "
                "in the terminal; each start makes another one."
            )
        if method in ("GET", "HEAD"):
            return None
        if headers.get("origin") != f"http://{host}":
            return 403, "This request is from another site."
        if not _equal(headers.get(CSRF_HEADER, ""), self._csrf):
            return 403, "This request is not from the page. Load the page again."
        return None

    def _has_token(self, scope: Scope, headers: Headers) -> bool:
        if scope["path"] == "/":
            query = parse_qs(scope["query_string"].decode("latin-1"))
            if any(_equal(given, self._token) for given in query.get("token", ())):
                return True
            if query:
                return False
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _equal(given, self._token):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_name(scope))
        except CookieError:
            return False
        return cookie is not None and _equal(cookie.value, self._token)

    def _cookie(self, scope: Scope) -> str:
        return f"{_cookie_name(scope)}={self._token}; Path=/; HttpOnly; SameSite=Strict"


def new_secret() -> str:
    """Return a random text that cannot be guessed."""
    return secrets.token_urlsafe(32)


def _cookie_name(scope: Scope) -> str:
    # The ports of a host share their cookies, so each dashboard has a name of its own for its.
    server = scope.get("server") or ("", 0)
    return f"condor-mini-{server[1]}"


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())
