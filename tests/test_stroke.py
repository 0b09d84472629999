"""The requests of one moment, over real sockets: none before it, each in one piece, in their order."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from reserve.clock import Clock
from reserve.http import Answer, Http, _UnderWay
from reserve.stroke import Departure, Dropped, Stroke, Withheld
from tests.test_http import self_signed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
SOON = timedelta(milliseconds=30)
FAR = timedelta(minutes=1)  # until all is ready, and `leave` has the moment come


class Court:
    """A host with one listening socket, which answers whatever arrives, and notes each piece of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.arrived: list[tuple[datetime, bytes]] = []
        self.connections = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.http = Http(f"http://127.0.0.1:{self.listening.getsockname()[1]}", headers={}, clock=clock)
        threading.Thread(target=self.work, daemon=True).start()

    def work(self) -> None:
        while True:
            try:
                self.connection, _ = self.listening.accept()
            except OSError:
                return
            self.connections += 1
            with self.connection as connection:
                while piece := connection.recv(65_536):
                    self.arrived.append((self.clock.now(), piece))
                    connection.sendall(ANSWER)

    def ask(self, departure: Departure | None) -> Answer:
        return self.http.send(self.http.prepare("POST", "/holds", json={"court": "x" * 500}), departure)


@contextmanager
def courts(count: int) -> Iterator[list[Court]]:
    """Hosts with a warm connection to each."""
    found = [Court(Clock()) for _ in range(count)]
    for court in found:
        court.http.ask("GET", "/")
        court.arrived.clear()
    yield found
    for court in found:
        court.http.close()
        court.listening.close()


def leave(
    stroke: Stroke,
    *calls: Callable[[], object],
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Do all *calls*, and once each has made a request ready, have the moment come."""

    def go() -> None:
        while len(stroke._ready) < len(calls) and stroke.clock.now() < stroke.moment:
            stroke.clock.sleep(SOON / 10)
        meanwhile()
        stroke.moment = stroke.clock.now() + SOON
        stroke.go()

    stroke.clock.together([*calls, go])


def test_each_request_leaves_whole_in_its_order_and_none_before_the_moment() -> None:
    with courts(6) as asked:
        clock = Clock()
        stroke = Stroke(clock, clock.now() + FAR)
        departures = [stroke.add() for _ in asked]
        calls = [partial(court.ask, departure) for court, departure in zip(asked, departures, strict=True)]
        leave(stroke, *reversed(calls))

        pieces = [court.arrived for court in asked]
        sent = [departure.sent for departure in departures if departure.sent]

    assert [len(each) for each in pieces] == [1] * 6
    assert all(piece.startswith(b"POST /holds ") and piece.endswith(b'"}') for [(_, piece)] in pieces)
    assert sent == sorted(sent)
    assert len(set(sent)) == 6  # each has its own moment
    assert sent[0] >= stroke.moment
    assert min(moment for [(moment, _)] in pieces) >= stroke.moment
    assert {court.connections for court in asked} == {1}


def test_a_connection_that_the_host_closes_while_all_wait_is_opened_anew_and_the_request_sent_once() -> None:
    with courts(2) as asked:
        clock = Clock()
        stroke = Stroke(clock, clock.now() + FAR)
        departures = [stroke.add() for _ in asked]
        calls = [partial(court.ask, departure) for court, departure in zip(asked, departures, strict=True)]

        leave(stroke, *calls, meanwhile=lambda: asked[0].connection.shutdown(socket.SHUT_RDWR))

    assert [court.connections for court in asked] == [2, 1]
    assert [len(court.arrived) for court in asked] == [1, 1]
    assert min(departure.sent for departure in departures if departure.sent) >= stroke.moment
    assert all(departure.sent for departure in departures)


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_ends_the_greeting_of_a_new_connection_is_not_its_end(
    tmp_path: Path, *, is_closed: bool
) -> None:
    ours, theirs = socket.socketpair()
    host, player = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    host.load_cert_chain(self_signed(tmp_path))
    player.check_hostname, player.verify_mode = False, ssl.CERT_NONE
    greeted = Clock().together(
        [partial(host.wrap_socket, theirs, server_side=True), partial(player.wrap_socket, ours)]
    )
    clock = Clock()
    with greeted[0] as theirs, greeted[1] as ours:
        assert select.select([ours], [], [], 60)[0]  # the tickets by which it could be greeted sooner again
        stroke = Stroke(clock, clock.now() + FAR)
        departure = stroke.add()
        if is_closed:
            theirs.shutdown(socket.SHUT_RDWR)
            with pytest.raises(Dropped):
                leave(stroke, partial(departure.write, ours, b"request"))
        else:
            leave(stroke, partial(departure.write, ours, b"request"))
            assert theirs.recv(100) == b"request"
            assert ours.gettimeout() is None  # as before: the answer is waited for


def test_a_request_that_is_not_wanted_is_not_sent_anew_where_the_host_closed_its_connection() -> None:
    ours, theirs = socket.socketpair()
    clock = Clock()
    stroke = Stroke(clock, clock.now() + FAR, lambda: True)
    departure = stroke.add()
    theirs.close()
    with ours, pytest.raises(Withheld):
        leave(stroke, partial(departure.write, ours, b"request"))


@pytest.mark.parametrize("is_first", [False, True])
def test_nothing_leaves_when_nobody_waits_for_the_answer_any_more(*, is_first: bool) -> None:
    ours, theirs = socket.socketpair()
    clock = Clock()
    stroke = Stroke(clock, clock.now())
    under_way = _UnderWay(clock, stroke.add() if is_first else None)
    stroke.go()
    under_way.cut()
    with ours, theirs:
        with pytest.raises(Withheld):
            under_way.write(ours, b"request")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_nothing_leaves_once_nothing_is_wanted_any_more() -> None:
    with courts(1) as [court]:
        clock = Clock()
        stroke = Stroke(clock, clock.now() + FAR, lambda: True)
        departure = stroke.add()
        with pytest.raises(Withheld):
            leave(stroke, partial(court.ask, departure))

        assert court.arrived == []
        assert departure.sent is None


def test_what_is_ready_too_late_leaves_by_itself() -> None:
    with courts(1) as [court]:
        clock = Clock()
        stroke = Stroke(clock, clock.now())
        departure = stroke.add()
        stroke.go()
        court.ask(departure)

        assert len(court.arrived) == 1
        assert departure.sent is not None


def test_a_request_that_breaks_while_it_is_written_has_left_and_keeps_no_other_back() -> None:
    (ours, theirs), (our_second, their_second) = socket.socketpair(), socket.socketpair()
    clock = Clock()
    stroke = Stroke(clock, clock.now() + FAR)
    first, second = stroke.add(), stroke.add()
    ours.shutdown(socket.SHUT_WR)
    with ours, theirs, our_second, their_second:
        with pytest.raises(BrokenPipeError):
            leave(
                stroke,
                partial(first.write, ours, b"request"),
                partial(second.write, our_second, b"another"),
            )
        their_second.setblocking(False)
        assert their_second.recv(100) == b"another"

    assert first.sent is not None


def test_what_was_not_ready_in_time_does_not_leave_when_nothing_is_wanted_any_more() -> None:
    ours, theirs = socket.socketpair()
    clock = Clock()
    stroke = Stroke(clock, clock.now(), lambda: True)
    departure = stroke.add()
    stroke.go()
    with ours, theirs:
        with pytest.raises(Withheld):
            departure.write(ours, b"request")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)

    assert departure.sent is None
