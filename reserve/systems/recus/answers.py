"""Reading what rec.us answers: orders, bookings, refusals. All guessing about its API is in here."""

from __future__ import annotations

from datetime import UTC, datetime

from dateutil.parser import isoparse

from reserve.errors import (
    LimitReached,
    NotOpenYet,
    NotVerified,
    ReserveError,
    SlotTaken,
    TokenRefused,
    UnknownAnswer,
)
from reserve.http import Answer
from reserve.model import Court, Slot
from reserve.systems.refusals import Words, by_words

# What the texts of refusals mean. Only the daily limit is recorded (facts 4); the rest are the words of the
# web page and of documents about it. Whatever matches none of them stays unknown, and so does a court that is
# merely "not available": it may be taken, or not open yet.
REFUSALS: Words = (
    (r"(daily|weekly|booking) (booking )?limit|limit of \d+ reached|limit reached", LimitReached),
    (r"already (reserved|booked|taken)|no longer available", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|released at|in advance", NotOpenYet),
    (r"verif|totp|one-time|mobile code", NotVerified),
)  # fmt: skip


def refusal(answer: Answer) -> ReserveError:
    """What a refusal by the API means for the player."""
    what = f"{answer.asked}: {answer.status}"
    if answer.status == 401:
        return TokenRefused(f"{what}: rec.us no longer accepts our sign-in")
    body = answer.json() if answer.is_json else {}
    said = " ".join(str(body.get(key, "")) for key in ("message", "type")) if isinstance(body, dict) else ""
    return by_words(what, said, REFUSALS)


def text(value: object) -> str:
    """*value* when it is a text; raises `UnknownAnswer` otherwise."""
    if not isinstance(value, str):
        raise UnknownAnswer(f"the answer has {type(value).__name__} where a text should be")
    return value


def order_in(body: object) -> dict[str, object] | None:
    """The order in *body*: under `data.order`, `order` or `data`, or bare (facts 3.3)."""
    if not isinstance(body, dict):
        return None
    data = body.get("data")
    inner = data.get("order") if isinstance(data, dict) else None
    for candidate, wrapped in ((inner, True), (body.get("order"), True), (data, False), (body, False)):
        if not isinstance(candidate, dict) or not isinstance(candidate.get("id"), str):
            continue
        if wrapped or {"total", "items", "expiresAt"} & set(candidate):
            return candidate
    return None


def court_and_slot(booking: dict[str, object], included: object) -> tuple[Court, Slot] | None:
    """Where and when a booking is, from what came with it."""
    if not isinstance(included, dict):
        return None
    sites = {site["id"]: site for site in _dicts(included.get("sites")) if "id" in site}
    sites_of = included.get("reservationSiteIds")
    for reservation in _dicts(included.get("reservations")):
        if not _belongs(reservation, booking):
            continue
        ids = sites_of.get(reservation.get("id")) if isinstance(sites_of, dict) else None
        site = next((sites[each] for each in ids if each in sites), {}) if isinstance(ids, list) else {}
        start, end = utc(reservation.get("startsAt")), utc(reservation.get("endsAt"))
        if start is None or end is None or end <= start:
            return None
        name = site.get("courtNumber") or site.get("name")
        facility = reservation.get("locationId") or site.get("locationId") or ""
        return Court(str(site.get("id", "")), str(name or "a court"), str(facility)), Slot(start, end)
    return None


def _belongs(reservation: dict[str, object], booking: dict[str, object]) -> bool:
    links = (
        (booking.get("linkedReservationId"), reservation.get("id")),
        (booking.get("reservationId"), reservation.get("id")),
        (booking.get("id"), reservation.get("bookingId")),
        (booking.get("facilityRentalId"), reservation.get("facilityRentalId")),
    )
    return any(mine is not None and mine == its for mine, its in links)


def _dicts(value: object) -> list[dict[str, object]]:
    """The objects in a list, or among the values of an object keyed by id."""
    values = list(value.values()) if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []


def utc(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = isoparse(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 3000 else None  # others cannot be told in every zone
