"""Whole runs in virtual time, with everything that may go wrong: the ledger says what really happened."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reserve.booking.result import Outcome
from reserve.model import short
from reserve.simulator.faults import Fault
from reserve.simulator.recus.faults import BOOKINGS, FAULTS, HOLD, PAY, RELEASE
from reserve.simulator.recus.scenario import SHAPES
from reserve.simulator.scenario import VERIFY
from tests.fakes import usd
from tests.stage import Stage

EXIT_CODES = {
    "late-sms": 0,
    "stale-sms": 0,
    "no-sms": 4,
    "duplicate-sms": 0,
    "wrong-code-first": 0,
    "slow-server": 0,
    "lost-answer": 0,
    "lost-pay-answer": 0,
    "server-errors": 0,
    "throttled": 0,
    "firewall": 6,
    "token-refused": 3,
    "unknown-body": 6,
    "unknown-refusal": 6,
    "wrong-password": 3,
    "clock-ahead": 0,
    "clock-behind": 0,
    "opens-late": 0,
    "proxy-clock": 0,
    "daily-limit": 5,
    "weekly-limit": 5,
    "already-reserved": 5,
    "all-taken": 1,
    "full": 1,
    "priced": 8,
    "price-rises": 8,
    "hold-lapses": 0,
    "send-refused": 4,
    "release-fails-once": 0,
    "slow-release": 0,
    "bookings-unreadable": 0,
    "rolling-window": 0,
    "court-windows": 0,
    "court-unclear": 0,
    "overlapping-courts": 0,
    "winter-slot": 2,
    "literal-brackets": 0,
    "any-brackets": 0,
    "schedule-behind-firewall": 0,
    "one-hold-only": 0,
    "one-cart": 0,
    "rentals-only": 0,
    "rental-confirmed-unpaid": 8,
    "tied-by-rental": 0,
    "tied-by-nothing": 0,
    "reservation-cancelled": 0,
    "pages-of-25": 5,
    "bare-bookings": 0,
    "changed-dialog": 6,
    "consent-banner": 0,
    "late-field": 0,
    "guest-token": 0,
    "page-fails-once": 0,
}
OUTCOMES = {0: "reserved", 1: "not-reserved", 2: "refused", 3: "refused", 4: "not-reserved", 5: "refused"}
OUTCOMES |= {6: "not-reserved", 7: "unconfirmed", 8: "held"}
CARD = {"RECUS_STRIPE_KEY": "pk_test_1"}
PRICED = {"price_cents": 500}  # an hour; the slot of 90 minutes costs 750
WAYS = pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])


Booker = Callable[..., tuple[Stage, Outcome]]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Booker]:
    """Book on a stage of its own; what a fair player never does fails the test, whatever the end."""
    stages: list[Stage] = []

    def book(
        scenario: Mapping[str, Any] | tuple[()] = (), *words: str, **setting: Any
    ) -> tuple[Stage, Outcome]:
        stage = Stage(tmp_path / str(len(stages)), dict(scenario), **setting)
        stages.append(stage)
        return stage, fair(stage, stage.book(*words))

    yield book
    for stage in stages:
        stage.__exit__(None, None, None)


def fair(stage: Stage, outcome: Outcome) -> Outcome:
    """*outcome*, when it is what the ledger says, and nothing was done that a fair player never does."""
    seen = f"{outcome.exit_code} {outcome.sentence}\n" + "\n".join(stage.steps)
    assert outcome.word == OUTCOMES[outcome.exit_code], seen
    assert outcome.sentence.startswith(outcome.word.beginning), seen
    assert "\n" not in outcome.sentence
    assert stage.ledger.violations == [], seen
    if outcome.exit_code == 0:
        assert stage.ledger.paid == [outcome.order_id], seen
    elif outcome.exit_code != 7:
        assert stage.ledger.paid == [], seen
    if outcome.exit_code == 8:
        assert set(stage.open_holds) == {outcome.order_id}, seen
        assert len(stage.open_holds) == 1 or "Still held: " in outcome.sentence, seen
    for order in set(stage.open_holds) - {outcome.order_id}:
        courts = {
            event.details["court"] for event in stage.ledger.all("held") if event.details["order"] == order
        }
        lost = "may be held until it lapses: an answer was lost"
        cannot_be_known = any(f"{court} {lost}" in seen for court in courts)
        named = short(order) in outcome.sentence or f"could not release order {short(order)}" in seen
        assert named or cannot_be_known, seen
    assert not list(stage.folder.rglob("bug.txt"))
    return outcome


def test_every_fault_has_an_exit_code_here() -> None:
    assert EXIT_CODES.keys() == FAULTS.keys()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("faults", "together"),
    [((), True), ((), False), (("lost-answer",), True), (("lost-pay-answer",), False), (("priced",), True)],
    ids=str,
)
def test_every_shape_of_answer_is_understood(
    book: Booker, faults: tuple[str, ...], shape: str, together: bool
) -> None:
    stage, outcome = book({"faults": faults, "shape": shape}, together=together)

    assert outcome.exit_code == (8 if "priced" in faults else 0)
    assert len(stage.ledger.released) == (2 if together else 0)


@pytest.mark.parametrize(
    ("verify", "texts"),
    [
        ("never", "none"),
        *product(sorted({*VERIFY} - {"never"}), ["prompt", "late", "stale", "twice", "wrong-first", "none"]),
    ],
)
def test_a_code_is_entered_when_the_site_wants_it(book: Booker, verify: str, texts: str) -> None:
    stage, outcome = book({"verify": verify, "texts": texts})

    assert outcome.exit_code == (4 if texts == "none" and verify != "never" else 0)
    assert stage.ledger.asked_for_codes == 0 if verify == "never" else stage.ledger.asked_for_codes >= 1


def test_a_code_is_asked_for_when_the_site_wants_one_and_had_not_said_so(book: Booker) -> None:
    stage, outcome = book({"publishes_verification": False})

    assert outcome.exit_code == 0
    assert stage.ledger.asked_for_codes == 1


@pytest.mark.parametrize("length", [4, 6, 8])
@pytest.mark.parametrize("payload", ["one-time", "rental"])
def test_codes_of_every_length_and_payload_are_understood(book: Booker, length: int, payload: str) -> None:
    _, outcome = book({"code_length": length, "text_payload": payload})

    assert outcome.exit_code == 0


# A list of bookings that cannot be read.


@WAYS
def test_an_unreadable_list_of_bookings_costs_no_court_and_is_looked_at_again_before_paying(
    book: Booker, together: bool
) -> None:
    stage, outcome = book({"faults": ("bookings-unreadable",)}, together=together)

    assert outcome.exit_code == 0  # its order says that it is paid
    assert len(stage.ledger.paid) == 1
    assert stage.open_holds == []
    asked = [moment for moment, request in stage.ledger.asked if request.endswith("/bookings")]
    paid = stage.ledger.all("paid")[0].moment
    assert sum(moment < stage.simulated.opens_at for moment in asked) == 1
    assert sum(stage.simulated.opens_at < moment < paid for moment in asked) == 1
    said = "\n".join(stage.steps)
    assert "booking limits cannot be checked; only earlier runs of this program count" in said
    assert "your reservations there: " not in said


def test_a_list_that_can_be_read_again_after_paying_proves_the_reservation(book: Booker) -> None:
    unreadable = Fault(BOOKINGS, 1, "status", times=3, status=400)

    _, outcome = book({"faults": (unreadable,)})

    assert outcome.exit_code == 0


def test_what_was_reserved_meanwhile_is_seen_when_the_list_can_be_read_before_paying(book: Booker) -> None:
    unreadable = Fault(BOOKINGS, 1, "status", status=400)

    stage, outcome = book({"faults": (unreadable, "already-reserved")})

    assert outcome.exit_code == 5
    assert stage.ledger.all("pay-asked") == []
    assert stage.open_holds == []


def test_while_the_list_cannot_be_read_our_own_record_keeps_two_runs_from_reserving_twice(
    book: Booker,
) -> None:
    stage, first = book({"faults": (Fault(BOOKINGS, 4, "status", times=99, status=400),)})
    assert first.exit_code == 0

    again = stage.book()

    assert again.exit_code == 5
    assert "reserved a court for 2026-03-09" in again.sentence
    assert len(stage.ledger.paid) == 1


def test_what_an_earlier_run_held_and_surely_did_not_pay_does_not_count_when_the_list_cannot_be_read(
    book: Booker,
) -> None:
    stage, first = book({"faults": ("bookings-unreadable", Fault(PAY, 1, "status", status=403))})
    assert first.exit_code == 6

    again = fair(stage, stage.book())

    assert again.exit_code == 0
    assert len(stage.ledger.paid) == 1


# Two ways to ask for a court.


@WAYS
def test_where_reservations_are_closed_courts_are_rented_at_the_opening(book: Booker, together: bool) -> None:
    stage, outcome = book({"faults": ("rentals-only",)}, together=together)

    assert outcome.exit_code == 0
    assert (len(stage.ledger.paid), stage.open_holds) == (1, [])
    said = "\n".join(stage.steps)
    assert "Court 1: no longer asked for in this way (sent T" in said
    assert "by /v1/reservations)" in said
    assert "by /v1/facility-rentals; by its own clock held T+0." in said


# Several courts in one order.


@pytest.mark.parametrize("other", [(), ("lost-answer",), ("opens-late",), ("rentals-only",)], ids=str)
def test_of_several_courts_in_one_order_one_is_paid_and_the_others_are_taken_out(
    book: Booker, other: tuple[str, ...]
) -> None:
    stage, outcome = book(
        PRICED | {"faults": ("one-cart", *other)}, "--pay", "card", "--max-price", "7.50", environ=CARD
    )

    assert (outcome.exit_code, outcome.price) == (0, usd(750))
    assert len(stage.ledger.paid) == 1


def test_an_order_from_which_the_other_courts_cannot_be_taken_is_not_paid(book: Booker) -> None:
    stuck = Fault("DELETE /v1/order-items/*", 0, "status", status=500)

    stage, outcome = book({"faults": ("one-cart", stuck)})

    assert outcome.exit_code == 8
    assert "Still held: " in outcome.sentence
    assert stage.ledger.paid == []


# What a court costs.


def test_a_priced_court_is_held_for_the_player_with_price_time_and_link(book: Booker) -> None:
    stage, outcome = book(PRICED)

    assert outcome.exit_code == 8
    assert "pay 7.50 USD by 08:10:00 PST at https://simulated.example/app/orders/" in outcome.sentence
    assert str(outcome.order_id) in outcome.sentence
    assert outcome.price == usd(750)
    assert len(stage.ledger.released) == 2


@pytest.mark.parametrize(("credit", "code"), [(750, 0), (1000, 0), (749, 8), (0, 8)])
def test_credit_pays_when_there_is_enough_and_not_in_part(book: Booker, credit: int, code: int) -> None:
    stage, outcome = book(PRICED | {"credit_cents": credit}, "--pay", "credit", "--max-price", "7.50")

    assert outcome.exit_code == code
    assert outcome.price == usd(750)
    assert outcome.sentence.endswith(", for 7.50 USD.") == (code == 0)
    assert len(stage.ledger.all("pay-asked")) == (code == 0)


@pytest.mark.parametrize(
    ("card", "code"), [("visa", 0), ("declined", 8), ("requires-action", 8), ("none", 8)]
)
def test_a_card_is_asked_for_once_and_believed_only_when_the_bookings_say_so(
    book: Booker, card: str, code: int
) -> None:
    stage, outcome = book(PRICED | {"card": card}, "--pay", "card", "--max-price", "7.50", environ=CARD)

    assert outcome.exit_code == code
    assert len(stage.ledger.all("pay-asked")) == 1


def test_when_the_card_service_cannot_be_reached_nothing_is_paid_twice(book: Booker) -> None:
    environ = CARD | {"STRIPE_API_URL": "https://nowhere.example"}
    stage, outcome = book(PRICED, "--pay", "card", "--max-price", "7.50", environ=environ)

    assert outcome.exit_code == 7
    assert len(stage.ledger.all("pay-asked")) == 1


@WAYS
@pytest.mark.parametrize("pay", ["by-hand", "credit", "card"])
def test_a_court_published_as_costing_more_than_the_maximum_is_not_asked_for(
    book: Booker, pay: str, together: bool
) -> None:
    words = ("--pay", pay, "--max-price", "7.49")
    stage, outcome = book(PRICED | {"credit_cents": 9999}, *words, environ=CARD, together=together)

    assert outcome.exit_code == 5
    assert "--max-price" in outcome.sentence
    assert stage.ledger.attempts == []


def test_a_free_court_is_within_every_maximum_and_way_to_pay(book: Booker) -> None:
    for words in (
        ["--max-price", "0"],
        ["--pay", "credit", "--max-price", "0"],
        ["--pay", "card", "--max-price", "9"],
    ):
        _, outcome = book({}, *words, environ=CARD)
        assert outcome.exit_code == 0


# Several things at once.


def faulty(*faults: str | Fault, **scenario: Any) -> dict[str, Any]:
    return {"faults": faults, **scenario}


@WAYS
@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        (faulty("hold-lapses", "slow-server"), {6}),
        (faulty("lost-answer", limit_counts_holds=True), {0}),
        (faulty("lost-answer", "slow-server"), {0}),
        (faulty("lost-answer", "lost-pay-answer", "release-fails-once"), {0}),
        (faulty(parallel_holds=False), {0}),
        (faulty(limit_counts_holds=True), {0}),
        (faulty("server-errors", "opens-late"), {0}),
        (faulty("throttled", "late-sms"), {0}),
        (faulty(Fault(HOLD, 0, "body-not-json")), {0}),
        (faulty(Fault(HOLD, 0, "truncated")), {0}),
        (faulty(Fault(HOLD, 0, "cut-before")), {6}),
        (faulty(Fault(HOLD, 0, "cut-after")), {0}),
        (faulty(Fault(HOLD, 1, "delay", delay=timedelta(seconds=20))), {0}),
        (faulty(Fault(PAY, 1, "delay", delay=timedelta(seconds=20))), {0}),
        (faulty(Fault(PAY, 1, "body-not-json")), {0}),
        (faulty(Fault(PAY, 1, "cut-before")), {7}),
        (faulty(Fault(PAY, 1, "status")), {7}),
        (faulty(Fault(PAY, 1, "status", status=429, headers={"Retry-After": "2"})), {0}),
        (faulty(Fault(PAY, 0, "status", status=429, headers={"Retry-After": "3600"})), {6}),
        (faulty(Fault(PAY, 0, "status", status=403)), {6}),
        (faulty(Fault(RELEASE, 0, "status", status=503)), {0}),
        (faulty(Fault("GET /v1/users/*/bookings", 2, "status", times=9)), {0, 7}),
        (faulty(Fault("GET /v1/users/*/bookings", 2, "cut-before", times=2)), {0}),
        (faulty(Fault("GET /v1/users/me", 2, "cut-before", times=50)), {0}),
        (faulty(Fault("GET /v1/locations/*", 0, "status")), {6}),
        (faulty(Fault("GET /v1/locations/*", 1, "cut-before")), {0}),
        (faulty(Fault("POST /v1/users/mobile-totp/send", 1, "cut-after")), {0}),
        (faulty(Fault("POST /v1/users/mobile-totp/verify", 1, "cut-after")), {0}),
        (faulty(Fault("POST /v1/users/mobile-totp/verify", 1, "cut-before")), {0, 4}),
        (faulty(Fault("POST /v1/users/mobile-totp/send", 1, "status", status=429)), {0}),
    ],
)  # fmt: skip
def test_what_goes_wrong_together_or_elsewhere_leaves_one_reservation_at_most(
    book: Booker, scenario: dict[str, Any], codes: set[int], together: bool
) -> None:
    _, outcome = book(scenario, together=together)

    assert outcome.exit_code in codes


@pytest.mark.parametrize("seed", range(10))  # `make mornings` has thousands
def test_whatever_happens_together_the_player_hears_the_truth(book: Booker, seed: int) -> None:
    draws = Random(seed)
    scenario = {
        "faults": tuple(draws.sample(sorted(FAULTS), draws.randint(2, 4))),
        "shape": draws.choice(SHAPES),
        "verify": draws.choice(VERIFY),
        "rivals": draws.randint(0, 4),
        "limit_counts_holds": draws.random() < 0.3,
        "parallel_holds": draws.random() < 0.7,
        "credit_cents": 2000,
    }
    words = draws.choice([(), ("--pay", "credit", "--max-price", "20")])

    book(scenario, *words, together=draws.random() < 0.7, seed=seed)
