"""`courts` tells what a booking system publishes, without an account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reserve.commands.courts import main
from reserve.errors import UsageError
from tests.stage import Stage


def courts(stage: Stage, *words: str) -> int:
    """The exit code of `courts` with *words*, called where the simulator answers."""
    return main(words, {}, clock=stage.clock, connect=stage.connect)


def test_all_facilities_are_listed_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage) == 0

    *names, last = capsys.readouterr().out.splitlines()
    assert "Alice Marble" in names
    assert last == f"{len(names)} facilities."


def test_the_courts_of_a_facility_come_with_window_lengths_and_opening(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage, "-c", "alice marble", "-d", "2026-03-09", "--json") == 0

    found = {row["court"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["Court 1"]["sports"] == ["tennis"]
    assert "18:00-19:30" in found["Court 1"]["slots"]
    assert found["Court 1"]["window"] == "7 days ahead at 08:00"
    assert found["Court 1"]["opens_at"] == "2026-03-02T08:00:00-08:00"
    assert found["Court 4"]["window"] == "2 days ahead at 12:00"


def test_only_courts_for_the_wanted_sport_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        courts(stage, "-c", "Alice Marble", "-s", "pickleball", "--json")

    assert all("pickleball" in row["sports"] for row in json.loads(capsys.readouterr().out))


def test_a_facility_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, pytest.raises(UsageError, match="the nearest are Alice Marble"):
        courts(stage, "-c", "Alice Marbel")


def test_a_system_that_publishes_no_list_says_so(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, pytest.raises(UsageError, match="nobody publishes a list"):
        courts(stage, "--system", "atrium")
