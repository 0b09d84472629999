"""`courts` tells what a booking system publishes, without an account."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.commands import main as command_line
from reserve.commands.courts import in_a_row, main, watch
from reserve.commands.screen import say
from reserve.commands.today import NOBODY
from reserve.commands.wiring import public_system
from reserve.errors import UsageError
from reserve.model import BookingRequest
from reserve.settings import Settings, read_settings
from tests.fakes import FakeClock, FakeSystem
from tests.stage import Stage
from tests.systems.test_ntnui import Stage as SiteStage


@pytest.fixture(autouse=True)
def small_city() -> None:
    """All parks are there."""


def courts(stage: Stage, *words: str) -> int:
    """The exit code of `courts` with *words*, called where the simulator answers."""
    return main(words, Settings(), clock=stage.clock, connect=stage.connect)


def test_all_facilities_are_listed_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage) == 0

    *names, last = capsys.readouterr().out.splitlines()
    assert "Alice Marble" in names
    assert last == f"{len(names)} facilities; see one with `-c NAME`."


def test_the_courts_of_a_facility_come_with_window_lengths_and_opening(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage, "-c", "alice marble", "-d", "2026-03-09") == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert courts(stage, "-c", "alice marble", "-d", "2026-03-09", "--json") == 0

    assert last.endswith(" courts; opening times are for play on Mon 2026-03-09 at 12:00.")
    found = {row["court"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["Court 1"]["sports"] == ["tennis"]
    assert "18:00-19:30" in found["Court 1"]["slots"]
    assert found["Court 1"]["window"] == "7 days ahead at 08:00"
    assert found["Court 1"]["opens_at"] == "2026-03-02T08:00:00-08:00"
    assert found["Court 4"]["window"] == "2 days ahead at 12:00"


def test_what_opens_slot_by_slot_is_shown_for_the_time_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        courts(stage, "--system", "atrium", "-c", "TFC", "-d", "2026-03-06", "-t", "18:30")

    assert capsys.readouterr().out.splitlines()[-5:] == [
        "Court 2  tennis",
        "  30 to 60 minutes",
        "  168 hours ahead, slot by slot",
        "  opened Fri 2026-02-27 18:30:00 EST",
        "2 courts; opening times are for play on Fri 2026-03-06 at 18:30.",
    ]


def test_all_28_parks_of_the_city_are_listed_and_each_has_its_courts_and_windows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(*words: str) -> list[dict[str, Any]]:
        assert courts(stage, *words, "--json") == 0
        return list(json.loads(capsys.readouterr().out))

    with Stage(tmp_path) as stage:
        names = [row["facility"] for row in rows()]
        found = {name: rows("-c", name, "-d", "2026-03-09") for name in ("Rossi", "Richmond", "Joe DiMaggio")}

    assert len(names) == 28
    assert {"Presidio Wall", "St. Mary's", "Minnie & Lovie Ward"} <= set(names)
    of_rossi, of_richmond, of_dimaggio = ({row["court"]: row for row in each} for each in found.values())
    assert of_rossi["Court A"]["slots"] == "15:00-16:30, 16:30-18:00, 18:00-19:30"
    assert of_rossi["Court A"]["sports"] == ["pickleball"]
    assert (of_richmond["Court A"]["window"], of_richmond["Court B"]["window"]) == (
        *("2 days ahead at 12:00", "7 days ahead at 08:00"),
    )
    assert of_dimaggio["Court 1"]["slots"] == "takes no reservations"


@pytest.mark.parametrize(("opens_at", "day", "last"), [
    ("2026-06-10T08:00:00-07:00", "2026-06-17", "18:00-19:30"),
    ("2026-12-02T08:00:00-08:00", "2026-12-09", "16:30-18:00"),
    ("2026-12-02T08:00:00-08:00", "2027-06-09", "18:00-19:30"),
    ("2026-06-10T08:00:00-07:00", "2026-12-09", "16:30-18:00"),
])  # fmt: skip
def test_a_park_has_other_slots_in_june_than_in_december(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], opens_at: str, day: str, last: str
) -> None:
    with Stage(tmp_path, opens_at=datetime.fromisoformat(opens_at)) as stage:
        assert courts(stage, "-c", "Presidio Wall", "-d", day, "--json") == 0

    found = {row["court"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["Court 3"]["slots"].endswith(last)
    assert found["Court 1"]["slots"] == "07:30-09:00"


def test_a_court_for_walk_ups_is_told_from_one_that_can_be_reserved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage, "-c", "Buena Vista", "-d", "2026-03-09", "--json") == 0

    found = {row["court"]: row for row in json.loads(capsys.readouterr().out)}
    first, walk_up = found["Court 1"], found["Court 2"]
    assert "18:00-19:30" in first["slots"]
    assert first["opens_at"] == "2026-03-02T08:00:00-08:00"
    assert (walk_up["slots"], walk_up["window"], walk_up["opens_at"]) == ("takes no reservations", "", None)


def test_only_courts_for_the_wanted_sport_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        courts(stage, "-c", "Alice Marble", "-s", "pickleball", "--json")

    assert all("pickleball" in row["sports"] for row in json.loads(capsys.readouterr().out))


def test_a_day_that_is_over_where_one_plays_is_refused(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, pytest.raises(UsageError, match="--date: Sun 2026-03-01 is in the past"):
        courts(stage, "-c", "Alice Marble", "-d", "2026-03-01")


def test_without_a_network_one_sentence_says_what_to_check_and_what_still_works(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RECUS_WEB_URL", "RECUS_API_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert command_line(["courts"]) == 6

    said = capsys.readouterr().out
    assert said.startswith("Refused: the booking system cannot be reached (")
    assert "no connection to 127.0.0.1" in said
    assert "`plan list` and `history` work without it" in said
    assert said.count("\n") == 1


def test_a_facility_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage, pytest.raises(UsageError, match="the nearest is Alice Marble"):
        courts(stage, "-c", "Alice Marbel")


def test_the_buildings_of_atrium_are_those_that_are_described_and_need_no_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        assert courts(stage, "--system", "atrium") == 0
        assert capsys.readouterr().out == "TFC\n1 facility; see one with `-c NAME`.\n"
        assert courts(stage, "--system", "atrium", "-c", "TFC", "-d", "2026-03-09", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert [row["court"] for row in found] == ["Court 1", "Court 2"]
    assert (found[0]["slots"], found[0]["window"]) == ("30 to 60 minutes", "168 hours ahead, slot by slot")
    assert found[0]["opens_at"] == "2026-03-02T11:00:00-05:00"  # the clocks change in between


def test_the_sessions_of_ntnui_are_those_ahead_in_its_week_plan_and_each_can_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = SiteStage(tmp_path)

    def ntnui(*words: str) -> list[dict[str, str]]:
        environ = {"NTNUI_URL": "https://site.example", "RESERVE_SYSTEM": "ntnui"}
        assert main([*words, "--json"], read_settings(environ), clock=stage.clock, connect=stage.connect) == 0
        return list(json.loads(capsys.readouterr().out))

    links = [row["link"] for row in ntnui()]
    wanted = stage.simulated.scenario.wanted
    assert len(links) > 1
    (link,) = [link for link in links if f"spilletid={wanted.spilletid}&timeid={wanted.timeid}&" in link]
    (session,) = ntnui("--link", link)
    assert datetime.fromisoformat(session["opens_at"]) == stage.simulated.scenario.opens_at
    stage.clock.sleep(timedelta(days=30))
    with pytest.raises(UsageError, match="the site shows no session to strangers"):
        ntnui()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--system", "ntnui", "-c", "Hallen"], "--link is missing; open the session on the site"),
        (["--system", "atrium", "-c", "Court 9"], "'Court 9' is not known on Atrium; there are TFC, Court 1"),
        (["--system", "golf"], "'golf' is not known; choose recus"),
        (["-s", "golf", "-c", "Alice Marble"], "'golf' is not known; choose tennis"),
        (["-d", "tommorow", "-c", "Alice Marble"], "did you mean 'tomorrow'"),
        (["-c", "\udcff"], "--court is not written in UTF-8"),
    ],
)
def test_what_cannot_be_looked_up_is_refused_with_the_way_out(
    tmp_path: Path, words: list[str], message: str
) -> None:
    with Stage(tmp_path) as stage, pytest.raises(UsageError, match=message):
        courts(stage, *words)


def test_a_system_that_does_not_say_which_facilities_it_has_asks_for_one() -> None:
    with pytest.raises(UsageError, match="nobody publishes a list"):
        FakeSystem(FakeClock()).facilities()


def test_a_day_is_shown_slot_by_slot_within_80_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:  # Monday at five to eight
        assert courts(stage, "-c", "alice", "-d", "next mon") == 0
        lines = capsys.readouterr().out.splitlines()
        assert courts(stage, "-c", "alice", "-d", "next mon", "--json") == 0

    assert max(map(len, lines)) <= 80
    assert any(line.startswith("  opens Mon 2026-03-02 08:00: 07:30-09:00, ") for line in lines)
    first, *_ = json.loads(capsys.readouterr().out)
    assert first["day"][0]["state"] == "not open yet"
    assert first["day"][0]["opens_at"] == "2026-03-02T08:00:00-08:00"


def test_who_watches_is_told_what_becomes_free_and_nothing_is_booked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        request = BookingRequest(
            "alice marble", "tennis", date(2026, 3, 9), (time(12),), timedelta(minutes=90)
        )
        with public_system(request, NOBODY, Settings(), clock=stage.clock, connect=stage.connect) as system:
            seen = system.shown()
        stage.clock.sleep(timedelta(minutes=4, seconds=30))
        assert watch(request, Settings(), stage.clock, stage.connect, seen, most=1) == 0

        assert "08:00:30 Free now: Court 1, 2026-03-09 07:30-09:00." in capsys.readouterr().out
        assert not stage.ledger.attempts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("07:30-09:00, 09:00-10:30, 10:30-12:00", "07:30-12:00 every 90 min"),
        ("07:30-09:00, 09:00-10:30", "07:30-09:00, 09:00-10:30"),
        ("07:30-09:00, 10:00-11:30, 11:30-13:00", "07:30-09:00, 10:00-11:30, 11:30-13:00"),
        ("30 to 60 minutes", "30 to 60 minutes"),
    ],
)
def test_slots_in_a_row_are_said_in_short(text: str, said: str) -> None:
    assert in_a_row(text) == said


@pytest.mark.parametrize(("is_terminal", "longest"), [(True, 80), (False, 204)])
def test_nothing_is_wider_than_a_terminal_and_a_program_reads_one_line(
    is_terminal: bool, longest: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)

    say("so many words " * 14, beginning="plan 1  ")

    said = capsys.readouterr().out.splitlines()
    assert max(map(len, said)) <= longest
    assert (len(said) > 1) == is_terminal
