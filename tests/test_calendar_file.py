"""A reservation as a calendar file, read back by a calendar library, and known again when it is cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from reserve.calendar_file import Game, calendar_file, merged
from reserve.commands import bookings, explain, history
from reserve.errors import UsageError
from reserve.model import Slot
from reserve.notify.notice import Kind
from reserve.notify.outbox import Outbox
from reserve.storage.run_folder import calendars
from reserve.systems import PROFILES
from tests.stage import Stage

HOUR = timedelta(hours=1)
NOW = datetime(2026, 10, 25, 15, tzinfo=UTC)
ZONE = ZoneInfo("America/Los_Angeles")
SLOT = Slot(
    datetime(2026, 11, 1, 7, 30, tzinfo=ZONE), datetime(2026, 11, 1, 9, tzinfo=ZONE)
)  # clocks go back
GAME = Game("recus", "Café; “Plaza”, North\\South", "Court 1", SLOT, "1 Long Way, " * 20)


def only(text: str) -> Any:
    """The one event in the file *text*."""
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    return event


def test_a_calendar_reads_back_what_was_written_with_an_alarm_an_hour_before() -> None:
    text = calendar_file(GAME, NOW, note="run-1")

    event = only(text)
    assert (event["dtstart"].dt, event["dtend"].dt) == (SLOT.start, SLOT.end)
    assert "DTSTART:20261101T153000Z" in text
    assert str(event["summary"]) == f"Court 1, {GAME.facility}"
    assert str(event["location"]) == f"{GAME.facility}, {GAME.address}"
    assert str(event["status"]) == "CONFIRMED"
    (alarm,) = event.walk("VALARM")
    assert alarm["trigger"].dt == -HOUR
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    assert "\n" not in text.replace("\r\n", "")


def test_what_a_booking_system_calls_a_court_breaks_no_calendar() -> None:
    evil = "Court\r\nEND:VEVENT\r\nBEGIN:VEVENT\x07"

    event = only(calendar_file(Game("recus", evil, evil, SLOT), NOW))

    assert str(event["summary"]).startswith("Court  END:VEVENT")


def test_a_cancelled_game_has_the_same_id_and_the_last_word() -> None:
    first, again = (calendar_file(GAME, NOW + n * HOUR) for n in range(2))
    cancelled = calendar_file(GAME, NOW + 2 * HOUR, is_cancelled=True)
    other = calendar_file(Game("recus", "Alice Marble", "Court 2", SLOT), NOW)

    assert len({str(only(text)["uid"]) for text in (first, again, cancelled)}) == 1
    sequences = [int(str(only(text)["sequence"])) for text in (first, again, cancelled)]
    assert sequences == sorted(set(sequences))
    assert "METHOD:CANCEL" in cancelled
    assert str(only(cancelled)["status"]) == "CANCELLED"
    assert str(only(merged([cancelled, first, "nonsense", other], [again, "\0"]))["status"]) == "CANCELLED"


@pytest.mark.parametrize("system", [name for name in PROFILES if name != "atrium"])  # where it is known how
def test_what_a_run_reserved_leaves_the_calendar_when_it_is_cancelled(
    tmp_path: Path, system: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path, {}, system, environ={"RESERVE_NOTIFY": "nonsense"}) as stage:
        stage.book()
        stage.wired.write_down(stage.result)
        settings = stage.booking.settings
        file, link = tmp_path / "game.ics", stage.booking.request.link
        assert explain.main([stage.wired.run_id, "--ics", str(file)], settings) == 0
        reserved = only(file.read_bytes().decode())
        assert reserved["dtstart"].dt == stage.result.outcome.slot.start  # type: ignore[union-attr]
        assert str(reserved["status"]) == "CONFIRMED"
        capsys.readouterr()
        listing = ["--link", link] if link else []
        given: Any = {"clock": stage.clock, "connect": stage.connect, "system_type": stage.system_type}
        bookings.main(listing, settings, **given)
        name = capsys.readouterr().out.split()[0]
        code = bookings.main(["cancel", name, "--yes", *listing], settings, **given)

        assert code == 0
        assert history.main(["--ics", str(file)], settings) == 0

    cancelled = only(file.read_bytes().decode())
    assert (cancelled["uid"], str(cancelled["status"])) == (reserved["uid"], "CANCELLED")
    (entry,) = Outbox(settings.data).told()  # by this machine's clock, it is too old to be told
    assert (entry.notice.kind, entry.notice.calendar) == (
        Kind.CANCELLED,
        list(calendars(settings.data).values())[-1],
    )


def test_a_run_without_a_reservation_has_no_calendar_file(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ["all-taken"]}) as stage:
        stage.book()
        stage.wired.write_down(stage.result)
        with pytest.raises(UsageError, match="nothing that these runs reserved"):
            history.main(["--ics", str(tmp_path / "x.ics")], stage.booking.settings)
