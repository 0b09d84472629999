"""`explain [RUN]`: why one run ended as it did, what to do about it, and what happened, step by step."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from reserve.causes.cause import Cause
from reserve.causes.facts import read
from reserve.causes.words import after, remedy, why
from reserve.commands.history import end_of, recorded_runs, run_as_json, write_calendar
from reserve.commands.options import command_parser, refuse_garbled
from reserve.commands.output_file import write_file
from reserve.commands.screen import WIDTH, say, tone_of
from reserve.commands.why import evidence_as_json, explained
from reserve.errors import ExitCode, UsageError
from reserve.model import short
from reserve.notify.outbox import Outbox
from reserve.settings import Settings
from reserve.storage.run_folder import kept_of, rivals_of, steps_of
from reserve.storage.runs import PastRun, RunStore
from reserve.waterfall.page import page
from reserve.waterfall.picture import Waterfall, waterfall

NEAREST = 3  # ids that are suggested


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print the cause and what happened in a run: its steps, or at least the actions on record."""
    parser = command_parser("explain")
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="its id, or the beginning of it (default: the latest)"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write its picture into FILE, as one page")
    parser.add_argument(
        "--ics", metavar="FILE", type=Path, help="write what it reserved into FILE, for a calendar"
    )
    options = parser.parse_args(arguments)
    refuse_garbled(options)
    with recorded_runs(settings) as past:
        run = meant(past, options.run)
        alive = past.alive([run.run_id])
        end, cause = end_of(run, alive), explained(run, is_alive=bool(alive))
    steps = steps_of(settings.data, run.run_id)
    picture = waterfall(run, read(run.facts), steps, end, rivals=rivals_of(settings.data, run.run_id))
    if options.html:
        write_file(options.html, page(picture, [text for _, text in reasons(run, cause)]), "--html")
    if options.ics:
        write_calendar(options.ics, settings.data, [run.run_id])
    if options.json:
        actions = [
            {"at": each.moment.isoformat(), "what": each.kind, "court": each.court, "order_id": each.order_id}
            for each in run.actions
        ]
        because = (
            {"why": why(cause), "remedy": remedy(cause), "evidence": evidence_as_json(cause)} if cause else {}
        )
        as_json = {**run_as_json(run, alive), **because, "steps": steps, "actions": actions}
        print(json.dumps(as_json, ensure_ascii=False))
        return 0
    say(f"{run.request}, started {run.started:%a %Y-%m-%d %H:%M:%S} UTC", beginning=f"{run.run_id}: ")
    for beginning, text in reasons(run, cause):
        say(text, tone_of(run.exit_code), beginning=beginning)
    for path in kept_of(settings.data, run.run_id):
        print(f"Kept with the run: {path}")
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


def meant(past: RunStore, beginning: str | None) -> PastRun:
    """The run whose id begins so, or the latest; raises `UsageError` with the nearest ids."""
    runs = past.history(most=1 if beginning is None else 2, run_id=beginning)
    if len(runs) == 1:
        return runs[0]
    if beginning is None:
        raise UsageError("no run is recorded yet")
    if runs:
        known = [each for each in past.ids() if each.startswith(beginning)][:NEAREST]
        raise UsageError(f"several runs begin with {beginning!r}: {', '.join(known)}")
    near = difflib.get_close_matches(beginning, past.ids(), n=NEAREST, cutoff=0.5)
    question = f"; the nearest are {', '.join(near)}" if near else "; see `history`"
    raise UsageError(f"no run begins with {beginning!r}{question}")


def reasons(run: PastRun, cause: Cause | None) -> list[tuple[str, str]]:
    """Why *run* ended so and what to do about it, or how quick it was; each behind a beginning."""
    if cause is not None:
        return [(f"{cause.word}: ", why(cause)), ("What to do: ", remedy(cause))]
    if run.exit_code == ExitCode.SUCCESS and run.margin_ms is not None:
        margin = after(timedelta(milliseconds=run.margin_ms))
        return [("reserved: ", f"The court was ours at {margin} of the opening.")]
    return []
