"""What everybody may read at the simulated rec.us, without a token (facts 2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flask import Response, request
from flask.typing import ResponseReturnValue

from reserve.model import Court, Slot
from reserve.simulator.club import Club
from reserve.simulator.recus.answers import whole_number
from reserve.simulator.recus.facilities import (
    ORGANIZATION,
    SPORTS,
    SimulatedCourt,
    SimulatedFacility,
    days,
)
from reserve.simulator.recus.published import SITE_FIELDS, court_as_published, published, schedule
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal

MOST_DAYS = 31  # of one schedule
DEMO = {
    "id": str(uuid5(NAMESPACE_URL, "demo organization")),
    "name": "Demo City",
    "slug": "demo-city",
}
ORGANIZATIONS = (ORGANIZATION, DEMO)
SAN_FRANCISCO = {
    "id": str(uuid5(NAMESPACE_URL, "region")),
    "name": "San Francisco Bay Area",
    "lat": "37.7749",
    "lng": "-122.4194",
    "radius": 50,
}
Who = Callable[
    [Court, Slot], str | None
]  # has a court then: "itself" somebody, somebody its "ground", nobody


class ReadingApi:
    """Answers what is asked without a token."""

    def __init__(
        self, club: Club, scenario: RecUsScenario, facilities: Mapping[str, SimulatedFacility], who: Who
    ) -> None:
        """What there is to read about *facilities*, of which *who* may have courts."""
        self._club, self._scenario, self._facilities, self._who = club, scenario, facilities, who

    # The city, and other cities (facts 2.2).

    def sports(self) -> ResponseReturnValue:
        """What can be played; yoga needs no court."""
        return [{"id": id_, "name": name, "description": None} for id_, name in SPORTS.items()]

    def regions(self) -> ResponseReturnValue:
        """Where there are facilities."""
        return [SAN_FRANCISCO]

    def organizations(self) -> ResponseReturnValue:
        """All cities."""
        return _page([_organization(each) for each in ORGANIZATIONS])

    def organization(self, id_: str) -> ResponseReturnValue:
        """One city, by its id or its page; its banners lead to its facilities."""
        for each in ORGANIZATIONS:
            if id_ in (each["id"], each["slug"]):
                pages = self._facilities if each is ORGANIZATION else ()
                return _organization(each, [f"/locations/{facility}" for facility in pages])
        raise Refusal("not-found")

    def locations(self) -> ResponseReturnValue:
        """The facilities of all cities, whatever city is asked for."""
        return _page(_all_locations(tuple((each.id, each.name) for each in self._facilities.values())))

    # One facility (facts 2.3 to 2.5).

    def availability(self) -> ResponseReturnValue:
        """Every facility of the city, with what is free there."""
        slug = request.args.get("organizationSlug")
        wanted = slug == ORGANIZATION["slug"] or request.args.get("regionId") == SAN_FRANCISCO["id"]
        entries = [self._entry(each) for each in self._facilities.values()] if wanted else []
        return Response(f"[{','.join(entries)}]", mimetype="application/json")

    def location(self, id_: str) -> ResponseReturnValue:
        """One facility."""
        return {"location": self._published(self._facility(id_))}

    def schedule(self, id_: str) -> ResponseReturnValue:
        """What is free and taken, day by day."""
        facility = self._facility(id_)
        first = _day("startDate")
        last = _day("endDate") or first
        if first is None or last is None or not 0 <= (last - first).days < MOST_DAYS:
            raise Refusal("invalid-body")
        return schedule(facility, days(first, last), self._scenario, self._who)

    def _entry(self, facility: SimulatedFacility) -> str:
        """A facility of the list, as JSON; where nothing happens in the scenario, it is worked out once."""

        def entry() -> str:
            return json.dumps({"distance": None, "location": self._published(facility)})

        scenario, server_now = self._scenario, self._club.server_now
        in_use = any(order.court.facility == facility.id for order in self._club.orders.values())
        if in_use or facility.id == next(iter(self._facilities)):
            return entry()
        switches = (
            *(scenario.seed, scenario.timezone, scenario.price_cents, scenario.verify),
            *(scenario.publishes_verification, scenario.windows, scenario.buffer, scenario.season),
        )
        when = (_half_hour(server_now), _half_hour(server_now - scenario.opens_late))
        return _remembered(_Untouched((facility.id, *switches, *when), entry))

    def _published(self, facility: SimulatedFacility) -> dict[str, Any]:
        today = facility.local(self._club.server_now).date()
        free = {court.id: list(self._free(facility, court, None, None)) for court in facility.courts}
        return published(facility, self._scenario, today, free)

    def _free(
        self, facility: SimulatedFacility, court: SimulatedCourt, first: date | None, last: date | None
    ) -> Iterator[Slot]:
        """What can be reserved of a court, from *first* to *last* or as far as its window goes."""
        if court.window is None:
            return
        earliest = self._club.server_now + self._scenario.buffer
        today = facility.local(self._club.server_now).date()
        end = today + court.window.days
        for day in days(max(first or today, today), min(last or end, end)):
            for slot in facility.slots(court, day):
                if slot.start > earliest and self._club.is_open(court, slot) and not self._who(court, slot):
                    yield slot

    def _facility(self, id_: str) -> SimulatedFacility:
        if id_ not in self._facilities:
            raise Refusal("not-found")
        return self._facilities[id_]

    # One court (facts 2.2, 2.6).

    def sites(self) -> ResponseReturnValue:
        """What is no court; this city has none of it."""
        return {"results": [], "total": 0}

    def site(self, id_: str) -> ResponseReturnValue:
        """One court."""
        facility, court = self._site(id_)
        today = facility.local(self._club.server_now).date()
        whole = court_as_published(facility, court, self._scenario, today, ())
        return {"data": {key: whole[key] for key in SITE_FIELDS} | {"locationName": facility.name}}

    def site_availability(self, id_: str) -> ResponseReturnValue:
        """When a court's free slots start, in no order."""
        found: dict[str, dict[str, Any]] = {}
        for slot in reversed([*self._free(*self._site(id_), _day("startDate"), _day("endDate"))]):
            minutes = (slot.end - slot.start) // timedelta(minutes=1)
            of_day = found.setdefault(f"{slot.start:%Y-%m-%d}", {})
            of_day[f"{slot.start:%H:%M:%S}"] = {"availableDurationsMinutes": [minutes]}
        return {"data": found}

    def addons(self, id_: str) -> ResponseReturnValue:
        """What can be had with a court: nothing."""
        self._site(id_)
        return {"data": []}

    def price(self) -> ResponseReturnValue:
        """What a court costs."""
        self._site(request.args.get("siteId", ""))
        try:
            start, end = (datetime.fromisoformat(request.args[name]) for name in ("from", "to"))
        except (KeyError, ValueError):
            raise Refusal("invalid-body") from None
        return {
            "price": round(self._scenario.price_cents * ((end - start) / timedelta(hours=1))),
            "currency": "USD",
        }

    def _site(self, id_: str) -> tuple[SimulatedFacility, SimulatedCourt]:
        for facility in self._facilities.values():
            for court in facility.courts:
                if court.id == id_:
                    return facility, court
        raise Refusal("unknown-court")


