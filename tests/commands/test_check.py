"""`check`: every step of a booking up to, but not including, the first hold, each with a verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from reserve.commands.check import Check
from reserve.systems import SYSTEMS
from tests.stage import Stage


def verdicts(stage: Stage, *words: str) -> dict[str, str]:
    """How each step went."""
    stage.get_ready(*words)
    told = {verdict.step: verdict.word for verdict in Check(stage.run).verdicts()}
    stage.run.system.close()
    return told


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_step_passes_and_no_court_is_asked_for(tmp_path: Path, system: str) -> None:
    with Stage(tmp_path, {}, system) as stage:
        assert set(verdicts(stage).values()) <= {"passed", "skipped"}

        assert stage.ledger.attempts == []
        assert len(stage.ledger.all("signed-in")) <= 1


def test_a_day_that_is_past_fails_and_what_needs_its_opening_is_skipped(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        told = verdicts(stage, "-d", "2020-03-09")

        assert told["opening"] == "FAILED"
        assert [step for step, word in told.items() if word == "passed"] == [
            *("facility, courts and slot", "webhook service")
        ]
        assert stage.ledger.all("signed-in") == []


def test_a_wrong_password_fails_and_the_rest_is_skipped(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("wrong-password",)}) as stage:
        told = verdicts(stage)

        assert told["sign-in"] == "FAILED"
        assert told["limits and reservations"] == told["one-time code"] == "skipped"


def test_a_code_is_really_asked_for_and_entered(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert verdicts(stage)["one-time code"] == "passed"

        assert len(stage.ledger.all("code-asked")) == 1
