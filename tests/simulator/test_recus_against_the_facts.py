"""The simulated rec.us has every endpoint and every field that the facts have, and their types.

One table of what was listed and one of what was recorded, each row with its section of the rec.us facts. The
facts are the measure here, not what a client of ours happens to read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.simulator.visitor import ALICE_MARBLE, Visitor

SITE = "f16d5170-6698-4275-90c1-f0e5e499eb52"  # Court 1 of Alice Marble (rec.us facts 2.1)
CITY = "?organizationSlug=san-francisco-rec-park&publishedSites=true"
PLACE = f"/v1/locations/{ALICE_MARBLE}"
DAYS = "startDate=2026-03-09&endDate=2026-03-15"
SLOT = "from=2026-03-09+18:00:00&to=2026-03-09+19:30:00"
NEWER = {"windows": "courts", "shared_ground": True, "price_cents": 500}


class Row(NamedTuple):
    """What the facts list in one place of the answer to one request."""

    section: str
    request: str
    place: str  # names with dots; [] is each entry of a list, * each value of an object whose keys are data
    fields: str
    scenario: Mapping[str, Any] = MappingProxyType({})


LISTED = [
    Row("2.2", "GET /v1/sports", "[]", "id name description"),
    Row("2.2", "GET /v1/regions", "[]", "id name lat lng radius"),
    Row("2.2", "GET /v1/organizations", "data.[]", "id slug name"),
    Row("2.2", "GET /v1/organizations", "meta.pg", "num size totalResults"),
    Row("2.2", "GET /v1/locations", "data.[]", "id name organizationId archivedAt lat lng"),
    Row("2.2", "GET /v1/locations", "meta.pg", "num size totalResults"),
    Row(
        "2.2",
        "GET /v1/organizations/san-francisco-rec-park",
        "",
        "id slug name description logo fullLogo config activityOrCategoryOrder",
    ),
    Row("2.2", "GET /v1/organizations/san-francisco-rec-park", "config", "tabs banners general lessons"),
    Row(
        "2.2",
        "GET /v1/organizations/san-francisco-rec-park",
        "config.general",
        "primaryState primaryTimezone",
    ),
    Row(
        "2.2",
        "GET /v1/organizations/san-francisco-rec-park",
        "config.banners.pages",
        f"/locations/{ALICE_MARBLE}",
    ),
    Row(
        "2.2",
        "GET /v1/organizations/san-francisco-rec-park",
        "config.lessons.restrictions",
        "allowedDurations maxWeeklyBookings",
    ),
    Row(
        "2.2",
        f"GET /v1/sites/{SITE}",
        "data",
        "id courtNumber capacity isInstantBookable noReservationText locationId locationName config "
        "allowedReservationDurations maxReservationTime images descriptionMd rulesMd",
    ),
    Row("2.2", "GET /v1/sites?organizationId=17380e28-7e02-4b52-82c5-fab18557fd7a", "", "results total"),
    Row("2.2", f"GET /v1/sites/{SITE}/addons", "", "data"),
    Row("2.2", f"GET /v1/price?siteId={SITE}&{SLOT}", "", "price currency"),
    Row(
        "2.3",
        f"GET {PLACE}",
        "location",
        "id name description formattedAddress lat lng placeId hoursOfOperation timezone playGuidelines "
        "accessInfo gettingThereInfo defaultReservationWindow reservationReleaseTimeLocal reservationBuffer "
        "privateLessonReservationWindow reservationRequiresVerification reservationWindowExtendingGroupId "
        "groupReservationWindow instructorReservationReleaseDay instructorReservationReleaseTimeLocal "
        "noReservationText organizationId organization images courts tags regions createdAt updatedAt",
    ),
    Row("2.3", f"GET {PLACE}", "location.organization", "id name slug config"),
    Row("2.3", f"GET {PLACE}", "location.images", "detail thumbnail mainGallery smallGallery1 smallGallery2"),
    Row(
        "2.3",
        f"GET {PLACE}",
        "location.courts.[]",
        "id locationId courtNumber type capacity description publishedAt archivedAt createdAt "
        "noReservationText allowPrivateLessons isInstantBookable maxReservationTime "
        "bufferMinutesBetweenReservations allowedReservationDurations defaultReservationWindowDays "
        "reservationReleaseTimeLocal config sports "
        "availableSlots slots images amenities reservationWindows overlaps reservationBufferMinutesOverride",
    ),
    Row("2.3", f"GET {PLACE}", "location.courts.[].config", "pricing deposits bookingPolicies"),
    Row("2.3", f"GET {PLACE}", "location.courts.[].config.pricing", "default rules"),
    Row("2.3", f"GET {PLACE}", "location.courts.[].config.pricing.default", "type cents"),
    Row("2.3", f"GET {PLACE}", "location.courts.[].config.bookingPolicies.[]", "type isActive slots"),
    Row(
        "2.3",
        f"GET {PLACE}",
        "location.courts.[].config.bookingPolicies.[].slots.[]",
        "dayOfWeek startTimeLocal endTimeLocal",
    ),
    Row("2.3", f"GET {PLACE}", "location.courts.[].allowedReservationDurations", "minutes"),
    Row("2.3", f"GET {PLACE}", "location.courts.[].sports.[]", "id courtId sportId price currency"),
    Row("2.3", f"GET {PLACE}", "location.courts.[].slots.[]", "type openFrom openTo dayOfWeek"),
    Row(
        "2.3",
        f"GET {PLACE}",
        "location.courts.[].reservationWindows.[]",
        "id groupId courtId organizationId maxHours minHours releaseTimeLocal",
        {"windows": "rolling"},
    ),
    Row("2.3", f"GET {PLACE}", "location.courts.[].overlaps.[]", "id courtNumber", {"shared_ground": True}),
    Row("2.4", f"GET /v1/locations/availability{CITY}", "[]", "distance location"),
    Row(
        "2.4",
        f"GET /v1/locations/availability{CITY}",
        "[].location",
        "formattedAddress hoursOfOperation images accessInfo gettingThereInfo courts",
    ),
    Row(
        "2.5",
        f"GET {PLACE}/schedule?{DAYS}",
        "",
        "dates reservations users instructors classes sessions facilityRentals",
    ),
    Row("2.5", f"GET {PLACE}/schedule?{DAYS}", "dates.*.[]", "courtNumber sports schedule"),
    Row("2.5", f"GET {PLACE}/schedule?{DAYS}", "dates.*.[].sports.[]", "id name"),
    Row("2.5", f"GET {PLACE}/schedule?{DAYS}", "dates.*.[].schedule.*", "referenceType"),
    Row(
        "2.5",
        f"GET {PLACE}/schedule?{DAYS}",
        "reservations.*",
        "id reservationType reservationCost reservationCostCurrency guestPrice capacity paid visibility "
        "facilityRentalId linkedReservationId locationId users courts",
        {"first_taken": True},
    ),
    Row("2.6", f"GET /v1/sites/{SITE}/availability?{DAYS}", "data.*.*", "availableDurationsMinutes"),
]

# Section, sample, request, and the scenario in which the simulated rec.us is like it.
RECORDED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("2.2", "locations_list", "GET /v1/locations?pageSize=100", {}),
    ("2.3", "location", f"GET {PLACE}?publishedSites=true", {}),
    ("2.3", "location_windows", f"GET {PLACE}?publishedSites=true", NEWER),
    ("2.4", "locations_availability", f"GET /v1/locations/availability{CITY}", NEWER),
    ("2.5", "schedule", f"GET {PLACE}/schedule?{DAYS}", {"all_taken": True}),
    ("2.5", "schedule_overlap", f"GET {PLACE}/schedule?{DAYS}", {"shared_ground": True}),
    ("2.6", "site_availability", f"GET /v1/sites/{SITE}/availability", {}),
]
DATA = re.compile(
    r"\d{8}|\d{4}-\d\d-\d\d|\d\d:\d\d.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)  # keys that are


def answer(request: str, scenario: Mapping[str, Any]) -> Any:
    """What the simulated rec.us answers to a player who is signed in, just after the opening."""
    method, path = request.split()
    assert method == "GET"
    answered = Visitor(**scenario).arrive().wait(1).get(path)
    assert answered.status_code == 200, answered.text
    return answered.json


def found_at(place: str, value: Any) -> Iterator[Any]:
    """What is in *value* at *place*."""
    first, _, rest = place.partition(".")
    if not first:
        yield value
        return
    inside = value if first == "[]" else value.values() if first == "*" else [value[first]]
    for each in inside:
        yield from found_at(rest, each)


def types(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every place in *value*, and the type of what is there; keys that are data are all alike."""
    yield place, type(value).__name__
    if isinstance(value, dict):
        for key, each in value.items():
            yield from types(each, f"{place}.{'*' if DATA.fullmatch(key) else key}")
    elif isinstance(value, list):
        for each in value:
            yield from types(each, f"{place}.[]")


