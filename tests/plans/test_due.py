"""What is due: started in time, once, taken over when its machine dies, and never forgotten."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from reserve.booking.result import Outcome, failed
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.options import Booking
from reserve.commands.serving import (
    Run,
    claim_kept,
    in_order,
    opens_later,
    runs_for,
    serve_occurrence,
    stop_this_process,
)
from reserve.commands.ticking import Ticking, check_key, run_due, start_process
from reserve.errors import Blocked, ExitCode, Interrupted, NoSuchSlot, OutcomeWord, UsageError
from reserve.model import Court, Offer, Offers, Slot
from reserve.plans import due
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.plans import Occurrence, PlanStore
from reserve.storage.schema import OCCURRENCES
from reserve.storage.secrets import SecretStore
from reserve.window import DaysAhead, HoursAhead, OpeningRule, zone
from tests.fakes import FakeClock
from tests.stage import Stage

HERE = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)
RULE = DaysAhead(7, time(8))
ADDED = datetime(2026, 2, 27, 12, tzinfo=UTC)  # a Friday
OPENING = datetime(2026, 3, 4, 16, tzinfo=UTC)  # 08:00 in San Francisco, of Wednesday 11 March
WEEKLY = Plan(
    (Choice("Alice Marble"),),
    timedelta(minutes=90),
    datetime.fromisoformat("2026-03-05T00:00"),
    "FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;BYMINUTE=0",
)


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    """A store that lives as long as the test."""
    made = Store(tmp_path, database or "sqlite://")
    yield made
    made.close()


class WithoutClock(PlanStore):
    """A plan store by whose clock nobody goes, as these tests bring their own."""

    def now(self, ours: datetime) -> datetime:
        return ours


@pytest.fixture
def plan_store(store: Store) -> PlanStore:
    """A plan store that is empty."""
    return WithoutClock(store)


@pytest.fixture
def lasting(tmp_path: Path) -> Iterator[PlanStore]:
    """A plan store in a file, as several threads use it."""
    store = Store(tmp_path)
    yield WithoutClock(store)
    store.close()


def keep(
    plan_store: PlanStore,
    plan: Plan = WEEKLY,
    rule: OpeningRule = RULE,
    now: datetime = ADDED,
    where: str = "America/Los_Angeles",
) -> int:
    """Keep *plan* as `plan add` does."""
    (number,) = plan_store.add([body_of(plan)])
    plan_store.change(number, zone=where, rule=str(rule), looked=now)
    stored = plan_store.get(number)
    assert stored is not None
    due.schedule_next(plan_store, stored, now)
    return number


def tick(plan_store: PlanStore, now: datetime, worker: str = "here") -> list[Occurrence]:
    """The occurrences that one tick starts."""
    started: list[Occurrence] = []
    due.tick(plan_store, now, worker, started.append)
    return started


def test_a_booking_is_started_before_its_opening_and_only_once(plan_store: PlanStore) -> None:
    keep(plan_store)

    assert tick(plan_store, OPENING - due.LEAD - MINUTE) == []
    (occurrence,) = tick(plan_store, OPENING - due.LEAD)
    assert (occurrence.opens_at, occurrence.starts_at) == (OPENING, datetime(2026, 3, 12, 1, tzinfo=UTC))
    plan_store.end(occurrence, ended=OPENING, exit_code=0, sentence="Reserved Court 1.", run_id="r")
    assert tick(plan_store, OPENING) == []


def test_the_next_slot_of_a_plan_is_scheduled_when_one_begins(plan_store: PlanStore) -> None:
    keep(plan_store)
    (first,) = tick(plan_store, OPENING)
    plan_store.end(first, ended=OPENING, exit_code=0, sentence="Reserved.", run_id=None)

    (second,) = tick(plan_store, OPENING + timedelta(days=7))

    # The opening stays at eight on the wall, although the clocks have been put forward meanwhile.
    assert second.opens_at - first.opens_at == timedelta(days=7, hours=-1)


def test_two_machines_never_start_the_same_booking(tmp_path: Path, database: str | None) -> None:
    stores = [Store(tmp_path, database), Store(tmp_path, database)]
    one, other = map(PlanStore, stores)
    keep(one)

    started = [tick(one, OPENING, "one"), tick(other, OPENING, "other")]

    assert [len(each) for each in started] == [1, 0]
    for store in stores:
        store.close()


def test_a_claim_that_was_read_by_two_goes_to_one(plan_store: PlanStore) -> None:
    keep(plan_store)
    (occurrence,) = plan_store.occurrences()
    (mine,) = plan_store.claim(OPENING, "mine", OPENING + due.LEASE)

    assert plan_store.keep(mine, OPENING + due.LEASE)
    assert not plan_store.keep(occurrence, OPENING + due.LEASE)


def test_a_booking_whose_machine_died_is_taken_over_in_time(plan_store: PlanStore) -> None:
    keep(plan_store)
    (occurrence,) = tick(plan_store, OPENING - due.LEAD, "one")
    died = OPENING - due.LEAD + timedelta(seconds=80)
    assert plan_store.keep(occurrence, died + due.LEASE)

    minutes = [OPENING - due.LEAD + number * MINUTE for number in range(1, 4)]
    started = [(now, each) for now in minutes for each in tick(plan_store, now, "other")]

    ((now, again),) = started
    assert now <= OPENING - MINUTE
    assert (again.worker, again.claims) == ("other", 2)
    assert not plan_store.keep(occurrence, now + due.LEASE)


def test_a_process_that_lives_keeps_its_claim_and_notices_when_it_lost_it(
    tmp_path: Path, database: str | None
) -> None:
    store = Store(tmp_path, database)
    plan_store = PlanStore(store)
    keep(plan_store)
    clock = FakeClock(OPENING - due.LEAD)
    (occurrence,) = tick(plan_store, clock.now())
    lost: list[datetime] = []

    with claim_kept(plan_store, occurrence, clock, lost=lambda: lost.append(clock.now())):
        clock.sleep(timedelta(minutes=3))
        assert tick(plan_store, clock.now(), "other") == []
        assert lost == []

        plan_store.remove(occurrence.plan_id)
        clock.sleep(due.HEARTBEAT + timedelta(seconds=1))
        assert len(lost) == 1
    store.close()


def test_a_process_without_its_database_stops_when_another_may_take_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan_store = PlanStore(store)
    keep(plan_store)
    clock = FakeClock(OPENING - due.LEAD)
    (occurrence,) = tick(plan_store, clock.now())
    lost: list[datetime] = []

    with claim_kept(plan_store, occurrence, clock, lost=lambda: lost.append(clock.now())):
        clock.sleep(due.HEARTBEAT + timedelta(seconds=1))
        (kept,) = plan_store.occurrences(ended=False)[-1:]
        with store.engine.begin() as connection:
            OCCURRENCES.drop(connection)
        clock.sleep_until(kept.wake_at - timedelta(seconds=1))
        assert lost == []
        clock.sleep(due.HEARTBEAT)

    assert lost == [kept.wake_at]
    store.close()


def test_a_process_that_has_served_its_occurrence_stops_saying_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan_store = PlanStore(store)
    keep(plan_store)
    clock = FakeClock(OPENING)
    (occurrence,) = tick(plan_store, clock.now())
    lost: list[datetime] = []

    with claim_kept(plan_store, occurrence, clock, lost=lambda: lost.append(clock.now())):
        clock.sleep(due.HEARTBEAT)
    plan_store.end(occurrence, ended=clock.now(), exit_code=0, sentence="Reserved.", run_id=None)
    clock.sleep(due.HEARTBEAT * 3)

    assert lost == []
    store.close()


def test_what_was_missed_is_tried_as_long_as_the_slot_lies_ahead_and_says_how_late(
    plan_store: PlanStore,
) -> None:
    keep(plan_store)
    late = OPENING + timedelta(hours=3, minutes=12)

    messages: list[str] = []

    said = due.tick(plan_store, late, "here", lambda occurrence: None, messages.append)

    assert messages == []
    assert said == ["plan 1 for 2026-03-12 01:00 UTC: started, 3 h 12 min after the opening"]


@pytest.mark.parametrize(
    ("late", "said"),
    [
        (timedelta(0), ""),
        (timedelta(seconds=0.5), ", 0 s after the opening"),
        (timedelta(seconds=40), ", 40 s after the opening"),
        (timedelta(days=7, seconds=1), ", 7 days 1 s after the opening"),
        (timedelta(days=1, hours=3, minutes=12), ", 1 day 3 h after the opening"),
    ],
)
def test_how_late_a_booking_is_started_is_said_in_two_numbers(late: timedelta, said: str) -> None:
    assert due.lateness(Occurrence(1, OPENING, OPENING, OPENING), OPENING + late) == said


def test_a_slot_that_has_begun_is_noted_as_missed_and_those_ahead_go_on(plan_store: PlanStore) -> None:
    number = keep(plan_store)
    month_later = OPENING + timedelta(days=28)

    started, messages = list[Occurrence](), list[str]()
    due.tick(plan_store, month_later, "here", started.append, messages.append)

    assert [f"{occurrence.starts_at:%m-%d}" for occurrence in started] == ["04-02", "04-09"]
    missed = plan_store.occurrences(number, ended=True)
    assert len(missed) == 3
    assert all(each.sentence and each.sentence.startswith("Not reserved: missed") for each in missed)
    assert [sentence.partition(" UTC: ")[2] for sentence in messages] == [
        each.sentence for each in missed[::-1]
    ]


def test_a_run_that_dies_again_and_again_is_given_up(plan_store: PlanStore) -> None:
    number = keep(plan_store)

    starts = [tick(plan_store, OPENING + minute * MINUTE) for minute in range(30)]

    assert sum(map(len, starts)) == due.STARTS
    assert "died each time" in str(plan_store.occurrences(number, ended=True)[0].sentence)


def test_a_run_that_lives_for_hours_is_started_again_however_often_its_machine_is(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan_store = PlanStore(store)
    keep(plan_store)
    clock = FakeClock(OPENING)

    for _ in range(due.STARTS + 2):
        (occurrence,) = tick(plan_store, clock.now())
        with claim_kept(plan_store, occurrence, clock, lost=lambda: None):
            clock.sleep(due.WELL + MINUTE)
        clock.sleep(due.LEASE)

    assert plan_store.occurrences(ended=True) == []
    store.close()


def test_a_paused_plan_starts_nothing_and_goes_on_afterwards(plan_store: PlanStore) -> None:
    number = keep(plan_store)
    plan_store.change(number, is_paused=True)
    assert tick(plan_store, OPENING) == []

    plan_store.change(number, is_paused=False)
    stored = plan_store.get(number)
    assert stored is not None
    due.schedule_next(plan_store, stored, OPENING)
    assert len(tick(plan_store, OPENING)) == 1


def test_a_slot_that_was_served_is_not_scheduled_again_but_the_one_after_it_is(plan_store: PlanStore) -> None:
    number = keep(plan_store)
    (occurrence,) = tick(plan_store, OPENING)
    plan_store.end(occurrence, ended=OPENING, exit_code=1, sentence="Not reserved.", run_id=None)

    plan_store.change(number, trouble=None)  # forgets what lies ahead
    stored = plan_store.get(number)
    assert stored is not None
    due.schedule_next(plan_store, stored, ADDED)

    assert tick(plan_store, OPENING + MINUTE) == []
    assert [each.starts_at - occurrence.starts_at for each in plan_store.occurrences(ended=False)] == [
        timedelta(days=7)
    ]


def test_a_skipped_day_is_not_booked(plan_store: PlanStore) -> None:
    keep(plan_store, replace(WEEKLY, skipped=frozenset({date(2026, 3, 11)})))

    assert tick(plan_store, OPENING) == []
    assert len(tick(plan_store, OPENING + timedelta(days=7))) == 1


def test_an_occurrence_is_found_by_the_name_that_its_process_is_given(plan_store: PlanStore) -> None:
    keep(plan_store)
    (occurrence,) = tick(plan_store, OPENING)

    assert due.occurrence_named(plan_store, due.name_of(occurrence)) == occurrence
    for name in ("1@2020-01-01T00:00:00Z/1", "nonsense", f"{'9' * 30}@2026-03-12T01:00:00Z/1"):
        assert due.occurrence_named(plan_store, name) is None


def test_a_process_that_slept_while_another_took_over_does_not_serve_its_occurrence(
    plan_store: PlanStore,
) -> None:
    keep(plan_store)
    (mine,) = tick(plan_store, OPENING, "one")

    (theirs,) = tick(plan_store, OPENING + due.LEASE, "other")

    assert due.occurrence_named(plan_store, due.name_of(mine)) is None
    assert due.occurrence_named(plan_store, due.name_of(theirs)) == theirs


def test_a_plan_that_cannot_be_read_any_more_is_reported_and_does_not_stop_the_others(
    plan_store: PlanStore,
) -> None:
    number = keep(plan_store)
    keep(plan_store)
    assert len(tick(plan_store, OPENING)) == 2
    plan_store.change(number, body={**body_of(WEEKLY), "rrule": "FREQ=HOURLY"})
    started, messages = list[Occurrence](), list[str]()

    due.tick(plan_store, OPENING + due.LEASE, "here", started.append, messages.append)

    assert [occurrence.plan_id for occurrence in started] == [number + 1]
    (sentence,) = messages
    assert f"plan {number}.rrule: " in sentence
    assert plan_store.occurrences(number, ended=False) == []


DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
SOME_PLANS = [
    (
        replace(
            WEEKLY,
            first=datetime.fromisoformat("2026-01-01T00:00"),
            rule=f"FREQ=WEEKLY;BYDAY={DAYS[number % 7]};BYHOUR={7 + number % 14}",
        ),
        HoursAhead(168) if number % 5 == 0 else DaysAhead(2 + number % 6, time(8, number % 60)),
        "America/New_York" if number % 5 == 0 else "America/Los_Angeles",
    )
    for number in range(20)
]


@pytest.mark.parametrize("database", [None])  # it is about time, and the long way to PostgreSQL costs some
def test_in_a_year_of_minutes_every_opening_is_served_exactly_once(plan_store: PlanStore) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    end = begin + timedelta(minutes=527_000)
    off = (begin + timedelta(days=100), begin + timedelta(days=107))
    for plan, rule, where in SOME_PLANS:
        keep(plan_store, plan, rule, begin, where)
    served: dict[tuple[int, datetime], datetime] = {}
    twice: Counter[tuple[int, datetime]] = Counter()
    ticks, wake = 0, plan_store.next_wake()
    now = begin
    while now < end:
        if not off[0] <= now < off[1]:
            ticks += 1
            if wake is not None and wake <= now:  # before that, a tick finds nothing: see the next test
                for occurrence in tick(plan_store, now):
                    key = (occurrence.plan_id, occurrence.starts_at)
                    twice[key] += key in served
                    served[key] = now
                    plan_store.end(occurrence, ended=now, exit_code=0, sentence="Reserved.", run_id=None)
                wake = plan_store.next_wake()
        now += MINUTE

    missed = []
    for number, (plan, rule, where) in enumerate(SOME_PLANS, start=1):
        for slot in plan.slots(zone(where), begin):
            opens_at = rule.opens_at(slot.start)
            if opens_at - due.LEAD + MINUTE >= end:
                break
            moment = served.pop((number, slot.start.astimezone(UTC)), None)
            if moment is None:
                missed.append((opens_at, slot.start))
            elif not off[0] <= opens_at < off[1] + due.LEAD and opens_at > begin + due.LEAD:
                assert opens_at - due.LEAD <= moment < opens_at - due.LEAD + MINUTE
    assert ticks > 500_000
    assert sum(twice.values()) == 0
    assert served == {}  # nothing was served that no plan wanted
    assert missed
    assert all(off[0] <= start <= off[1] for _, start in missed)  # played while the machine was off


def test_a_tick_before_the_next_wake_finds_nothing(plan_store: PlanStore) -> None:
    for plan, rule, where in SOME_PLANS[:10]:
        keep(plan_store, plan, rule, ADDED, where)
    now = ADDED
    for _ in range(40):
        wake = plan_store.next_wake()
        assert wake is not None
        if wake > now:
            assert tick(plan_store, wake - timedelta(seconds=1)) == []
        now = max(now, wake)
        for occurrence in tick(plan_store, now):
            plan_store.end(occurrence, ended=now, exit_code=0, sentence="Reserved.", run_id=None)


def ticking(plan_store: PlanStore, clock: Clock, started: list[list[str]]) -> Ticking:
    """What cron calls, with processes that are only noted."""
    return Ticking(plan_store, clock, lambda words: started.append(list(words)), Settings())


def test_near_an_opening_a_tick_stays_to_take_over_from_a_machine_that_dies(plan_store: PlanStore) -> None:
    keep(plan_store, now=OPENING - timedelta(hours=1))
    tick(plan_store, OPENING - due.LEAD, "one")
    for weeks in range(2, 150):  # what other plans have ahead
        opens_at = OPENING + timedelta(weeks=weeks)
        plan_store.schedule(
            Occurrence(2, opens_at + timedelta(days=7), opens_at, wake_at=opens_at - due.LEAD)
        )
    clock, started = FakeClock(OPENING - due.LEAD + timedelta(seconds=20)), list[list[str]]()
    clock.sleep_until(OPENING - timedelta(seconds=119))
    (occurrence,) = plan_store.occurrences(1, ended=False)[-1:]
    plan_store.keep(occurrence, clock.now() + timedelta(seconds=30))  # its last word

    ticking(plan_store, clock, started).minute()

    assert started == [["due", "--occurrence", "1@2026-03-12T01:00:00Z/2"]]
    assert clock.now() <= OPENING - MINUTE


@pytest.mark.parametrize(
    ("changes", "settings", "is_left"),
    [
        ({"account": "mine"}, Settings(), True),
        ({}, Settings(account="mine"), True),
        ({"system": "atrium", "choices": (Choice("Court 1"),)}, Settings(), True),
        ({}, Settings(), False),  # books with the environment's account, and needs no key
    ],
)
def test_a_machine_with_another_key_says_so_and_leaves_the_turns_to_those_that_have_it(
    tmp_path: Path, changes: dict[str, Any], settings: Settings, is_left: bool
) -> None:
    store = Store(tmp_path)
    plan_store = PlanStore(store)
    here, there = (replace(settings, data=tmp_path / name) for name in ("here", "there"))
    for each in (here, there):
        each.data.mkdir()
    SecretStore(store, here.data).write("account/mine", "{}")
    with closing(Store(there.data)) as own:  # so its key is another one
        SecretStore(own, there.data).write("account/other", "{}")
    keep(plan_store, replace(WEEKLY, **changes), now=OPENING - timedelta(hours=1))
    clock, started = FakeClock(OPENING - due.LEAD), list[list[str]]()

    def tick_of(machine: Settings) -> Ticking:
        start = started.append
        return Ticking(
            plan_store, clock, lambda words: start(list(words)), machine, partial(check_key, store, machine)
        )

    if is_left:
        with pytest.raises(UsageError, match=r"is not the key .* leaves the plans to others") as refused:
            tick_of(there).tick()
        assert refused.value.exit_code == 2
        assert started == []
        assert [each.claims for each in plan_store.occurrences(ended=False)] == [0]
        tick_of(here).tick()
    else:
        tick_of(there).tick()
    assert len(started) == 1
    if changes.get("system") == "atrium":  # whose tokens the other machine renews
        with pytest.raises(UsageError, match="is not the key"):
            tick_of(there).look_after_plans(clock.now())
        tick_of(here).look_after_plans(clock.now())
        assert started[-1] == ["account", "refresh"]
    store.close()


def test_a_tick_does_not_stay_for_an_opening_whose_occurrence_has_ended(plan_store: PlanStore) -> None:
    keep(plan_store, now=OPENING - timedelta(hours=1))
    (occurrence,) = tick(plan_store, OPENING - due.LEAD)
    plan_store.end(occurrence, ended=OPENING - due.LEAD, exit_code=3, sentence="Refused.", run_id=None)
    clock = FakeClock(OPENING - MINUTE)

    ticking(plan_store, clock, []).minute()

    assert clock.now() == OPENING - MINUTE


def test_facilities_are_read_again_once_a_day_by_one_machine(plan_store: PlanStore) -> None:
    keep(plan_store)
    clock, started = FakeClock(ADDED + timedelta(days=1, minutes=1)), list[list[str]]()

    for _ in range(5):
        ticking(plan_store, clock, started).minute()
        clock.sleep(MINUTE)

    assert started == [["plan", "refresh"]]


def test_sign_ins_of_atrium_are_kept_alive_while_a_plan_needs_them(plan_store: PlanStore) -> None:
    clock, started = FakeClock(ADDED), list[list[str]]()
    keep(plan_store, replace(WEEKLY, system="atrium"))

    for _ in range(61):
        ticking(plan_store, clock, started).minute()
        clock.sleep(MINUTE)

    assert started.count(["account", "refresh"]) == 4


@pytest.mark.parametrize(("ahead", "is_later"), [(MINUTE, False), (timedelta(days=5), True)])
def test_a_booking_whose_window_was_changed_waits_for_the_new_opening(
    plan_store: PlanStore, ahead: timedelta, is_later: bool
) -> None:
    keep(plan_store)
    (occurrence,) = tick(plan_store, OPENING - due.LEAD)
    now = OPENING - due.LEAD
    slot = Slot(occurrence.starts_at, occurrence.starts_at + WEEKLY.length)
    offers = Offers("Alice Marble", UTC, (Offer(Court("1", "Court 1"), slot, now + ahead),))

    def ask(plan: Plan, start: datetime, choice: Choice) -> Offers:
        return offers

    assert opens_later(plan_store, occurrence, WEEKLY, WEEKLY.first, ask, now) == is_later

    assert bool(tick(plan_store, now + ahead - due.LEAD)) == is_later


def outcomes(*codes: int) -> tuple[Run, list[str]]:
    """Runs that end so, one after the other, and where they were asked to run."""
    left, asked = list(codes), list[str]()

    def run(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        asked.append(f"{choice.facility}, waiting" if waits else choice.facility)
        return Outcome(OutcomeWord.NOT_RESERVED, left.pop(0), f"Run {len(asked)}."), None

    return run, asked


TWO = replace(WEEKLY, choices=(Choice("A"), Choice("B")))


@pytest.mark.parametrize(
    ("codes", "expected"), [((1, 0), ["A", "B"]), ((0,), ["A"]), ((7,), ["A"]), ((3,), ["A"])]
)
def test_facilities_are_tried_in_order_until_one_has_a_court_or_nobody_knows(
    codes: tuple[int, ...], expected: list[str]
) -> None:
    run, asked = outcomes(*codes)

    in_order(TWO, run, waits=True)

    assert asked == expected


@pytest.mark.parametrize(
    ("codes", "expected", "message"),
    [
        ((1, 1, 0), ["A", "B", "A, waiting"], "Run 3."),
        ((1, 5, 0), ["A", "B", "A, waiting"], "Run 3."),
        ((6, 1, 0), ["A", "B", "B, waiting"], "Run 3."),
        ((6, 2), ["A", "B"], "Run 1."),
    ],
)
def test_a_plan_waits_at_the_first_facility_whose_courts_are_taken(
    codes: tuple[int, ...], expected: list[str], message: str
) -> None:
    run, asked = outcomes(*codes)

    outcome, _ = in_order(TWO, run, waits=True)

    assert asked == expected
    assert outcome.sentence == message


def test_without_a_court_and_a_waiting_list_the_first_facility_is_reported() -> None:
    run, _ = outcomes(1, 5)

    outcome, _ = in_order(TWO, run, waits=False)

    assert (outcome.exit_code, outcome.sentence) == (1, "Run 1.")


def test_where_a_firewall_blocks_us_no_other_facility_is_asked() -> None:
    asked = []

    def run(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        asked.append(choice.facility)
        return failed(Blocked("a firewall refuses us")), "run-1"

    in_order(TWO, run, waits=True)

    assert asked == ["A"]


class Serving:
    """A process that serves an occurrence of a plan with a waiting list, from *now* on."""

    def __init__(self, plan_store: PlanStore, now: datetime, plan: Plan = WEEKLY) -> None:
        self.plan_store, self.clock = plan_store, FakeClock(now)
        self.waited: list[bool] = []
        self.messages: list[str] = []
        self.missing: NoSuchSlot | None = None
        self.number = keep(plan_store, replace(plan, wait_list=True))
        self.occurrence, *_ = tick(plan_store, now)
        slot = Slot(self.occurrence.starts_at, self.occurrence.starts_at + WEEKLY.length)
        self.offers = Offers("A", UTC, (Offer(Court("1", "Court 1"), slot, self.occurrence.opens_at),))

    def ask(self, *asked: object) -> Offers:
        if self.missing:
            raise self.missing
        return self.offers

    def serve(self, run: Run) -> int:
        """The exit code, when *run* is how a run goes."""
        stored = self.plan_store.get(self.number)
        assert stored is not None
        stop = Stop()
        stop.shield()
        with stop.listening():

            def noted(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
                self.waited.append(waits)
                return run(choice, waits)

            return serve_occurrence(
                self.plan_store,
                self.occurrence,
                stored,
                self.ask,
                noted,
                self.clock,
                lambda *notices: self.messages.extend(each.text for each in notices),
            )

    def waits(self, choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        """A run that looks for a court until it is stopped, or the slot has started."""
        stop = Stop()
        with stop.listening():
            try:
                while self.clock.now() < self.occurrence.starts_at:
                    self.clock.sleep(MINUTE)
                return Outcome(OutcomeWord.NOT_RESERVED, 1, "Not reserved."), "run-1"
            except Interrupted as end:
                return failed(end), "run-1"

    @property
    def ended(self) -> Occurrence | None:
        """The occurrence, when it has ended."""
        return next(iter(self.plan_store.occurrences(self.number, ended=True)), None)


def test_a_plan_gives_up_waiting_while_the_player_can_still_get_there(lasting: PlanStore) -> None:
    serving = Serving(lasting, OPENING + timedelta(days=7, hours=7))

    serving.serve(serving.waits)

    assert serving.clock.now() <= serving.occurrence.starts_at - WEEKLY.notice + MINUTE
    assert serving.ended is not None
    assert "no court became free in time" in str(serving.ended.sentence)


@pytest.mark.parametrize(
    ("notice", "now"),
    [
        (timedelta(hours=36), OPENING + timedelta(days=6)),
        (timedelta(days=7), OPENING + timedelta(hours=10)),
    ],
)
def test_where_there_is_no_time_to_wait_a_court_is_asked_for_all_the_same(
    lasting: PlanStore, notice: timedelta, now: datetime
) -> None:
    serving = Serving(lasting, now, replace(WEEKLY, notice=notice))
    run, _ = outcomes(0)

    assert serving.serve(run) == 0

    assert serving.waited == [False]
    assert serving.ended is not None
    assert serving.ended.sentence == "Run 1."
    assert serving.messages == ["Run 1. (plan 1, Wed 2026-03-11 18:00)"]


def test_no_run_is_started_for_a_slot_that_is_out_of_season_and_the_player_is_told_once(
    lasting: PlanStore,
) -> None:
    serving = Serving(lasting, OPENING)
    run, ran = outcomes()
    serving.missing = NoSuchSlot("no court has it", date(2027, 3, 14))

    assert serving.serve(run) == ExitCode.USAGE
    serving.clock.sleep(timedelta(days=7))
    serving.occurrence, *_ = tick(lasting, serving.clock.now())
    assert serving.serve(run) == ExitCode.USAGE

    assert (serving.waited, ran) == ([], [])
    (message,) = serving.messages
    assert message.startswith("Refused: no court has it; by the season it should return")
    assert len(lasting.occurrences(serving.number, ended=True)) == 2


@pytest.mark.parametrize("notice", [WEEKLY.notice, timedelta(days=7)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_turn_that_is_stopped_from_outside_is_taken_up_by_the_next_tick(
    lasting: PlanStore, notice: timedelta, number: signal.Signals
) -> None:
    now = OPENING + timedelta(hours=10)
    serving = Serving(lasting, now, replace(WEEKLY, notice=notice))

    def stopped(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        serving.clock.call_at(now + MINUTE, lambda: os.kill(os.getpid(), number))
        return serving.waits(choice, waits)

    assert serving.serve(stopped) == 128 + number

    assert (serving.ended, serving.messages) == (None, [])
    assert len(tick(lasting, now + 2 * MINUTE)) == 1


def test_a_run_whose_turn_was_taken_stops_before_it_asks_for_a_court(
    lasting: PlanStore, tmp_path: Path
) -> None:
    number = keep(lasting)
    (occurrence,) = tick(lasting, OPENING - due.LEAD)
    with Stage(tmp_path / "run", opens_at=OPENING.astimezone(zone("America/Los_Angeles"))) as stage:
        moment = stage.opens_at - timedelta(seconds=50)
        taken = partial(lasting.claim, OPENING + due.BEYOND, "another", OPENING + due.BEYOND * 2)
        stage.clock.call_at(moment, taken)  # type: ignore[arg-type]
        with stage.stop.listening(), claim_kept(lasting, occurrence, stage.clock, stop_this_process):
            outcome = stage.book()

        assert (outcome.exit_code, stage.ledger.attempts) == (128 + signal.SIGTERM, [])
    assert [each.worker for each in lasting.occurrences(number, ended=False)][-1] == "another"


def test_nobody_takes_over_from_a_process_that_hears_nothing_of_its_database_across_the_opening(
    lasting: PlanStore,
) -> None:
    number = keep(lasting)
    (occurrence,) = tick(lasting, OPENING - due.LEAD)
    near = OPENING - timedelta(seconds=70)

    assert lasting.keep(occurrence, due.claimed_until(occurrence, near))

    assert tick(lasting, OPENING + timedelta(seconds=100)) == []
    assert [each.plan_id for each in tick(lasting, OPENING + due.BEYOND)] == [number]


def test_machines_whose_clocks_differ_by_half_an_hour_go_by_the_clock_of_their_database(
    empty_postgres: str, tmp_path: Path
) -> None:
    store = Store(tmp_path, empty_postgres)
    plan_store = PlanStore(store)
    fast = datetime.now(UTC) + timedelta(minutes=30)

    assert abs(plan_store.now(fast) - datetime.now(UTC)) < timedelta(minutes=1)
    soon = datetime.now(UTC) + timedelta(minutes=3)
    claimed = Occurrence(1, soon + timedelta(days=7), opens_at=soon, wake_at=soon, worker="other", claims=1)
    plan_store.schedule(claimed)
    assert Ticking(plan_store, FakeClock(fast), lambda words: None, Settings()).tick() == []
    store.close()
    alone = Store(tmp_path)
    assert PlanStore(alone).now(fast) == fast
    alone.close()


def test_what_a_killed_process_left_unscheduled_is_scheduled_by_the_next_tick(lasting: PlanStore) -> None:
    number = keep(lasting)
    lasting.change(number, trouble="killed before the slot was scheduled again")
    assert lasting.occurrences(number) == []

    ticking = Ticking(lasting, FakeClock(ADDED), lambda words: None, Settings())
    ticking.minute()

    assert [each.opens_at for each in lasting.occurrences(number)] == [OPENING]


def test_a_store_that_fails_at_the_end_costs_the_player_no_word_and_takes_the_outcome_later(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    serving = Serving(WithoutClock(store), OPENING + timedelta(hours=10))
    run, _ = outcomes(0)

    def break_store(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        with store.engine.begin() as connection:
            connection.execute(text("ALTER TABLE occurrences RENAME TO away"))
        return run(choice, waits)

    assert serving.serve(break_store) == 0
    assert serving.messages == ["Run 1. (plan 1, Wed 2026-03-11 18:00)"]
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO occurrences"))
    store.close()
    again = Store(tmp_path)
    (ended,) = PlanStore(again).occurrences(serving.number, ended=True)
    again.close()
    assert (ended.sentence, ended.exit_code) == ("Run 1.", 0)


def test_a_request_to_stop_between_two_facilities_is_obeyed_before_the_second() -> None:
    asked = []

    def book(booking: Booking, *around: object, **more: object) -> tuple[Any, None]:
        asked.append(booking.request.facility)
        os.kill(os.getpid(), signal.SIGTERM)
        outcome = Outcome(OutcomeWord.NOT_RESERVED, 1, "Not reserved.")
        return SimpleNamespace(outcome=outcome, run_id="run-1"), None

    settings = Settings(email="a@example.org", password="canary")
    wall, stop = datetime.fromisoformat("2026-03-11T18:00"), Stop()
    stop.shield()
    with stop.listening():
        run = runs_for(TWO, wall, settings, stop, book=book)
        outcome, _ = in_order(TWO, run, waits=False)

    assert (asked, outcome.exit_code) == (["A"], 143)


def test_a_process_of_its_own_gets_its_secrets_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RESERVE_DATA": str(tmp_path), "RESERVE_PASSWORD": "canary-word"}.items():
        monkeypatch.setenv(name, value)

    start_process(tmp_path, ["due", "--occurrence", "1@nothing"])

    log = tmp_path / "due.log"
    clock = Clock()
    waited = clock.now() + timedelta(seconds=60)
    while "Refused" not in log.read_text() and clock.now() < waited:
        clock.sleep(timedelta(milliseconds=50))
    assert "--occurrence: '1@nothing' is not due" in log.read_text()
    assert "canary" not in log.read_text()


@pytest.mark.parametrize("is_quiet", [False, True])
def test_a_tick_loads_nothing_heavy_and_costs_little(tmp_path: Path, is_quiet: bool) -> None:
    Store(tmp_path).close()
    if is_quiet:
        idle = Namespace(occurrence=None, check=None, check_at="off", verbose=False)
        for _ in range(2):
            run_due(idle, Settings(data=tmp_path), Clock())
    script = (
        "import re, resource, sys\n"
        "from pathlib import Path\n"
        "from reserve.commands import main\n"
        "assert main(['due']) == 0\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "most = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]\n"
        "print(used.ru_utime + used.ru_stime, int(most) / 1024, *sys.modules)"
    )

    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(HERE), "RESERVE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    seconds, megabytes, *modules = result.stdout.split()
    assert {"alembic", "flask", "msgspec", "selenium", "requests", "rich"} & set(modules) == set()
    assert ("sqlalchemy" in modules) is not is_quiet
    assert float(megabytes) < 60
    assert float(seconds) < 4  # 0.3 on an idle machine, 0.1 when it is quiet; a slow and busy one counts more
