"""What everybody may read at the simulated rec.us, compared with the samples."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from reserve.simulator.recus.facilities import PICKLEBALL, TENNIS
from tests.simulator.visitor import ALICE_MARBLE, BUENA_VISTA, COURTS, DAY, OPENS_AT, Visitor

GLEN_CANYON = "16fdf80f-4e50-452a-843f-63d159c798e2"
MIRALOMA = "5a52a5e8-2e9f-4976-8a5c-0bc53d51afe9"
MOUNTAIN_LAKE = "af2cd971-0c10-479d-a12e-ca63d55f71be"


def courts(visitor: Visitor, facility: str = ALICE_MARBLE) -> dict[str, Any]:
    location = visitor.get(f"/v1/locations/{facility}?publishedSites=true").json["location"]
    return {court["courtNumber"]: court for court in location["courts"]}


def test_the_courts_are_published_out_of_order() -> None:
    assert list(courts(Visitor())) == ["Court 2", "Court 4", "Court 1", "Court 3"]


def test_the_published_window_leads_to_the_opening() -> None:
    late_opening = datetime.fromisoformat("2026-03-06T21:40:17-08:00")

    court = courts(Visitor(opens_at=late_opening, day=date(2026, 3, 16)))["Court 1"]

    assert court["defaultReservationWindowDays"] == 10
    assert court["reservationReleaseTimeLocal"] == "21:40:17"


def test_the_window_counts_calendar_days_across_the_clock_change() -> None:
    before, after = (
        datetime.fromisoformat("2026-03-02T08:00:00-08:00"),
        date(2026, 3, 9),
    )  # clocks change on the 8th

    visitor = Visitor(opens_at=before, day=after).arrive()

    assert courts(visitor)["Court 1"]["defaultReservationWindowDays"] == 7
    assert visitor.hold().status_code == 201


def test_the_last_court_opens_two_days_ahead_at_noon_for_an_hour() -> None:
    court = courts(Visitor(courts=1))["Court 2"]
    blocks = court["config"]["bookingPolicies"][0]["slots"]

    assert (court["defaultReservationWindowDays"], court["reservationReleaseTimeLocal"]) == (2, "12:00:00")
    assert court["maxReservationTime"] == "01:00:00"
    assert blocks[0] == {"dayOfWeek": 1, "startTimeLocal": "07:00:00", "endTimeLocal": "08:00:00"}
    assert blocks[-1] == {"dayOfWeek": 7, "startTimeLocal": "18:00:00", "endTimeLocal": "19:00:00"}


def test_there_may_be_33_courts_and_every_id_differs() -> None:
    published = courts(Visitor(courts=32))
    ids = [sport["id"] for court in published.values() for sport in court["sports"]]

    assert len(published) == 33
    assert len(set(ids)) == len(ids) == 34  # one court serves two sports


def test_one_court_serves_pickleball_too() -> None:
    sports = {
        name: [sport["sportId"] for sport in court["sports"]] for name, court in courts(Visitor()).items()
    }

    assert sports["Court 1"] == [TENNIS]
    assert sports["Court 2"] == [TENNIS, PICKLEBALL]


def test_a_booking_for_one_sport_blocks_the_other() -> None:
    visitor = Visitor().arrive()
    pickleball = courts(visitor)["Court 2"]["sports"][1]["id"]
    visitor.order("Court 2")

    assert visitor.hold(pickleball).json["message"] == "Court already reserved at this time"


def test_a_day_is_not_listed_before_it_opens() -> None:
    visitor = Visitor()
    before = courts(visitor)["Court 1"]["availableSlots"]
    visitor.wait(0)
    after = courts(visitor)["Court 1"]["availableSlots"]

    assert not [slot for slot in before if slot.startswith("2026-03-09")]
    assert "2026-03-09 18:30:00" in after


def test_every_park_of_the_city_is_listed() -> None:
    listed = Visitor().get("/v1/locations/availability?organizationSlug=san-francisco-rec-park").json

    assert len({entry["location"]["id"] for entry in listed}) == 28
    assert sum(len(entry["location"]["courts"]) for entry in listed) == 114
    assert [entry["location"]["name"] for entry in listed][:3] == ["Alice Marble", "Balboa", "DuPont"]
    assert Visitor().get("/v1/locations/availability").json == []


def test_courts_are_labelled_not_reservable_as_in_the_sample_and_can_be_booked(
    sample: Callable[[str], Any],
) -> None:
    recorded = sample("location")["location"]["courts"]

    published = courts(Visitor()).values()

    for read in (recorded, published):
        told = {(court["noReservationText"], court["isInstantBookable"]) for court in read}
        assert told == {("Not Reservable", True)}


def test_a_walk_up_court_is_published_as_in_the_sample_and_never_reserved(
    sample: Callable[[str], Any],
) -> None:
    (recorded,) = [
        court
        for court in sample("location_windows")["location"]["courts"]
        if court["isInstantBookable"] is False
    ]
    visitor = Visitor().arrive()

    walk_up = courts(visitor, BUENA_VISTA)["Court 2"]

    for key in (
        "isInstantBookable",
        "noReservationText",
        "defaultReservationWindowDays",
        "reservationReleaseTimeLocal",
        "maxReservationTime",
        "availableSlots",
    ):
        assert walk_up[key] == recorded[key], key
    assert walk_up["config"]["bookingPolicies"] == recorded["config"]["bookingPolicies"] == []
    schedule = visitor.get(f"/v1/locations/{BUENA_VISTA}/schedule?startDate=2026-03-09").json
    assert [court["schedule"] for court in schedule["dates"]["20260309"]][1] == {
        "07:00, 21:00": {"referenceType": "OPEN", "referenceLabel": "Not Reservable"}
    }
    refused = visitor.hold(walk_up["sports"][0]["id"])
    assert refused.json["message"] == "The reservation violates the site's booking policy"


def test_the_sports_are_known() -> None:
    assert {"id": TENNIS, "name": "Tennis", "description": None} in Visitor().get("/v1/sports").json


def test_the_schedule_shows_what_is_taken_and_joins_what_is_free() -> None:
    visitor = Visitor().arrive()
    visitor.order(start="09:00")

    day = visitor.get(f"/v1/locations/{ALICE_MARBLE}/schedule?startDate=2026-03-09").json
    first = day["dates"]["20260309"][0]

    assert first["courtNumber"] == "Court 1"
    kinds = {times: piece["referenceType"] for times, piece in first["schedule"].items()}
    assert kinds == {
        "07:00, 07:30": "OPEN",
        "07:30, 09:00": "RESERVABLE",
        "09:00, 10:30": "RESERVATION",
        "10:30, 19:30": "RESERVABLE",
        "19:30, 21:00": "OPEN",
    }
    assert first["schedule"]["09:00, 10:30"]["referenceId"] in day["reservations"]


@pytest.mark.parametrize("query", ["", "?startDate=yesterday", "?startDate=2026-03-09&endDate=2026-03-08"])
def test_a_schedule_without_a_proper_day_is_refused(query: str) -> None:
    assert Visitor().get(f"/v1/locations/{ALICE_MARBLE}/schedule{query}").status_code == 422


def test_an_unknown_path_is_refused_in_the_manner_of_the_api() -> None:
    answer = Visitor().get("/v1/nothing/here")

    assert answer.status_code == 404
    assert set(answer.json) == {"correlationId", "message", "obstructions", "type"}


def same_keys(sample: Any, answer: Any, path: str = "") -> None:
    """Every key of the sample is in the answer, at every depth; of a list the first entry counts."""
    if isinstance(sample, dict):
        assert isinstance(answer, dict), path
        for key, value in sample.items():
            assert key in answer, f"{path}.{key}"
            same_keys(value, answer[key], f"{path}.{key}")
    elif isinstance(sample, list) and sample and answer:
        same_keys(sample[0], answer[0], f"{path}[0]")


def test_a_hold_and_its_payments_have_every_field_of_the_samples(sample: Callable[[str], Any]) -> None:
    visitor = Visitor(price_cents=500).arrive()

    held = visitor.hold()
    paid = visitor.pay(held.json["data"], [{"paymentMethodType": "card-online", "amountCents": 750}])

    same_keys(sample("reservation_created"), held.json)
    same_keys(sample("order_pay_pending"), paid.json)


def test_a_refusal_has_every_field_of_the_sample(sample: Callable[[str], Any]) -> None:
    visitor = Visitor(bookings=((DAY, OPENS_AT.time().replace(hour=7, minute=30)),)).arrive()

    refused = visitor.hold()

    same_keys(sample("error_daily_limit"), refused.json)
    assert refused.json["message"] == sample("error_daily_limit")["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"opens_at": datetime(2026, 3, 2, 8)},  # noqa: DTZ001  # the point of it
        {"courts": 0},
        {"courts": 33},
        {"shape": "2027"},
        {"dialog": "E"},
        {"verify": "sometimes"},
        {"faults": ("no-such-fault",)},
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Visitor(**wrong)


def test_a_day_before_its_opening_is_refused() -> None:
    with pytest.raises(ValueError, match="before its opening"):
        Visitor(day=DAY - timedelta(days=8))


def test_the_ids_are_the_published_ones() -> None:
    published = courts(Visitor())

    for name in ("Court 1", "Court 2", "Court 3", "Court 4"):
        assert published[name]["sports"][0]["id"] == COURTS[name]


def test_courts_on_the_same_ground_name_each_other_and_whoever_has_one_has_all() -> None:
    visitor = Visitor(shared_ground=True)
    published = courts(visitor)
    overlaps = {
        name: [each["courtNumber"] for each in court["overlaps"]] for name, court in published.items()
    }
    visitor.arrive().wait(-1)
    visitor.simulated.orders.take(visitor.simulated.courts[0], visitor.simulated.scenario.slot, "somebody")
    visitor.wait(0)

    refused = visitor.hold(published["Court B"]["sports"][0]["id"])

    assert refused.json["message"] == "Court already reserved at this time"
    assert {name: sorted(names) for name, names in overlaps.items() if names} == {
        "Court 1": ["Court A", "Court B"],
        "Court A": ["Court 1"],
        "Court B": ["Court 1"],
    }


# The city.


def week(visitor: Visitor, facility: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Every piece of the schedule of the eight days from the visitor's: by day, court and time."""
    days = "startDate=2026-03-02&endDate=2026-03-09"
    dates = visitor.get(f"/v1/locations/{facility}/schedule?{days}").json["dates"]
    return {
        (day, court["courtNumber"], times): piece
        for day, listed in dates.items()
        for court in listed
        for times, piece in court["schedule"].items()
    }


