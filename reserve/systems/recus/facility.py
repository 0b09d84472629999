"""Reading what rec.us publishes about a facility: its courts, their slots, and when each opens."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta, tzinfo
from typing import cast

from reserve import window
from reserve.errors import UnknownAnswer, UsageError
from reserve.http import read
from reserve.model import BookingRequest, Court, Limits, Offer, Offers, Published, Slot
from reserve.money import Money
from reserve.systems.recus.answers import text

SPORTS = {  # facts 2.1; the ids are the same for every facility
    "tennis": "bd745b6e-1dd6-43e2-a69f-06f094808a96",
    "pickleball": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
}
CITY_RULES = Limits(per_day=1, per_week=3)  # facts 5.1

Raw = Mapping[str, object]  # as it came
NOON = time(12)


def facility_ids(entries: object) -> dict[str, str]:
    """The id of every facility by its name, from the list of all (facts 2.4)."""
    if not isinstance(entries, list):
        raise UnknownAnswer("the list of facilities is not a list")
    ids: dict[str, str] = {}
    for entry in entries:
        place = entry.get("location", entry) if isinstance(entry, dict) else None
        if (
            isinstance(place, dict)
            and isinstance(place.get("name"), str)
            and isinstance(place.get("id"), str)
        ):
            ids[place["name"]] = place["id"]
    return ids


def facility_id(entries: object, name: str) -> str:
    """The id of the facility called *name*; a near miss is not taken."""
    ids = facility_ids(entries)
    for each, found in ids.items():
        if plain(each) == plain(name):
            return found
    raise UsageError(f"--court: no facility is called {name!r}; {_nearest(name, ids)}")


def facility_in(answer: object) -> Raw:
    """The facility in the answer about one (facts 2.3)."""
    facility = answer.get("location", answer) if isinstance(answer, dict) else None
    if not isinstance(facility, dict) or not isinstance(facility.get("courts"), list):
        raise UnknownAnswer("the facility has no 'location.courts'")
    return facility


def offers_of(facility: Raw, request: BookingRequest) -> Offers:
    """What *facility* has for *request*, in order of preference (facts 2.3, 2.7, 2.8)."""
    name = text(facility.get("name"))
    zone = window.zone(text(facility.get("timezone")))
    sport = _sport_id(request.sport)
    courts = _wanted_courts(facility, request, sport)
    offers, left_out, exist = [], [], set[str]()
    for start in request.starts:
        slot = window.slot(request.day, start, request.length, zone)
        for court in courts:
            why = _unfit(court, slot)
            if why is None:
                offers.append(_offer(court, slot, facility, sport))
            else:
                left_out.append((_court(court, facility, sport), why))
                exist |= set(_fixed_slots(court, slot.start.isoweekday()) or ())
    if not offers:
        there_are = f"; on that day there are {', '.join(sorted(exist))}" if exist else ""
        raise UsageError(
            f"--start-time, --end-time: no sub-court of {name} offers {request.sport} at {slot}{there_are}"
        )
    return Offers(
        name,
        zone,
        tuple(offers),
        tuple(left_out),
        CITY_RULES,
        wants_code=facility.get("reservationRequiresVerification") is not False,
    )


def published_in(facility: Mapping[str, object], day: date) -> list[Published]:
    """Every court of *facility* as it is published, and when *day* opens there (facts 2.3, 2.8)."""
    zone = window.zone(text(facility.get("timezone")))
    everything = [court for court in cast("list[object]", facility["courts"]) if isinstance(court, dict)]
    courts = [court for court in everything if not court.get("archivedAt")]
    return [
        _published(court, facility, day, zone)
        for court in sorted(courts, key=lambda court: _natural(_name(court)))
    ]


def looks_free(schedule: object, offer: Offer) -> bool:
    """Whether *schedule* shows nobody at the court then (facts 2.5); what it does not tell is free."""
    slot = offer.slot
    courts = _under(schedule, "dates", f"{slot.start:%Y%m%d}")
    for entry in courts if isinstance(courts, list) else []:
        pieces = _under(entry, "schedule")
        if _under(entry, "courtNumber") != offer.court.name or not isinstance(pieces, dict):
            continue
        for span, piece in pieces.items():
            start, _, end = str(span).partition(", ")
            meets = start < f"{slot.end:%H:%M}" and f"{slot.start:%H:%M}" < end
            if meets and _under(piece, "referenceType") != "RESERVABLE":
                return False
    return True


def _under(value: object, *keys: str) -> object:
    """What stands in *value* under *keys*, None if nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _published(court: Raw, facility: Raw, day: date, zone: tzinfo) -> Published:
    sports = tuple(sport for sport, id_ in SPORTS.items() if _sport_entry(court, id_))
    if court.get("noReservationText"):
        return Published(_name(court), sports, "takes no reservations", "")
    fixed = _fixed_slots(court, day.isoweekday())
    longest = _duration(court.get("maxReservationTime"))
    allowed = court.get("allowedReservationDurations")
    minutes = allowed.get("minutes") if isinstance(allowed, dict) else None
    if fixed is not None:
        lengths = ", ".join(fixed) or "no slot on that day"
    elif isinstance(minutes, list) and minutes:
        lengths = f"{', '.join(map(str, minutes))} minutes"
    else:
        lengths = f"up to {longest}" if longest else "any length"
    rule = _window(court, facility)
    ahead = f"{rule.days} days ahead at {rule.time:%H:%M}"
    return Published(_name(court), sports, lengths, ahead, rule.opens_at(window.at(day, NOON, zone)))


def _sport_id(sport: str) -> str:
    try:
        return SPORTS[sport]
    except KeyError:
        raise UsageError(f"--sport: {sport!r} cannot be booked here; there are {', '.join(SPORTS)}") from None


