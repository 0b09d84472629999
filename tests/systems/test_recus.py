"""The adapter reads what rec.us answers: the recorded samples, and every refusal by its meaning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import fields

from reserve.commands.wiring import USER_AGENT
from reserve.errors import (
    Blocked,
    LimitReached,
    LostAnswer,
    NotOpenYet,
    NotPaid,
    NotVerified,
    Overdue,
    ReserveError,
    ServiceError,
    SlotTaken,
    Throttled,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    UsageError,
)
from reserve.http import Answer, Http
from reserve.model import Account, BookingRequest, Court, Offer, Offers, Slot
from reserve.settings import read_settings
from reserve.systems.base import Context
from reserve.systems.place import called
from reserve.systems.recus import answers, bookings, orders
from reserve.systems.recus.adapter import RecUs
from reserve.systems.recus.facility import facility_ids, place_in
from reserve.systems.recus.orders import order_in
from reserve.systems.recus.schedule import lists_as_free, looks_free
from reserve.window import slot, zone
from tests.fakes import FakeClock, InProcess, usd

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SAMPLES = Path(__file__).parent / "samples" / "recus"
SF = zone("America/Los_Angeles")
MONDAY = date(2026, 3, 9)
EVENING = slot(MONDAY, time(18), timedelta(minutes=90), SF)
COURT = Court("e53f7248-230b-4faa-843c-eebb31062228", "Court 1")
OFFER = Offer(COURT, EVENING, datetime(2026, 3, 2, 16, tzinfo=UTC))


def answered(body: Any) -> Answer:
    return Answer("GET /x", 200, {}, json.dumps(body))


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def wanted(
    day: date = MONDAY,
    start: time = time(18),
    minutes: int = 90,
    sport: str = "tennis",
    facility: str = "Alice Marble",
    **more: Any,
) -> BookingRequest:
    starts = more.pop("starts", (start,))
    return BookingRequest(facility, sport, day, starts, timedelta(minutes=minutes), **more)


def offers(request: BookingRequest, change: Callable[[Any], None] | None = None) -> Offers:
    answer = sample("location")
    if change:
        change(answer["location"])
    return place_in(answered(answer)).offers(request)


def court(facility: Any, name: str) -> Any:
    return next(each for each in facility["courts"] if each["courtNumber"] == name)


def names(found: Offers) -> list[str]:
    return [offer.court.name for offer in found.offers]


def reasons(found: Offers) -> dict[str, str]:
    return {where.name: why for where, why in found.skipped}


class Api:
    """An API that gives these answers in turn, and remembers what it was asked."""

    def __init__(
        self,
        clock: FakeClock,
        *answers: tuple[int, Any],
        request: BookingRequest | None = None,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes, WSGIEnvironment]] = []
        self.kept: list[tuple[str, str]] = []
        self.said: list[str] = []
        context = Context(
            clock=clock,
            connect=lambda base, headers: Http(
                base, headers=headers, adapter=InProcess(self.answer, clock), clock=clock
            ),
            browser=lambda: pytest.fail("no browser was meant to start"),
            addresses={**RecUs.addresses, **(addresses or {})},
            say=self.said.append,
            keep=lambda asked, text: self.kept.append((asked, text)),
            conceal=lambda secret: None,
            user_agent=USER_AGENT,
        )
        self.system = RecUs(Account("player@example.com", "secret"), request or wanted(), context)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.asked.append((f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", body, environ))
        status, content = self.answers.pop(0)
        text = content if isinstance(content, str) else json.dumps(content)
        start_response(f"{status} x", [("Content-Type", "application/json")])
        return [text.encode()]


# The samples.


def test_the_recorded_facility_is_read() -> None:
    found = offers(wanted())

    assert (found.facility, str(found.zone)) == ("Alice Marble", "America/Los_Angeles")
    (offer,) = [each for each in found.offers if each.court.name == "Court 2"]
    assert offer.court.id == "1fd32d61-fecc-4835-a4d1-5663e8e590b2"  # the courtSportId, not the siteId
    assert offer.slot == EVENING
    assert offer.opens_at.isoformat() == "2026-03-02T08:00:00-08:00"
    assert offer.price == usd(750)
    assert found.wants_code
    assert (found.limits.per_day, found.limits.per_week) == (1, 3)


@pytest.mark.parametrize(
    ("day", "start", "minutes", "offered", "skipped"),
    [
        (9, time(18), 90, ["Court 1", "Court 2", "Court 3"], {"Court 4": "no 18:00-19:30 slot"}),
        (9, time(7, 30), 90, ["Court 1", "Court 2", "Court 3"], {"Court 4": "no 07:30-09:00 slot"}),
        (
            10,
            time(12),
            60,
            ["Court 4"],
            dict.fromkeys(["Court 1", "Court 2", "Court 3"], "no 12:00-13:00 slot"),
        ),
    ],
)
def test_the_recorded_courts_are_offered_for_their_slots_though_labelled_not_reservable(
    day: int, start: time, minutes: int, offered: list[str], skipped: dict[str, str]
) -> None:
    labels = {each["noReservationText"] for each in sample("location")["location"]["courts"]}

    found = offers(wanted(day=date(2026, 3, day), start=start, minutes=minutes))

    assert labels == {"Not Reservable"}
    assert (names(found), reasons(found)) == (offered, skipped)


def test_of_the_newer_recorded_courts_only_the_one_that_cannot_be_booked_takes_no_reservations() -> None:
    courts = place_in(answered(sample("location_windows"))).courts

    assert {each.name: each.unfit(EVENING) for each in courts} == {
        "Court 1": None,
        "Court 2": "no 18:00-19:30 slot",
        "Court 3": "takes no reservations",
        "Court A": None,
        "Court B": None,
    }


EVENING_OF_7 = "2026-09-07T18:00:00-07:00"  # a Monday, of which the samples have the slots


def test_every_recorded_court_of_the_newer_kind_has_its_opening() -> None:
    place = place_in(answered(sample("location_windows")))
    start = datetime.fromisoformat(EVENING_OF_7).astimezone(place.zone)

    assert {court.name: (court.opens_at(start), court.window_in_words) for court in place.courts} == {
        "Court 1": (start - timedelta(days=7), ROLLING),
        "Court 2": (datetime.fromisoformat("2026-09-05T12:00:00-07:00"), TWO_DAYS),  # not the group's
        "Court 3": (None, ""),
        "Court A": (start - timedelta(days=7), ROLLING),
        "Court B": (start - timedelta(days=7), ROLLING),
    }


ROLLING = "168 hours ahead, slot by slot, until 120 minutes before it starts"
TWO_DAYS = "2 days ahead at 12:00, until 120 minutes before it starts"
ROW = {"groupId": None, "maxHours": 48, "minHours": None, "releaseTimeLocal": None}
UNREAD = "its reservationWindows cannot be read"


@pytest.mark.parametrize(
    ("rows", "opens_at", "window"),
    [
        ([ROW], "2026-03-07T17:00:00-08:00", "48 hours ahead, slot by slot"),  # elapsed hours
        ([ROW | {"releaseTimeLocal": "12:00"}], "2026-03-07T12:00:00-08:00", "2 days ahead at 12:00"),
        ([ROW | {"maxHours": 24}, {}, ROW], "2026-03-07T17:00:00-08:00", "48 hours ahead, slot by slot"),
        (
            [ROW | {"minHours": 3}],
            "2026-03-07T17:00:00-08:00",
            "48 hours ahead, slot by slot, until 180 minutes before it starts",
        ),
        # Of nobody but a group, or of nobody: the older fields count.
        ([ROW | {"groupId": "g"}], "2026-03-02T08:00:00-08:00", "7 days ahead at 08:00"),
        ([], "2026-03-02T08:00:00-08:00", "7 days ahead at 08:00"),
        (None, "2026-03-02T08:00:00-08:00", "7 days ahead at 08:00"),
        # What is there and makes no sense is not guessed at.
        ("soon", None, UNREAD),
        ([None], None, UNREAD),
        ([ROW | {"maxHours": "48"}], None, UNREAD),
        ([ROW | {"maxHours": None}], None, UNREAD),
        ([ROW | {"releaseTimeLocal": 12}], None, UNREAD),
        ([ROW | {"releaseTimeLocal": "noon"}], None, UNREAD),
        ([ROW | {"releaseTimeLocal": "12:00", "maxHours": 50}], None, UNREAD),
    ],
)
def test_a_courts_windows_in_the_newer_form_win_and_are_left_out_alone_when_unclear(
    rows: Any, opens_at: str | None, window: str
) -> None:
    def change(facility: Any) -> None:
        court(facility, "Court 2")["reservationWindows"] = rows

    answer = sample("location")
    change(answer["location"])
    published = {each.court: each for each in place_in(answered(answer)).published(MONDAY, time(18))}
    found = offers(wanted(), change)

    assert published["Court 2"].opens_at == (datetime.fromisoformat(opens_at) if opens_at else None)
    assert published["Court 2"].window == window
    assert names(found) == ["Court 1", *(["Court 2"] if opens_at else []), "Court 3"]
    assert opens_at or reasons(found)["Court 2"] == window


@pytest.mark.parametrize(
    ("of_the_facility", "of_the_court", "minutes"),
    [(0, None, 0), (120, None, 120), (120, 30, 30), (120, 0, 0), (0, 45, 45), ("?", "?", 0), (None, -1, 0)],
)
def test_a_court_has_to_be_asked_for_before_its_own_buffer_or_the_facilitys(
    of_the_facility: object, of_the_court: object, minutes: int
) -> None:
    def change(facility: Any) -> None:
        facility["reservationBuffer"] = of_the_facility
        court(facility, "Court 2")["reservationBufferMinutesOverride"] = of_the_court

    (offer,) = offers(wanted(only=("Court 2",)), change).offers
    assert offer.buffer == timedelta(minutes=minutes)


def test_an_answer_about_a_facility_that_is_not_understood_is_kept_once(clock: FakeClock) -> None:
    listed = [{"location": {"id": "p-1", "name": "Alice Marble"}}]
    unclear = sample("location")
    unclear["location"]["courts"][0]["reservationWindows"] = "soon"
    noon = wanted(start=time(12))  # no evening slot, so no schedule is looked at
    api = Api(clock, (200, listed), (200, unclear), request=noon)
    assert len(api.system.place().courts) == 4
    assert [asked for asked, _ in api.kept] == ["GET /v1/locations/p-1"]

    api = Api(clock, (200, listed), (200, {"location": {}}))
    with pytest.raises(UnknownAnswer, match=r"the answer .* has no 'location"):
        api.system.place()
    assert [asked for asked, _ in api.kept] == ["GET /v1/locations/p-1"]


def test_a_recorded_court_that_cannot_be_understood_is_skipped_and_the_others_are_offered() -> None:
    def spoil(facility: Any) -> None:
        court(facility, "Court 2").update(
            defaultReservationWindowDays="soon", reservationReleaseTimeLocal={}, sports=[{}, *ids]
        )
        del court(facility, "Court 3")["courtNumber"]
        facility.update(defaultReservationWindow=None, reservationReleaseTimeLocal=None)

    ids = court(sample("location")["location"], "Court 2")["sports"]
    found = offers(wanted(), spoil)

    assert names(found) == ["Court 1"]
    assert reasons(found) == {"Court 2": "nothing says when it opens", "Court 4": "no 18:00-19:30 slot"}


def test_the_last_court_has_days_hours_and_slots_of_its_own() -> None:
    noon = offers(wanted(day=date(2026, 3, 10), start=time(12), minutes=60))

    (offer,) = noon.offers
    assert offer.court.name == "Court 4"
    assert offer.opens_at.isoformat() == "2026-03-08T12:00:00-07:00"  # two calendar days, over a clock change
    assert offer.price == usd(500)
    assert "Court 2" in reasons(noon)


def test_the_recorded_hold_is_read(clock: FakeClock) -> None:
    api = Api(clock, (201, sample("reservation_created")))

    hold = api.system.connection_for(OFFER).hold()

    assert hold.order_id == "00000000-0000-4000-8000-000000000001"
    assert hold.price == usd(750)
    assert hold.expires_at == datetime(2026, 3, 2, 16, 10, 0, 412_000, tzinfo=UTC)
    assert hold.link == f"https://www.rec.us/app/orders/{hold.order_id}/checkout"


def test_the_recorded_payment_of_a_free_court_is_read(clock: FakeClock) -> None:
    api = Api(clock, (201, free(sample("reservation_created"))), (200, sample("order_paid")))
    hold = api.system.connection_for(OFFER).hold()

    api.system.confirm(hold)

    asked, body, _ = api.asked[-1]
    assert asked == f"POST /v1/orders/{hold.order_id}/pay"
    assert json.loads(body) == {"data": {"payments": [{"paymentMethodType": "free", "amountCents": 0}]}}
    assert (api.answers, api.kept) == ([], [])


def test_an_order_made_as_in_2025_is_paid_with_an_empty_body(clock: FakeClock) -> None:
    order = free(sample("reservation_created"))["data"]
    api = Api(clock, (200, {"order": order}), (200, sample("order_paid")))

    api.system.confirm(api.system.connection_for(OFFER).hold())

    assert json.loads(api.asked[-1][1]) == {"data": {}}


def test_where_an_empty_body_is_refused_the_order_is_paid_as_a_free_one(clock: FakeClock) -> None:
    order = free(sample("reservation_created"))["data"]
    invalid = {"message": "The request body is invalid", "obstructions": [], "type": "E_INVALID_BODY"}
    api = Api(clock, (200, {"order": order}), (422, invalid), (200, sample("order_paid")))

    api.system.confirm(api.system.connection_for(OFFER).hold())

    free_of_charge = {"data": {"payments": [{"paymentMethodType": "free", "amountCents": 0}]}}
    assert [json.loads(body) for _, body, _ in api.asked[-2:]] == [{"data": {}}, free_of_charge]


def test_the_recorded_card_payment_is_confirmed_at_stripe(clock: FakeClock) -> None:
    api = Api(
        clock,
        (201, sample("reservation_created")),
        (200, sample("order_pay_pending")),
        (200, {"id": "pi_test_000", "status": "succeeded"}),
        request=wanted(pay="card", max_price=usd(750)),
    )

    api.system.confirm(api.system.connection_for(OFFER).hold())

    pay, stripe = api.asked[1:]
    assert json.loads(pay[1]) == {
        "data": {"payments": [{"paymentMethodType": "card-online", "amountCents": 750}]}
    }
    assert stripe[0] == "POST /v1/payment_intents/pi_test_000/confirm"
    assert b"client_secret=pi_test_000_secret_test" in stripe[1]
    assert b"payment_method=pm_test_000" in stripe[1]


@pytest.mark.parametrize("cards", [[], None])
def test_an_account_without_a_card_has_surely_paid_nothing(clock: FakeClock, cards: Any) -> None:
    pending = sample("order_pay_pending")
    pending["included"]["payments"][0]["gatewayData"] = {"paymentMethods": cards, "paymentIntentId": None}
    request = wanted(pay="card", max_price=usd(750))
    api = Api(clock, (201, sample("reservation_created")), (200, pending), request=request)

    with pytest.raises(NotPaid, match="no card"):
        api.system.confirm(api.system.connection_for(OFFER).hold())


def test_the_recorded_refusal_means_that_the_limit_is_reached() -> None:
    meaning = refusal(400, (SAMPLES / "error_daily_limit.json").read_text())

    assert isinstance(meaning, LimitReached)
    assert "Daily booking limit of 1 reached for March 9, 2026" in str(meaning)


def free(answer: Any) -> Any:
    answer = deepcopy(answer)
    answer["data"]["total"] = 0
    return answer


def keys_of(value: Any) -> set[str]:
    """Every key in *value*, however deep."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set().union(*map(keys_of, value)) if isinstance(value, list) else set()


