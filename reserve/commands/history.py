"""`history`: the latest runs, how they ended and why; or how many ended so."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from statistics import median

from reserve.causes.words import after
from reserve.clock import Clock
from reserve.commands.options import command_parser
from reserve.commands.output_file import write_file
from reserve.commands.screen import say, tone_of
from reserve.commands.store import open_store
from reserve.commands.why import MS, RUNNING, outcome_of, word_of
from reserve.errors import CauseWord, UsageError
from reserve.settings import Settings
from reserve.storage.database import NAME
from reserve.storage.run_folder import calendars
from reserve.storage.runs import RunRow, RunStore, RunTotal
from reserve.when import read_day

MOST = 100_000  # runs; a life of playing every day
USUAL = 20
WEEK = timedelta(days=6)  # a weekday is then the last one, or today
RESERVED = "reserved"
NOWHERE = "(not known)"  # the facility of a run that never found it, or of an older version


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print one line for each run, latest first, or totals."""
    parser = command_parser("history")
    parser.add_argument("--most", type=int, metavar="N", help=f"how many to show ({USUAL})")
    parser.add_argument("--plan", type=int, metavar="ID", help="only the runs of this plan")
    parser.add_argument("--since", metavar="DAY", help="only those from this day on: 2026-11-01, mon, 1 nov")
    parser.add_argument("--lost", action="store_true", help="only those that ended without a court")
    parser.add_argument("--totals", action="store_true", help="how many ended so, by cause and by facility")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as one JSON array, or object of totals")
    form.add_argument("--csv", action="store_true", help="as a table for other programs")
    parser.add_argument(
        "--ics", metavar="FILE", type=Path, help="write what they reserved into FILE, for a calendar"
    )
    options = parser.parse_args(arguments)
    if options.most is not None and not 1 <= options.most <= MOST:
        raise UsageError(f"--most: choose a number from 1 to {MOST}")
    most = options.most or (MOST if options.totals else USUAL)
    since = None if options.since is None else beginning_of(options.since, Clock().now().astimezone().date())
    with recorded_runs(settings) as past:
        runs = past.rows(plan_id=options.plan, since=since, is_lost=options.lost, most=most)
        alive = past.alive(run.run_id for run in runs if run.ended is None)
        is_all = options.plan is None and since is None and not options.lost
        forgotten = past.forgotten() if options.totals and is_all else []
        if options.ics:
            write_calendar(options.ics, settings.data, [run.run_id for run in runs])
    if options.totals:
        print_totals(runs, alive, forgotten, options.json, options.csv)
    elif options.json:
        print(json.dumps([run_as_json(run, alive) for run in runs], ensure_ascii=False))
    elif options.csv:
        print_csv(run_as_json(run, alive) for run in runs)
    else:
        for run in runs:
            text = f"{run.request}: {in_short(run, alive)}"
            say(text, tone_of(run.exit_code), beginning=f"{run.run_id}  ")
        if not runs:
            print("No run is recorded yet." if is_all else "No such run is recorded.")
    return 0


def write_calendar(file: Path, data: Path, run_ids: Collection[str]) -> None:
    """Have in *file* what these runs reserved, and what was cancelled of it since.

    Raises `UsageError` when this machine knows of no reservation, or *file* cannot be written.
    """
    from reserve.calendar_file import merged

    kept = calendars(data)
    among = [text for run_id, text in kept.items() if run_id in run_ids]
    if not among:
        raise UsageError("--ics: nothing that these runs reserved is known on this machine")
    text = merged(kept.values(), among)
    write_file(file, text, "--ics")
    print(f"A calendar file is in {file}.", file=sys.stderr)


@contextmanager
def recorded_runs(settings: Settings) -> Iterator[RunStore]:
    """The runs of this machine; raises `UsageError` when no run ever wrote anything down."""
    if not settings.database_url and not (settings.data / NAME).exists():
        raise UsageError(
            f"no run is recorded in {settings.data}; set RESERVE_DATA to the folder of your runs"
        )
    with closing(open_store(settings)) as store:
        yield RunStore(store)


def beginning_of(text: str, today: date) -> datetime:
    """When the day in *text* began on this machine; a weekday is the last one."""
    day = read_day(text, "--since", today)
    if day > today:
        day = read_day(text, "--since", today - WEEK)
    if day > today:
        raise UsageError(f"--since: {day} is in the future; write the year, too")
    return datetime.combine(day, time()).astimezone()


