"""All requests of one moment in one stroke: made ready before it on their connections, written by one thread.

A server sees nothing of a request before its moment, and then the whole of it in one piece. Between two
writes no lock is taken and no other thread is waited for: the last of many leaves a moment after the first.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from reserve.clock import Clock, never

READY = timedelta(milliseconds=4)  # before the moment; what is not ready by then leaves by itself


class Withheld(Exception):
    """The request was not sent, as it is not wanted any more."""


class Dropped(ConnectionError):
    """The other side has closed the connection, so nothing was written to it."""


class Departure:
    """One request of a stroke, and when it left."""

    def __init__(self, stroke: Stroke) -> None:
        """It is not ready yet."""
        self.stroke = stroke
        self.sent: datetime | None = None
        self.data = b""
        self.failure: OSError | None = None
        self.has_left = threading.Event()

    def wait(self) -> None:
        """Return at the moment, for who writes by itself; raises `Withheld`."""
        self.stroke.wait()
        self.sent = self.stroke.clock.now()

    def write(self, connection: socket.socket, data: bytes) -> None:
        """Have *data* written at the moment, and return then.

        Raises `Withheld` or `Dropped` when nothing was written, or what the writing raised.
        """
        self.connection, self.data = connection, data
        if self.stroke.takes(self):
            self.has_left.wait()
            if self.failure is not None:
                raise self.failure
            if self.sent is None:
                raise Withheld
        else:
            self.wait()
            connection.sendall(data)


class Stroke:
    """The requests of one moment, written in the order in which they were added."""

    def __init__(self, clock: Clock, moment: datetime, is_over: Callable[[], bool] = never) -> None:
        """Nothing leaves before *moment*, nor after it once *is_over* says that nothing is wanted."""
        self.clock, self.moment = clock, moment
        self._is_over = is_over
        self._departures: list[Departure] = []
        self._ready: list[Departure] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def add(self) -> Departure:
        """Another request, behind those before."""
        departure = Departure(self)
        self._departures.append(departure)
        return departure

    def wait(self) -> None:
        """Return at the moment; raises `Withheld`."""
        self.clock.sleep_until(self.moment)
        if self._is_over():
            raise Withheld

    def takes(self, departure: Departure) -> bool:
        """Whether *departure* is ready in time to leave with the others."""
        with self._lock:
            if not self._is_closed:
                self._ready.append(departure)
            return not self._is_closed

    def go(self) -> None:
        """Write what is ready at the moment; to be called from a thread of its own, well before it."""
        self.clock.sleep_until(self.moment - READY)
        with self._lock:
            self._is_closed = True
        place = {departure: number for number, departure in enumerate(self._departures)}
        ready = sorted(self._ready, key=place.__getitem__)
        try:
            for departure in ready:
                departure.failure = _dropped(departure.connection)
            alive = [departure for departure in ready if departure.failure is None]
            self.clock.meet(self.moment)
            if not self._is_over():
                _write(alive, self.clock)
            else:
                for departure in ready:
                    departure.failure = None  # what is not wanted is not sent on another connection either
        finally:
            for departure in ready:
                departure.has_left.set()


def _dropped(connection: socket.socket) -> Dropped | None:
    """That *connection* is no longer of use, if so: before a request, all there can be to read is its end.

    A host may still have sent what belongs to the greeting of TLS: that is read here, and means nothing.
    """
    patience = connection.gettimeout()
    try:
        connection.settimeout(0)
        connection.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        connection.settimeout(patience)
        return None
    except OSError:
        pass
    return Dropped("the connection was closed while idle")


def _write(departures: list[Departure], clock: Clock) -> None:
    """Write one after the other, whatever becomes of each."""
    now = clock.now
    for departure in departures:
        departure.sent = now()
        try:
            departure.connection.sendall(departure.data)
        except OSError as failure:
            departure.failure = failure
