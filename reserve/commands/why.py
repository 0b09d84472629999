"""Why a run in the store ended as it did, and what it came to, for every command that tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta

from reserve.causes.cause import Cause, cause_of
from reserve.causes.facts import read
from reserve.errors import CauseWord, ExitCode, OutcomeWord
from reserve.storage.runs import PastRun, RunRow

OUTCOMES: Mapping[int, OutcomeWord] = {  # of other exit codes: not reserved
    ExitCode.SUCCESS: OutcomeWord.RESERVED,
    ExitCode.USAGE: OutcomeWord.REFUSED,
    ExitCode.SIGN_IN: OutcomeWord.REFUSED,
    ExitCode.FORBIDDEN: OutcomeWord.REFUSED,
    ExitCode.UNCONFIRMED: OutcomeWord.UNCONFIRMED,
    ExitCode.BUG: OutcomeWord.UNCONFIRMED,
    ExitCode.HELD: OutcomeWord.HELD,
}
WORDS = frozenset[str | None](CauseWord)  # those of a later version are none of ours
RUNNING = "running"
MS = timedelta(milliseconds=1)


def outcome_of(run: RunRow, *, is_alive: bool = False) -> str:
    """How *run* ended, in a word; a run without an end is running, or was cut off."""
    if run.exit_code is not None:
        return OUTCOMES.get(run.exit_code, OutcomeWord.NOT_RESERVED)
    return RUNNING if is_alive and run.ended is None else CauseWord.CUT_OFF


def word_of(run: RunRow, *, is_alive: bool = False) -> CauseWord | None:
    """Why *run* has no reservation, as it was decided when it ended; of older runs, by its exit code."""
    if is_alive and run.ended is None:
        return None
    if run.cause in WORDS:
        return CauseWord(str(run.cause))
    cause = cause_of(None, run.exit_code)
    return cause.word if cause else None


def explained(run: PastRun, *, is_alive: bool = False) -> Cause | None:
    """The same with the evidence, as far as it can be read."""
    word = word_of(run, is_alive=is_alive)
    if word is None:
        return None
    facts = read(run.facts)
    return cause_of(facts, run.exit_code) if facts else Cause(word)


def evidence_as_json(cause: Cause) -> dict[str, object]:
    """What is known for *cause*, lengths in milliseconds."""
    found = {name: value for name, value in asdict(cause).items() if name != "word" and value}
    return {
        f"{name}_ms" if isinstance(value, timedelta) else name: round(value / MS, 1)
        if isinstance(value, timedelta)
        else value
        for name, value in found.items()
    }
