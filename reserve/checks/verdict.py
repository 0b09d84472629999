"""What a check says of one thing: a verdict, its reason, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from reserve.causes.cause import Cause
from reserve.causes.words import remedy
from reserve.errors import CauseWord, ReserveError, ServiceError


class Word(StrEnum):
    """How one step went, in a word; only a failure keeps a booking from working."""

    PASSED = "passed"
    WARNING = "warning"
    SKIPPED = "skipped"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Finding:
    """What a step found out, and what the player should do about it, if anything."""

    said: str
    word: Word = Word.PASSED
    remedy: str = ""


def warning(said: str, remedy: str) -> Finding:
    """Something that a booking can live with, and that the player should look at."""
    return Finding(said, Word.WARNING, remedy)


class Unfit(ServiceError):
    """This machine, or what is set on it, cannot do what the booking needs; nothing was asked for."""

    def __init__(self, message: str, cause: CauseWord, remedy: str = "") -> None:
        """Say how to mend it, unless that follows from *cause*."""
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy or remedy_for(cause)


Step = Callable[[], Finding | str | None]  # what was found out, or nothing when there is nothing to do


@dataclass(frozen=True)
class Verdict:
    """How one step went, why, how long it took, and what to do about it."""

    step: str
    word: Word
    said: str = ""
    remedy: str = ""
    took: timedelta = timedelta()
    failure: ReserveError | None = None

    def as_json(self) -> dict[str, object]:
        """What `check --json` says of it."""
        return {
            "step": self.step,
            "verdict": self.word,
            "said": self.said,
            "remedy": self.remedy,
            "took_ms": round(self.took / timedelta(milliseconds=1)),
        }


def remedy_for(cause: CauseWord) -> str:
    """What `explain` says to do about *cause*; nothing where a message says so itself."""
    return "" if cause is CauseWord.REQUEST else remedy(Cause(cause))


def verdict_of(name: str, step: Step) -> Verdict:
    """Do *step*, called *name*."""
    try:
        found = step()
    except ReserveError as failure:
        mend = failure.remedy if isinstance(failure, Unfit) else remedy_for(failure.cause)
        return Verdict(name, Word.FAILED, str(failure), mend, failure=failure)
    if found is None:
        return Verdict(name, Word.SKIPPED)
    if isinstance(found, str):
        found = Finding(found)
    return Verdict(name, found.word, found.said, found.remedy)


def failures(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those of *verdicts* that keep the booking from working."""
    return [verdict for verdict in verdicts if verdict.word is Word.FAILED]
