"""The values everything else speaks in: plain, frozen, and ignorant of the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from reserve.errors import UsageError


@dataclass(frozen=True, order=True)
class Slot:
    """A start and an end, both with a time zone."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse a slot without a zone or without a length."""
        if self.start.utcoffset() is None or self.end.utcoffset() is None:
            raise ValueError("a slot needs a time zone")
        if self.end <= self.start:
            raise UsageError("the slot ends before it starts")

    def __str__(self) -> str:
        """Say it as a person would: 2026-11-27 18:00-19:30."""
        return f"{self.start:%Y-%m-%d %H:%M}-{self.end:%H:%M}"


@dataclass(frozen=True)
class Court:
    """One bookable surface, under the id its booking system knows."""

    id: str
    name: str


@dataclass(frozen=True)
class Offer:
    """One court for one slot: when its booking window opens, and what it costs as far as we know."""

    court: Court
    slot: Slot
    opens_at: datetime
    price_cents: int | None = None

    def __str__(self) -> str:
        """Name the court; the slot is usually the same for all."""
        return self.court.name


@dataclass(frozen=True)
class Hold:
    """A court that is ours for the moment: the order behind it, its price, and when it lapses."""

    offer: Offer
    order_id: str
    price_cents: int | None = None
    expires_at: datetime | None = None
    link: str | None = None


@dataclass(frozen=True)
class Reservation:
    """A court that is ours."""

    court: Court
    slot: Slot
    order_id: str | None = None
    price_cents: int | None = None


@dataclass(frozen=True)
class Account:
    """Who plays, and how the booking system knows them; secrets stay out of `repr`."""

    email: str
    password: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class BookingRequest:
    """What the player asks for, in the facility's own wall-clock time.

    `starts` holds the wanted start times in order of preference, all of the same `length`; `only` names
    sub-courts in order of preference and is empty for *any*; `opens_at` is the opening the player insists on.
    """

    facility: str
    sport: str
    day: date
    starts: tuple[time, ...]
    length: timedelta
    only: tuple[str, ...] = ()
    opens_at: datetime | None = None
    at_once: bool = False
    max_price_cents: int | None = None
    pay: str = "by-hand"
    patience: timedelta = timedelta(seconds=10)
