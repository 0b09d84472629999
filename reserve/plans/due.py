"""Which bookings are due: what cron looks for every minute.

A tick claims every occurrence whose opening is near, schedules the next one of its plan, and starts a
process for it, which extends the claim every few seconds. When it stops doing so, the claim ends, and the
next tick of any machine takes over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta

from reserve import window
from reserve.errors import ExitCode, UsageError
from reserve.plans.plan import Plan
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan

LEAD = timedelta(minutes=4)  # a run signs in two minutes ahead; a minute for the tick, one for a takeover
LEASE = timedelta(seconds=45)
HEARTBEAT = timedelta(seconds=15)  # two may get lost
# Who takes over later than this before an opening cannot sign in in time. So then a claim holds beyond the
# opening, and whoever has it need not hear from the database any more.
TOO_LATE = timedelta(seconds=75) - LEASE
BEYOND = timedelta(minutes=2)
STARTS = 10  # of one occurrence in a row; whatever ended it so often will do so again
WELL = timedelta(minutes=5)  # a run that lived so long did not die of its start
STALE = timedelta(days=1)  # after that, the facility of a plan is looked at again
CHECKED_BEFORE = timedelta(hours=1)  # the opening, at least; a later check helps nobody
LOOK_AGAIN = timedelta(minutes=10)  # when that did not work


def plan_of(stored: StoredPlan) -> Plan:
    """The plan in *stored*; raises `UsageError` naming it when it was kept by a version that allowed more."""
    from reserve.plans.file import plan_in  # a tick that has nothing to start needs no JSON

    try:
        return plan_in(stored.body, date.min, f"plan {stored.plan_id}")
    except UsageError as failure:
        raise UsageError(f"{failure}; remove the plan, and add it again") from failure


def occurrence_for(stored: StoredPlan, starts_at: datetime, opens_at: datetime) -> Occurrence:
    """The occurrence of *stored* for the slot that starts at *starts_at*."""
    return Occurrence(stored.plan_id, starts_at, opens_at, wake_at=opens_at - LEAD)


def schedule_next(plan_store: PlanStore, stored: StoredPlan, after: datetime) -> None:
    """Have the first slot of *stored* that starts after *after*, and was not served yet, served in time."""
    if stored.zone is None or stored.rule is None or stored.is_paused:  # nobody knows, or asks, when it opens
        return
    rule = window.parse_opening_rule(stored.rule)
    for slot in plan_of(stored).slots(window.zone(stored.zone), after):
        if plan_store.schedule(occurrence_for(stored, slot.start, rule.opens_at(slot.start))):
            return


def claimed_until(occurrence: Occurrence, now: datetime) -> datetime:
    """Until when a claim of *occurrence* holds that is made or extended at *now*."""
    is_near = now >= occurrence.opens_at - TOO_LATE - LEASE
    return max(now + LEASE, occurrence.opens_at + BEYOND) if is_near else now + LEASE


def schedule_missing(plan_store: PlanStore, now: datetime) -> None:
    """Have every plan's next slot served in time, also where a process was killed before it could say so."""
    for stored in plan_store.without_occurrence():
        with suppress(UsageError):  # `plan list` names it
            schedule_next(plan_store, stored, now)


def tick(
    plan_store: PlanStore,
    now: datetime,
    worker: str,
    start: Callable[[Occurrence], None],
    tell: Callable[[str], None] = lambda sentence: None,
) -> list[str]:
    """Call *start* for every occurrence that is due and unclaimed; returns what is to be logged.

    What the player did not bring about and has to know is handed to *tell*.
    """
    lines = []
    while occurrences := plan_store.claim(now, worker, now + LEASE):
        for occurrence in occurrences:
            name = f"plan {occurrence.plan_id} for {occurrence.starts_at:%Y-%m-%d %H:%M} UTC"
            stored = plan_store.get(occurrence.plan_id)
            is_wanted = stored is not None and not stored.is_paused
            why = _refusal(plan_store, stored, occurrence, now)
            if why is None:
                start(occurrence)
                again = f" again (start {occurrence.claims})" if occurrence.claims > 1 else ""
                lines.append(f"{name}: started{again}{lateness(occurrence, now)}")
                continue
            sentence = f"Not reserved: {why}."
            plan_store.end(
                occurrence, ended=now, exit_code=ExitCode.NOT_RESERVED, sentence=sentence, run_id=None
            )
            lines.append(f"{name}: {sentence}")
            if is_wanted:
                tell(lines[-1])
    return lines