def _page(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The wanted page of a list (facts 2.2)."""
    number, size = whole_number(("pg[num]", "page"), 1), whole_number(("pg[size]", "pageSize"), 25)
    pg = {"num": number, "size": size, "totalResults": len(rows)}
    return {"data": rows[(number - 1) * size : number * size], "meta": {"pg": pg}}


def _organization(organization: Mapping[str, str], pages: Sequence[str] = ()) -> dict[str, Any]:
    return {
        **organization,
        **dict.fromkeys(("description", "logo", "fullLogo")),
        "config": {
            "tabs": ["locations"],
            "banners": {"pages": {page: [] for page in pages}},
            "general": {"primaryState": "CA", "primaryTimezone": "America/Los_Angeles"},
            "lessons": {"restrictions": {"allowedDurations": [30, 60], "maxWeeklyBookings": 15}},
        },
        "activityOrCategoryOrder": [],
    }


@cache
def _all_locations(facilities: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    """Those of the city, one that is no more, one that is on no map, and those of a demo city; by name."""

    def row(id_: str, name: str, organization: Mapping[str, str], **more: Any) -> dict[str, Any]:
        row = {"id": id_, "name": name, "organizationId": organization["id"], "archivedAt": None}
        return {**row, "lat": "37.7600", "lng": "-122.4300", **more}

    def made_up(name: str, organization: Mapping[str, str], **more: Any) -> dict[str, Any]:
        return row(str(uuid5(NAMESPACE_URL, f"{organization['id']} {name}")), name, organization, **more)

    rows = [
        *(made_up(name, DEMO) for _, name in facilities),
        *(row(id_, name, ORGANIZATION) for id_, name in facilities),
        made_up("Old Park", ORGANIZATION, archivedAt="2025-01-15T18:00:00.000Z"),
        made_up("No Map Courts", ORGANIZATION, lat=None, lng=None),
    ]
    return sorted(rows, key=lambda row: str(row["name"]))


def _day(name: str) -> date | None:
    """A day of the query, where there is one."""
    if (value := request.args.get(name)) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Refusal("invalid-body") from None


def _half_hour(moment: datetime) -> datetime:
    """When the last slot opened or started, but for those of the wanted facility."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


@dataclass(frozen=True)
class _Untouched:
    """A facility in which nothing happens, under all that its entry depends on."""

    key: tuple[object, ...]
    entry: Callable[[], str] = field(compare=False)


@lru_cache(maxsize=256)
def _remembered(untouched: _Untouched) -> str:
    return untouched.entry()
