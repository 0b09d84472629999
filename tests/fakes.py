"""Stand-ins for time and the network, so that a run of ten minutes takes as many milliseconds."""

from __future__ import annotations

import heapq
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from itertools import count
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError
from werkzeug.test import EnvironBuilder, run_wsgi_app

from reserve.booking.context import RunContext
from reserve.booking.limits import BookingLimits
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import HURRY, NAP, Clock, Probe, never
from reserve.http import Http
from reserve.model import (
    ActionKind,
    BookingRequest,
    Court,
    Hold,
    HoldStamp,
    Offer,
    Offers,
    Opening,
    Order,
    Phase,
    Reservation,
    Slot,
)
from reserve.money import Money
from reserve.simulator.faults import CutConnection, NoConnection
from reserve.storage.runs import Record
from reserve.stroke import Departure
from reserve.systems.base import ALL, BookingSystem, CourtConnection

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

T = TypeVar("T")

START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 07:00 on a Monday in San Francisco
LOOK = timedelta(seconds=0.5)  # so soon is noticed that a wait is to be cut short
STEPS = 1_000_000  # more than any test needs; a loop that never ends reaches it within seconds


class FakeClock(Clock):
    """Virtual time that jumps to the next moment at which somebody has something to do.

    The thread that made the clock and those started by `together` and `call_at` hand a baton around:
    one of them runs until it sleeps or ends, and who is next when several are due is drawn from *seed*.
    A thread the clock does not know, such as that of an HTTP server, may read the time; if it sleeps,
    it moves time itself, because the one with the baton is probably waiting for its answer.

    A clock that has stood still for *patience* real seconds while somebody slept raises.
    """

    def __init__(self, start: datetime = START, *, seed: int = 0, patience: float = 60.0) -> None:
        self._now = start
        self._passed = timedelta()
        self._chance = random.Random(seed)
        self._patience = patience
        self._agenda: list[tuple[datetime, float, int, Callable[[], object], Callable[[], None] | None]] = []
        self._numbers = count()
        self._lock = threading.RLock()
        self._owner = threading.get_ident()
        self._known = {self._owner}
        self._asleep: set[_Baton] = set()
        self._steps = 0
        self._looks = 0
        self._broken = ""

    def now(self) -> datetime:
        """The present virtual moment, as a wall clock shows it."""
        self._looks += 1
        if self._looks > STEPS:
            self._break("somebody looks at the clock for ever instead of sleeping")
        return self._now

    def wall(self) -> datetime:
        """The same: nobody sets the clock of one machine apart from the others'."""
        return self._now

    def uptime(self) -> float:
        """Virtual seconds, too; this machine never sleeps."""
        return self.monotonic()

    def monotonic(self) -> float:
        """Virtual seconds since the clock was made, whatever was done to the wall clock."""
        return self._passed.total_seconds()

    def step(self, by: timedelta) -> None:
        """Set the wall clock forward or back, as an administrator or a time service may."""
        with self._lock:
            self._now += by

    def meet(self, moment: datetime) -> None:
        """The same as sleeping: nobody is woken up late in virtual time."""
        self.sleep_until(moment)

    def sleep_until(self, moment: datetime) -> None:
        """Let the others run until *moment*; return at once when it has passed."""
        self._count_step()
        if threading.get_ident() not in self._known:
            self._drag(moment)
        elif moment > self._now:
            wake = _Baton()
            self._put(moment, wake.hand)
            self._rest(wake)

    def sleep(self, length: timedelta) -> None:
        """Let the others run for *length*."""
        self.sleep_until(self._now + length)

    def call_at(self, moment: datetime, call: Callable[[], None]) -> None:
        """Call *call* in a thread of its own when time reaches *moment*; it may sleep."""
        self._put(moment, self._starting(call), call)

    def together(self, calls: Sequence[Callable[[], T]], is_hurried: Callable[[], bool] = never) -> list[T]:
        """Do all *calls*, one at a time between sleeps; raise the first failure when all have ended."""
        if not calls:
            return []
        results: dict[int, T] = {}
        failures: list[BaseException] = []
        left = len(calls)
        wait = _Wait(self, timedelta.max, is_hurried)

        def do(place: int) -> None:
            nonlocal left
            try:
                results[place] = calls[place]()
            except BaseException as failure:
                failures.append(failure)
            left -= 1
            if not left:
                wait.end()

        for place in range(len(calls)):
            self._put(self._now, self._starting(partial(do, place)))
        self._rest(wait.wake)
        if failures:
            raise failures[0]
        return [results[place] for place in sorted(results)]

    def within(self, length: timedelta, call: Callable[[], T], is_hurried: Callable[[], bool] = never) -> T:
        """Do *call* and return its result, or raise TimeoutError after *length* while it goes on."""
        if threading.get_ident() not in self._known:
            return call()
        outcome: list[T] = []
        failures: list[BaseException] = []
        wait = _Wait(self, length, is_hurried)

        def do() -> None:
            try:
                outcome.append(call())
            except BaseException as failure:
                failures.append(failure)
            wait.end()

        self._put(self._now, self._starting(do))
        self._rest(wait.wake)
        if failures:
            raise failures[0]
        if not outcome:
            raise TimeoutError
        return outcome[0]

    def _put(
        self, moment: datetime, wake: Callable[[], object], call: Callable[[], None] | None = None
    ) -> int:
        """Note whom to wake at *moment*, behind or before others of that moment as chance has it."""
        with self._lock:
            number = next(self._numbers)
            heapq.heappush(self._agenda, (moment, self._chance.random(), number, wake, call))
            return number

    def _remove(self, number: int) -> bool:
        """Take an entry off the agenda, and tell whether it was still there."""
        with self._lock:
            before = len(self._agenda)
            self._agenda = sorted(entry for entry in self._agenda if entry[2] != number)
            return len(self._agenda) < before

    def _starting(self, call: Callable[[], None]) -> Callable[[], None]:
        """What starts a thread that has the baton from then on, and passes it on when *call* has ended."""

        def run() -> None:
            me = threading.get_ident()
            self._known.add(me)
            try:
                call()
            finally:
                self._known.discard(me)
                self._pass_on()

        return partial(_Hand.do, run)

    def _rest(self, wake: _Baton) -> None:
        """Pass the baton on and wait for it to come back."""
        if threading.get_ident() not in self._known:
            raise RuntimeError("a thread that the clock did not start cannot share its time with others")
        self._asleep.add(wake)
        self._pass_on()
        seen = self._steps
        while not wake.is_taken(self._patience):
            if self._steps == seen:
                self._break("nobody moves: the one with the baton waits for somebody who sleeps")
            seen = self._steps
        self._asleep.discard(wake)
        self._check()

    def _pass_on(self) -> None:
        """Move time to the first entry of the agenda, and give the baton to whom it names; some refuse it."""
        with self._lock:
            self._steps += 1
            while self._agenda and not self._broken:
                moment, _, _, wake, _ = heapq.heappop(self._agenda)
                self._advance(moment)
                if not wake():
                    return

    def _advance(self, moment: datetime) -> None:
        """Move time to *moment*, never back."""
        if moment > self._now:
            self._passed += moment - self._now
            self._now = moment
            self._looks = 0

    def _drag(self, moment: datetime) -> None:
        """Move time on behalf of a thread without the baton; calls on the way are done in that thread."""
        while True:
            with self._lock:
                due = [entry for entry in self._agenda if entry[4] and entry[0] <= moment]
                first, _, number, _, call = min(due, default=(moment, 0.0, -1, None, None))
                self._advance(first)
                self._remove(number)
            if call is None:
                return
            call()

    def _count_step(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            self._break("somebody sleeps again and again for ever")
        self._check()

    def _break(self, reason: str) -> None:
        """Wake everybody and raise, now and whenever somebody uses the clock again."""
        with self._lock:
            self._broken = self._broken or reason
            for wake in list(self._asleep):
                wake.hand()
        self._check()

    def _check(self) -> None:
        """Raise if the clock is broken; a thread of its own ends silently, its starter says why."""
        if self._broken:
            raise (RuntimeError if threading.get_ident() == self._owner else SystemExit)(self._broken)


class _Baton:
    """What somebody waits for; an Event would take several times as long, and a run has a thousand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def hand(self) -> None:
        """Let whoever waits go on; the second time nothing happens."""
        with suppress(RuntimeError):
            self._lock.release()

    def is_taken(self, patience: float) -> bool:
        """Wait for it; False when that took so many real seconds."""
        return self._lock.acquire(timeout=patience)


class _Hand:
    """A thread that does one call after the other, as to start one takes longer than most calls."""

    idle: ClassVar[deque[_Hand]] = deque()

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    @classmethod
    def do(cls, call: Callable[[], None]) -> None:
        """Have *call* done by one that is idle, or by a new one."""
        try:
            hand = cls.idle.pop()
        except IndexError:
            hand = cls()
        hand._calls.put(call)

    def _work(self) -> None:
        while True:  # a call that fails ends this thread, and is reported like that of any other
            self._calls.get()()
            self.idle.append(self)


class MachineClock(Clock):
    """The clock of one machine, which may be set, or stand still while suspended, in the time of others."""

    def __init__(self, time: FakeClock) -> None:
        self.time, self.ahead, self.suspended = time, timedelta(), timedelta()

    def wall(self) -> datetime:
        return self.time.now() + self.ahead

    def monotonic(self) -> float:
        return self.time.monotonic() - self.suspended.total_seconds()

    def uptime(self) -> float:
        return self.time.monotonic()

    def step(self, by: timedelta) -> None:
        """Set it forward or back."""
        self.ahead += by

    def meet(self, moment: datetime) -> None:
        self.sleep_until(moment)

    def sleep_until(self, moment: datetime) -> None:
        while (left := moment - self.now()) > timedelta(0):
            self.time.sleep(min(left, timedelta(seconds=NAP)))

    def call_at(self, moment: datetime, call: Callable[[], None]) -> None:
        self.time.call_at(self.time.now() + (moment - self.now()), call)

    def together(self, calls: Sequence[Callable[[], T]], is_hurried: Callable[[], bool] = never) -> list[T]:
        return self.time.together(calls, is_hurried)

    def within(self, length: timedelta, call: Callable[[], T], is_hurried: Callable[[], bool] = never) -> T:
        return self.time.within(length, call, is_hurried)


class _Wait:
    """Somebody who waits for others no longer than *length*, and no longer than `HURRY` once hurried."""

    def __init__(self, clock: FakeClock, length: timedelta, is_hurried: Callable[[], bool]) -> None:
        self.wake = _Baton()
        self.clock, self.is_hurried = clock, is_hurried
        self.ends = None if length == timedelta.max else clock._now + length
        self._set_alarm()

    def _set_alarm(self) -> None:
        moments = [] if self.ends is None else [self.ends]
        if self.is_hurried is not never:
            moments.append(self.clock._now + LOOK)
        self.alarm = self.clock._put(min(moments), self._look) if moments else None

    def _look(self) -> bool:
        """Whether others are next, because the wait goes on."""
        if self.is_hurried():
            self.is_hurried = never
            soon = self.clock._now + HURRY
            self.ends = soon if self.ends is None else min(self.ends, soon)
        if self.ends is not None and self.clock._now >= self.ends:
            self.wake.hand()
            return False
        self._set_alarm()
        return True

    def end(self) -> None:
        """What was waited for has ended; nothing happens when nobody waits any more."""
        if self.alarm is None or self.clock._remove(self.alarm):
            self.clock._put(self.clock._now, self.wake.hand)


@dataclass
class StampingServer:
    """A server whose clock is *offset* ahead of the true time, some milliseconds away in each direction."""

    clock: FakeClock
    offset: timedelta
    there: tuple[float, float] = (30, 30)
    back: tuple[float, float] = (30, 30)
    chance: random.Random = field(default_factory=lambda: random.Random(0))
    asked: list[datetime] = field(default_factory=list)

    def probe(self) -> Probe:
        """One request, answered with the whole second that the server's clock shows when it arrives."""
        sent = self.clock.now()
        self.asked.append(sent)
        self.clock.sleep(timedelta(milliseconds=self.chance.uniform(*self.there)))
        stamp = (self.clock.now() + self.offset).replace(microsecond=0)
        self.clock.sleep(timedelta(milliseconds=self.chance.uniform(*self.back)))
        return Probe(sent, self.clock.now(), stamp)

    def arrival(self, sent: datetime) -> datetime:
        """What the server's clock shows when a request sent at *sent* arrives, if the way is the quickest."""
        return sent + timedelta(milliseconds=self.there[0]) + self.offset


class Answer(requests.Response):
    """A response whose `elapsed` is virtual; requests would overwrite it with real time."""

    def __init__(self, elapsed: timedelta) -> None:
        super().__init__()
        self.__dict__["elapsed"] = elapsed

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "elapsed" or "elapsed" not in self.__dict__:
            super().__setattr__(name, value)


class InProcess(BaseAdapter):
    """Hands requests to WSGI apps in this process, as if they stood *latency* (both ways) away.

    A lone app answers for every host this adapter is mounted for; a mapping names the host of each app,
    and any other host is unreachable. An app cuts the connection by raising a `CutConnection`, and lets none
    come about by raising a `NoConnection`.
    """

    def __init__(
        self,
        app: WSGIApplication | Mapping[str, WSGIApplication],
        clock: FakeClock,
        *,
        latency: timedelta = timedelta(),
    ) -> None:
        super().__init__()
        self.app = app
        self.clock = clock
        self.latency = latency

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Ask the app, in virtual time; the app goes on when we no longer wait for it."""
        host = urlsplit(str(request.url)).hostname or ""
        app = self.app.get(host) if isinstance(self.app, Mapping) else self.app
        if app is None:
            raise requests.ConnectionError(f"no test leaves this machine: {host}", request=request)
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        sent = self.clock.monotonic()
        try:
            if patience is None:
                status, headers, body = self._exchange(app, request)
            else:
                length = timedelta(seconds=patience)
                status, headers, body = self.clock.within(length, lambda: self._exchange(app, request))
        except TimeoutError as error:
            raise requests.ReadTimeout(f"no answer within {patience} s", request=request) from error
        except NoConnection as error:
            raise _refused(request) from error
        except CutConnection as error:
            raise requests.ConnectionError("connection cut", request=request) from error
        return answer(request, status, headers, body, timedelta(seconds=self.clock.monotonic() - sent))

    def _exchange(
        self, app: WSGIApplication, request: requests.PreparedRequest
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        """Carry the request there and the answer back."""
        self.clock.sleep(self.latency / 2)
        parts = urlsplit(str(request.url))
        body = request.body.encode() if isinstance(request.body, str) else request.body
        environ = EnvironBuilder(
            method=str(request.method),
            base_url=f"{parts.scheme}://{parts.netloc}/",
            path=request.path_url,
            headers=list(request.headers.items()),
            data=body,
        ).get_environ()
        chunks, status, headers = run_wsgi_app(app, environ, buffered=True)
        self.clock.sleep(self.latency - self.latency / 2)
        return status, list(headers), b"".join(chunks)

    def close(self) -> None:
        """Nothing is open."""


def _refused(request: requests.PreparedRequest) -> requests.ConnectionError:
    nobody: Any = None
    why = MaxRetryError(nobody, str(request.path_url), NewConnectionError(nobody, "connection refused"))
    return requests.ConnectionError(why, request=request)


def answer(
    request: requests.PreparedRequest,
    status: str,
    headers: list[tuple[str, str]],
    body: bytes,
    elapsed: timedelta,
) -> requests.Response:
    """What requests makes of an answer from a socket."""
    code, _, reason = status.partition(" ")
    fields = HTTPHeaderDict(headers)
    message = SimpleNamespace(get_all=lambda name, default=None: fields.getlist(name) or default)
    original: Any = SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None)  # has the cookies
    response = Answer(elapsed)
    response.status_code = int(code)
    response.reason = reason
    response.headers.update(fields)
    response.encoding = get_encoding_from_headers(response.headers)
    response.url = str(request.url)
    response.request = request
    response.raw = HTTPResponse(
        body=BytesIO(body),
        headers=fields,
        status=int(code),
        reason=reason,
        preload_content=False,
        original_response=original,
        request_method=request.method,
    )
    extract_cookies_to_jar(response.cookies, request, response.raw)  # type: ignore[no-untyped-call]
    return response


EVENING = Slot(START + timedelta(days=7, hours=10), START + timedelta(days=7, hours=11, minutes=30))
HOLD_LENGTH = timedelta(minutes=10)


def usd(cents: int | None) -> Money | None:
    """So much in the money of San Francisco."""
    return None if cents is None else Money(cents, "USD")


def offer(name: str, slot: Slot = EVENING, price_cents: int | None = None) -> Offer:
    """The court called *name* for *slot*, in a window that opened at START."""
    return Offer(Court(name.lower(), name), slot, START, usd(price_cents))


class FakeSystem(BookingSystem):
    """A booking system that answers from lists and keeps a diary.

    *answers* says for each line of the diary ("hold Court 1", "confirm order-1", "reservations") what comes
    of it, time after time: an error is raised, anything else returned. A list that has run out fails the
    test; what has no list goes well and finds nothing. Every answer takes *delay*.
    """

    name = "fake"
    stamp_of_holds: HoldStamp | None = None
    fan_out = ALL

    def __init__(
        self,
        clock: FakeClock,
        answers: Mapping[str, Sequence[Any]] | None = None,
        *,
        delay: timedelta = timedelta(milliseconds=20),
        max_price_cents: int | None = None,
    ) -> None:
        self.clock = clock
        self.answers = {line: list(found) for line, found in (answers or {}).items()}
        self.delay = delay
        self.request = BookingRequest(
            "Alice Marble",
            "tennis",
            EVENING.start.date(),
            (EVENING.start.time(),),
            EVENING.end - EVENING.start,
            max_price=usd(max_price_cents),
        )
        self.diary: list[tuple[datetime, str]] = []
        self.asking = self.most_at_once = 0

    @property
    def said(self) -> list[str]:
        """The diary without its moments."""
        return [line for _, line in self.diary]

    def times(self, line: str) -> list[float]:
        """When *line* was written, in seconds since START."""
        return [(moment - START).total_seconds() for moment, each in self.diary if each == line]

    def _answer(self, line: str, otherwise: Any = None) -> Any:
        self.diary.append((self.clock.now(), line))
        self.asking += 1
        self.most_at_once = max(self.most_at_once, self.asking)
        self.clock.sleep(self.delay)
        self.asking -= 1
        if line not in self.answers:
            return otherwise
        assert self.answers[line], f"nobody said what comes of {line!r} this time"
        found = self.answers[line].pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def offers(self) -> Offers:
        raise AssertionError("a race and a settlement know their offers")

    def sign_in(self) -> None:
        self._answer("sign in")

    def reservations(self) -> list[Reservation]:
        return list(self._answer("reservations", []))

    def holds(self) -> list[Hold]:
        return list(self._answer("holds", []))

    def connect(self) -> Http:
        raise AssertionError("it speaks to nobody")

    def connection_for(self, offer: Offer) -> CourtConnection:
        return FakeConnection(offer, self)

    def connections(self, *offers: Offer) -> list[CourtConnection]:
        """A connection for each of *offers*."""
        return [self.connection_for(each) for each in offers]

    def held(self, offer: Offer, order_id: str, price_cents: int | None = 0) -> Hold:
        """The hold of *offer* under this order."""
        until, link = self.clock.now() + HOLD_LENGTH, f"https://pay/{order_id}"
        return Hold(offer, order_id, usd(price_cents), until, link, stamp=self.stamp_of_holds)

    def order(self, hold: Hold) -> Order:
        said = self._answer(f"order {hold.order_id}", Order((hold,), hold.price))
        assert isinstance(said, Order)
        return said

    def confirm(self, hold: Hold) -> None:
        self._answer(f"confirm {hold.order_id}")

    def release(self, hold: Hold) -> None:
        self._answer(f"release {hold.order_id}")

    def settles_by_hand(self, hold: Hold, order: Order | None) -> bool:
        return bool(self._answer(f"by hand {hold.order_id}", False))


class FakeConnection(CourtConnection):
    """One court of a fake system."""

    def __init__(self, offer: Offer, system: FakeSystem) -> None:
        super().__init__(offer)
        self._system = system

    def hold(self, departure: Departure | None = None) -> Hold:
        if departure is not None:
            departure.wait()
        line = f"hold {self.offer.court.name}"
        order_id = self._system._answer(line)
        assert order_id, f"nobody said what comes of {line!r}"
        return self._system.held(self.offer, order_id)


class NoRecord(Record):
    """A record that nobody keeps."""

    def __init__(self) -> None:
        pass

    def be_alone(self, wait: Callable[[], None] | None = None) -> None:
        pass

    def stay_alone(self) -> None:
        pass

    def step_aside(self) -> None:
        pass

    def hurry(self, length: timedelta) -> None:
        pass

    def note(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> str | None:
        return None

    def reach(self, phase: Phase) -> None:
        pass


def context_of(
    system: FakeSystem,
    *,
    opens_at: datetime | None = START,
    stop: Stop | None = None,
    record: Record | None = None,
) -> RunContext:
    """What the steps of a run at *system* work with."""
    timeline = Timeline(system.clock.now, opens_at=opens_at)
    return RunContext(system, system.clock, timeline, stop or Stop(), record or NoRecord())


class NoLimits(BookingLimits):
    """Nothing forbids the booking, and nobody looks."""

    def __init__(self, context: RunContext) -> None:
        super().__init__(context, Offers("Alice Marble", UTC, ()), Opening(START, ()))

    def respect(self, held: Sequence[Hold] = ()) -> list[Reservation]:
        return []
