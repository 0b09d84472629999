"""Which bookings are due: what cron looks for every minute.

A tick claims every turn whose opening is near, lays out the next one of its plan, and starts a process for
it. That process says every few seconds that it is alive. When it stops saying so, the claim ends, and the
next tick of any machine takes over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from reserve import window
from reserve.errors import UsageError
from reserve.plans import plan as plans
from reserve.plans.plan import Plan
from reserve.storage.plans import Entry, Roster, Turn

LEAD = timedelta(minutes=4)  # a run signs in two minutes ahead; a minute for the tick, one for a takeover
LEASE = timedelta(seconds=45)
BEAT = timedelta(seconds=15)  # two may get lost
STARTS = 10  # of one turn in a row; whatever ended it so often will do so again
WELL = timedelta(minutes=5)  # a run that lived so long did not die of its start
STALE = timedelta(days=1)  # after that, the facility of a plan is looked at again
LOOK_AGAIN = timedelta(minutes=10)  # when that did not work

NOT_SERVED = 1  # exit code of a turn without a run


def plan_of(entry: Entry) -> Plan:
    """The plan in *entry*; raises `UsageError` naming it when it was kept by a version that allowed more."""
    try:
        return plans.from_json(entry.body, today=date.min)
    except UsageError as failure:
        why = f"plan {entry.plan_id} cannot be read: {failure}"
        raise UsageError(f"{why}; remove it, and add it anew") from failure


def is_ready(entry: Entry) -> bool:
    """Whether its openings are known."""
    return entry.zone is not None and entry.rule is not None and not entry.is_paused


def turn_for(entry: Entry, starts_at: datetime, opens_at: datetime) -> Turn:
    """The turn of *entry* for the slot that starts at *starts_at*."""
    return Turn(entry.plan_id, starts_at, opens_at, wake_at=opens_at - LEAD)


def lay_out_next(roster: Roster, entry: Entry, after: datetime) -> None:
    """Have the first slot of *entry* that starts after *after*, and was not served yet, served in time."""
    if not is_ready(entry):
        return
    assert entry.zone is not None
    assert entry.rule is not None
    rule = plans.rule_from_text(entry.rule)
    for slot in plan_of(entry).slots(window.zone(entry.zone), after):
        if roster.lay_out(turn_for(entry, slot.start, rule.opens_at(slot.start))):
            return


def tick(
    roster: Roster,
    now: datetime,
    worker: str,
    start: Callable[[Turn], None],
    tell: Callable[[str], None] = lambda sentence: None,
) -> list[str]:
    """Call *start* for every turn that is due and that nobody else serves; returns what is to be logged.

    What the player did not bring about and has to know is handed to *tell*.
    """
    said = []
    while turns := roster.claim(now, worker, now + LEASE):
        for turn in turns:
            name = f"plan {turn.plan_id} for {turn.starts_at:%Y-%m-%d %H:%M} UTC"
            entry = roster.entry(turn.plan_id)
            is_wanted = entry is not None and not entry.is_paused
            why: str | None = "its plan rests or was removed"
            if entry is not None and is_wanted:
                try:
                    lay_out_next(roster, entry, turn.starts_at)
                    why = _useless(turn, now)
                except UsageError as failure:  # the other plans can be served
                    why = str(failure)
            if why is None:
                start(turn)
                again = f", for the {turn.claims}. time" if turn.claims > 1 else ""
                said.append(f"{name}: started{again}{lateness(turn, now)}")
                continue
            sentence = f"Not reserved: {why}."
            roster.end(turn, ended=now, exit_code=NOT_SERVED, sentence=sentence, run_id=None)
            said.append(f"{name}: {sentence}")
            if is_wanted:
                tell(said[-1])
    return said


def _useless(turn: Turn, now: datetime) -> str | None:
    """Why it makes no sense to start a run for *turn*, if it makes none."""
    if turn.starts_at <= now:
        opened = f"{turn.opens_at:%Y-%m-%d %H:%M:%S} UTC"
        return f"missed, as nothing ran between the opening at {opened} and the slot"
    if turn.false_starts > STARTS:
        return f"its run was started {STARTS} times in a row and died each time"
    return None


def lateness(turn: Turn, now: datetime) -> str:
    """How late *turn* is, to be said; nothing when it is in time."""
    late = now - turn.opens_at
    if late <= timedelta(0):
        return ""
    minutes, seconds = divmod(int(late.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"day" if days == 1 else "days": days, "h": hours, "min": minutes, "s": seconds}
    said = [f"{number} {unit}" for unit, number in parts.items() if number]
    return f", {' '.join(said[:2]) or '0 s'} after the opening"


def wait_ends(plan: Plan, turn: Turn, now: datetime) -> datetime | None:
    """When *plan* gives up waiting for a court of *turn*; None when it has no wish or no time to."""
    ends = turn.starts_at - plan.notice
    return ends if plan.wait_list and ends > max(now, turn.opens_at) else None


def wall(entry: Entry, turn: Turn) -> datetime:
    """When the slot of *turn* starts, as the clock on the facility's wall shows it."""
    return turn.starts_at.astimezone(window.zone(entry.zone or "UTC")).replace(tzinfo=None)


def turn_name(turn: Turn) -> str:
    """How *turn* and its claim are named on a command line."""
    return f"{turn.plan_id}@{turn.starts_at.strftime('%Y-%m-%dT%H:%M:%SZ')}/{turn.claims}"


def turn_named(roster: Roster, name: str) -> Turn | None:
    """The turn of this name, when it has not ended, and nobody has claimed it since it was named so."""
    number = name.partition("@")[0]
    if not re.fullmatch(r"\d{1,9}", number, re.ASCII):
        return None
    open_turns = roster.turns(int(number), ended=False)
    return next((turn for turn in open_turns if turn_name(turn) == name), None)
