"""The values everything else speaks in: plain, frozen, and ignorant of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from reserve.errors import Meaning, UsageError
from reserve.money import Money

SHORT, LONGEST_ID = 8, 12  # letters; what a person sees of an id, and when that is not all of it


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
    """One bookable surface, under the id its booking system knows.

    `facility` is the id of its facility, empty where a booking system does not tell.
    """

    id: str
    name: str
    facility: str = ""

    def is_same(self, other: Court) -> bool:
        """Whether both are one court, by name and facility: answers differ in the id they give a court."""
        where = {self.facility, other.facility} - {""}
        return self.name == other.name and len(where) <= 1


@dataclass(frozen=True)
class Published:
    """A court as its booking system tells everybody: for how long it can be had, and when a day opens."""

    court: str
    sports: tuple[str, ...]
    lengths: str
    window: str
    opens_at: datetime | None = None


@dataclass(frozen=True)
class Offer:
    """One court for one slot: when its booking window opens, and what it costs as far as we know.

    It has to be asked for so long before it starts as its `buffer` says.
    """

    court: Court
    slot: Slot
    opens_at: datetime
    price: Money | None = None
    buffer: timedelta = timedelta(0)

    @property
    def closes_at(self) -> datetime:
        """The last moment at which it can be asked for."""
        return self.slot.start - self.buffer

    def __str__(self) -> str:
        """Name the court; the slot is usually the same for all."""
        return self.court.name


@dataclass(frozen=True)
class Shown:
    """One court for one slot as everybody is shown it, and whether nobody is there yet."""

    offer: Offer
    is_free: bool

    def state(self, now: datetime) -> str:
        """In a word: free, taken, too late, or not open yet."""
        if self.offer.closes_at < now:
            return "too late"
        if not self.is_free:
            return "taken"
        return "free" if self.offer.opens_at <= now else "not open yet"


@dataclass(frozen=True)
class Limits:
    """How many courts one player may have, per calendar day and per week from Monday; None for no limit."""

    per_day: int | None = None
    per_week: int | None = None


@dataclass(frozen=True)
class Offers:
    """What a facility has for a booking request, in order of preference, and what was skipped and why."""

    facility: str
    zone: tzinfo
    offers: tuple[Offer, ...]
    skipped: tuple[tuple[Court, str], ...] = ()
    limits: Limits = Limits()
    wants_code: bool = False
    doubts: tuple[str, ...] = ()  # what is inferred about the slots, and not published
    address: str | None = None  # of the facility, for a letter or a map


@dataclass(frozen=True)
class Opening:
    """The moment a run waits for, what can be asked for then, and what opens `later`."""

    opens_at: datetime
    offers: tuple[Offer, ...]
    skipped: tuple[tuple[Court, str], ...] = ()
    later: tuple[Offer, ...] = ()
    warning: str | None = None


def short(id_: str) -> str:
    """*id_* for a person: of a long one the beginning, which is enough for `bookings cancel` as a rule."""
    return id_ if len(id_) <= LONGEST_ID else id_[:SHORT]


Bounds = tuple[timedelta, timedelta]  # at least, and at most


@dataclass(frozen=True)
class SeenOpening:
    """What an opening of a facility showed, each if it did.

    `delay` is how late it opened, counted from our first moment; `ahead` is how far the clock that decides
    was ahead of the one that stamps answers.
    """

    delay: Bounds | None = None
    ahead: Bounds | None = None


@dataclass(frozen=True)
class HoldStamp:
    """When a booking system made a hold, and when it wrote its answer, by its own clock; None if not known.

    What *is_assumed* was worked out from when the hold lapses, and from how long holds are said to last.
    """

    made: datetime | None
    written: datetime | None = None
    is_assumed: bool = False


@dataclass(frozen=True)
class Reservation:
    """A court that is ours, with the order that it came of and the moment it was held, as far as we know."""

    court: Court
    slot: Slot
    order_id: str | None = None
    price: Money | None = None
    stamp: HoldStamp | None = field(default=None, compare=False)
    booking_id: str | None = field(
        default=None, compare=False
    )  # to cancel it by, where that is not the order's


@dataclass(frozen=True)
class Hold:
    """A court that is ours for the moment: the order behind it, its price, and when it lapses, if known.

    `details` holds what only its booking system needs to know, to confirm it or to release it.
    """

    offer: Offer
    order_id: str
    price: Money | None = None
    expires_at: datetime | None = None
    link: str | None = None
    details: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    stamp: HoldStamp | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Name the order and the court, as messages do."""
        return f"order {short(self.order_id)} for {self.offer.court.name}"

    def is_of(self, offer: Offer) -> bool:
        """Whether it is of the court and the slot of *offer*."""
        return self.offer.court.is_same(offer.court) and self.offer.slot == offer.slot

    def is_now(self, reservation: Reservation) -> bool:
        """Whether *reservation* is what became of this hold: of its order, or of its court and slot."""
        offer = self.offer
        is_there = reservation.court.is_same(offer.court) and reservation.slot == offer.slot
        return is_there or reservation.order_id == self.order_id


