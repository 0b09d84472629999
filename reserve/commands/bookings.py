"""`bookings`: what the player has at the booking system, holds included; `bookings cancel` gives it up."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta

from reserve.booking.cancel import Booked, booked, cancel, meant, short_ids
from reserve.booking.context import Leads
from reserve.booking.result import Outcome, RunResult, failed
from reserve.booking.run import Run
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.options import (
    LINK_HELP,
    SYSTEM_HELP,
    Parser,
    account_named,
    command_parser,
    one_of,
    refuse_garbled,
    way_to_sign_in,
)
from reserve.commands.outcome import print_outcome, result_as_json
from reserve.commands.questions import YES, answered
from reserve.commands.screen import Tone, say, shown
from reserve.commands.telling import tell
from reserve.commands.wiring import Connect, WiredRun, build_run
from reserve.errors import ExitCode, OutcomeWord, ReserveError, UsageError
from reserve.model import BookingRequest, Hold
from reserve.notify.notice import Kind, Notice
from reserve.settings import Settings
from reserve.systems import PROFILES, WAYS_TO_SIGN_IN
from reserve.systems.base import BookingSystem
from reserve.systems.registry import SYSTEMS
from reserve.window import parse_day, parse_time

NOON, HALF_AN_HOUR = time(12), timedelta(minutes=30)  # of a request for no slot in particular


def main(
    arguments: Sequence[str],
    settings: Settings,
    *,
    clock: Clock | None = None,
    connect: Connect | None = None,
    system_type: type[BookingSystem] | None = None,
) -> int:
    """List what the player has, or cancel a part of it, as *arguments* say."""
    options = parser().parse_args(arguments)
    refuse_garbled(options)
    refuse_contradictions(options)
    system = one_of(options.system or settings.system, PROFILES, "--system")
    settings = replace(settings, system=system)
    account = account_named(options.account, system, settings)
    stop, clock = Stop(), clock or Clock()
    request = request_for(options, settings, clock.now())
    wired = build_run(
        request, account, settings, stop, Leads(), clock=clock, connect=connect, system_type=system_type
    )
    run = wired.run
    try:
        with shown(run.timeline, (), has_opening=False), stop.listening():
            run.sign_in.check()
            run.sign_in.make()
            found = booked(run.system, run.timeline.say)
            if options.do == "cancel":
                return give_up(wired, meant(found, options.id), options, settings)
            return show(run, found, options)
    except ReserveError as failure:
        return _print(run, failed(failure), as_json=options.json)
    finally:
        run.system.close()
        wired.record.store.close()


def parser() -> Parser:
    """The options of `bookings`."""
    made = command_parser("bookings")
    made.add_argument("do", nargs="?", choices=["cancel"], metavar="cancel", help="give up what has this ID")
    made.add_argument("id", nargs="?", metavar="ID", help="as `bookings` shows it; its beginning is enough")
    made.add_argument("--past", action="store_true", help="also what is over")
    made.add_argument("--yes", action="store_true", help="cancel without asking; needed without a terminal")
    made.add_argument("--json", action="store_true", help="as one JSON array; of a cancellation, one object")
    made.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    made.add_argument("--account", metavar="NAME", help="a stored account (RESERVE_ACCOUNT)")
    made.add_argument("--sign-in", metavar="HOW", help=f"{', '.join(WAYS_TO_SIGN_IN)} (RESERVE_SIGN_IN)")
    made.add_argument("-c", "--court", metavar="NAME", help="facility, where a system has a list for each")
    made.add_argument("--link", metavar="URL", help=LINK_HELP)
    return made


def refuse_contradictions(options: argparse.Namespace) -> None:
    """Raise `UsageError` for a cancellation without an id, or that nobody can be asked about."""
    if options.do is None:
        if options.yes:
            raise UsageError("--yes: nothing is to be cancelled; say `bookings cancel ID --yes`")
        return
    if not (options.id or "").strip():
        raise UsageError("the id is missing; `bookings` shows it")
    if not options.yes and not sys.stdin.isatty():
        raise UsageError("cancelling asks first, and there is no terminal to ask at; add --yes")


def request_for(options: argparse.Namespace, settings: Settings, now: datetime) -> BookingRequest:
    """A request for nothing in particular, which says where to look."""
    kind = SYSTEMS[settings.system]
    said = {"court": options.court, "link": options.link}
    given = kind.completed({name: text.strip() for name, text in said.items() if text})
    request = BookingRequest(
        given.get("court", ""),
        given.get("sport", kind.sports[0]),
        parse_day(given["date"], "--date") if "date" in given else now.date(),
        (parse_time(given["start_time"], "--start-time") if "start_time" in given else NOON,),
        HALF_AN_HOUR,
        link=given.get("link"),
        sign_in=way_to_sign_in(options.sign_in, kind, settings),
    )
    return kind.fitted(request)


def show(run: Run, found: Sequence[Booked], options: argparse.Namespace) -> int:
    """A line for each court that is held or reserved, the past only when it is wanted."""
    now = run.clock.now()
    listed = [each for each in found if options.past or each.slot.end > now]
    ids = short_ids(listed)
    rows = [_row(run, each) for each in listed]
    if options.json:
        print(json.dumps(rows, ensure_ascii=False))
        return ExitCode.SUCCESS
    widest = max((len(f"{ids[each.id]}  {_state(each)}") for each in listed), default=0)
    for each in listed:
        beginning = f"{ids[each.id]}  {_state(each)}".ljust(widest)
        tone = Tone.NEEDS_YOU if isinstance(each.what, Hold) else Tone.GOOD
        say(_described(run, each), tone, beginning=f"{beginning}  ")
    many = "1 court" if len(listed) == 1 else f"{len(listed)} courts"
    what = f"{many}; give one up with `bookings cancel ID`" if listed else "No court is held or reserved"
    say(f"{what}{'' if options.past else '; see what is over with --past'}.")
    return ExitCode.SUCCESS


def give_up(wired: WiredRun, found: Sequence[Booked], options: argparse.Namespace, settings: Settings) -> int:
    """Cancel what was *found* under one id, after a question; calendars are told of it."""
    run, first = wired.run, found[0]
    what = ", and ".join(_described(run, each) for each in found)
    refund = None if isinstance(first.what, Hold) else run.system.refund(first.what)
    if first.slot.start <= run.clock.now():
        raise UsageError(f"{what} has begun; it cannot be cancelled any more")
    if refund:
        run.timeline.say(f"refund: {refund}")
    if not options.yes and answered(f"Cancel {what}? [y/N]") not in YES:
        print("Nothing was cancelled.")
        return ExitCode.SUCCESS
    cancel(run.system, first)
    done = "Released" if isinstance(first.what, Hold) else "Cancelled"
    sentence = f"{done} {what}." + (f" Refund: {refund}." if refund else "")
    sentence = run.timeline.secrets.mask(sentence)
    rows = [_row(run, each) for each in found]
    if not isinstance(first.what, Hold):
        tell(settings, *(_notice(wired, each, sentence) for each in found))
    as_json = {"cancelled": rows, "refund": refund, "sentence": sentence} if options.json else None
    print_outcome(sentence, ExitCode.SUCCESS, as_json)
    return ExitCode.SUCCESS


def _notice(wired: WiredRun, each: Booked, sentence: str) -> Notice:
    facility = wired.run.system.facility_of(each.court)
    file = wired.keep_calendar(facility, each.court.name, each.slot, is_cancelled=True)
    name = f"run {wired.run_id} cancelled {each.court.name}"
    return Notice(name, Kind.CANCELLED, sentence, wired.run.clock.now(), wired.run_id, file)


def _print(run: Run, outcome: Outcome, *, as_json: bool) -> int:
    sentence = run.timeline.secrets.mask(outcome.sentence)
    told = result_as_json(RunResult(replace(outcome, sentence=sentence), system=run.system.name))
    print_outcome(sentence, outcome.exit_code, told if as_json else None)
    return outcome.exit_code


def _state(each: Booked) -> str:
    if not isinstance(each.what, Hold):
        return OutcomeWord.RESERVED
    expires = each.what.expires_at
    until = f" until {expires.astimezone(each.slot.start.tzinfo):%H:%M}" if expires else ""
    return f"{OutcomeWord.HELD}{until}"


def _described(run: Run, each: Booked) -> str:
    facility = run.system.facility_of(each.court)
    where = f"{each.court.name}, {facility}" if facility else each.court.name
    text = f"{each.slot.start:%a} {each.slot}  {where}"
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _row(run: Run, each: Booked) -> dict[str, object]:
    hold = each.what if isinstance(each.what, Hold) else None
    return {
        "id": each.id,
        "state": OutcomeWord.HELD if hold else OutcomeWord.RESERVED,
        "facility": run.system.facility_of(each.court) or None,
        "court": each.court.name,
        "start": each.slot.start.isoformat(),
        "end": each.slot.end.isoformat(),
        "order_id": each.what.order_id,
        "expires_at": hold.expires_at.isoformat() if hold and hold.expires_at else None,
        "link": hold.link if hold else None,
    }
