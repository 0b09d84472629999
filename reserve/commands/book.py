"""`book`: one booking, now if the window is open, else at the opening."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reserve.commands.options import Booking, booking_parser, read_booking

if TYPE_CHECKING:
    from reserve.commands.outcome import Outcome
    from reserve.commands.outfit import Outfit
    from reserve.run import Leads


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Book as *arguments* say, tell the outcome, and return the exit code."""
    options = booking_parser("book").parse_args(arguments)
    booking = read_booking(options, environ)
    from reserve.commands.outcome import tell
    from reserve.run import Leads

    result, outfit = book(booking, environ, Leads())
    tell(result.sentence, result.as_json(booking, outfit.run_id, outfit.run) if booking.as_json else None)
    return result.exit_code


def book(booking: Booking, environ: Mapping[str, str], leads: Leads) -> tuple[Outcome, Outfit]:
    """One run of *booking*, told on standard error as it goes; returns how it ended, without secrets."""
    from reserve.commands.outfit import outfit
    from reserve.commands.screen import telling
    from reserve.stop import Stop

    stop = Stop()
    clothes = outfit(booking, environ, stop, leads)
    timeline = clothes.run.timeline
    with telling(timeline):
        for warning in booking.warnings:
            timeline.say(f"warning: {warning}")
        with stop.listening():
            result = conclude(clothes)
        timeline.say(result.sentence)
    clothes.write_down()
    return result, clothes


def conclude(clothes: Outfit) -> Outcome:
    """Do the run and say how it ended, without secrets, whatever the end."""
    from reserve.commands import outcome
    from reserve.model import Hold

    run, wish = clothes.run, clothes.run.request
    try:
        with clothes.record.kept(system=run.system.name, wish=str(wish), day=str(wish.day)):
            found, end = run.book()
        result = outcome.held(end, found) if isinstance(end, Hold) else outcome.reserved(end, found)
    except Exception as failure:
        result = outcome.failed(failure)
        if result.exit_code == outcome.BUG:
            clothes.write_bug(failure)
    finally:
        run.system.close()
    sentence = result.sentence
    if left := run.timeline.left:
        sentence = f"{sentence.removesuffix(' What was held has been given back.')} Mind: {', '.join(left)}."
    result = replace(result, sentence=run.timeline.secrets.mask(sentence))
    clothes.record.end(result.exit_code, result.sentence)
    clothes.record.store.close()
    return result
