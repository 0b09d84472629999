"""What the player has at rec.us: bookings and holds in every shape, and what ties them together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reserve.errors import ReserveError, ServiceError, Throttled, TokenRefused, UnknownAnswer, UnknownRefusal
from reserve.model import Court, HoldStamp, Reservation, Slot
from reserve.systems.reading import fitting
from reserve.systems.recus.bookings import Included, ListedBooking, booking_in, places_of
from tests.fakes import FakeClock
from tests.systems.test_recus import EVENING, OFFER, ORDER, SF, Api, answered, offers, sample, wanted

OURS = Court("", "Court 1", "81cd2b08-8ea6-40ee-8c89-aeba92506576")


def signed_in(clock: FakeClock, *answers: Any) -> Api:
    """An API that knows the player and answers *answers*, good ones without their status."""
    api = Api(
        clock, (200, {"id": "me-1"}), *(each if isinstance(each, tuple) else (200, each) for each in answers)
    )
    api.system.use_token("token-1")
    return api


def test_the_player_is_known_by_the_id_of_the_city_and_not_of_the_sign_in(clock: FakeClock) -> None:
    api = Api(clock, (200, sample("users_me")), (200, {"data": []}))

    api.system.use_token("token-1")
    api.system.reservations()

    assert f"/v1/users/{sample('users_me')['id']}/bookings" in api.asked[-1][0]


def found_in(booking: Any, included: Any, *, is_alone: bool = False) -> list[tuple[Court, Slot]] | None:
    found = fitting(booking, ListedBooking)
    assert found is not None
    return places_of(found, fitting(included, Included) or Included(), SF, is_alone=is_alone)


RESERVATION = {"id": "r-1", "startsAt": "2026-03-10T01:00:00.000Z", "endsAt": "2026-03-10T02:30:00.000Z"}
INCLUDED: dict[str, Any] = {
    "reservations": [RESERVATION],
    "sites": [{"id": "s-1", "name": "Court 1"}],
    "reservationSiteIds": {"r-1": ["s-1"]},
}


@pytest.mark.parametrize(
    "booking", [{"id": "b", "linkedReservationId": "r-1"}, {"id": "b", "reservationId": "r-1"}]
)
def test_a_booking_says_where_and_when(booking: dict[str, object]) -> None:
    found = found_in(booking, INCLUDED)

    assert found
    ((where, when),) = found
    assert (where.id, where.name) == ("s-1", "Court 1")
    assert when == Slot(EVENING.start, EVENING.end)


@pytest.mark.parametrize("told_by", ["reservations", "sites"])
def test_a_court_of_the_same_name_in_another_facility_is_another_court(told_by: str) -> None:
    ours = offers(wanted(only=("Court 1",))).offers[0].court
    for facility, is_ours in ((ours.facility, True), ("elsewhere", False), (None, True)):
        entry = INCLUDED[told_by][0] | {"locationId": facility}
        found = found_in({"id": "b", "linkedReservationId": "r-1"}, INCLUDED | {told_by: [entry]})

        assert found
        assert found[0][0].is_same(ours) is is_ours


@pytest.mark.parametrize(
    "included",
    [
        None, [], {}, {"reservations": None}, {"reservations": [{"id": "r-1"}]},
        {"reservations": [RESERVATION | {"startsAt": "soon"}]},
        {"reservations": [RESERVATION | {"id": "other"}]},
        {"reservations": [RESERVATION | {"endsAt": RESERVATION["startsAt"]}]},
    ],
)  # fmt: skip
def test_a_booking_that_cannot_be_read_is_left_alone(included: Any) -> None:
    assert found_in({"id": "b", "linkedReservationId": "r-1"}, included) is None


def test_ids_may_be_numbers() -> None:
    ids = INCLUDED | {"sites": [{"id": 5, "courtNumber": 1}], "reservationSiteIds": {"r-1": [None, 5]}}

    found = found_in({"id": 7, "linkedReservationId": "r-1"}, ids)

    assert found
    assert found[0][0] == Court("5", "1")


def test_a_reservation_counts_whatever_its_own_id_is(clock: FakeClock) -> None:
    booking = {"id": 7, "status": "confirmed", "linkedReservationId": "r-1"}
    api = Api(clock, (200, {"id": "me-1"}), (200, {"data": [booking, None], "included": INCLUDED}))
    api.system.use_token("token-1")

    (reservation,) = api.system.reservations()

    assert reservation.court.name == "Court 1"


@pytest.mark.parametrize("answer", [{"order": None}, {"data": []}, []])
def test_a_booking_without_an_order_is_not_held_and_hides_no_other(clock: FakeClock, answer: Any) -> None:
    bookings = [{"id": each, "status": "pending", "linkedReservationId": "r-1"} for each in ("1", "2")]
    answers = ({"id": "me-1"}, {"data": bookings, "included": INCLUDED}, answer, {"order": ORDER})
    api = Api(clock, *((200, each) for each in answers))
    api.system.use_token("token-1")

    (hold,) = api.system.holds()

    assert hold.order_id == "o-1"


def test_nobody_says_of_a_booking_without_an_id_that_it_is_not_held(clock: FakeClock) -> None:
    booking = {"id": None, "status": "pending", "linkedReservationId": "r-1"}
    api = Api(clock, (200, {"id": "me-1"}), (200, {"data": [booking], "included": INCLUDED}))
    api.system.use_token("token-1")

    with pytest.raises(UnknownAnswer):
        api.system.holds()


def test_only_confirmed_bookings_are_reservations_and_canceled_ones_are_none(clock: FakeClock) -> None:
    kinds = [
        {"id": "1", "status": "confirmed", "canceledAt": None, "linkedReservationId": "r-1"},
        {
            "id": "2",
            "status": "confirmed",
            "canceledAt": "2026-03-02T16:00:00Z",
            "linkedReservationId": "r-1",
        },
        {"id": "3", "status": "pending", "canceledAt": None, "linkedReservationId": "r-1"},
    ]
    api = Api(clock, (200, {"id": "me-1"}), (200, {"data": kinds, "included": INCLUDED}))
    api.system.use_token("token-1")

    (reservation,) = api.system.reservations()

    assert (reservation.court.name, reservation.slot) == ("Court 1", Slot(EVENING.start, EVENING.end))


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"type": "E_INVALID_REQUEST", "message": "The query is invalid"}),
        (404, {}),
        (200, {"bookings": []}),
        (200, [7]),
        (200, "<html></html>"),
    ],
)
def test_a_list_of_bookings_that_cannot_be_read_says_so_until_it_can(
    clock: FakeClock, answer: tuple[int, Any]
) -> None:
    api = Api(clock, (200, {"id": "me-1"}), answer, (200, {"data": []}))
    api.system.use_token("token-1")

    assert api.system.reservations() == []
    assert not api.system.knows_reservations
    assert api.said[-1].startswith("the list of bookings cannot be read: GET /v1/users/me-1/bookings: ")

    assert api.system.reservations() == []
    assert api.system.knows_reservations


def test_who_cannot_read_the_bookings_does_not_say_that_nothing_is_held(clock: FakeClock) -> None:
    api = Api(clock, (200, {"id": "me-1"}), (400, {}))
    api.system.use_token("token-1")

    with pytest.raises(UnknownRefusal):
        api.system.holds()


@pytest.mark.parametrize(("status", "kind"), [(401, TokenRefused), (429, Throttled), (500, ServiceError)])
def test_trouble_that_may_pass_is_not_taken_for_an_unreadable_list(
    clock: FakeClock, status: int, kind: type[ReserveError]
) -> None:
    api = Api(clock, (200, {"id": "me-1"}), (status, {}))
    api.system.use_token("token-1")

    with pytest.raises(kind):
        api.system.reservations()


def test_the_list_of_bookings_is_asked_for_with_its_brackets_as_they_are(clock: FakeClock) -> None:
    booking = {"id": "b-1", "status": "confirmed"}
    api = Api(clock, (200, {"id": "me-1"}), (200, {"data": [booking]}), (200, {}))
    api.system.use_token("token-1")

    api.system.reservations()

    queries = [environ["QUERY_STRING"] for _, _, environ in api.asked[1:]]
    everything = "&".join(
        f"include[]={each}" for each in ("reservations", "sites", "locations", "reservationSiteIds")
    )
    assert queries == ["pg[num]=1&pg[size]=100", everything]


# The recorded answers.

MINE = "00000000-0000-4000-8000-000000000001"  # the order of the samples


def test_the_recorded_list_has_one_reservation_and_one_hold(clock: FakeClock) -> None:
    order = sample("reservation_created")
    api = signed_in(clock, sample("bookings_list"), sample("bookings_list"), order)

    (reservation,) = api.system.reservations()
    (hold,) = api.system.holds()

    assert (reservation.court.name, reservation.court.facility) == ("Court 1", OURS.facility)
    assert reservation.slot == EVENING
    assert reservation.stamp == HoldStamp(datetime(2026, 3, 2, 16, 0, 0, 398_000, tzinfo=UTC))
    assert (hold.order_id, hold.offer.court.name, hold.offer.slot) == (MINE, "Court 3", EVENING)
    assert (api.answers, api.said) == ([], [])


@pytest.mark.parametrize(
    "shape", ["as it is", "as objects keyed by id", "in local time only", "by its links alone"]
)
def test_the_recorded_booking_is_read_in_every_shape(clock: FakeClock, shape: str) -> None:
    body = sample("booking_detail")
    included = body["included"]
    if shape == "as objects keyed by id":
        for name in ("reservations", "sites", "locations"):
            included[name] = {each.pop("id"): each for each in included[name]}
    if shape == "in local time only":
        for end in ("startsAt", "endsAt"):
            del included["reservations"][0][end]
    if shape == "by its links alone":
        body["data"]["booking"]["facilityRentalId"] = included["reservations"][0]["facilityRentalId"] = None
        del included["reservationSiteIds"]
    booking, came = booking_in(answered(body))

    assert booking.is_confirmed
    assert places_of(booking, came, SF, is_alone=True) == [
        (Court("f16d5170-6698-4275-90c1-f0e5e499eb52", "Court 1", OURS.facility), EVENING)
    ]


def test_local_times_are_those_of_the_facility_they_are_at() -> None:
    body = sample("booking_detail")
    del body["included"]["reservations"][0]["startsAt"]
    body["included"]["locations"][0]["timezone"] = "America/New_York"

    ((_, when),) = places_of(*booking_in(answered(body)), SF) or []

    assert when.start == EVENING.start - timedelta(hours=3)


def test_the_recorded_cancelled_booking_is_one_that_nobody_has(clock: FakeClock) -> None:
    booking, _ = booking_in(answered(sample("booking_cancelled")))

    assert (booking.status, bool(booking.canceled_at)) == ("confirmed", True)
    assert signed_in(clock, {"data": [sample("booking_cancelled")["data"]]}).system.reservations() == []


def test_a_reservation_that_is_cancelled_while_its_booking_is_not_counts_as_nothing(clock: FakeClock) -> None:
    body = sample("bookings_list")
    for each in body["included"]["reservations"]:
        each["canceledAt"] = "2026-03-03T21:36:44.057Z"
    api = signed_in(clock, body, body)

    assert (api.system.reservations(), api.system.holds(), api.said) == ([], [], [])


def test_a_booking_of_two_courts_is_at_both_of_them() -> None:
    body = sample("bookings_list")
    included = body["included"]
    (ids,) = [
        each for each in included["reservationSiteIds"].values() if each == [included["sites"][1]["id"]]
    ]
    ids.append(included["sites"][0]["id"])

    found = found_in(body["data"][1], included)

    assert [court.name for court, _ in found or ()] == ["Court 1", "Court 3"]


# Lists that say little, or come in pieces.


def many(number: int) -> Any:
    """So many confirmed bookings of the wanted time, each tied to a reservation and a court."""
    return {
        "data": [
            {"id": f"b-{each}", "status": "confirmed", "facilityRentalId": each} for each in range(number)
        ],
        "included": {
            "reservations": [RESERVATION | {"id": each, "facilityRentalId": each} for each in range(number)],
            "sites": [{"id": f"s-{each}", "courtNumber": f"Court {each}"} for each in range(number)],
            "reservationSiteIds": {each: [f"s-{each}"] for each in range(number)},
        },
    }


def page(whole: Any, number: int, size: int, meta: dict[str, int] | None = None) -> Any:
    part = slice((number - 1) * size, number * size)
    included = {name: list(each)[part] for name, each in whole["included"].items() if isinstance(each, list)}
    included["reservationSiteIds"] = whole["included"]["reservationSiteIds"]
    return (
        whole
        | {"data": whole["data"][part], "included": included}
        | ({} if meta is None else {"meta": {"pg": meta}})
    )


@pytest.mark.parametrize(
    ("bookings", "meta", "pages"),
    [
        (60, {"totalResults": 60}, 3),
        (50, {"totalResults": 50}, 2),
        (50, {"size": 25}, 3),
        (50, None, 3),
        (60, None, 3),
        (20, None, 1),
        (60, {"size": "25", "totalResults": "many"}, 3),
    ],
)
def test_a_list_that_gives_25_a_page_is_read_to_its_end(
    clock: FakeClock, bookings: int, meta: dict[str, int] | None, pages: int
) -> None:
    whole = many(bookings)
    api = signed_in(clock, *(page(whole, number, 25, meta) for number in range(1, pages + 1)))

    assert len({each.court.name for each in api.system.reservations()}) == bookings
    assert api.answers == []


def test_a_list_that_gives_the_same_page_for_ever_is_read_once(clock: FakeClock) -> None:
    api = signed_in(clock, many(30), many(30))

    assert len(api.system.reservations()) == 30
    assert api.answers == []


def test_a_list_without_an_end_is_not_read_for_ever(clock: FakeClock) -> None:
    whole = many(550)
    api = signed_in(clock, *(page(whole, number, 25) for number in range(1, 23)))

    assert len(api.system.reservations()) == 500
    assert api.said == ["the list of bookings ends after 500 of them for us; going on without the rest"]


def test_of_a_bare_list_each_booking_is_looked_up_once_what_lies_ahead_first(clock: FakeClock) -> None:
    past = [
        {
            "id": f"p-{each}",
            "status": "confirmed",
            "timeStatus": "past",
            "createdAt": f"2026-01-{each:02}T16:00:00Z",
        }
        for each in range(1, 13)
    ]
    ahead = {"id": "b-1", "status": "confirmed", "facilityRentalId": "f-1", "timeStatus": "future"}
    detail = sample("booking_detail")
    api = signed_in(clock, [*past, ahead], *[detail] * 10, [*past, ahead], *[detail] * 3)

    first, second = api.system.reservations(), api.system.reservations()

    asked = [path for path, _, _ in api.asked]
    assert [path for path in asked if "b-1" in path] == ["GET /v1/bookings/b-1"] == asked[2:3]
    assert asked[3:5] == ["GET /v1/bookings/p-12", "GET /v1/bookings/p-11"]
    assert (len(first), len(second), api.answers) == (10, 13, [])


def test_one_booking_that_cannot_be_looked_up_hides_no_other(clock: FakeClock) -> None:
    listed = [{"id": each, "status": "confirmed"} for each in ("b-1", "b-2")]
    api = signed_in(clock, {"data": listed}, (404, {}), sample("booking_detail"))

    (reservation,) = api.system.reservations()

    assert reservation.court.name == "Court 1"
    assert api.said == ["a booking in the player's list cannot be read; going on without"]


def test_a_booking_in_a_state_nobody_has_recorded_counts_for_nothing_and_is_named(clock: FakeClock) -> None:
    api = signed_in(clock, {"data": [{"id": "b-1", "status": "on_fire"}]})

    assert api.system.reservations() == []
    assert api.said == ["a booking whose status is 'on_fire' counts for nothing here"]


def test_what_an_order_says_will_do_for_a_hold_that_the_list_says_nothing_of(clock: FakeClock) -> None:
    listed = {"id": "b-1", "status": "pending", "createdAt": "2026-03-02T16:00:00.398Z"}
    api = signed_in(clock, [listed], sample("facility_rental_created"))

    (hold,) = api.system.holds()

    assert (hold.order_id, hold.offer.court.name, hold.offer.slot) == (MINE, "Court 1", EVENING)
    assert hold.stamp == HoldStamp(datetime(2026, 3, 2, 16, 0, 0, 398_000, tzinfo=UTC))


@pytest.mark.parametrize("name", ["reservation_created", "facility_rental_created"])
def test_what_this_run_holds_is_known_again_however_little_the_list_says(clock: FakeClock, name: str) -> None:
    listed = sample("bookings_list")["data"][:1]
    api = signed_in(clock, (201, sample(name)), {"data": listed})
    hold = api.system.connection_for(OFFER).hold()

    assert api.system.reservations() == [Reservation(OFFER.court, EVENING, hold.order_id)]
    assert api.answers == []


def test_an_order_that_is_gone_is_held_by_nobody(clock: FakeClock) -> None:
    api = signed_in(clock, {"data": [{"id": "b-1", "status": "pending"}]}, (404, {}))

    assert api.system.holds() == []


@pytest.mark.parametrize("first", [{}, {"id": "b-0"}], ids=["without an id", "its order is refused"])
def test_a_pending_booking_that_cannot_be_read_hides_no_other_hold(
    clock: FakeClock, first: dict[str, Any]
) -> None:
    listed = [{**each, "status": "pending"} for each in (first, {"id": "b-1"})]
    refused = [(400, {"message": "no"})] if first else []
    api = signed_in(clock, listed, *refused, sample("facility_rental_created"))

    (hold,) = api.system.holds()

    assert (hold.order_id, hold.offer.court.name) == (MINE, "Court 1")
    assert "cannot be read; going on without" in api.said[-1]
