"""`book`: one booking, now if the window is open, else at the opening."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from signal import SIGINT
from typing import TYPE_CHECKING

from reserve.commands.options import Booking, booking_parser, read_booking
from reserve.errors import Interrupted
from reserve.itself import TYPED
from reserve.log_file import lines_are_about
from reserve.settings import Settings

if TYPE_CHECKING:
    from reserve.booking.context import Leads
    from reserve.booking.result import RunResult
    from reserve.commands.wiring import WiredRun


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Book as *arguments* say, print the outcome, and return the exit code."""
    options = booking_parser("book").parse_args(arguments)
    booking = read_booking(options, settings)
    from reserve.booking.context import Leads
    from reserve.commands.outcome import print_outcome, result_as_json

    result, _ = book(booking, Leads())
    if result.outcome.is_too_far:
        sentence = f"{result.outcome.sentence} Have it booked in time: {plan_line(booking, options.account)}"
        result = replace(result, outcome=replace(result.outcome, sentence=sentence))
    outcome = result.outcome
    print_outcome(outcome.sentence, outcome.exit_code, result_as_json(result) if booking.as_json else None)
    return outcome.exit_code


def tell_how_it_ended(settings: Settings, result: RunResult) -> None:
    """Have the player's channels told, unless it was the player who ended it."""
    outcome, run_id = result.outcome, result.run_id
    if settings.notify is None or outcome.exit_code == Interrupted(SIGINT).exit_code:
        return
    from reserve.clock import Clock
    from reserve.commands.telling import notices_of, tell
    from reserve.storage.run_folder import calendar_of

    file = calendar_of(settings.data, run_id) if run_id else None
    what = f"run {run_id}"
    notices = notices_of(outcome, Clock().now(), what=what, about=what, run_id=run_id, calendar=file)
    tell(settings, *notices)


def plan_line(booking: Booking, account: str | None = None) -> str:
    """What to type to have *booking* as a plan."""
    from reserve.commands.plan_options import words_of
    from reserve.plans.plan import Choice, Plan

    request = booking.request
    plan = Plan(
        choices=(Choice(request.facility, request.only, request.starts[1:]),),
        length=request.length,
        first=datetime.combine(request.day, request.starts[0]),
        sport=request.sport,
        system=booking.settings.system,
        account=account,
        max_price=None if request.max_price is None else Decimal(request.max_price.amount),
        pay=request.pay,
        sign_in=request.sign_in,
        at_once=request.at_once,
        wait_list=request.wait_list,
        link=request.link,
    )
    return f"{TYPED} plan add {shlex.join(words_of(plan))}"


def book(booking: Booking, leads: Leads, *, in_turn: bool = False) -> tuple[RunResult, WiredRun]:
    """One run of *booking*, shown on standard error; *in_turn* waits for another one for the same day."""
    from reserve.booking.stop import Stop
    from reserve.commands.screen import shown
    from reserve.commands.wiring import build_run

    stop = Stop()
    wired = build_run(booking.request, booking.account, booking.settings, stop, leads)
    lines_are_about(run=wired.run_id)
    timeline = wired.run.timeline
    with shown(timeline, booking.warnings), stop.listening():
        result = wired.run.book(in_turn=in_turn)
        timeline.show = lambda line: None  # the sentence is printed by whoever called, once
        timeline.say(result.outcome.sentence)
        wired.write_down(result)
        result = replace(result, outcome=replace(result.outcome, cause=result.cause))
        if not in_turn:  # of a plan, whose facilities are tried one after the other, only the end is told
            tell_how_it_ended(booking.settings, result)
    return result, wired
