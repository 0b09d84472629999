"""`check`: everything a booking does up to, but not including, the first hold, with a verdict per step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reserve.causes.cause import Cause
from reserve.causes.words import length
from reserve.checks.verdict import Verdict, Word, failures, verdict_of
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.screen import Tone, say
from reserve.errors import ExitCode, OutcomeWord
from reserve.log_file import lines_are_about
from reserve.settings import Settings
from reserve.when import in_full

if TYPE_CHECKING:
    from reserve.booking.result import Outcome, RunResult
    from reserve.booking.stop import Stop
    from reserve.checks.machine import Machine
    from reserve.clock import Clock
    from reserve.commands.options import Booking
    from reserve.commands.wiring import Connect, WiredRun
    from reserve.http import Http
    from reserve.model import Offers

LONGEST_RUN = timedelta(days=31)  # on a waiting list
TONES = {
    Word.PASSED: Tone.GOOD,
    Word.WARNING: Tone.NEEDS_YOU,
    Word.SKIPPED: Tone.PLAIN,
    Word.FAILED: Tone.BAD,
}


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Check a booking as *arguments* say; the exit code is that of the first step that failed."""
    options = booking_parser("check").parse_args(arguments)
    booking = read_booking(options, settings)
    from reserve.commands.outcome import print_outcome, result_as_json

    checked = check(booking)
    for verdict in checked.verdicts:
        show(verdict, on_stderr=booking.as_json)
    result = checked.result
    until = checked.ready_until
    as_json = {
        **result_as_json(result),
        "ready": result.outcome.exit_code == ExitCode.SUCCESS,
        "ready_until": until.isoformat() if until else None,
        "checks": [verdict.as_json() for verdict in checked.verdicts],
    }
    print_outcome(result.outcome.sentence, result.outcome.exit_code, as_json if booking.as_json else None)
    return result.outcome.exit_code


def show(verdict: Verdict, *, on_stderr: bool = False) -> None:
    """Print *verdict*, and below it what to do."""
    why = f": {verdict.said}" if verdict.said else ""
    took = length(verdict.took) if verdict.word is not Word.SKIPPED else ""
    beginning = f"{verdict.word:>7} {took:>7}  "
    say(f"{verdict.step}{why}", TONES[verdict.word], beginning=beginning, on_stderr=on_stderr)
    if verdict.remedy:
        say(verdict.remedy, beginning=f"{'':>{len(beginning)}}to do: ", on_stderr=on_stderr)


@dataclass(frozen=True)
class Watching:
    """Who has a check made in a thread: hears each verdict, and has it stop where no signal comes."""

    hear: Callable[[Verdict], None]
    stop: Stop
    clock: Clock | None = None  # these two are those of `build_run`
    connect: Connect | None = None


@dataclass(frozen=True)
class Checked:
    """What a check came to; *ready_until* is the opening, None when that is past or nothing is ready."""

    verdicts: Sequence[Verdict]
    result: RunResult
    ready_until: datetime | None = None


def check(
    booking: Booking,
    *,
    is_quiet: bool = False,
    is_called_by_cron: bool = False,
    watch: Watching | None = None,
) -> Checked:
    """Try every step of *booking*; nobody is shown what happens meanwhile if it is to be quiet."""
    from reserve.clock import our_error
    from reserve.commands.this_machine import this_machine
    from reserve.commands.wiring import addresses_of
    from reserve.systems.registry import adapter_of

    settings = booking.settings
    answers_at = next(iter(addresses_of(adapter_of(settings.system), settings).values()), "")
    is_simulated = urlsplit(answers_at).hostname in ("localhost", "127.0.0.1")
    true_time = None if is_simulated else our_error
    machine = this_machine(settings, true_time, is_called_by_cron=is_called_by_cron)
    if verdict_of("database", machine.store).failure is not None:
        return without_store(machine)
    return tried(booking, machine, is_quiet=is_quiet, watch=watch)


def without_store(machine: Machine) -> Checked:
    """What can be said of a machine on which no run can begin."""
    from reserve.booking.result import RunResult
    from reserve.checks.steps import of_machine

    verdicts = [verdict_of(name, step) for name, step, _ in of_machine(machine)]
    outcome = outcome_of(verdicts, None, None)
    return Checked(verdicts, RunResult(outcome, cause=cause_in(verdicts)))