def _refusal(
    plan_store: PlanStore, stored: StoredPlan | None, occurrence: Occurrence, now: datetime
) -> str | None:
    """Why no run is to be started for *occurrence*, if so; the next slot of its plan is scheduled."""
    if stored is None or stored.is_paused:
        return "its plan was paused or removed"
    try:
        schedule_next(plan_store, stored, occurrence.starts_at)
    except UsageError as failure:  # the other plans can be served
        return str(failure)
    if occurrence.starts_at <= now:
        opened = f"{occurrence.opens_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"missed, as nothing ran between the opening at {opened} and the slot"
    if occurrence.false_starts > STARTS:
        return f"its run was started {STARTS} times in a row and died each time"
    return None


def evening_before(plan_store: PlanStore, occurrence: Occurrence, check_at: time) -> datetime | None:
    """When *occurrence* is to be checked: at that time by the facility's wall, the day before it opens.

    None when nobody wants it any more, or is serving it already.
    """
    stored = plan_store.get(occurrence.plan_id)
    if stored is None or stored.is_paused or occurrence.claims:
        return None
    zone = window.zone(stored.zone or "UTC")
    return window.at(occurrence.opens_at.astimezone(zone).date() - timedelta(days=1), check_at, zone)


def unchecked(plan_store: PlanStore, now: datetime, check_at: time) -> Occurrence | None:
    """An occurrence whose evening has come, and whose plan nobody has checked since."""
    for occurrence in plan_store.openings(now + CHECKED_BEFORE, now + timedelta(days=2)):
        evening = evening_before(plan_store, occurrence, check_at)
        if evening and evening <= now and not plan_store.was_done(_check_of(occurrence), since=evening):
            return occurrence
    return None


def claim_check(plan_store: PlanStore, occurrence: Occurrence, now: datetime, check_at: time) -> bool:
    """Whether it is for us to check *occurrence*: its plan is checked once an evening, by one machine."""
    evening = evening_before(plan_store, occurrence, check_at)
    return evening is not None and plan_store.first(_check_of(occurrence), now, since=evening)


def _check_of(occurrence: Occurrence) -> str:
    return f"check plan {occurrence.plan_id}"


def lateness(occurrence: Occurrence, now: datetime) -> str:
    """How late *occurrence* is, to be said; nothing when it is in time."""
    late = now - occurrence.opens_at
    if late <= timedelta(0):
        return ""
    minutes, seconds = divmod(int(late.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"day" if days == 1 else "days": days, "h": hours, "min": minutes, "s": seconds}
    words = [f"{number} {unit}" for unit, number in parts.items() if number]
    return f", {' '.join(words[:2]) or '0 s'} after the opening"


def wait_ends(plan: Plan, occurrence: Occurrence, now: datetime) -> datetime | None:
    """When *plan* gives up waiting for a court of *occurrence*; None for not waiting."""
    ends = occurrence.starts_at - plan.notice
    return ends if plan.wait_list and ends > max(now, occurrence.opens_at) else None


def wall(stored: StoredPlan, occurrence: Occurrence) -> datetime:
    """When the slot of *occurrence* starts, as the clock on the facility's wall shows it."""
    return occurrence.starts_at.astimezone(window.zone(stored.zone or "UTC")).replace(tzinfo=None)


def name_of(occurrence: Occurrence) -> str:
    """How *occurrence* and its claim are named on a command line."""
    return f"{occurrence.plan_id}@{occurrence.starts_at.strftime('%Y-%m-%dT%H:%M:%SZ')}/{occurrence.claims}"


def occurrence_named(plan_store: PlanStore, name: str) -> Occurrence | None:
    """The occurrence of this name, when it has not ended, and nobody has claimed it since it was named so."""
    number = name.partition("@")[0]
    if not re.fullmatch(r"\d{1,9}", number, re.ASCII):
        return None
    ahead = plan_store.occurrences(int(number), ended=False)
    return next((occurrence for occurrence in ahead if name_of(occurrence) == name), None)