@dataclass(frozen=True)
class Order:
    """The record behind a hold as it stands: what is in it, what is still to be paid, and what was paid.

    An item that nobody can read is None, and so is an amount; no items at all mean that it does not say.
    """

    items: tuple[Hold | None, ...] = ()
    due: Money | None = None
    is_open: bool = True  # so that it can be paid
    is_gone: bool = False  # for good
    is_settled: bool = False
    charged: Money | None = None  # once it is settled
    credit: Money | None = None  # of the player, which may be used for it
    expires_at: datetime | None = None

    def besides(self, offer: Offer) -> list[Hold | None]:
        """Its items but one that is *offer*."""
        others = list(self.items)
        ours = next((each for each in others if each is not None and each.is_of(offer)), None)
        if ours is not None:
            others.remove(ours)
        return others

    def is_without(self, offer: Offer) -> bool:
        """Whether it says what is in it, and *offer* is not."""
        return bool(self.items) and len(self.besides(offer)) == len(self.items)


class ActionKind(StrEnum):
    """What a run writes down: before it is done, or, for what the booking system does, after."""

    ASKING = "asking"
    HELD = "held"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    KEPT = "kept"  # a hold, for the player to pay
    RELEASED = "released"


class Phase(StrEnum):
    """What a run under way is about, for whoever watches it; a run goes forward only."""

    WAITING = "waiting"  # until it is time to sign in
    SIGNING_IN = "signing-in"
    SIGNED_IN = "signed-in"
    CODE_ASKED = "code-asked"
    CODE_ACCEPTED = "code-accepted"
    RACING = "racing"  # and aiming before that
    WAIT_LIST = "wait-list"


class SpanKind(StrEnum):
    """What a run spends its time on, besides the attempts."""

    FIND = "find"  # what the facility has
    SIGN_IN = "sign-in"
    CODE_ASKED = "code-asked"
    CODE_AWAITED = "code-awaited"
    CODE_ENTERED = "code-entered"
    AIM = "aim"  # by the server's clock
    WARM = "warm"  # the connections
    WAIT = "wait"  # on the waiting list
    SETTLE = "settle"
    PAY = "pay"


@dataclass(frozen=True)
class Span:
    """From when to when a run was busy with one thing, and whether that succeeded."""

    kind: SpanKind
    began: datetime
    ended: datetime
    is_done: bool = True


@dataclass(frozen=True)
class Attempt:
    """One request for one court: when it should have left and did, when its answer came, and what that meant.

    `stamp` is the server's own time when it answered, in whole seconds, if it said so; a hold says more:
    `held`. `way` tells apart how it was asked for, where there are several ways.
    """

    court: str
    planned: datetime
    sent: datetime
    answered: datetime
    meaning: Meaning
    stamp: datetime | None = None
    held: HoldStamp | None = None
    way: str | None = None


@dataclass(frozen=True)
class RivalHold:
    """When somebody else had a court, as only a simulator tells."""

    moment: datetime
    court: str


@dataclass(frozen=True)
class Account:
    """Who plays, and how the booking system knows them; secrets stay out of `repr`.

    `details` holds what only one booking system asks for, by the name of its environment variable; `name` is
    that of the stored account it is from.
    """

    email: str
    password: str = field(repr=False)
    phone: str | None = field(default=None, repr=False)
    details: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str | None = None


@dataclass(frozen=True)
class WallTime:
    """What the facility's wall clock will show: a day and a time, before we know its zone."""

    day: date
    time: time


@dataclass(frozen=True)
class BookingRequest:
    """What the player asks for, in the facility's own wall-clock time.

    `starts` holds the wanted start times in order of preference, all of the same `length`; `only` names
    sub-courts in order of preference and is empty for *any*; `opens_at` is the opening the player insists on;
    `link` is where the booking system itself shows what is wanted.
    """

    facility: str
    sport: str
    day: date
    starts: tuple[time, ...]
    length: timedelta
    only: tuple[str, ...] = ()
    opens_at: WallTime | None = None
    at_once: bool = False
    max_price: Money | None = None
    pay: str = "by-hand"
    sign_in: str | None = None  # one of the ways the booking system has; None where it has but one
    patience: timedelta = timedelta(seconds=10)
    link: str | None = None
    wait_list: bool = False

    def __str__(self) -> str:
        """Say it in a line: Alice Marble, tennis, Fri 2026-11-27 18:00."""
        starts = " or ".join(f"{start:%H:%M}" for start in self.starts)
        return f"{self.facility}, {self.sport}, {self.day:%a %Y-%m-%d} {starts}"
