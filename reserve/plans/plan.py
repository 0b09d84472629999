"""What a plan is: a recurring booking, or one ahead of time, and the slots it means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal

from reserve import window
from reserve.errors import UsageError
from reserve.model import BookingRequest, Slot
from reserve.money import parse_money
from reserve.plans.rule import read_rule
from reserve.systems import PROFILES, USUAL
from reserve.when import WEEKDAYS

NOTICE = timedelta(hours=1)  # so long before play the waiting list gives up: one has to get there
LONGEST_NOTICE = timedelta(days=7)


@dataclass(frozen=True)
class Choice:
    """One facility of a plan: its courts and further start times, each in order of preference."""

    facility: str
    courts: tuple[str, ...] = ()
    or_starts: tuple[time, ...] = ()


@dataclass(frozen=True)
class Plan:
    """One slot, or a rule (RFC 5545) for many, in the facility's own wall-clock time.

    `first` is the start of the only slot, or the moment from which the rule counts. `choices` are tried in
    their order, for each slot until there is a court.
    """

    choices: tuple[Choice, ...]
    length: timedelta
    first: datetime
    rule: str | None = None
    sport: str = PROFILES[USUAL].sports[0]
    system: str = USUAL
    account: str | None = None
    max_price: Decimal | None = None  # in the currency of the booking system
    pay: str = "by-hand"
    sign_in: str | None = None
    at_once: bool = False
    until: date | None = None
    skipped: frozenset[date] = frozenset()
    wait_list: bool = False
    notice: timedelta = NOTICE
    link: str | None = None

    def __str__(self) -> str:
        """Say it in a line: Alice Marble, else Moscone: tennis, FREQ=WEEKLY;BYDAY=WE 18:00, 90 minutes."""
        where = ", else ".join(choice.facility for choice in self.choices)
        return f"{where}: {self.sport}, {self.when}, {self.length // timedelta(minutes=1)} minutes"

    @property
    def when(self) -> str:
        """The day, or the rule, as short as it can be said."""
        if self.rule is None:
            return f"{self.first:%Y-%m-%d %H:%M}"
        weekly = re.fullmatch(r"FREQ=WEEKLY;BYDAY=([A-Z,]+);BYHOUR=(\d+);BYMINUTE=(\d+)", self.rule)
        if not weekly:
            return self.rule
        days = [day.title()[:3] for day in WEEKDAYS if day[:2].upper() in weekly[1].split(",")]
        return f"every {', '.join(days)} {int(weekly[2]):02}:{int(weekly[3]):02}"

    def starts(self, after: datetime) -> Iterator[datetime]:
        """When its slots start on the wall clock, in order, those later than *after*."""
        for start in self._starts(after):
            if self.until is not None and start.date() > self.until:
                return
            if start > after and start.date() not in self.skipped:
                yield start

    def has_slot_on(self, day: date) -> bool:
        """Whether it wants a slot on *day*, or would if the day were not skipped."""
        morning = datetime.combine(day, time()) - timedelta(seconds=1)
        start = next(replace(self, skipped=frozenset()).starts(morning), None)
        return start is not None and start.date() == day

    def _starts(self, after: datetime) -> Iterable[datetime]:
        if self.rule is None:
            return [self.first]
        return read_rule(self.rule, self.first).starts(after)

    def slots(self, where: tzinfo, now: datetime) -> Iterator[Slot]:
        """Its slots that start after *now*; those at a time that the clocks skip are skipped."""
        for start in self.starts(now.astimezone(where).replace(tzinfo=None)):
            try:
                slot = window.slot(start.date(), start.time(), self.length, where)
            except UsageError:
                continue
            if slot.start > now:
                yield slot

    def request(
        self, start: datetime, choice: Choice, *, currency: str, waits: bool = False
    ) -> BookingRequest:
        """What to ask for at *choice* to have the slot that starts at *start* on the wall clock.

        Its maximum price is in *currency*; raises `UsageError` for a slot that ends on another day.
        """
        if (start + self.length).date() != start.date():
            raise UsageError(f"the slot at {start:%H:%M} does not end on its day")
        return BookingRequest(
            facility=choice.facility,
            sport=self.sport,
            day=start.date(),
            starts=tuple(dict.fromkeys((start.time(), *choice.or_starts))),
            length=self.length,
            only=tuple(dict.fromkeys(choice.courts)),
            at_once=self.at_once,
            max_price=None if self.max_price is None else parse_money(str(self.max_price), currency),
            pay=self.pay,
            link=self.link,
            wait_list=waits,
        )