def by_place(value: Any) -> dict[str, set[str]]:
    """The types of what is at each place of *value*."""
    found: dict[str, set[str]] = {}
    for place, name in types(value):
        found.setdefault(place, set()).add(name)
    return found


@pytest.mark.parametrize("row", LISTED, ids=lambda row: f"{row.section} {row.request} {row.place}")
def test_every_field_that_the_facts_list_is_there(row: Row) -> None:
    found = list(found_at(row.place, answer(row.request, row.scenario)))

    assert found
    for each in found:
        assert set(row.fields.split()) - set(each) == set()


@pytest.mark.parametrize(
    ("section", "name", "request_", "scenario"), RECORDED, ids=lambda each: str(each)[:40]
)
def test_every_field_of_a_sample_is_there_with_its_type(
    sample: Callable[[str], Any], section: str, name: str, request_: str, scenario: dict[str, Any]
) -> None:
    ours = by_place(answer(request_, scenario))

    wrong = {
        place: (recorded, ours.get(place))
        for place, recorded in by_place(sample(name)).items()
        if not recorded - {"NoneType"} <= ours.get(place, set()) or place not in ours
    }

    assert wrong == {}, section


def test_pages_are_asked_for_in_two_ways_that_are_alike() -> None:
    visitor = Visitor()
    whole = visitor.get("/v1/locations?pageSize=100").json
    of_one, of_other = (
        visitor.get(f"/v1/locations?{query}").json
        for query in ("page=2&pageSize=10", "pg[num]=2&pg[size]=10")
    )

    assert of_one == of_other
    assert of_one["data"] == whole["data"][10:20]
    assert of_one["meta"]["pg"] == {"num": 2, "size": 10, "totalResults": len(whole["data"])}
    assert len(visitor.get("/v1/locations").json["data"]) == 25


