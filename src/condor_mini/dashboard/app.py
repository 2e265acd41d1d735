"""The page's server: a page that is the same for every pool, and JSON that fills it.

No HTML is made here. The page puts text where text belongs, so nothing that a job or a user is
called becomes markup.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyio import Event
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from condor_mini.base.errors import CondorMiniError, UsageError
from condor_mini.dashboard import view
from condor_mini.dashboard.access import Access
from condor_mini.dashboard.actions import order
from condor_mini.dashboard.feed import Feed
from condor_mini.dashboard.log_feed import LogFeed
from condor_mini.dashboard.metrics import CONTENT_TYPE, metrics
from condor_mini.dashboard.tasks import Tasks
from condor_mini.doctor.idle_jobs import idle_job_findings
from condor_mini.faults.catalogue import FAULTS
from condor_mini.jobs.access_points import running_access_points

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from condor_mini.dashboard.look import Source
    from condor_mini.doctor.findings import Finding
    from condor_mini.pool import Pool

STATIC = Path(str(files("condor_mini.dashboard"))) / "static"
RETRY_MS = 1000
"""How long a browser waits before it connects again."""
PING_S = 15
STEP_S = 0.5
"""How long a stream waits at a time; then it sees whether the server ends."""
MOST_BODY = 64 * 1024
_log = logging.getLogger(__name__)
METRICS_FRESH_S = 15.0
"""A look that is no older than this answers Prometheus."""


@dataclass
class Dashboard:
    """What the routes share."""

    pool_name: str
    pool: Callable[[], Pool]
    csrf: str
    feed: Feed
    logs: LogFeed
    tasks: Tasks
    holds: bool = False
    """Whether faults may be in force that this process undoes at its end."""

    # -- the page ---------------------------------------------------------------------------------

    async def page(self, _: Request) -> Response:
        """``/``: the page."""
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8")

    async def session(self, _: Request) -> Response:
        """``/api/session``: what does not change, and the secret for buttons."""
        return JSONResponse(
            {
                "pool": self.pool_name,
                "csrf": self.csrf,
                "directory": str(Path.cwd()),
                "faults": [fault.to_json() for fault in FAULTS.values()],
            }
        )

    # -- what comes by itself ---------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """``/events``: the state, whenever it changes."""
        known = request.headers.get("last-event-id")

        async def stream(ending: Event) -> AsyncIterator[ServerSentEvent]:
            version = self.feed.version if known == self.feed.id else None
            last = None
            with self.feed.watching():
                yield ServerSentEvent(retry=RETRY_MS, comment="hello")
                while not ending.is_set():
                    text = await self.feed.next(version, timeout_s=STEP_S)
                    if text is not None:
                        version = self.feed.version
                        yield ServerSentEvent(text, event="state", id=self.feed.id)
                    if (beat := self.feed.beat()) != last:
                        last = beat
                        yield ServerSentEvent(json.dumps(beat), event="beat")

        return _streamed(stream)

    async def log_lines(self, request: Request) -> Response:
        """``/logs``: the daemons' lines as they come."""
        known = _number(request.headers.get("last-event-id")) or 0

        async def stream(ending: Event) -> AsyncIterator[ServerSentEvent]:
            number = known
            with self.logs.reading():
                yield ServerSentEvent(retry=RETRY_MS, comment="hello")
                while not ending.is_set():
                    if lines := await self.logs.after(number, timeout_s=STEP_S):
                        number = lines[-1]["number"]
                        text = json.dumps(lines, ensure_ascii=False)
                        yield ServerSentEvent(text, event="lines", id=str(number))

        return _streamed(stream)

    # -- what is asked for ------------------------------------------------------------------------

    async def jobs(self, request: Request) -> Response:
        """``/api/jobs``: some of the jobs."""
        asked = request.query_params
        rows = view.job_rows(
            self.feed.look.jobs if self.feed.look else (),
            states=[state for state in asked.get("state", "").split(",") if state],
            owner=asked.get("owner", ""),
            text=asked.get("text", "").strip(),
            offset=_number(asked.get("offset")) or 0,
            limit=_number(asked.get("limit")) or view.MOST_ROWS,
        )
        return JSONResponse({"version": self.feed.jobs_version, **rows})

    async def node(self, request: Request) -> Response:
        """``/api/node/NAME``: the slots of one node, and the jobs on it."""
        name, look = request.path_params["name"], self.feed.look
        slots = [slot for slot in look.overview.slots if slot.node == name] if look else []
        jobs = [job for job in look.jobs if job.node == name] if look else []
        return JSONResponse(
            {
                "name": name,
                "slots": [view.slot_row(slot) for slot in slots][: view.MOST_ROWS],
                "jobs": view.job_rows(jobs)["rows"],
            }
        )

    async def changes(self, _: Request) -> Response:
        """``/api/changes``: what has happened while somebody looked."""
        return JSONResponse(view.change_rows(self.feed.history.changes))

    async def history(self, _: Request) -> Response:
        """``/api/history``: numbers of jobs over time."""
        return JSONResponse(view.point_rows(self.feed.history))

    async def timeline(self, _: Request) -> Response:
        """``/api/timeline``: the jobs on machines."""
        return JSONResponse(view.span_rows(self.feed.history.spans()))

    async def why(self, request: Request) -> Response:
        """``/api/why``: why jobs are idle, in the words of ``condor-mini doctor``.

        Those that ``job=ACCESS_POINT/3.0`` names, or else the first one of each cluster.
        """
        named = [tuple(each.split("/", 1)) for each in request.query_params.getlist("job")]
        try:
            found = await asyncio.to_thread(self._idle_findings, named or self._first_idle())
        except CondorMiniError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse([each.to_json() for each in found])

    def _first_idle(self) -> list[tuple[str, ...]]:
        jobs = self.feed.look.jobs if self.feed.look else ()
        first: dict[tuple[str, int], str] = {}
        for job in jobs:
            if job.state == "idle":
                first.setdefault((job.access_point, job.cluster), job.id)
        return [(access_point, job) for (access_point, _), job in first.items()]

    def _idle_findings(self, jobs: Sequence[tuple[str, ...]]) -> list[Finding]:
        findings = []
        for node in running_access_points(self.pool()):
            of_node = {each[-1] for each in jobs if each[0] == node.name}
            if of_node or not jobs:
                findings += idle_job_findings(node, of_node or None)
        return findings

    async def metrics(self, _: Request) -> Response:
        """``/metrics``: for Prometheus."""
        if self.feed.age_s > METRICS_FRESH_S and not self.feed.watchers:
            await self.feed.look_once()
        return PlainTextResponse(metrics(self.feed), media_type=CONTENT_TYPE)

    # -- what is done -----------------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        """``/act/NAME``: do something; the state says what came of it."""
        name = request.path_params["name"]
        try:
            body = await _body(request)
            if name == "look":
                self.feed.wake()
                return JSONResponse({}, 202)
            wanted = order(name, body)
        except UsageError as error:
            return JSONResponse({"error": str(error)}, 400)

        def do() -> str:
            return wanted.do(self.pool())

        self.holds = self.holds or wanted.is_held
        number = self.tasks.start(wanted.what, do, alone=wanted.alone)
        return JSONResponse({"task": number}, 202)


