"""When a slot opens, in the facility's own time zone; the only time-zone arithmetic."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

import pytz
from dateutil.parser import isoparse

from reserve.errors import TooFarAhead, UsageError
from reserve.model import BookingRequest, Offer, Offers, Opening, Slot

REACH = timedelta(hours=24)  # a run waits at most this long for an opening; cron is better at longer waits
STAMP = "%Y-%m-%d %H:%M:%S"
SLOT_BY_SLOT = ", slot by slot"  # each opens at a moment of its own


def zone(name: str) -> tzinfo:
    """The time zone called *name*; raises `UsageError` when there is none."""
    try:
        return pytz.timezone(name)
    except pytz.UnknownTimeZoneError:
        raise UsageError(f"time zone {name!r} is not known") from None


def at(day: date, wall: time, where: tzinfo, option: str = "the time") -> datetime:
    """The moment when the clocks of *where* show *wall* on *day*.

    Raises `UsageError` naming *option* for a time the clocks skip; of one shown twice, the first is meant.
    """
    naive = datetime.combine(day, wall)
    if not hasattr(where, "localize"):
        return naive.replace(tzinfo=where)
    try:
        return where.localize(naive, is_dst=None)  # type: ignore[no-any-return]
    except pytz.AmbiguousTimeError:
        return where.localize(naive, is_dst=True)  # type: ignore[no-any-return]
    except pytz.NonExistentTimeError:
        raise UsageError(
            f"{option}: {wall:%H:%M} does not exist on {day}, when clocks go forward; choose another time"
        ) from None


def slot(day: date, start: time, length: timedelta, where: tzinfo) -> Slot:
    """The slot from *start* on *day*, *length* long on the clock of *where*."""
    end = datetime.combine(day, start) + length
    return Slot(at(day, start, where, "--start-time"), at(end.date(), end.time(), where, "--end-time"))


@dataclass(frozen=True)
class DaysAhead:
    """A window that opens a number of calendar days ahead, at a time on the facility's clock.

    Without a *time* it opens slot by slot, each at the time at which it starts.
    """

    days: int
    time: time | None = None

    def __str__(self) -> str:
        """The rule as it is kept: 7 days 08:00:00."""
        return f"{self.days} days {self.time}" if self.time else f"{self.days} days"

    def opens_at(self, start: datetime) -> datetime:
        """When a slot that starts at *start* (in the facility's zone) can be booked.

        A release time that the clocks skip is reached when they have been put forward.
        """
        day = start.date() - timedelta(days=self.days)
        wall = self.time or start.time()
        where = getattr(start.tzinfo, "zone", None)
        local = pytz.timezone(where) if where else start.tzinfo
        if local is None:
            raise ValueError("a slot needs a time zone")
        try:
            return at(day, wall, local)
        except UsageError:
            return at(day, (datetime.combine(day, wall) + timedelta(hours=1)).time(), local)

    @property
    def in_words(self) -> str:
        """The rule as a person would say it."""
        return f"{self.days} days ahead" + (f" at {self.time:%H:%M}" if self.time else SLOT_BY_SLOT)


@dataclass(frozen=True)
class HoursAhead:
    """A window that opens a number of real hours ahead, whatever the clocks on the wall do."""

    hours: float

    def __str__(self) -> str:
        """The rule as it is kept: 168 hours."""
        return f"{self.hours:.9g} hours"

    def opens_at(self, start: datetime) -> datetime:
        """When a slot that starts at *start* can be booked, in the zone of *start*."""
        moment = start.astimezone(pytz.utc) - timedelta(hours=self.hours)
        return moment.astimezone(start.tzinfo)

    @property
    def in_words(self) -> str:
        """The rule as a person would say it."""
        return f"{self.hours:g} hours ahead{SLOT_BY_SLOT}"


OpeningRule = DaysAhead | HoursAhead


def parse_opening_rule(text: str) -> OpeningRule:
    """The rule that was kept as *text*."""
    number, unit, *rest = text.split()
    if unit == "hours":
        return HoursAhead(float(number))
    return DaysAhead(int(number), time.fromisoformat(rest[0]) if rest else None)


def rule_behind(seen: Sequence[tuple[datetime, datetime]]) -> OpeningRule:
    """The rule behind *seen*, pairs of a start and its opening in the facility's zone; the last one counts.

    Days are what booking systems mean by it, unless only hours explain all that was seen.
    """
    start, opens_at = seen[-1]
    hours = HoursAhead(round((start - opens_at) / timedelta(hours=1)))
    days = DaysAhead((start.date() - opens_at.date()).days, opens_at.time())
    by_hours = sum(hours.opens_at(each) == opening for each, opening in seen)
    by_days = sum(days.opens_at(each) == opening for each, opening in seen)
    return hours if by_hours > by_days else days


def clock_changes(where: tzinfo, after: datetime, most: int = 2) -> list[datetime]:
    """The next moments, to the minute, at which the clocks of *where* are changed; within two years."""
    found: list[datetime] = []
    for week in range(107):
        low, high = after + timedelta(weeks=week), after + timedelta(weeks=week + 1)
        if low.astimezone(where).utcoffset() == high.astimezone(where).utcoffset():
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            is_before = middle.astimezone(where).utcoffset() == low.astimezone(where).utcoffset()
            low, high = (middle, high) if is_before else (low, middle)
        found.append((high.astimezone(where) - timedelta(seconds=high.second)).replace(microsecond=0))
        if len(found) == most:
            break
    return found


def choose(
    found: Offers, request: BookingRequest, now: datetime, *, reach: timedelta | None = REACH
) -> Opening:
    """Which opening to wait for, and which offers can be asked for then.

    What is open already is booked now. Otherwise the earliest opening counts, unless the player names one:
    the player's word wins, with a warning when it differs from what the booking system publishes. Raises
    `UsageError` for a slot in the past or too near, and for an opening that is further ahead than *reach*.
    """
    offers = tuple(offer for offer in found.offers if offer.slot.start > now and offer.closes_at >= now)
    if not offers:
        raise UsageError(_too_near(found.offers[0], now))
    if request.opens_at is not None:
        insisted = at(request.opens_at.day, request.opens_at.time, found.zone, "--opens-at")
        if reach is not None and insisted - now > reach:
            raise TooFarAhead(f"--opens-at: {insisted:{STAMP}} ({found.zone}) is too far ahead to wait for")
        return _insisted(found, offers, insisted, now)
    published = min(offer.opens_at for offer in offers)
    if published <= now:
        return _opening(found, now.astimezone(found.zone), offers, published=now)
    if reach is not None and published - now > reach:
        raise TooFarAhead(
            f"--date: {found.facility} opens this slot at {published:{STAMP}} ({found.zone}), "
            "too far ahead to wait for"
        )
    return _opening(found, published, offers, published=published)


def _insisted(found: Offers, offers: tuple[Offer, ...], moment: datetime, now: datetime) -> Opening:
    published = min(offer.opens_at for offer in offers)
    warning = None
    if all(offer.opens_at != moment for offer in offers):
        warning = (
            f"--opens-at says {moment:{STAMP}}, but {found.facility} publishes {published:{STAMP}} "
            f"({found.zone}); going by --opens-at"
        )
    return _opening(found, moment, offers, published=max(moment, published, now), warning=warning)


def _opening(
    found: Offers,
    moment: datetime,
    offers: tuple[Offer, ...],
    *,
    published: datetime,
    warning: str | None = None,
) -> Opening:
    """Keep what is open at *published*, and say when the rest opens."""
    kept = tuple(offer for offer in offers if offer.opens_at <= published)
    later = tuple(offer for offer in offers if offer not in kept)
    why = tuple((each.court, f"{each.slot} opens only at {each.opens_at:{STAMP}}") for each in later)
    return Opening(moment, kept, found.skipped + why, later, warning)


def _too_near(offer: Offer, now: datetime) -> str:
    if offer.slot.start <= now:
        return f"{offer.slot} is in the past: check --date and --start-time"
    minutes = offer.buffer // timedelta(minutes=1)
    return f"{offer.slot} is too near: it has to be reserved {minutes} minutes ahead; choose a later slot"


def parse_day(text: str, option: str) -> date:
    """The date in *text*, as `YYYY-MM-DD`; raises `UsageError` naming *option*."""
    try:
        if not re.fullmatch(r"2\d{3}-\d\d-\d\d", text.strip(), re.ASCII):
            raise ValueError
        return isoparse(text.strip()).date()
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a date; write it as 2026-11-27") from None


def parse_time(text: str, option: str) -> time:
    """The time in *text*, as `HH:MM` or `HH:MM:SS`; raises `UsageError` naming *option*."""
    try:
        return time.fromisoformat(_padded(text)).replace(microsecond=0, tzinfo=None)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is not a time; write it as 18:00 or 18:00:00") from None


def _padded(text: str) -> str:
    """`8:00` becomes `08:00`; anything but two or three parts is refused."""
    parts = text.strip().split(":")
    if len(parts) not in (2, 3) or not all(part.isascii() and part.isdigit() for part in parts):
        raise ValueError
    return ":".join(part.zfill(2) for part in parts)
