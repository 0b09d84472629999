"""What can go wrong: every fault by name does what it says, and only that."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from reserve.simulator import PLAYER, SIMULATED_SYSTEMS, Club, CutConnection, Fault
from reserve.simulator.faults import NoConnection
from reserve.simulator.phone import HABITS
from reserve.simulator.recus.faults import FAULTS
from reserve.simulator.usual import OF_TEXTS
from tests.simulator.visitor import ALICE_MARBLE, DAY, FROM_PAGE, OPENS_AT, SIGN_IN, Visitor, card, meanings

HOLD = "POST /v1/reservations"
Visit = Callable[[], object]
OUTCOMES: dict[str, Visit] = {}  # fault -> a visit that returns something true when the fault is seen


def shows(name: str) -> Callable[[Visit], Visit]:
    """Marks the visit that shows the fault of this name."""

    def keep(visit: Visit) -> Visit:
        OUTCOMES[name] = visit
        return visit

    return keep


def arrived(name: str, **scenario: Any) -> Visitor:
    return Visitor(faults=(name,), **scenario).arrive()


def asked(name: str) -> Visitor:
    """A visitor who asked for a code one minute ahead, ten seconds ago."""
    visitor = Visitor(faults=(name,))
    visitor.sign_in()
    visitor.wait(-60).post("/v1/users/mobile-totp/send")
    visitor.clock.sleep(timedelta(seconds=10))
    return visitor


def code_of(text: Mapping[str, Any]) -> str:
    return str(text["full_sms"]).split("code is: ")[1].split(".")[0]


@shows("late-sms")
def late_sms() -> object:
    visitor = asked("late-sms")
    none_yet = not visitor.texts
    visitor.wait(2.01)
    return none_yet and visitor.verify(visitor.newest_code()).status_code == 200


@shows("stale-sms")
def stale_sms() -> object:
    visitor = asked("stale-sms")
    return [visitor.verify(code_of(text)).status_code for text in visitor.texts] == [400, 200]


@shows("wrong-code-first")
def wrong_code_first() -> object:
    visitor = asked("wrong-code-first")
    return [visitor.verify(code_of(text)).status_code for text in visitor.texts] == [400, 200]


@shows("no-sms")
def no_sms() -> object:
    visitor = asked("no-sms")
    return not visitor.texts and visitor.ledger.all("text-lost")


@shows("duplicate-sms")
def duplicate_sms() -> object:
    first, second = asked("duplicate-sms").texts
    return first == second


@shows("slow-server")
def slow_server() -> object:
    visitor = arrived("slow-server")
    before = visitor.clock.now()
    visitor.hold()
    held = visitor.clock.now()
    visitor.bookings()
    return (held - before, visitor.clock.now() - held) == (timedelta(seconds=3), timedelta(seconds=2))


@shows("lost-answer")
def lost_answer() -> object:
    visitor = arrived("lost-answer")
    with pytest.raises(CutConnection):
        visitor.hold()
    return len(visitor.ledger.all("held")) == 1 and visitor.hold("Court 2").status_code == 201


@shows("lost-pay-answer")
def lost_pay_answer() -> object:
    visitor = arrived("lost-pay-answer")
    order = visitor.order()
    with pytest.raises(CutConnection):
        visitor.pay(order)
    return visitor.ledger.paid == [order["id"]]


@shows("server-errors")
def server_errors() -> object:
    visitor = arrived("server-errors")
    return [visitor.hold().status_code for _ in range(3)] == [500, 500, 201] and meanings(visitor) == [
        "status",
        "status",
        "held",
    ]


@shows("throttled")
def throttled() -> object:
    visitor = arrived("throttled")
    answers = [visitor.hold() for _ in range(4)]
    return [answer.status_code for answer in answers] == [429, 429, 429, 201] and (
        answers[0].headers["Retry-After"] == "1"
    )


@shows("firewall")
def firewall() -> object:
    answer = arrived("firewall").hold()
    return answer.status_code == 403 and "awselb/2.0" in answer.text and answer.mimetype == "text/html"


@shows("token-refused")
def token_refused() -> object:
    visitor = Visitor(faults=("token-refused",))
    body = {"email": PLAYER.email, "password": PLAYER.password}
    signed_in: Any = visitor.http.post(SIGN_IN, json=body, headers=FROM_PAGE)
    visitor.headers = {"Authorization": f"Bearer {signed_in.json['idToken']}"}
    return visitor.get("/v1/users/me").json["type"] == "E_UNAUTHORIZED" and not visitor.ledger.violations


@shows("unknown-body")
def unknown_body() -> object:
    visitor = arrived("unknown-body")
    answer = visitor.hold()
    return answer.status_code == 200 and "id" not in answer.json and not visitor.ledger.all("held")


@shows("unknown-refusal")
def unknown_refusal() -> object:
    answer = arrived("unknown-refusal").hold()
    return answer.status_code == 400 and answer.json["type"] == "E_TRY_THE_OTHER_DESK"


@shows("wrong-password")
def wrong_password() -> object:
    return Visitor(faults=("wrong-password",)).sign_in().status_code == 400


@shows("clock-ahead")
def clock_ahead() -> object:
    visitor = arrived("clock-ahead")
    lead = visitor.simulated.scenario.opens_at - visitor.clock.now()
    return timedelta() < lead <= timedelta(seconds=1) and visitor.hold().status_code == 201


@shows("clock-behind")
def clock_behind() -> object:
    visitor = Visitor(faults=("clock-behind",)).arrive()
    visitor.clock.step(visitor.simulated.scenario.opens_at - visitor.clock.now())
    return visitor.hold().status_code == 400 and "15:59:59" in visitor.get("/v1/sports").headers["Date"]


@shows("proxy-clock")
def proxy_clock() -> object:
    visitor = arrived("proxy-clock")
    visitor.clock.step(timedelta(milliseconds=-20))
    return visitor.hold().status_code == 400 and "16:00:00" in visitor.get("/v1/sports").headers["Date"]


@shows("opens-late")
def opens_late() -> object:
    visitor = arrived("opens-late")
    visitor.clock.step(timedelta(milliseconds=-1))
    early = visitor.hold()
    visitor.clock.step(timedelta(milliseconds=1))
    return (early.status_code, visitor.hold().status_code) == (400, 201)


@shows("daily-limit")
def daily_limit() -> object:
    return "Daily booking limit" in arrived("daily-limit").hold().json["message"]


@shows("weekly-limit")
def weekly_limit() -> object:
    return "Weekly booking limit" in arrived("weekly-limit").hold().json["message"]


@shows("already-reserved")
def already_reserved() -> object:
    visitor = arrived("already-reserved")
    return visitor.bookings()[0]["status"] == "confirmed" and visitor.hold().status_code == 400


@shows("all-taken")
def all_taken() -> object:
    visitor = arrived("all-taken").wait(0.05)
    return {visitor.hold(court).json["message"] for court in ("Court 1", "Court 2", "Court 3")} == {
        "Court already reserved at this time"
    }


@shows("full")
def full() -> object:
    visitor = arrived("full").wait(0.05)
    early = [visitor.hold(court).status_code for court in ("Court 1", "Court 2")]
    visitor.wait(30)
    return [*early, *(visitor.hold(court).status_code for court in ("Court 2", "Court 1"))] == [
        400, 400, 400, 201
    ]  # fmt: skip


@shows("priced")
def priced() -> object:
    return arrived("priced").order()["total"] == 750


@shows("hold-lapses")
def hold_lapses() -> object:
    visitor = arrived("hold-lapses")
    order = visitor.order()
    visitor.wait(1)
    return visitor.pay(order).status_code == 400


@shows("send-refused")
def send_refused() -> object:
    visitor = Visitor(faults=("send-refused",))
    visitor.sign_in()
    return visitor.post("/v1/users/mobile-totp/send").status_code == 400 and not visitor.texts


@shows("release-fails-once")
def release_fails_once() -> object:
    visitor = arrived("release-fails-once")
    path = f"/v1/orders/{visitor.order()['id']}"
    return [visitor.delete(path).status_code for _ in range(2)] == [503, 204]


@shows("bookings-unreadable")
def bookings_unreadable() -> object:
    visitor = arrived("bookings-unreadable")
    path = f"/v1/users/{visitor.id}/bookings"
    return [visitor.get(path).status_code for _ in range(2)] == [400, 400]


@shows("slow-release")
def slow_release() -> object:
    visitor = arrived("slow-release")
    order, before = visitor.order(), visitor.clock.now()
    visitor.delete(f"/v1/orders/{order['id']}")
    return visitor.clock.now() - before == timedelta(seconds=3)


def first_court(visitor: Visitor) -> dict[str, Any]:
    """Court 1 as it is published."""
    location = visitor.get(f"/v1/locations/{ALICE_MARBLE}").json["location"]
    (court,) = (court for court in location["courts"] if court["courtNumber"] == "Court 1")
    assert [location["reservationReleaseTimeLocal"], location["reservationBuffer"]] in (
        [None, 0],
        [None, 120],
    )
    assert court["defaultReservationWindowDays"] is court["reservationReleaseTimeLocal"] is None
    return dict(court)


@shows("rolling-window")
def rolling_window() -> object:
    visitor = arrived("rolling-window")
    (row,) = first_court(visitor)["reservationWindows"]
    visitor.clock.step(timedelta(milliseconds=-1))
    before = [visitor.hold(start=start).status_code for start in ("16:30", "18:00")]
    visitor.clock.step(timedelta(milliseconds=1))
    too_soon = visitor.hold(day=OPENS_AT.date(), start="09:00").json["message"]
    return [before, visitor.hold().status_code, too_soon] == [
        [201, 400], 201, "The reservation starts too soon"
    ] and (row["maxHours"], row["groupId"], row["releaseTimeLocal"]) == (177, None, None)  # fmt: skip


@shows("court-windows")
def court_windows() -> object:
    visitor = arrived("court-windows")
    of_group, row = first_court(visitor)["reservationWindows"]
    later = visitor.hold(day=DAY + timedelta(days=7)).json["message"]
    return [of_group["maxHours"], bool(of_group["groupId"]), later, visitor.hold().status_code] == [
        336, True, "The reservation is outside of the reservation window", 201
    ] and (row["maxHours"], row["groupId"], row["releaseTimeLocal"]) == (168, None, "08:00:00")  # fmt: skip


@shows("court-unclear")
def court_unclear() -> object:
    visitor = arrived("court-unclear")
    return first_court(visitor)["reservationWindows"] == [] and [
        visitor.hold(court).status_code for court in ("Court 1", "Court 2")
    ] == [400, 201]


@shows("overlapping-courts")
def overlapping_courts() -> object:
    visitor = arrived("overlapping-courts")
    path = f"/v1/locations/{ALICE_MARBLE}/schedule?startDate=2026-03-09"
    day = visitor.get(path).json["dates"]["20260309"]
    found = {each["courtNumber"]: each["schedule"] for each in day}
    return [visitor.hold(court).status_code for court in ("Court 1", "Court 2")] == [400, 201] and (
        found["Court 1"]["18:00, 19:30"] == {"referenceType": "RESERVATION"}
        and "referenceId" in found["Court A"]["18:00, 19:30"]
        and found["Court B"]["07:30, 19:30"] == {"referenceType": "RESERVABLE"}
    )


@shows("winter-slot")
def winter_slot() -> object:
    visitor = arrived("winter-slot")
    location = visitor.get(f"/v1/locations/{ALICE_MARBLE}").json["location"]
    (policy,) = location["courts"][2]["config"]["bookingPolicies"]
    ends = {each["endTimeLocal"] for each in policy["slots"] if each["dayOfWeek"] == DAY.isoweekday()}
    refused = visitor.hold().json["message"]
    return max(ends) == "18:00:00" and refused == "The reservation violates the site's booking policy"


@shows("literal-brackets")
def literal_brackets() -> object:
    return [status_of_encoded(name) for name in ((), ("literal-brackets",))] == [400, 400]


@shows("any-brackets")
def any_brackets() -> object:
    return status_of_encoded(("any-brackets",)) == 200


def status_of_encoded(faults: tuple[str, ...]) -> int:
    """How a list is answered whose query has encoded brackets."""
    visitor = Visitor(faults=faults)
    visitor.sign_in()
    return visitor.get(f"/v1/users/{visitor.id}/bookings?pg%5Bnum%5D=1").status_code


@shows("schedule-behind-firewall")
def schedule_behind_firewall() -> object:
    visitor = arrived("schedule-behind-firewall")
    path = f"/v1/locations/{ALICE_MARBLE}/schedule?startDate=2026-03-09"
    blocked = visitor.get(path)
    visitor.headers["Sec-Fetch-Mode"] = "cors"
    served = visitor.get(path)
    del visitor.headers["Sec-Fetch-Mode"]
    return [blocked.status_code, served.status_code, visitor.hold().status_code] == [403, 200, 201] and (
        blocked.headers["Server"], blocked.text
    ) == ("awselb/2.0", "<html><head><title>403 Forbidden</title></head></html>\n")  # fmt: skip


@shows("price-rises")
def price_rises() -> object:
    visitor = arrived("price-rises")
    order = visitor.order()
    return (order["total"], visitor.get(f"/v1/orders/{order['id']}").json["order"]["total"]) == (0, 500)


@shows("one-hold-only")
def one_hold_only() -> object:
    visitor = arrived("one-hold-only")
    order = visitor.order()
    refused = visitor.hold("Court 2").json["message"]
    visitor.delete(f"/v1/orders/{order['id']}")
    return "another pending reservation" in refused and visitor.hold("Court 2").status_code == 201


@shows("one-cart")
def one_cart() -> object:
    visitor = arrived("one-cart", price_cents=500)
    first, second, third = (visitor.order(f"Court {number}") for number in (1, 2, 3))
    visitor.delete(f"/v1/order-items/{second['items'][1]['id']}")
    left = visitor.get(f"/v1/orders/{first['id']}").json["order"]
    visitor.confirm(visitor.pay(first, card(1500)))
    visitor.clock.sleep(timedelta(seconds=1))
    return (
        first["id"] == second["id"] == third["id"]
        and [len(order["items"]) for order in (first, second, third, left)] == [1, 2, 3, 2]
        and [order["total"] for order in (first, third, left)] == [750, 2250, 1500]
        and visitor.ledger.courts_paid == ["Court 1", "Court 3"]
        and "2 courts were paid" in visitor.ledger.violations
    )


@shows("rentals-only")
def rentals_only() -> object:
    visitor = arrived("rentals-only")
    answers = visitor.hold(), visitor.rent()
    return [answer.status_code for answer in answers] == [410, 201]


@shows("rental-confirmed-unpaid")
def rental_confirmed_unpaid() -> object:
    visitor = arrived("rental-confirmed-unpaid")
    held, listed = visitor.rent().json["data"], visitor.page()
    return (
        (held["order"]["status"], held["facilityRental"]["status"]) == ("pending", "confirmed")
        and [booking["status"] for booking in listed["data"]] == ["pending"]
        and [rental["status"] for rental in listed["included"]["facilityRentals"]] == ["confirmed"]
    )


@shows("tied-by-rental")
def tied_by_rental() -> object:
    visitor = arrived("tied-by-rental")
    visitor.order()
    page = visitor.page()
    lesson, booking = page["data"]
    (reservation,) = page["included"]["reservations"]
    return (
        booking["facilityRentalId"] == reservation["facilityRentalId"] is not None
        and (booking["linkedReservationId"], lesson["facilityRentalId"]) == (None, None)
        and (lesson["type"], lesson["linkedReservationId"] != reservation["id"]) == ("session", True)
    )


@shows("tied-by-nothing")
def tied_by_nothing() -> object:
    visitor = arrived("tied-by-nothing")
    visitor.order()
    page = visitor.page()
    _, booking = page["data"]
    (reservation,) = page["included"]["reservations"]
    single = visitor.get(f"/v1/bookings/{booking['id']}?include[]=reservations").json
    (its_own,) = single["included"]["reservations"]
    return (booking["facilityRentalId"], reservation["facilityRentalId"]) == (None, None) and (
        its_own["facilityRentalId"] == single["data"]["booking"]["facilityRentalId"] is not None
    )


@shows("reservation-cancelled")
def reservation_cancelled() -> object:
    visitor = arrived("reservation-cancelled")
    page = visitor.page()
    (booking,), (reservation,) = page["data"], page["included"]["reservations"]
    return (
        (booking["status"], booking["canceledAt"]) == ("confirmed", None)
        and reservation["canceledAt"] is not None
        and visitor.pay(visitor.order()).status_code == 200
    )


@shows("pages-of-25")
def pages_of_25() -> object:
    visitor = arrived("pages-of-25")
    first, second = visitor.page(1), visitor.page(2)
    times = [booking["timeStatus"] for page in (first, second) for booking in page["data"]]
    return (
        (len(first["data"]), len(second["data"])) == (25, 6)
        and times == ["past"] * 30 + ["future"]
        and visitor.hold().status_code == 400
    )


@shows("bare-bookings")
def bare_bookings() -> object:
    visitor = arrived("bare-bookings", price_cents=500)
    order = visitor.order()
    (booking,) = visitor.page()
    single = visitor.get(f"/v1/bookings/{booking['id']}?include[]=reservations").json
    ((id_, reservation),) = single["included"]["reservations"].items()
    return (
        booking["id"] == order["items"][0]["details"]["bookingId"]
        and isinstance(booking["id"], int)
        and id_ == str(reservation["id"])
        and reservation["reservationCost"] == "750"
    )


def scenario_of_page(*faults: str) -> Any:
    """What the page's own script is told."""
    text = Visitor(faults=faults).http.get("/").text
    return json.loads(text.partition("const SCENARIO = ")[2].partition(";\n")[0])


