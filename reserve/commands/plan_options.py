"""The options of `plan`, and the plan that those of `plan add` describe."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from reserve import window
from reserve.commands import COMMANDS
from reserve.commands.options import (
    LINK_HELP,
    PAY_HELP,
    SYSTEM_HELP,
    Parser,
    as_sentence,
    one_of,
    refuse_garbled,
)
from reserve.commands.planned import amount
from reserve.errors import UsageError
from reserve.plans.plan import Choice, Plan
from reserve.plans.rule import parse_every, parse_rule
from reserve.settings import Settings
from reserve.systems import PROFILES, SPORTS

MINUTE = timedelta(minutes=1)
LONGEST_NOTICE = 7 * 24 * 60  # minutes


def plan_parser() -> Parser:
    """The options of `plan` and its own commands."""
    top = Parser(prog="main.py plan", description=as_sentence(COMMANDS["plan"]), allow_abbrev=False)
    commands = top.add_subparsers(title="commands", metavar="COMMAND")

    def command(name: str, what: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=what, description=as_sentence(what), allow_abbrev=False)
        made.set_defaults(do=name)
        return made

    def numbered(made: argparse.ArgumentParser) -> None:
        made.add_argument("plan", type=_number, metavar="PLAN", help="its number, as `plan list` shows it")

    add = command("add", "save a plan; shows its next slots and when each opens")
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
    when.add_argument("--minutes", type=int, metavar="N", help="length, instead of --end-time")
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
        help='facility, or "facility: court, court"; repeat it for a second choice',
    )
    what.add_argument("--only", metavar="COURTS", help="sub-courts in order of preference, comma-separated")
    what.add_argument(
        "-s", "--sport", metavar="SPORT", help=f"{' or '.join(SPORTS)}; otherwise the system's first"
    )
    what.add_argument("--link", metavar="URL", help=LINK_HELP)
    what.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    how = add.add_argument_group("how")
    how.add_argument("--account", metavar="NAME", help="a stored account (RESERVE_ACCOUNT)")
    how.add_argument("--max-price", metavar="AMOUNT", help="maximum price (RESERVE_MAX_PRICE)")
    how.add_argument("--pay", metavar="HOW", default="by-hand", help=PAY_HELP)
    how.add_argument("-m", "--multithreaded", action="store_true", help="ask for every sub-court at once")
    how.add_argument("--wait-list", action="store_true", help="when all is taken, look again every 30 s")
    how.add_argument(
        "--notice", type=int, default=60, metavar="MINUTES", help="how long before play to stop waiting (60)"
    )
    how.add_argument("--json", action="store_true", help="the plan and its openings as one JSON object")
    listed = command("list", "every plan, its next opening and its last outcome")
    listed.add_argument("--json", action="store_true", help="as one JSON array")
    numbered(command("remove", "delete a plan"))
    numbered(command("pause", "book nothing for a plan until it is resumed"))
    numbered(command("resume", "book for a paused plan again"))
    skip = command("skip", "skip one day of a plan")
    numbered(skip)
    skip.add_argument("date", metavar="DATE", help="YYYY-MM-DD, in the facility's time zone")
    read = command("import", "save the plans in a JSON file (reserve/plans/plans.schema.json)")
    read.add_argument(
        "file", metavar="FILE", help="a list of plans; schedules.json of the earlier Atrium tool works too"
    )
    command("refresh", "look up again when the slots of all plans open; `due` does so every day")
    return top


def plans_from(options: argparse.Namespace, settings: Settings, today: date) -> list[Plan]:
    """The plan that *options* describe; when they do not say how long, one for each usual length.

    Raises `UsageError` naming the option.
    """
    refuse_garbled(options)
    system = one_of(options.system or settings.system, tuple(PROFILES), "--system")
    wants_link = "link" in PROFILES[system].needs
    if not (options.link if wants_link else all(options.court or [""])):
        raise UsageError(f"--{'link' if wants_link else 'court'} is missing; see plan add --help")
    first, rule, start, end = _when(options, today)
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
        length=MINUTE,
        first=first,
        rule=rule,
        sport=one_of(options.sport or PROFILES[system].sports[0], SPORTS, "--sport"),
        system=system,
        account=options.account,
        max_price=amount(options.max_price),
        pay=one_of(options.pay, tuple(PROFILES[system].ways_to_pay), "--pay"),
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
    given = _length(start, end, options.minutes)
    lengths = PROFILES[system].usual_lengths if given is None else (given,)
    return [replace(plan, length=length) for length in lengths]


def _when(options: argparse.Namespace, today: date) -> tuple[datetime, str | None, time, time | None]:
    """The first slot or the moment from which a rule counts, the rule, and when slots start and end."""
    if sum(map(bool, (options.every, options.rrule, options.date))) != 1:
        raise UsageError("give one of --every, --rrule and --date")
    start = window.parse_time(options.start_time, "--start-time") if options.start_time else None
    end = window.parse_time(options.end_time, "--end-time") if options.end_time else None
    rule, first = None, datetime.combine(today, start or time())
    if options.every:
        if start is not None:
            raise UsageError("--start-time: --every has the time already")
        rule, start, ends = parse_every(options.every)
        if end and ends:
            raise UsageError("--end-time: --every has the end already")
        end = end or ends
        # Every other week counts from the first day there is.
        weekly = Plan((), MINUTE, datetime.combine(today, time()), rule.replace("INTERVAL=2;", ""))
        first = next(weekly.starts(weekly.first))
    elif options.rrule:
        rule = parse_rule(options.rrule, first)
        if ("BYHOUR=" in rule) == (start is not None):
            raise UsageError("--rrule: give the time once, as BYHOUR=18 or with --start-time")
        start = next(Plan((), MINUTE, first, rule).starts(first - MINUTE)).time()
    elif start is None:
        raise UsageError("--start-time is missing; see plan add --help")
    else:
        first = datetime.combine(window.parse_day(options.date, "--date"), start)
    return first, rule, start, end


def _number(text: str) -> int:
    """The number of a plan."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a plan")
    return int(text)


def _choice(text: str, only: Sequence[str], or_starts: tuple[time, ...]) -> Choice:
    name, _, courts = text.partition(":")
    return Choice(name.strip(), tuple(_list(courts) or only), or_starts)


def _length(start: time, end: time | None, minutes: int | None) -> timedelta | None:
    if minutes is not None:
        if end is not None:
            raise UsageError("--minutes: the end is given already")
        if not 0 < minutes < 24 * 60:
            raise UsageError("--minutes: a slot has at least one minute, and ends on the day it starts")
        return minutes * MINUTE
    if end is None:
        return None
    length = datetime.combine(date.min, end) - datetime.combine(date.min, start)
    if length <= timedelta(0):
        raise UsageError(f"--end-time: {end:%H:%M} is not after the start at {start:%H:%M}")
    return length


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
