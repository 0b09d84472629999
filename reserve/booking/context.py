"""What the steps of one run work with and find out, and the waiting that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, repeat
from typing import TypeVar

from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import UNKNOWN, Clock, ServerTime
from reserve.errors import Blocked, ServiceError
from reserve.model import ActionKind, Attempt, Hold, Offer, Phase
from reserve.storage.runs import Record
from reserve.systems.base import BookingSystem

T = TypeVar("T")

# Before what changes nothing is tried again, as long as there is time; the last pause again and again.
PAUSES = (timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8))
PERSEVERANCE = timedelta(minutes=2)  # with one step, if the opening is so far away
PRESSED = timedelta(seconds=16)  # ...and if it is past, or not known yet
SETTLING = timedelta(minutes=3)  # from the last attempt to the outcome, at most
NAP = timedelta(seconds=1)  # how soon a request to stop is noticed when no signal wakes us


@dataclass(frozen=True)
class Leads:
    """How long before the opening each step begins."""

    sign_in: timedelta = timedelta(seconds=120)  # a browser needs 5 to 20 s; a token lives an hour
    code: timedelta = timedelta(seconds=60)  # a code is said to live one to two minutes (rec.us facts 3.2)
    second_code: timedelta = timedelta(seconds=30)
    measure: timedelta = timedelta(seconds=24)  # 20 probes take 20 seconds; later is better, clocks drift
    warm: timedelta = timedelta(seconds=3)  # some servers close a connection that was idle for five
    last_look: timedelta = timedelta(seconds=0.5)  # for a code; then the opening has all our attention


@dataclass
class RunContext:
    """What one run works with, from its booking system to its record, and what came of it so far."""

    system: BookingSystem
    clock: Clock
    timeline: Timeline
    stop: Stop
    record: Record
    leads: Leads = Leads()
    perseverance: timedelta = PERSEVERANCE
    server: ServerTime = UNKNOWN
    sooner: timedelta = timedelta()  # than by the stamps of `server`, as earlier openings taught
    trip: timedelta = timedelta()  # there and back, the quickest that we saw
    attempts: list[Attempt] = field(default_factory=list)
    released: list[str] = field(default_factory=list)  # order ids
    phase: Phase | None = None  # that was said last
    left: list[Hold] = field(default_factory=list)  # those that could not be released, until they lapse

    def write(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> None:
        """Write an action into the record, before or after it is done; trouble with that costs no court."""
        if about and (trouble := self.record.note(kind, about)):
            self.timeline.say(trouble)

    def reach(self, phase: Phase) -> None:
        """Tell whoever watches what the run is about; just before the opening there is no time for that."""
        now, opens_at, phases = self.clock.now(), self.timeline.opens_at, list(Phase)
        is_near = opens_at is not None and timedelta(0) < opens_at - now <= self.leads.warm
        if not is_near and (self.phase is None or phases.index(phase) > phases.index(self.phase)):
            self.phase = phase
            self.record.reach(phase)

    def wait_until(self, moment: datetime) -> None:
        """Sleep until *moment*; raises `Interrupted` soon after a request to stop."""
        self.stop.obey()
        while (now := self.clock.now()) < moment:
            self.clock.sleep_until(min(moment, now + NAP) if self.stop.is_shielded else moment)
            self.stop.obey()

    def patiently(
        self, call: Callable[[], T], may_repeat: Callable[[ServiceError], bool] = lambda failure: True
    ) -> T:
        """Do *call*, and again after a while when there is trouble, until the opening: nothing is lost yet.

        What blocks us is not tried again, nor what *may_repeat* says no to.
        """
        now, opens_at = self.clock.now(), self.timeline.opens_at
        is_ahead = opens_at is not None and opens_at > now
        ends_at = now + min(PRESSED, self.perseverance)
        if opens_at and is_ahead:
            ends_at = min(opens_at, now + self.perseverance)
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return call()
            except ServiceError as failure:
                again_at = self.clock.now() + pause
                if isinstance(failure, Blocked) or not may_repeat(failure) or again_at >= ends_at:
                    raise
                self.timeline.say(f"trying again in {pause.total_seconds():.0f} s: {failure}")
                self.wait_until(again_at)
        raise AssertionError("the pauses never end")
