"""Money moves for what the order says at that moment, and for nothing else; the ledger says what was paid."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reserve.booking.result import Outcome
from reserve.simulator.faults import Fault
from tests.fakes import usd
from tests.stage import Stage

PRICED = {"price_cents": 500}  # an hour; the slot of 90 minutes costs 750
CHARGES_ANYTHING = {"refuses_other_amounts": False}
CARD = {"RECUS_STRIPE_KEY": "pk_test_1"}
BY_CARD, BY_CREDIT = ("--pay", "card"), ("--pay", "credit")
LOOK = "GET /v1/orders/*"

Says = Callable[[dict[str, Any]], Mapping[str, object]]
Booker = Callable[..., tuple[Stage, Outcome]]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Booker]:
    stages: list[Stage] = []

    def book(scenario: Mapping[str, Any], *words: str) -> tuple[Stage, Outcome]:
        settings = {"credit_cents": 9999, "courts": 1, **CHARGES_ANYTHING, **scenario}
        stages.append(stage := Stage(tmp_path / str(len(stages)), settings, environ=CARD))
        return stage, stage.book(*words)

    yield book
    for stage in stages:
        stage.__exit__(None, None, None)


def cents_paid(stage: Stage) -> list[int]:
    return [event.details["cents"] for event in stage.ledger.all("paid")]


def seen(stage: Stage, outcome: Outcome) -> str:
    return f"{outcome.exit_code} {outcome.sentence}\n" + "\n".join(stage.steps)


@pytest.mark.parametrize(
    ("pay", "most", "code", "paid"),
    [(BY_CARD, "7.50", 5, []), (BY_CARD, "10", 0, [1000]), (BY_CREDIT, "7.50", 5, [])],
)
def test_a_price_that_rises_after_the_hold_is_what_the_maximum_is_compared_with(
    book: Booker, pay: tuple[str, str], most: str, code: int, paid: list[int]
) -> None:
    stage, outcome = book(PRICED | {"price_rises": 250}, *pay, "--max-price", most)

    assert (outcome.exit_code, cents_paid(stage)) == (code, paid), seen(stage, outcome)
    assert stage.open_holds == []
    assert outcome.price == (usd(1000) if paid else None)


@pytest.mark.parametrize(
    ("shape", "words", "code"),
    [("2025", (), 8), ("2026", (), 8), ("2026", (*BY_CREDIT, "--max-price", "0"), 5)],
)
def test_a_court_that_was_free_when_it_was_held_and_is_not_any_more_is_not_paid_as_a_free_one(
    book: Booker, shape: str, words: tuple[str, ...], code: int
) -> None:
    stage, outcome = book({"shape": shape, "price_rises": 750}, *words)

    assert (outcome.exit_code, cents_paid(stage)) == (code, []), seen(stage, outcome)
    assert ("pay 7.50 USD" in outcome.sentence and "/checkout" in outcome.sentence) is (code == 8)


@pytest.mark.parametrize(
    "said",
    [
        {"total": True},
        {"total": 10**30},
        {"totalAmountRemaining": 75_000},
        {"currency": 840},
        {"status": "under-review"},
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_is_not_paid_but_left_to_the_player(
    book: Booker, said: Mapping[str, object]
) -> None:
    stage, outcome = book(PRICED | {"order_says": lambda order: said}, *BY_CREDIT, "--max-price", "7.50")

    assert (outcome.exit_code, cents_paid(stage)) == (8, []), seen(stage, outcome)
    assert "/checkout" in outcome.sentence


def test_another_currency_is_never_within_the_maximum(book: Booker) -> None:
    says: Says = lambda order: {"currency": "KWD"}  # noqa: E731
    stage, outcome = book(PRICED | {"order_says": says}, *BY_CREDIT, "--max-price", "7.50")

    assert (outcome.exit_code, cents_paid(stage), stage.open_holds) == (5, [], []), seen(stage, outcome)


def with_item(**details: object) -> Says:
    """Its item is about something else."""
    return lambda order: {
        "items": [{**each, "details": {**each["details"], **details}} for each in order["items"]]
    }


@pytest.mark.parametrize(
    ("says", "code", "price"),
    [
        (with_item(timestampRange=["2026-03-09 19:30:00", "2026-03-09 21:00:00"]), 7, 500),
        (with_item(sites=[{"id": "other", "name": "Court 2"}]), 7, 0),
        (lambda order: {"items": [*order["items"], {"id": "a lesson", "finalPrice": 0}]}, 8, 0),
        (lambda order: {"items": [*order["items"], 5]}, 8, 500),
    ],
    ids=["another time", "another court", "something else too", "something unreadable too"],
)
def test_an_order_that_is_not_for_this_court_alone_is_not_paid(
    book: Booker, says: Says, code: int, price: int
) -> None:
    scenario = {"price_cents": price, "order_says": says}
    stage, outcome = book(scenario, *BY_CREDIT, "--max-price", "7.50")

    assert (outcome.exit_code, cents_paid(stage)) == (code, []), seen(stage, outcome)
    assert "/checkout" in outcome.sentence


def test_an_order_that_is_completed_already_is_not_paid_again(book: Booker) -> None:
    says: Says = lambda order: {"status": "completed", "totalAmountRemaining": 0}  # noqa: E731
    stage, outcome = book(PRICED | {"order_says": says}, *BY_CREDIT, "--max-price", "7.50")

    assert stage.ledger.all("pay-asked") == [], seen(stage, outcome)


@pytest.mark.parametrize(
    ("scenario", "code", "paid"),
    [(PRICED, 8, []), ({}, 0, [0]), ({"shape": "2025"}, 8, [])],
    ids=["priced", "free", "free, and paid with an empty body"],
)
def test_an_order_that_cannot_be_read_is_paid_only_when_that_cannot_cost_anything(
    book: Booker, scenario: Mapping[str, Any], code: int, paid: list[int]
) -> None:
    down = {"faults": (Fault(LOOK, 0, "status", status=503),)}
    stage, outcome = book({**scenario, **down}, *BY_CREDIT, "--max-price", "7.50")

    assert (outcome.exit_code, cents_paid(stage)) == (code, paid), seen(stage, outcome)


@pytest.mark.parametrize("said", [{"amount": 75_000}, {"currency": "KWD"}], ids=str)
def test_a_card_is_not_charged_another_amount_than_the_order_says(
    book: Booker, said: Mapping[str, object]
) -> None:
    stage, outcome = book(PRICED | {"payment_says": said}, *BY_CARD, "--max-price", "7.50")

    assert (outcome.exit_code, cents_paid(stage)) == (8, []), seen(stage, outcome)


def test_what_was_really_charged_is_what_the_outcome_says(book: Booker) -> None:
    stage, outcome = book(PRICED | {"payment_says": {"amount": 790}}, *BY_CREDIT, "--max-price", "7.50")

    assert (outcome.exit_code, outcome.price) == (0, usd(790)), seen(stage, outcome)
    assert "7.90 USD was charged, not 7.50 USD" in seen(stage, outcome)