# Read by the adapter and in no sample, but named in the facts.
KNOWN_FROM_THE_FACTS = {
    "user",  # 3.1: a wrapper that one client accepts
    "order",  # 3.3: the shape of 2025
    "canceledAt", "timeStatus", "linkedReservationId", "facilityRentalId", "reservations", "sites",
    "reservationSiteIds", "startsAt", "endsAt", "reservationId", "bookingId",  # 3.5: bookings
    "rules",  # 2.3: config.pricing
}  # fmt: skip


PLACES = {"data", "order", "user", "location", "included", "payments", "gatewayData", "dates"}
PLACES |= {
    "id",
    "message",
    "type",
    "status",
    "bookingPolicies",
    "pricing",
    "default",
    "rules",
    "minutes",
}  # on the way to what a model describes


def test_every_field_that_is_read_was_seen() -> None:
    seen = set().union(*(keys_of(json.loads(path.read_text())) for path in SAMPLES.glob("*.json")))
    found = [each for module in (answers, bookings, orders) for each in vars(module).values()]
    models = [each for each in found if isinstance(each, type) and issubclass(each, Struct)]

    read = {field.encode_name for model in models for field in fields(model)} | PLACES

    assert read - seen <= KNOWN_FROM_THE_FACTS <= read


# What a refusal means.


