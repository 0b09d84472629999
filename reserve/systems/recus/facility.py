"""What rec.us publishes about a facility, as a `Place`: its courts, their slots, and when each opens."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta

from reserve import window
from reserve.errors import UsageError
from reserve.http import Answer
from reserve.model import Limits, Offer
from reserve.money import Money
from reserve.systems.place import MINUTE, BookableCourt, Place, by_number
from reserve.systems.reading import Readable, fitting, read
from reserve.systems.recus.answers import (
    CourtDay,
    DefaultPrice,
    Facility,
    Minutes,
    Named,
    Policy,
    PublishedCourt,
)

SPORTS = {  # facts 2.1; the ids are the same for every facility
    "tennis": "bd745b6e-1dd6-43e2-a69f-06f094808a96",
    "pickleball": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
}
CITY_RULES = Limits(per_day=1, per_week=3)  # facts 5.1


def facility_ids(answer: Answer) -> dict[str, str]:
    """The id of every facility by its name, from the list of all (facts 2.4)."""
    entries = (fitting(each, Named, "location", "") for each in read(answer, list[object]))
    return {facility.name: facility.id for facility in entries if facility is not None}


def place_in(answer: Answer) -> Place:
    """The facility in the answer about one (facts 2.3, 2.7, 2.8)."""
    facility = read(answer, Facility, "location", "")
    courts = [_bookable(court, facility) for court in facility.courts if not court.archived_at]
    return Place(
        str(facility.id.value or ""),
        facility.name,
        window.zone(facility.timezone),
        sorted(courts, key=lambda court: by_number(court.name)),
        CITY_RULES,
        wants_code=facility.reservation_requires_verification is not False,
    )


def _bookable(court: PublishedCourt, facility: Facility) -> BookableCourt:
    ids = {each.sport_id: each.id for each in reversed(court.sports or [])}
    return BookableCourt(
        court.court_number,
        {sport: ids[id_] for sport, id_ in SPORTS.items() if id_ in ids},
        _window(court, facility),
        [
            each * MINUTE
            for each in fitting(court.allowed_reservation_durations, Readable[Minutes], "minutes") or ()
        ],
        longest=_duration(court.max_reservation_time.value or ""),
        fixed=_fixed_slots(court),
        an_hour=_an_hour(court),
        takes_reservations=court.is_instant_bookable is not False,  # where it is silent, asking does no harm
    )


def _window(court: PublishedCourt, facility: Facility) -> window.DaysAhead | None:
    """How far ahead *court* can be reserved; its own window wins over the facility's (facts 2.3)."""
    days = court.default_reservation_window_days.value
    if days is None:
        days = facility.default_reservation_window.value
    release = court.reservation_release_time_local.value or facility.reservation_release_time_local.value
    with suppress(UsageError):
        return None if days is None else window.DaysAhead(days, window.parse_time(release or "", "release"))
    return None


def _fixed_slots(court: PublishedCourt) -> dict[int, list[str]] | None:
    """The only slots of *court* by weekday, None when any time will do (facts 2.3, 2.8)."""
    policies = fitting(court.config, Readable[Policy], "bookingPolicies") or ()
    active = [each for each in policies if each.type == "fixed-slots" and each.is_active]
    if not active:
        return None
    slots: dict[int, list[str]] = {}
    for each in (slot for policy in active for slot in policy.slots or ()):
        times = f"{each.start_time_local[:5]}-{each.end_time_local[:5]}"
        slots.setdefault(each.day_of_week, []).append(times)
    return slots


def _an_hour(court: PublishedCourt) -> Money | None:
    """The published default price, where no rule says otherwise."""
    default, rules = (
        fitting(court.config, DefaultPrice, "pricing.default"),
        fitting(court.config, object, "pricing.rules"),
    )
    return Money(default.cents, "USD") if default and not rules and default.type == "perHour" else None


def _duration(text: str) -> timedelta | None:
    found = re.fullmatch(r"(\d\d):(\d\d)(:\d\d)?", text)
    return timedelta(hours=int(found[1]), minutes=int(found[2])) if found else None


def looks_free(answer: Answer, offer: Offer) -> bool:
    """Whether the schedule shows nobody at the court then (facts 2.5); what it does not tell is free."""
    slot = offer.slot
    for day in fitting(answer.json(), Readable[CourtDay], f"dates.{slot.start:%Y%m%d}") or ():
        if day.court_number != offer.court.name:
            continue
        for span, piece in day.schedule.items():
            start, _, end = span.partition(", ")
            meets = start < f"{slot.end:%H:%M}" and f"{slot.start:%H:%M}" < end
            if meets and fitting(piece, str, "referenceType") != "RESERVABLE":
                return False
    return True
