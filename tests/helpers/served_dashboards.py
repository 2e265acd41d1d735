"""Dashboards that are served from this process, for a browser."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uvicorn import Config, Server

from condor_mini.base.errors import PoolNotReady
from condor_mini.dashboard.access import new_secret
from condor_mini.dashboard.app import make_app
from condor_mini.dashboard.server import Link, listening
from dashboard_browser import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.applications import Starlette

    from condor_mini.dashboard.look import Source
    from condor_mini.pool import Pool

START_TIMEOUT_S = 20.0


@dataclass
class Served:
    """A dashboard that is served from this process."""

    app: Starlette
    link: Link
    server: Server


def _nothing() -> Pool:
    raise PoolNotReady("this pool is only looked at")


@contextmanager
def served(
    source: Source, pool: Callable[[], Pool] = _nothing, *, port: int = 0
) -> Iterator[Served]:
    """Serve a dashboard whose looks come from a source, in a thread.

    Args:
        source: Where looks come from.
        pool: What something is done to.
        port: Port of 127.0.0.1. 0 for any that is free.
    """
    app = make_app(source, pool, name="ci", token=TOKEN, csrf=new_secret())
    with listening(port) as bound:
        link = Link(port=bound.getsockname()[1], token=TOKEN)
        server = Server(
            Config(app, access_log=False, log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=lambda: server.run(sockets=[bound]), daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        try:
            yield Served(app=app, link=link, server=server)
        finally:
            server.should_exit = True
            thread.join(START_TIMEOUT_S)
        assert not thread.is_alive(), "the server does not end"