def refusal(status: int, text: str, **headers: str) -> ReserveError:
    return Api(FakeClock()).system.meaning(Answer("POST /v1/reservations", status, headers, text))


def said(message: str, type_: str = "E_INELIGIBLE_SITE_BOOKING") -> str:
    return json.dumps({"correlationId": "x", "message": message, "obstructions": [], "type": type_})


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, said("Daily booking limit of 1 reached for March 9, 2026"), LimitReached),
        (400, said("Weekly booking limit of 3 reached for March 9, 2026"), LimitReached),
        (422, said("Daily limit reached"), LimitReached),
        (400, said("Court already reserved at this time"), SlotTaken),
        (409, said("This slot is no longer available"), SlotTaken),
        (400, said("The reservation is outside of the reservation window"), NotOpenYet),
        (400, said("Court already reserved until 19:30"), SlotTaken),
        (400, said("Reservations open 7 days in advance"), NotOpenYet),
        (400, said("This court is not available yet."), NotOpenYet),
        (400, said("Court not available: reservations open 7 days in advance"), NotOpenYet),
        (400, said("Court not available: it opens at 08:00"), NotOpenYet),
        (400, said("Reservations are unavailable until the booking window opens"), NotOpenYet),
        (400, said("Unavailable", "E_OUTSIDE_WINDOW"), NotOpenYet),
        (400, said("This date can be reserved at 08:00, your request came too early"), NotOpenYet),
        (400, said("This court will be released at 08:00"), NotOpenYet),
        (400, said("This court is not available"), UnknownRefusal),
        (400, said("This court is unavailable"), UnknownRefusal),
        (403, said("Phone verification required", "E_VERIFICATION_REQUIRED"), NotVerified),
        (401, said("Authentication required", "E_UNAUTHORIZED"), TokenRefused),
        (401, "", TokenRefused),
        (429, said("Too many requests"), Throttled),
        (429, "", Throttled),
        (403, "<html>403 Forbidden</html>", Blocked),
        (403, "", Blocked),
        (403, said("You are not allowed to do this", "E_FORBIDDEN"), UnknownRefusal),
        (400, said("The reservation violates the site's booking policy"), UnknownRefusal),
        (400, '{"message": ["Daily booking limit of 1 reached"]}', LimitReached),  # a list of complaints
        (400, '{"message": {"from": ["Court already reserved"]}}', SlotTaken),
        (400, said("Computer says no", "E_TRY_THE_OTHER_DESK"), UnknownRefusal),
        (422, said("The request body is invalid", "E_INVALID_BODY"), UnknownRefusal),
        (404, said("Court not found", "E_COURT_NOT_FOUND"), UnknownRefusal),
        (400, "", UnknownRefusal),
        (400, "[]", UnknownRefusal),
        (400, "{}", UnknownRefusal),
        (400, '{"message": null, "type": 7}', UnknownRefusal),
        (400, "<html>", UnknownRefusal),
        (302, "", UnknownRefusal),
        (500, "<html>", LostAnswer),
        (502, "", LostAnswer),
        (503, said("Court already reserved at this time"), LostAnswer),
        (504, "", Overdue),
    ],
)
def test_each_refusal_has_its_meaning(status: int, text: str, kind: type[ReserveError]) -> None:
    assert type(refusal(status, text)) is kind


