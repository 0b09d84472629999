"""Every fifth cell of the matrix that `python -m tests.proofs.matrix` fills, and that the referee can see."""

from dataclasses import replace

import pytest

from tests.proofs.matrix import ENVIRON, STORIES, cases, summary, verdict, verdicts
from tests.proofs.referee import KINDS, judged
from tests.proofs.trouble import REQUESTS, TROUBLES, Strike, TroubledStage

WELL = "hold 1", "late"  # a trouble that costs nothing


def test_whatever_breaks_there_is_at_most_one_reservation_and_no_lie():
    found = summary(verdicts(list(cases())[::5], verdict))

    assert found["failures"] == []
    assert found["cases"] > 250
    assert found["exit_codes"].keys() == {0, 2, 3, 4, 6, 7, 8}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_request_of_the_matrix_is_there_to_be_struck(tmp_path, name):
    story = next(story for story in STORIES.values() if name in story.requests)
    strike = Strike(name, "firewall")

    with TroubledStage(tmp_path, story.story, seed=story.seed, environ=ENVIRON, strikes=(strike,)) as stage:
        stage.book(*story.words)

        webhook = stage.apps["127.0.0.1"]
        assert len(stage.ledger.all("fault")) == (not strike.is_of_webhook)
        assert sum(webhook.counts) >= strike.is_of_webhook


def test_the_troubles_are_those_that_a_network_and_a_server_can_make():
    assert len(TROUBLES) == 18
    assert {fault.kind for fault in TROUBLES.values() if fault} == {
        *("cut-before", "cut-after", "delay", "status", "answer", "truncated")
    }


@pytest.fixture
def stage(tmp_path):
    with TroubledStage(tmp_path, strikes=(Strike(*WELL),)) as stage:
        yield stage


def problems(stage, spoil):
    """What the referee says about a run after which *spoil* changes what was said or done."""
    book = stage.book
    stage.book = lambda *words: spoil(book(*words)) or book
    return {kind for kind, _ in judged(stage, "spoilt").problems}


def test_the_referee_has_nothing_to_say_about_a_good_run(stage):
    assert problems(stage, lambda outcome: outcome) == set()


def test_the_referee_sees_a_second_payment(stage):
    def pay_again(outcome):
        stage.simulation.ledger.record(stage.clock.now(), "paid", order=outcome.order_id)
        return outcome

    assert {"double_paid", "double_booked"} <= problems(stage, pay_again)


def test_the_referee_sees_a_lie(stage):
    def lie(outcome):
        return replace(outcome, word="not-reserved", exit_code=1, sentence="Not reserved: taken.")

    assert problems(stage, lie) == {"silent"}


def test_the_referee_sees_a_wrong_court(stage):
    assert problems(stage, lambda outcome: replace(outcome, court="Court 2")) == {"silent"}


def test_the_referee_sees_a_hold_that_nobody_names(stage):
    def forget(outcome):
        later = stage.clock.now().replace(year=2030).isoformat()
        order = next(order for order in stage.ledger.released)
        stage.simulation.ledger.record(stage.clock.now(), "held", order=f"{order}-2", expires_at=later)
        stage.simulation.rules.orders[f"{order}-2"] = stage.simulation.rules.orders[order]
        return outcome

    assert problems(stage, forget) == {"left"}


@pytest.mark.parametrize("canary", ["4155550100", "webhook-canary-token", "correct horse $% \\\"battery'"])
def test_the_referee_sees_a_secret(stage, canary):
    def leak(outcome):
        (stage.outfit.folder / "leak.txt").write_text(canary)
        return outcome

    assert problems(stage, leak) == {"leaked"}


def test_a_one_time_code_is_a_secret_too(stage):
    def leak(outcome):
        (stage.outfit.folder / "leak.txt").write_text(f"the code is {stage.simulation.rules.player.code}.")
        return outcome

    assert problems(stage, leak) == {"leaked"}


def test_the_referee_knows_all_kinds_of_problems():
    assert len(KINDS) == 8
