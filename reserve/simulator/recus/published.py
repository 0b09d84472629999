"""What the simulated rec.us shows to everybody: its facilities, and what is free there (facts 2.3 to 2.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any

from reserve.model import Court, Slot
from reserve.simulator.recus.facilities import ORGANIZATION, SPORTS, SimulatedCourt, SimulatedFacility
from reserve.simulator.recus.scenario import RecUsScenario

DAY_STARTS, DAY_ENDS = time(7, 0), time(21, 0)  # what a schedule shows (facts 2.5)
NOT_RESERVABLE = "Not Reservable"  # what a court is called outside its slots (facts 2.3)
CLOSED = {"referenceType": "OPEN", "referenceLabel": NOT_RESERVABLE}
FREE = {"referenceType": "RESERVABLE"}


def published(
    facility: SimulatedFacility, scenario: RecUsScenario, free: Mapping[str, Sequence[Slot]]
) -> dict[str, Any]:
    """A facility as `GET /v1/locations/<id>` shows it; *free* has the bookable slots by court (facts 2.3)."""
    usual = facility.usual[0].policy
    verification = scenario.publishes_verification
    return {
        "id": facility.id,
        "name": facility.name,
        "description": "TBD",
        "formattedAddress": facility.address,
        "lat": "37.8014",
        "lng": "-122.4198",
        "placeId": None,
        "hoursOfOperation": "7:30am to 7:30pm",
        "timezone": str(facility.zone),
        "playGuidelines": "One court per day, three per calendar week.",
        **dict.fromkeys(("accessInfo", "gettingThereInfo"), ""),
        "defaultReservationWindow": usual.days_ahead,
        "reservationReleaseTimeLocal": usual.release.isoformat("seconds"),
        **dict.fromkeys(("reservationBuffer", "privateLessonReservationWindow"), 0),
        "reservationRequiresVerification": (
            scenario.verify != "never" if verification is None else verification
        ),
        "noReservationText": None,
        "organizationId": ORGANIZATION["id"],
        "organization": ORGANIZATION,
        "images": dict.fromkeys(["detail", "thumbnail", "mainGallery", "smallGallery1", "smallGallery2"]),
        "courts": [_court(facility, court, scenario, free[court.id]) for court in facility.courts],
        "tags": [],
        "regions": [],
    }


def _court(
    facility: SimulatedFacility, court: SimulatedCourt, scenario: RecUsScenario, free: Sequence[Slot]
) -> dict[str, Any]:
    policy, blocks = court.policy, court.policy.blocks()
    fixed = [
        {"dayOfWeek": weekday, "startTimeLocal": f"{start}", "endTimeLocal": f"{end}"}
        for weekday in range(1, 8)  # 1 = Monday here
        for start, end in blocks
    ]
    opens, closes = (blocks[0][0], blocks[-1][1]) if blocks else (DAY_STARTS, DAY_ENDS)
    hours = {"type": "PRIVATE", "openFrom": f"{opens}", "openTo": f"{closes}"}
    sports = [
        {"id": id_, "courtId": court.id, "sportId": sport, "price": 0, "currency": "USD"}
        for id_, sport in court.sports.items()
    ]
    return {
        "id": court.id,
        "locationId": facility.id,
        "courtNumber": court.name,
        "type": "court",
        **dict.fromkeys(("capacity", "description", "archivedAt")),
        "noReservationText": NOT_RESERVABLE,  # whether it takes reservations or not
        "publishedAt": "2024-04-01T17:00:00.000Z",
        "allowPrivateLessons": False,
        "isInstantBookable": bool(blocks),
        "maxReservationTime": f"{policy.minutes // 60:02}:{policy.minutes % 60:02}:00",
        "bufferMinutesBetweenReservations": 0,
        # A stale superset, as published (facts 2.3).
        "allowedReservationDurations": {"minutes": list(range(30, policy.minutes + 1, 30))},
        "defaultReservationWindowDays": policy.days_ahead if blocks else None,
        "reservationReleaseTimeLocal": policy.release.isoformat("seconds") if blocks else None,
        "config": {
            "pricing": {"default": {"type": "perHour", "cents": scenario.price_cents}},
            "bookingPolicies": [{"type": "fixed-slots", "isActive": True, "slots": fixed}] if blocks else [],
        },
        "sports": sports,
        "availableSlots": [tick for slot in free for tick in _ticks(slot)],
        "slots": [hours | {"dayOfWeek": weekday} for weekday in range(7)],  # 0 = Sunday here (facts 2.3)
        "images": {"map": [], "mainGallery": []},
        "amenities": {"amenityTagIds": []},
    }


def _ticks(slot: Slot) -> list[str]:
    """The half hours of a slot, local, as `availableSlots` lists them (facts 2.4)."""
    half, start = timedelta(minutes=30), slot.start.replace(tzinfo=None)
    return [str(start + number * half) for number in range((slot.end - slot.start) // half)]


def schedule(
    facility: SimulatedFacility,
    span: Iterable[date],
    scenario: RecUsScenario,
    is_free: Callable[[Court, Slot], bool],
) -> dict[str, Any]:
    """What is free and taken on the days of *span*, with the reservations that take it (facts 2.5)."""
    reservations: dict[str, Any] = {}
    users: dict[str, Any] = {}

    def taken(court: SimulatedCourt) -> dict[str, Any]:
        number = f"{len(reservations) + 1:012}"
        id_, user = f"00000000-0000-4000-8001-{number}", f"00000000-0000-4000-8002-{number}"
        reservations[id_] = _reservation(court, scenario) | {"id": id_, "users": [user]}
        users[user] = {"id": user, "firstName": "A", "lastName": "Z", "image": None}
        return {"referenceType": "RESERVATION", "referenceId": id_}

    def pieces(court: SimulatedCourt, day: date) -> dict[str, Any]:
        """One court's day: taken slots one by one, what is free in one piece."""
        blocks = court.policy.blocks()
        if not blocks:  # a walk-up court
            return {f"{DAY_STARTS:%H:%M}, {DAY_ENDS:%H:%M}": CLOSED}
        found = [(DAY_STARTS, blocks[0][0], CLOSED)] if blocks[0][0] > DAY_STARTS else []
        for slot, (start, end) in zip(facility.slots(court, day), blocks, strict=True):
            if not is_free(court, slot):
                found.append((start, end, taken(court)))
            elif found and found[-1][2] is FREE:
                found[-1] = (found[-1][0], end, FREE)
            else:
                found.append((start, end, FREE))
        found.append((blocks[-1][1], DAY_ENDS, CLOSED))
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
    cost = round(scenario.price_cents * court.policy.minutes / 60)
    return {
        "reservationType": "court-reservation",
        **dict.fromkeys(("reservationCost", "guestPrice"), cost),
        "reservationCostCurrency": "USD",
        "capacity": 1,
        "paid": True,
        "visibility": "public",
        **dict.fromkeys(("facilityRentalId", "linkedReservationId")),
        "locationId": court.facility,
        "courts": [court.id],
    }