def tried(booking: Booking, machine: Machine, *, is_quiet: bool, watch: Watching | None = None) -> Checked:
    """The steps of a run on *machine*, and what they came to; whoever is to *watch* hears of each."""
    from reserve.booking.context import Leads
    from reserve.booking.stop import Stop
    from reserve.checks.drift import Drift
    from reserve.checks.steps import Check
    from reserve.commands.screen import shown
    from reserve.commands.wiring import build_run, hurried_by
    from reserve.systems.registry import adapter_of

    stop, settings = watch.stop if watch else Stop(), booking.settings
    drift, connect = Drift(adapter_of(settings.system).shapes), (watch and watch.connect) or hurried_by(stop)

    def heard(base_url: str, headers: Mapping[str, str]) -> Http:
        http = connect(base_url, headers)
        http.hear = drift.hear
        return http

    clock = watch.clock if watch else None
    wired = build_run(booking.request, booking.account, settings, stop, Leads(), clock=clock, connect=heard)
    if watch is None:  # else our lines are among those of others
        lines_are_about(run=wired.run_id)
    run, mask = wired.run, wired.run.timeline.secrets.mask
    check = Check(
        run,
        machine,
        drift=drift,
        notify=settings.notify,
        is_renewed=partial(is_renewed, wired),
        may_ask=partial(nobody_runs, wired) if is_quiet else yes,
    )
    watched = nullcontext() if is_quiet else shown(run.timeline, booking.warnings)

    def masked(each: Verdict) -> Verdict:
        return replace(each, said=mask(each.said), remedy=mask(each.remedy))

    verdicts: list[Verdict] = []
    try:
        with watched, nullcontext() if watch else stop.listening():
            for each in check.verdicts():
                verdicts.append(each)
                if watch:
                    watch.hear(masked(each))
    finally:
        run.system.close()
        wired.record.store.close()
    if not failures(verdicts):
        stop.obey()  # or what was left out would seem to be well
    verdicts = [*map(masked, verdicts)]
    opens_at = run.timeline.opens_at
    until = opens_at if opens_at and opens_at > run.clock.now() else None
    outcome = outcome_of(verdicts, run.found, until)
    result = run.result(replace(outcome, sentence=mask(outcome.sentence)))
    wired.write_down(result)
    is_ready = outcome.exit_code == ExitCode.SUCCESS
    return Checked(verdicts, replace(result, cause=cause_in(verdicts)), until if is_ready else None)


def yes() -> bool:
    """A player who asks for a check may have a code sent."""
    return True


def nobody_runs(wired: WiredRun) -> bool:
    """Whether no run is under way that could wait for a code, or take ours for its own."""
    from reserve.storage.runs import RunStore

    runs = RunStore(wired.record.store)
    rows = runs.rows(since=wired.run.clock.now() - LONGEST_RUN)
    return not runs.alive(row.run_id for row in rows if row.ended is None)


def is_renewed(wired: WiredRun) -> bool:
    """Whether `due` keeps the sign-in of this booking system alive."""
    from reserve.storage.plans import PlanStore

    system = wired.run.system
    every = type(system).renew_every
    if every is None:
        return False
    since = wired.run.clock.now() - 2 * every
    return PlanStore(wired.record.store).was_done(f"renew {system.name}", since=since)


def outcome_of(verdicts: Sequence[Verdict], found: Offers | None, until: datetime | None) -> Outcome:
    """That of the first step that failed, or that the booking can work: *until* it opens, or now."""
    from reserve.booking.result import Outcome, failed

    wrong = failures(verdicts)
    if wrong and wrong[0].failure:
        outcome = failed(wrong[0].failure)
        more = f" So did {len(wrong) - 1} more of the steps above." if len(wrong) > 1 else ""
        return replace(outcome, sentence=f"{outcome.sentence}{more}")
    assert found is not None, "where nothing fails, something was found"
    what = f"{found.facility}, {in_full(found.offers[0].slot)}"
    when = f"until {until:%A %Y-%m-%d %H:%M:%S %Z}, when the window opens" if until else "now"
    warnings = sum(verdict.word is Word.WARNING for verdict in verdicts)
    look = "" if not warnings else "; 1 warning" if warnings == 1 else f"; {warnings} warnings"
    return Outcome(OutcomeWord.NOT_RESERVED, ExitCode.SUCCESS, f"Ready {when}: {what}{look}.")


def cause_in(verdicts: Sequence[Verdict]) -> Cause | None:
    """Why the booking could not work, by the first step that failed."""
    wrong = failures(verdicts)
    return Cause(wrong[0].failure.cause) if wrong and wrong[0].failure else None
