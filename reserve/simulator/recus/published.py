"""What the simulated rec.us shows to everybody: its facilities, and what is free there (facts 2.3 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from reserve.model import Court, Slot
from reserve.simulator.recus.facilities import (
    ALICE_MARBLE,
    DAY,
    FIRST,
    ORGANIZATION,
    SPORTS,
    SimulatedCourt,
    SimulatedFacility,
    Window,
)
from reserve.simulator.recus.scenario import RecUsScenario

DAY_STARTS, DAY_ENDS = time(7, 0), time(21, 0)  # what a schedule shows (facts 2.5)
NOT_RESERVABLE = "Not Reservable"  # what a court is called outside its slots (facts 2.3)
CLOSED = {"referenceType": "OPEN", "referenceLabel": NOT_RESERVABLE}
FREE = {"referenceType": "RESERVABLE"}
UNAVAILABLE = {"referenceType": "RESERVATION"}  # a court on the same ground is taken (facts 2.5)
WEEK = 7 * DAY
CREATED, UPDATED = "2024-02-01T17:45:43.588Z", "2026-08-01T17:00:00.000Z"
ADDRESSES = {ALICE_MARBLE: "1200 Greenwich St, San Francisco, CA 94109, USA"}
NOT_SET = (  # of a facility
    *("noReservationText", "reservationWindowExtendingGroupId", "groupReservationWindow"),
    *("instructorReservationReleaseDay", "instructorReservationReleaseTimeLocal"),
)
SITE_FIELDS = (  # of a court that is asked for alone (facts 2.2)
    *("id", "courtNumber", "capacity", "isInstantBookable", "noReservationText", "locationId", "config"),
    *("allowedReservationDurations", "maxReservationTime", "images", "descriptionMd", "rulesMd"),
)


def published(
    facility: SimulatedFacility,
    scenario: RecUsScenario,
    today: date,
    free: Mapping[str, Sequence[Slot]],
) -> dict[str, Any]:
    """A facility as `GET /v1/locations/<id>` shows it; *free* has the bookable slots by court (facts 2.3)."""
    usual = facility.window
    is_unclear = any(court.blocks and not court.window for court in facility.courts)
    verification = scenario.publishes_verification
    return {
        "id": facility.id,
        "name": facility.name,
        "description": "TBD",
        "formattedAddress": ADDRESSES.get(facility.id, f"{facility.name}, San Francisco, CA, USA"),
        "lat": "37.8014",
        "lng": "-122.4198",
        "placeId": None,
        "hoursOfOperation": "7:30am to 7:30pm",
        "timezone": str(facility.zone),
        "playGuidelines": "One court per day, three per calendar week.",
        **dict.fromkeys(("accessInfo", "gettingThereInfo"), ""),
        "defaultReservationWindow": None if is_unclear else usual.days // DAY,
        "reservationReleaseTimeLocal": _release(usual) if scenario.windows == "days" else None,
        "reservationBuffer": scenario.buffer // timedelta(minutes=1),
        "privateLessonReservationWindow": 0,
        "reservationRequiresVerification": (
            scenario.verify != "never" if verification is None else verification
        ),
        **dict.fromkeys(NOT_SET),
        "organizationId": ORGANIZATION["id"],
        "organization": {**ORGANIZATION, "config": {}},
        "images": {
            **dict.fromkeys(("detail", "thumbnail"), f"https://images.example/{facility.slug}.png"),
            **dict.fromkeys(("mainGallery", "smallGallery1", "smallGallery2")),
        },
        "courts": [
            court_as_published(facility, court, scenario, today, free.get(court.id, ()))
            for court in facility.courts
        ],
        "tags": [],
        "regions": [],
        "createdAt": CREATED,
        "updatedAt": UPDATED,
    }


def court_as_published(
    facility: SimulatedFacility,
    court: SimulatedCourt,
    scenario: RecUsScenario,
    today: date,
    free: Sequence[Slot],
) -> dict[str, Any]:
    """A court as its facility shows it; *free* are its bookable slots (facts 2.3)."""
    all_year = scenario.season == "by-date"
    fixed = [
        {"dayOfWeek": day.isoweekday(), "startTimeLocal": f"{block.start}", "endTimeLocal": f"{block.end}"}
        for day in sorted(_coming_week(court, today), key=date.isoweekday)  # 1 = Monday here
        for block in facility.blocks(court, day, all_year=all_year)
    ]
    starts, ends = [each.start for each in court.blocks], [each.end for each in court.blocks]
    hours = {
        "type": "PRIVATE",
        "openFrom": f"{min(starts, default=DAY_STARTS)}",
        "openTo": f"{max(ends, default=DAY_ENDS)}",
    }
    sports = [
        {"id": id_, "courtId": court.id, "sportId": sport, "price": 0, "currency": "USD"}
        for id_, sport in court.sports.items()
    ]
    old = court.window if scenario.windows == "days" else None
    return {
        "id": court.id,
        "locationId": facility.id,
        "courtNumber": court.name,
        "type": "court",
        "capacity": None if scenario.windows == "days" else 0,  # as in either sample
        **dict.fromkeys(("description", "archivedAt", "reservationBufferMinutesOverride")),
        **dict.fromkeys(("glCode", "lat", "lng")),
        **dict.fromkeys(("descriptionMd", "rulesMd"), ""),
        "taxBps": 0,
        "createdAt": CREATED,
        "updatedAt": UPDATED,
        "noReservationText": NOT_RESERVABLE,  # whether it takes reservations or not
        "publishedAt": "2024-04-01T17:00:00.000Z",
        "allowPrivateLessons": False,
        "isInstantBookable": bool(court.blocks),
        "maxReservationTime": f"{court.minutes // 60:02}:{court.minutes % 60:02}:00",
        "bufferMinutesBetweenReservations": 0,
        # A stale superset, as published (facts 2.3).
        "allowedReservationDurations": {"minutes": list(range(30, court.minutes + 1, 30))},
        "defaultReservationWindowDays": old.days // DAY if old else None,
        "reservationReleaseTimeLocal": _release(old),
        "reservationWindows": _rows(court) if scenario.windows != "days" else [],
        "overlaps": [
            {"id": each.id, "courtNumber": each.name}
            for each in facility.with_ground(court)
            if each is not court
        ],
        "config": {
            "pricing": {"rules": [], "default": {"type": "perHour", "cents": scenario.price_cents}},
            "deposits": {},
            "bookingPolicies": [{"type": "fixed-slots", "isActive": True, "slots": fixed}] if fixed else [],
        },
        "sports": sports,
        "availableSlots": [tick for slot in free for tick in _ticks(slot)],
        "slots": [hours | {"dayOfWeek": weekday} for weekday in range(7)],  # 0 = Sunday here (facts 2.3)
        "images": {"map": [], "mainGallery": []},
        "amenities": {"amenityTagIds": []},
    }


def _coming_week(court: SimulatedCourt, today: date) -> list[date]:
    """Seven days on end, up to the last that may open today: the policy is edited for them (facts 2.8)."""
    last = today + max(court.window.days if court.window else WEEK, WEEK)
    return [last - timedelta(days=number) for number in range(7)]


def _release(window: Window | None) -> str | None:
    return window.release.isoformat("seconds") if window and window.release else None


def _rows(court: SimulatedCourt) -> list[dict[str, Any]]:
    """The windows of a court, in the newer form (facts 2.3)."""
    if court.window is None:
        return []
    row = {
        "id": str(uuid5(NAMESPACE_URL, f"window {court.id}")),
        "groupId": None,
        "courtId": court.id,
        "maxHours": court.window.hours,
        "minHours": None,
        "releaseTimeLocal": _release(court.window),
        "organizationId": ORGANIZATION["id"],
    }
    if court.name != FIRST or court.window.release is None:
        return [row]
    group = str(uuid5(NAMESPACE_URL, f"group {court.id}"))
    id_ = str(uuid5(NAMESPACE_URL, f"window of a group {court.id}"))
    return [row | {"id": id_, "groupId": group, "maxHours": court.window.hours + 168}, row]


def _ticks(slot: Slot) -> list[str]:
    """The half hours of a slot, local, as `availableSlots` lists them (facts 2.4)."""
    half, start = timedelta(minutes=30), slot.start.replace(tzinfo=None)
    return [str(start + number * half) for number in range((slot.end - slot.start) // half)]


def schedule(
    facility: SimulatedFacility,
    span: Iterable[date],
    scenario: RecUsScenario,
    who: Callable[[Court, Slot], str | None],
) -> dict[str, Any]:
    """What is free and taken on the days of *span*, with the reservations that take it (facts 2.5).

    *who* says whether a court is taken "itself", or its "ground".
    """
    reservations: dict[str, Any] = {}
    users: dict[str, Any] = {}

    def taken(court: SimulatedCourt) -> dict[str, Any]:
        number = f"{len(reservations) + 1:012}"
        id_, user = f"00000000-0000-4000-8001-{number}", f"00000000-0000-4000-8002-{number}"
        ties = {
            "facilityRentalId": f"00000000-0000-4000-8003-{number}",
            "linkedReservationId": f"00000000-0000-4000-8004-{number}",
        }
        reservations[id_] = {"id": id_, **_reservation(court, scenario), **ties, "users": [user]}
        users[user] = {"id": user, "firstName": "A", "lastName": "Z", "skillLevel": "beginner"}
        users[user] |= dict.fromkeys(("image", "primarySportId"))
        return {"referenceType": "RESERVATION", "referenceId": id_}

    def pieces(court: SimulatedCourt, day: date) -> dict[str, Any]:
        """One court's day: taken slots one by one, what is free in one piece."""
        found: list[tuple[time, time, dict[str, Any]]] = []
        shown = DAY_STARTS
        for slot in facility.slots(court, day):
            start, end = slot.start.time(), slot.end.time()
            if shown < start:
                found.append((shown, start, CLOSED))
            if taken_by := who(court, slot):
                found.append((start, end, taken(court) if taken_by == "itself" else UNAVAILABLE))
            elif found and found[-1][2] is FREE:
                found[-1] = (found[-1][0], end, FREE)
            else:
                found.append((start, end, FREE))
            shown = end
        if shown < DAY_ENDS:
            found.append((shown, DAY_ENDS, CLOSED))
        return {f"{start:%H:%M}, {end:%H:%M}": piece for start, end, piece in found}

    dates = {
        f"{day:%Y%m%d}": [
            {
                "courtNumber": court.name,
                "sports": [{"id": sport, "name": SPORTS[sport]} for sport in court.sports.values()],
                "schedule": pieces(court, day),
            }
            for court in sorted(facility.courts, key=lambda court: court.name)
        ]
        for day in span
    }
    nothing: dict[str, Any] = {"instructors": {}, "classes": {}, "sessions": {}, "facilityRentals": {}}
    return {"dates": dates, "reservations": reservations, "users": users, **nothing}


def _reservation(court: SimulatedCourt, scenario: RecUsScenario) -> dict[str, Any]:
    cost = round(scenario.price_cents * court.minutes / 60)
    return {
        "reservationType": "court-reservation",
        **dict.fromkeys(("reservationCost", "guestPrice"), cost),
        "reservationCostCurrency": "USD",
        "capacity": 1,
        "paid": True,
        "visibility": "public",
        "doNotMarket": False,
        **dict.fromkeys(("groupsOnly", "classId", "sessionId", "instructorId")),
        "locationId": court.facility,
        "courts": [court.id],
    }
