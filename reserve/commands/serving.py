"""Serving one occurrence of a plan, facility by facility, while this process has the claim to it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from reserve.booking.context import Leads
from reserve.booking.result import Outcome, RunResult, failed
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.book import book
from reserve.commands.planned import Lookup, booking_for
from reserve.commands.telling import notices_of, tell
from reserve.commands.wiring import hurried_by
from reserve.errors import ExitCode, Interrupted, NoSuchSlot, OutcomeWord, ReserveError
from reserve.log_file import lines_are_about
from reserve.notify.notice import Kind, Notice
from reserve.plans import due
from reserve.plans.plan import Choice, Plan
from reserve.plans.preview import Ask
from reserve.settings import Settings
from reserve.signals import SIGNALS
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan
from reserve.storage.run_folder import calendar_of

TOO_EARLY = timedelta(minutes=10)  # before an opening; the run would wait for nothing
STOPPED = [Interrupted(number).exit_code for number in SIGNALS]
# After these the next facility of a plan is worth trying.
GO_ON = (ExitCode.NOT_RESERVED, ExitCode.USAGE, ExitCode.FORBIDDEN, ExitCode.SERVICE)

Run = Callable[[Choice, bool], tuple[Outcome, str | None]]  # at a facility, waiting or not; with the run's id
Tell = Callable[..., None]  # the notices
Calendar = Callable[[str], str | None]  # the calendar file of the run with this id, if it has one


def book_occurrence(plan_store: PlanStore, name: str, settings: Settings, clock: Clock) -> int:
    """Book for the occurrence called *name*, and tell the player how it ended."""
    occurrence = due.occurrence_named(plan_store, name)
    stored = plan_store.get(occurrence.plan_id) if occurrence else None
    if occurrence is None or stored is None:
        print(f"Refused: --occurrence: {name!r} is not due, or another process serves it.")
        return ExitCode.USAGE
    lines_are_about(plan=occurrence.plan_id)
    stop = Stop()
    stop.shield()  # a run listens for itself; before, between and after runs a request to stop is noted
    plan, start = due.plan_of(stored), due.wall(stored, occurrence)
    run = runs_for(plan, start, settings, stop)
    with stop.listening():
        return serve_occurrence(
            plan_store,
            occurrence,
            stored,
            Lookup(settings, clock, hurried_by(stop)).offers,
            run,
            clock,
            partial(tell, settings),
            partial(calendar_of, settings.data),
        )


def runs_for(
    plan: Plan,
    start: datetime,
    settings: Settings,
    stop: Stop,
    *,
    book: Callable[..., tuple[RunResult, object]] = book,
) -> Run:
    """What runs at a facility for the slot of *plan* that starts at *start*, unless *stop* was requested."""

    def run(choice: Choice, waits: bool) -> tuple[Outcome, str | None]:
        try:
            stop.obey()
            booking = booking_for(plan, start, choice, settings, waits=waits)
            result, _ = book(booking, Leads(), in_turn=True)
        except ReserveError as failure:
            return failed(failure), None
        return result.outcome, result.run_id

    return run


def serve_occurrence(
    plan_store: PlanStore,
    occurrence: Occurrence,
    stored: StoredPlan,
    ask: Ask,
    run: Run,
    clock: Clock,
    tell: Tell,
    calendar: Calendar = lambda run_id: None,
) -> int:
    """Have one *run* after the other for *occurrence*, and end it, unless it opens later."""
    plan, start = due.plan_of(stored), due.wall(stored, occurrence)
    with claim_kept(plan_store, occurrence, clock, lost=stop_this_process):
        if opens_later(plan_store, occurrence, plan, start, ask, clock.now()):
            return ExitCode.SUCCESS
        if missing := without_slot(plan, start, ask):
            return skip(plan_store, occurrence, missing, clock.now(), tell)
        if late := due.lateness(occurrence, clock.now()):
            print(f"{late.removeprefix(', ')}; trying all the same", file=sys.stderr, flush=True)
        wait_ends = due.wait_ends(plan, occurrence, clock.now())
        if wait_ends is not None:
            clock.call_at(wait_ends, stop_this_process)
        outcome, run_id = in_order(plan, run, waits=wait_ends is not None)
        is_stopped = outcome.exit_code in STOPPED
        if not is_stopped or (wait_ends is not None and clock.now() >= wait_ends):
            end(plan_store, occurrence, outcome, run_id, clock, tell, start, calendar)
            return outcome.exit_code
    plan_store.keep(occurrence, plan_store.now(clock.now()))  # machines are restarted; the next tick goes on
    return outcome.exit_code


def end(
    plan_store: PlanStore,
    occurrence: Occurrence,
    outcome: Outcome,
    run_id: str | None,
    clock: Clock,
    tell: Tell,
    start: datetime,
    calendar: Calendar,
) -> None:
    """Tell the player how *occurrence* ended, and then the store, which may take its time."""
    told = outcome
    if outcome.exit_code in STOPPED:
        sentence = "Not reserved: no court became free in time for you to get there."
        told = Outcome(OutcomeWord.NOT_RESERVED, ExitCode.NOT_RESERVED, sentence)
    sentence = told.sentence
    print(sentence, flush=True)
    what = f"plan {occurrence.plan_id} {occurrence.starts_at:%Y%m%dT%H%M}"
    about = f"plan {occurrence.plan_id}, {start:%a %Y-%m-%d %H:%M}"
    file = calendar(run_id) if run_id else None
    tell(*notices_of(told, clock.now(), what=what, about=about, run_id=run_id, calendar=file))
    plan_store.end(
        occurrence, ended=clock.now(), exit_code=outcome.exit_code, sentence=sentence, run_id=run_id
    )


def without_slot(plan: Plan, start: datetime, ask: Ask) -> NoSuchSlot | None:
    """Why no facility of *plan* has the slot, when it is one that comes back with the season."""
    why: NoSuchSlot | None = None
    for choice in plan.choices:
        try:
            ask(plan, start, choice)
        except NoSuchSlot as missing:
            if missing.returns is None:
                return None
            why = why or missing
        except ReserveError:
            return None  # the run will find out, and say so
        else:
            return None
    return why


def skip(
    plan_store: PlanStore, occurrence: Occurrence, missing: NoSuchSlot, now: datetime, tell: Tell
) -> int:
    """End *occurrence* without a run; the player is told once a season, not every week."""
    before = plan_store.occurrences(occurrence.plan_id, ended=True, most=1)
    sentence = f"Refused: {missing}."
    plan_store.end(occurrence, ended=now, exit_code=ExitCode.USAGE, sentence=sentence, run_id=None)
    print(sentence, flush=True)
    if not before or before[0].exit_code != ExitCode.USAGE:
        name = f"plan {occurrence.plan_id} {occurrence.starts_at:%Y%m%dT%H%M} skipped"
        tell(Notice(name, Kind.LOST, f"{sentence} (plan {occurrence.plan_id})", now))
    return ExitCode.USAGE


def opens_later(
    plan_store: PlanStore, occurrence: Occurrence, plan: Plan, start: datetime, ask: Ask, now: datetime
) -> bool:
    """Whether the facility has changed its window since it was looked at; then *occurrence* waits on."""
    try:
        opens_at = min(offer.opens_at for offer in ask(plan, start, plan.choices[0]).offers)
    except ReserveError:
        return False  # the run will find out, and say so
    if opens_at - now < TOO_EARLY:
        return False
    plan_store.reschedule(occurrence, opens_at=opens_at, wake_at=opens_at - due.LEAD)
    print(f"it opens later, at {opens_at:%a %Y-%m-%d %H:%M:%S %Z}", file=sys.stderr)
    return True


def in_order(plan: Plan, run: Run, *, waits: bool) -> tuple[Outcome, str | None]:
    """Try the facilities of *plan* in their order; who *waits* does so at the first whose courts are taken.

    Without a court, the result is that of the wait, or else that of the first facility.
    """
    if len(plan.choices) == 1:
        return run(plan.choices[0], waits)
    results = []
    for choice in plan.choices:
        result = run(choice, False)
        if result[0].exit_code not in GO_ON or result[0].is_blocked:
            return result
        results.append(result)
    for choice, (outcome, _) in zip(plan.choices, results, strict=True):
        if waits and outcome.exit_code == ExitCode.NOT_RESERVED:
            return run(choice, True)
    return results[0]


@contextmanager
def claim_kept(
    plan_store: PlanStore, occurrence: Occurrence, clock: Clock, lost: Callable[[], None]
) -> Iterator[None]:
    """Inside, our claim of *occurrence* is extended again and again; *lost* is called when it is lost."""
    over = threading.Event()
    began, ours_until = clock.now(), occurrence.wake_at

    def heartbeat() -> None:
        nonlocal ours_until
        now = clock.now()
        if over.is_set():
            return
        ahead = plan_store.now(now) - now  # of our clock, by which the other machines do not go
        until = due.claimed_until(occurrence, now + ahead)
        kept = plan_store.keep(occurrence, until, went_well=now - began >= due.WELL)
        if kept:
            ours_until = until - ahead
        if kept or (kept is None and clock.now() < ours_until):
            clock.call_at(now + due.HEARTBEAT, heartbeat)
        elif not over.is_set():
            why = "no database answers" if kept is None else "it was cancelled, or another machine took over"
            print(f"this run ends: {why}", file=sys.stderr, flush=True)
            lost()

    heartbeat()
    try:
        yield
    finally:
        over.set()


def stop_this_process() -> None:
    """Ask ourselves to stop, as SIGTERM does."""
    os.kill(os.getpid(), signal.SIGTERM)
