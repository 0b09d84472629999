"""What `due` does the evening before an opening: checks the booking, quietly, in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from reserve.booking.result import failed
from reserve.checks.verdict import Verdict, failures
from reserve.clock import Clock
from reserve.commands.check import Checked, check
from reserve.commands.options import Booking
from reserve.commands.planned import booking_for
from reserve.commands.serving import STOPPED, stop_this_process
from reserve.commands.telling import tell
from reserve.errors import ExitCode, NoSuchSlot, ReserveError
from reserve.log_file import lines_are_about
from reserve.notify.notice import Kind, Notice
from reserve.plans import due
from reserve.plans.plan import Plan
from reserve.settings import Settings
from reserve.storage.plans import Occurrence, PlanStore

LONGEST = timedelta(minutes=5)  # for all of it; nothing else waits for it
GENTLE = 10  # so much nicer to others than a run is

Try = Callable[[Booking], Checked]
Tell = Callable[..., None]  # the notices


def check_occurrence(plan_store: PlanStore, name: str, settings: Settings, clock: Clock) -> int:
    """Check the booking for the occurrence called *name*, and tell the player if it would fail."""
    occurrence = due.occurrence_named(plan_store, name)
    stored = plan_store.get(occurrence.plan_id) if occurrence else None
    if occurrence is None or stored is None:
        print(f"Refused: --check: {name!r} is not ahead, or is being served.")
        return ExitCode.USAGE
    lines_are_about(plan=occurrence.plan_id)
    with suppress(OSError):
        os.nice(GENTLE)
    clock.call_at(clock.now() + LONGEST, stop_this_process)
    plan, start = due.plan_of(stored), due.wall(stored, occurrence)
    attempt = partial(check, is_quiet=True, is_called_by_cron=True)
    code, trouble = tried(plan, start, settings, attempt)
    print(f"checked for {start:%a %Y-%m-%d %H:%M}: {trouble or 'ready'}", flush=True)
    if trouble:
        tell(settings, notice_of(trouble, occurrence, start, clock.now()))
    return code


def tried(plan: Plan, start: datetime, settings: Settings, attempt: Try) -> tuple[int, str | None]:
    """The exit code, and what the player has to know: nothing when a facility of *plan* can be booked.

    Also nothing of a check that was stopped, and of a slot that comes back with its season, as the run says.
    """
    code, trouble = int(ExitCode.SUCCESS), None
    for choice in plan.choices:
        try:
            checked = attempt(booking_for(plan, start, choice, settings))
        except ReserveError as failure:
            found, said = failed(failure).exit_code, str(failure)
        else:
            wrong = failures(checked.verdicts)
            found, said = checked.result.outcome.exit_code, words_of(wrong)
        if found == ExitCode.SUCCESS or found in STOPPED:
            return found, None
        if trouble is None:
            code, trouble = found, said
        if found != ExitCode.USAGE:  # what is wrong here is wrong at the next facility, too
            break
    return code, trouble or None


def words_of(wrong: list[Verdict]) -> str:
    """What failed, and what to do about it; empty when it is no news."""
    if any(isinstance(each.failure, NoSuchSlot) and each.failure.returns for each in wrong):
        return ""
    return " ".join(f"{each.step}: {each.said.rstrip('.')}. {each.remedy}".strip() for each in wrong)


def notice_of(trouble: str, occurrence: Occurrence, start: datetime, now: datetime) -> Notice:
    """What the player is told, as long as it is of use."""
    name = f"plan {occurrence.plan_id} {occurrence.starts_at:%Y%m%dT%H%M} checked"
    about = f"plan {occurrence.plan_id}, {start:%a %Y-%m-%d %H:%M}"
    text = f"Checked the evening before, and the booking would fail: {trouble} ({about})"
    return Notice(name, Kind.BROKEN, text, now, not_after=occurrence.opens_at)
