"""`plan`: standing wishes, kept until they are removed; `due` sees to them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reserve import window
from reserve.commands.plan_options import amount, parser, plans_from
from reserve.errors import ReserveError, UsageError
from reserve.plans import plan as plans
from reserve.plans.due import BEAT, NOT_SERVED, STALE, lay_out_next, plan_of, wall
from reserve.plans.plan import Plan
from reserve.plans.preview import Agenda, Outlook, Wish, look
from reserve.storage.plans import Entry, Roster
from reserve.storage.runs import Store

if TYPE_CHECKING:
    from reserve.clock import Clock
    from reserve.commands.wiring import Connect

WITH_A_COURT = (0, 7, 8)  # exit codes: reserved, perhaps reserved, held


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what *arguments* say to the plans of this machine."""
    from reserve.clock import Clock
    from reserve.commands.wiring import connect

    options = parser().parse_args(arguments)
    if "do" not in options:
        raise UsageError("say what to do: plan add, list, remove, pause, resume, skip, import or refresh")
    store = opened(environ)
    try:
        return DO[options.do](Plans(Roster(store), environ, Clock(), connect), options)
    finally:
        store.close()


def opened(environ: Mapping[str, str]) -> Store:
    """The store, made if need be."""
    return Store(Path(environ.get("RESERVE_DATA") or "data"), environ.get("RESERVE_DATABASE_URL") or None)


