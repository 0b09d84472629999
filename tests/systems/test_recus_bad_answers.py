"""Every recorded answer to a signed-in player, spoilt everywhere: a gap is named, never a silent *no*."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from reserve.commands.wiring import USER_AGENT
from reserve.errors import LimitReached, LostAnswer, NotPaid, ReserveError, UnknownAnswer, UnknownRefusal
from reserve.http import Answer
from reserve.model import Account, Hold, Order, Reservation
from reserve.systems.base import Context
from reserve.systems.recus.adapter import RecUs
from tests.fakes import FakeClock, usd
from tests.systems.test_recus import OFFER, sample, wanted

CUT = 61  # letters between two places where an answer ends too early
SECRET = "pi_test_000_secret_test"
GONE = object()
UNREAD = {"cancelReason", "customerUserId", "creatorUserId", "participantUserId", "organizationId"}
UNREAD |= {
    "canceledByUserId",
    "isFastTrack",
    "sectionId",
    "sessionId",
    "firstName",
    "lastName",
    "organization",
}


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything in *value* that a run looks at; of a list, to the first two."""
    if way:
        yield way
    keys = set(value) - UNREAD if isinstance(value, dict) else ()
    for key in sorted(keys) or range(min(len(value), 2) if isinstance(value, list) else 0):
        yield from places(value[key], (*way, key))


def instead_of(value: Any) -> list[Any]:
    """What may stand where *value* was: nothing, text for numbers and the reverse, a word nobody knows."""
    if isinstance(value, dict):
        return [GONE, None, list(value.values()), "x"]
    if isinstance(value, list):
        return [GONE, None, {str(number): each for number, each in enumerate(value)}, []]
    return [GONE, None, 7, "on_fire", "", [value], str(value)]


def spoilt(name: str) -> Iterator[tuple[str, str]]:
    """What was done to the sample *name*, and the text that came of it."""
    whole = sample(name)
    text = json.dumps(whole)
    for end in range(0, len(text), CUT):
        yield f"cut after {end}", text[:end]
    for way in places(whole):
        *parents, key = way
        changed = deepcopy(whole)
        where = changed
        for parent in parents:
            where = where[parent]
        for other in instead_of(where[key]):
            if other is GONE:
                saved = where.pop(key)
                yield f"{way} gone", json.dumps(changed)
                where.insert(key, saved) if isinstance(where, list) else where.update({key: saved})
            else:
                saved, where[key] = where[key], other
                yield f"{way} is {other!r}", json.dumps(changed)
                where[key] = saved


class Told(RecUs):
    """rec.us of which every answer is known in advance; the last one again and again."""

    def __init__(self, *texts: str, pay: str = "by-hand") -> None:
        self.texts = list(texts)
        self.kept: list[str] = []
        self.said: list[str] = []
        self.secrets: list[str] = []
        stripe = Answer("POST /confirm", 200, {}, '{"status": "succeeded"}')
        connection: Any = SimpleNamespace(ask=lambda *_, **__: stripe, close=lambda: None)
        context = Context(
            clock=CLOCK,
            connect=lambda base, headers: connection,
            browser=lambda: pytest.fail("no browser was meant to start"),
            addresses=RecUs.addresses,
            say=self.said.append,
            keep=self._keep,
            conceal=self.secrets.append,
            user_agent=USER_AGENT,
        )
        super().__init__(
            Account("player@example.com", "secret"), wanted(pay=pay, max_price=usd(750)), context
        )

    def _keep(self, asked: str, text: str) -> None:
        assert SECRET not in text or SECRET in self.secrets
        self.kept.append(asked)

    def answer_to(self, ask: Callable[[], Answer]) -> Answer:
        return Answer("GET /x", 200, {}, self.texts.pop(0) if len(self.texts) > 1 else self.texts[0])


def outcome(call: Callable[..., Any], *given: Any) -> Any:
    """What *call* returns, or the error of ours that it raises; any other one fails the test."""
    try:
        return call(*given)
    except ReserveError as failure:
        return failure


CLOCK = FakeClock()
MINE = "00000000-0000-4000-8000-000000000001"
MEANT = ("canceledAt", "'status'", "timeStatus")  # what says that nothing is held, in whatever words
HELD = Hold(OFFER, "o-1", usd(750))
LISTED = json.dumps([{"id": "b-1", "status": "confirmed"}])


@pytest.mark.parametrize("name", ["reservation_created", "facility_rental_created"])
def test_a_spoilt_yes_is_a_hold_or_may_be_one(name: str) -> None:
    for what, text in spoilt(name):
        system = Told(text)
        hold = outcome(system.held, OFFER, Answer("POST /v1/reservations", 201, {}, text))
        if isinstance(hold, UnknownAnswer):
            assert "the answer (201) " in str(hold), what
            assert system.kept, what
        else:
            assert hold.order_id, what
            assert isinstance(hold.order_id, str), what
            assert hold.price in (None, usd(750), usd(7)) or "currency" in what, what


@pytest.mark.parametrize(("name", "pay"), [("order_paid", "credit"), ("order_pay_pending", "card")])
def test_a_spoilt_answer_to_a_payment_is_never_taken_for_a_refusal_that_may_be_repeated(
    name: str, pay: str
) -> None:
    for what, text in spoilt(name):
        assert isinstance(outcome(Told(text, pay=pay).confirm, HELD), LostAnswer | NotPaid | None), what


def test_a_spoilt_order_is_no_proof_of_anything() -> None:
    for what, text in spoilt("order_detail_completed"):
        found = outcome(Told(text).order, replace(HELD, order_id=MINE))
        found = found.is_settled if isinstance(found, Order) else found
        doubtful = "'status'" in what or "'payments'" in what or "'order',)" in what
        assert isinstance(found, UnknownAnswer) or found is True or doubtful, what
        assert not isinstance(found, UnknownAnswer) or "the answer (200) " in str(found), what


@pytest.mark.parametrize("name", ["bookings_list", "booking_detail", "booking_cancelled"])
def test_of_spoilt_bookings_each_is_found_or_named_or_the_list_cannot_be_read(name: str) -> None:
    for what, text in spoilt(name):
        system = Told(text) if name == "bookings_list" else Told(LISTED, text)
        found = system.reservations()
        assert all(isinstance(each, Reservation) for each in found), what
        assert found or system.said or "canceledAt" in what or name == "booking_cancelled", what
        assert system.knows_reservations or "cannot be read" in system.said[-1], what


def test_of_spoilt_bookings_nobody_says_that_nothing_is_held() -> None:
    order = json.dumps(sample("reservation_created"))
    for what, text in spoilt("bookings_list"):
        system = Told(text, order)
        holds = outcome(system.holds)
        known = isinstance(holds, ReserveError) or {each.order_id for each in holds} == {MINE}
        assert known or system.said or any(word in what for word in MEANT), what


def test_a_spoilt_refusal_is_read_as_it_was_meant_or_stays_unknown() -> None:
    for what, text in spoilt("error_daily_limit"):
        found = Told("").meaning(Answer("POST /v1/reservations", 400, {}, text))
        assert isinstance(found, LimitReached | UnknownRefusal), what


def test_the_secret_of_a_card_payment_is_known_before_an_answer_is_kept() -> None:
    body = sample("order_pay_pending")
    body["data"]["status"] = "on_fire"
    system = Told(json.dumps(body), pay="card")

    with pytest.raises(UnknownAnswer, match="a status we do not know"):
        system.confirm(HELD)

    assert (system.secrets, len(system.kept)) == ([SECRET], 1)
