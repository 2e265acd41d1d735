"""A line that delays packets and loses some: ``bad_line.py DEVICE DEVICE DELAY_S LOSS``.

It passes packets between two devices, as a wire would, on any kernel: tc-netem(8) is not in all.
It writes ``ready`` when it has begun, and ends with its stdin.
"""

from __future__ import annotations

import random
import select
import socket
import sys
import time
from collections import deque
from contextlib import suppress

SOL_PACKET, PACKET_VNET_HDR, SO_RCVBUFFORCE = 263, 15, 33
"""Of packet(7) and socket(7). With the first header, packets pass that the device has still to cut
into pieces, or to give a checksum."""
LARGEST = 1 << 17
OUTGOING = socket.PACKET_OUTGOING
SEED = 17


def end_of(device: str) -> socket.socket:
    """A socket for all packets of a device."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    made.bind((device, 3))  # ETH_P_ALL
    made.setblocking(False)
    return made


def passed(devices: tuple[str, str], delay_s: float, loss: float) -> None:
    """Pass packets in both directions until stdin ends."""
    first, second = map(end_of, devices)
    others = {first: second, second: first}
    chance = random.Random(SEED)  # noqa: S311
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        left_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([first, second, sys.stdin], [], [], left_s)
        if sys.stdin in ready:
            return
        for end in others:
            if end in ready:
                packet, (_, _, kind, *_) = end.recvfrom(LARGEST)
                if kind != OUTGOING and chance.random() >= loss:
                    waiting.append((time.monotonic() + delay_s, others[end], packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, end, packet = waiting.popleft()
            with suppress(BlockingIOError):  # its queue is full: lost, as on any line
                end.send(packet)


if __name__ == "__main__":
    passed((sys.argv[1], sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
