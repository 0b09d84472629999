"""`explain RUN`: what happened in one run, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from reserve.causes.facts import read
from reserve.commands.history import end_of, recorded_runs, run_as_json, write_calendar
from reserve.commands.options import command_parser
from reserve.commands.output_file import write_file
from reserve.commands.screen import WIDTH, say, tone_of
from reserve.errors import UsageError
from reserve.model import short
from reserve.notify.outbox import Outbox
from reserve.settings import Settings
from reserve.storage.run_folder import rivals_of, steps_of
from reserve.waterfall.page import page
from reserve.waterfall.picture import Waterfall, waterfall


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print what happened in a run: its steps, or at least the actions on record."""
    parser = command_parser("explain")
    parser.add_argument("run", metavar="RUN", help="its id, or the beginning of it; see `history`")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write its picture into FILE, as one page")
    parser.add_argument(
        "--ics", metavar="FILE", type=Path, help="write what it reserved into FILE, for a calendar"
    )
    options = parser.parse_args(arguments)
    with recorded_runs(settings) as past:
        runs = past.history(most=2, run_id=options.run)
        if len(runs) != 1:
            found = "several runs begin" if runs else "no run begins"
            raise UsageError(f"{found} with {options.run!r}; see `history`")
        (run,) = runs
        end = end_of(run, past.alive([run.run_id]))
    steps = steps_of(settings.data, run.run_id)
    picture = waterfall(run, read(run.facts), steps, end, rivals=rivals_of(settings.data, run.run_id))
    if options.html:
        write_file(options.html, page(picture), "--html")
    if options.ics:
        write_calendar(options.ics, settings.data, [run.run_id])
    if options.json:
        actions = [
            {"at": each.moment.isoformat(), "what": each.kind, "court": each.court, "order_id": each.order_id}
            for each in run.actions
        ]
        print(json.dumps({**run_as_json(run), "steps": steps, "actions": actions}, ensure_ascii=False))
        return 0
    say(f"{run.request}, started {run.started:%a %Y-%m-%d %H:%M:%S} UTC", beginning=f"{run.run_id}: ")
    is_said = bool(steps) and steps[-1]["step"] == end  # below, once
    for step in steps[:-1] if is_said else steps:
        say(step["step"], beginning=f"  {step['stamp']:>8} ")
    if not steps:
        print("  no timeline was kept; these actions are on record:")
        for action in run.actions:
            order = short(action.order_id or "")
            print(f"  {action.moment:%H:%M:%S} {action.kind} {action.court} {order}".rstrip())
    say(end, tone_of(run.exit_code))
    if picture.panels:
        draw(picture)
    for said in told_of(settings.data, run.run_id):
        print(said)
    if options.html:
        print(f"Its picture is in {options.html}.")
    return 0


def draw(picture: Waterfall) -> None:
    """Print *picture* below what was said."""
    from rich.console import Console

    from reserve.waterfall.lines import lines

    console = Console(width=WIDTH, highlight=False)
    console.print()
    for line in lines(picture, ascii_only=console.options.ascii_only):
        console.print(line)


def told_of(data: Path, run_id: str) -> list[str]:
    """Which channels were told of the run, and which could not be."""
    outbox = Outbox(data)
    entries = [*outbox.told(run_id), *(each for each in outbox.pending() if each.notice.run_id == run_id)]
    return [f"{each.notice.kind}: {progress}" for each in entries for progress in each.progress.values()]