def test_what_is_open_is_booked_to_the_recorded_share_and_the_same_with_the_same_seed() -> None:
    once, again, other = (week(Visitor(seed=seed), GLEN_CANYON) for seed in (1, 1, 2))
    taken = [key for key, piece in once.items() if piece["referenceType"] == "RESERVATION"]

    assert once == again != other
    assert len(taken) / (7 * 14) == pytest.approx(0.84, abs=0.1)  # 14 slots a day, one court
    assert {
        key[:2]: piece for key, piece in once.items() if key[0] == "20260309" and "OPEN" not in str(piece)
    } == {
        ("20260309", "Court 2"): {"referenceType": "RESERVABLE"}  # not open yet
    }


def test_no_two_courts_on_the_same_ground_are_booked_at_once() -> None:
    found = week(Visitor(seed=3), BUENA_VISTA)
    of_tennis = {key: piece for key, piece in found.items() if key[1] == "Court 1"}
    booked = [(day, times) for (day, _, times), piece in of_tennis.items() if "referenceId" in piece]

    assert len(booked) > 20
    for day, times in booked:
        assert [found[day, f"Court {name}", times] for name in "ABCD"] == [
            {"referenceType": "RESERVATION"}
        ] * 4
    assert any("referenceId" in piece for (_, court, _), piece in found.items() if court == "Court A")


