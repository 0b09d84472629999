"""`book`: one booking, now if the window is open, else at the opening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reserve.commands.options import Booking, booking_parser, read_booking
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
    print_outcome(result.outcome.sentence, result_as_json(result) if booking.as_json else None)
    return result.outcome.exit_code


def book(booking: Booking, leads: Leads, *, in_turn: bool = False) -> tuple[RunResult, WiredRun]:
    """One run of *booking*, shown on standard error; *in_turn* waits for another one for the same day."""
    from reserve.booking.stop import Stop
    from reserve.commands.screen import shown
    from reserve.commands.wiring import build_run

    stop = Stop()
    wired = build_run(booking.request, booking.account, booking.settings, stop, leads)
    timeline = wired.run.timeline
    with shown(timeline, booking.warnings), stop.listening():
        result = wired.run.book(in_turn=in_turn)
        timeline.say(result.outcome.sentence)
        wired.write_down(result)
    return result, wired
