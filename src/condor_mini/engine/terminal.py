"""Connects a person at our terminal with a command that has a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import subprocess
import sys
import termios
import threading
import tty
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_READ_SIZE = 65536
_HUNG_UP_TIMEOUT_S = 2.0


def is_ours() -> bool:
    """Return whether our stdin and stdout both are a terminal."""
    try:
        return os.isatty(sys.__stdin__.fileno()) and os.isatty(sys.__stdout__.fileno())  # type: ignore[union-attr]
    except (AttributeError, OSError, ValueError):
        return False


def attach(
    argv: Sequence[str], *, environment: Mapping[str, str] | None, master: int, slave: int
) -> int:
    """Run a command on another terminal, and be that terminal's screen and keyboard.

    All keys, Ctrl-C too, go to the command, and its window is as large as ours. At the end our
    terminal is as it was before. Both descriptors are closed.

    Args:
        argv: The command, which makes its stdin its controlling terminal.
        environment: Its environment, in place of ours.
        master: Our side of its terminal.
        slave: Its own side.

    Returns:
        Its status, as a shell would give it.
    """
    keyboard, screen = 0, 1
    try:
        _copy_size(screen, master)
        process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    ended, end = os.pipe()
    waiting = threading.Thread(target=_signal_end, args=(process, end), daemon=True)
    try:
        waiting.start()
        with _raw(keyboard), _synchronized_size(screen, master):
            _relay(keyboard, screen, master, ended)
    except BaseException:
        process.terminate()
        raise
    finally:
        os.close(master)  # hangs up
        with suppress(subprocess.TimeoutExpired):
            process.wait(_HUNG_UP_TIMEOUT_S)
        if process.returncode is None:
            process.kill()
        waiting.join()
        os.close(ended)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _signal_end(process: subprocess.Popen[bytes], end: int) -> None:
    process.wait()
    os.close(end)


def _relay(keyboard: int, screen: int, master: int, ended: int) -> None:
    """Copy keys and output until the command has ended and all of its output is out."""
    # Not epoll: only poll(2) waits for output that the other side has written and the kernel has
    # not passed on yet (n_tty_poll). With epoll the last words were lost once in twenty.
    with selectors.PollSelector() as selector:
        for source in (keyboard, master, ended):
            selector.register(source, selectors.EVENT_READ)
        is_over = False
        while True:
            ready = {key.fd for key, _ in selector.select(0 if is_over else None)}
            if master in ready:
                if not (output := _read(master)):
                    return
                _write(screen, output)
            elif is_over:
                return
            if keyboard in ready:
                if not (keys := _read(keyboard)):
                    return
                _write(master, keys)
            if ended in ready:
                # A process in the background may hold the terminal open for ever.
                is_over = True
                selector.unregister(ended)
                selector.unregister(keyboard)


def _read(descriptor: int) -> bytes:
    """Return what there is to read; nothing once the terminal's other side is gone."""
    try:
        return os.read(descriptor, _READ_SIZE)
    except OSError:
        return b""


def _write(descriptor: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except OSError:
            return


@contextmanager
def _raw(keyboard: int) -> Iterator[None]:
    """Let keys come one by one, without a meaning to our side."""
    before = termios.tcgetattr(keyboard)
    try:
        tty.setraw(keyboard, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


@contextmanager
def _synchronized_size(screen: int, master: int) -> Iterator[None]:
    """Keep the command's window as large as ours."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread gets signals
        return
    before = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(screen, master))
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


def _copy_size(screen: int, master: int) -> None:
    with suppress(OSError):
        size = fcntl.ioctl(screen, termios.TIOCGWINSZ, b"\0" * 8)
        fcntl.ioctl(master, termios.TIOCSWINSZ, size)