def _wanted_courts(facility: Raw, request: BookingRequest, sport: str) -> list[Raw]:
    """The courts with *sport* in the player's order of preference, else by name."""
    everything = [court for court in cast("list[object]", facility["courts"]) if isinstance(court, dict)]
    courts = [court for court in everything if not court.get("archivedAt") and _sport_entry(court, sport)]
    courts.sort(key=lambda court: _natural(_name(court)))
    if not courts:
        raise UsageError(f"--sport: {facility['name']} has no {request.sport} court")
    if not request.only:
        return list(courts)
    by_name = {plain(_name(court)): court for court in courts}
    for wanted in request.only:
        if plain(wanted) not in by_name:
            names = ", ".join(_name(court) for court in courts)
            raise UsageError(
                f"--only: {facility['name']} has no {request.sport} court {wanted!r}; it has {names}"
            )
    return [by_name[plain(wanted)] for wanted in request.only]


def _unfit(court: Raw, slot: Slot) -> str | None:
    """Why *court* cannot be booked for *slot*, None when it can (facts 2.8)."""
    if court.get("noReservationText"):
        return "it takes no reservations"
    fixed = _fixed_slots(court, slot.start.isoweekday())
    wanted = f"{slot.start:%H:%M}-{slot.end:%H:%M}"
    if fixed is not None:
        return None if wanted in fixed else f"{_name(court)} has no such slot"
    longest = _duration(court.get("maxReservationTime"))
    allowed = court.get("allowedReservationDurations")
    minutes = allowed.get("minutes") if isinstance(allowed, dict) else None
    length = slot.end - slot.start
    if longest is not None and length > longest:
        return f"{_name(court)} can be had for {longest} at most"
    if isinstance(minutes, list) and minutes and length.total_seconds() / 60 not in minutes:
        return f"{_name(court)} can be had for {', '.join(map(str, minutes))} minutes"
    return None


def _fixed_slots(court: Raw, weekday: int) -> list[str] | None:
    """The only slots of *court* on a *weekday* (1 is Monday), None when any time will do."""
    config = court.get("config")
    policies = config.get("bookingPolicies") if isinstance(config, dict) else None
    active = [
        policy
        for policy in (policies if isinstance(policies, list) else [])
        if isinstance(policy, dict) and policy.get("type") == "fixed-slots" and policy.get("isActive")
    ]
    if not active:
        return None
    return [
        f"{text(read(each, 'startTimeLocal'))[:5]}-{text(read(each, 'endTimeLocal'))[:5]}"
        for policy in active
        for each in cast("list[object]", policy.get("slots") or [])
        if read(each, "dayOfWeek") == weekday
    ]


def _offer(court: Raw, slot: Slot, facility: Raw, sport: str) -> Offer:
    """*court* for *slot*."""
    opens_at = _window(court, facility).opens_at(slot.start)
    return Offer(_court(court, facility, sport), slot, opens_at, _price(court, slot))


def _window(court: Raw, facility: Raw) -> window.DaysAhead:
    """How far ahead *court* can be reserved; its own window wins over the facility's (facts 2.3)."""
    days = court.get("defaultReservationWindowDays")
    if not isinstance(days, int):
        days = facility.get("defaultReservationWindow")
    release = court.get("reservationReleaseTimeLocal") or facility.get("reservationReleaseTimeLocal")
    if not isinstance(days, int) or not isinstance(release, str):
        raise UnknownAnswer(f"nothing says when {_name(court)} opens")
    return window.DaysAhead(days, window.parse_time(release, "the published release time"))


def _name(court: Raw) -> str:
    return text(court.get("courtNumber"))


def _court(court: Raw, facility: Raw, sport: str) -> Court:
    id_ = text(read(_sport_entry(court, sport), "id"))
    return Court(id_, _name(court), str(facility.get("id") or ""))


def _sport_entry(court: Raw, sport: str) -> dict[str, object] | None:
    """The entry whose id, the courtSportId, is what a reservation asks for (facts 2.1)."""
    entries = court.get("sports")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and entry.get("sportId") == sport:
            return entry
    return None


def _price(court: Raw, slot: Slot) -> Money | None:
    """What the published default price makes of *slot*, ; the order has the last word."""
    config = court.get("config")
    pricing = config.get("pricing") if isinstance(config, dict) else None
    if not isinstance(pricing, dict) or pricing.get("rules"):
        return None
    default = pricing.get("default")
    if not isinstance(default, dict) or default.get("type") != "perHour":
        return None
    cents = default.get("cents")
    hours = (slot.end - slot.start) / timedelta(hours=1)
    return Money(round(cents * hours), "USD") if isinstance(cents, int) else None


def _duration(value: object) -> timedelta | None:
    if not isinstance(value, str) or not re.fullmatch(r"\d\d:\d\d(:\d\d)?", value):
        return None
    hours, minutes = map(int, value.split(":")[:2])
    return timedelta(hours=hours, minutes=minutes)


def plain(name: str) -> str:
    """*name* without case, accents and surplus blanks."""
    letters = unicodedata.normalize("NFKD", name)
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).casefold().split())


def _nearest(name: str, names: Iterable[str]) -> str:
    by_plain = {plain(each): each for each in names}
    near = difflib.get_close_matches(plain(name), by_plain, n=3, cutoff=0.5)
    if near:
        return f"the nearest are {', '.join(by_plain[each] for each in near)}"
    return f"there are {', '.join(sorted(names))}"


def _natural(name: str) -> list[tuple[int, str]]:
    """Court 2 before Court 10."""
    return [(int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]
