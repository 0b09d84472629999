"""A facility as data: its courts, what each can be had for, and when it opens; the same for every system."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TypeVar

from reserve import window
from reserve.errors import NoSuchSlot, UnknownAnswer, UsageError
from reserve.model import BookingRequest, Court, Limits, Offer, Offers, Published, Slot, WallTime
from reserve.money import Money
from reserve.window import OpeningRule

MINUTE = timedelta(minutes=1)
T = TypeVar("T")
NEAREST = 5  # slots that a refusal names


@dataclass(frozen=True)
class BookableCourt:
    """One court as its facility publishes it; what is not published is left at its default."""

    name: str
    ids: Mapping[str, str]  # sport -> the id under which the court is asked for
    window: OpeningRule | None
    lengths: Sequence[timedelta] = ()  # that it can be had for; empty for any
    longest: timedelta | None = None
    step: timedelta | None = None  # it starts at multiples of this from midnight, and lasts a multiple
    fixed: Mapping[int, Sequence[str]] | None = None  # its only slots, "18:00-19:30", by day (1 is Monday)
    an_hour: Money | None = None
    takes_reservations: bool = True
    unclear: str = "nothing says when it opens"  # why it has no window
    buffer: timedelta = timedelta(0)  # it has to be asked for so long before it starts
    doubts: Mapping[str, str] = field(default_factory=dict)  # slot of the wanted day -> what is guessed
    returns: Mapping[str, date] = field(default_factory=dict)  # slot that is missing then -> when it is back

    def fixed_on(self, day: date) -> Sequence[str] | None:
        """Its only slots on *day*, None when any time will do."""
        return None if self.fixed is None else self.fixed.get(day.isoweekday(), ())

    def unfit(self, slot: Slot) -> str | None:
        """Why it cannot be had for *slot*, None when it can."""
        fixed = self.fixed_on(slot.start.date())
        wanted = span(slot)
        length = slot.end - slot.start
        start = timedelta(hours=slot.start.hour, minutes=slot.start.minute, seconds=slot.start.second)
        if not self.takes_reservations:
            return "takes no reservations"
        if fixed is not None:
            return None if wanted in fixed else f"no {wanted} slot"
        if self.longest is not None and length > self.longest:
            return f"{self.longest // MINUTE} minutes at most"
        if self.lengths and length not in self.lengths:
            return f"only for {_minutes(self.lengths)}"
        if self.step and (start % self.step or length % self.step):
            return f"only in steps of {self.step // MINUTE} minutes; nothing starts at {slot.start:%H:%M}"
        return None

    def opens_at(self, start: datetime, insisted: WallTime | None = None) -> datetime | None:
        """When a slot that starts at *start* opens; where nothing says it, the player's word counts."""
        if self.window is not None:
            return self.window.opens_at(start)
        if insisted is None or start.tzinfo is None:
            return None
        return window.at(insisted.day, insisted.time, start.tzinfo, "--opens-at")

    @property
    def window_in_words(self) -> str:
        """When it opens, and until when it can be asked for, as a person would say it."""
        if not self.takes_reservations:
            return ""
        if self.window is None:
            return self.unclear
        until = f", until {self.buffer // MINUTE} minutes before it starts" if self.buffer else ""
        return self.window.in_words + until

    def lengths_on(self, day: date) -> str:
        """For how long, or when, it can be had on *day*, in words."""
        if not self.takes_reservations:
            return "takes no reservations"
        fixed = self.fixed_on(day)
        if fixed is not None:
            return ", ".join(fixed) or "no slot on that day"
        if self.lengths:
            return _minutes(self.lengths)
        longest = f"{self.longest // MINUTE} minutes" if self.longest else ""
        if self.step:
            return (
                f"{self.step // MINUTE} to {longest}" if longest else f"in steps of {_minutes([self.step])}"
            )
        return f"up to {longest}" if longest else "any length"

    def price_of(self, slot: Slot) -> Money | None:
        """What *slot* costs, as far as it is published; the order has the last word."""
        if self.an_hour is None:
            return None
        hours = (slot.end - slot.start) / timedelta(hours=1)
        return Money(round(self.an_hour.minor * hours), self.an_hour.currency)


