"""JupyterLab in a personal pool: started, asked until it answers, and ended."""

from __future__ import annotations

import http.client
import secrets
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING

from condor_mini.base.errors import CondorMiniError, NotFound, PoolNotReady
from condor_mini.base.layout import LIBEXEC
from condor_mini.base.signals import held_back, start_thread
from condor_mini.base.waiting import wait_until
from condor_mini.nodes import forwarding
from condor_mini.nodes.login import at_login
from condor_mini.nodes.personal_labels import NOTEBOOK
from condor_mini.personal import host_python
from condor_mini.personal.ports import NOTEBOOK_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.base.progress import Progress
    from condor_mini.engine import CommandResult
    from condor_mini.personal.pool import PersonalPool

START, STOP = f"{LIBEXEC}/notebook/start", f"{LIBEXEC}/notebook/stop"
FOLDER = "notebooks"
"""Where JupyterLab begins, in the state directory."""
LOG = "log/JupyterLog"
"""JupyterLab's lines, in the state directory."""
READY_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 20.0
GONE_S = 1.0
"""An engine reports the end of a container so much later than the ends of its commands."""
LONGEST_S = 20 * 86400.0
"""How long it may run: poll(2), with which its command is awaited, takes at most 24 days."""


class Notebook:
    """JupyterLab in a pool."""

    def __init__(self, pool: PersonalPool, port: int, token: str) -> None:
        """Store the arguments.

        Args:
            pool: The pool.
            port: Port of 127.0.0.1 at which JupyterLab answers.
            token: What it asks for.
        """
        self._pool = pool
        self._port = port
        self._token = token
        self._result: CommandResult | None = None
        self._error: CondorMiniError | None = None
        # Not Thread.join: until Python 3.13 a thread counts as ended if Ctrl-C interrupts that.
        self._over = Event()

    @property
    def link(self) -> str:
        """The link that lets its bearer in."""
        return f"http://{forwarding.HOST}:{self._port}/lab?token={self._token}"

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            PoolNotReady: It has ended, or does not answer within ``READY_TIMEOUT_S``.
        """
        start_thread(Thread(target=self._run, daemon=True))

        def missing() -> str | None:
            if self._over.is_set():
                raise self._ended()
            return _answer(self._port, self._token)

        wait_until(
            missing,
            timeout_s=READY_TIMEOUT_S,
            headline=f"JupyterLab does not answer after {READY_TIMEOUT_S:g} s",
            error=self._not_ready,
        )

    def wait(self) -> None:
        """Wait until the user shuts it down.

        Raises:
            PoolNotReady: The pool has ended, or JupyterLab has failed.
        """
        self._over.wait()
        if self._result is None or self._result.returncode != 0:
            raise self._ended()

    def stop(self) -> None:
        """End it; one that has ended, with its pool or without, is a success."""
        with suppress(CondorMiniError):
            if not self._over.is_set():
                argv = [*self._pool.command_prefix, *at_login([STOP], None)]
                self._pool.engine.exec(
                    self._pool.container, argv, workdir="/", timeout_s=STOP_TIMEOUT_S
                )
        self._over.wait(STOP_TIMEOUT_S)

    def _run(self) -> None:
        inside = self._pool.engine.info().on_loopback
        where = [forwarding.HOST, str(self._port)] if inside else ["0.0.0.0", str(NOTEBOOK_PORT)]  # noqa: S104 (the engine publishes it on loopback)
        python = [host_python.program()] if inside else []
        argv = [*self._pool.command_prefix, *at_login([START, *where, *python], None)]
        try:
            self._result = self._pool.engine.exec(
                self._pool.container, argv, workdir="/", stdin=self._token, timeout_s=LONGEST_S
            )
        except CondorMiniError as error:
            self._error = error
        finally:
            self._over.set()

    def _ended(self) -> CondorMiniError:
        """Return the error for its end."""
        if isinstance(self._error, NotFound) or self._pool.is_gone(within_s=GONE_S):
            return self._pool.ended()
        if self._error is not None or self._result is None:
            return self._not_ready(f"JupyterLab could not be run: {self._error}")
        lines = self._result.stderr.strip() or self._result.stdout.strip()
        return self._not_ready(f"JupyterLab ended with {self._result.returncode}:\n{lines}")

    def _not_ready(self, message: str) -> PoolNotReady:
        return PoolNotReady(message, hint=f"All of its log: {self._pool.state.path / LOG}")


@contextmanager
def serving(pool: PersonalPool, progress: Progress) -> Iterator[Notebook]:
    """Run JupyterLab in a pool that was opened with a notebook, for as long as the context lasts.

    Args:
        pool: The pool.
        progress: Receives the phase.

    Raises:
        AlreadyInUse: One runs in the pool already.
        PoolNotReady: It failed, or does not answer in time; has the end of its log.
    """
    port = int(pool.node.info.labels[NOTEBOOK])
    with pool.state.notebook():
        notebook = Notebook(pool, port, secrets.token_urlsafe(32))
        try:
            with progress.step("Starting JupyterLab", done="Started JupyterLab"):
                notebook.start()
            yield notebook
        finally:
            with held_back():
                notebook.stop()


def _answer(port: int, token: str) -> str | None:
    """Return None if JupyterLab answers at a port of this machine, and takes the token."""
    connection = http.client.HTTPConnection(forwarding.HOST, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"port {port}: {str(error) or type(error).__name__}"
    finally:
        connection.close()
    return None if status == http.client.OK else f"port {port} answers with status {status}"
