"""`courts`: the facilities of a booking system, or the courts of one and when a day opens there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from reserve.clock import Clock
from reserve.commands.options import (
    DAY_HELP,
    LINK_HELP,
    SYSTEM_HELP,
    TIME_HELP,
    command_parser,
    one_of,
    refuse_garbled,
)
from reserve.commands.today import NOBODY
from reserve.commands.wiring import Connect, connect, public_system
from reserve.model import BookingRequest
from reserve.settings import Settings
from reserve.systems import PROFILES, SPORTS
from reserve.when import read_day, read_time

IN_A_WHILE = timedelta(days=14)  # a day that is not open yet, as a rule
NOON = time(12)
HALF_AN_HOUR = timedelta(minutes=30)


def main(
    arguments: Sequence[str],
    settings: Settings,
    *,
    clock: Clock | None = None,
    connect: Connect = connect,
) -> int:
    """Print what is published, a line for each facility or court."""
    parser = command_parser("courts")
    parser.add_argument(
        "-c", "--court", metavar="NAME", help="facility; without it all facilities are listed"
    )
    parser.add_argument("-d", "--date", metavar="DATE", help=f"the day to play: {DAY_HELP} (in two weeks)")
    parser.add_argument("-t", "--start-time", metavar="TIME", help=f"when to play: {TIME_HELP} (12:00)")
    parser.add_argument("-s", "--sport", metavar="SPORT", help=f"only courts for {' or '.join(SPORTS)}")
    parser.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    parser.add_argument("--json", action="store_true", help="as one JSON array")
    parser.add_argument("--link", metavar="URL", help=LINK_HELP)
    options = parser.parse_args(arguments)
    refuse_garbled(options)
    clock = clock or Clock()
    system = one_of(options.system or settings.system, PROFILES, "--system")
    settings = replace(settings, system=system)
    sport = one_of(options.sport, SPORTS, "--sport") if options.sport else None

    def wanted(today: date) -> date:
        return read_day(options.date, "--date", today) if options.date else today + IN_A_WHILE

    day = wanted(clock.now().date())
    start = read_time(options.start_time, "--start-time") if options.start_time else NOON
    # Any length will do: what is published about a facility says nothing about a slot.
    any_sport = sport or PROFILES[system].sports[0]
    request = BookingRequest(options.court or "", any_sport, day, (start,), HALF_AN_HOUR, link=options.link)
    with public_system(request, NOBODY, settings, clock=clock, connect=connect) as asked:
        if not (options.court or options.link):
            key, what, way = "facility", "facility", "-c NAME"
            if "link" in asked.needs:
                key, what, way = "link", "session", "--link URL"
            rows = [{key: name} for name in asked.facilities()]
            return print_table(rows, f"{_counted(rows, what)}; see one with `{way}`", options.json)
        found = asked.published()
    courts = [
        {
            "court": each.court,
            "sports": list(each.sports),
            "slots": each.lengths,
            "window": each.window,
            "opens_at": each.opens_at.isoformat() if each.opens_at else None,
        }
        for each in found
        if sport is None or sport in each.sports
    ]
    opens = f"; opening times are for play on {day:%a %Y-%m-%d} at {start:%H:%M}"
    return print_table(courts, _counted(courts, "court") + ("" if options.link else opens), options.json)


def print_table(rows: Sequence[Mapping[str, object]], summary: str, as_json: bool) -> int:
    """Print *rows* as a table with a *summary* below it, or as JSON."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    lines = [[_plain(value) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(f"{summary}.")
    return 0


def _counted(rows: Sequence[object], what: str) -> str:
    many = what.removesuffix("y") + "ies" if what.endswith("y") else what + "s"
    return f"{len(rows)} {what if len(rows) == 1 else many}"


def _plain(value: object) -> str:
    if isinstance(value, list):
        spans = [each.split("-") for each in value]
        if len(value) > 2 and all(before[-1] == after[0] for before, after in pairwise(spans)):
            return f"{len(value)} slots, {value[0]} to {value[-1]}"
        return ", ".join(value)
    if isinstance(value, str):
        with suppress(ValueError):
            return f"opens {datetime.fromisoformat(value):%a %Y-%m-%d %H:%M:%S %z}"
    return str(value or "")