@dataclass(frozen=True)
class Place:
    """One facility: its bookable courts in the order in which they are asked for."""

    id: str
    name: str
    zone: tzinfo
    courts: Sequence[BookableCourt]
    limits: Limits = field(default_factory=Limits)
    wants_code: bool = False
    address: str | None = None

    def court(self, wanted: str, among: Sequence[BookableCourt]) -> BookableCourt | None:
        """The court of *among* that the player calls *wanted*: by its name, its number, or its beginning.

        Raises `UsageError` when several are called so.
        """
        return meant(wanted, {court.name: court for court in reversed(among)}, "--only")

    def offers(self, request: BookingRequest) -> Offers:
        """What there is for *request*, in the order of preference; raises `UsageError` for nothing.

        A court of which nothing says when it opens is skipped, unless the player does; `UnknownAnswer` says
        so when nothing is left.
        """
        offers, skipped, exist, unclear = [], [], set[str](), ""
        doubts, returns = dict[str, None](), list[date]()
        courts = self._wanted(request)
        for start in request.starts:
            slot = window.slot(request.day, start, request.length, self.zone)
            for bookable in courts:
                court = Court(bookable.ids[request.sport], bookable.name, self.id)
                if why := bookable.unfit(slot):
                    skipped.append((court, why))
                    exist.update(bookable.fixed_on(request.day) or ())
                    returns += [bookable.returns[span(slot)]] if span(slot) in bookable.returns else []
                elif (opens_at := bookable.opens_at(slot.start, request.opens_at)) is None:
                    unclear = unclear or f"{bookable.name}: {bookable.unclear}"
                    skipped.append((court, bookable.unclear))
                else:
                    if doubt := bookable.doubts.get(span(slot)):
                        doubts[f"{slot} {doubt}"] = None
                    price = bookable.price_of(slot)
                    offers.append(Offer(court, slot, opens_at, price, bookable.buffer))
        if unclear and not offers:
            raise UnknownAnswer(f"{unclear}; if you know the moment, give it as --opens-at")
        if not offers:
            reasons = "; ".join(dict.fromkeys(why for _, why in skipped))
            nearest = sorted(exist, key=lambda slot: (_apart(slot, request.starts[0]), slot))
            there_are = f"the nearest that day: {', '.join(nearest[:NEAREST])}" if exist else reasons
            raise NoSuchSlot(
                f"no court of {self.name} offers {request.sport} at {slot}; {there_are}",
                min(returns, default=None),
            )
        return Offers(
            self.name,
            self.zone,
            tuple(offers),
            tuple(skipped),
            self.limits,
            self.wants_code,
            tuple(doubts),
            self.address,
        )

    def published(self, day: date, start: time) -> list[Published]:
        """Every court, and when a slot at *start* on *day* opens there."""
        moment, found = window.at(day, start, self.zone), []
        for court in self.courts:
            opens_at = court.opens_at(moment) if court.takes_reservations else None
            lengths = court.lengths_on(day)
            found.append(Published(court.name, tuple(court.ids), lengths, court.window_in_words, opens_at))
        return found

    def offers_on(self, day: date) -> list[Offer]:
        """Every slot of *day* that has a fixed time, court by court."""
        found = []
        for court in self.courts:
            for text in (court.fixed_on(day) or ()) if court.takes_reservations else ():
                start, _, end = text.partition("-")
                with suppress(
                    ValueError, UsageError
                ):  # in a form that nobody knows, or skipped by the clocks
                    times = (window.at(day, time.fromisoformat(each), self.zone) for each in (start, end))
                    slot = Slot(*times)
                    if (opens_at := court.opens_at(slot.start)) is not None:
                        asked = Court(next(iter(court.ids.values()), ""), court.name, self.id)
                        found.append(Offer(asked, slot, opens_at, court.price_of(slot), court.buffer))
        return found

    def _wanted(self, request: BookingRequest) -> Sequence[BookableCourt]:
        courts = [court for court in self.courts if request.sport in court.ids]
        if not courts:
            sports = ", ".join(sorted({sport for court in self.courts for sport in court.ids}))
            only = f"; it has {sports}" if sports else ""
            raise UsageError(f"--sport: {self.name} has no {request.sport} court{only}")
        wanted = []
        for name in request.only:
            court = self.court(name, courts)
            if court is None:
                names = ", ".join(court.name for court in courts)
                raise UsageError(f"--only: {self.name} has no {request.sport} court {name!r}; it has {names}")
            wanted.append(court)
        return wanted or courts


def span(slot: Slot) -> str:
    """*slot* as fixed ones are published: 18:00-19:30."""
    return f"{slot.start:%H:%M}-{slot.end:%H:%M}"


def _apart(slot: str, start: time) -> int:
    """How many minutes lie between the start of *slot*, e.g. 18:00-19:30, and *start*."""
    try:
        begins = time.fromisoformat(slot.partition("-")[0])
    except ValueError:  # published in a form that nobody knows
        return 24 * 60
    return abs((begins.hour - start.hour) * 60 + begins.minute - start.minute)


def called(name: str, ids: dict[str, str], option: str = "--court") -> str:
    """The id of what is called *name*, whatever its letters; a near miss is suggested, never taken."""
    if (found := meant(name, ids, option)) is not None:
        return found
    by_plain = {plain(each): each for each in reversed(ids)}
    by_word = {word: each for known, each in by_plain.items() for word in known.split()}
    near = [by_plain[each] for each in difflib.get_close_matches(plain(name), by_plain, n=3, cutoff=0.5)]
    near = near or [
        by_word[each] for each in difflib.get_close_matches(plain(name), by_word, n=1, cutoff=0.7)
    ]
    nearest = f"the nearest {'are' if len(near) > 1 else 'is'} {', '.join(near)}"
    raise UsageError(
        f"{option}: no facility is called {name!r}; "
        + (nearest if near else f"there are {', '.join(sorted(ids))}")
    )


def meant(wanted: str, by_name: Mapping[str, T], option: str) -> T | None:
    """What is called *wanted*, or alone begins so, or alone has this number; None when nothing is.

    Raises `UsageError` that lists the candidates when there are several.
    """
    by_plain = {plain(each): each for each in reversed(list(by_name))}  # of two that look alike, the first
    word = plain(wanted)
    if word in by_plain:
        return by_name[by_plain[word]]
    if word.isdecimal():  # Court 1, and not Court 10
        found = [name for each, name in by_plain.items() if re.findall(r"\d+", each) == [word]]
    else:
        found = [name for each, name in by_plain.items() if word and each.startswith(word)]
    if len(found) > 1:
        names = ", ".join(sorted(found, key=by_number))
        raise UsageError(f"{option}: {wanted!r} may be {names}; which is meant?")
    return by_name[found[0]] if found else None


def plain(name: str) -> str:
    """*name* without case, accents and surplus blanks."""
    letters = unicodedata.normalize("NFKD", name)
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).casefold().split())


def by_number(name: str) -> list[tuple[int, str]]:
    """A key to sort names by: Court 2 comes before Court 10."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def _minutes(lengths: Sequence[timedelta]) -> str:
    return f"{', '.join(str(length // MINUTE) for length in lengths)} minutes"
