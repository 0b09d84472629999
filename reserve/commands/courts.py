"""`courts`: the facilities of a booking system, or the courts of one and when a day opens there."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from itertools import groupby, pairwise

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
from reserve.commands.screen import WIDTH, folded, in_columns
from reserve.commands.today import NOBODY, reading_today
from reserve.commands.wiring import Connect, connect, public_system
from reserve.errors import ServiceError, UsageError
from reserve.model import BookingRequest, Shown
from reserve.notify.notice import Kind
from reserve.settings import Settings
from reserve.systems import PROFILES, SPORTS
from reserve.systems.place import span
from reserve.when import read_day, read_time

IN_A_WHILE = timedelta(days=14)  # a day that is not open yet, as a rule
NOON = time(12)
HALF_AN_HOUR = timedelta(minutes=30)
LOOK_EVERY = timedelta(seconds=60)


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
    parser.add_argument(
        "--watch", action="store_true", help="go on looking; says what becomes free, books nothing"
    )
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
    if options.watch and not (options.court and options.date):
        raise UsageError("--watch: say where and on which day, with --court and --date")
    if options.watch and options.json:
        raise UsageError("--watch: what becomes free is said to a person; leave --json out")
    start = read_time(options.start_time, "--start-time") if options.start_time else NOON
    if not (options.court or options.link):
        return list_facilities(facilities(system, settings, clock, connect), system, as_json=options.json)
    # Any length will do: what is published about a facility says nothing about a slot.
    any_sport = sport or PROFILES[system].sports[0]
    request = BookingRequest(options.court or "", any_sport, day, (start,), HALF_AN_HOUR, link=options.link)
    if options.date:
        day = reading_today(wanted, request, settings, clock, connect)
        request = replace(request, day=day)
    with public_system(request, NOBODY, settings, clock=clock, connect=connect) as asked:
        if options.date and day < clock.now().astimezone(asked.zone()).date():
            raise UsageError(f"--date: {day:%a} {day} is in the past")
        now, found, shown = clock.now(), asked.published(), asked.shown() if options.date else []
        zone = asked.zone()
    courts: list[dict[str, object]] = [
        {
            "court": each.court,
            "sports": list(each.sports),
            "slots": each.lengths,
            "window": each.window,
            "opens_at": each.opens_at.astimezone(zone) if each.opens_at else None,
        }
        for each in found
        if sport is None or sport in each.sports
    ]
    courts = [{**row, **({"day": _day(row["court"], shown, now)} if options.date else {})} for row in courts]
    opens = f"; opening times are for play on {day:%a %Y-%m-%d} at {start:%H:%M}"
    if not options.json and shown:
        print_day(shown, {str(row["court"]) for row in courts}, now)
        print()
    print_table(courts, _counted(courts, "court") + ("" if options.link else opens), now, options.json)
    return watch(request, settings, clock, connect, shown) if options.watch else 0


def facilities(system: str, settings: Settings, clock: Clock, connect: Connect) -> list[str]:
    """The facilities of *system*, or the links of its sessions; raises `ReserveError` for no answer."""
    day = clock.now().date() + IN_A_WHILE
    request = BookingRequest("", PROFILES[system].sports[0], day, (NOON,), HALF_AN_HOUR)
    settings = replace(settings, system=system)
    with public_system(request, NOBODY, settings, clock=clock, connect=connect) as asked:
        return asked.facilities()


def list_facilities(names: Sequence[str], system: str, *, as_json: bool) -> int:
    """Print *names*, and how to see one of them."""
    key, what, way = "facility", "facility", "-c NAME"
    if "link" in PROFILES[system].needs:
        key, what, way = "link", "session", "--link URL"
    if as_json:
        print(json.dumps([{key: name} for name in names], ensure_ascii=False))
        return 0
    for line in in_columns(names) if sys.stdout.isatty() else names:
        print(line)
    print(f"{_counted(names, what)}; see one with `{way}`.")
    return 0


def _day(court: object, shown: Sequence[Shown], now: datetime) -> list[dict[str, object]]:
    """The slots of one court, for a program."""
    return [
        {
            "start": each.offer.slot.start.isoformat(),
            "end": each.offer.slot.end.isoformat(),
            "state": each.state(now),
            "opens_at": each.offer.opens_at.isoformat(),
            "price": str(each.offer.price) if each.offer.price else None,
        }
        for each in shown
        if each.offer.court.name == court
    ]


def print_day(shown: Sequence[Shown], courts: Collection[str], now: datetime) -> None:
    """Say which slots are free, which are taken and which are not open yet, court by court."""
    for court, slots in groupby(shown, key=lambda each: each.offer.court.name):
        if court not in courts:
            continue
        by_state = defaultdict[str, list[str]](list)
        for each in slots:
            offer, state = each.offer, each.state(now)
            if state == "not open yet":
                state = f"opens {offer.opens_at:%a %Y-%m-%d %H:%M}"
            by_state[state].append(span(offer.slot))
        prices = {
            f"{price}" for each in shown if each.offer.court.name == court and (price := each.offer.price)
        }
        print(", ".join([court, *sorted(prices)]))
        for state, times in by_state.items():
            print(folded(f"  {state + ': ':<23}", ", ".join(times)))


def watch(
    request: BookingRequest,
    settings: Settings,
    clock: Clock,
    connect: Connect,
    seen: Sequence[Shown],
    most: int | None = None,
) -> int:
    """Say what becomes free, at most so many looks long; Ctrl-C ends it. Nothing is ever booked."""
    if not seen:
        raise UsageError(f"--watch: nobody publishes what is free at {request.facility} then")
    from reserve.commands.telling import notice, tell

    print(
        f"Watching, a look every {LOOK_EVERY.seconds} seconds; nothing is booked. Ctrl-C ends it.", flush=True
    )
    free = _free(seen, clock.now())
    while (most is None or most > 0) and (now := clock.now()) < max(each.offer.closes_at for each in seen):
        most = None if most is None else most - 1
        clock.sleep(LOOK_EVERY)
        with public_system(request, NOBODY, settings, clock=clock, connect=connect) as asked:
            try:
                now, seen = clock.now(), asked.shown() or seen
            except ServiceError as trouble:
                print(f"{now:%H:%M:%S} could not look: {trouble}", flush=True)
                continue
        for each in sorted((now_free := _free(seen, now)) - free):
            sentence = f"Free now: {each}."
            print(f"{now:%H:%M:%S} {sentence}", flush=True)
            tell(settings, notice(Kind.FREE, sentence, now))
        free = now_free
    print("The day is over.")
    return 0


def _free(shown: Sequence[Shown], now: datetime) -> set[str]:
    return {f"{each.offer.court.name}, {each.offer.slot}" for each in shown if each.state(now) == "free"}


def print_table(rows: Sequence[Mapping[str, object]], summary: str, now: datetime, as_json: bool) -> None:
    """Print *rows*, read *now*, as a table with a *summary* below it, or as JSON."""
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, default=datetime.isoformat))
        return
    lines = [[_plain(value, now) for name, value in row.items() if name != "day"] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        whole = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        if sum(widths) + 2 * len(widths) <= WIDTH:
            print(whole)
            continue
        print("  ".join(line[:2]))
        for cell in filter(None, line[2:]):
            print(folded("  ", cell))
    print(f"{summary}.")


def _counted(rows: Sequence[object], what: str) -> str:
    many = what.removesuffix("y") + "ies" if what.endswith("y") else what + "s"
    return f"{len(rows)} {what if len(rows) == 1 else many}"


def _plain(value: object, now: datetime) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{'opened' if value <= now else 'opens'} {value:%a %Y-%m-%d %H:%M:%S %Z}"
    return in_a_row(str(value or ""))


def in_a_row(text: str) -> str:
    """`07:30-09:00, 09:00-10:30, 10:30-12:00` as `07:30-12:00 every 90 min`; anything else as it is."""
    spans = [each.split("-") for each in text.split(", ")]
    try:
        times = [tuple(datetime.strptime(each, "%H:%M") for each in ends) for ends in spans]  # noqa: DTZ007
        lengths = {end - start for start, end in times}
    except ValueError:
        return text
    if len(times) < 3 or len(lengths) > 1 or any(one[1] != other[0] for one, other in pairwise(times)):
        return text
    return f"{spans[0][0]}-{spans[-1][1]} every {lengths.pop() // timedelta(minutes=1)} min"
