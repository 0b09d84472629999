"""Orders of rec.us, paying them, and what a refusal means to who asked for what."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reserve.errors import (
    Blocked,
    LimitReached,
    LostAnswer,
    NotPaid,
    NotVerified,
    ReserveError,
    ServiceError,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    WayClosed,
    WrongCode,
)
from reserve.http import Answer
from reserve.model import Court, HoldStamp, Offer
from reserve.systems.recus.orders import order_in
from tests.fakes import FakeClock, usd
from tests.systems.test_recus import OFFER, SAMPLES, Api, answered, free, said, sample, wanted

ORDER = "00000000-0000-4000-8000-000000000001"


def meaning(asked: str, status: int, text: str) -> ReserveError:
    return Api(FakeClock()).system.meaning(Answer(asked, status, {}, text))


# The recorded answers.


def test_the_recorded_rental_is_a_hold_though_it_calls_itself_confirmed(clock: FakeClock) -> None:
    body = sample("facility_rental_created")
    api = Api(clock, (201, body), (200, body))

    hold = api.system.connection_for(OFFER).hold()

    assert body["data"]["facilityRental"]["status"] == "confirmed"
    assert (hold.order_id, hold.price) == (ORDER, usd(750))
    assert not api.system.order(hold).is_settled


@pytest.mark.parametrize(
    ("payments", "is_settled"),
    [(["succeeded"], True), (["pending"], False), (["pending", "paid"], True), ([], True), ([None], False)],
)
def test_the_recorded_order_is_paid_as_its_payments_say(
    clock: FakeClock, payments: list[str | None], is_settled: bool
) -> None:
    body = sample("order_detail_completed")
    api = Api(clock, (201, sample("reservation_created")), (200, body))
    hold = api.system.connection_for(OFFER).hold()
    body["order"]["payments"] = [{"status": each} for each in payments]

    assert api.system.order(hold).is_settled is is_settled


@pytest.mark.parametrize("status", ["pending", None, "expired", "canceled", "on_fire"])
def test_an_order_that_does_not_say_that_it_is_paid_is_not(clock: FakeClock, status: str | None) -> None:
    body = sample("order_detail_completed")
    body["order"]["status"] = status
    order = order_in(answered(body))

    assert order
    assert not order.is_settled


def test_the_recorded_firewall_means_that_we_are_blocked(clock: FakeClock) -> None:
    head, _, page = (SAMPLES / "firewall_403.txt").read_text().partition("\n\n")

    assert head.startswith("HTTP/1.1 403 ")
    assert isinstance(meaning("POST /v1/reservations", 403, page), Blocked)


def test_an_order_that_was_settled_when_it_was_made_is_not_paid_again(clock: FakeClock) -> None:
    body = free(sample("reservation_created"))
    body["data"]["status"] = "completed"
    api = Api(clock, (201, body))

    hold = api.system.connection_for(OFFER).hold()
    api.system.confirm(hold)

    assert not api.system.settles_by_hand(hold, None)
    assert len(api.asked) == 1


@pytest.mark.parametrize("word", ["paid", "succeeded", "settled", "complete", "completed", "pending"])
def test_a_payment_is_accepted_in_every_word_that_was_seen(clock: FakeClock, word: str) -> None:
    paid = sample("order_paid")
    paid["data"]["status"] = word
    api = Api(clock, (201, free(sample("reservation_created"))), (200, paid))

    api.system.confirm(api.system.connection_for(OFFER).hold())

    assert api.kept == []


# When the hold was made.


@pytest.mark.parametrize(
    ("expires", "left", "stamp"),
    [
        ("2026-03-02T16:10:00.412Z", 599_523, HoldStamp(datetime(2026, 3, 2, 16, 0, 0, 412_000, UTC),
            datetime(2026, 3, 2, 16, 0, 0, 889_000, UTC), is_assumed=True)),
        ("2026-03-02T16:10:00.412Z", "soon",
            HoldStamp(datetime(2026, 3, 2, 16, 0, 0, 412_000, UTC), is_assumed=True)),
        ("2026-03-02T16:30:00.412Z", 1_799_523, HoldStamp(None,
            datetime(2026, 3, 2, 16, 0, 0, 889_000, UTC), is_assumed=True)),
        ("later", 599_523, None),
        (None, None, None),
    ],
)  # fmt: skip
def test_a_hold_says_when_it_was_made_by_the_servers_own_clock(
    clock: FakeClock, expires: Any, left: Any, stamp: HoldStamp | None
) -> None:
    body = sample("reservation_created")
    body["data"] |= {"expiresAt": expires, "timeRemainingMs": left}

    assert Api(clock, (201, body)).system.connection_for(OFFER).hold().stamp == stamp


# Answers that can only be read in part.


@pytest.mark.parametrize("total", ["0", 0.0, 0, "0.00"])
def test_nothing_to_pay_is_read_however_it_is_written(clock: FakeClock, total: Any) -> None:
    body = sample("reservation_created")
    body["data"]["total"] = total

    assert Api(clock, (201, body)).system.connection_for(OFFER).hold().price == usd(0)


@pytest.mark.parametrize(
    ("total", "price"),
    [
        ("750", 750),
        (750.0, 750),
        ("7.50", None),
        ("", None),
        (-1, None),
        (True, None),
        (7.5, None),
        (float("nan"), None),
        (10**30, None),
        ("seven", None),
        ([], None),
        ({"cents": 750}, None),
    ],
)
def test_a_price_is_read_in_cents_or_not_at_all(clock: FakeClock, total: Any, price: int | None) -> None:
    body = sample("reservation_created")
    body["data"]["total"] = total

    assert Api(clock, (201, body)).system.connection_for(OFFER).hold().price == usd(price)


def test_an_id_may_be_a_number_and_an_answer_may_begin_with_a_byte_order_mark(clock: FakeClock) -> None:
    body = sample("reservation_created")
    body["data"]["id"] = 4711
    api = Api(clock, (201, "\ufeff" + json.dumps(body)), (200, sample("order_paid")))

    hold = api.system.connection_for(OFFER).hold()

    assert hold.order_id == "4711"


@pytest.mark.parametrize("body", [{"data": {"id": 7}}, {"id": "7"}, {"order": {"id": 7, "total": []}}])
def test_a_hold_of_which_only_the_id_is_known_is_looked_up(clock: FakeClock, body: Any) -> None:
    api = Api(clock, (201, body), (200, {"order": sample("reservation_created")["data"] | {"id": 7}}))

    assert api.system.connection_for(OFFER).hold().order_id == "7"


def test_a_hold_that_cannot_be_read_is_given_back_when_its_id_is_known(clock: FakeClock) -> None:
    api = Api(clock, (201, {"data": {"id": 7}}), (404, {}), (204, ""))

    with pytest.raises(UnknownAnswer):
        api.system.connection_for(OFFER).hold()

    assert api.asked[-1][0] == "DELETE /v1/orders/7"
    assert [asked for asked, _ in api.kept] == ["POST /v1/reservations", "GET /v1/orders/7"]


# What a refusal means depends on what was asked.


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (402, said("Card verification required"), NotPaid),
        (400, said("This payment requires authentication"), NotPaid),
        (400, said("Your card was declined"), NotPaid),
        (400, said("Insufficient credit"), NotPaid),
        (400, said("Your bank wants a 3D Secure check"), NotPaid),
        (403, said("Phone verification required", "E_VERIFICATION_REQUIRED"), NotVerified),
        (400, said("Daily booking limit of 1 reached for March 9, 2026"), LimitReached),
        (409, said("The order is already paid"), LostAnswer),
        (400, said("The window for paying has closed; it cannot be paid yet"), UnknownRefusal),
        (422, said("Invalid", "E_INVALID_BODY"), UnknownRefusal),
        (401, said("Authentication required", "E_UNAUTHORIZED"), TokenRefused),
    ],
)
def test_a_refused_payment_is_about_paying(status: int, text: str, kind: type[ReserveError]) -> None:
    assert type(meaning(f"POST /v1/orders/{ORDER}/pay", status, text)) is kind


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, said("Invalid code")),
        (400, said("Wait until the next text arrives")),
        (400, said("Refused until 08:05")),
        (403, said("Too many codes: limit reached")),
        (401, said("Authentication required", "E_UNAUTHORIZED")),
        (422, said("verification failed")),
    ],
)
def test_a_refused_code_is_a_wrong_one_and_ends_no_sign_in(clock: FakeClock, status: int, text: str) -> None:
    api = Api(clock, (status, text))

    with pytest.raises(WrongCode):
        api.system.enter_code("123456")

    assert [asked for asked, _ in api.kept] == ["POST /v1/users/mobile-totp/verify"]


@pytest.mark.parametrize(
    "text", ["Wait until the next text arrives", "No code yet", "limit reached", "verify first"]
)
def test_no_refusal_to_send_a_code_says_anything_about_the_opening(text: str) -> None:
    assert type(meaning("POST /v1/users/mobile-totp/send", 400, said(text))) is UnknownRefusal


def test_a_payment_that_a_card_holds_up_is_sent_once_and_left_to_the_player(clock: FakeClock) -> None:
    request = wanted(pay="card", max_price=usd(750))
    api = Api(
        clock,
        (201, sample("reservation_created")),
        (402, said("Card verification required")),
        request=request,
    )

    with pytest.raises(NotPaid, match="Card verification required"):
        api.system.confirm(api.system.connection_for(OFFER).hold())

    assert len(api.asked) == 2


# The two ways to ask for a court.

SITE = "f16d5170-6698-4275-90c1-f0e5e499eb52"  # of the recorded Court 1
RESERVE, RENT = "POST /v1/reservations", "POST /v1/facility-rentals"
GONE = (410, said("Use facility-rentals", "E_GONE"))
NOWHERE = [
    (404, said("Not found", "E_NOT_FOUND")),
    (405, ""),
    (400, said("Deprecated: use /v1/facility-rentals")),
]


def published(clock: FakeClock, *answers: Any, by: str = "reservations") -> tuple[Api, Sequence[Offer]]:
    """An API that has published the recorded facility, and what can be asked for there."""
    alice = [{"id": "81cd2b08-8ea6-40ee-8c89-aeba92506576", "name": "Alice Marble"}]
    api = Api(clock, (200, alice), (200, sample("location")), (200, sample("schedule")), *answers)
    addresses = {**api.system.context.addresses, "RECUS_HOLD_BY": by}
    api.system.context = replace(api.system.context, addresses=addresses)
    found = api.system.offers().offers
    api.asked.clear()
    return api, found


def test_a_court_is_asked_for_as_a_rental_when_the_player_says_so(clock: FakeClock) -> None:
    api, (offer, *_) = published(clock, (201, sample("facility_rental_created")), by="facility-rentals")
    connection = api.system.connection_for(offer)

    hold = connection.hold()

    ((asked, body, _),) = api.asked
    assert (asked, hold.order_id, connection.way) == (RENT, ORDER, "/v1/facility-rentals")
    assert json.loads(body) == {
        "data": {
            "reservation": {
                "timestampRange": "[2026-03-09 18:00:00, 2026-03-09 19:30:00)",
                "locationId": "81cd2b08-8ea6-40ee-8c89-aeba92506576",
                "courtIds": [SITE],
            }
        }
    }


@pytest.mark.parametrize("closed", [GONE, *NOWHERE])
@pytest.mark.parametrize("by", ["reservations", "facility-rentals"])
def test_where_one_way_is_closed_every_court_is_asked_for_in_the_other_one(
    clock: FakeClock, closed: Any, by: str
) -> None:
    yes = (201, sample("facility_rental_created"))
    api, (one, two, *_) = published(clock, closed, yes, yes, by=by)
    first, second = api.system.connection_for(one), api.system.connection_for(two)

    with pytest.raises(WayClosed):
        first.hold()
    first.hold()
    second.hold()

    ways = [RESERVE, RENT] if by == "reservations" else [RENT, RESERVE]
    assert [asked for asked, _, _ in api.asked] == [ways[0], ways[1], ways[1]]


def test_when_both_ways_are_closed_each_court_hears_so_and_nobody_goes_round_in_circles(
    clock: FakeClock,
) -> None:
    api, (one, two, *_) = published(clock, GONE, GONE, GONE)
    first, second = api.system.connection_for(one), api.system.connection_for(two)

    with pytest.raises(WayClosed):
        first.hold()
    for connection in (first, second):
        with pytest.raises(UnknownRefusal, match="410"):
            connection.hold()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (404, said("Court not found", "E_COURT_NOT_FOUND")),
        (400, said("Court already reserved at this time")),
        (409, said("This slot is no longer available")),
        (400, said("The reservation violates the site's booking policy")),
        (503, said("This moved")),
    ],
)
def test_what_is_about_the_court_closes_no_way(clock: FakeClock, status: int, text: str) -> None:
    api, (offer, *_) = published(clock, (status, text))

    with pytest.raises(ReserveError) as refused:
        api.system.connection_for(offer).hold()

    assert not isinstance(refused.value, WayClosed)


def test_a_court_without_a_site_id_is_not_asked_for_as_a_rental(clock: FakeClock) -> None:
    api, (offer, *_) = published(clock, by="facility-rentals")

    with pytest.raises(ServiceError, match="no siteId is published"):
        api.system.connection_for(replace(offer, court=Court("other", "Court 1")))