def test_how_long_to_wait_is_kept() -> None:
    throttled = refusal(429, "", **{"Retry-After": "3"})

    assert isinstance(throttled, Throttled)
    assert throttled.retry_after == timedelta(seconds=3)


@given(
    st.integers(300, 599),
    st.text() | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(json.dumps),
)
def test_no_refusal_can_hurt(status: int, text: str) -> None:
    assert isinstance(refusal(status, text), ReserveError)


def test_an_unknown_refusal_is_kept(clock: FakeClock) -> None:
    api = Api(clock, (400, said("Computer says no", "E_NO")))

    with pytest.raises(UnknownRefusal, match="Computer says no E_NO"):
        api.system.connection_for(OFFER).hold()

    ((asked, text),) = api.kept
    assert asked == "POST /v1/reservations"
    assert "Computer says no" in text


@pytest.mark.parametrize(
    "body", [{"result": "queued"}, {"data": {}}, {"data": {"id": None}}, [], {"id": {}}, "oops"]
)
def test_a_yes_that_cannot_be_read_may_be_a_hold_and_is_never_taken_for_one(
    clock: FakeClock, body: Any
) -> None:
    api = Api(clock, (200, body))

    with pytest.raises(UnknownAnswer):
        api.system.connection_for(OFFER).hold()


