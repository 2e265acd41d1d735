"""The script that runs on compute nodes: its parts that need no Slurm."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import threading
from contextlib import ExitStack
from importlib.resources import files

TRIES, SOCKETS = 50, 100
AT_ONCE = struct.pack("ii", 1, 0)
"""For ``SO_LINGER``: the socket is gone when it is closed."""


def test_own_address_is_found_while_other_connections_end() -> None:
    """The kernel's table of sockets lacks lines if others go while it is read."""
    script = files("condor_mini.slurm").joinpath("node.sh").read_text(encoding="utf-8")
    function = re.search(r"^own_address\(\) \{.*?^\}", script, re.DOTALL | re.MULTILINE)
    assert function
    done = threading.Event()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        place = listener.getsockname()

        def come_and_go() -> None:
            opened: list[socket.socket] = []
            while not done.is_set():
                opened.append(socket.create_connection(place))
                opened.append(listener.accept()[0])
                for each in opened[:-SOCKETS]:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                    each.close()
                del opened[:-SOCKETS]
            for each in opened:
                each.close()

        other = threading.Thread(target=come_and_go)
        other.start()
        stack.callback(other.join)
        stack.callback(done.set)
        asked = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=TRIES + 1))
        loop = f"{function[0]}\nfor ((n = 0; n < {TRIES}; n++)); do own_address; echo; done"
        found = subprocess.run(
            ["bash", "-euc", loop],
            env={"collector_address": "127.0.0.1", "collector_port": str(asked.getsockname()[1])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.splitlines() == ["127.0.0.1"] * TRIES
