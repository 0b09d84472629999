"""`bookings`: what the player has at the booking system, holds included; `bookings cancel` gives it up."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from reserve.booking.cancel import short_ids
from reserve.booking.result import Outcome, RunResult, failed
from reserve.booking.run import Run
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.booked import Bookings, request_for
from reserve.commands.options import (
    LINK_HELP,
    SYSTEM_HELP,
    Parser,
    account_named,
    command_parser,
    one_of,
    refuse_garbled,
)
from reserve.commands.outcome import print_outcome, result_as_json
from reserve.commands.questions import YES, answered
from reserve.commands.screen import Tone, say, shown
from reserve.commands.wiring import Connect
from reserve.errors import ExitCode, ReserveError, UsageError
from reserve.settings import Settings
from reserve.systems import PROFILES, WAYS_TO_SIGN_IN
from reserve.systems.base import BookingSystem


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
    said = {"court": options.court, "link": options.link}
    request = request_for(said, settings, clock.now(), sign_in=options.sign_in)
    bookings = Bookings(
        request, account, settings, stop, clock=clock, connect=connect, system_type=system_type
    )
    try:
        with shown(bookings.run.timeline, (), has_opening=False), stop.listening():
            bookings.sign_in()
            return give_up(bookings, options) if options.do == "cancel" else show(bookings, options)
    except ReserveError as failure:
        return _print(bookings.run, failed(failure), as_json=options.json)
    finally:
        bookings.close()


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


def show(bookings: Bookings, options: argparse.Namespace) -> int:
    """A line for each court that is held or reserved, the past only when it is wanted."""
    listed = bookings.all() if options.past else bookings.ahead()
    if options.json:
        print(json.dumps([each.as_json() for each in listed], ensure_ascii=False))
        return ExitCode.SUCCESS
    ids = short_ids([each.booked for each in listed])
    widest = max((len(f"{ids[each.id]}  {each.state}") for each in listed), default=0)
    for each in listed:
        beginning = f"{ids[each.id]}  {each.state}".ljust(widest)
        say(str(each), Tone.NEEDS_YOU if each.hold else Tone.GOOD, beginning=f"{beginning}  ")
    many = "1 court" if len(listed) == 1 else f"{len(listed)} courts"
    what = f"{many}; give one up with `bookings cancel ID`" if listed else "No court is held or reserved"
    say(f"{what}{'' if options.past else '; see what is over with --past'}.")
    return ExitCode.SUCCESS


def give_up(bookings: Bookings, options: argparse.Namespace) -> int:
    """Cancel what has the id in *options*, after a question."""
    found = bookings.meant(options.id)
    refund = bookings.refund(found[0])
    bookings.refuse_begun(found[0])
    if refund:
        bookings.run.timeline.say(f"refund: {refund}")
    what = ", and ".join(map(str, found))
    if not options.yes and answered(f"Cancel {what}? [y/N]") not in YES:
        print("Nothing was cancelled.")
        return ExitCode.SUCCESS
    sentence = bookings.cancel(found, refund)
    rows = [each.as_json() for each in found]
    as_json = {"cancelled": rows, "refund": refund, "sentence": sentence} if options.json else None
    print_outcome(sentence, ExitCode.SUCCESS, as_json)
    return ExitCode.SUCCESS


def _print(run: Run, outcome: Outcome, *, as_json: bool) -> int:
    sentence = run.timeline.secrets.mask(outcome.sentence)
    told = result_as_json(RunResult(replace(outcome, sentence=sentence), system=run.system.name))
    print_outcome(sentence, outcome.exit_code, told if as_json else None)
    return outcome.exit_code
