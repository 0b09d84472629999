"""`book`: what has happened is said, whatever comes between."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest

from reserve.booking.context import Leads
from reserve.booking.stop import Stop
from reserve.commands.book import book, plan_line
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.plan_options import plan_parser, plans_from
from reserve.commands.wiring import build_run
from reserve.errors import ExitCode
from reserve.model import Account, BookingRequest
from reserve.settings import read_settings
from reserve.simulator import SIMULATED_SYSTEMS
from reserve.storage.database import Store
from reserve.storage.run_folder import RunFolder
from reserve.storage.runs import player_key
from tests.fakes import FakeClock
from tests.stage import OPENS_AT, WEBHOOK, Stage


def test_a_signal_does_not_come_between_the_end_of_a_run_and_its_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated = SIMULATED_SYSTEMS["recus"].opening(OPENS_AT, FakeClock(), lambda text: None)
    environ = {
        **simulated.environ_of_player("http://127.0.0.1:1", WEBHOOK, ""),
        "RESERVE_DATA": str(tmp_path),
    }
    booking = read_booking(booking_parser("book").parse_args(simulated.words()), read_settings(environ))
    handlers, keep = [], RunFolder.keep_steps

    def keep_steps(folder: RunFolder, steps: Iterable[tuple[datetime, str, str]]) -> None:
        handlers.append(signal.getsignal(signal.SIGTERM))
        keep(folder, steps)

    monkeypatch.setattr(RunFolder, "keep_steps", keep_steps)
    store = Store(tmp_path)
    player = player_key("recus", "127.0.0.1:1", booking.account.email)
    another = store.exclusive.lock(f"{player} {booking.request.day}")
    assert another.take()  # so that the run ends before it asks anybody

    result, _ = book(booking, Leads())

    another.release()
    store.close()
    assert result.outcome.exit_code == ExitCode.FORBIDDEN
    assert "Stop.ask" in repr(handlers)
    assert "Refused" not in capsys.readouterr().err  # the last line is said once, by whoever called


def test_what_one_rehearsal_reserved_is_nothing_to_the_next(tmp_path: Path) -> None:
    players = set()
    for port in (8101, 8102):
        settings = read_settings({"RECUS_WEB_URL": f"http://127.0.0.1:{port}", "RESERVE_DATA": str(tmp_path)})
        request = BookingRequest("Alice Marble", "tennis", date(2026, 3, 9), (time(18),), timedelta(hours=1))
        wired = build_run(request, Account("me@example.com", "secret"), settings, Stop(), Leads())
        players.add(wired.record.player)
        wired.record.store.close()

    assert len(players) == 2


@pytest.mark.parametrize(
    "more", [(), ("-r", "2026-03-02 08:00:00"), ("--or", "16:30", "--max-price", "7.50")]
)
def test_days_are_not_waited_for_and_the_plan_that_is_offered_means_the_same(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    with Stage(tmp_path, ahead=timedelta(days=3)) as stage:
        outcome = stage.book(*more)

        assert (outcome.exit_code, outcome.is_too_far) == (ExitCode.USAGE, True)
        assert "too far ahead to wait for" in outcome.sentence
        assert stage.clock.now() < OPENS_AT - timedelta(days=2)
        line = plan_line(stage.booking)
        words = shlex.split(line.partition(" plan ")[2])
        (plan,) = plans_from(plan_parser().parse_args(words), stage.booking.settings, date(2026, 2, 27))
        request = plan.request(plan.first, plan.choices[0], currency="USD")
        assert (request.day, request.starts, request.length) == (
            stage.booking.request.day,
            stage.booking.request.starts,
            stage.booking.request.length,
        )
        assert (request.only, request.at_once, request.max_price) == (
            stage.booking.request.only,
            stage.booking.request.at_once,
            stage.booking.request.max_price,
        )
