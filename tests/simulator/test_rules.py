"""The rules of the simulated rec.us: who may hold, pay and release what, and when."""

import json
from base64 import urlsafe_b64decode
from datetime import date, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from reserve.simulator import Event, Wording
from reserve.simulator.recus.facilities import MOSCONE, SITES
from tests.simulator.visitor import (
    ALICE_MARBLE,
    BUENA_VISTA,
    COURTS,
    DAY,
    FREE,
    OPENS_AT,
    Visitor,
    card,
    meanings,
)

SITE = SITES[ALICE_MARBLE, "1"]
WALK_UP = str(uuid5(NAMESPACE_URL, f"site {BUENA_VISTA} 2"))


def test_a_wrong_password_is_refused_as_firebase_does() -> None:
    answer = Visitor().sign_in(password="wrong")

    assert answer.status_code == 400
    assert answer.json["error"]["message"] == "INVALID_LOGIN_CREDENTIALS"


def test_the_token_says_when_it_expires() -> None:
    visitor = Visitor()
    token = visitor.sign_in().json["idToken"]

    claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))

    assert claims["exp"] == (visitor.clock.now() + timedelta(hours=1)).timestamp()


def test_a_token_is_refused_after_an_hour() -> None:
    visitor = Visitor()
    visitor.sign_in()
    visitor.clock.sleep(timedelta(minutes=59))
    assert visitor.get("/v1/users/me").status_code == 200
    visitor.clock.sleep(timedelta(minutes=1))
    assert visitor.get("/v1/users/me").status_code == 401
    assert visitor.ledger.violations == []


def test_a_stranger_is_refused_and_remembered() -> None:
    visitor = Visitor()

    answer = visitor.hold()

    assert (answer.status_code, answer.json["type"]) == (401, "E_UNAUTHORIZED")
    assert visitor.ledger.violations == ["a request for the player's own data came before the sign-in"]


def test_a_code_is_good_for_two_minutes() -> None:
    visitor = Visitor()
    visitor.sign_in()
    code = visitor.ask_for_code(wait=119)
    assert visitor.verify(code).status_code == 200
    visitor.clock.sleep(timedelta(seconds=1))
    assert visitor.verify(code).json["message"] == "Verification code expired"


def test_only_the_newest_code_is_good() -> None:
    visitor = Visitor()
    visitor.sign_in()
    old, new = visitor.ask_for_code(), visitor.ask_for_code()

    assert visitor.verify(old).status_code == 400
    assert visitor.verify(new).status_code == 200


def test_a_code_has_the_length_of_the_scenario() -> None:
    visitor = Visitor(code_length=4)
    visitor.sign_in()

    assert len(visitor.ask_for_code()) == 4


@pytest.mark.parametrize("nonsense", ["None", "", None, 123456])
def test_something_that_is_no_code_is_a_violation(nonsense: int | str | None) -> None:
    visitor = Visitor()
    visitor.sign_in()

    assert visitor.verify(nonsense).status_code >= 400
    assert visitor.ledger.violations == ["something that is no code was sent as a code"]


def test_a_court_is_held_at_the_opening_and_not_before() -> None:
    visitor = Visitor().arrive()
    visitor.clock.step(timedelta(milliseconds=-1))
    early = visitor.hold()
    visitor.clock.step(timedelta(milliseconds=1))

    assert early.json["message"] == "The reservation is outside of the reservation window"
    assert visitor.hold().status_code == 201
    assert [attempt.details["early_ms"] for attempt in visitor.ledger.attempts] == [1.0, 0.0]


def test_the_last_court_opens_at_noon_two_days_ahead() -> None:
    visitor = Visitor().arrive()

    assert visitor.hold("Court 4", day=date(2026, 3, 4), start="18:00", end="19:00").status_code == 400
    assert visitor.hold("Court 4", day=date(2026, 3, 3), start="18:00", end="19:00").status_code == 201


@pytest.mark.parametrize("changes", [{"start": "18:30", "end": "20:00"}, {"start": "18:00", "end": "19:00"}])
def test_only_a_fixed_slot_can_be_held(changes: dict[str, Any]) -> None:
    answer = Visitor().arrive().hold(**changes)

    assert (answer.status_code, answer.json["message"]) == (
        400,
        "The reservation violates the site's booking policy",
    )