def end_of(run: RunRow, alive: Collection[str]) -> str:
    """How *run* ended, in a sentence, unless it is one of those that are *alive*."""
    if run.sentence:
        return run.sentence
    return (
        "Still running."
        if run.run_id in alive
        else "Cut off, or its end could not be written; the next run tidies up after it."
    )


def in_short(run: RunRow, alive: Collection[str]) -> str:
    """Outcome, court, margin and cause of *run*; of one that is not over, a sentence."""
    if run.ended is None:
        return end_of(run, alive)
    cause = word_of(run)
    margin = None if run.margin_ms is None else after(run.margin_ms * MS)
    told = [outcome_of(run), run.court, margin, cause if cause != outcome_of(run) else None]
    return ", ".join(each for each in told if each)


def run_as_json(run: RunRow, alive: Collection[str] = ()) -> dict[str, object]:
    """*run* as a JSON object."""
    is_alive = run.run_id in alive
    return {
        "run_id": run.run_id,
        "system": run.system,
        "request": run.request,
        "facility": run.facility,
        "court": run.court,
        "started": run.started.isoformat(),
        "opens_at": run.opens_at.isoformat() if run.opens_at else None,
        "ended": run.ended.isoformat() if run.ended else None,
        "outcome": outcome_of(run, is_alive=is_alive),
        "exit_code": run.exit_code,
        "cause": word_of(run, is_alive=is_alive),
        "margin_ms": run.margin_ms,
        "sentence": run.sentence,
    }


def print_csv(rows: Iterable[dict[str, object]]) -> None:
    """Print *rows* with the names of their columns."""
    writer = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, [*row], lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)


@dataclass
class Total:
    """Runs that have something in common: how many, and the margins of those that are not forgotten."""

    name: str
    runs: int = 0
    reserved: int = 0
    lost: int = 0
    margins: list[int] = field(default_factory=list)

    @property
    def typical_ms(self) -> int | None:
        """The margin that half of the runs were below."""
        return round(median(self.margins)) if self.margins else None

    def as_json(self) -> dict[str, object]:
        """It as a JSON object."""
        return {name: value for name, value in asdict(self).items() if name != "margins"} | {
            "typical_margin_ms": self.typical_ms
        }


def totals(
    runs: Iterable[RunRow], alive: Collection[str], forgotten: Iterable[RunTotal]
) -> dict[str, list[Total]]:
    """*runs* that are over, and those that are *forgotten*, by cause and by facility; the most come first.

    A margin of a facility is one of its reservations.
    """
    causes: dict[str, Total] = {}
    facilities: dict[str, Total] = {}

    def count(cause: str, facility: str, number: int, margin: int | None = None) -> None:
        is_reserved = cause == RESERVED
        for kind, name in ((causes, cause), (facilities, facility or NOWHERE)):
            total = kind.setdefault(name, Total(name))
            total.runs += number
            total.reserved += number * is_reserved
            total.lost += number * (not is_reserved and cause != CauseWord.UNPAID)
            if margin is not None and (is_reserved or kind is causes):
                total.margins.append(margin)

    for run in runs:
        if outcome_of(run, is_alive=run.run_id in alive) != RUNNING:
            count(word_of(run) or RESERVED, run.facility or "", 1, run.margin_ms)
    for each in forgotten:
        count(each.cause or RESERVED, each.facility, each.runs)
    return {
        name: sorted(kind.values(), key=lambda total: (-total.runs, total.name))
        for name, kind in (("causes", causes), ("facilities", facilities))
    }


def print_totals(
    runs: Iterable[RunRow],
    alive: Collection[str],
    forgotten: Iterable[RunTotal],
    as_json: bool,
    as_csv: bool,
) -> None:
    """Print the totals by cause and by facility."""
    found = totals(runs, alive, forgotten)
    if as_json:
        print(json.dumps({kind: [total.as_json() for total in found[kind]] for kind in found}))
    elif as_csv:
        print_csv({"by": kind, **total.as_json()} for kind in found for total in found[kind])
    else:
        for kind, title in (("causes", "cause"), ("facilities", "facility")):
            print(f"{title:<34} {'runs':>7} {'reserved':>9} {'lost':>7}  typical margin")
            for total in found[kind]:
                margin = "" if total.typical_ms is None else after(total.typical_ms * MS)
                row = f"{total.name[:34]:<34} {total.runs:>7} {total.reserved:>9} {total.lost:>7}  {margin}"
                print(row.rstrip())