@shows("changed-dialog")
def changed_dialog() -> object:
    return scenario_of_page("changed-dialog")["dialog"] == "changed"


@shows("consent-banner")
def consent_banner() -> object:
    return scenario_of_page("consent-banner")["banner"]


@shows("late-field")
def late_field() -> object:
    return scenario_of_page("late-field")["lateField"] == 1500


@shows("guest-token")
def guest_token() -> object:
    visitor = Visitor(faults=("guest-token",))
    page = visitor.http.get("/").text
    guest = json.loads(page.partition("const SCENARIO = ")[2].partition(";\n")[0])["guests"][0]
    visitor.headers = {"Authorization": f"Bearer {guest}"}
    return visitor.get("/v1/users/me").json["type"] == "E_UNAUTHORIZED" and not visitor.ledger.violations


@shows("page-fails-once")
def page_fails_once() -> object:
    visitor = Visitor(faults=("page-fails-once",))
    return [visitor.http.get("/").status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_does_what_it_says(name: str) -> None:
    assert OUTCOMES[name]()


@pytest.mark.parametrize("simulated", SIMULATED_SYSTEMS.values())
def test_every_fault_of_every_system_does_something(simulated: type[Club]) -> None:
    assert all(fault.strikes or fault.change for fault in simulated.faults.values())


@pytest.mark.parametrize("simulated", SIMULATED_SYSTEMS.values())
def test_every_system_has_the_compulsory_faults(simulated: type[Club]) -> None:
    compulsory = {
        *("lost-answer", "wrong-password", "already-reserved", "all-taken", "full", "opens-late"),
        *("clock-ahead", "clock-behind", "slow-server", "server-errors", "throttled", "firewall"),
    }

    assert compulsory <= simulated.faults.keys()


def test_the_phone_has_only_known_habits() -> None:
    assert {fault.change(None)["texts"] for fault in OF_TEXTS.values() if fault.change} | {"prompt"} == set(
        HABITS
    )


def test_faults_can_be_combined() -> None:
    visitor = Visitor(faults=("priced", "server-errors", "opens-late")).arrive()

    assert [visitor.hold().status_code for _ in range(3)] == [500, 500, 201]
    assert visitor.order("Court 2")["total"] == 750


@pytest.mark.parametrize(
    ("kind", "held"),
    [("refused", 0), ("cut-before", 0), ("cut-after", 1), ("status", 0), ("answer", 1), ("truncated", 1)],
)
def test_a_fault_strikes_before_or_after_it_is_done(kind: str, held: int) -> None:
    visitor = Visitor(faults=(Fault(HOLD, 1, kind, status=502),)).arrive()

    if kind == "refused" or kind.startswith("cut"):
        with pytest.raises(CutConnection):
            visitor.hold()
    else:
        assert visitor.hold().status_code == (201 if kind == "truncated" else 502)
    assert len(visitor.ledger.all("held")) == held


def test_a_request_that_was_refused_a_connection_was_never_there() -> None:
    visitor = Visitor(faults=(Fault(HOLD, 1, "refused"),)).arrive()

    with pytest.raises(NoConnection):
        visitor.hold()
    assert visitor.ledger.attempts == []
    assert visitor.ledger.requests["POST /v1/reservations"] == 0


def test_a_request_may_be_held_up_on_its_way() -> None:
    visitor = Visitor(faults=(Fault(HOLD, 1, "held-up", delay=timedelta(seconds=20)),)).arrive()
    sent = visitor.clock.now()

    visitor.hold()

    assert visitor.ledger.attempts[0].moment == sent + timedelta(seconds=20)


def test_an_answer_may_be_spoilt() -> None:
    spoilt = Visitor(faults=(Fault("GET /v1/sports", 2, "body-not-json"),))

    assert [spoilt.get("/v1/sports").text.startswith("this is not") for _ in range(3)] == [False, True, False]


def test_a_fault_may_choose_its_requests_by_a_function() -> None:
    visitor = Visitor(faults=(Fault(lambda method, path: path.endswith("/me"), 0, "status", status=418),))

    assert visitor.get("/v1/users/me").status_code == 418
    assert visitor.get("/v1/sports").status_code == 200


def test_texts_may_come_as_of_a_one_time_order() -> None:
    visitor = Visitor(text_payload="one-time")
    visitor.sign_in()
    visitor.ask_for_code()

    assert set(visitor.texts[0]) == {"orderid", "sms", "full_sms", "timestamp"}


def test_texts_come_as_of_a_rented_number() -> None:
    visitor = Visitor()
    visitor.sign_in()
    visitor.ask_for_code()

    assert set(visitor.texts[0]) == {"rental_code", "phonenumber", "full_sms", "timestamp"}
    assert visitor.texts[0]["phonenumber"] == "14155550100"
    assert visitor.texts[0]["timestamp"].startswith("2026-03-02 03:30:0")
