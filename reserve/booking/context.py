"""What the steps of one run work with and find out, and the waiting that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import UNKNOWN, Clock, ServerTime
from reserve.errors import Blocked, ServiceError
from reserve.model import ActionKind, Attempt, Hold, Offer
from reserve.storage.runs import Record
from reserve.systems.base import BookingSystem

T = TypeVar("T")

# Before what reads, and changes nothing, is tried again: minutes are left until the opening.
PAUSES = (timedelta(seconds=2), timedelta(seconds=8))
NAP = timedelta(seconds=1)  # how soon a request to stop is noticed when no signal wakes us


@dataclass(frozen=True)
class Leads:
    """How long before the opening each step begins."""

    sign_in: timedelta = timedelta(seconds=120)  # a browser needs 5 to 20 s; a token lives an hour
    code: timedelta = timedelta(seconds=60)  # a code is said to live one to two minutes (rec.us facts 3.2)
    second_code: timedelta = timedelta(seconds=30)
    measure: timedelta = timedelta(seconds=20)  # ten probes take ten seconds; later is better, clocks drift
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
    server: ServerTime = UNKNOWN
    attempts: list[Attempt] = field(default_factory=list)
    released: list[str] = field(default_factory=list)  # order ids
    left: list[Hold] = field(default_factory=list)  # those that could not be released, until they lapse

    def write(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> None:
        """Write an action into the record, before or after it is done; trouble with that costs no court."""
        if about and (trouble := self.record.note(kind, about)):
            self.timeline.say(trouble)

    def wait_until(self, moment: datetime) -> None:
        """Sleep until *moment*; raises `Interrupted` soon after a request to stop."""
        self.stop.obey()
        while (now := self.clock.now()) < moment:
            self.clock.sleep_until(min(moment, now + NAP) if self.stop.is_shielded else moment)
            self.stop.obey()

    def patiently(self, call: Callable[[], T], trouble: type[ServiceError] = ServiceError) -> T:
        """Do *call*, and again after a while when the booking system is in *trouble*: nothing is lost yet."""
        for pause in PAUSES:
            try:
                return call()
            except Blocked:
                raise
            except trouble as failure:
                self.timeline.say(f"trying again in {pause.total_seconds():.0f} s: {failure}")
                self.wait_until(self.clock.now() + pause)
        return call()
