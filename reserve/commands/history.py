"""`history`: the latest runs and how they ended."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from reserve.commands.options import command_parser
from reserve.commands.output_file import write_file
from reserve.commands.screen import say, tone_of
from reserve.commands.store import open_store
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.database import NAME
from reserve.storage.run_folder import calendars
from reserve.storage.runs import PastRun, RunStore

MOST = 100_000  # runs; a life of playing every day


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print one line for each run, latest first."""
    parser = command_parser("history")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="how many to show (20)")
    parser.add_argument("--json", action="store_true", help="as one JSON array")
    parser.add_argument(
        "--ics", metavar="FILE", type=Path, help="write what they reserved into FILE, for a calendar"
    )
    options = parser.parse_args(arguments)
    if not 1 <= options.most <= MOST:
        raise UsageError(f"--most: choose a number from 1 to {MOST}")
    with recorded_runs(settings) as past:
        runs = past.history(most=options.most)
        if options.ics:
            write_calendar(options.ics, settings.data, [run.run_id for run in runs])
        if options.json:
            print(json.dumps([run_as_json(run) for run in runs], ensure_ascii=False))
            return 0
        alive = past.alive(run.run_id for run in runs if not run.sentence)
        for run in runs:
            text = f"{run.request}: {end_of(run, alive)}"
            say(text, tone_of(run.exit_code), beginning=f"{run.run_id}  ")
    if not runs:
        print("No run is recorded yet.")
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


def end_of(run: PastRun, alive: Collection[str]) -> str:
    """How *run* ended, in a sentence, unless it is one of those that are *alive*."""
    if run.sentence:
        return run.sentence
    return (
        "Still running."
        if run.run_id in alive
        else "Cut off, or its end could not be written; the next run tidies up after it."
    )


def run_as_json(run: PastRun) -> dict[str, object]:
    """*run* as a JSON object."""
    return {
        "run_id": run.run_id,
        "system": run.system,
        "request": run.request,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "exit_code": run.exit_code,
        "sentence": run.sentence,
    }
