"""`bookings` and `bookings cancel` against each simulated booking system, whose ledger has the last word."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from reserve.commands import bookings
from reserve.errors import UsageError
from reserve.simulator.faults import Fault
from reserve.systems import PROFILES
from tests.stage import Stage

CANCEL = "POST /v1/bookings/*/cancel"


def call(stage: Stage, *words: str) -> int:
    """The exit code of `bookings` with *words*, for the player of *stage*."""
    link = stage.booking.request.link
    more = ("--link", link) if link else ()
    return int(
        bookings.main(
            [*words, *more],
            stage.booking.settings,
            clock=stage.clock,
            connect=stage.connect,
            system_type=stage.system_type,
        )
    )


def listed(stage: Stage, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """What `bookings --json` lists."""
    capsys.readouterr()
    assert call(stage, "--json", *words) == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def canceled(stage: Stage) -> int:
    """How many reservations were cancelled."""
    return len(stage.ledger.all("canceled"))


@pytest.mark.parametrize("system", PROFILES)
def test_what_is_reserved_is_listed_and_can_be_cancelled_where_it_is_known_how(
    tmp_path: Path, system: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path, {}, system) as stage:
        outcome = stage.book()
        assert outcome.slot is not None
        folders = sorted((stage.booking.settings.data / "runs").iterdir())
        (row,) = listed(stage, capsys)
        assert sorted((stage.booking.settings.data / "runs").iterdir()) == folders
        assert (row["state"], row["court"]) == ("reserved", outcome.court)
        assert (row["start"], row["end"]) == tuple(
            moment.isoformat() for moment in (outcome.slot.start, outcome.slot.end)
        )
        assert call(stage) == 0
        said = capsys.readouterr().out
        assert row["facility"] in said
        assert max(map(len, said.splitlines())) <= 80

        code = call(stage, "cancel", row["id"][:6], "--yes")

        said = capsys.readouterr().out
        if system == "atrium":  # nobody knows how it is asked for (Atrium facts 8)
            assert (code, canceled(stage)) == (2, 0)
            assert "cancel it by hand" in said
            assert len(listed(stage, capsys)) == 1
        else:
            assert (code, canceled(stage)) == (0, 1)
            assert said.startswith("Cancelled ")
            assert listed(stage, capsys) == []
        # A run never gives a place up; here the player did.
        assert set(stage.ledger.violations) <= {"a place was given up"}


def test_a_hold_that_still_runs_is_listed_and_can_be_released(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path, {"price_cents": 500}) as stage:
        outcome = stage.book()
        assert outcome.exit_code == 8

        (row,) = listed(stage, capsys)
        assert (row["state"], row["id"]) == ("held", outcome.order_id)
        assert row["expires_at"]

        assert call(stage, "cancel", row["id"], "--yes") == 0
        assert capsys.readouterr().out.startswith("Released ")
        assert stage.open_holds == []
        assert stage.ledger.released.count(row["id"]) == 1


def test_the_refund_of_what_was_paid_is_said_first_and_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path, {"price_cents": 500, "credit_cents": 5000}) as stage:
        assert stage.book("--pay", "credit", "--max-price", "20").exit_code == 0
        (row,) = listed(stage, capsys)

        assert call(stage, "cancel", row["id"], "--yes", "--json") == 0

        told = json.loads(capsys.readouterr().out)
        assert told["refund"] == "all is given back, 7.50 USD to the card that paid, perhaps less a fee"
        assert canceled(stage) == 1


@pytest.mark.parametrize(
    ("kind", "exit_code", "cancelled"), [("cut-after", 0, 1), ("cut-before", 7, 0), ("body-not-json", 0, 1)]
)
def test_after_a_lost_answer_the_list_is_read_and_nothing_is_cancelled_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, exit_code: int, cancelled: int
) -> None:
    with Stage(tmp_path, {"faults": (Fault(CANCEL, 1, kind),)}) as stage:
        stage.book()
        (row,) = listed(stage, capsys)

        code = call(stage, "cancel", row["id"], "--yes")

        assert (code, canceled(stage)) == (exit_code, cancelled)
        assert capsys.readouterr().out.startswith("Not sure: " if exit_code else "Cancelled ")
        assert len([name for name in stage.ledger.requests.elements() if name.endswith("/cancel")]) == 1


def test_a_list_that_cannot_be_read_is_never_taken_for_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path, {"faults": ("bookings-unreadable",)}) as stage:
        stage.get_ready()

        assert call(stage) == 6
        assert "cannot be read" in capsys.readouterr().out


def test_what_is_over_is_listed_with_past_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stage(tmp_path, {"past_bookings": 2}) as stage:
        stage.get_ready()

        assert listed(stage, capsys) == []
        past = listed(stage, capsys, "--past")
        assert len(past) == 2
        assert call(stage, "cancel", past[0]["id"], "--yes") == 2
        assert canceled(stage) == 0


def test_anything_but_yes_at_the_terminal_cancels_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stage(tmp_path) as stage:
        stage.book()
        (row,) = listed(stage, capsys)
        for answer, so_many in (("", 0), ("no\n", 0), ("yes please, but not now\n", 0), ("Yes\n", 1)):
            monkeypatch.setattr("sys.stdin", Terminal(answer))
            monkeypatch.setattr(sys.stderr, "isatty", lambda: True)

            assert call(stage, "cancel", row["id"]) == 0
            assert canceled(stage) == so_many
            assert capsys.readouterr().err.endswith("Court 1, Alice Marble? [y/N] ")


class Terminal:
    """A terminal at which somebody gives this answer."""

    def __init__(self, answer: str) -> None:
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


NONSENSE = (
    ("cancel",),
    ("cancel", ""),
    ("cancel", "abc"),  # without a terminal, and without --yes
    ("cancel", "x" * 10_000, "--yes"),
    ("cancel", "\x1b[2J", "--yes"),
    ("cancle", "abc"),
    ("--yes",),
    ("--system", "nowhere"),
    ("--sign-in", "by hand"),
)


def test_bad_input_is_refused_in_a_sentence_and_nobody_signs_in(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        for words in NONSENSE:
            with pytest.raises(UsageError) as refusal:
                call(stage, *words)

            assert len(str(refusal.value)) < 400
            assert str(refusal.value).isprintable()
        assert stage.ledger.all("signed-in") == []


def test_an_id_that_nothing_has_cancels_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stage(tmp_path) as stage:
        stage.book()

        assert call(stage, "cancel", "🎾", "--yes") == 2

        assert capsys.readouterr().out == "Refused: nothing of yours has the id '🎾'; see `bookings`.\n"
        assert canceled(stage) == 0
