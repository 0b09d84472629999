"""A TLS server that stamps every arrival, behind a network that takes its time.

Each of `NETWORKS` has a port of its own. What a client sends is handed to TLS when it would have crossed that
network, and what TLS says goes back the same way, so a handshake costs its round trips by itself; a new
connection costs one more, as with TCP. Both directions keep their order, so what is lost on its way, and sent
anew when the kernel would, keeps back what follows it. A further port takes orders as JSON,
one a line: `{"run", "opens_at"}` tells when the opening of a run is, in nanoseconds, and `{"run"}` asks what
arrived for it.

A request that comes too early is refused in rec.us's words; any other gets *taken*, so that
whoever asks goes on to ask for all of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import selectors
import ssl
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path

HOST = "127.0.0.1"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
BEARER = re.compile(rb"(?i)\r\nauthorization: *Bearer (\S+)")
TOGETHER = (
    0.002  # seconds; pieces that leave within it travel together, as the head and the body of a request do
)
STEP = (
    1e-6  # seconds; two pieces of one stream are never due at the same moment, for a heap keeps no order then
)
# Seconds, and a round trip, after it was lost: so long Linux waits if nothing follows on the connection.
RETRANSMITTED = 0.2
REFUSALS = {
    True: "The reservation is outside of the reservation window",
    False: "Court already reserved at this time",
}


@dataclass(frozen=True)
class Network:
    """Milliseconds there and back, how much each trip may differ from that, and the share of packets lost."""

    rtt: float
    jitter: float
    loss: float = 0.0

    def way(self, chance: random.Random) -> float:
        """Seconds for one way, as often as it takes."""
        way = chance.uniform(max(0.0, self.rtt - self.jitter), self.rtt + self.jitter) / 2000
        while chance.random() < self.loss:
            way += RETRANSMITTED + self.rtt / 1000
        return way

    @property
    def quickest(self) -> float:
        """Seconds for one way at least."""
        return max(0.0, self.rtt - self.jitter) / 2000

    @property
    def name(self) -> str:
        """A word for it: 60-10."""
        return f"{self.rtt:g}-{self.jitter:g}" + (f"-{self.loss:g}" if self.loss else "")

    def __str__(self) -> str:
        """60 ± 10 ms."""
        return f"{self.rtt:g} ± {self.jitter:g} ms" + (f", {self.loss:.0%} lost" if self.loss else "")


EVEN, JITTERY, LOSSY = Network(60, 0), Network(60, 10), Network(60, 0, loss=0.01)
NETWORKS = [Network(10, 0), Network(10, 10), EVEN, JITTERY, Network(150, 0), Network(150, 10), LOSSY]


@dataclass
class Book:
    """What arrived for each run: court, moment in ns, how late the delay handed it on, the client's port."""

    opens_at: dict[str, int] = field(default_factory=dict)
    arrivals: defaultdict[str, list[tuple[str, int, int, int]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def answer(self, request: bytes, moment: int, late: int, port: int) -> bytes:
        """Note *request*, which arrived at *moment* from *port*, and return what the client is answered."""
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"GET"):
            found = BEARER.search(head)
            return reply("200 OK", {"id": found[1].decode() if found else ""}, moment)
        if not head.startswith(b"POST /v1/reservations"):
            return reply("200 OK", {}, moment)
        order = json.loads(body)
        run, court = order["participantUserId"], order["courtSportIds"][0]
        self.arrivals[run].append((court, moment, late, port))
        message = REFUSALS[moment < self.opens_at[run]]
        error = {"type": "E_INELIGIBLE_SITE_BOOKING", "message": message}
        return reply("400 Bad Request", {"statusCode": 400, "errors": [error], **error}, moment)


def reply(status: str, body: object, moment: int) -> bytes:
    """An answer of HTTP/1.1, stamped."""
    content = json.dumps(body).encode()
    date = formatdate(moment // 10**9, usegmt=True)
    head = f"HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Connection(asyncio.Protocol):
    """One connection over one network."""

    def __init__(self, network: Network, context: ssl.SSLContext, book: Book, chance: random.Random) -> None:
        self.network, self.book, self.chance = network, book, chance
        self.loop = asyncio.get_running_loop()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.greeted = False
        self.text = b""
        self.last_sent = self.last_there = self.last_back = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client may speak one round trip from now."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.port = transport.get_extra_info("peername")[1]
        self.open_from = self.loop.time() + self.network.rtt / 1000

    def data_received(self, data: bytes) -> None:
        """Hand *data* on when it would have come."""
        now = max(self.loop.time(), self.open_from)
        if now - self.last_sent > TOGETHER:
            self.way = self.network.way(self.chance)
        self.last_sent = now
        self.last_there = due = max(self.last_there + STEP, now + self.way)
        self.loop.call_at(due, self.arrive, data, due)

    def arrive(self, data: bytes, due: float) -> None:
        """Let TLS read *data*, and stamp every request that is complete with it."""
        self.incoming.write(data)
        try:
            if not self.greeted:
                self.tls.do_handshake()
                self.greeted = True
            while chunk := self.tls.read(65_536):
                self.text += chunk
        except ssl.SSLWantReadError:
            pass  # all is read that has come
        except ssl.SSLError:
            self.transport.close()
            return
        moment, late = time.time_ns(), int((self.loop.time() - due) * 1e9)
        if said := self.outgoing.read():
            self.loop.call_at(self.due_back(), self.write, said)
        while request := self.next_request():
            self.loop.call_at(self.due_back(), self.answer, request, moment, late)

    def next_request(self) -> bytes:
        """A whole request off the text, or nothing."""
        head = self.text.find(b"\r\n\r\n")
        if head < 0:
            return b""
        length = LENGTH.search(self.text, 0, head)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self.text) < end:
            return b""
        request, self.text = self.text[:end], self.text[end:]
        return request

    def due_back(self) -> float:
        """When something said now is there."""
        self.last_back = max(self.last_back + STEP, self.loop.time() + self.network.way(self.chance))
        return self.last_back

    def answer(self, request: bytes, moment: int, late: int) -> None:
        """Answer at the last moment, so that working on it makes no other arrival late."""
        self.tls.write(self.book.answer(request, moment, late, self.port))
        self.write(self.outgoing.read())

    def write(self, data: bytes) -> None:
        """Send, unless the client has gone."""
        if not self.transport.is_closing():
            self.transport.write(data)


async def take_orders(book: Book, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the client goes: set openings, and hand arrivals out."""
    while line := await reader.readline():
        order = json.loads(line)
        found = book.arrivals.pop(order["run"], [])
        if "opens_at" in order:
            book.opens_at[order["run"]] = order["opens_at"]
        writer.write(json.dumps(found).encode() + b"\n")
    writer.close()


async def serve(certificate: Path) -> None:
    """Listen, say where on standard output, and stay until standard input is closed."""
    loop, book, chance = asyncio.get_running_loop(), Book(), random.Random(1)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    ports = []
    for network in NETWORKS:

        def connection(network: Network = network) -> Connection:
            return Connection(network, context, book, chance)

        listener = await loop.create_server(connection, HOST, 0, backlog=256)
        ports.append(listener.sockets[0].getsockname()[1])
    orders = await asyncio.start_server(lambda *streams: take_orders(book, *streams), HOST, 0)
    gc.freeze()
    print(json.dumps({"ports": ports, "orders": orders.sockets[0].getsockname()[1]}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Serve with the certificate that is named."""
    # epoll counts in whole milliseconds, select in microseconds, and the delay must be exact.
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
