"""`check`: everything a booking does up to, but not including, the first hold, with a verdict per step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reserve.commands.options import booking_parser, read_booking
from reserve.commands.screen import Tone, say
from reserve.errors import CodeError, ExitCode, OutcomeWord, ReserveError, UsageError
from reserve.log_file import lines_are_about
from reserve.settings import Settings
from reserve.when import in_full

if TYPE_CHECKING:
    from reserve.booking.result import Outcome
    from reserve.booking.run import Run
    from reserve.model import Offers, Opening


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Check a booking as *arguments* say; the exit code is that of the first step that failed."""
    options = booking_parser("check").parse_args(arguments)
    booking = read_booking(options, settings)
    from reserve.booking.context import Leads
    from reserve.booking.stop import Stop
    from reserve.clock import our_error
    from reserve.commands.outcome import print_outcome, result_as_json
    from reserve.commands.screen import shown
    from reserve.commands.wiring import build_run

    stop = Stop()
    wired = build_run(booking.request, booking.account, booking.settings, stop, Leads())
    lines_are_about(run=wired.run_id)
    run, mask = wired.run, wired.run.timeline.secrets.mask
    answers_at = next(iter(run.system.context.addresses.values()), "")
    is_simulated = urlsplit(answers_at).hostname in ("localhost", "127.0.0.1")
    with shown(run.timeline, booking.warnings), stop.listening():
        verdicts = list(Check(run, None if is_simulated else our_error, settings.notify).verdicts())
        run.system.close()
        wired.record.store.close()
    verdicts = [replace(verdict, said=mask(verdict.said)) for verdict in verdicts]
    outcome = outcome_of(verdicts)
    result = run.result(replace(outcome, sentence=mask(outcome.sentence)))
    wired.write_down(result)
    for verdict in verdicts:
        why = f": {verdict.said}" if verdict.said else ""
        beginning = f"{verdict.word:>8}  "
        say(f"{verdict.step}{why}", TONES[verdict.word], beginning=beginning, on_stderr=booking.as_json)
    checks = [{"step": each.step, "verdict": each.word, "said": each.said} for each in verdicts]
    as_json = {**result_as_json(result), "checks": checks} if booking.as_json else None
    print_outcome(result.outcome.sentence, result.outcome.exit_code, as_json)
    return result.outcome.exit_code


Step = Callable[[], str | None]  # says what was found out, or nothing when there is nothing to do


class Word(StrEnum):
    """How one step went, in a word."""

    PASSED = "passed"
    SKIPPED = "skipped"
    FAILED = "FAILED"


TONES = {Word.PASSED: Tone.GOOD, Word.SKIPPED: Tone.PLAIN, Word.FAILED: Tone.BAD}


@dataclass(frozen=True)
class Verdict:
    """How one step went, and why."""

    step: str
    word: Word
    said: str = ""
    failure: ReserveError | None = None


def outcome_of(verdicts: Sequence[Verdict]) -> Outcome:
    """That of the first step that failed, or that none did."""
    from reserve.booking.result import Outcome, failed

    for verdict in verdicts:
        if verdict.failure:
            return failed(verdict.failure)
    steps = sum(verdict.word is Word.PASSED for verdict in verdicts)
    sentence = f"Not reserved: this was only a check, and all {steps} steps passed."
    return Outcome(OutcomeWord.NOT_RESERVED, ExitCode.SUCCESS, sentence)


class Check:
    """The steps of a run, each tried even when another one failed, unless it needs that one."""

    found: Offers
    chosen: Opening

    def __init__(
        self, run: Run, true_time: Callable[[], timedelta | None] | None, notify: str | None = None
    ) -> None:
        self.run, self.notify = run, notify
        self.true_time = true_time  # how far it is ahead of our clock; None: nobody is asked

    def verdicts(self) -> Iterator[Verdict]:
        """Each step with its verdict, as it is done."""
        done: set[Step | None] = {None}
        # What it is called, what does it, and the step that it needs.
        steps: tuple[tuple[str, Step, Step | None], ...] = (
            ("facility, courts and slot", self.find, None),
            ("opening", self.opening, self.find),
            ("webhook service", self.webhook_service, self.find),
            ("sign-in", self.sign_in, self.opening),
            ("limits and reservations", self.limits, self.sign_in),
            ("one-time code", self.code, self.sign_in),
            ("connections and the server's clock", self.connections, self.sign_in),
            *([("notification channels", self.channels, None)] if self.notify else []),
            ("this machine's clock", self.clock, None),
        )
        for name, step, needed in steps:
            try:
                said = step() if needed in done else None
            except ReserveError as failure:
                yield Verdict(name, Word.FAILED, str(failure), failure)
            else:
                if said is not None:
                    done.add(step)
                yield Verdict(name, Word.SKIPPED if said is None else Word.PASSED, said or "")
            if self.run.stop.is_asked:
                return

    def find(self) -> str:
        """Whether anything is on offer."""
        self.found = self.run.found = found = self.run.system.offers()
        slot = in_full(found.offers[0].slot)
        return f"{found.facility}, {slot}: {len(found.offers)} sub-courts, {len(found.skipped)} skipped"

    def opening(self) -> str:
        """When the window opens, however far ahead that is."""
        self.chosen = self.run.opening(self.found, reach=None)
        return f"{self.chosen.opens_at:%A %Y-%m-%d %H:%M:%S %Z}"

    def webhook_service(self) -> str:
        """Whether the texts would reach us."""
        if not self.found.wants_code:
            return "no one-time code is wanted"
        self.run.verification.check()
        return "answers, and knows our token"

    def sign_in(self) -> str:
        """Whether the account is good."""
        self.run.sign_in.make()
        return "the account is accepted"

    def limits(self) -> str:
        """Whether the city's limits leave room."""
        from reserve.booking.limits import BookingLimits

        BookingLimits(self.run.context, self.found, self.chosen).respect()
        return "nothing forbids it"

    def code(self) -> str | None:
        """Whether a real code comes and is accepted."""
        if not self.found.wants_code:
            return None
        self.run.verification.check()
        # As if the opening was past, so that nothing is waited for.
        is_open = replace(self.chosen, opens_at=self.run.clock.now())
        if self.run.verification.verify(self.found, is_open):
            return "asked for, received and entered"
        if self.run.verification.is_awaited:
            raise CodeError("no valid one-time code arrived in time")
        return "the booking system sends none now, as it may before the opening"

    def connections(self) -> str:
        """Whether the connections of the race are open, and how far the server's clock is from ours."""
        from reserve.booking.aim import connected, server_time

        with connected(self.run.system, self.chosen) as connections:
            return f"{len(connections)} open; {server_time(self.run.context, connections)}"

    def channels(self) -> str:
        """Whether the addresses of the player's channels make sense; nothing is sent."""
        from reserve.notify.channels import channels, unusable

        known = channels(self.notify)
        if wrong := [f"{each.name}: {why}" for each in known if (why := unusable(each))]:
            raise UsageError(f"RESERVE_NOTIFY: {'; '.join(wrong)}")
        return f"{', '.join(each.name for each in known)}; `notify-test` sends a message to each"

    def clock(self) -> str | None:
        """How right our own clock is; a booking goes by the server's, so nothing depends on this."""
        if self.true_time is None:
            return None
        error = self.true_time()
        if error is None:
            return "could not ask public time servers"
        return f"within {abs(error) / timedelta(milliseconds=1):.0f} ms of public time servers"