class Plans:
    """The plans of this machine, or of all that share its database."""

    def __init__(self, roster: Roster, environ: Mapping[str, str], clock: Clock, connect: Connect) -> None:
        """Keep them in *roster*; facilities are looked at over *connect*."""
        self.roster = roster
        self.environ = environ
        self.clock = clock
        self.connect = connect

    def add(self, options: argparse.Namespace) -> int:
        """Show what the plan that *options* describe means, and keep it."""
        plan, outlook = self.fitting(plans_from(options, self.environ, self.clock.now().date()))
        if outlook is None:
            raise UsageError("the plan has no slot ahead; look at its day, or at --until and --except")
        (number,) = self.roster.add([plans.as_json(plan)])
        self.note(number, outlook)
        shown = [] if options.json else described(plan, outlook, self.clock.now())
        for line in shown:
            print(line)
        trouble = self.account_trouble(plan, outlook)
        sentence = f"Saved as plan {number}; `main.py cron --install` has its bookings started in time."
        if options.json:
            print(json.dumps(as_json(number, plan, outlook), ensure_ascii=False))
        if trouble:
            print(f"warning: {trouble}", file=sys.stderr)
        print(sentence, file=sys.stderr if options.json else sys.stdout)
        return 0

    def fitting(self, plans: Sequence[Plan]) -> tuple[Plan, Outlook | None]:
        """The first of *plans*, which differ in their length, that a facility has slots for."""
        why: UsageError | None = None
        for plan in plans:
            try:
                name = "this plan"
                return plan, self.look(plan, name, self.agenda(self.player(plan), Wish(name, plan)))
            except UsageError as failure:
                why = why or failure
        raise why or UsageError("--end-time is missing; or say --minutes")

    def look(self, plan: Plan, name: str, agenda: Agenda) -> Outlook | None:
        """What the facilities say about *plan*, which is called *name* in *agenda*."""
        from reserve.commands.lookup import asking

        ceiling = plan.max_price or amount(self.environ.get("RESERVE_MAX_PRICE"))
        ask = asking(self.environ, self.clock, self.connect)
        return look(replace(plan, max_price=ceiling), ask, self.clock.now(), name=name, agenda=agenda)

    def player(self, plan: Plan) -> tuple[str, str]:
        """Whose limits count for *plan*: the booking system and the account."""
        return plan.system, plan.account or self.environ.get("RESERVE_ACCOUNT") or ""

    def agenda(self, player: tuple[str, str], *more: Wish) -> Agenda:
        """What the plans of *player* want that are kept and do not rest, and what *more* there is."""
        wishes = []
        for entry in self.roster.entries():
            with suppress(UsageError):  # one that cannot be read any more is named by `plan list`
                plan = plan_of(entry)
                if not entry.is_paused and self.player(plan) == player:
                    wishes.append(Wish(_name(entry.plan_id), plan, self._lost(entry)))
        return Agenda([*wishes, *more])

    def _lost(self, entry: Entry) -> frozenset[datetime]:
        """The starts of a plan's slots that came to nothing."""
        ended = self.roster.turns(entry.plan_id, ended=True)
        return frozenset(wall(entry, turn) for turn in ended if turn.exit_code not in WITH_A_COURT)

    def account_trouble(self, plan: Plan, outlook: Outlook) -> str | None:
        """What an account that is missing or incomplete would stop."""
        from reserve.commands.options import booking_parser, read_booking

        words = plan.words(outlook.foreseen[0].start, plan.choices[0])
        try:
            booking = read_booking(booking_parser("book").parse_args(words), self.environ)
        except UsageError as failure:
            return str(failure)
        if outlook.wants_code and booking.account.phone is None:
            return "--phone is missing; set RESERVE_PHONE, the one-time code has to go somewhere"
        return None

    def note(self, number: int, outlook: Outlook | None) -> None:
        """Keep what was seen of a plan, and have its next slot served."""
        now = self.clock.now()
        if outlook is not None:
            seen = {
                "zone": str(outlook.zone),
                "rule": plans.rule_as_text(outlook.rule),
                "trouble": outlook.trouble,
            }
            self.roster.change(number, looked=now, **seen)
        else:
            self.roster.change(number, looked=now, trouble="no slot ahead")
        self.lay_out(number)

    def lay_out(self, number: int) -> None:
        """Have the next slot of a plan served in time."""
        entry = self.roster.entry(number)
        if entry is not None:
            lay_out_next(self.roster, entry, self.clock.now())

    def show(self, options: argparse.Namespace) -> int:
        """One paragraph for each plan."""
        listed = [self._summary(entry) for entry in self.roster.entries()]
        if options.json:
            print(json.dumps(listed, ensure_ascii=False))
            return 0
        for each in listed:
            print(f"plan {each['plan']}  {each['what']}{' (paused)' if each['paused'] else ''}")
            for name in ("next", "last", "trouble"):
                if each[name]:
                    print(f"        {name + ':':<9}{each[name]}")
        print(f"{len(listed)} plans." if listed else "No plan is kept yet; `plan add` keeps one.")
        return 0

    def _summary(self, entry: Entry) -> dict[str, object]:
        ahead = self.roster.turns(entry.plan_id, ended=False)
        past = self.roster.turns(entry.plan_id, ended=True, most=1)
        zone = window.zone(entry.zone) if entry.zone else None
        following = min(ahead, key=lambda turn: turn.starts_at, default=None)
        next_text = None
        if following is not None and zone is not None:
            start, opening = following.starts_at.astimezone(zone), following.opens_at.astimezone(zone)
            state = "running, opened" if following.claims and opening <= self.clock.now() else "opens"
            next_text = f"{start:%a %Y-%m-%d %H:%M}, {state} {opening:%a %Y-%m-%d %H:%M:%S %Z}"
        elif entry.looked is None:
            next_text = "the facility was not looked at yet; `due` does so"
        try:
            what = str(plan_of(entry))
        except UsageError as failure:
            what = str(failure)
        return {
            "plan": entry.plan_id,
            "what": what,
            "paused": entry.is_paused,
            "next": next_text,
            "opens_at": following.opens_at.isoformat() if following else None,
            "last": past[0].sentence if past else None,
            "run_id": past[0].run_id if past else None,
            "trouble": entry.trouble,
            "body": entry.body,
        }

    def remove(self, options: argparse.Namespace) -> int:
        """Forget a plan."""
        entry = self._entry(options.plan)
        self.roster.remove(entry.plan_id)
        print(f"Removed plan {entry.plan_id}; what it reserved stays reserved.")
        return 0

    def pause(self, options: argparse.Namespace) -> int:
        """Start nothing more for a plan, and stop what is being served."""
        entry = self._entry(options.plan)
        self.roster.change(entry.plan_id, is_paused=True)
        print(f"Plan {entry.plan_id} rests until `plan resume {entry.plan_id}`.")
        self._call_off(entry, "its plan was paused", lambda start: True)
        return 0

    def resume(self, options: argparse.Namespace) -> int:
        """Go on with a plan."""
        entry = self._entry(options.plan)
        self.roster.change(entry.plan_id, is_paused=False)
        self.lay_out(entry.plan_id)
        print(f"Plan {entry.plan_id} goes on.")
        return 0

    def skip(self, options: argparse.Namespace) -> int:
        """Leave one day out."""
        entry = self._entry(options.plan)
        plan, day = plan_of(entry), window.parse_day(options.date, "DATE")
        if not plan.has_slot_on(day):
            raise UsageError(f"DATE: plan {entry.plan_id} has no slot on {day}")
        body = plans.as_json(replace(plan, skipped=plan.skipped | {day}))
        self.roster.change(entry.plan_id, body=body)
        self.lay_out(entry.plan_id)
        print(f"Plan {entry.plan_id} leaves {day:%A} {day} out.")
        self._call_off(entry, "its day was skipped", lambda start: start.date() == day)
        return 0

    def _call_off(self, entry: Entry, why: str, is_meant: Callable[[datetime], bool]) -> None:
        """Stop what is being served of a plan: the slots whose start on the wall clock is meant."""
        for turn in self.roster.turns(entry.plan_id, ended=False):
            start = wall(entry, turn)
            if turn.claims and is_meant(start):
                sentence = f"Not reserved: {why}."
                self.roster.call_off(turn, ended=self.clock.now(), exit_code=NOT_SERVED, sentence=sentence)
                print(f"Its run for {start:%a %Y-%m-%d %H:%M} stops within {BEAT.seconds} seconds.")

    def read(self, options: argparse.Namespace) -> int:
        """Keep every plan of a file, or none when anything in it is wrong."""
        from reserve.plans.file import content_of, read_plans

        path = Path(options.file)
        found = read_plans(content_of(path), str(path), self.clock.now().date())
        self.roster.add([plans.as_json(plan) for plan in found])
        yesterday = self.clock.now().replace(tzinfo=None) - timedelta(days=1)
        past = sum(next(plan.starts(yesterday), None) is None for plan in found)
        over = f", {past} of them with no day ahead" if past else ""
        print(
            f"Imported {len(found)} plans{over}; `plan refresh`, or the next `due`, finds out when they open."
        )
        return 0

    def refresh(self, options: argparse.Namespace) -> int:
        """Read what facilities publish for every plan that was not looked at today."""
        failed = 0
        agendas: dict[tuple[str, str], Agenda] = {}
        stale = self.roster.not_looked_at_since(self.clock.now() - STALE / 2)
        for number in stale:
            entry = self.roster.entry(number)
            if entry is None:
                continue
            try:
                plan = plan_of(entry)
                player = self.player(plan)
                agendas[player] = agenda = agendas.get(player) or self.agenda(player)
                self.note(number, self.look(plan, _name(number), agenda))
            except ReserveError as failure:
                failed += 1
                self.roster.change(number, trouble=str(failure))
                with suppress(UsageError):  # the same, when it cannot be read
                    self.lay_out(number)
        print(f"Looked at {len(stale)} plans{f'; {failed} have a problem, see plan list' if failed else ''}.")
        return 0

    def _entry(self, number: int) -> Entry:
        entry = self.roster.entry(number)
        if entry is None:
            raise UsageError(f"there is no plan {number}; see plan list")
        return entry