@pytest.mark.parametrize(("season", "last"), [("edited", "18:00:00"), ("by-date", "19:30:00")])
def test_the_policy_may_be_edited_for_the_season_or_not_and_what_is_free_is_right_for_the_day(
    season: str, last: str
) -> None:
    winter = datetime.fromisoformat("2026-12-02T08:00:00-08:00")
    visitor = Visitor(opens_at=winter, day=date(2026, 12, 9), season=season)
    visitor.clock.step(winter - visitor.clock.now())
    court = courts(visitor, MIRALOMA)["Court 1"]
    (policy,) = court["config"]["bookingPolicies"]
    starts = visitor.get(f"/v1/sites/{court['id']}/availability").json["data"]["2026-12-03"]
    path = f"/v1/locations/{MIRALOMA}/schedule?startDate=2026-12-09"
    ((of_day,),) = visitor.get(path).json["dates"].values()

    assert max(block["endTimeLocal"] for block in policy["slots"]) == last
    assert max(starts) == "16:30:00"
    assert of_day["schedule"]["18:00, 21:00"]["referenceType"] == "OPEN"
    assert not [tick for tick in court["availableSlots"] if tick.endswith(" 18:00:00")]


def test_a_day_has_its_season_as_once_listed_on_the_third_of_march() -> None:
    visitor = Visitor()
    visitor.clock.step(timedelta(days=1))
    (policy,) = courts(visitor, MOUNTAIN_LAKE)["Court 1"]["config"]["bookingPolicies"]

    evenings = {block["dayOfWeek"] for block in policy["slots"] if block["startTimeLocal"] == "18:00:00"}

    assert evenings == {7, 1, 2}  # Sunday the 8th is the first day of daylight-saving time