ORDER = {"id": "o-1", "total": 0, "items": []}


@pytest.mark.parametrize("body", [{"order": ORDER}, {"data": ORDER}, {"data": {"order": ORDER}}, ORDER])
def test_an_order_is_found_in_every_shape(body: dict[str, Any]) -> None:
    order = order_in(answered(body))

    assert order
    assert (order.id, order.total) == ("o-1", 0)


@pytest.mark.parametrize(
    "body", [[], {}, {"data": None}, {"order": None}, {"order": {}}, {"data": {"id": "p", "type": "payment"}}]
)
def test_what_is_no_order_is_not_taken_for_one(body: Any) -> None:
    assert order_in(answered(body)) is None


# Asking.


def test_a_request_for_a_court_says_what_the_web_app_says_and_who_we_are(clock: FakeClock) -> None:
    api = Api(clock, (200, {"id": "me-1"}), (201, sample("reservation_created")))
    api.system.use_token("token-1")

    api.system.connection_for(OFFER).hold()

    asked, body, environ = api.asked[-1]
    assert asked == "POST /v1/reservations"
    assert json.loads(body) == {
        "courtSportIds": [COURT.id],
        "participantUserId": "me-1",
        "from": {"date": "2026-03-09", "time": "18:00:00"},
        "to": {"date": "2026-03-09", "time": "19:30:00"},
        "flow": "cart",
    }
    assert environ["HTTP_ORIGIN"] == "https://www.rec.us"
    assert environ["HTTP_REFERER"] == "https://www.rec.us/"
    assert environ["HTTP_AUTHORIZATION"] == "Bearer token-1"
    assert environ["HTTP_USER_AGENT"].startswith("FirstServe/")


