"""`plan`: standing wishes, kept until they are removed; `due` sees to them."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reserve import plans, window
from reserve.commands import COMMANDS
from reserve.commands.options import PAYS, SPORTS, Parser, cents, one_of, refuse_garbled
from reserve.due import STALE, lay_out_next, plan_of, wall
from reserve.errors import ReserveError, UsageError
from reserve.outlook import Agenda, Outlook, Wish, look
from reserve.plans import Choice, Plan
from reserve.recurrence import parse_every, parse_rule
from reserve.roster import Entry, Roster
from reserve.store import Store

if TYPE_CHECKING:
    from reserve.clock import Clock
    from reserve.commands.outfit import Connect

MINUTE = timedelta(minutes=1)
LONGEST_NOTICE = 7 * 24 * 60  # minutes
WITH_A_COURT = (0, 7, 8)  # exit codes: reserved, perhaps reserved, held


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Do what *arguments* say to the plans of this machine."""
    from reserve.clock import Clock
    from reserve.commands.outfit import connect

    options = parser().parse_args(arguments)
    if "do" not in options:
        raise UsageError("say what to do: plan add, list, remove, pause, resume, skip, import or refresh")
    store = opened(environ)
    try:
        return int(options.do(Plans(Roster(store), environ, Clock(), connect), options))
    finally:
        store.close()


def opened(environ: Mapping[str, str]) -> Store:
    """The store, made if need be."""
    return Store(Path(environ.get("RESERVE_DATA") or "data"), environ.get("RESERVE_DATABASE_URL") or None)


def parser() -> Parser:
    """The options of `plan` and its own commands."""
    top = Parser(prog="main.py plan", description=COMMANDS["plan"].capitalize() + ".", allow_abbrev=False)
    commands = top.add_subparsers(title="commands", metavar="add, list, …")

    def command(
        name: str, what: str, do: Callable[[Plans, argparse.Namespace], int]
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=f"{what.capitalize()}.", allow_abbrev=False)
        made.set_defaults(do=do)
        return made

    def numbered(made: argparse.ArgumentParser) -> None:
        made.add_argument("plan", type=_number, metavar="PLAN", help="its number, as plan list says it")

    add = command("add", "keep a plan; shows its next slots and when each opens", Plans.add)
    when = add.add_argument_group("when to play, in the facility's time")
    when.add_argument(
        "--every", metavar="WHEN", help='e.g. "wed 18:00", "weekdays 7:00-8:30", "other fri 10:00"'
    )
    when.add_argument(
        "--rrule", metavar="RULE", help="e.g. FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;COUNT=10 (RFC 5545)"
    )
    when.add_argument("-d", "--date", metavar="DATE", help="once, on YYYY-MM-DD")
    when.add_argument("-t", "--start-time", metavar="TIME", help="HH:MM")
    when.add_argument("-y", "--end-time", metavar="TIME", help="HH:MM")
    when.add_argument("--minutes", type=int, metavar="N", help="how long, instead of --end-time")
    when.add_argument("--or", dest="or_starts", metavar="TIMES", help="further start times, same length")
    when.add_argument("--until", metavar="DATE", help="the last day of the plan")
    when.add_argument(
        "--except",
        dest="skipped",
        action="append",
        default=[],
        metavar="DATE",
        help="not on this day; may be repeated",
    )
    what = add.add_argument_group("what to reserve")
    what.add_argument(
        "-c",
        "--court",
        action="append",
        default=[],
        metavar="NAME",
        help='facility, or "facility: court, court"; repeated: the next best',
    )
    what.add_argument("--only", metavar="COURTS", help="sub-courts in order of preference, comma-separated")
    what.add_argument(
        "-s", "--sport", metavar="SPORT", default="tennis", help="tennis (default) or pickleball"
    )
    what.add_argument("--link", metavar="URL", help="ntnui: the session's page")
    what.add_argument("--system", metavar="NAME", help="booking system (RESERVE_SYSTEM)")
    how = add.add_argument_group("how")
    how.add_argument("--account", metavar="NAME", help="a stored account; else that of the environment")
    how.add_argument("--max-price", metavar="AMOUNT", help="dearest court to take (RESERVE_MAX_PRICE)")
    how.add_argument("--pay", metavar="HOW", default="by-hand", help="by-hand (default), credit or card")
    how.add_argument("-m", "--multithreaded", action="store_true", help="ask every sub-court at once")
    how.add_argument("--wait-list", action="store_true", help="when all is taken, go on looking every 30 s")
    how.add_argument(
        "--notice", type=int, default=60, metavar="MINUTES", help="before play, the waiting list ends (60)"
    )
    how.add_argument("--json", action="store_true", help="the plan and its openings as one JSON object")
    listed = command("list", "every plan, its next opening and its last outcome", Plans.show)
    listed.add_argument("--json", action="store_true", help="as one JSON array")
    for name, what_it_does, do in (
        ("remove", "forget a plan", Plans.remove),
        ("pause", "let a plan rest", Plans.pause),
        ("resume", "end the pause of a plan", Plans.resume),
    ):
        numbered(command(name, what_it_does, do))
    skip = command("skip", "leave one day of a plan out", Plans.skip)
    numbered(skip)
    skip.add_argument("date", metavar="DATE", help="YYYY-MM-DD, in the facility's time zone")
    read = command("import", "keep the plans in a JSON file (reserve/plans.schema.json)", Plans.read)
    read.add_argument(
        "file", metavar="FILE", help="a list of plans; that of the earlier Atrium tool is understood"
    )
    command("refresh", "read again when the slots of all plans open; due calls it every day", Plans.refresh)
    return top


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
        plan = plan_from(options, self.environ, self.clock.now().date())
        name = "this plan"
        outlook = self.look(plan, name, self.agenda(self.player(plan), Wish(name, plan)))
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

    def look(self, plan: Plan, name: str, agenda: Agenda) -> Outlook | None:
        """What the facilities say about *plan*, which is called *name* in *agenda*."""
        from reserve.commands.lookup import asking

        ceiling = plan.max_price or _amount(self.environ.get("RESERVE_MAX_PRICE"))
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
        """Start nothing more for a plan."""
        entry = self._entry(options.plan)
        self.roster.change(entry.plan_id, is_paused=True)
        print(f"Plan {entry.plan_id} rests until `plan resume {entry.plan_id}`.")
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
        return 0

    def read(self, options: argparse.Namespace) -> int:
        """Keep every plan of a file, or none when anything in it is wrong."""
        from reserve.plan_file import content_of, read_plans

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


