"""One run, from booking request to reservation: start reading here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from reserve import window
from reserve.booking.codes import Inbox, OneTimeCode
from reserve.booking.race import SHOTS, Race
from reserve.booking.recover import recover, respect_record
from reserve.booking.settle import settle
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.booking.waiting import WaitingList
from reserve.clock import UNKNOWN, Clock, ServerTime, Watch, measure, plan
from reserve.errors import (
    AlreadyReserved,
    Blocked,
    CodeError,
    LimitReached,
    NotOpenYet,
    ServiceError,
    SlotTaken,
    TooDear,
    Unreachable,
    UsageError,
)
from reserve.model import ActionKind, BookingRequest, Hold, Offers, Opening, Reservation
from reserve.storage.runs import Record
from reserve.systems.base import BookingSystem, CourtConnection

T = TypeVar("T")

# Before what reads, and changes nothing, is tried again: minutes are left until the opening.
PATIENCE = (timedelta(seconds=2), timedelta(seconds=8))
A_LITTLE = timedelta(seconds=1)  # so soon is it noticed that another run has ended
SHORT_WAIT = timedelta(minutes=2)  # no sign-in dies within that
RENEW_AGAIN = timedelta(minutes=5)  # after a failure; the sign-in may still live (Atrium facts 2.2)
LONGEST_DELAY = timedelta(seconds=3)  # of an opening; more is something else, and learning it would not help
LONGEST_TRIP = timedelta(seconds=1)  # there and back; a slower server's clock is not known well enough


@dataclass(frozen=True)
class Leads:
    """How long before the opening each step begins."""

    sign_in: timedelta = timedelta(seconds=120)  # a browser needs 5 to 20 s; a token lives an hour
    code: timedelta = timedelta(seconds=60)  # a code is said to live one to two minutes (rec.us facts 3.2)
    second_code: timedelta = timedelta(seconds=30)
    measure: timedelta = timedelta(seconds=20)  # ten probes take ten seconds; later is better, clocks drift
    warm: timedelta = timedelta(seconds=3)  # some servers close a connection that was idle for five
    last_look: timedelta = timedelta(seconds=0.5)  # for a code; then the opening has all our attention


class Run:
    """One booking request on its way to one reservation."""

    def __init__(
        self,
        request: BookingRequest,
        system: BookingSystem,
        clock: Clock,
        timeline: Timeline,
        stop: Stop,
        inbox: Inbox | None = None,
        leads: Leads = Leads(),
        record: Record | None = None,
        true_time: Callable[[], timedelta | None] | None = None,
    ) -> None:
        """Nothing is sent yet."""
        self.request = request
        self.system = system
        self.clock = clock
        self.timeline = timeline
        self.stop = stop
        self.leads = leads
        self.record = record
        self._true_time = true_time
        self._our_error: timedelta | None = None
        self._knows_server = False
        self._has_waited = False
        self.found: Offers | None = None
        self.inbox = inbox
        self._code = None
        if inbox is not None:
            self._code = OneTimeCode(system, inbox, clock, timeline, stop)

    def book(self) -> tuple[Offers, Reservation | Hold]:
        """Sign in early, wait for the window to open, and reserve the first court we can.

        The second value is a `Hold` when only the player can pay; raises the `ReserveError` that says why.
        """
        found = self.find()
        opening = self.opening(found)

        self.wait_until(opening.opens_at - self.leads.sign_in)
        self.sign_in()
        self.recover()
        self.patiently(lambda: self.respect_limits(found, opening))
        self.ask_time_servers(opening)

        self.wait_until(opening.opens_at - self.leads.code)
        self.verify(found, opening)

        with self.connections(opening) as connections:
            shots = self.aim(connections, opening)
            self.stop.shield()
            holds = self.win(connections, shots)  # sleeps until the opening itself
            end = settle(
                self.system,
                holds,
                self.clock,
                self.timeline,
                self.stop,
                self.verify_late,
                respect_limits=lambda: self.respect_limits(found, opening),
            )
        return found, end

    def find(self) -> Offers:
        """What the facility has for the booking request, and whether a one-time code could reach us."""
        self.found = found = self.patiently(self.system.offers)
        if found.wants_code:
            self.check_inbox()
        return found

    def check_inbox(self) -> None:
        """Raise `UsageError` when a one-time code could not reach us."""
        if self.inbox is None:
            raise UsageError("--phone is missing; the one-time code has to go somewhere")
        self.inbox.check()

    def opening(self, found: Offers, *, reach: timedelta | None = window.REACH) -> Opening:
        """Which opening to wait for, no further ahead than *reach*; says a word about each court left out."""
        opening = self.affordable(window.choose(found, self.request, self.clock.now(), reach=reach))
        self.timeline.opens_at = opening.opens_at
        for court, why in opening.left_out:
            self.timeline.say(f"left out {court.name}: {why}")
        if opening.warning:
            self.timeline.say(f"warning: {opening.warning}")
        names = ", ".join(f"{offer.court.name} {offer.slot}" for offer in opening.offers)
        moment = f"{opening.opens_at:%Y-%m-%d %H:%M:%S %Z}"
        when = f"opens at {moment}" if opening.opens_at > self.clock.now() else "is open"
        self.timeline.say(f"{found.facility}: {names}; the window {when}")
        late = self.clock.now() - (opening.opens_at - self.leads.sign_in)
        if timedelta(seconds=5) < late < self.leads.sign_in:
            self.timeline.say(f"started {late.total_seconds():.0f} s later than planned; going on")
        return opening

    def affordable(self, opening: Opening) -> Opening:
        """The opening without what is published as dearer than the ceiling; raises `TooDear` when all is."""
        ceiling = self.request.max_price
        if ceiling is None:
            return opening
        dear = [offer for offer in opening.offers if offer.price is not None and offer.price > ceiling]
        if len(dear) == len(opening.offers):
            price = min(offer.price for offer in dear if offer.price is not None)
            raise TooDear(f"the cheapest court costs {price}, more than --max-price allows")
        why = "dearer than --max-price allows"
        left_out = tuple((offer.court, f"{offer.slot} is {why}") for offer in dear)
        kept = tuple(offer for offer in opening.offers if offer not in dear)
        return replace(opening, offers=kept, left_out=opening.left_out + left_out)

    def patiently(self, call: Callable[[], T], trouble: type[ServiceError] = ServiceError) -> T:
        """Do *call*, and again after a while when the booking system is in *trouble*: nothing is lost yet."""
        for pause in PATIENCE:
            try:
                return call()
            except Blocked:
                raise
            except trouble as failure:
                self.timeline.say(f"trying again in {pause.total_seconds():.0f} s: {failure}")
                self.wait_until(self.clock.now() + pause)
        return call()

    def wait_until(self, moment: datetime) -> None:
        """Sleep until *moment*, and keep the sign-in alive meanwhile; a wish to stop wakes us."""
        self.stop.obey()
        every = self.system.renew_every
        while every and moment - self.clock.now() > SHORT_WAIT:
            every = self.keep_alive(every)
            self.clock.sleep_until(min(moment, self.clock.now() + every))
            self.stop.obey()
        self.clock.sleep_until(moment)
        self.stop.obey()

    def wait_for_another(self) -> None:
        """Wait a little for another run of the player to end."""
        if not self._has_waited:
            self._has_waited = True
            self.timeline.say(
                f"another run of this player for {self.request.day} is under way; it goes first"
            )
        self.wait_until(self.clock.now() + A_LITTLE)

    def keep_alive(self, every: timedelta) -> timedelta:
        """Keep the sign-in from dying during a long wait; returns when to do it again."""
        try:
            self.system.keep_alive()
        except ServiceError as failure:
            self.timeline.say(f"could not keep the sign-in alive, trying again soon: {failure}")
            return min(every, RENEW_AGAIN)
        return self.system.renew_every or every

    def sign_in(self) -> None:
        """Make the booking system know the player."""
        self.patiently(self.system.sign_in, Unreachable)  # a password that arrived is not sent again
        self.timeline.say("signed in")

    def recover(self) -> None:
        """Put in order what an earlier run left behind that was cut off."""
        if self.record is not None:
            recover(self.system, self.record, self.clock, self.timeline)

    def respect_limits(self, found: Offers, opening: Opening) -> None:
        """Raise `AlreadyReserved` or `LimitReached` when the player's own reservations forbid another one."""
        mine = self.system.reservations()
        if not self.system.knows_reservations and self.record is not None:
            for slot in {offer.slot for offer in opening.offers}:
                respect_record(self.record, slot)
        self.timeline.say(f"looked at the player's bookings: {len(mine)} reserved")
        for offer in opening.offers:
            for each in mine:
                if each.slot.start < offer.slot.end and offer.slot.start < each.slot.end:
                    away = "" if each.court.facility in ("", offer.court.facility) else " of another facility"
                    raise AlreadyReserved(f"{each.court.name}{away} is already reserved for {offer.slot}")
        day = self.request.day
        monday = day - timedelta(days=day.weekday())
        days = [each.slot.start.astimezone(found.zone).date() for each in mine]
        this_week = [each for each in days if monday <= each < monday + timedelta(days=7)]
        limits = found.limits
        if limits.per_day is not None and days.count(day) >= limits.per_day:
            raise LimitReached(f"{days.count(day)} reserved on {day}; the limit is {limits.per_day} a day")
        if limits.per_week is not None and len(this_week) >= limits.per_week:
            in_week = f"{len(this_week)} reserved in the week of {monday}"
            raise LimitReached(f"{in_week}; the limit is {limits.per_week} a week")

    def ask_time_servers(self, opening: Opening) -> None:
        """Have the true time asked for while we wait anyway; a second opinion, for the timeline only."""
        ask, now = self._true_time, self.clock.now()
        if ask is None or now > opening.opens_at - self.leads.code:
            return

        def note() -> None:
            self._our_error = ask()

        self.clock.call_at(now, note)

    @property
    def awaits_code(self) -> bool:
        """Whether a one-time code was asked for and none was accepted yet."""
        return self._code is not None and self._code.is_awaited

    def verify(self, found: Offers, opening: Opening) -> None:
        """Prove the player's phone before the opening, when the booking system wants that."""
        if self._code is None or not found.wants_code or not self._code.ask():
            return
        asked = self.clock.now()
        is_ahead = opening.opens_at > asked
        until = opening.opens_at - self.leads.measure if is_ahead else asked + self.leads.code
        self._code.enter(until=until, again_at=asked + self.leads.second_code)

    @contextmanager
    def connections(self, opening: Opening) -> Iterator[list[CourtConnection]]:
        """A connection for every offer; nothing is sent yet."""
        connections = [self.system.connection_for(offer) for offer in opening.offers]
        try:
            yield connections
        finally:
            for connection in connections:
                connection.close()

    def aim(self, connections: list[CourtConnection], opening: Opening) -> list[datetime]:
        """Learn the server's time and use every connection once; returns when to send, shortly before.

        When the server's answers contradict each other, or it does not tell its time, our own clock counts.
        """
        self.wait_until(opening.opens_at - self.leads.measure)
        self.timeline.write(ActionKind.ASKING, opening.offers)  # early: later, nothing waits for a disk
        delay = self.known_delay()
        server, watch = UNKNOWN, Watch(self.clock)
        if self.clock.now() < opening.opens_at - self.leads.warm:
            server = self.measure(connections, until=opening.opens_at - self.leads.warm)
        self.timeline.ahead = server.offset
        self.wait_until(server.likely(opening.opens_at) - self.leads.warm)
        self.clock.together([connection.warm for connection in connections])
        many = len(connections) > 1
        self.timeline.say(f"{len(connections)} connections are warm" if many else "the connection is warm")
        if self._code is not None and self._code.is_awaited:
            self._code.enter(until=server.likely(opening.opens_at) - self.leads.last_look)
        self.wait_until(server.likely(opening.opens_at) - self.leads.last_look)
        if jump := watch.jumped():
            server, self.timeline.ahead = UNKNOWN, UNKNOWN.offset
            self.timeline.say(
                f"this machine's clock jumped by {jump.total_seconds():+.3f} s; trusting it now"
            )
        self._knows_server = server is not UNKNOWN
        shots = plan(opening.opens_at, server, SHOTS)
        if delay is None:
            return shots
        soonest, latest = delay
        self.timeline.say(f"last time it opened {latest.total_seconds():.2f} s late; asking then too")
        first, last = shots[0], shots[-1]
        # Four, so that one attempt is left.
        return sorted([first, last, first + (soonest + latest) / 2, first + latest])

    def known_delay(self) -> tuple[timedelta, timedelta] | None:
        """How late the window opened the last time, at least and at most, if it was late and told us so."""
        delay = self.record.opening_delay(self.found.facility) if self.record and self.found else None
        return delay if delay is not None and timedelta(0) < delay[1] < LONGEST_DELAY else None

    def measure(self, connections: list[CourtConnection], *, until: datetime | None = None) -> ServerTime:
        """The server's time over the first connection; `UNKNOWN` when its answers contradict each other.

        So it is when they take so long that going by them could mean asking much too early.
        """
        server = measure(lambda: connections[0].probe(self.clock), self.clock, until=until)
        self.timeline.say(str(server))
        if (error := self._our_error) is not None and server.probes:
            said = f"time servers say that our clock is off by {-error.total_seconds():+.3f} s"
            fits = server.low <= error <= server.high
            self.timeline.say(
                f"{said}, which fits" if fits else f"warning: {said}; going by the server's clock"
            )
        return server if server.consistent and server.trip <= LONGEST_TRIP else UNKNOWN

    def win(self, connections: list[CourtConnection], shots: list[datetime]) -> list[Hold]:
        """Hold what we can, best first; raises the reason when there is nothing to hold.

        When a one-time code is still wanted, it is entered when it comes, and the courts are asked again.
        When all is taken, the waiting list goes on, if the player wants that.
        """
        deadline = max(shots[0], self.clock.now()) + self.request.patience
        race = Race(self.system, self.clock, self.timeline, self.stop, shots, deadline)
        try:
            race.ask(connections, at_once=self.request.at_once)
            unproved = [connection for connection in connections if race.wants_code(connection.offer)]
            if unproved and not race.held and self._code is not None:
                self.prove_phone(self._code, until=deadline)
                race.ask(unproved, at_once=self.request.at_once)
        finally:
            race.say_what_came()
        self.remember_delay(race.opening_delay)
        if not race.held:
            self.stop.obey()
            verdict = race.verdict()
            if not self.request.wait_list or not isinstance(verdict, SlotTaken | NotOpenYet):
                raise verdict
            waiting = WaitingList(
                self.system, self.clock, self.timeline, self.stop, self.verify_late, self.keep_alive
            )
            return waiting.wait(connections)
        return race.held

    def remember_delay(self, delay: tuple[timedelta, timedelta] | None) -> None:
        """Keep for the next run how late the window opened, if this run could tell."""
        if delay is None or self.record is None or self.found is None or not self._knows_server:
            return
        if delay[1] > timedelta(0):
            self.timeline.say(
                f"the window opened {delay[0].total_seconds():.2f} to {delay[1].total_seconds():.2f} s late"
            )
        self.record.remember_delay(self.found.facility, delay)

    def verify_late(self, hold: Hold | None = None) -> None:
        """Prove the player's phone after the opening.

        That is for a *hold* which is there already (the flow of 2026, rec.us facts 3.2), or while waiting.
        """
        until = self.clock.now() + self.leads.code
        if self._code is None:
            raise CodeError("a one-time code is wanted, and there is no phone to receive it")
        lapses = hold.expires_at if hold else None
        self.prove_phone(self._code, until=min(until, lapses or until))

    def prove_phone(self, code: OneTimeCode, *, until: datetime) -> None:
        """Enter a code by *until*, asking for one when none is on its way; raises `CodeError`."""
        if not code.is_awaited:
            if not code.can_ask:
                raise CodeError("the booking system wants another one-time code; two were asked for already")
            if not code.ask():
                raise CodeError("the booking system wants a one-time code, and will not send one")
        if not code.enter(until=until):
            self.stop.obey()
            raise CodeError("no valid one-time code arrived in time")
