"""Orders as rec.us tells of them: what is held, its price, whether it is paid (rec.us facts 3.3 to 3.5)."""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from typing import Annotated

from msgspec import UNSET, Meta

from reserve.http import Answer
from reserve.model import Court, HoldStamp, Offer, Slot
from reserve.systems.reading import NOTHING, Maybe, Readable, fitting, moment
from reserve.systems.recus.answers import Part

SETTLED = ("paid", "succeeded", "settled", "complete", "completed")  # an order, or a payment (facts 3.4)
HOLD_LENGTH = timedelta(minutes=10)  # facts 3.3 d
LONGEST_WRITING = timedelta(seconds=30)  # from making a hold to answering, if a hold lasts that long

Milliseconds = Annotated[float, Meta(ge=0, le=3_600_000)]


class Named(Part):
    """A court or a facility of an order."""

    id: object = None
    name: object = None


class Details(Part):
    """What an item of an order is about, and the ids under which it is listed elsewhere (facts 3.3)."""

    booking_id: object = None
    reservation_id: object = None
    timestamp_range: object = None  # local
    location: Maybe[Named] = NOTHING
    sites: Maybe[Readable[Named]] = NOTHING


class Item(Part):
    """One item of an order: a court, or whatever else the player has in the cart (facts 3.3 c)."""

    id: object = None
    final_price: object = None
    details: Maybe[Details] = NOTHING

    def is_about(self, offer: Offer, zone: tzinfo) -> bool:
        """Whether it is that court at that time."""
        details = self.details.value or Details()
        names = {id_in(site.name) for site in details.sites.value or ()}
        return offer.court.name in names and slot_in(details.timestamp_range, zone) == offer.slot

    @property
    def listed_as(self) -> frozenset[str]:
        """The ids of the booking and the reservation that belong to it."""
        details = self.details.value or Details()
        ids = (details.booking_id, details.reservation_id)
        return frozenset(text for each in ids if (text := id_in(each)))


class OrderPayment(Part):
    """A payment of an order."""

    status: object = None


class OrderAnswer(Part):
    """The record behind a hold (facts 3.3 c)."""

    id: int | Annotated[str, Meta(min_length=1)]
    status: object = None
    total: object = UNSET
    currency: Maybe[str] = NOTHING
    max_credit_adjustment_allowed: object = None
    expires_at: object = UNSET
    time_remaining_ms: Maybe[Milliseconds] = NOTHING
    items: object = UNSET
    payments: Maybe[Readable[OrderPayment]] = NOTHING

    @property
    def is_open(self) -> bool:
        """Whether it waits to be paid."""
        return self.status in (None, "pending")

    @property
    def is_settled(self) -> bool:
        """Whether it is paid: by its own status, and by that of its payments where it names any."""
        payments = self.payments.value
        return self.status in SETTLED and (not payments or any(each.status in SETTLED for each in payments))

    @property
    def contents(self) -> list[Item]:
        """Its items."""
        return list(fitting(self.items, Readable[Item]) or ())

    def item_for(self, offer: Offer, zone: tzinfo) -> Item | None:
        """The item that is *offer*; the only one there is, is."""
        items = self.contents
        return next((each for each in items if len(items) == 1 or each.is_about(offer, zone)), None)

    @property
    def stamp(self) -> HoldStamp | None:
        """When it was made, by the server's own clock (facts 3.3 e)."""
        expires, left = moment(self.expires_at), self.time_remaining_ms.value
        if expires is None:
            return None
        made = expires - HOLD_LENGTH
        if left is None:
            return HoldStamp(made, is_assumed=True)
        written = expires - timedelta(milliseconds=left)
        fits = timedelta(0) <= written - made <= LONGEST_WRITING
        return HoldStamp(made if fits else None, written, is_assumed=True)

    def where(self, zone: tzinfo) -> tuple[Court, Slot] | None:
        """The court and the slot that it is about, by its first item; None when that does not say."""
        for item in self.contents:
            details = item.details.value or Details()
            slot = slot_in(details.timestamp_range, zone)
            sites, facility = details.sites.value or (), details.location.value or Named()
            if slot and sites:
                site = sites[0]
                return Court(
                    id_in(site.id) or "", id_in(site.name) or "a court", id_in(facility.id) or ""
                ), slot
        return None


def cents(value: object) -> int | None:
    """The cents in *value*, which may be written as 0, 0.0 or "0"; None when it does not say how many."""
    if isinstance(value, str):
        return int(float(value)) if re.fullmatch(r"\d{1,9}|0\.0+", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 and value % 1 == 0 else None


def id_in(value: object) -> str | None:
    """The text of an id, or of a name, which may be a number; None if it is neither."""
    return (
        str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value != "" else None
    )


def slot_in(value: object, zone: tzinfo) -> Slot | None:
    """The slot between the two moments in *value*, which are local to *zone* when they have no offset.

    They come as a list, and go out as "[2026-03-09 18:00:00, 2026-03-09 19:30:00)" (facts 3.3).
    """
    pieces = [each.strip() for each in value.strip("[]() ").split(",")] if isinstance(value, str) else value
    if not isinstance(pieces, list) or len(pieces) != 2:
        return None
    start, end = (moment(each, zone) for each in pieces)
    return Slot(start, end) if start and end and start < end else None


def order_in(answer: Answer) -> OrderAnswer | None:
    """The order in *answer*, if there is one: under `data.order`, `order` or `data`, or bare (facts 3.3)."""
    body = answer.json()
    if wrapped := fitting(body, OrderAnswer, "data.order", "order"):
        return wrapped
    for place in ("data", ""):
        found = fitting(body, OrderAnswer, place)
        if found and (found.total is not UNSET or found.items is not UNSET or found.expires_at is not UNSET):
            return found  # and neither a payment nor a booking
    return None


def order_id_in(answer: Answer) -> str | None:
    """The id in *answer* to a request for a court, if it says nothing else of its order."""
    body = answer.json() if answer.is_json else None
    found = fitting(body, Named, "data.order", "order", "data", "")
    return id_in(found.id) if found else None