def plan_from(options: argparse.Namespace, environ: Mapping[str, str], today: date) -> Plan:
    """The plan that *options* describe; raises `UsageError` naming the option."""
    from reserve.systems import SYSTEMS

    refuse_garbled(options, environ)
    system = one_of(options.system or environ.get("RESERVE_SYSTEM") or "recus", tuple(SYSTEMS), "--system")
    what = "link" if "link" in SYSTEMS[system].needs else "court"
    if not getattr(options, what):
        raise UsageError(f"--{what} is missing; see plan add --help")
    if sum(map(bool, (options.every, options.rrule, options.date))) != 1:
        raise UsageError("say when with one of --every, --rrule and --date")
    start = window.parse_time(options.start_time, "--start-time") if options.start_time else None
    end = window.parse_time(options.end_time, "--end-time") if options.end_time else None
    rule, first = None, datetime.combine(today, start or time())
    if options.every:
        if start is not None:
            raise UsageError("--start-time: the time stands in --every already")
        rule, start, ends = parse_every(options.every)
        end = end or ends
        # Every other week counts from the first day there is.
        weekly = Plan((), MINUTE, datetime.combine(today, time()), rule.replace("INTERVAL=2;", ""))
        first = next(weekly.starts(weekly.first))
    elif options.rrule:
        rule = parse_rule(options.rrule, first)
        if ("BYHOUR=" in rule) == (start is not None):
            raise UsageError("--rrule: say the time once, with BYHOUR=18 in it or with --start-time")
        start = next(Plan((), MINUTE, first, rule).starts(first - MINUTE)).time()
    elif start is None:
        raise UsageError("--start-time is missing; see plan add --help")
    else:
        first = datetime.combine(window.parse_day(options.date, "--date"), start)
    only = _list(options.only)
    if only and len(options.court) > 1:
        raise UsageError(
            '--only: with several facilities write their courts behind them: "NAME: COURT, COURT"'
        )
    or_starts = tuple(window.parse_time(text, "--or") for text in _list(options.or_starts))
    choices = [_choice(text, only, or_starts) for text in options.court or [""]]
    if not 0 <= options.notice <= LONGEST_NOTICE:
        raise UsageError(f"--notice: write it as minutes, from 0 to {LONGEST_NOTICE}")
    plan = Plan(
        choices=tuple(choices),
        length=_length(start, end, options.minutes),
        first=first,
        rule=rule,
        sport=one_of(options.sport, SPORTS, "--sport"),
        system=system,
        account=options.account,
        max_price=_amount(options.max_price),
        pay=one_of(options.pay, PAYS, "--pay"),
        at_once=options.multithreaded,
        until=window.parse_day(options.until, "--until") if options.until else None,
        skipped=frozenset(window.parse_day(text, "--except") for text in options.skipped),
        wait_list=options.wait_list,
        notice=options.notice * MINUTE,
        link=options.link,
    )
    for day in sorted(plan.skipped):
        if not plan.has_slot_on(day):
            raise UsageError(f"--except: the plan has no slot on {day}")
    return plan


def _number(text: str) -> int:
    """The number of a plan."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a plan")
    return int(text)


def _name(number: int) -> str:
    """How a plan is named among others."""
    return f"plan {number}"


def _amount(text: str | None) -> str | None:
    found = cents(text)
    return None if found is None else f"{found / 100:.2f}"


def _choice(text: str, only: Sequence[str], or_starts: tuple[time, ...]) -> Choice:
    name, _, courts = text.partition(":")
    return Choice(name.strip(), tuple(_list(courts) or only), or_starts)


def _length(start: time, end: time | None, minutes: int | None) -> timedelta:
    if minutes is not None:
        if not 0 < minutes < 24 * 60:
            raise UsageError("--minutes: a slot has at least one, and ends on its day")
        return minutes * MINUTE
    if end is None:
        raise UsageError("--end-time is missing; or say --minutes")
    length = datetime.combine(date.min, end) - datetime.combine(date.min, start)
    if length <= timedelta(0):
        raise UsageError(f"--end-time: {end:%H:%M} is not after the start at {start:%H:%M}")
    return length


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


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
