"""What rec.us publishes about a facility, as a `Place`: its courts, their slots, and when each opens."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from reserve import window
from reserve.errors import UsageError
from reserve.http import Answer
from reserve.model import Limits
from reserve.money import Money
from reserve.systems.place import MINUTE, BookableCourt, Place, by_number
from reserve.systems.reading import Readable, fitting, read
from reserve.systems.recus.answers import (
    DefaultPrice,
    Facility,
    Minutes,
    Named,
    Policy,
    PublishedCourt,
    ReservationWindow,
)

SPORTS = {  # facts 2.1; the ids are the same for every facility
    "tennis": "bd745b6e-1dd6-43e2-a69f-06f094808a96",
    "pickleball": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
}
HOUR = timedelta(hours=1)
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
        address=facility.formatted_address.value,
    )


def _bookable(court: PublishedCourt, facility: Facility) -> BookableCourt:
    ids = {each.sport_id: each.id for each in reversed(court.sports or [])}
    opening = _opening(court, facility)
    buffer = court.reservation_buffer_minutes_override.value
    if buffer is None:
        buffer = facility.reservation_buffer.value or 0
    return BookableCourt(
        court.court_number,
        {sport: ids[id_] for sport, id_ in SPORTS.items() if id_ in ids},
        opening.rule,
        [
            each * MINUTE
            for each in fitting(court.allowed_reservation_durations, Readable[Minutes], "minutes") or ()
        ],
        longest=_duration(court.max_reservation_time.value or ""),
        fixed=_fixed_slots(court),
        an_hour=_an_hour(court),
        takes_reservations=court.is_instant_bookable is not False,  # where it is silent, asking does no harm
        unclear=opening.unclear,
        buffer=max(buffer * MINUTE, opening.at_least),
    )


@dataclass(frozen=True)
class _Opening:
    """When a court opens, or why that is unclear; it closes *at_least* so long before its start."""

    rule: window.OpeningRule | None = None
    unclear: str = "nothing says when it opens"
    at_least: timedelta = timedelta(0)


def _opening(court: PublishedCourt, facility: Facility) -> _Opening:
    """When *court* opens: by its windows, else by its own days, else by the facility's (facts 2.3, 2.7)."""
    rows = fitting(court.reservation_windows, list[object])
    if rows is None and court.reservation_windows is not None:
        return _Opening(unclear="its reservationWindows cannot be read")
    if open_to_all := [row for row in rows or () if fitting(row, object, "groupId") is None]:
        return _by_windows(open_to_all)
    days = court.default_reservation_window_days.value
    if days is None:
        days = facility.default_reservation_window.value
    release = court.reservation_release_time_local.value or facility.reservation_release_time_local.value
    return _Opening() if days is None or release is None else _by_days(days, release)


def _by_windows(rows: list[object]) -> _Opening:
    """The widest window that can be read: asking too early costs little, and too late costs the court."""
    found = []
    for row in (fitting(each, ReservationWindow) for each in rows):
        if row is None:
            continue
        opening = _Opening(window.HoursAhead(row.max_hours))
        if row.release_time_local is not None:
            days, hours = divmod(row.max_hours, 24)
            opening = _by_days(int(days), row.release_time_local) if not hours else _Opening()
        if opening.rule:
            found.append((row.max_hours, replace(opening, at_least=(row.min_hours.value or 0) * HOUR)))
    widest = max(found, key=lambda each: each[0], default=None)
    return widest[1] if widest else _Opening(unclear="its reservationWindows cannot be read")


def _by_days(days: int, release: str) -> _Opening:
    try:
        return _Opening(window.DaysAhead(days, window.parse_time(release, "release")))
    except UsageError:
        return _Opening(unclear="the time at which it opens cannot be read")


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
