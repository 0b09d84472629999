"""The simulated rec.us answers a signed-in player with every field that the facts have, and their types.

The other half of `test_recus_against_the_facts`: one story of a player is told once, and its answers are held
against what was listed and what was recorded, each row with its section of the rec.us facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple, cast

import pytest

from tests.simulator.test_recus_against_the_facts import by_place, found_at
from tests.simulator.visitor import DAY, FROM_PAGE, Answered, Visitor, card

CITY = "17380e28-7e02-4b52-82c5-fab18557fd7a"
RENEW = "/securetoken/v1/token?key=k"
INCLUDES = "facilityRental reservations sites locations reservationSiteIds"
BOOKING = (
    "id status timeStatus type canceledAt cancelReason canceledByUserId creatorUserId customerUserId "
    "participantUserId organizationId facilityRentalId linkedReservationId createdAt updatedAt"
)
ORDER = (
    "id flow status timeRemainingMs expiresAt currency subtotal total totalAmountRemaining customer "
    "organization items"
)
PAYMENT = "id orderId gateway amount currency status paymentMethodType"


class Row(NamedTuple):
    """What the facts list in one place of one answer of the story."""

    section: str
    answer: str  # of the story
    place: str
    fields: str


LISTED = [
    Row("1.4", "sign in", "", "localId email idToken refreshToken expiresIn"),
    Row("1.4", "renew", "", "id_token refresh_token user_id expires_in token_type"),
    Row("1.4", "wrong password", "error", "code message errors"),
    Row(
        "3.1",
        "GET me",
        "",
        "id householdId firebaseUserId recId email role firstName lastName phone formattedAddress skillLevel "
        "isInstructor memberships organizationRoles profile",
    ),
    Row("3.1", "GET household-members", "[]", "id"),
    Row("3.1", "GET household", "data", "id members"),
    Row("3.1", "GET groups", "", "data"),
    Row("3.1", "POST payment-method-setup", "data", "provider setupIntentId clientSecret paymentMethods"),
    Row("3.1", "POST payment-method-setup", "data.paymentMethods.[]", "id card"),
    Row("3.1", "POST payment-method-setup", "data.paymentMethods.[].card", "brand exp_month exp_year last4"),
    Row("3.3", "POST reservations", "data", f"{ORDER} maxCreditAdjustmentAllowed"),
    Row("3.3", "POST reservations", "data.customer", "id firstName lastName email"),
    Row("3.3", "POST reservations", "data.organization", "id name"),
    Row("3.3", "POST reservations", "data.items.[]", "id name basePrice finalPrice productType details"),
    Row(
        "3.3",
        "POST reservations",
        "data.items.[].details",
        "bookingId reservationId reservationType timestampRange location sites",
    ),
    Row("3.3", "POST facility-rentals", "data.order", ORDER),
    Row("3.3", "POST facility-rentals", "data.facilityRental", "id status bookingType"),
    Row("3.4", "POST pay", "data", "id type status orderId settledAt"),
    Row(
        "3.4",
        "POST pay",
        "included.payments.[].gatewayData",
        "provider paymentIntentId clientSecret paymentMethods",
    ),
    Row("3.5", "GET order", "order", f"{ORDER} payments"),
    Row("3.5", "GET order", "order.payments.[]", PAYMENT),
    Row("3.5", "GET order v2", "data.order", ORDER),
    Row("3.5", "GET order v2", "included", "installments"),
    Row("3.5", "GET order of booking", "order", ORDER),
    Row("3.5", "GET current", "order", ORDER),
    Row("3.5", "GET items", "data.[]", "id name basePrice finalPrice productType details"),
    Row("3.5", "GET transaction-events", "data.[]", PAYMENT),
    Row("3.5", "GET bookings", "", "data included meta"),
    Row("3.5", "GET bookings", "data.[]", BOOKING),
    Row("3.5", "GET bookings", "included", "reservations sites reservationSiteIds"),
    Row("3.5", "GET bookings", "included.sites.[]", "id locationId courtNumber type"),
    Row(
        "3.5",
        "GET bookings",
        "included.reservations.[]",
        "id locationId facilityRentalId reservationCost reservationTimestampRange startsAt endsAt canceledAt",
    ),
    Row("3.5", "GET bookings", "meta.pg", "num size totalResults"),
    Row("3.5", "GET planned-bookings", "data.[]", BOOKING),
    Row("3.5", "GET booking", "data.booking", BOOKING),
    Row("3.5", "GET booking", "included", INCLUDES),
    Row(
        "3.5",
        "GET refund-eligibility-deadline",
        "data",
        "suggestionGenerated eligibleUntil recommendationJustification",
    ),
    Row("3.5", "GET refund-preview", "data", "applicable refundType eligibleDestinations destinations"),
    Row("3.5", "GET refund-preview", "data.destinations", "originalPaymentMethods accountCredit"),
    Row("3.5", "GET refund-preview", "data.destinations.originalPaymentMethods", "amountCents"),
    Row("3.5", "GET refund-preview, free", "data", "applicable reason"),
    Row("3.5", "POST cancel", "data", BOOKING),
    Row("4", "daily limit", "", "correlationId message obstructions type"),
    Row("4", "POST apply-discount", "", "correlationId message obstructions type"),
]

RECORDED = [  # section, sample, answer of the story
    ("1.4", "token_signin", "sign in"),
    ("1.4", "token_refresh", "renew"),
    ("1.4", "token_signin_error", "wrong password"),
    ("3.3", "reservation_created", "POST reservations"),
    ("3.3", "facility_rental_created", "POST facility-rentals"),
    ("3.4", "order_pay_pending", "POST pay"),
    ("3.4", "order_paid", "POST pay, free"),
    ("3.5", "order_detail_completed", "GET order"),
    ("3.5", "bookings_list", "GET bookings"),
    ("3.5", "booking_detail", "GET booking"),
    ("3.5", "booking_cancelled", "POST cancel"),
    ("4", "error_daily_limit", "daily limit"),
]


def renew(visitor: Visitor, token: str, **changes: Any) -> Answered:
    body = {"grant_type": "refresh_token", "refresh_token": token, **changes}
    return cast("Answered", visitor.http.post(RENEW, json=body, headers=FROM_PAGE))


@pytest.fixture(scope="module")
def story() -> dict[str, Any]:
    """The answers to a player who pays one court by card, holds another, and has cancelled an earlier one."""
    earlier = (DAY + timedelta(days=7), time(9, 0))
    visitor = Visitor(price_cents=500, lessons=1, bookings=(earlier,))
    found = {"wrong password": visitor.sign_in(password="wrong").json, "sign in": visitor.sign_in().json}
    found["renew"] = renew(visitor, found["sign in"]["refreshToken"]).json
    visitor.arrive()
    found["GET household-members"] = visitor.get("/v1/users/household-members").json
    for word in ("household", "groups"):
        found[f"GET {word}"] = visitor.get(f"/v1/users/{visitor.id}/{word}").json
    found["GET me"] = visitor.get("/v1/users/me").json
    setup = {"data": {"organizationId": CITY}}
    found["POST payment-method-setup"] = visitor.post(
        f"/v1/users/{visitor.id}/payment-method-setup", setup
    ).json

    found["POST reservations"] = visitor.hold().json
    order = found["POST reservations"]["data"]
    path = f"/v1/orders/{order['id']}"
    found["POST apply-discount"] = visitor.post(f"{path}/apply-discount", {"data": {"code": "FREE"}}).json
    found["POST facility-rentals"] = visitor.rent("Court 3").json
    found["GET current"] = visitor.get("/v1/orders/current").json
    paid = visitor.pay(order, card(750))
    found["POST pay"] = paid.json
    visitor.confirm(paid)
    visitor.clock.sleep(timedelta(seconds=1))
    found["GET order"] = visitor.get(path).json
    found["GET order v2"] = visitor.get(f"/v2/orders/{order['id']}?include[]=installments").json
    found["GET items"] = visitor.get(f"{path}/items").json
    found["GET transaction-events"] = visitor.get(f"{path}/transaction-events").json
    found["daily limit"] = visitor.hold("Court 2", start="09:00").json

    booking = order["items"][0]["details"]["bookingId"]
    found["GET order of booking"] = visitor.get(f"/v1/orders?bookingId={booking}").json
    including = "&".join(f"include[]={name}" for name in INCLUDES.split())
    found["GET booking"] = visitor.get(f"/v1/bookings/{booking}?{including}").json
    for word in ("refund-eligibility-deadline", "refund-preview"):
        found[f"GET {word}"] = visitor.get(f"/v1/bookings/{booking}/{word}").json
    before = next(each for each in visitor.bookings() if each["type"] != "session")
    found["POST cancel"] = visitor.post(f"/v1/bookings/{before['id']}/cancel").json
    found["GET bookings"] = visitor.page()
    found["GET planned-bookings"] = visitor.get(f"/v1/users/{visitor.id}/planned-bookings").json

    other = Visitor().arrive()
    order = other.order()
    found["POST pay, free"] = other.pay(order).json
    booking = order["items"][0]["details"]["bookingId"]
    found["GET refund-preview, free"] = other.get(f"/v1/bookings/{booking}/refund-preview").json
    return found


@pytest.mark.parametrize("row", LISTED, ids=lambda row: f"{row.section} {row.answer} {row.place}")
def test_every_field_that_the_facts_list_is_there(story: dict[str, Any], row: Row) -> None:
    found = list(found_at(row.place, story[row.answer]))

    assert found
    for each in found:
        assert set(row.fields.split()) - set(each) == set()


@pytest.mark.parametrize(("section", "name", "answer"), RECORDED)
def test_every_field_of_a_sample_is_there_with_its_type(
    story: dict[str, Any], sample: Callable[[str], Any], section: str, name: str, answer: str
) -> None:
    ours = by_place(story[answer])

    wrong = {
        place: (recorded, ours.get(place))
        for place, recorded in by_place(sample(name)).items()
        if place not in ours or not recorded - {"NoneType"} <= ours[place]
    }

    assert wrong == {}, section


def test_a_refresh_token_is_good_for_one_renewal_and_its_token_for_an_hour() -> None:
    visitor = Visitor()
    first = visitor.sign_in().json["refreshToken"]
    visitor.clock.sleep(timedelta(hours=1))
    assert visitor.get("/v1/users/me").status_code == 401

    renewed = renew(visitor, first).json
    visitor.headers = {"Authorization": f"Bearer {renewed['id_token']}"}

    assert visitor.get("/v1/users/me").status_code == 200
    assert renew(visitor, first).json["error"]["message"] == "INVALID_REFRESH_TOKEN"
    assert renew(visitor, renewed["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "referer", "status"),
    [
        (RENEW, "https://www.rec.us/", 400),  # here the refresh token is what is wrong
        (RENEW, "https://rec.us", 400),
        (RENEW, "https://elsewhere.example/", 403),
        (RENEW, "", 403),
        (RENEW.partition("?")[0], "https://www.rec.us/", 403),
        ("/identitytoolkit/v1/accounts:signInWithPassword", "https://www.rec.us/", 403),
        ("/identitytoolkit/v1/accounts:signInWithPassword?key=k", "https://elsewhere.example/", 403),
    ],
)
def test_signing_in_and_renewing_want_a_key_and_the_page_it_is_for(
    path: str, referer: str, status: int
) -> None:
    body = {"grant_type": "refresh_token", "refresh_token": "old"}

    answer = Visitor().http.post(path, json=body, headers={"Referer": referer})

    assert answer.status_code == status


@pytest.mark.parametrize("minutes", [10, 30])
def test_a_hold_tells_to_the_millisecond_when_it_was_made(minutes: int) -> None:
    length = timedelta(minutes=minutes)
    visitor = Visitor(hold_length=length, clock_offset=timedelta(milliseconds=-412)).arrive()
    visitor.clock.sleep(timedelta(milliseconds=37))
    visitor.order()
    made = visitor.clock.now() - timedelta(milliseconds=412)
    visitor.clock.sleep(timedelta(milliseconds=477))

    order, booking = visitor.get("/v1/orders/current").json["order"], visitor.bookings()[0]

    assert datetime.fromisoformat(order["expiresAt"]) - length == made
    assert order["timeRemainingMs"] == minutes * 60_000 - 477
    assert datetime.fromisoformat(booking["createdAt"]) == made


def test_a_booking_comes_with_what_was_asked_for_and_nothing_else() -> None:
    visitor = Visitor().arrive()
    booking = visitor.order()["items"][0]["details"]["bookingId"]

    one, none = (visitor.get(f"/v1/bookings/{booking}{query}").json for query in ("?include[]=sites", ""))

    assert (list(one["included"]), list(none["included"])) == (["sites"], [])


def test_a_limit_names_the_day_that_was_asked_for(sample: Callable[[str], Any]) -> None:
    visitor = Visitor(bookings=((DAY, time(9, 0)), (DAY - timedelta(days=1), time(9, 0)))).arrive()

    on_the_day, before = (
        visitor.hold("Court 2").json,
        visitor.hold("Court 2", day=DAY - timedelta(days=1)).json,
    )

    assert on_the_day["message"] == sample("error_daily_limit")["message"]
    assert before["message"] == "Daily booking limit of 1 reached for March 8, 2026"


def test_an_item_that_is_not_there_and_another_player_are_refused() -> None:
    visitor = Visitor().arrive()

    assert visitor.delete("/v1/order-items/unknown").status_code == 404
    assert visitor.get("/v1/orders/current").json == {"order": None}
    for path in ("household", "groups", "bookings", "planned-bookings"):
        assert visitor.get(f"/v1/users/somebody/{path}").status_code == 403


def test_the_holds_of_one_cart_lapse_together() -> None:
    visitor = Visitor(one_cart=True).arrive()
    first = visitor.order()
    visitor.wait(60)
    second = visitor.order("Court 2")

    assert second["expiresAt"] == first["expiresAt"]
    assert visitor.ledger.open_holds(visitor.clock.now()) == [first["id"]] * 2
    visitor.wait(600)
    assert [event.details["court"] for event in visitor.ledger.all("lapsed")] == ["Court 1", "Court 2"]
    assert visitor.ledger.open_holds(visitor.clock.now()) == []
