"""`check`: everything a booking does up to, but not including, the first hold, with a verdict per step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reserve.commands.options import booking_parser, read_booking
from reserve.settings import Settings

if TYPE_CHECKING:
    from reserve.booking.run import Run
    from reserve.errors import ReserveError
    from reserve.model import Offers, Opening


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Check a booking as *arguments* say; the exit code is that of the first step that failed."""
    options = booking_parser("check").parse_args(arguments)
    booking = read_booking(options, settings)
    from reserve.booking.run import Leads
    from reserve.booking.stop import Stop
    from reserve.commands.outcome import Outcome, failed, tell
    from reserve.commands.screen import telling
    from reserve.commands.wiring import build_run
    from reserve.errors import ExitCode, OutcomeWord

    stop = Stop()
    wired = build_run(booking, settings, stop, Leads())
    run = wired.run
    with telling(run.timeline), stop.listening():
        for warning in booking.warnings:
            run.timeline.say(f"warning: {warning}")
        verdicts = list(Check(run).verdicts())
        run.system.close()
        wired.record.store.close()
    wired.write_down()
    mask = run.timeline.secrets.mask
    for verdict in verdicts:
        why = f": {mask(verdict.said)}" if verdict.said else ""
        print(f"{verdict.word:>8}  {verdict.step}{why}", file=sys.stderr if booking.as_json else sys.stdout)
    failure = next((verdict.failure for verdict in verdicts if verdict.failure), None)
    if failure is None:
        passed = sum(verdict.word == "passed" for verdict in verdicts)
        result = Outcome(
            OutcomeWord.NOT_RESERVED,
            ExitCode.SUCCESS,
            f"Not reserved: this was only a check, and all {passed} steps passed.",
        )
    else:
        result = failed(failure)
        result = replace(result, sentence=mask(result.sentence))
    as_json = result.as_json(booking, wired.run_id, run)
    as_json["checks"] = [
        {"step": verdict.step, "verdict": verdict.word, "said": mask(verdict.said)} for verdict in verdicts
    ]
    tell(result.sentence, as_json if booking.as_json else None)
    return result.exit_code


@dataclass(frozen=True)
class Verdict:
    """How one step went."""

    step: str
    word: str
    said: str = ""
    failure: ReserveError | None = None


class Check:
    """The steps of a run, each tried even when another one failed, unless it needs that one."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.found: Offers | None = None
        self.chosen: Opening | None = None
        self.is_signed_in = False

    def verdicts(self) -> Iterator[Verdict]:
        """Each step with its verdict, as it is done."""
        from reserve.errors import ReserveError

        steps: tuple[tuple[str, Callable[[], str | None]], ...] = (
            ("facility, courts and slot", self.find),
            ("opening", self.opening),
            ("webhook service", self.inbox),
            ("sign-in", self.sign_in),
            ("limits and reservations", self.limits),
            ("one-time code", self.code),
            ("connections and the server's clock", self.connections),
        )
        for name, step in steps:
            try:
                said = step()
            except ReserveError as failure:
                yield Verdict(name, "FAILED", str(failure), failure)
            else:
                yield Verdict(name, "skipped" if said is None else "passed", said or "")
            if self.run.stop.is_asked:
                return

    def find(self) -> str:
        """Whether anything is on offer."""
        self.found = found = self.run.system.offers()
        self.run.found = found
        return f"{found.facility}: {len(found.offers)} sub-courts, {len(found.left_out)} left out"

    def opening(self) -> str | None:
        """When the window opens, however far ahead that is."""
        if self.found is None:
            return None
        self.chosen = chosen = self.run.opening(self.found, reach=None)
        return f"{chosen.opens_at:%A %Y-%m-%d %H:%M:%S %Z}"

    def inbox(self) -> str | None:
        """Whether the texts would reach us."""
        if self.found is None:
            return None
        if not self.found.wants_code:
            return "no one-time code is wanted"
        self.run.check_inbox()
        return "answers, and knows our token"

    def sign_in(self) -> str | None:
        """Whether the account is good."""
        if self.chosen is None:
            return None
        self.run.sign_in()
        self.is_signed_in = True
        return "the account is accepted"

    def limits(self) -> str | None:
        """Whether the city's limits leave room."""
        if self.found is None or self.chosen is None or not self.is_signed_in:
            return None
        self.run.respect_limits(self.found, self.chosen)
        return "nothing stands in the way"

    def code(self) -> str | None:
        """Whether a real code comes and is accepted."""
        from reserve.errors import CodeError

        if self.found is None or self.chosen is None or not self.is_signed_in:
            return None
        if not self.found.wants_code:
            return None
        self.run.check_inbox()
        # As if the opening was past, so that nothing is waited for.
        self.run.verify(self.found, replace(self.chosen, opens_at=self.run.clock.now()))
        if self.run.awaits_code:
            raise CodeError("no valid one-time code arrived in time")
        return "asked for, received and entered"

    def connections(self) -> str | None:
        """Whether the connections of the race stand, and how far the server's clock is from ours."""
        if self.chosen is None or not self.is_signed_in:
            return None
        with self.run.connections(self.chosen) as connections:
            return f"{len(connections)} open; {self.run.measure(connections)}"
