"""Serving the page on a loopback address until a signal ends it."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from condor_mini.base.errors import AlreadyInUse, CondorMiniError, NotFound, StateError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from condor_mini.engine import Engine

ADDRESS = "127.0.0.1"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,200}", re.ASCII)
_NEEDED = ("starlette", "uvicorn", "sse_starlette")


@dataclass(frozen=True, kw_only=True)
class Link:
    """Where the page is."""

    port: int
    token: str

    @property
    def page(self) -> str:
        """The link that lets its bearer in."""
        return f"http://{ADDRESS}:{self.port}/?token={self.token}"

    @property
    def metrics(self) -> str:
        """The address for Prometheus."""
        return f"http://{ADDRESS}:{self.port}/metrics"


def serve(
    engine: Engine,
    name: str,
    *,
    port: int = 0,
    token_file: Path | None = None,
    on_ready: Callable[[Link], None],
) -> None:
    """Serve the dashboard of a pool until SIGINT or SIGTERM.

    Args:
        engine: Engine that the pool is on.
        name: Name of the pool.
        port: Port of 127.0.0.1. 0 for any that is free.
        token_file: File that has the token, and is made with a new one if it does not exist. None
            for a new token that is kept nowhere.
        on_ready: Called with the link when the page can be opened.

    Raises:
        NotFound: There is no such pool, or the extra ``dashboard`` is not installed.
        AlreadyInUse: Something else has the port.
        StateError: The file of the token cannot be used.
    """
    check_installed()
    from uvicorn import Config, Server

    from condor_mini.dashboard.access import new_secret
    from condor_mini.dashboard.app import make_app
    from condor_mini.dashboard.look import PoolSource

    source = PoolSource(engine, name)
    pool = source.pool()
    if not pool.reached_nodes and not pool.can_be_recreated():
        pool.existing_nodes()  # raises, and says which pools there are
    token = new_secret() if token_file is None else kept_token(token_file, new_secret)
    with closing(listening(port)) as bound:
        link = Link(port=bound.getsockname()[1], token=token)
        app = make_app(source, source.pool, name=name, token=token, csrf=new_secret())
        config = Config(
            app,
            access_log=False,  # it would have the token
            log_level="warning",
            lifespan="on",
            loop="asyncio",  # not whatever else is installed
            http="h11",
            ws="none",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=2,
        )

        class Announced(Server):
            """Says when it answers."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                on_ready(link)

        Announced(config).run(sockets=[bound])


def check_installed() -> None:
    """Raise ``NotFound`` if the extra ``dashboard`` is not installed."""
    from importlib.util import find_spec

    missing = [module for module in _NEEDED if find_spec(module) is None]
    if missing:
        raise NotFound(
            f"the dashboard needs what is not installed: {', '.join(missing)}",
            hint="Install it: pip install sse-starlette starlette uvicorn",
        )


def listening(port: int) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1.

    Raises:
        AlreadyInUse: Something else has the port.
        CondorMiniError: This user may not have it.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Else a port would be taken for a minute after each end.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((ADDRESS, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise AlreadyInUse(
                f"port {port} of {ADDRESS} is already in use",
                hint="Choose another: --port P. Without --port, a free one is taken.",
            ) from None
        raise CondorMiniError(f"port {port} of {ADDRESS}: {error.strerror}") from None
    return bound


def kept_token(path: Path, new: Callable[[], str]) -> str:
    """Return the token in a file, which is made with a new one if it does not exist.

    Raises:
        StateError: The file cannot be read or made, has no token, or others can read it.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY), encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(1000).strip()
    except FileNotFoundError:
        return _made_token(path, new())
    except (OSError, ValueError) as error:
        raise StateError(f"the token's file {path} cannot be read: {error}") from None
    if not stat.S_ISREG(mode) or mode & 0o077:
        raise StateError(
            f"others can read the token's file {path}", hint=f"Change that: chmod 600 {path}"
        )
    if not _TOKEN.fullmatch(token):
        raise StateError(
            f"the file {path} has no token: 32 or more letters, digits, - and _ are one",
            hint=f"Have one made: rm {path}",
        )
    return token


def _made_token(path: Path, token: str) -> str:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{token}\n")
    except OSError as error:
        raise StateError(f"the token's file {path} cannot be made: {error.strerror}") from None
    return token
