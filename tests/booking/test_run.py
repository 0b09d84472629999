"""The steps of a run in their order, against the simulator in virtual time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from signal import SIG_IGN, SIGHUP, SIGINT, SIGTERM, Signals, raise_signal, signal
from typing import Any

import pytest

from reserve.booking.limits import BookingLimits
from reserve.booking.result import Outcome
from reserve.booking.stop import Stop
from reserve.commands.outcome import result_as_json
from reserve.errors import AlreadyReserved, ExitCode, Interrupted
from reserve.model import Offers, Opening, Reservation
from reserve.signals import held_back
from reserve.simulator.faults import Fault
from reserve.simulator.recus.faults import HOLD, PAY
from reserve.storage.runs import RunStore
from reserve.storage.typed_codes import hand_over
from tests.fakes import EVENING, START, FakeClock, FakeSystem, context_of, offer
from tests.stage import OPENS_AT, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """A stage for one run, set as the test likes."""
    stages: list[Stage] = []

    def stage(scenario: Mapping[str, Any] | tuple[()] = (), **setting: Any) -> Stage:
        stages.append(Stage(tmp_path / str(len(stages)), dict(scenario), **setting))
        return stages[-1]

    yield stage
    for each in stages:
        each.__exit__(None, None, None)


def seconds(stage: Stage, *what: str) -> list[float]:
    """When these things happened by the ledger, in seconds from the opening."""
    return [(event.moment - OPENS_AT).total_seconds() for event in stage.ledger.all(*what)]


def log(stage: Stage) -> str:
    return "\n".join(stage.steps)


def asked_for(stage: Stage) -> list[str]:
    return [event.details["court"] for event in stage.ledger.attempts]


# In the order of the steps.


def test_each_step_has_its_time(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    assert a_stage.book().exit_code == 0

    assert seconds(a_stage, "signed-in") == pytest.approx([-120], abs=1)
    assert seconds(a_stage, "code-asked") == pytest.approx([-60], abs=1)
    assert seconds(a_stage, "code-verified")[0] < -50
    assert seconds(a_stage, "attempt") == pytest.approx([0, 0, 0], abs=0.05)
    assert min(seconds(a_stage, "attempt")) >= 0
    assert seconds(a_stage, "released") == pytest.approx([0, 0], abs=0.2)
    assert seconds(a_stage, "paid") == pytest.approx([0], abs=0.2)


def test_every_line_of_the_log_has_its_moment(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    a_stage.book()

    stamps = [line.split()[0] for line in a_stage.steps]
    assert "T-60.0 asked for a one-time code" in log(a_stage)
    assert all(stamp.startswith(("T-", "T+")) for stamp in stamps)


def test_connections_are_used_before_they_matter(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    a_stage.book()

    (warm,) = [line for line in a_stage.steps if "connections are warm" in line]
    assert warm.startswith("T-3.")
    assert "3 connections" in warm


def test_a_run_that_starts_late_says_so_and_goes_on(stage: Callable[..., Stage]) -> None:
    a_stage = stage(ahead=timedelta(seconds=40))

    assert a_stage.book().exit_code == 0
    assert "started 80 s later than planned; going on" in log(a_stage)


def test_a_run_that_starts_in_time_does_not_say_it_is_late(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    a_stage.book()

    assert "later than planned" not in log(a_stage)


@pytest.mark.parametrize("ahead", [3, 1, 0.2])
def test_a_run_that_starts_in_the_last_moment_still_has_its_chance(
    stage: Callable[..., Stage], ahead: float
) -> None:
    a_stage = stage({"verify": "never"}, ahead=timedelta(seconds=ahead))

    assert a_stage.book().exit_code == 0
    assert min(seconds(a_stage, "attempt")) >= 0


def test_what_is_open_already_is_booked_at_once(stage: Callable[..., Stage]) -> None:
    a_stage = stage(ahead=-timedelta(hours=3))

    assert a_stage.book().exit_code == 0
    assert seconds(a_stage, "paid")[0] < 3 * 3600 + 60


def test_a_code_that_comes_after_the_opening_is_used_at_once(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"texts": "late"})

    assert a_stage.book().exit_code == 0
    assert seconds(a_stage, "code-verified")[0] < 3.5
    assert max(seconds(a_stage, "attempt")) < 4


# What can be had.


def test_a_court_with_other_slots_is_skipped_and_the_timeline_says_why(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    a_stage.book()

    assert "Court 4 skipped: no 18:00-19:30 slot" in log(a_stage)
    assert "Court 4" not in asked_for(a_stage)


def test_the_players_opening_wins_with_a_warning(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    assert a_stage.book("-r", "2026-03-02 08:00:04").exit_code == 0

    assert min(seconds(a_stage, "attempt")) >= 4
    assert (
        "warning: --opens-at says 2026-03-02 08:00:04, but Alice Marble publishes 2026-03-02 08:00:00"
        in log(a_stage)
    )


def test_the_players_opening_needs_no_warning_when_it_is_the_published_one(
    stage: Callable[..., Stage],
) -> None:
    a_stage = stage()

    assert a_stage.book("-r", "2026-03-02 08:00:00").exit_code == 0
    assert "warning" not in log(a_stage)


def test_the_order_of_preference_decides_which_hold_is_kept(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    assert a_stage.book("--only", "court 3, Court 1").court == "Court 3"
    assert sorted(asked_for(a_stage)) == ["Court 1", "Court 3"]


def test_courts_are_asked_for_one_after_the_other_in_order_of_preference(stage: Callable[..., Stage]) -> None:
    a_stage = stage(together=False)

    assert a_stage.book("--only", "Court 2,Court 3,Court 1").court == "Court 2"
    assert asked_for(a_stage) == ["Court 2"]


def test_a_further_time_is_asked_for_when_the_first_is_taken(stage: Callable[..., Stage]) -> None:
    gone = Fault(HOLD, 1, "status", times=3, **taken())
    a_stage = stage({"faults": (gone,)})

    outcome = a_stage.book("--or", "16:30,18:00")

    assert outcome.exit_code == 0
    assert outcome.slot
    assert f"{outcome.slot.start:%H:%M}" == "16:30"
    assert len(asked_for(a_stage)) == 6


def taken() -> dict[str, Any]:
    body = '{"message": "Court already reserved at this time", "type": "E_INELIGIBLE_SITE_BOOKING"}'
    return {"status": 400, "body": body, "content_type": "application/json"}


def test_without_multithreaded_one_request_is_under_way_at_a_time(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"faults": (Fault(HOLD, 1, "status", times=2, **taken()),)}, together=False)

    assert a_stage.book().court == "Court 3"
    assert asked_for(a_stage) == ["Court 1", "Court 2", "Court 3"]
    moments = seconds(a_stage, "attempt")
    assert moments == sorted(set(moments))


def test_another_player_was_faster(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"faults": ("all-taken",)})

    outcome = a_stage.book()

    assert (outcome.exit_code, outcome.court) == (1, None)
    assert "every court we could ask was taken" in outcome.sentence
    assert all(f"Court {number}" in outcome.sentence for number in (1, 2, 3))


# What forbids it.


@pytest.mark.parametrize("fault", ["daily-limit", "weekly-limit", "already-reserved"])
def test_limits_are_looked_at_before_anything_is_asked_for(stage: Callable[..., Stage], fault: str) -> None:
    a_stage = stage({"faults": (fault,)})

    assert a_stage.book().exit_code == 5

    assert a_stage.ledger.asked_for_codes == 0
    assert a_stage.ledger.attempts == []
    assert seconds(a_stage, "signed-in") == pytest.approx([-120], abs=1)


def test_reservations_of_the_next_week_do_not_count(stage: Callable[..., Stage]) -> None:
    days = [OPENS_AT.date() + timedelta(days=number) for number in (14, 15, 16)]
    a_stage = stage({"bookings": tuple((day, OPENS_AT.replace(hour=18).time()) for day in days)})

    assert a_stage.book().exit_code == 0


def test_who_has_no_phone_is_refused_where_a_code_is_wanted(stage: Callable[..., Stage]) -> None:
    a_stage = stage(environ={"RESERVE_PHONE": ""})

    outcome = a_stage.book()

    assert outcome.exit_code == 2
    assert "--phone is missing" in outcome.sentence
    assert seconds(a_stage, "signed-in") == []


def test_who_has_no_phone_needs_none_where_no_code_is_wanted(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"verify": "never"}, environ={"RESERVE_PHONE": ""})

    assert a_stage.book().exit_code == 0


def test_a_webhook_token_that_is_refused_is_found_at_the_start(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    outcome = a_stage.book("--webhook-token", "another-token")

    assert outcome.exit_code == 2
    assert "--webhook-token" in outcome.sentence
    assert a_stage.clock.now() < OPENS_AT - timedelta(minutes=4)
    assert seconds(a_stage, "signed-in") == []


def test_without_a_webhook_service_a_run_says_what_to_do_and_takes_the_code_that_is_typed(
    stage: Callable[..., Stage], tmp_path: Path
) -> None:
    a_stage = stage()

    def type_it() -> None:
        assert hand_over(a_stage.folder / "data", a_stage.simulated.codes.sent[-1], a_stage.clock.now()) == 1

    a_stage.clock.call_at(OPENS_AT - timedelta(seconds=40), type_it)

    assert a_stage.book("--webhook-url", "http://192.0.2.1:5000").exit_code == 0

    told = [text for _, text in a_stage.run.timeline.steps if "python3 -m webhook_server" in text]
    assert len(told) == 1
    assert told[0].startswith("warning: ")
    assert sum("code DIGITS" in text for _, text in a_stage.run.timeline.steps) == 1


def test_a_run_without_a_webhook_service_for_which_nobody_types_ends_for_lack_of_a_code(
    stage: Callable[..., Stage],
) -> None:
    a_stage = stage()

    assert a_stage.book("--webhook-url", "http://192.0.2.1:5000").exit_code == 4

    assert a_stage.ledger.paid == []


@pytest.mark.parametrize("seed", range(3))
def test_two_runs_for_one_slot_make_one_reservation(stage: Callable[..., Stage], seed: int) -> None:
    a_stage = stage(seed=seed)
    assert a_stage.book().exit_code == 0

    again = a_stage.book()

    assert again.exit_code == 5
    assert "already reserved" in again.sentence
    assert len(a_stage.ledger.paid) == 1


def test_a_court_of_the_same_name_in_another_facility_is_another_court(
    clock: FakeClock, tmp_path: Path
) -> None:
    mine, away = (replace(offer("Court 1").court, facility=where) for where in ("here", "there"))
    wanted = replace(offer("Court 1"), court=mine)
    system = FakeSystem(clock, {"reservations": [[Reservation(away, EVENING)]]})
    limits = BookingLimits(context_of(system), Offers("here", UTC, (wanted,)), Opening(START, (wanted,)))

    with pytest.raises(AlreadyReserved, match="Court 1 of another facility is already reserved"):
        limits.respect()


# Ctrl-C and SIGTERM.


def stopped(a_stage: Stage, moment: float, number: int = SIGTERM) -> Outcome:
    """The outcome of a run that is asked to stop this many seconds after the opening."""

    def ask() -> None:
        try:
            a_stage.stop.ask(number)
        except Interrupted:  # a real signal raises it in the main thread, which only looks here
            assert moment < 0, "whoever may hold a court is not to be torn from it"

    a_stage.clock.call_at(OPENS_AT + timedelta(seconds=moment), ask)
    return a_stage.book()


@pytest.mark.parametrize(("number", "code"), [(SIGINT, 130), (SIGTERM, 143)])
@pytest.mark.parametrize("moment", [-200, -90, -30, -4, -0.3])
def test_a_run_that_is_stopped_before_the_opening_asks_for_nothing(
    stage: Callable[..., Stage], number: Signals, code: int, moment: float
) -> None:
    a_stage = stage()

    outcome = stopped(a_stage, moment, number)

    assert outcome.exit_code == code
    assert outcome.sentence == f"Not reserved: stopped by {number.name}."
    assert a_stage.ledger.attempts == []


def test_a_request_to_stop_is_obeyed_at_once_until_courts_are_asked_for() -> None:
    stop = Stop()
    with pytest.raises(Interrupted):
        stop.ask(SIGTERM)

    stop.shield()
    stop.ask(SIGINT)

    assert stop.is_asked
    with pytest.raises(Interrupted, match="SIGTERM"):  # the first signal counts
        stop.obey()


@pytest.mark.parametrize("moment", [0.001, 0.005, 0.012, 0.02])
def test_a_run_that_is_stopped_during_the_race_releases_what_it_holds(
    stage: Callable[..., Stage], moment: float
) -> None:
    a_stage = stage(latency=timedelta(milliseconds=40))

    outcome = stopped(a_stage, moment)

    assert outcome.exit_code == 143
    assert outcome.sentence.endswith("What was held has been released.")
    assert a_stage.ledger.paid == []
    assert a_stage.open_holds == []
    assert len(a_stage.ledger.released) == len(a_stage.ledger.all("held")) == 3


def test_a_run_that_is_stopped_while_it_asks_again_asks_no_more(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"opens_late": timedelta(seconds=5)})

    assert stopped(a_stage, 0.5).exit_code == 143
    assert max(seconds(a_stage, "attempt")) <= 0.5


def test_a_run_that_is_stopped_while_it_waits_for_a_late_code_stops(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"texts": "none"})

    assert stopped(a_stage, 2).exit_code == 143
    assert a_stage.clock.now() < OPENS_AT + timedelta(seconds=5)


def test_a_run_that_is_stopped_after_the_payment_still_says_reserved(stage: Callable[..., Stage]) -> None:
    a_stage = stage({"faults": (Fault(PAY, 1, "delay", delay=timedelta(seconds=3)),)})

    outcome = stopped(a_stage, 2)

    assert outcome.exit_code == 0
    assert outcome.sentence.startswith("Reserved")
    assert len(a_stage.ledger.paid) == 1


@pytest.mark.parametrize("step", range(0, 1300, 100))
def test_whenever_a_run_is_stopped_nothing_stays_held_and_the_outcome_is_true(
    stage: Callable[..., Stage], step: int
) -> None:
    a_stage = stage({"latency": timedelta(milliseconds=150)})

    outcome = stopped(a_stage, step / 1000)

    assert a_stage.open_holds == []
    assert (outcome.exit_code == 0) == (len(a_stage.ledger.paid) == 1)
    assert outcome.exit_code in (0, 143)


# A run and its papers.


def test_the_outcome_as_json_has_all_that_the_contract_says(stage: Callable[..., Stage]) -> None:
    a_stage = stage()

    a_stage.book("--json")
    found: dict[str, Any] = result_as_json(a_stage.result)

    assert found["outcome"] == "reserved"
    assert (found["system"], found["facility"], found["court"]) == ("recus", "Alice Marble", "Court 1")
    assert (found["start"], found["end"]) == ("2026-03-09T18:00:00-07:00", "2026-03-09T19:30:00-07:00")
    assert found["order_id"] == a_stage.ledger.paid[0]
    assert sorted(found["released"]) == sorted(a_stage.ledger.released)
    assert (found["exit_code"], found["price_cents"], found["currency"]) == (0, 0, "USD")
    assert found["run_id"] in str(a_stage.wired.folder.path)
    assert [attempt["meaning"] for attempt in found["attempts"]] == ["held"] * 3
    for attempt in found["attempts"]:
        assert attempt.keys() >= {"court", "sent_ms", "answered_ms", "meaning"}
        assert -100 < attempt["sent_ms"] < attempt["answered_ms"] < 100


def test_a_run_that_is_stopped_while_it_releases_the_others_does_not_pay(
    stage: Callable[..., Stage],
) -> None:
    a_stage = stage({"faults": ("slow-release",)})

    assert stopped(a_stage, 1).exit_code == 143
    assert a_stage.ledger.paid == []
    assert a_stage.open_holds == []


def test_a_second_request_to_stop_does_not_break_the_tidying_up() -> None:
    stop = Stop()
    with pytest.raises(Interrupted):
        stop.ask(SIGINT)

    stop.ask(SIGINT)


def test_what_was_ignored_when_we_came_stays_so_as_nohup_wants() -> None:
    stop, before = Stop(), signal(SIGHUP, SIG_IGN)
    try:
        with stop.listening(), held_back():
            raise_signal(SIGHUP)
        assert not stop.is_asked
    finally:
        signal(SIGHUP, before)
    with pytest.raises(Interrupted), stop.listening(), held_back():
        raise_signal(SIGHUP)
    assert stop.is_asked


def test_the_end_of_a_run_is_written_before_another_run_may_take_it_for_cut_off(
    stage: Callable[..., Stage],
) -> None:
    a_stage = stage()
    a_stage.get_ready()
    record: Any = a_stage.wired.record
    write_end, was_alive = record.end, list[bool]()

    def end(*words: Any, **facts: Any) -> None:
        was_alive.append(bool(RunStore(record.store).alive([record.run_id])))
        write_end(*words, **facts)

    record.end = end
    a_stage.run.book()

    assert was_alive == [True]


# What goes wrong while courts are held, or after the end.


def test_a_bug_after_courts_are_held_releases_them(stage: Callable[..., Stage]) -> None:
    a_stage = stage()
    a_stage.get_ready()
    record: Any = a_stage.wired.record

    def broken(*_: Any) -> None:
        raise ValueError("bug")

    record.remember_opening = broken
    result = a_stage.run.book()

    assert result.outcome.exit_code == ExitCode.BUG
    assert len(a_stage.ledger.released) == len(a_stage.ledger.all("held")) == 3
    assert a_stage.open_holds == []


def test_a_bug_while_the_answers_are_shown_releases_what_is_held(stage: Callable[..., Stage]) -> None:
    a_stage = stage()
    a_stage.get_ready()

    def broken(line: str) -> None:
        if "held (sent" in line:
            raise ValueError("bug")

    a_stage.run.timeline.show = broken
    result = a_stage.run.book()

    assert result.outcome.exit_code == ExitCode.BUG
    assert a_stage.open_holds == []


def test_a_request_to_stop_while_a_failed_run_is_tidied_up_changes_nothing(
    stage: Callable[..., Stage],
) -> None:
    a_stage = stage()
    a_stage.get_ready("-d", "2020-03-09")
    record: Any = a_stage.wired.record
    write_end = record.end

    def end(*words: Any, **facts: Any) -> None:
        a_stage.stop.ask(SIGTERM)
        write_end(*words, **facts)

    record.end = end
    result = a_stage.run.book()

    (past,) = RunStore(record.store).history()
    assert result.outcome.exit_code == past.exit_code == ExitCode.USAGE
    assert past.sentence == result.outcome.sentence