def make_app(
    source: Source, pool: Callable[[], Pool], *, name: str, token: str, csrf: str
) -> Starlette:
    """Return the application.

    Args:
        source: Where looks at the pool come from.
        pool: Returns the pool for what is done to it.
        name: Name of the pool.
        token: What the link has.
        csrf: What only the page has.
    """

    def on_change() -> None:
        feed.publish()
        feed.wake()

    tasks = Tasks(on_change)
    feed = Feed(source, tasks=tasks.rows)
    shared = Dashboard(
        pool_name=name, pool=pool, csrf=csrf, feed=feed, logs=LogFeed(pool), tasks=tasks
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        looking = asyncio.create_task(feed.run())
        try:
            yield
        finally:
            await asyncio.to_thread(shared.logs.close)
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking
            await asyncio.to_thread(source.close)
            if tasks.unended:
                _log.warning("Waiting until this has ended: %s", ", ".join(tasks.unended))
            await tasks.ended()
            if shared.holds:
                await asyncio.to_thread(_heal_own, pool())

    app = Starlette(
        routes=[
            Route("/", shared.page),
            Route("/events", shared.events),
            Route("/logs", shared.log_lines),
            Route("/metrics", shared.metrics),
            Route("/api/session", shared.session),
            Route("/api/jobs", shared.jobs),
            Route("/api/node/{name}", shared.node),
            Route("/api/changes", shared.changes),
            Route("/api/history", shared.history),
            Route("/api/timeline", shared.timeline),
            Route("/api/why", shared.why),
            Route("/act/{name}", shared.act, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(Access, token=token, csrf=csrf)],
        lifespan=lifespan,
    )
    app.state.dashboard = shared
    return app


def _streamed(made: Callable[[Event], AsyncIterator[ServerSentEvent]]) -> Response:
    """Return a response that ends by itself when the server does; one that is cut off is logged."""
    ending = Event()
    return EventSourceResponse(
        made(ending), ping=PING_S, shutdown_event=ending, shutdown_grace_period=2 * STEP_S
    )


def _heal_own(pool: Pool) -> None:
    """Undo the faults that this process holds: those that were to end by themselves."""
    try:
        pool.faults.heal_own()
    except CondorMiniError as error:
        _log.warning("%s", error)


async def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request brings; raises ``UsageError`` if it brings none."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BODY:
            raise UsageError(f"the request is larger than {MOST_BODY} bytes")
    try:
        body = json.loads(content or b"{}")
    except ValueError:
        raise UsageError("the request is no JSON") from None
    if not isinstance(body, dict):
        raise UsageError("the request is no object")
    return body


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None