def test_a_demo_city_has_facilities_of_the_same_names_and_only_the_organization_tells_them_apart() -> None:
    rows = Visitor().get("/v1/locations?pageSize=100").json["data"]

    namesakes = [row for row in rows if row["name"] == "Alice Marble"]

    assert [row["name"] for row in rows] == sorted(row["name"] for row in rows)
    assert {row["organizationId"] for row in rows} == {row["organizationId"] for row in namesakes}
    (ours,) = (row for row in namesakes if row["organizationId"] == "17380e28-7e02-4b52-82c5-fab18557fd7a")
    assert ours["id"] == ALICE_MARBLE


@pytest.mark.parametrize(
    "path", [f"/v1/sites/{SITE}/instant-booking-configuration", "/v1/sites/nobody", "/v1/x"]
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    answered = Visitor().get(path)

    assert answered.status_code == 404
    assert set(answered.json) == {"correlationId", "message", "obstructions", "type"}


def test_the_starts_of_a_court_come_with_its_one_length_and_only_within_its_window() -> None:
    visitor = Visitor()
    before = visitor.get(f"/v1/sites/{SITE}/availability").json["data"]
    visitor.wait(0)
    after = visitor.get(f"/v1/sites/{SITE}/availability").json["data"]

    assert "2026-03-09" not in before
    assert after["2026-03-09"]["18:00:00"] == {"availableDurationsMinutes": [90]}
    assert list(after) != sorted(after)
    assert visitor.get(f"/v1/sites/{SITE}/availability?startDate=2026-03-10").json == {"data": {}}


def test_the_price_is_that_of_the_time_asked_for() -> None:
    visitor = Visitor(price_cents=500)

    assert visitor.get(f"/v1/price?siteId={SITE}&{SLOT}").json == {"price": 750, "currency": "USD"}
    assert visitor.get(f"/v1/price?siteId={SITE}").status_code == 422
