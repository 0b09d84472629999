"""When the requests of one stroke really leave: each packet to the server, stamped by the kernel.

So the server's own work is not counted as ours. It needs the right to look at packets (root, on Linux).
"""

from __future__ import annotations

import socket
import struct
import threading
from datetime import timedelta
from typing import Any, ClassVar
from unittest.mock import patch

from reserve.booking import race
from reserve.clock import UNKNOWN
from reserve.stroke import Stroke
from tests.benchmarks.figures import spread
from tests.benchmarks.opening import Hosts, Ours, nanoseconds, served
from tests.benchmarks.server import NETWORKS

COURTS = (4, 12, 32)
NETWORK = next(each for each in NETWORKS if each.rtt == 60 and not each.jitter)
ALL = 0x0003  # protocols
STAMP = 35  # SO_TIMESTAMPNS
OUTGOING = 4  # of the kinds of packets; loopback shows each twice
SMALLEST = 300  # bytes of a request for a court; acknowledgements have none
NEXT_ATTEMPT = 30_000_000  # nanoseconds, at least: half a round trip
SOON = timedelta(seconds=0.7)  # enough for everything to be made ready


class Tap:
    """Everything with content that leaves for one port of this machine."""

    def __init__(self, port: int) -> None:
        """Begin to listen; raises PermissionError where that is not allowed."""
        self.port = port
        self.seen: list[tuple[int, int]] = []  # nanoseconds, and the port that it came from
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        self._socket.bind(("lo", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, STAMP, 1)
        self._socket.settimeout(0.2)
        self._is_over = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Hear no more."""
        self._is_over = True
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            try:
                packet, notes, _, sender = self._socket.recvmsg(200, 64)
            except TimeoutError:
                if self._is_over:
                    return
                continue
            if sender[2] != OUTGOING or packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_TCP:
                continue
            head = 14 + 4 * (packet[14] & 15)
            length = struct.unpack_from("!H", packet, 16)[0] + 14
            source, target = struct.unpack_from("!HH", packet, head)
            content = length - head - 4 * (packet[head + 12] >> 4)
            if target == self.port and content >= SMALLEST:
                seconds, nanos = struct.unpack("qq", notes[0][2])
                self.seen.append((seconds * 10**9 + nanos, source))


class NotedStroke(Stroke):
    """A stroke that tells when it was due, and from which ports its requests left, in their order."""

    due: ClassVar[int]
    ports: ClassVar[list[int]]

    def go(self) -> None:
        """Write, and note."""
        super().go()
        NotedStroke.due = nanoseconds(self.moment)
        NotedStroke.ports = [each.connection.getsockname()[1] for each in self._departures]


def one(hosts: Hosts, ours: Ours, run: str) -> tuple[list[float], bool]:
    """Milliseconds from the moment of one stroke to each packet, and whether each was one, in order."""
    tap = Tap(hosts.ports[NETWORKS.index(NETWORK)])
    try:
        # With a server whose clock is unknown, the stroke is due at the opening itself by our clock.
        with patch.object(race, "Stroke", NotedStroke):
            hosts.open(run, SOON.total_seconds(), lambda moment: ours.ask(moment, UNKNOWN, at_once=True))
    finally:
        tap.close()
    first: dict[int, int] = {}
    for stamp, source in tap.seen:
        first.setdefault(source, stamp)
    # A second piece of the same request would follow at once, the next attempt only after an answer.
    left = [(stamp, source) for stamp, source in tap.seen if stamp - first[source] < NEXT_ATTEMPT]
    lates = [(stamp - NotedStroke.due) / 1e6 for stamp, _ in left]
    return lates, [source for _, source in left] == NotedStroke.ports


def bench(*, quick: bool) -> dict[str, Any]:
    """The first and the last packet of a stroke, for each number of courts."""
    rows: list[dict[str, Any]] = []
    with served() as hosts:
        for courts in COURTS:
            ours = Ours(hosts.url(NETWORK), f"wire-{courts}", courts)
            try:
                found = [one(hosts, ours, f"wire-{courts}") for _ in range(8 if quick else 30)]
            except PermissionError:
                return {"rows": [], "about": "not measured: only root may look at packets"}
            finally:
                ours.close()
            rows.append(
                {
                    "courts": courts,
                    "runs": len(found),
                    "first_ms": spread([min(late) for late, _ in found]),
                    "last_ms": spread([max(late) for late, _ in found]),
                    "apart_us": spread([(max(late) - min(late)) * 1000 for late, _ in found]),
                    "one_write_each_in_order": sum(is_right for _, is_right in found) / len(found),
                }
            )
            print(rows[-1], flush=True)
    return {"rows": rows, "about": __doc__}
