"""The one place where it is decided why a run ended without a reservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from reserve.causes.facts import Facts
from reserve.errors import CauseWord, ExitCode, Meaning
from reserve.model import Attempt, SpanKind

LATE = timedelta(milliseconds=150)  # from the opening to our first request; who is quicker lost to others
SLOW = timedelta(milliseconds=500)  # there and back; where others have a quicker network, that decides
SECOND = timedelta(seconds=1)  # by so much a stamp in whole seconds may be behind
OPENS_NO_MORE = timedelta(minutes=1)  # who is told then that it is closed was told a wrong opening

# Answers to a first request that cost the court when the next one is answered *taken*.
COSTLY: Mapping[Meaning, CauseWord] = {
    Meaning.NOT_OPEN_YET: CauseWord.OPENED_LATE,
    Meaning.NOT_VERIFIED: CauseWord.CODE_LATE,
    Meaning.THROTTLED: CauseWord.THROTTLED,
    Meaning.UNREACHABLE: CauseWord.UNREACHABLE,
    Meaning.ANSWER_LOST: CauseWord.UNREACHABLE,
    Meaning.UNKNOWN_ANSWER: CauseWord.UNKNOWN_ANSWER,
    Meaning.UNKNOWN_REFUSAL: CauseWord.UNKNOWN_ANSWER,
}
NEEDS_DISK = (CauseWord.BROWSER, CauseWord.BUG)
# What the exit code alone says, of runs of which nothing else was kept.
OLDER: Mapping[int, CauseWord] = {
    ExitCode.USAGE: CauseWord.REQUEST,
    ExitCode.CODE: CauseWord.NO_CODE,
    ExitCode.UNCONFIRMED: CauseWord.UNCONFIRMED,
    ExitCode.HELD: CauseWord.UNPAID,
    ExitCode.BUG: CauseWord.BUG,
    129: CauseWord.STOPPED,
    130: CauseWord.STOPPED,
    143: CauseWord.STOPPED,
}


@dataclass(frozen=True)
class Cause:
    """Why a run ended without a reservation, and the evidence, as far as there is any.

    Lengths are relative to the opening by the server's clock, where nothing else is said.
    """

    word: CauseWord
    asked: timedelta | None = None  # our first request for a court came in there
    gone: timedelta | None = None  # by then all was taken
    told: int = 0  # so many times: not open yet
    told_until: timedelta | None = None
    started_late: timedelta = timedelta()  # against the plan
    slowest: SpanKind | None = None  # what took longest against the plan; None when nothing did
    overrun: timedelta = timedelta()  # and by how much
    trip: timedelta | None = None  # there and back
    code_came: timedelta | None = None
    codes_refused: int = 0
    codes_wanted: int | None = None
    text_age: timedelta | None = None  # of the last text, when we asked for one
    off: timedelta | None = None  # so far this machine's clock was off, or so long it slept


def cause_of(facts: Facts | None, exit_code: int | None) -> Cause | None:
    """Why a run with these *facts* has no reservation, None if it has one; no facts: what the exit code says.

    A run without an exit code was cut off.
    """
    if exit_code == ExitCode.SUCCESS:
        return None
    if exit_code is None:
        return Cause(CauseWord.CUT_OFF)
    if facts is None:
        return Cause(OLDER.get(exit_code, CauseWord.UNKNOWN))
    word = facts.said or CauseWord.UNKNOWN
    if word in (CauseWord.RIVALS, CauseWord.OPENED_LATE):
        word = _lost(facts)
    elif word in NEEDS_DISK and facts.disk_is_full:
        word = CauseWord.DISK
    elif word is CauseWord.UNCONFIRMED and any(
        each.meaning is Meaning.UNKNOWN_ANSWER for each in facts.attempts
    ):
        word = CauseWord.UNKNOWN_ANSWER
    elif word is CauseWord.NO_CODE:
        word = _without_code(facts)
    return _with_evidence(word, facts)


def _lost(facts: Facts) -> CauseWord:
    """Why every court was taken, or seemed closed."""
    race = facts.race
    if not race:
        return facts.said or CauseWord.UNKNOWN
    if _clock_off(race, facts):
        return CauseWord.CLOCK
    if facts.said is CauseWord.OPENED_LATE:
        last = facts.after_opening(race[-1].sent)
        return CauseWord.NOT_AS_PUBLISHED if last > OPENS_NO_MORE else CauseWord.OPENED_LATE
    if any(_was_early(attempt, facts) for attempt in race):
        return CauseWord.NOT_AS_PUBLISHED
    if facts.after_opening(race[0].sent) > LATE:
        return CauseWord.ASLEEP if facts.suspended > timedelta(0) else CauseWord.LATE
    firsts = {
        attempt.court: attempt for attempt in reversed(race) if attempt.meaning is not Meaning.WAY_CLOSED
    }
    for attempt in firsts.values():
        if attempt.meaning in COSTLY:
            return COSTLY[attempt.meaning]
    return CauseWord.LATE if facts.trip > SLOW else CauseWord.RIVALS


def _was_early(attempt: Attempt, facts: Facts) -> bool:
    """Whether somebody could have this court surely before its opening."""
    if attempt.meaning not in (Meaning.TAKEN, Meaning.HELD) or facts.opens_at is None:
        return False
    if attempt.stamp is not None:
        return attempt.stamp + SECOND <= facts.opens_at
    return facts.bound is not None and facts.after_opening(attempt.answered) + facts.bound < timedelta(0)


def _clock_off(race: list[Attempt], facts: Facts) -> timedelta | None:
    """By how much our clock was off, at least, when we went by it alone; None if nobody knows."""
    if facts.bound is not None or facts.opens_at is None:
        return None
    if facts.said is CauseWord.OPENED_LATE:
        fast = [facts.opens_at - each.stamp - SECOND for each in race if each.stamp is not None]
        return min(fast) if fast and min(fast) > timedelta(0) else None
    first = race[0]
    if first.stamp is None or facts.after_opening(first.sent) > LATE:
        return None
    slow = first.stamp - first.answered
    return -slow if slow > SECOND else None


def _without_code(facts: Facts) -> CauseWord:
    """Why no one-time code was accepted."""
    code = facts.code
    if code.refused:
        return CauseWord.CODE_REFUSED
    return CauseWord.CODE_NOT_SENT if code.wanted and not code.sent else CauseWord.NO_CODE


def _with_evidence(word: CauseWord, facts: Facts) -> Cause:
    """*word*, and what can be shown for it."""
    code, opens_at = facts.code, facts.opens_at
    cause = Cause(
        word,
        codes_refused=code.refused,
        codes_wanted=code.wanted,
        text_age=code.asked - code.last_text if code.asked and code.last_text else None,
    )
    if opens_at is None:
        return cause
    race, lead = facts.race, facts.leads.get("sign_in")
    taken = [facts.after_opening(each.answered) for each in race if each.meaning is Meaning.TAKEN]
    closed = [facts.after_opening(each.sent) for each in race if each.meaning is Meaning.NOT_OPEN_YET]
    started = max(facts.after_opening(facts.started) + lead, timedelta(0)) if lead else timedelta(0)
    slowest = max(facts.spans, key=facts.overrun, default=None)
    overrun = facts.overrun(slowest) if slowest else timedelta(0)
    return replace(
        cause,
        asked=facts.arrived(race[0]) if race else None,
        gone=min(taken, default=None),
        told=len(closed),
        told_until=max(closed, default=None),
        started_late=started,
        slowest=slowest.kind if slowest and overrun > started else None,
        overrun=overrun,
        trip=facts.trip or None,
        code_came=facts.after_opening(code.accepted) if code.accepted else None,
        off=_clock_off(race, facts) if word is CauseWord.CLOCK else facts.suspended or None,
    )
