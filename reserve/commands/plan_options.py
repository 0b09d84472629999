"""The options of `plan`, and the plan that those of `plan add` describe."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta

from reserve import when
from reserve.commands.options import (
    DAY_HELP,
    TIME_HELP,
    Parser,
    add_shared_options,
    as_sentence,
    as_word,
    command_parser,
    length_between,
    listed,
    one_of,
    refuse_garbled,
)
from reserve.commands.planned import amount
from reserve.errors import UsageError
from reserve.plans.plan import LONGEST_NOTICE, Choice, Plan
from reserve.plans.rule import parse_rule, weekly
from reserve.settings import Settings
from reserve.systems import PROFILES, SPORTS

MINUTE = timedelta(minutes=1)


def plan_parser() -> Parser:
    """The options of `plan` and its own commands."""
    top = command_parser("plan")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="do", required=True)

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=as_sentence(what), allow_abbrev=False)

    def numbered(made: argparse.ArgumentParser) -> None:
        made.add_argument("plan", type=_number, metavar="PLAN", help="its number, as `plan list` shows it")

    add = command("add", "save a plan; shows its next slots and when each opens")
    times = add.add_argument_group("when to play, in the facility's time")
    times.add_argument(
        "--every", metavar="WHEN", help='e.g. "wed 6pm", "mon-fri 7:00-8:30", "other fri 10:00"'
    )
    times.add_argument(
        "--rrule", metavar="RULE", help="e.g. FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;COUNT=10 (RFC 5545)"
    )
    times.add_argument("-d", "--date", metavar="DATE", help=f"once, on a day: {DAY_HELP}")
    times.add_argument("-t", "--start-time", metavar="TIME", help=TIME_HELP)
    times.add_argument("-y", "--end-time", metavar="TIME", help=TIME_HELP)
    times.add_argument("--minutes", type=int, metavar="N", help="length, instead of --end-time")
    times.add_argument("--until", metavar="DATE", help="the last day of the plan, written like --date")
    times.add_argument(
        "--except",
        dest="skipped",
        action="append",
        default=[],
        metavar="DATE",
        help="a day to skip; may be repeated",
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
    who = add.add_argument_group("who plays")
    how = add.add_argument_group("how")
    how.add_argument(
        "--notice", type=int, default=60, metavar="MINUTES", help="how long before play to stop waiting (60)"
    )
    how.add_argument("--json", action="store_true", help="the plan and its openings as one JSON object")
    add_shared_options(what, who, how)
    listed = command("list", "every plan, its next opening and its last outcome")
    listed.add_argument("--json", action="store_true", help="as one JSON array")
    numbered(command("remove", "delete a plan"))
    numbered(command("pause", "book nothing for a plan until it is resumed"))
    numbered(command("resume", "book for a paused plan again"))
    skip = command("skip", "skip one day of a plan")
    numbered(skip)
    skip.add_argument("date", metavar="DATE", nargs="+", help=f"{DAY_HELP}; the facility's today counts")
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
    system = one_of(options.system or settings.system, PROFILES, "--system")
    wants_link = "link" in PROFILES[system].needs
    if not (options.link if wants_link else all(options.court or [""])):
        raise UsageError(f"--{'link' if wants_link else 'court'} is missing; see plan add --help")
    first, rule, start, end = _when(options, today)
    only = listed(options.only)
    if only and len(options.court) > 1:
        raise UsageError(
            '--only: with several facilities write their courts behind them: "NAME: COURT, COURT"'
        )
    or_starts = tuple(when.read_time(text, "--or") for text in listed(options.or_starts))
    choices = [_choice(text, only, or_starts) for text in options.court or [""]]
    if not 0 <= options.notice <= LONGEST_NOTICE // MINUTE:
        raise UsageError(f"--notice: write it as minutes, from 0 to {LONGEST_NOTICE // MINUTE}")
    plan = Plan(
        choices=tuple(choices),
        length=MINUTE,
        first=first,
        rule=rule,
        sport=one_of(options.sport or PROFILES[system].sports[0], SPORTS, "--sport"),
        system=system,
        account=options.account,
        max_price=amount(options.max_price),
        pay=as_word(options.pay),
        sign_in=as_word(options.sign_in) if options.sign_in else None,
        at_once=options.multithreaded,
        until=when.read_day(options.until, "--until", today) if options.until else None,
        skipped=frozenset(when.read_day(text, "--except", today) for text in options.skipped),
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
    start = when.read_time(options.start_time, "--start-time") if options.start_time else None
    end = when.read_time(options.end_time, "--end-time") if options.end_time else None
    rule, first = None, datetime.combine(today, start or time())
    if options.every:
        every = when.read_every(options.every, "--every")
        if start is not None and every.start is not None:
            raise UsageError("--start-time: --every has the time already")
        start = start or every.start
        if start is None:
            raise UsageError(f"--every: {options.every!r} names no time; write it as 'wed 18:00'")
        if end is not None and every.end is not None:
            raise UsageError("--end-time: --every has the end already")
        end = end or every.end
        rule = weekly(every, start)
        # Every other week counts from the first day there is.
        each_week = Plan(
            (), MINUTE, datetime.combine(today, time()), weekly(replace(every, is_other=False), start)
        )
        first = next(each_week.starts(each_week.first))
    elif options.rrule:
        rule = parse_rule(options.rrule, first)
        if ("BYHOUR=" in rule) == (start is not None):
            raise UsageError("--rrule: give the time once, as BYHOUR=18 or with --start-time")
        start = next(Plan((), MINUTE, first, rule).starts(first - MINUTE)).time()
    elif start is None:
        raise UsageError("--start-time is missing; see plan add --help")
    else:
        first = datetime.combine(when.read_day(options.date, "--date", today), start)
    return first, rule, start, end


def _number(text: str) -> int:
    """The number of a plan."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a plan")
    return int(text)


def _choice(text: str, only: Sequence[str], or_starts: tuple[time, ...]) -> Choice:
    name, _, courts = text.partition(":")
    return Choice(name.strip(), tuple(listed(courts) or only), or_starts)


def _length(start: time, end: time | None, minutes: int | None) -> timedelta | None:
    if minutes is not None:
        if end is not None:
            raise UsageError("--minutes: the end is given already")
        if not 0 < minutes < 24 * 60:
            raise UsageError("--minutes: a slot has at least one minute, and ends on the day it starts")
        return minutes * MINUTE
    return None if end is None else length_between(start, end)
