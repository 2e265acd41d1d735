"""Runs a command in a network namespace that reaches some ports of the host's loopback alone.

So is a client beside Docker Desktop or a rootless engine: it has no route to the containers.

    python isolated_client.py PORT... -- COMMAND [ARGS]...
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
LOOPBACK = "127.0.0.1"


def relay(listener: socket.socket, family: int, to: tuple[str, int] | str) -> None:
    """Hand on each connection, until the process ends."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while True:
            ours, _ = listener.accept()
            theirs = socket.socket(family)
            theirs.connect(to)
            for pair in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def listen(family: int, at: tuple[str, int] | str) -> socket.socket:
    """A socket that accepts connections."""
    listener = socket.socket(family)
    listener.bind(at)
    listener.listen(64)
    return listener


def enter_namespace() -> None:
    """Leave the host's network; only a loopback interface is here."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


def main(argv: list[str]) -> int:
    """Relay the ports, and run the command where nothing else is reached."""
    end = argv.index("--")
    ports, command = [int(port) for port in argv[:end]], argv[end + 1 :]
    with tempfile.TemporaryDirectory() as folder:
        places = {port: str(Path(folder, str(port))) for port in ports}
        inside = os.fork()  # before any thread is started
        if inside:
            for port, place in places.items():
                relay(listen(socket.AF_UNIX, place), socket.AF_INET, (LOOPBACK, port))
            Path(folder, "ready").touch()
            _, status = os.waitpid(inside, 0)
            return os.waitstatus_to_exitcode(status)
        while not Path(folder, "ready").exists():
            threading.Event().wait(0.01)
        enter_namespace()
        for port, place in places.items():
            relay(listen(socket.AF_INET, (LOOPBACK, port)), socket.AF_UNIX, place)
        status = subprocess.run(command, check=False).returncode
        os._exit(status if status >= 0 else 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