def test_a_slot_that_has_begun_cannot_be_held() -> None:
    assert Visitor().arrive().hold(day=DAY - timedelta(days=7), start="07:30").status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"courtSportIds": []},
        {"courtSportIds": list(COURTS.values())[:2]},
        {"courtSportIds": None},
        {"from": {"date": "2026-03-09", "time": "6 pm"}},
        {"from": "2026-03-09 18:00:00"},
        {"to": {"date": "2026-03-10", "time": "19:30:00"}},
    ],
)
def test_a_body_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    answer = Visitor().arrive().hold(**changes)

    assert (answer.status_code, answer.json["type"]) == (422, "E_INVALID_BODY")


def test_an_unknown_court_and_another_player_are_refused() -> None:
    visitor = Visitor().arrive()

    assert visitor.hold("no-such-court").status_code == 404
    assert visitor.hold(participantUserId="somebody").status_code == 403


@pytest.mark.parametrize(
    ("shape", "way"),
    [("2025", ["order"]), ("2026", ["data"]), ("data-order", ["data", "order"]), ("bare", [])],
)
def test_a_hold_is_answered_in_the_shape_of_the_scenario(shape: str, way: list[str]) -> None:
    answer = Visitor(shape=shape).arrive().hold(flow="cart").json
    for key in way:
        answer = answer[key]

    assert (answer["status"], answer["total"], answer["flow"]) == ("pending", 0, "cart")
    assert answer["timeRemainingMs"] == 600_000


def test_a_hold_is_taken_for_everybody_even_for_its_player() -> None:
    visitor = Visitor().arrive()
    visitor.order()

    assert visitor.hold().json["message"] == "Court already reserved at this time"
    assert meanings(visitor) == ["held", "held-already"]


def test_several_courts_may_be_held_at_once() -> None:
    visitor = Visitor().arrive()

    assert [visitor.hold(court).status_code for court in ("Court 1", "Court 2", "Court 3")] == [201, 201, 201]


@pytest.mark.parametrize("scenario", [{"limit_counts_holds": True}, {"parallel_holds": False}])
def test_a_scenario_may_forbid_a_second_hold(scenario: dict[str, Any]) -> None:
    visitor = Visitor(**scenario).arrive()

    assert [visitor.hold(court).status_code for court in ("Court 1", "Court 2")] == [201, 400]


def test_an_answer_can_be_worded_otherwise() -> None:
    visitor = Visitor(wordings={"early": Wording(409, "E_TOO_EARLY", "Patience until {day}")})
    visitor.sign_in()

    answer = visitor.hold()

    assert (answer.status_code, answer.json["message"]) == (409, "Patience until March 9, 2026")


def test_a_hold_lapses_after_ten_minutes_and_frees_the_court() -> None:
    visitor = Visitor(verified_for=timedelta(hours=1)).arrive()
    order = visitor.order()
    visitor.wait(600)

    assert visitor.pay(order).json["type"] == "E_ORDER_EXPIRED"
    assert visitor.hold().status_code == 201


def test_a_hold_may_never_lapse() -> None:
    visitor = Visitor(hold_length=None).arrive()
    order = visitor.order()
    visitor.wait(86_400)

    assert visitor.ledger.open_holds(visitor.clock.now()) == [order["id"]]
    assert visitor.ledger.all("lapsed") == []


def test_a_released_hold_frees_the_court_and_cannot_be_paid() -> None:
    visitor = Visitor().arrive()
    order = visitor.order()

    assert visitor.delete(f"/v1/orders/{order['id']}").status_code == 204
    assert visitor.delete(f"/v1/orders/{order['id']}").status_code == 400
    assert visitor.pay(order).status_code == 400
    assert visitor.ledger.released == [order["id"]]
    assert visitor.hold().status_code == 201


def test_an_unverified_player_cannot_hold() -> None:
    visitor = Visitor()
    visitor.sign_in()

    assert visitor.wait(0).hold().json["type"] == "E_VERIFICATION_REQUIRED"