DO: Mapping[str, Callable[[Plans, argparse.Namespace], int]] = {
    "add": Plans.add,
    "list": Plans.show,
    "remove": Plans.remove,
    "pause": Plans.pause,
    "resume": Plans.resume,
    "skip": Plans.skip,
    "import": Plans.read,
    "refresh": Plans.refresh,
}


def _name(number: int) -> str:
    """How a plan is named among others."""
    return f"plan {number}"


def described(plan: Plan, outlook: Outlook, now: datetime) -> list[str]:
    """*plan* and its next slots, for a person."""
    lines = [str(plan)]
    for seen in outlook.foreseen:
        if seen.slot is None or seen.opens_at is None:
            lines.append(
                f"  {seen.start:%a %Y-%m-%d %H:%M}        cannot be reserved: {'; '.join(seen.troubles)}"
            )
            continue
        opening = seen.opens_at.astimezone(outlook.zone)
        utc = seen.opens_at.astimezone(UTC)
        is_open = "; open already, so it is tried within a minute" if opening <= now else ""
        lines.append(
            f"  {seen.slot.start:%a} {seen.slot}  opens {opening:%a %Y-%m-%d %H:%M:%S %Z}"
            f" = {utc:%Y-%m-%d %H:%M:%S} UTC{is_open}"
        )
        lines += [f"      but {trouble}" for trouble in seen.troubles]
    return lines


def as_json(number: int, plan: Plan, outlook: Outlook) -> dict[str, object]:
    """*plan* and its next slots, for a program."""
    return {
        "plan": number,
        "body": plans.as_json(plan),
        "zone": str(outlook.zone),
        "rule": plans.rule_as_text(outlook.rule),
        "next": [
            {
                "start": (seen.slot.start if seen.slot else seen.start).isoformat(),
                "end": seen.slot.end.isoformat() if seen.slot else None,
                "opens_at": seen.opens_at.isoformat() if seen.opens_at else None,
                "troubles": list(seen.troubles),
            }
            for seen in outlook.foreseen
        ],
    }
