"""The ledger: what it calls unfair, and how it looks as JSON."""

from datetime import timedelta

import pytest

from reserve.simulator import CutConnection, SimulatedRecUs
from tests.simulator.visitor import OPENS_AT, Visitor


def test_a_fair_visit_breaks_no_rule() -> None:
    visitor = Visitor().arrive()
    first, second = visitor.order("Court 1"), visitor.order("Court 2")
    visitor.pay(first)
    visitor.delete(f"/v1/orders/{second['id']}")

    assert visitor.ledger.violations == []
    assert visitor.ledger.open_holds(visitor.clock.now()) == []


def test_asking_six_times_for_one_court_is_unfair() -> None:
    visitor = Visitor().arrive()
    visitor.clock.step(-timedelta(milliseconds=500))
    for _ in range(5):
        visitor.hold()
    assert visitor.ledger.violations == []
    visitor.hold()

    assert visitor.ledger.violations == ["Court 1 was asked for 6 times"]


def test_asking_on_now_and_then_is_what_a_waiting_list_does() -> None:
    visitor = Visitor(limit_counts_holds=True, all_taken=True).arrive()
    for _ in range(9):
        visitor.clock.sleep(timedelta(seconds=30))
        visitor.hold()

    assert visitor.ledger.violations == []


def test_a_refused_log_in_is_not_to_be_tried_again() -> None:
    visitor = Visitor(refuses_password=True)
    visitor.sign_in()
    assert visitor.ledger.violations == []
    visitor.sign_in()

    assert visitor.ledger.violations == ["a refused log-in was tried again"]


def test_asking_more_than_a_second_early_is_unfair() -> None:
    visitor = Visitor()
    visitor.sign_in()
    visitor.wait(-1)
    visitor.hold()
    assert visitor.ledger.violations == []
    visitor.clock.step(-timedelta(milliseconds=1))
    visitor.hold()

    assert visitor.ledger.violations == ["a hold was asked for more than a second before the opening"]


def test_nobody_is_early_who_comes_when_it_should_have_opened() -> None:
    visitor = Visitor(opens_late=timedelta(seconds=3))
    visitor.sign_in()
    visitor.wait(-3.5)
    visitor.hold()

    assert [event.details["early_ms"] for event in visitor.ledger.attempts] == [500]
    assert visitor.ledger.violations == []


def test_asking_for_a_court_one_holds_is_unfair() -> None:
    visitor = Visitor().arrive()
    visitor.hold()
    visitor.hold()

    assert visitor.ledger.violations == ["a court was asked for that the player held already"]


class UnlistedRecUs(SimulatedRecUs):
    """One that shows nobody what is held."""

    lists_holds = False


@pytest.mark.parametrize(("simulated", "unfair"), [(SimulatedRecUs, 1), (UnlistedRecUs, 0)])
def test_who_lost_an_answer_may_ask_again_where_nobody_can_list_holds(
    simulated: type[SimulatedRecUs], unfair: int
) -> None:
    visitor = Visitor(simulated, faults=("lost-answer",)).arrive()

    with pytest.raises(CutConnection):
        visitor.hold()

    assert visitor.hold().status_code == 400
    assert len(visitor.ledger.violations) == unfair


def test_asking_for_a_third_code_is_unfair() -> None:
    visitor = Visitor()
    visitor.sign_in()
    for _ in range(3):
        visitor.ask_for_code()

    assert visitor.ledger.asked_for_codes == 3
    assert visitor.ledger.violations == ["a code was asked for 3 times"]


def test_the_ledger_as_json_has_no_secrets() -> None:
    visitor = Visitor().arrive()
    visitor.get("/")
    order = visitor.order()

    answer = visitor.get("/simulator/ledger")

    assert answer.json["open_holds"] == [order["id"]]
    assert answer.json["requests"]["POST /v1/reservations"] == 1
    assert [event["what"] for event in answer.json["events"]] == [
        "signed-in",
        "code-asked",
        "text-delivered",
        "code-verified",
        "page-visited",
        "attempt",
        "held",
    ]
    assert visitor.newest_code() not in answer.text


def test_a_lapse_is_recorded_at_its_true_time_even_if_nobody_asked_since() -> None:
    visitor = Visitor().arrive()
    visitor.order()
    visitor.wait(3600)

    assert [event.moment for event in visitor.ledger.all("lapsed")] == [OPENS_AT + timedelta(minutes=10)]
