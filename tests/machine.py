"""What a test finds on this machine, whatever other tests do beside it or did before it."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path

import psutil

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # of the ports that who asks for any may get


def children(word: str) -> list[psutil.Process]:
    """The processes that we started with this *word*; those of earlier tests may be there, and have ended."""
    found = []
    for each in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if word in each.cmdline():
                found.append(each)
    return found


def free_port() -> int:
    """A port on which nobody listens, and which nobody gets who only wants any: it may be used later."""
    first = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    while True:
        port = random.SystemRandom().randrange(first // 2, first)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