@pytest.mark.parametrize("answer", [{"id": "me-1"}, {"data": {"id": "me-1"}}, {"user": {"id": "me-1"}}])
def test_the_player_is_known_in_every_shape(clock: FakeClock, answer: dict[str, Any]) -> None:
    api = Api(clock, (200, answer), (200, {"data": []}))
    api.system.use_token("token-1")

    assert api.system.reservations() == []
    assert api.asked[-1][0] == "GET /v1/users/me-1/bookings"


@pytest.mark.parametrize("pay", ["credit", "card"])
def test_a_court_whose_price_is_not_known_is_never_paid(clock: FakeClock, pay: str) -> None:
    answer = sample("reservation_created")
    del answer["data"]["total"]
    api = Api(clock, (201, answer), request=wanted(pay=pay, max_price=usd(9999)))

    with pytest.raises(ServiceError, match="nothing says what it costs"):
        api.system.confirm(api.system.connection_for(OFFER).hold())

    assert len(api.asked) == 1


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": {"status": "weird"}}, []])
def test_a_payment_in_words_we_do_not_know_may_have_been_made(clock: FakeClock, answer: Any) -> None:
    api = Api(clock, (201, free(sample("reservation_created"))), (200, answer))
    hold = api.system.connection_for(OFFER).hold()

    with pytest.raises(LostAnswer):
        api.system.confirm(hold)


# Facilities.

ENTRIES = [
    {"distance": None, "location": {"id": "1", "name": "Alice Marble"}},
    {"location": {"id": "2", "name": "Peña Park"}},
    {"id": "3", "name": "Moscone"},
    {"location": None},
    "noise",
]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Alice Marble", "1"),
        ("alice  MARBLE ", "1"),
        ("pena park", "2"),
        ("PEÑA PARK", "2"),
        ("Moscone", "3"),
    ],
)
def test_a_facility_is_found_whatever_its_letters(name: str, found: str) -> None:
    assert called(name, facility_ids(answered(ENTRIES))) == found


@pytest.mark.parametrize("name", ["Alise", "Alise Marble", "Marble Alice"])
def test_a_near_miss_is_suggested_and_never_taken(name: str) -> None:
    with pytest.raises(UsageError, match=r"--court.*Alice Marble"):
        called(name, facility_ids(answered(ENTRIES)))


@pytest.mark.parametrize("answer", [{}, [], None, {"location": {}}, {"location": {"courts": None}}])
def test_an_answer_that_is_no_facility_is_unknown(answer: Any) -> None:
    with pytest.raises(UnknownAnswer):
        place_in(answered(answer))


def test_the_recorded_list_of_facilities_is_read() -> None:
    found = facility_ids(answered(sample("locations_availability")))
    assert found["Sample Park"] == "00000000-0000-4000-8000-000000000701"
    assert len(found) == 2

    beside = [{"distance": None, "id": "1", "name": "Beside", "location": {"lat": "37"}}]
    assert facility_ids(answered(beside)) == {"Beside": "1"}


@pytest.mark.parametrize("name", ["locations_list", "site_availability"])
def test_an_answer_of_another_kind_is_taken_neither_for_facilities_nor_for_one(name: str) -> None:
    # The first is of all cities, parks of a demonstration among them (rec.us facts 2.2); neither is read.
    for read in (facility_ids, place_in):
        with pytest.raises(UnknownAnswer, match=r"GET /x: the answer \(200\) "):
            read(answered(sample(name)))


def test_courts_come_by_number_or_in_the_players_order() -> None:
    def ten(facility: Any) -> None:
        facility["courts"].insert(0, deepcopy(court(facility, "Court 2")) | {"courtNumber": "Court 10"})

    assert names(offers(wanted(), ten)) == ["Court 1", "Court 2", "Court 3", "Court 10"]
    assert names(offers(wanted(only=("court 10", "Court 1")), ten)) == ["Court 10", "Court 1"]


def test_further_times_come_after_the_first() -> None:
    found = offers(wanted(starts=(time(18), time(16, 30)), only=("Court 2",)))

    assert [f"{offer.slot.start:%H:%M}" for offer in found.offers] == ["18:00", "16:30"]


def test_a_sub_court_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"--only.*'Court 9'.*Court 1, Court 2, Court 3, Court 4"):
        offers(wanted(only=("Court 9",)))


def test_a_sport_that_is_not_played_there_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--sport: Alice Marble has no pickleball court"):
        offers(wanted(sport="pickleball"))


def test_a_slot_that_no_court_has_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no court of .*nearest that day: 16:30-18:00, 18:00-19:30"):
        offers(wanted(start=time(17)))