def test_verification_may_be_wanted_only_before_paying() -> None:
    visitor = Visitor(verify="after")
    visitor.sign_in()
    order = visitor.wait(0).order()

    assert visitor.pay(order).json["type"] == "E_VERIFICATION_REQUIRED"
    visitor.verify(visitor.ask_for_code())
    assert visitor.pay(order).status_code == 200


def test_verification_may_never_be_wanted() -> None:
    visitor = Visitor(verify="never")
    visitor.sign_in()

    assert visitor.pay(visitor.wait(0).order()).status_code == 200


def test_a_free_order_is_paid_at_once_and_becomes_a_booking() -> None:
    visitor = Visitor().arrive()
    order = visitor.order()
    assert [booking["status"] for booking in visitor.bookings()] == ["pending"]

    paid = visitor.pay(order)

    assert paid.json["data"]["status"] == "succeeded"
    assert [booking["status"] for booking in visitor.bookings()] == ["confirmed"]
    assert visitor.get(f"/v1/orders/{order['id']}").json["order"]["status"] == "completed"
    assert visitor.ledger.paid == [order["id"]]
    assert visitor.ledger.violations == []


def test_only_the_shape_of_2025_takes_a_payment_without_payments() -> None:
    old, new = Visitor(shape="2025").arrive(), Visitor().arrive()
    first, second = old.hold().json["order"], new.order()

    assert old.post(f"/v1/orders/{first['id']}/pay", {"data": {}}).status_code == 200
    assert new.post(f"/v1/orders/{second['id']}/pay", {"data": {}}).status_code == 422


@pytest.mark.parametrize(
    ("payments", "status"),
    [
        (FREE, 422),
        (card(749), 422),
        ([{"paymentMethodType": "ACH", "amountCents": 750}], 422),
        ([{"paymentMethodType": "cash", "amountCents": 750}], 403),
        ([{"paymentMethodType": "organization-credit", "amountCents": 750}], 422),
        ("everything", 422),
    ],
)
def test_a_payment_must_be_of_the_right_kind_and_amount(payments: Any, status: int) -> None:
    visitor = Visitor(price_cents=500, credit_cents=200).arrive()

    assert visitor.pay(visitor.order(), payments).status_code == status
    assert visitor.ledger.paid == []


def test_credit_pays_first_and_a_card_the_rest() -> None:
    visitor = Visitor(price_cents=500, credit_cents=200).arrive()
    order = visitor.order()
    assert (order["total"], order["maxCreditAdjustmentAllowed"]) == (750, 200)
    parts = [{"paymentMethodType": "organization-credit", "amountCents": 200}, *card(550)]

    paid = visitor.pay(order, parts, source="retail", distributions={order["items"][0]["id"]: 750})

    assert paid.json["data"]["status"] == "pending"
    assert visitor.confirm(paid).json["status"] == "succeeded"
    assert visitor.ledger.paid == []
    visitor.clock.sleep(timedelta(seconds=0.2))
    assert visitor.ledger.paid == [order["id"]]


def test_a_card_payment_nobody_confirms_is_given_up_after_five_seconds() -> None:
    visitor = Visitor(price_cents=500).arrive()
    order = visitor.order()
    paid = visitor.pay(order, card(750))
    visitor.clock.sleep(timedelta(seconds=5))

    assert visitor.confirm(paid).status_code == 400
    assert visitor.pay(order, card(750)).status_code == 200
    assert visitor.ledger.violations == []


def test_a_hold_does_not_lapse_while_its_card_payment_is_pending() -> None:
    visitor = Visitor(price_cents=500, hold_length=timedelta(seconds=3)).arrive()
    order = visitor.order()
    paid = visitor.pay(order, card(750))
    visitor.wait(4)
    visitor.confirm(paid)

    visitor.wait(6)
    assert visitor.ledger.paid == [order["id"]]
    assert visitor.ledger.all("lapsed") == []


def test_a_hold_lapses_when_its_card_payment_is_given_up_too_late() -> None:
    visitor = Visitor(price_cents=500, hold_length=timedelta(seconds=3)).arrive()
    visitor.pay(visitor.order(), card(750))

    visitor.wait(6)
    assert len(visitor.ledger.all("lapsed")) == 1
    assert visitor.hold().status_code == 201


