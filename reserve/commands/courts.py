"""`courts`: the facilities of a booking system, or the courts of one and when a day opens there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from reserve.clock import Clock
from reserve.commands import COMMANDS
from reserve.commands.options import Parser, booking_parser, read_booking
from reserve.commands.outfit import Connect, connect


def main(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    clock: Clock | None = None,
    connect: Connect = connect,
) -> int:
    """Print what is published, a line for each facility or court."""
    parser = Parser(
        prog="main.py courts", description=COMMANDS["courts"].capitalize() + ".", allow_abbrev=False
    )
    parser.add_argument(
        "-c", "--court", metavar="NAME", help="facility; without it all facilities are listed"
    )
    parser.add_argument("-d", "--date", metavar="DATE", help="the day to play, YYYY-MM-DD (in two weeks)")
    parser.add_argument("-s", "--sport", metavar="SPORT", help="only courts for tennis, or for pickleball")
    parser.add_argument("--system", metavar="NAME", help="booking system (RESERVE_SYSTEM)")
    parser.add_argument("--json", action="store_true", help="as one JSON array")
    options = parser.parse_args(arguments)
    from reserve.commands.lookup import NOBODY, looking

    clock = clock or Clock()
    day = options.date or f"{clock.now() + timedelta(days=14):%Y-%m-%d}"
    # Any slot will do: what is published about a facility says nothing about a slot.
    words = [
        "-c",
        options.court or "any",
        "-d",
        day,
        "-s",
        options.sport or "tennis",
        "-t",
        "12:00",
        "-y",
        "12:30",
    ]
    words += ["--system", options.system] if options.system else []
    booking = read_booking(booking_parser("book").parse_args(words), {**environ, **NOBODY})
    with looking(booking, environ, clock, connect) as system:
        if not options.court:
            return show([{"facility": name} for name in system.facilities()], "facilities", options.json)
        found = system.published()
    rows = [
        {
            "court": each.court,
            "sports": list(each.sports),
            "slots": each.lengths,
            "window": each.window,
            "opens_at": each.opens_at.isoformat() if each.opens_at else None,
        }
        for each in found
        if not options.sport or booking.request.sport in each.sports
    ]
    return show(rows, f"courts; {day} is the day that opens then", options.json)


def show(rows: Sequence[Mapping[str, object]], what: str, as_json: bool) -> int:
    """Print *rows* as a table, or as JSON."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    lines = [[_plain(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(f"{len(rows)} {what}.")
    return 0


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, str):
        with suppress(ValueError):
            return f"opens {datetime.fromisoformat(value):%a %Y-%m-%d %H:%M:%S %z}"
    return str(value or "")