def test_an_archived_court_is_not_there_at_all() -> None:
    def archive(facility: Any) -> None:
        court(facility, "Court 2")["archivedAt"] = "2026-02-01T17:00:00.000Z"

    found = offers(wanted(), archive)

    assert names(found) == ["Court 1", "Court 3"]
    assert "Court 2" not in reasons(found)


def test_a_court_that_cannot_be_booked_is_skipped_with_the_reason() -> None:
    found = offers(wanted(), lambda facility: court(facility, "Court 2").update(isInstantBookable=False))

    assert names(found) == ["Court 1", "Court 3"]
    assert reasons(found)["Court 2"] == "takes no reservations"


@pytest.mark.parametrize("published", [{}, {"isInstantBookable": None}, {"isInstantBookable": "?"}])
def test_a_court_of_which_nothing_says_whether_it_can_be_booked_is_asked_for(
    published: dict[str, object],
) -> None:
    def silent(facility: Any) -> None:
        del court(facility, "Court 2")["isInstantBookable"]
        court(facility, "Court 2").update(published)

    assert names(offers(wanted(), silent)) == ["Court 1", "Court 2", "Court 3"]


def test_a_policy_that_is_not_active_counts_for_nothing() -> None:
    def flexible(facility: Any) -> None:
        court(facility, "Court 2")["config"]["bookingPolicies"][0]["isActive"] = False

    assert names(offers(wanted(start=time(17)), flexible)) == ["Court 2"]
    with pytest.raises(UsageError, match="no court of "):
        offers(wanted(start=time(17), minutes=120), flexible)
    with pytest.raises(UsageError, match="no court of "):
        offers(wanted(start=time(17), minutes=45), flexible)


def test_a_length_or_slot_that_cannot_be_read_hides_no_other() -> None:
    slot = {"dayOfWeek": 1, "startTimeLocal": "18:00:00", "endTimeLocal": "19:30:00"}
    fixed = {"bookingPolicies": [{"type": "fixed-slots", "isActive": True, "slots": [{}, slot]}]}
    courts = [
        {"courtNumber": "1", "allowedReservationDurations": {"minutes": [None, 60.0, 90]}},
        {"courtNumber": "2", "config": fixed},
    ]
    facility = {"name": "Here", "timezone": "America/Los_Angeles", "courts": courts}

    lengths = [court.lengths_on(MONDAY) for court in place_in(answered(facility)).courts]

    assert lengths == ["60, 90 minutes", "18:00-19:30"]


def test_a_courts_own_window_wins_over_the_facilitys() -> None:
    def only_the_facilitys(facility: Any) -> None:
        court(facility, "Court 2").update(defaultReservationWindowDays=None, reservationReleaseTimeLocal=None)
        facility.update(defaultReservationWindow=3, reservationReleaseTimeLocal="09:30:00")

    (offer,) = offers(wanted(only=("Court 2",)), only_the_facilitys).offers
    assert offer.opens_at.isoformat() == "2026-03-06T09:30:00-08:00"


def test_a_court_whose_window_nobody_says_is_unknown() -> None:
    def silent(facility: Any) -> None:
        court(facility, "Court 2").update(defaultReservationWindowDays=None, reservationReleaseTimeLocal=None)
        facility.update(defaultReservationWindow=None, reservationReleaseTimeLocal=None)

    with pytest.raises(UnknownAnswer, match="Court 2: nothing says when it opens"):
        offers(wanted(only=("Court 2",)), silent)


@pytest.mark.parametrize(("published", "wants"), [(True, True), (False, False), (None, True), ("?", True)])
def test_a_code_is_expected_unless_the_facility_says_it_is_not(
    published: bool | str | None, wants: bool
) -> None:
    found = offers(wanted(), lambda facility: facility.update(reservationRequiresVerification=published))

    assert found.wants_code is wants


@pytest.mark.parametrize(
    "pricing",
    [
        None,
        {},
        "x",
        {"default": None},
        {"default": {"type": "flat", "cents": 5}},
        {"default": {"type": "perHour", "cents": 500}, "rules": [{}]},
    ],
)
def test_a_price_that_is_not_plainly_published_is_not_known(pricing: Any) -> None:
    def change(facility: Any) -> None:
        court(facility, "Court 2")["config"]["pricing"] = pricing

    assert offers(wanted(only=("Court 2",)), change).offers[0].price is None


# The schedule, which a run on the waiting list looks at.