def test_a_payment_for_another_item_is_refused() -> None:
    visitor = Visitor(price_cents=500).arrive()

    answer = visitor.pay(visitor.order(), card(750), distributions={"another": 750})

    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"key": "sk_secret"}, 401), ({"client_secret": "guess"}, 400), ({"payment_method": "pm_other"}, 400)],
)
def test_a_card_payment_wants_the_right_key_secret_and_card(changes: dict[str, str], status: int) -> None:
    visitor = Visitor(price_cents=500).arrive()

    assert visitor.confirm(visitor.pay(visitor.order(), card(750)), **changes).status_code == status


@pytest.mark.parametrize(("kind", "status"), [("declined", 400), ("requires-action", 200)])
def test_a_card_may_not_be_charged(kind: str, status: int) -> None:
    visitor = Visitor(price_cents=500, card=kind).arrive()

    answer = visitor.confirm(visitor.pay(visitor.order(), card(750)))

    assert answer.status_code == status
    assert answer.json.get("status") != "succeeded"
    visitor.clock.sleep(timedelta(seconds=10))
    assert visitor.ledger.paid == []


def test_a_second_payment_of_the_day_is_refused_and_remembered() -> None:
    visitor = Visitor().arrive()
    first, second = visitor.order("Court 1"), visitor.order("Court 2")
    visitor.pay(first)

    assert visitor.pay(first).status_code == 400
    assert "Daily booking limit of 1 reached" in visitor.pay(second).json["message"]
    assert visitor.ledger.paid == [first["id"]]
    assert visitor.ledger.violations == ["a pay was sent after another had been accepted"]


def test_a_day_allows_one_reservation() -> None:
    answer = Visitor(bookings=((DAY, time(9, 0)),)).arrive().hold()

    assert answer.json["message"] == "Daily booking limit of 1 reached for March 9, 2026"


@pytest.mark.parametrize(("first", "status"), [(9, 400), (6, 201)])
def test_a_week_from_monday_to_sunday_allows_three(first: int, status: int) -> None:
    days = [date(2026, 3, first), date(2026, 3, 10), date(2026, 3, 15)]
    visitor = Visitor(
        day=date(2026, 3, 12),
        opens_at=OPENS_AT,
        bookings=tuple((day, time(9, 0)) for day in days),
    ).arrive()

    assert visitor.hold(day=date(2026, 3, 12)).status_code == status


def test_a_cancelled_booking_counts_no_more() -> None:
    visitor = Visitor(bookings=((DAY, time(9, 0)),)).arrive()
    booking = visitor.bookings()[0]

    cancelled = visitor.post(f"/v1/bookings/{booking['id']}/cancel").json["data"]

    assert cancelled["status"] == "confirmed"
    assert cancelled["canceledAt"] is not None
    assert visitor.hold().status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 200),  # as one client sends it
        ({"data": {"refundDestination": "original_payment_methods"}}, 200),
        ({"data": {"refundDestination": "account_credit"}}, 200),
        ({"data": {"refundDestination": "charity"}}, 422),
    ],
)
def test_a_paid_booking_is_cancelled_with_and_without_a_word_about_the_money(body: Any, status: int) -> None:
    visitor = Visitor(price_cents=500, bookings=((DAY, time(9, 0)),)).arrive()

    assert visitor.post(f"/v1/bookings/{visitor.bookings()[0]['id']}/cancel", body).status_code == status


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({}, 201, ""),
        ({"timestampRange": "[2026-03-09 18:00:00, 2026-03-09 19:30:00]"}, 422, "E_INVALID_BODY"),
        ({"timestampRange": "[2026-03-09 18:30:00, 2026-03-09 20:00:00)"}, 400, "E_INELIGIBLE_SITE_BOOKING"),
        ({"courtIds": [COURTS["Court 1"]]}, 404, "E_COURT_NOT_FOUND"),
        ({"courtIds": [SITE, SITE]}, 422, "E_INVALID_BODY"),
        ({"locationId": MOSCONE}, 404, "E_COURT_NOT_FOUND"),
        ({"attendeeCount": 4}, 400, "Attendee count exceeds site capacity"),
        ({"locationId": BUENA_VISTA, "courtIds": [WALK_UP]}, 400, "The site is not instantly bookable"),
    ],
)
def test_a_rental_wants_a_half_open_range_a_court_of_its_own_id_and_no_attendees(
    changes: dict[str, Any], status: int, word: str
) -> None:
    answer = Visitor().arrive().rent(**changes)

    assert answer.status_code == status
    assert word in answer.text


