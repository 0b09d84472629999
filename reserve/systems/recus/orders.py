"""Orders as rec.us tells of them: what is held, its price, whether it is paid (rec.us facts 3.3 to 3.5)."""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from functools import cached_property
from typing import Annotated

from msgspec import UNSET, Meta

from reserve.http import Answer
from reserve.model import Court, HoldStamp, Offer, Slot
from reserve.money import Money
from reserve.systems.reading import NOTHING, Maybe, Readable, fitting, moment
from reserve.systems.recus import RecUsProfile
from reserve.systems.recus.answers import Part

SETTLED = ("paid", "succeeded", "settled", "complete", "completed")  # an order, or a payment (facts 3.4)
GONE = r"expire|lapse|cancel|release|delete|void"  # what an order may be called that nobody can pay
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
    sites: object = None


class Item(Part, dict=True):
    """One item of an order: a court, or whatever else the player has in the cart (facts 3.3 c)."""

    id: object = None
    final_price: object = None
    details: object = None

    @cached_property
    def known(self) -> Details:
        """What can be read of its details."""
        return fitting(self.details, Details) or Details()

    def is_about(self, offer: Offer, zone: tzinfo) -> bool:
        """Whether it is that court at that time."""
        return self.court is not None and self.court.is_same(offer.court) and self.slot(zone) == offer.slot

    @property
    def court(self) -> Court | None:
        """The one court that it is about; None when it does not say."""
        sites, facility = fitting(self.known.sites, list[Named]), self.known.location.value or Named()
        if not sites or len(sites) > 1 or (name := id_in(sites[0].name)) is None:
            return None
        return Court(id_in(sites[0].id) or "", name, id_in(facility.id) or "")

    def slot(self, zone: tzinfo) -> Slot | None:
        """When that is; None when it does not say."""
        return slot_in(self.known.timestamp_range, zone)

    @property
    def says_where(self) -> bool:
        """Whether it says anything of a court, or nothing that can be read."""
        return self._is_strange or self.known.sites is not None

    @property
    def says_when(self) -> bool:
        """Whether it says anything of a time, or nothing that can be read."""
        return self._is_strange or self.known.timestamp_range is not None

    @property
    def _is_strange(self) -> bool:
        return self.details is not None and fitting(self.details, Details) is None

    @property
    def listed_as(self) -> frozenset[str]:
        """The ids of the booking and the reservation that belong to it."""
        ids = (self.known.booking_id, self.known.reservation_id)
        return frozenset(text for each in ids if (text := id_in(each)))


class OrderPayment(Part):
    """A payment of an order."""

    status: object = None
    amount: object = None
    currency: object = None


class OrderAnswer(Part):
    """The record behind a hold (facts 3.3 c)."""

    id: int | Annotated[str, Meta(min_length=1)]
    status: object = None
    total: object = UNSET
    total_amount_remaining: object = None
    currency: object = None
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
    def is_gone(self) -> bool:
        """Whether it can no longer be paid, in words that are guessed."""
        return isinstance(self.status, str) and bool(re.search(GONE, self.status, re.IGNORECASE))

    @property
    def is_settled(self) -> bool:
        """Whether it is paid: by its own status, and by that of its payments where it names any."""
        payments = self.payments.value
        return self.status in SETTLED and (not payments or any(each.status in SETTLED for each in payments))

    @property
    def contents(self) -> list[Item]:
        """Its items."""
        return list(fitting(self.items, Readable[Item]) or ())

    @property
    def has_strange_items(self) -> bool:
        """Whether there is anything among its items that cannot be read."""
        is_some = isinstance(self.items, list | dict)
        return is_some and len(self.items) != len(self.contents)  # type: ignore[arg-type]

    def money(self, amount: object) -> Money | None:
        """So much in its currency; None when either makes no sense."""
        return money(amount, self.currency)

    @property
    def due(self) -> Money | None:
        """What is to be paid; None when it says two things, or nothing that makes sense."""
        total, left = self.money(self.total), self.total_amount_remaining
        return total if left is None or self.money(left) == total else None

    @property
    def charged(self) -> Money | None:
        """What was paid: by its payments, or else all of it; None while it is not, or nobody can tell."""
        if not self.is_settled:
            return None
        paid = [each for each in self.payments.value or () if each.status in SETTLED]
        if all(each.amount is None for each in paid):
            return self.money(self.total)
        parts = [money(each.amount, each.currency or self.currency) for each in paid]
        known = [each for each in parts if each is not None]
        if len(known) < len(parts) or len({each.currency for each in known}) > 1:
            return None
        return Money(sum(each.minor for each in known), known[0].currency)

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
        places = ((item.court, item.slot(zone)) for item in self.contents)
        return next(((court, slot) for court, slot in places if court and slot), None)


MOST = 999_999_999  # cents; more is no price of a court


def money(amount: object, currency: object) -> Money | None:
    """So many cents of *currency*, or of the usual one; None when either makes no sense."""
    minor, named = cents(amount), RecUsProfile.currency if currency is None else currency
    if minor is None or not isinstance(named, str) or not re.fullmatch(r"[A-Za-z]{3}", named, re.ASCII):
        return None
    return Money(minor, named.upper())


def cents(value: object) -> int | None:
    """The cents in *value*, which may be written as 0, 0.0 or "0"; None when it does not say how many."""
    if isinstance(value, str):
        return int(float(value)) if re.fullmatch(r"\d{1,9}|0\.0+", value, re.ASCII) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST and value % 1 == 0 else None


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