@pytest.mark.parametrize(
    ("name", "start", "end", "is_free"),
    [
        ("Court 1", 18, 19.5, True),  # within a longer piece
        ("Court 2", 18, 19.5, True),  # between two that are taken
        ("Court 2", 16.5, 18, False),
        ("Court 2", 17.5, 18.5, False),  # taken for a part of it
        ("Court 1", 19, 20.5, False),  # not reservable at its end
        ("Court 9", 18, 19.5, True),  # unknown
    ],
)
def test_the_schedule_tells_which_court_is_worth_asking_for(
    name: str, start: float, end: float, is_free: bool
) -> None:
    midnight = datetime.fromisoformat("2026-03-09T00:00:00-07:00")
    slot = Slot(midnight + timedelta(hours=start), midnight + timedelta(hours=end))
    request = Offer(replace(COURT, name=name), slot, midnight)

    assert looks_free(answered(sample("schedule")), request) is is_free


EVENING_7 = slot(date(2026, 9, 7), time(18), timedelta(minutes=90), SF)


@pytest.mark.parametrize(
    ("name", "start", "is_free"),
    [
        ("Court 1", time(7, 30), False),  # taken by somebody
        ("Court 1", time(9), False),  # a court on the same ground is, and no reservation says so
        ("Court 1", time(10, 30), True),
        ("Court A", time(7, 30), False),
        ("Court B", time(9), True),
        ("Court 3", time(18), False),
    ],
)
def test_a_court_is_not_free_while_another_one_on_its_ground_is_taken(
    name: str, start: time, is_free: bool
) -> None:
    wanted = Offer(
        replace(COURT, name=name), slot(date(2026, 9, 7), start, timedelta(minutes=90), SF), EVENING_7.start
    )

    assert looks_free(answered(sample("schedule_overlap")), wanted) is is_free


@pytest.mark.parametrize("word", ["MAINTENANCE", "", None, 7])
def test_a_court_is_not_free_when_its_schedule_has_a_word_that_nobody_knows(word: object) -> None:
    schedule = sample("schedule_overlap")
    schedule["dates"]["20260907"][0]["schedule"]["10:30, 19:30"] = {"referenceType": word}

    assert not looks_free(answered(schedule), Offer(COURT, EVENING_7, EVENING_7.start))


def test_the_list_of_free_half_hours_tells_which_court_is_worth_asking_for() -> None:
    listed = sample("location")
    first = court(listed["location"], "Court 1")
    first["availableSlots"] = ["2026-03-09 18:00:00", "2026-03-09 18:30:00", "2026-03-09 19:00:00"]

    assert lists_as_free(answered(listed), OFFER)
    del first["availableSlots"][1]
    assert not lists_as_free(answered(listed), OFFER)
    first["availableSlots"] = None
    with pytest.raises(UnknownAnswer, match="the answer has no 'availableSlots' of Court 1"):
        lists_as_free(answered(listed), OFFER)


def test_who_is_kept_from_the_schedule_says_so_once_and_looks_at_what_the_facility_lists(
    clock: FakeClock,
) -> None:
    here = replace(OFFER, court=replace(COURT, facility="p-1"))
    firewall = (SAMPLES / "firewall_403.txt").read_text()
    api = Api(clock, (403, firewall), (200, sample("location")), (200, sample("location")))

    for _ in range(2):
        api.system.looks_free(here)
        clock.sleep(timedelta(seconds=30))

    assert [asked for asked, _, _ in api.asked] == [
        "GET /v1/locations/p-1/schedule",
        *["GET /v1/locations/p-1"] * 2,
    ]
    (said,) = api.said
    assert "RECUS_FETCH_MODE" in said


def test_who_is_kept_from_everything_is_told(clock: FakeClock) -> None:
    firewall = (SAMPLES / "firewall_403.txt").read_text()

    with pytest.raises(Blocked):
        Api(clock, (403, firewall), (403, firewall)).system.looks_free(OFFER)


@pytest.mark.parametrize(("mode", "sent"), [("", None), ("cors", "cors")])
def test_how_we_fetch_is_only_said_when_the_player_wants_it(
    clock: FakeClock, mode: str, sent: str | None
) -> None:
    api = Api(clock, (200, sample("schedule")), addresses={"RECUS_FETCH_MODE": mode})

    api.system.looks_free(OFFER)

    ((_, _, environ),) = api.asked
    assert environ.get("HTTP_SEC_FETCH_MODE") == sent


def test_a_way_of_fetching_that_no_browser_has_is_refused() -> None:
    with pytest.raises(UsageError, match=r"RECUS_FETCH_MODE: 'a\\nb' is none of cors"):
        read_settings({"RECUS_FETCH_MODE": "a\nb"})


@pytest.mark.parametrize("schedule", [[], {"dates": None}, {"dates": {"20260309": [None]}}])
def test_a_schedule_that_cannot_be_read_keeps_nobody_from_asking(schedule: Any) -> None:
    assert looks_free(answered(schedule), Offer(COURT, EVENING, EVENING.start))
