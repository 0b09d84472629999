"""When the requests of one opening really leave: each packet to the server, stamped by the kernel.

So the server's own work is not counted as ours. The server's clock is taken for ours and the way there for
nothing, so all are due at the opening. It needs the right to look at packets (root, on Linux).
"""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from tests.benchmarks.figures import spread
from tests.benchmarks.opening import RUNS, served
from tests.benchmarks.server import EVEN, NETWORKS
from tests.benchmarks.versions import played, versions

COURTS = (4, 12, 32)
ALL = 0x0003  # protocols
STAMP = 35  # SO_TIMESTAMPNS
OUTGOING = 4  # of the kinds of packets; loopback shows each twice
BEFORE = 10_000_000  # nanoseconds before the opening nothing else is sent
SOON = 0.7  # seconds, enough for everything to be made ready


class Tap:
    """Everything with content that leaves for one port of this machine."""

    def __init__(self, port: int) -> None:
        """Begin to listen; raises PermissionError where that is not allowed."""
        self.port = port
        self.seen: list[tuple[int, int]] = []  # nanoseconds, and the port that it came from
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
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
            if target == self.port and length - head - 4 * (packet[head + 12] >> 4) > 0:
                seconds, nanos = struct.unpack("qq", notes[0][2])
                self.seen.append((seconds * 10**9 + nanos, source))


def left(opened: Sequence[tuple[int, Any]], courts: int, tap: Tap) -> Iterator[tuple[float, float, bool]]:
    """When the first and the last of each opening left, in ms, and whether all did in order, a packet each.

    Raises RuntimeError where it was not one request for each court.
    """
    for moment, arrived in opened:
        there = max(arrival for _, arrival, _, _ in arrived)
        packets: defaultdict[int, list[float]] = defaultdict(list)
        for stamp, source in tap.seen:
            if moment - BEFORE < stamp < there:
                packets[source].append((stamp - moment) / 1e6)
        if len(packets) != courts:
            raise RuntimeError(f"{len(packets)} of {courts} requests were seen to leave")
        court_of = {source: int(court) for court, _, _, source in arrived}
        whole = {source: max(stamps) for source, stamps in packets.items()}
        is_right = sorted(whole, key=whole.__getitem__) == sorted(whole, key=court_of.__getitem__)
        is_right = is_right and all(len(stamps) == 1 for stamps in packets.values())
        yield min(whole.values()), max(whole.values()), is_right


def row(method: str, courts: int, opened: Sequence[tuple[int, Any]], tap: Tap) -> dict[str, Any]:
    """How long after their moment the first and the last request left, and whether each was one packet."""
    firsts, lasts, rights = zip(*left(opened, courts, tap), strict=True)
    return {
        "method": method,
        "courts": courts,
        "runs": len(opened),
        "first_ms": spread(firsts),
        "last_ms": spread(lasts),
        "apart_us": spread([(last - first) * 1000 for first, last in zip(firsts, lasts, strict=True)]),
        "one_write_each_in_order": sum(rights) / len(rights),
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """The first and the last packet of an opening, for each version and number of courts."""
    rows: list[dict[str, Any]] = []
    with served() as hosts:
        for method, folder in versions().items():
            try:
                tap = Tap(hosts.ports[NETWORKS.index(EVEN)])
            except PermissionError:
                return {"rows": [], "about": "not measured: only root may look at packets"}
            with played(folder) as (play, _):
                found = play(
                    "openings", url=hosts.url(EVEN), orders=hosts.orders, courts=COURTS,
                    runs=8 if quick else RUNS, measured=0, ahead=SOON, name="wire",
                )  # fmt: skip
            tap.close()
            for courts, opened in found["openings"]:
                rows.append(row(method, courts, opened, tap))
                print(rows[-1], flush=True)
    return {"rows": rows, "about": __doc__}
