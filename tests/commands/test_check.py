"""`check`: every step of a booking up to, but not including, the first hold, each with a verdict."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reserve.commands.check import Check
from reserve.systems.registry import SYSTEMS
from tests.stage import Stage


def verdicts(stage: Stage, *options: str) -> dict[str, str]:
    """How each step went."""
    stage.get_ready(*options)
    words: dict[str, str] = {each.step: each.word for each in Check(stage.run, lambda: None).verdicts()}
    stage.run.system.close()
    return words


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_step_passes_and_no_court_is_asked_for(tmp_path: Path, system: str) -> None:
    with Stage(tmp_path, {}, system) as stage:
        assert set(verdicts(stage).values()) <= {"passed", "skipped"}

        assert stage.ledger.attempts == []
        assert len(stage.ledger.all("signed-in")) <= 1


def test_a_day_that_is_past_fails_and_what_needs_its_opening_is_skipped(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        words = verdicts(stage, "-d", "2020-03-09")

        assert words["opening"] == "FAILED"
        assert [step for step, word in words.items() if word == "passed"] == [
            *("facility, courts and slot", "webhook service", "this machine's clock")
        ]
        assert stage.ledger.all("signed-in") == []


def test_a_wrong_password_fails_and_the_rest_is_skipped(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("wrong-password",)}) as stage:
        words = verdicts(stage)

        assert words["sign-in"] == "FAILED"
        assert words["limits and reservations"] == words["one-time code"] == "skipped"


def test_a_code_is_really_asked_for_and_entered(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert verdicts(stage)["one-time code"] == "passed"

        assert len(stage.ledger.all("code-asked")) == 1


@pytest.mark.parametrize(
    ("error_ms", "said"),
    [(-48, "within 48 ms of public time servers"), (None, "could not ask public time servers")],
)
def test_time_servers_give_a_second_opinion_that_never_fails(
    tmp_path: Path, error_ms: int | None, said: str
) -> None:
    error = None if error_ms is None else timedelta(milliseconds=error_ms)
    with Stage(tmp_path) as stage:
        stage.get_ready()
        clock = list(Check(stage.run, lambda: error).verdicts())[-1]
        stage.run.system.close()

    assert (clock.step, clock.word, clock.said) == ("this machine's clock", "passed", said)


def test_nobody_else_is_asked_for_the_time_in_a_rehearsal_of_the_check(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        clock = list(Check(stage.run, None).verdicts())[-1]
        stage.run.system.close()

    assert (clock.step, clock.word) == ("this machine's clock", "skipped")


def test_a_code_that_the_booking_system_does_not_send_is_not_said_to_have_come(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("send-refused",)}) as stage:
        stage.get_ready()
        said = {each.step: each.said for each in Check(stage.run, lambda: None).verdicts()}
        stage.run.system.close()

        assert stage.ledger.all("code-verified") == []
        assert said["one-time code"] == "the booking system sends none now, as it may before the opening"


def test_an_address_of_a_channel_that_makes_no_sense_is_named_without_its_secrets(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        good, bad = (
            next(each for each in Check(stage.run, None, text).verdicts() if each.step.startswith("notif"))
            for text in ("ntfy://canary", "ntfy://canary telegam://canary https://example.com/canary?tell=me")
        )
        stage.run.system.close()

    assert (good.word, bad.word) == ("passed", "FAILED")
    assert bad.said.startswith("RESERVE_NOTIFY: telegam://…: the address cannot be read")
    assert "tell= is one of all, needs-me, trouble" in bad.said
    assert "canary" not in good.said + bad.said
