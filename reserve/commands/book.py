"""`book`: one booking, now if the window is open, else at the opening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reserve.commands.options import Booking, booking_parser, read_booking
from reserve.errors import ExitCode
from reserve.settings import Settings

if TYPE_CHECKING:
    from reserve.booking.run import Leads
    from reserve.commands.outcome import Outcome
    from reserve.commands.wiring import WiredRun


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Book as *arguments* say, tell the outcome, and return the exit code."""
    options = booking_parser("book").parse_args(arguments)
    booking = read_booking(options, settings)
    from reserve.booking.run import Leads
    from reserve.commands.outcome import tell

    result, wired = book(booking, settings, Leads())
    tell(result.sentence, result.as_json(booking, wired.run_id, wired.run) if booking.as_json else None)
    return result.exit_code


def book(
    booking: Booking,
    settings: Settings,
    leads: Leads,
    *,
    takes_over: bool = False,
    in_turn: bool = False,
) -> tuple[Outcome, WiredRun]:
    """One run of *booking*, told on standard error as it goes; returns how it ended, without secrets.

    With *takes_over*, what another machine began for the same request is put in order like our own; with
    *in_turn*, another run for the same day is waited for.
    """
    from reserve.booking.stop import Stop
    from reserve.commands.screen import telling
    from reserve.commands.wiring import build_run

    stop = Stop()
    wired = build_run(booking, settings, stop, leads, takes_over=takes_over)
    timeline = wired.run.timeline
    with telling(timeline):
        for warning in booking.warnings:
            timeline.say(f"warning: {warning}")
        with stop.listening():
            result = conclude(wired, in_turn=in_turn)
        timeline.say(result.sentence)
    wired.write_down()
    return result, wired


def conclude(wired: WiredRun, *, in_turn: bool = False) -> Outcome:
    """Do the run and say how it ended, without secrets, whatever the end."""
    from reserve.commands import outcome
    from reserve.model import Hold

    run, request = wired.run, wired.run.request
    wait = run.wait_for_another if in_turn else None
    try:
        with wired.record.kept(system=run.system.name, request=str(request), day=str(request.day), wait=wait):
            found, end = run.book()
        result = outcome.held(end, found) if isinstance(end, Hold) else outcome.reserved(end, found)
    except Exception as failure:
        gave_back = bool(run.timeline.released) and not run.timeline.left
        result = outcome.failed(failure, gave_back=gave_back)
        if result.exit_code == ExitCode.BUG:
            wired.write_bug(failure)
    finally:
        run.system.close()
    mind = f" Mind: {', '.join(run.timeline.left)}." if run.timeline.left else ""
    result = replace(result, sentence=run.timeline.secrets.mask(result.sentence + mind))
    wired.record.end(result.exit_code, result.sentence)
    wired.record.store.close()
    return result
