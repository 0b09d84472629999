"""The aim at the opening: the server's clock, its delay, and what a run remembers for the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reserve.booking.aim import remember_opening
from reserve.clock import ServerTime
from reserve.model import Bounds, SeenOpening
from reserve.storage.runs import RunStore
from tests.fakes import FakeClock, FakeSystem, NoRecord, context_of
from tests.stage import OPENS_AT, Stage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

WEEK = timedelta(weeks=1)


def arrivals(stage: Stage) -> list[float]:
    """When requests for a hold came in truth, in milliseconds after the window really opened."""
    scenario = stage.simulated.scenario
    opening = scenario.opens_at + scenario.opens_late - scenario.clock_offset
    return [(each.moment - opening) / timedelta(milliseconds=1) for each in stage.ledger.attempts]


@pytest.mark.parametrize("offset_ms", [-900, -333, 0, 250, 900])
def test_the_first_request_comes_at_the_opening_however_wrong_the_servers_clock_is(
    tmp_path: Path, offset_ms: int
) -> None:
    with Stage(tmp_path, {"clock_offset": timedelta(milliseconds=offset_ms)}) as stage:
        assert stage.book().word == "reserved"

        assert all(0 <= arrival < 20 for arrival in arrivals(stage))


def test_a_server_without_a_clock_is_asked_by_our_own(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        bare: WSGIApplication = stage.simulated.app.wsgi_app

        def without_date(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
                return start_response(status, [each for each in headers if each[0] != "Date"], *rest)

            return bare(environ, start)

        stage.simulated.app.wsgi_app = without_date
        assert stage.book().word == "reserved"

        assert any("unknown and taken for ours" in step for step in stage.steps)


def test_a_window_that_opened_late_is_remembered_and_met_sooner_the_next_time(tmp_path: Path) -> None:
    first_holds = []
    for morning in range(4):
        scenario = {"opens_late": timedelta(milliseconds=700), "seed": morning}
        with Stage(tmp_path, scenario, opens_at=OPENS_AT + morning * WEEK) as stage:
            assert stage.book().word == "reserved"
            first_holds.append(min(arrival for arrival in arrivals(stage) if arrival >= 0))

    assert first_holds[3] < first_holds[0]


def test_no_court_is_asked_for_more_than_eight_times_when_the_window_stays_closed(tmp_path: Path) -> None:
    with Stage(tmp_path, {"opens_late": timedelta(minutes=5)}) as stage:
        outcome = stage.book()

        assert (outcome.word, outcome.exit_code) == ("not-reserved", 1)
        assert len(stage.ledger.attempts) <= 8 * 3


def test_a_window_that_opens_in_time_again_is_no_longer_taken_for_late(tmp_path: Path) -> None:
    asked_later = []
    for morning, late in enumerate((700, 0, 0)):
        scenario = {"opens_late": timedelta(milliseconds=late), "seed": morning}
        with Stage(tmp_path, scenario, opens_at=OPENS_AT + morning * WEEK) as stage:
            assert stage.book().word == "reserved"
            asked_later.append(any("asking then too" in step for step in stage.steps))

    assert asked_later == [False, True, False]


@pytest.mark.parametrize("before", [18.0, 6.0, 2.0, 0.2])
@pytest.mark.parametrize("jump", [1.5, -2.0, 2.0, -60.0])
def test_a_clock_that_is_set_after_the_measuring_began_changes_nothing(
    tmp_path: Path, before: float, jump: float
) -> None:
    ahead = timedelta(seconds=90)
    with Stage(tmp_path, {"clock_offset": timedelta(milliseconds=300)}, ahead=ahead, is_set=True) as stage:
        by = partial(stage.machine.step, timedelta(seconds=jump))
        stage.clock.call_at(OPENS_AT - timedelta(seconds=before), by)
        assert stage.book().word == "reserved"

        assert all(0 <= arrival < 20 for arrival in arrivals(stage))
        said = any(f"this machine's clock was set by {jump:+.3f} s" in step for step in stage.steps)
        assert said == (before > 0.5)


def test_nothing_waits_for_the_disk_in_the_last_seconds_before_the_opening(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.book()
        actions = RunStore(stage.wired.record.store).history()[0].actions

        asking = [action.moment for action in actions if action.kind == "asking"]
        assert len(asking) == 3
        assert all(moment <= OPENS_AT - timedelta(seconds=10) for moment in asking)


def test_what_one_host_taught_is_not_believed_of_another(tmp_path: Path) -> None:
    with Stage(tmp_path, {"opens_late": timedelta(milliseconds=700)}) as stage:
        stage.book()
    with Stage(tmp_path, {"seed": 1}, environ={"RECUS_WEB_URL": "https://elsewhere.example"}) as stage:
        stage.book()

        assert not any("asking then too" in step for step in stage.steps)


def delay(soonest: float, latest: float) -> Bounds:
    return timedelta(seconds=soonest), timedelta(seconds=latest)


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        (delay(0.4, 1.2), [SeenOpening(delay(0.4, 1.2))]),
        (delay(0, 0), [SeenOpening(delay(0, 0))]),
        (delay(0, 0.06), []),  # early by our own aim, which says nothing of the window
        (None, []),
    ],
)
def test_how_late_a_window_opened_is_remembered_unless_we_were_early_by_our_own_aim(
    clock: FakeClock, seen: Bounds | None, kept: list[SeenOpening]
) -> None:
    class Remembered(NoRecord):
        def remember_opening(self, facility: str, opens_at: datetime, seen: SeenOpening) -> None:
            found.append(seen)

    found: list[SeenOpening] = []
    context = context_of(FakeSystem(clock))
    context.record = Remembered()
    trip = timedelta(milliseconds=60)
    context.server = ServerTime(-trip, trip, timedelta(0), trip, probes=9, consistent=True)

    remember_opening(context, "Alice Marble", OPENS_AT, seen)

    assert found == kept
