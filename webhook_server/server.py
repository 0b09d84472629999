"""The service on its port: waitress, and what it leaves open about strangers and about crowds.

Whoever shows the token is served; all limits below are for the others. One server takes connections in and
answers what is about texts; with its head a request for a page goes, connection and all, through a `Door` to
a server of the pages, in a process of its own, and the connection ends with its answer: no text can come to
where pages are made. Where there are several of these, the first does all, and the others what needs nothing
that one of them remembers. All that leans on the inside of waitress 3 is in this file.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from typing import Any, Self

from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher
from waitress.utilities import Error
from waitress.wasyncore import dispatcher

from webhook_server.access import Access, address_of, is_of_texts, is_read_anywhere, neighbourhood
from webhook_server.inbox import Inbox

LONGEST_HEAD = 16 * 1024  # bytes
LONGEST_BODY = 64 * 1024  # bytes; a text has at most a few thousand
CONNECTIONS = 900  # with these lengths 72 MB at most; short of the 1,024 files that a process may open
IDLERS = 400  # of them, on which we work for nobody; beyond them one has to go for each that comes
WAITERS = 64  # readers that wait hold a thread each
READERS = WAITERS + 8  # threads for all that is no delivery
DELIVERERS = 8  # threads for nothing but deliveries
PAGERS = 6  # threads for the pages
STREAMS = 64  # of what goes on, that are open at once; each holds a thread, which mostly sleeps
STREAM = "/events"

# Seconds.
PATIENCE = 10  # for a request to come in whole, from its first byte or from the connection
IDLE = (
    150  # between two requests; longer than proxies keep a connection (Caddy: 120), or they lose one of ours
)
LINGER = 2  # for a client to read an answer that came before it had sent its body
ROUND = 1  # from one look at all of this to the next

NUMBER = 16  # digits, before what was said on a connection that goes through a door
AT_ONCE = 50  # connections taken in before we look at what the last ones say

# Requests without the token, by address: this many in a minute are answered at once, then a few a second.
FREE = 30
A_ROUND = 5

# Its lines name paths, and a path of ours carries the token.
logging.getLogger("waitress").setLevel(logging.CRITICAL)


class Away(Error):
    """The answer to a request for a page while nobody answers those."""

    code = 503
    reason = "Service Unavailable"

    def __init__(self) -> None:
        super().__init__("The web page is not there right now; try again in a minute. Texts are taken in.")


class Request(HTTPRequestParser):
    """A request that is complete as soon as its head tells that nobody will read its body."""

    said = b""  # all that came of it, until we know that it is for this server
    is_elsewhere = False  # whether it is for the other server
    is_ours = False  # whether it shows the token
    is_known = False  # whether it shows that, or that somebody is signed in
    sends = False  # whether its body is read
    is_cut = False  # whether there is more of it than we read
    completed = False

    def received(self, data: bytes) -> int:
        """Take in what came; returns how much of it belongs to this request."""
        had_head = self.headers_finished
        if not had_head:
            self.said += data
        consumed = int(super().received(data))
        self.is_cut = self.error is not None
        if not self.headers_finished or self.empty or self.error:
            return consumed
        if not had_head and not self.adj.is_for_us(self.path):
            self.is_elsewhere = self.completed = True
            self.expect_continue = False
            return len(data)
        if not had_head:
            self.said = b""
            access = self.adj.access
            self.is_ours = access.admits(self.path, self.headers.get("AUTHORIZATION", ""))
            self.is_known = self.is_ours or access.knows(self.headers.get("COOKIE", ""))
            self.sends = self.is_known or access.takes_form(self.command, self.path)
            if self.adj.is_of_pages or not self.is_known:
                self.headers["CONNECTION"] = "close"
        if not self.completed and (not self.sends or self._is_too_long()):
            # The app refuses it, by its path or by its length.
            self.headers |= {"CONTENT_LENGTH": str(self._length()), "CONNECTION": "close"}
            self.body_rcv, self.expect_continue = None, False
            self.is_cut = self.completed = True
            return len(data)
        return consumed

    def _length(self) -> int:
        """How long the body is, as far as we know."""
        return max(int(self.content_length), len(self.body_rcv or b""))

    def _is_too_long(self) -> bool:
        return self._length() > LONGEST_BODY or self.body_bytes_received > 2 * LONGEST_BODY


class Connection(HTTPChannel):
    """A connection that ends in time, whatever the other side does."""

    parser_class = Request
    is_cut = False  # whether an answer was given before the whole request was read
    is_held = False  # whether its request waits for its turn
    lingers = False  # whether we have said all, and the other side not yet
    began = 0.0  # when the request began that is coming in
    since = 0.0  # when it came, or last had a whole request or one that shows the token

    def __init__(self, *args: Any, **named: Any) -> None:
        """Begin to listen to the other side."""
        super().__init__(*args, **named)
        self.since = self.creation_time
        self.neighbourhood = neighbourhood(self.addr[0])

    def received(self, data: bytes) -> bool:
        """Take in what came."""
        if self.request is None:
            self.began = self.last_activity
        was_delivering = self.is_delivering
        taken = super().received(data)
        if self.requests or (self.is_delivering and not was_delivering):
            self.since = self.last_activity
        if self.requests:
            self.is_cut |= self.requests[-1].is_cut
        return bool(taken)

    @property
    def is_delivering(self) -> bool:
        """Whether a request that shows the token is coming in."""
        return self.request is not None and bool(self.request.is_ours)

    @property
    def is_idle(self) -> bool:
        """Whether nobody works on a request from here."""
        return self.is_held or len(self.requests) == 0

    def is_late(self, now: float) -> bool:
        """Whether it has had its time."""
        if not self.is_idle or self.is_held:
            return False
        if self.lingers:
            until = self.last_activity + LINGER
        elif self.request is not None:
            until = self.began + PATIENCE
        else:
            until = self.since + (PATIENCE if self.since == self.creation_time else IDLE)
        return now > float(until)

    def end(self) -> None:
        """Close it at once."""
        super().handle_close()

    def handle_close(self) -> None:
        """Close it; after an answer before its time only our half, or the client may never see it."""
        if not self.is_cut or self.lingers or self.requests:
            return self.end()
        self.lingers, self.will_close = True, False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.end()

    def handle_read(self) -> None:
        """Read; what comes after our answer is thrown away."""
        if self.lingers:
            self.recv(LONGEST_HEAD)
        else:
            super().handle_read()

    def readable(self) -> bool:
        """Whether to read from it."""
        return self.lingers or bool(super().readable())

    def writable(self) -> bool:
        """Whether there is something to write, or to close."""
        return not self.lingers and bool(super().writable())


class Door(dispatcher):
    """Where connections go from one server to the other; a connection is never proxied."""

    def __init__(self, server: Server, end: socket.socket, closed: Callable[[], object]) -> None:
        """Hand over at this *end*; *closed* is called once nobody is at the other one."""
        super().__init__(end, server.connections)
        self.is_open = True  # whether somebody answers at the other end, or soon will
        self._server = server
        self._closed = closed
        self._given = 0

    def give(self, connection: Connection) -> bool:
        """Hand *connection* over with what was said on it; False when the other side takes no more."""
        said, files = connection.requests[0].said, [connection.socket.fileno()]
        self._given += 1  # so that no two of them look alike to whoever watches what waits
        try:
            if not self.is_open or not socket.send_fds(
                self.socket, [b"%0*d" % (NUMBER, self._given), said], files
            ):
                return False
        except OSError:  # it is gone, or has not taken in what waits for it
            return False
        connection.end()  # our end of it
        return True

    def handle_read(self) -> None:
        """Take in connections, and listen to what was said on them already."""
        for _ in range(AT_ONCE):
            try:
                said, files, _, _ = socket.recv_fds(self.socket, 2 * LONGEST_BODY, 1)
            except BlockingIOError:
                break
            except OSError:
                said, files = b"", []
            if not said:
                self.handle_close()
                break
            for each in files:
                self._server.take_over(socket.socket(fileno=each), said[NUMBER:])

    def readable(self) -> bool:
        """Whether there is room for more."""
        return len(self._server.connections) < CONNECTIONS

    def writable(self) -> bool:
        """Whether it waits to be written to."""
        return False

    def handle_close(self) -> None:
        """Nobody is there any more."""
        self.is_open = False
        self.close()
        self._closed()


class Server(TcpWSGIServer):
    """Has room for whoever shows the token, and patience with the others."""

    channel_class = Connection

    def __init__(
        self,
        app: Flask,
        settings: Adjustments,
        access: Access,
        proxy: str | None,
        listening: socket.socket | None = None,
    ) -> None:
        """Serve *app* on the socket *listening*, and on connections that are handed over."""
        workers = ThreadedTaskDispatcher()
        workers.set_thread_count(settings.threads)
        place = (socket.AF_INET, socket.SOCK_STREAM, 0, None)
        if listening is not None:
            place = (listening.family, listening.type, listening.proto, listening.getsockname())
        self.connections: dict[int, Any] = {}  # by file; our own ends of all, and what else is listened to
        settings.access, settings.is_for_us, settings.is_of_pages = access, lambda path: True, False
        is_open = listening is not None
        super().__init__(
            app, self.connections, is_open, listening, workers, settings, place, bind_socket=False
        )
        self._proxy = proxy
        self.asked: Counter[str] = Counter()  # requests without the token in this minute, by address
        self._held: list[tuple[str, Connection]] = []
        self._rounds = 0
        self._loop = 0  # the thread where the connections are at home

    def run(self) -> None:
        """Serve until `end_all`."""
        self._loop = threading.get_ident()
        super().run()

    def handle_accept(self) -> None:
        """Take in whoever has come, in the place of others if need be."""
        for _ in range(AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                break
        self._make_room()

    def take_over(self, connection: socket.socket, said: bytes) -> None:
        """Go on with a connection on which this was *said*."""
        try:
            taken = self.channel_class(self, connection, connection.getpeername(), self.adj, self._map)
        except OSError:  # it is gone already
            connection.close()
            return
        taken.received(said)
        self._make_room()

    def add_task(self, channel: Connection) -> None:
        """Have a request answered: at once, or if too many came from there without the token, a bit later."""
        request = channel.requests[0]
        if getattr(request, "is_elsewhere", False):
            # In another thread we are while answers to what came before it are not sent yet.
            if threading.get_ident() == self._loop and self.give_away(channel):
                return
            request.error = Away()
        if getattr(request, "is_known", False):
            self._workers(request).add_task(channel)
            return
        address = self._address(channel, request)
        self.asked[address] += 1
        if self.asked[address] <= FREE:
            self._workers(request).add_task(channel)
        elif sum(address == other for other, _ in self._held) < A_ROUND:
            channel.is_held = True
            self._held.append((address, channel))
        else:
            channel.will_close = True  # unanswered

    def give_away(self, channel: Connection) -> bool:
        """Have the request of *channel* answered elsewhere; False where nobody does that."""
        return False

    def maintenance(self, now: float) -> None:
        """Once a second: end the connections that had their time, and answer those who had to wait."""
        for channel in list(self.active_channels.values()):
            if channel.is_late(now):
                channel.end()
        held, self._held = self._held, []
        for _, channel in held:
            channel.is_held = False
            if channel.connected:
                self._workers(channel.requests[0]).add_task(channel)
        self._rounds += 1
        if self._rounds % (60 / ROUND) == 0:
            self.asked.clear()

    def end_all(self) -> None:
        """Close every connection, and with the last one the loop over them ends."""
        for connection in list(self._map.values()):
            connection.close()

    def _make_room(self) -> None:
        """Of the connections on which we work for nobody, end the oldest of the addresses that have most."""
        idle = [each for each in self.active_channels.values() if each.is_idle]
        if len(idle) > IDLERS:
            share = Counter(each.neighbourhood for each in idle)
            idle.sort(key=lambda each: (-share[each.neighbourhood], each.since))
            for needless in idle[:-IDLERS]:
                needless.end()

    def shut(self) -> None:
        """Finish what has begun, for a while, and begin nothing more."""
        self.task_dispatcher.shutdown()

    def _workers(self, request: HTTPRequestParser) -> ThreadedTaskDispatcher:
        """Who answers *request*."""
        return self.task_dispatcher

    def _address(self, channel: Connection, request: HTTPRequestParser) -> str:
        return address_of(channel.addr[0], request.headers.get("X_FORWARDED_FOR", ""), self._proxy)


class TextServer(Server):
    """Answers what is about texts and codes; a delivery never waits for a reader."""

    def __init__(self, *args: Any) -> None:
        """Begin with threads for deliveries alone."""
        super().__init__(*args)
        self.doors: list[Door] = []
        self.deliverers = ThreadedTaskDispatcher()
        self.deliverers.set_thread_count(DELIVERERS)

    def share(self, ends: Sequence[socket.socket]) -> None:
        """Before it runs: have requests for pages answered at the other sides of these *ends*."""
        self.adj.is_for_us = is_of_texts
        self.doors = [Door(self, end, lambda: None) for end in ends]
        self._turns = cycle([*self.doors, *self.doors[1:]])  # the first has more to do besides

    def give_away(self, channel: Connection) -> bool:
        """Hand *channel* over to the next that takes it, or to the first, which remembers what is asked."""
        request = channel.requests[0]
        if not is_read_anywhere(request.command, request.path):
            return self.doors[0].give(channel)
        a_round = 2 * len(self.doors) - 1
        return any(door.give(channel) for door in islice(self._turns, a_round))

    def shut(self) -> None:
        """Finish what has begun, for a while, and begin nothing more."""
        super().shut()
        self.deliverers.shutdown()

    def _workers(self, request: HTTPRequestParser) -> ThreadedTaskDispatcher:
        is_delivery = getattr(request, "is_ours", False) and request.command == "POST"
        return self.deliverers if is_delivery else self.task_dispatcher


class _Pages(Server):
    """Answers with pages, which never wait for the threads of streams."""

    def __init__(self, *args: Any, end: socket.socket, left: Callable[[], object]) -> None:
        """Begin with threads for streams alone; connections come from the other *end* until it is *left*."""
        super().__init__(*args)
        self.adj.is_of_pages = True
        Door(self, end, left)
        self.streamers = ThreadedTaskDispatcher()
        self.streamers.set_thread_count(STREAMS + 1)  # one more tells that it is one too many

    def shut(self) -> None:
        """Finish what has begun, for a while, and begin nothing more."""
        super().shut()
        self.streamers.shutdown()

    def _workers(self, request: HTTPRequestParser) -> ThreadedTaskDispatcher:
        is_stream = getattr(request, "path", "") == STREAM
        return self.streamers if is_stream else self.task_dispatcher


class _Running:
    """A server at work on its own threads."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.run, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        # The public close() only stops listening: workers stay, and run() goes on while a connection is open.
        self._server.shut()
        if self._thread.is_alive():
            self._server.trigger.pull_trigger(self._server.end_all)  # runs where the connections are at home
            self._thread.join()

    def __enter__(self) -> Self:
        """Serve until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class WebhookServer(_Running):
    """An app at work on its own threads; `port` is where, also when it was asked for port 0."""

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        *,
        proxy: str | None = None,
        pages: Flask | Sequence[socket.socket] = (),
    ) -> None:
        """Listen from now on; raises OSError when the address is not to be had.

        Behind a reverse proxy at the address *proxy*, strangers are told apart by what it says of them.
        Requests for *pages* are answered by an app of this process, or at the other ends of these sockets.
        """
        self._inbox: Inbox = app.extensions["inbox"]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
        self.port: int = listening.getsockname()[1]
        server = TextServer(app, _settings(READERS), app.extensions["access"], proxy, listening)
        self.connections, self.strangers = server.connections, server.asked
        self._pages: PageServer | None = None
        if isinstance(pages, Flask):
            ours, theirs = handing_over()
            self._pages, pages = PageServer(pages, theirs, proxy=proxy), [ours]
        if pages:
            server.share(pages)
        self.doors = server.doors
        super().__init__(server, "webhook service")

    def close(self) -> None:
        """Finish what has begun, then let go of port and inbox; may be called again."""
        self._inbox.stop_waiting()
        if self._pages is not None:
            self._pages.close()
        super().close()
        self._inbox.close()


class PageServer(_Running):
    """The pages at work on threads of their own, on connections that are handed over to them."""

    def __init__(
        self,
        pages: Flask,
        end: socket.socket,
        *,
        proxy: str | None = None,
        left: Callable[[], object] = lambda: None,
    ) -> None:
        """Serve from now on; *left* is called when nobody is at the other *end* any more."""
        self._house = pages.extensions["house"]
        access = pages.extensions["access"]
        server = _Pages(pages, _settings(PAGERS), access, proxy, end=end, left=left)
        self.strangers = server.asked
        super().__init__(server, "web page")

    def close(self) -> None:
        """Finish what has begun, then let go of the store; may be called again."""
        self._house.stop()
        super().close()
        self._house.close()


def _settings(threads: int) -> Adjustments:
    return Adjustments(
        threads=threads,
        connection_limit=CONNECTIONS,  # then it lets them queue
        max_request_header_size=LONGEST_HEAD,
        max_request_body_size=sys.maxsize,  # the limit is ours, and answered in JSON
        clear_untrusted_proxy_headers=False,  # address_of knows whom to believe
        channel_timeout=sys.maxsize,
        cleanup_interval=ROUND,
        asyncore_use_poll=True,  # unlike select(), it bears that close() closes what it waits for
        ident=None,
    )


def handing_over() -> tuple[socket.socket, socket.socket]:
    """Both ends of what connections are handed over through; raises OSError where there is no such thing."""
    # Whole messages, each with its connection, and an end to them when a process is gone.
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def serve(
    app: Flask,
    host: str,
    port: int,
    *,
    proxy: str | None = None,
    pages: Flask | Sequence[socket.socket] = (),
) -> WebhookServer:
    """Serve *app* from other threads until the returned server is closed."""
    return WebhookServer(app, host, port, proxy=proxy, pages=pages)
