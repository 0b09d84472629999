"""The options of `plan`, and the plan that those of `plan add` describe."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

from reserve import when
from reserve.commands.options import (
    DAY_HELP,
    SPAN_HELP,
    TIME_HELP,
    Parser,
    add_shared_options,
    as_sentence,
    as_word,
    command_parser,
    length_between,
    listed,
    one_of,
    part_times,
    refuse_garbled,
)
from reserve.commands.planned import amount
from reserve.errors import UsageError
from reserve.plans.plan import LONGEST_NOTICE, NOTICE, Choice, Plan
from reserve.plans.rule import parse_rule, weekly
from reserve.settings import Settings
from reserve.systems import PROFILES, SPORTS
from reserve.systems.registry import adapter_of

MINUTE = timedelta(minutes=1)
# What `plan edit --without` takes away -> its name among the options.
CLEARED = {
    "account": "account",
    "max-price": "max_price",
    "multithreaded": "multithreaded",
    "only": "only",
    "or": "or_starts",
    "sign-in": "sign_in",
    "until": "until",
    "wait-list": "wait_list",
}
WHEN = {"every", "rrule", "date"}
WHERE = {"court", "only", "or_starts"}


def _options_of_a_plan(add: argparse.ArgumentParser) -> None:
    """What `plan add` and `plan edit` understand."""
    times = add.add_argument_group("when to play, in the facility's time")
    times.add_argument(
        "--every", metavar="WHEN", help='e.g. "wed 6pm", "mon-fri 7:00-8:30", "other fri 10:00"'
    )
    times.add_argument(
        "--rrule", metavar="RULE", help="e.g. FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;COUNT=10 (RFC 5545)"
    )
    times.add_argument("-d", "--date", metavar="DATE", help=f"once, on a day: {DAY_HELP}")
    times.add_argument("-t", "--start-time", metavar="TIME", help=SPAN_HELP)
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


def plan_parser() -> Parser:
    """The options of `plan` and its own commands."""
    top = command_parser("plan")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="do", required=True)

    def command(name: str, what: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=as_sentence(what), allow_abbrev=False)

    def numbered(made: argparse.ArgumentParser) -> None:
        made.add_argument("plan", type=_number, metavar="PLAN", help="its number, as `plan list` shows it")

    add = command("add", "save a plan; shows its next slots and when each opens")
    _options_of_a_plan(add)
    add.add_argument("--again", action="store_true", help="save it although there is one like it")
    edit = command("edit", "change a plan; shows what changed and its next slots")
    numbered(edit)
    _options_of_a_plan(edit)
    edit.add_argument(
        "--without",
        action="append",
        metavar="OPTION",
        help=f"take an option away: {', '.join(CLEARED)}; may be repeated",
    )
    blank, _ = top.parse_known_args(["add"])  # by which no shell is told how a line may go on
    edit.set_defaults(**dict.fromkeys(set(vars(blank)) - {"do"}))  # what is not given stays
    show = command("show", "one plan: courts, next slots, skipped days, and how it went")
    numbered(show)
    show.add_argument("--json", action="store_true", help="as one JSON object")
    listed = command("list", "every plan, its next opening and its last outcome")
    listed.add_argument("--json", action="store_true", help="as one JSON array")
    numbered(command("remove", "delete a plan"))
    numbered(command("pause", "book nothing for a plan until it is resumed"))
    numbered(command("resume", "book for a paused plan again"))
    skip = command("skip", "skip one day of a plan")
    numbered(skip)
    skip.add_argument("date", metavar="DATE", nargs="+", help=f"{DAY_HELP}; the facility's today counts")
    unskip = command("unskip", "book again on a day that is skipped")
    numbered(unskip)
    unskip.add_argument("date", metavar="DATE", nargs="+", help="the day, as `plan show` shows it")
    export = command("export", "write all plans as JSON, as `import` reads it")
    export.add_argument("file", nargs="?", metavar="FILE", help="a new file; without it, standard output")
    read = command("import", "save the plans in a JSON file (reserve/plans/plans.schema.json)")
    read.add_argument(
        "file", metavar="FILE", help="a list of plans; schedules.json of the earlier Atrium tool works too"
    )
    read.add_argument("--again", action="store_true", help="save plans although there are some like them")
    command("refresh", "look up again when the slots of all plans open; `due` does so every day")
    return top


def plans_from(options: argparse.Namespace, settings: Settings, today: date) -> list[Plan]:
    """The plan that *options* describe; when they do not say how long, one for each usual length.

    Raises `UsageError` naming the option.
    """
    refuse_garbled(options)
    part_times(options)
    system = one_of(options.system or settings.system, PROFILES, "--system")
    wants_link = "link" in PROFILES[system].needs
    if not (options.link if wants_link else all(options.court or [""])):
        raise UsageError(f"--{'link' if wants_link else 'court'} is missing; see plan add --help")
    if wants_link and not (options.every or options.rrule or options.date):  # the link says it
        told = adapter_of(system).completed({"link": options.link})
        options.date, options.start_time = told["date"], options.start_time or told["start_time"]
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
    for day in sorted(plan.skipped - {today - timedelta(days=1)}):  # which it may still be where one plays
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


def words_of(plan: Plan) -> list[str]:
    """What `plan add` is told to make *plan*, as far as words can say it."""
    words: list[str] = []
    for each in plan.choices:
        courts = ", ".join(f'"{court}"' if "," in court else court for court in each.courts)
        words += ["-c", f"{each.facility}: {courts}" if courts else each.facility]
    if plan.rule is None:
        words += ["-d", f"{plan.first:%Y-%m-%d}"]
    else:
        words += ["--rrule", plan.rule]
    if plan.rule is None or "BYHOUR=" not in plan.rule:
        words += ["-t", f"{plan.first:%H:%M}"]
    words += ["--minutes", f"{plan.length // MINUTE}", "-s", plan.sport, "--system", plan.system]
    or_starts = ", ".join(f"{start:%H:%M}" for start in plan.choices[0].or_starts)
    given = {
        "--or": or_starts,
        "--account": plan.account,
        "--max-price": None if plan.max_price is None else str(plan.max_price),
        "--pay": None if plan.pay == "by-hand" else plan.pay,
        "--sign-in": plan.sign_in,
        "--until": plan.until and f"{plan.until}",
        "--notice": None if plan.notice == NOTICE else f"{plan.notice // MINUTE}",
        "--link": plan.link,
    }
    words += [word for name, text in given.items() if text for word in (name, text)]
    words += [word for day in sorted(plan.skipped) for word in ("--except", f"{day}")]
    flags = {"-m": plan.at_once, "--wait-list": plan.wait_list}
    return [*words, *(name for name, is_set in flags.items() if is_set)]


def _has_time(given: Mapping[str, Any]) -> bool:
    """Whether what is *given* instead of a day or a rule says the time as well."""
    if "every" in given:
        return when.read_every(given["every"], "--every").start is not None
    return "BYHOUR=" in given.get("rrule", "").upper()


def edited(options: argparse.Namespace, old: Plan, settings: Settings, today: date) -> list[Plan]:
    """*old* with what *options* of `plan edit` say otherwise, as `plans_from` gives it."""
    refuse_garbled(options)
    part_times(options)
    blank = plan_parser().parse_args(["add"])
    words = plan_parser().parse_args(["add", *words_of(replace(old, skipped=frozenset()))])
    given = {
        name: value
        for name, value in vars(options).items()
        if value is not None and name in vars(blank) and name not in ("do", "json")
    }
    for text in options.without or ():
        name = CLEARED[one_of(text, CLEARED, "--without")]
        given[name] = getattr(blank, name)
    if not given:
        raise UsageError("nothing is to be changed; see plan edit --help")
    is_new, rule, start = bool(WHEN & given.keys()), old.rule, old.first.time()
    if is_new:
        words.every = words.rrule = words.date = words.start_time = None
        if not _has_time(given):
            usual = next(replace(old, skipped=frozenset()).starts(old.first - MINUTE))
            words.start_time = f"{usual:%H:%M}"
    elif "start_time" in given:
        start = when.read_time(given["start_time"], "--start-time")
        if rule is not None and "BYHOUR=" in rule:
            rule = re.sub(r";?BY(?:HOUR|MINUTE|SECOND)=[^;]*", "", rule)
            words.rrule = rule = f"{rule};BYHOUR={start.hour};BYMINUTE={start.minute}"
            del given["start_time"]
    has_end = "every" in given and when.read_every(given["every"], "--every").end is not None
    if has_end or {"minutes", "end_time"} & given.keys():
        words.minutes = None
    if "only" in given and "court" not in given:
        words.court = [each.facility for each in old.choices]
    vars(words).update(given)
    made = []
    for plan in plans_from(words, settings, today):
        if not is_new:  # it counts from the day it counted from
            plan = replace(plan, first=datetime.combine(old.first.date(), start), rule=rule)
        if not WHERE & given.keys():
            plan = replace(plan, choices=old.choices)
        kept = {day for day in old.skipped if plan.has_slot_on(day)}
        made.append(replace(plan, skipped=plan.skipped | kept))
    return made
