"""Carry Ethernet frames between two taps and hold those of one way back by a fixed time. Stdlib only.

shuttle.py OUT IN SECONDS: what is sent into OUT leaves by IN that much later, what comes into IN leaves by OUT at once.
The taps are made here and are gone with the process.
"""

import ctypes
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque
from contextlib import suppress

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # linux/if_tun.h
PR_SET_TIMERSLACK = 29  # linux/prctl.h
FRAME = 65536
SPIN = 0.0002  # seconds before the time is up that are waited out awake: a sleeper wakes late


def tap(name: str) -> int:
    """Return the descriptor of a new tap."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def carry(outward: int, inward: int, delay: float) -> None:
    """Carry frames until killed; a device that is down loses them, as a cable would."""
    held: deque[tuple[float, bytes]] = deque()
    while True:
        left = held[0][0] - time.monotonic() - SPIN if held else None
        ready, _, _ = select.select([outward, inward], [], [], None if left is None else max(0.0, left))
        if inward in ready:
            with suppress(OSError):
                os.write(outward, os.read(inward, FRAME))
        if outward in ready:
            with suppress(OSError):
                frame = os.read(outward, FRAME)
                held.append((time.monotonic() + delay, frame))
        while held and held[0][0] <= time.monotonic():
            with suppress(OSError):
                os.write(inward, held.popleft()[1])


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    both = tap(sys.argv[1]), tap(sys.argv[2])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    carry(*both, float(sys.argv[3]))