@pytest.mark.parametrize("way", ["hold", "rent"])
def test_a_court_that_was_rented_is_taken_in_either_way(way: str) -> None:
    visitor = Visitor().arrive()
    visitor.rent()

    assert getattr(visitor, way)().json["message"] == "Court already reserved at this time"


def test_bookings_come_in_pages() -> None:
    visitor = Visitor(bookings=tuple((DAY + timedelta(days=number), time(9, 0)) for number in range(3)))
    visitor.sign_in()

    second = visitor.get(f"/v1/users/{visitor.id}/bookings?page=2&pageSize=2").json

    assert len(second["data"]) == 1
    assert second["meta"]["pg"] == {"num": 2, "size": 2, "totalResults": 3}
    reservation = second["included"]["reservations"][0]
    assert reservation["reservationTimestampRange"] == ["2026-03-11 09:00:00", "2026-03-11 10:30:00"]
    assert reservation["startsAt"] == "2026-03-11T16:00:00.000Z"
    assert visitor.get("/v1/users/somebody/bookings").status_code == 403


@pytest.mark.parametrize(
    "query",
    ["pg%5Bnum%5D=1&pg%5Bsize%5D=100", "pg%5bnum%5d=1", "pg[num%5D=1", "include%5B%5D=sites"],
)
def test_encoded_brackets_in_a_query_are_refused(query: str) -> None:
    visitor = Visitor()
    visitor.sign_in()

    assert visitor.get(f"/v1/users/{visitor.id}/bookings?{query}").status_code == 400
    assert visitor.get(f"/v1/bookings/any?{query}").status_code == 400
    assert visitor.get(f"/v1/sports?{query}").status_code == 400


def test_brackets_as_they_are_and_other_quoted_letters_are_accepted() -> None:
    visitor = Visitor()
    visitor.sign_in()

    answer = visitor.get(f"/v1/users/{visitor.id}/bookings?pg[num]=1&pg[size]=7&other=a%20b%26c")

    assert answer.json["meta"]["pg"] == {"num": 1, "size": 7, "totalResults": 0}


def test_an_order_is_found_by_its_booking() -> None:
    visitor = Visitor().arrive()
    order = visitor.order()
    booking = order["items"][0]["details"]["bookingId"]

    assert visitor.get(f"/v1/orders?bookingId={booking}").json["order"]["id"] == order["id"]
    assert visitor.get(f"/v1/bookings/{booking}").json["data"]["booking"]["status"] == "pending"
    assert visitor.get("/v1/orders/unknown").status_code == 404


def test_rivals_take_what_is_free_and_the_player_then_hears_taken() -> None:
    visitor = Visitor(rivals=9).arrive()
    order = visitor.order()
    visitor.wait(10)

    takings = visitor.ledger.all("taken-by-rival")
    assert {event.details["court"] for event in takings} == {"Court 2", "Court 3"}
    assert visitor.hold("Court 2").json["message"] == "Court already reserved at this time"
    assert visitor.ledger.open_holds(visitor.clock.now()) == [order["id"]]


def test_the_same_seed_has_the_same_events() -> None:
    def scenario(seed: int) -> list[Event]:
        visitor = Visitor(rivals=5, seed=seed).arrive()
        visitor.pay(visitor.order())
        return visitor.wait(20).ledger.events

    assert scenario(1) == scenario(1)
    assert scenario(1) != scenario(2)


def test_two_players_at_once_cannot_both_get_one_court() -> None:
    visitor = Visitor().arrive()

    answers = visitor.clock.together([visitor.hold] * 4)

    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400]
