"""Some cells of the matrix that `python -m tests.proofs.matrix` fills, and what the referee can see."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reserve.booking.limits import BookingLimits
from reserve.booking.race import Race
from reserve.booking.result import Outcome
from reserve.errors import OutcomeWord
from reserve.simulator import SIMULATED_SYSTEMS
from reserve.simulator.faults import loses_the_answer
from tests.proofs.matrix import (
    PLAIN,
    Case,
    NamedCase,
    cases,
    named_cases,
    positions,
    staged,
    summary,
    variants,
    verdict,
)
from tests.proofs.referee import KINDS, judged
from tests.proofs.trouble import OF_WEBHOOK, TROUBLES, Strike, TroubledStage

EVERY = 61  # cells one is tried; it shares no factor with the number of troubles, so each has its turn


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_whatever_breaks_there_is_at_most_one_reservation_and_no_lie(system: str) -> None:
    cells: list[Case | NamedCase] = [*cases([system]), *named_cases([system])]

    numbers = summary([verdict(cell) for cell in cells[::EVERY]])

    assert numbers["failures"] == []
    assert numbers["cases"] >= 12
    assert {0, 6, 7} <= numbers["exit_codes"].keys()


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_every_request_of_the_matrix_is_there_to_be_struck(system: str) -> None:
    name, variant = next(iter(variants(system).items()))
    for request, place in positions(system, name):
        with staged(system, variant, Strike(request, place, "firewall")) as stage:
            stage.book(*variant.words)

            swallowed = len(stage.ledger.all("fault"))
            of_webhook = stage.apps["127.0.0.1"].counts
            assert (sum(of_webhook) >= place) if request.startswith(OF_WEBHOOK) else swallowed == 1


def test_a_system_without_a_row_is_judged_by_a_plain_run() -> None:
    assert variants("a new one") == PLAIN


def test_the_troubles_are_those_that_a_network_and_a_server_can_make() -> None:
    assert len(TROUBLES) == 18
    assert {fault.kind for fault in TROUBLES.values()} == {
        *("refused", "held-up", "cut-before", "cut-after", "delay", "status", "answer", "truncated")
    }


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[TroubledStage]:
    with TroubledStage(tmp_path, strikes=(Strike("POST /v1/reservations", 1, "late"),)) as stage:
        yield stage


def problems(stage: TroubledStage, spoil: Callable[[Outcome], Outcome]) -> set[str]:
    """What the referee says about a run after which *spoil* changes what was said or done."""
    book = stage.book
    stage.book = lambda *words: spoil(book(*words))  # type: ignore[method-assign]
    return {kind for kind, _ in judged(stage, "spoilt").problems}


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_the_referee_has_nothing_to_say_about_a_good_run(tmp_path: Path, system: str) -> None:
    with TroubledStage(tmp_path, {}, system) as stage:
        assert problems(stage, lambda outcome: outcome) == set()


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_the_referee_sees_who_asks_on_without_a_look_where_asking_reserves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    simulated = SIMULATED_SYSTEMS[system]
    strike, seen = Strike(simulated.asks, 1, "500"), {"unfair"} if simulated.hold_is_final else set()
    with TroubledStage(tmp_path / "careful", {}, system, strikes=(strike,)) as stage:
        assert problems(stage, lambda outcome: outcome) == set()

    monkeypatch.setattr(Race, "_is_settled_by_looking", lambda *_: False)
    with TroubledStage(tmp_path / "blind", {}, system, strikes=(strike,)) as stage:
        assert problems(stage, lambda outcome: outcome) == seen


def test_it_is_known_which_answers_do_not_tell_what_became_of_a_request() -> None:
    known = {name for name, fault in TROUBLES.items() if not loses_the_answer([fault])}

    assert known == {"refused", "late", "429", "429 with Retry-After", "firewall", "401"}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_lost_answer_is_in_the_ledger_beside_its_request(tmp_path: Path, trouble: str) -> None:
    name = "POST /v1/reservations"
    with TroubledStage(tmp_path, strikes=(Strike(name, 2, trouble),)) as stage:
        stage.book()

    lost = [sent.is_lost for sent in stage.ledger.sent if sent.request == name]
    assert lost[:2] == [False, loses_the_answer([TROUBLES[trouble]])]
    assert not any(lost[2:])


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_so_does_one_that_was_lost_after_a_yes(tmp_path: Path, system: str) -> None:
    with TroubledStage(tmp_path, {"faults": ("lost-answer",)}, system) as stage:
        stage.book()

    assert sum(sent.is_lost for sent in stage.ledger.sent) == 1


def test_the_referee_sees_a_second_payment(stage: TroubledStage) -> None:
    def pay_again(outcome: Outcome) -> Outcome:
        stage.simulated.ledger.record(stage.clock.now(), "paid", order=outcome.order_id)
        return outcome

    assert {"double_paid", "double_booked"} <= problems(stage, pay_again)


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
@pytest.mark.parametrize(("faults", "known"), [((), 0), (("already-reserved",), 1)])
def test_the_ledger_knows_what_the_player_had_at_that_time_before(
    tmp_path: Path, system: str, faults: tuple[str, ...], known: int
) -> None:
    with TroubledStage(tmp_path, {"faults": faults}, system) as stage:
        assert len(stage.ledger.all("reserved-before")) == known
        assert problems(stage, lambda outcome: outcome) == set()


def test_the_referee_sees_a_second_reservation_beside_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BookingLimits, "respect", lambda *_: None)

    with TroubledStage(tmp_path, {"faults": ("already-reserved",)}, "atrium") as stage:
        assert problems(stage, lambda outcome: outcome) == {"double_booked"}


def test_the_referee_sees_a_lie(stage: TroubledStage) -> None:
    def lie(outcome: Outcome) -> Outcome:
        return replace(outcome, word=OutcomeWord.NOT_RESERVED, exit_code=1, sentence="Not reserved: taken.")

    assert problems(stage, lie) == {"silent"}


def test_the_referee_sees_a_wrong_court(stage: TroubledStage) -> None:
    assert problems(stage, lambda outcome: replace(outcome, court="Court 2")) == {"silent"}


def test_the_referee_sees_a_hold_that_nobody_names(stage: TroubledStage) -> None:
    def forget(outcome: Outcome) -> Outcome:
        later = stage.clock.now().replace(year=2030).isoformat()
        order = next(order for order in stage.ledger.released)
        held = {"order": f"{order}-2", "court": "Court 2", "expires_at": later}
        stage.simulated.ledger.record(stage.clock.now(), "held", **held)
        return outcome

    assert problems(stage, forget) == {"left"}


@pytest.mark.parametrize("canary", ["4155550100", "webhook-canary-token", "correct horse $% \\\"battery'"])
def test_the_referee_sees_a_secret(stage: TroubledStage, canary: str) -> None:
    def leak(outcome: Outcome) -> Outcome:
        (stage.wired.folder.path / "leak.txt").write_text(canary)
        return outcome

    assert problems(stage, leak) == {"leaked"}


def test_a_one_time_code_is_a_secret_too(stage: TroubledStage) -> None:
    def leak(outcome: Outcome) -> Outcome:
        (stage.wired.folder.path / "leak.txt").write_text(f"the code is {stage.simulated.codes.sent[-1]}.")
        return outcome

    assert problems(stage, leak) == {"leaked"}


def test_the_referee_knows_all_kinds_of_problems() -> None:
    assert len(KINDS) == 8
