"""The player's bookings as rec.us lists them, and where and when each of them is (rec.us facts 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Annotated, TypeVar

from msgspec import Meta

from reserve import window
from reserve.errors import UnknownAnswer, UsageError
from reserve.http import Answer
from reserve.model import Court, Slot
from reserve.systems.reading import NOTHING, Maybe, Readable, fitting, moment, read
from reserve.systems.recus.answers import Id, Part
from reserve.systems.recus.orders import id_in, slot_in

USUAL_PAGE = 25  # entries, whatever one asks for (facts 2.2)

T = TypeVar("T")
Count = Annotated[int, Meta(ge=0)]
Places = list[tuple[Court, Slot]]


class Player(Part):
    """Who is signed in (facts 3.1)."""

    id: Id


class ListedBooking(Part):
    """One booking; what belongs to it has one of its ids."""

    id: object = None
    status: object = None
    time_status: object = None
    type: object = None
    created_at: object = None
    updated_at: object = None
    canceled_at: object = None
    linked_reservation_id: object = None
    reservation_id: object = None
    facility_rental_id: object = None

    @property
    def is_confirmed(self) -> bool:
        """Whether it is paid; its rental says so long before (facts 3.3)."""
        return self.status == "confirmed"

    @property
    def is_past(self) -> bool:
        """Whether it is over."""
        return self.time_status == "past"

    @property
    def created(self) -> datetime | None:
        """When it was made, by the server's own clock."""
        return moment(self.created_at)

    @property
    def ids(self) -> frozenset[str]:
        """Those under which an order may name it."""
        ids = (self.id, self.linked_reservation_id, self.reservation_id)
        return frozenset(text for each in ids if (text := id_in(each)))


class BookedTime(Part):
    """When a booking is; in their words a reservation."""

    id: object = None
    booking_id: object = None
    facility_rental_id: object = None
    location_id: object = None
    starts_at: object = None
    ends_at: object = None
    reservation_timestamp_range: object = None  # local
    canceled_at: object = None


class Site(Part):
    """Where a booking is."""

    id: object = None
    court_number: object = None  # its name
    name: object = None
    location_id: object = None


class Zoned(Part):
    """The facility of a booking."""

    id: object
    timezone: str


class Included(Part, dict=True):
    """What comes with bookings: lists, or objects keyed by id."""

    reservations: object = None
    sites: object = None
    locations: object = None
    reservation_site_ids: object = None

    @cached_property
    def times(self) -> list[BookedTime]:
        """When they are."""
        return _entries(self.reservations, BookedTime)

    @cached_property
    def courts(self) -> list[Site]:
        """Where they are."""
        return _entries(self.sites, Site)


class Pages(Part):
    """Which part of a list a page is."""

    size: Maybe[Count] = NOTHING
    total_results: Maybe[Count] = NOTHING


class Bookings(Part):
    """A page of bookings."""

    data: list[Maybe[ListedBooking]]
    included: Maybe[Included] = NOTHING
    meta: object = None

    def is_last(self, seen: int) -> bool:
        """Whether no page follows, where *seen* bookings were listed with this page."""
        if not self.data or self.total is not None:
            return not self.data or seen >= (self.total or 0)
        return len(self.data) < (self._pages.size.value or USUAL_PAGE)

    @property
    def total(self) -> int | None:
        """How many bookings there are on all pages, if that is said."""
        return self._pages.total_results.value

    @property
    def _pages(self) -> Pages:
        return fitting(self.meta, Pages, "pg") or Pages()


def bookings_in(answer: Answer) -> Bookings:
    """The page of bookings in *answer*, perhaps a bare list; raises `UnknownAnswer` when it is none."""
    bare = fitting(answer.json(), list[Maybe[ListedBooking]])
    page = read(answer, Bookings) if bare is None else Bookings(bare)
    if page.data and all(each.value is None for each in page.data):
        raise UnknownAnswer(f"{answer.asked}: the answer ({answer.status}) has no booking we can read")
    return page


def booking_in(answer: Answer) -> tuple[ListedBooking, Included]:
    """The one booking in *answer*, and what came with it: wrapped or not (facts 3.5)."""
    booking = read(answer, ListedBooking, "data.booking", "data")
    return booking, fitting(answer.json(), Included, "included") or Included()


def places_of(
    booking: ListedBooking, included: Included, zone: tzinfo, *, is_alone: bool = False
) -> Places | None:
    """Where and when *booking* is, by what came with it; None when that does not say.

    It is nowhere when its reservations were cancelled, which may be so while it is not (facts 3.5). When it
    *is_alone*, the only reservation there is its own. Local times are those of its facility, or of *zone*.
    """
    listed = included.times
    mine = [each for each in listed if _belong(booking, each)]
    if not mine and is_alone and len(listed) == 1:
        mine = listed
    live = [each for each in mine if not each.canceled_at]
    if mine and not live:
        return []
    return [place for each in live for place in _places(each, included, zone)] or None


def _places(booked: BookedTime, included: Included, zone: tzinfo) -> Places:
    """Every court of one reservation, with its slot; none when nothing says when it is."""
    facility = id_in(booked.location_id)
    start, end = moment(booked.starts_at), moment(booked.ends_at)
    if start and end and start < end:
        local = _zone(facility, included) or zone
        slot: Slot | None = Slot(start.astimezone(local), end.astimezone(local))
    else:
        slot = slot_in(booked.reservation_timestamp_range, _zone(facility, included) or zone)
    if slot is None:
        return []
    sites = included.courts
    of_each = included.reservation_site_ids
    ids = of_each.get(id_in(booked.id)) if isinstance(of_each, dict) else None
    wanted = {id_in(each) for each in (ids if isinstance(ids, list) else [ids])} - {None}
    found = [each for each in sites if id_in(each.id) in wanted or (len(sites) == 1 and not wanted)]
    return [
        (
            Court(
                id_in(site.id) or "",
                id_in(site.court_number) or id_in(site.name) or "a court",
                facility or id_in(site.location_id) or "",
            ),
            slot,
        )
        for site in found or [Site()]
    ]


def _zone(facility: str | None, included: Included) -> tzinfo | None:
    for each in _entries(included.locations, Zoned):
        if id_in(each.id) == facility:
            with suppress(UsageError):
                return window.zone(each.timezone)
    return None


def _belong(booking: ListedBooking, booked: BookedTime) -> bool:
    """Whether both are about one thing."""
    links = (
        (booking.linked_reservation_id, booked.id),
        (booking.reservation_id, booked.id),
        (booking.id, booked.booking_id),
        (booking.facility_rental_id, booked.facility_rental_id),
    )
    return any(id_in(mine) is not None and id_in(mine) == id_in(its) for mine, its in links)


def _entries(value: object, model: type[T]) -> list[T]:
    """Those of a list that can be read, or of an object, where an entry's key is its id."""
    if isinstance(value, Mapping):
        value = [{"id": key, **each} for key, each in value.items() if isinstance(each, Mapping)]
    return list(fitting(value, Readable[model]) or ())  # type: ignore[valid-type]
