"""What rec.us answers, as far as we read it, and what its refusals mean: all guessing about its API.

Of an `object` only its truth counts, or what it equals.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from reserve.errors import LimitReached, NotOpenYet, NotVerified, SlotTaken
from reserve.http import Answer
from reserve.model import Court, Slot
from reserve.systems.reading import NOTHING, Amount, Maybe, Readable, fitting, moment
from reserve.systems.refusals import Words

# What the texts of refusals mean. Only the daily limit is recorded (facts 4); the rest are the words of the
# web page and of documents about it. Whatever matches none of them stays unknown, and so does a court that is
# merely "not available": it may be taken, or not open yet.
REFUSALS: Words = (
    (r"(daily|weekly|booking) (booking )?limit|limit of \d+ reached|limit reached", LimitReached),
    (r"already (reserved|booked|taken)|no longer available", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|released at|in advance", NotOpenYet),
    (r"verif|totp|one-time|mobile code", NotVerified),
)  # fmt: skip

Days = Annotated[int, Meta(ge=0, le=1000)]  # ahead
Minutes = Annotated[float, Meta(gt=0, le=24 * 60)]
Id = int | str


class Part(Struct, rename="camel"):
    """A part of an answer."""


class Named(Part):
    """One facility in the list of all (facts 2.4)."""

    id: str
    name: str


class FixedSlot(Part):
    """A slot that a court has every week (facts 2.3, 2.8)."""

    day_of_week: int  # 1 is Monday
    start_time_local: str
    end_time_local: str


class Policy(Part):
    """A rule of a court, in its `config.bookingPolicies`."""

    type: object = None
    is_active: object = None
    slots: Readable[FixedSlot] | None = None


class DefaultPrice(Part):
    """What a court costs where no rule says otherwise."""

    type: str
    cents: Amount


class CourtSport(Part):
    """One sport on a court; a reservation asks for its `id`, the courtSportId (facts 2.1)."""

    id: str
    sport_id: str


class PublishedCourt(Part):
    """One court (facts 2.3)."""

    court_number: str  # its name
    archived_at: object = None
    is_instant_bookable: object = None  # a bool or null
    sports: Readable[CourtSport] | None = None
    config: object = None
    max_reservation_time: Maybe[str] = NOTHING
    allowed_reservation_durations: object = None
    default_reservation_window_days: Maybe[Days] = NOTHING
    reservation_release_time_local: Maybe[str] = NOTHING


class Facility(Part):
    """One facility (facts 2.3)."""

    name: str
    timezone: str
    courts: Readable[PublishedCourt]
    id: Maybe[Id] = NOTHING
    default_reservation_window: Maybe[Days] = NOTHING
    reservation_release_time_local: Maybe[str] = NOTHING
    reservation_requires_verification: object = None


class CourtDay(Part):
    """A court's day in the schedule, its pieces by their span: "09:00, 19:30" (facts 2.5)."""

    court_number: object = None
    schedule: dict[str, object] = {}


class OrderAnswer(Part):
    """The record behind a hold (facts 3.3, 3.5)."""

    id: str
    status: object = None
    total: Maybe[Amount] = NOTHING
    max_credit_adjustment_allowed: Maybe[Amount] = NOTHING
    expires_at: object = UNSET
    items: object = UNSET

    @property
    def is_open(self) -> bool:
        """Whether it waits to be paid."""
        return self.status in (None, "pending")


def order_in(answer: Answer) -> OrderAnswer | None:
    """The order in *answer*, if there is one: under `data.order`, `order` or `data`, or bare (facts 3.3)."""
    body = answer.json()
    if wrapped := fitting(body, OrderAnswer, "data.order", "order"):
        return wrapped
    for place in ("data", ""):
        found = fitting(body, OrderAnswer, place)
        if found and (
            found.total is not NOTHING or found.items is not UNSET or found.expires_at is not UNSET
        ):
            return found  # and neither a payment nor a booking
    return None


class Gateway(Part):
    """What Stripe needs to confirm a payment (facts 3.4); nothing without a card."""

    payment_methods: object


class ListedBooking(Part):
    """One booking; what belongs to it has one of its ids (facts 3.5)."""

    id: object = None
    status: object = None
    time_status: object = None
    canceled_at: object = None
    linked_reservation_id: object = None
    reservation_id: object = None
    facility_rental_id: object = None


class BookedTime(Part):
    """When a booking is; in their words a reservation."""

    id: object = None
    booking_id: object = None
    facility_rental_id: object = None
    location_id: object = None
    starts_at: object = None
    ends_at: object = None


class Site(Part):
    """Where a booking is."""

    id: Id
    court_number: object = None
    name: object = None
    location_id: object = None


class Included(Part):
    """What comes with bookings."""

    reservations: Maybe[Readable[BookedTime]] = NOTHING
    sites: Maybe[Readable[Site]] = NOTHING
    reservation_site_ids: Maybe[dict[str, Maybe[Readable[Id]]]] = NOTHING


class Bookings(Part):
    """A page of bookings."""

    data: list[Maybe[ListedBooking]]
    included: Maybe[Included] = NOTHING


def court_and_slot(booking: ListedBooking, included: Included | None) -> tuple[Court, Slot] | None:
    """Where and when a booking is, from what came with it."""
    if included is None:
        return None
    sites = {site.id: site for site in included.sites.value or ()}
    sites_of = included.reservation_site_ids.value or {}
    for booked in included.reservations.value or ():
        if not _belong(booking, booked):
            continue
        ids = sites_of.get(str(booked.id), NOTHING).value or ()
        site = next((sites[each] for each in ids if each in sites), Site(""))
        start, end = moment(booked.starts_at), moment(booked.ends_at)
        if start is None or end is None or end <= start:
            return None
        name = site.court_number or site.name or "a court"
        return Court(str(site.id), str(name), str(booked.location_id or site.location_id or "")), Slot(
            start, end
        )
    return None


def _belong(booking: ListedBooking, booked: BookedTime) -> bool:
    """Whether both are about one thing."""
    links = (
        (booking.linked_reservation_id, booked.id),
        (booking.reservation_id, booked.id),
        (booking.id, booked.booking_id),
        (booking.facility_rental_id, booked.facility_rental_id),
    )
    return any(mine is not None and mine == its for mine, its in links)
