"""What is decided about a run, fact by fact, where a simulated morning would take long to show it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from errno import ENOENT, ENOSPC

import pytest
from sqlalchemy.exc import OperationalError

from reserve.causes.cause import OLDER, Cause, cause_of
from reserve.causes.facts import MOST, CodeFacts, Facts, bounded, read, written
from reserve.causes.words import length, remedy, why
from reserve.errors import CauseWord, DiskFull, ExitCode, Meaning, is_full
from reserve.model import Attempt, HoldStamp, Span, SpanKind

OPENS_AT = datetime(2026, 3, 2, 16, tzinfo=UTC)
MS, SECOND, DAY = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)
LEADS = {"sign_in": 120 * SECOND, "code": 60 * SECOND, "measure": 20 * SECOND, "warm": 3 * SECOND}


def asked(
    sent: timedelta, meaning: Meaning = Meaning.TAKEN, stamp: timedelta | None = None, court: str = "Court 1"
) -> Attempt:
    """A request that was sent so long after the opening by our clock, and stamped so by the server's."""
    moment = OPENS_AT + sent
    its = None if stamp is None else OPENS_AT + stamp
    return Attempt(court, moment, moment, moment + 20 * MS, meaning, its)


def lost(*attempts: Attempt, said: CauseWord = CauseWord.RIVALS, bound: timedelta | None = 6 * MS) -> Facts:
    """The facts of a run that got nothing."""
    began = OPENS_AT - 125 * SECOND
    return Facts(began, OPENS_AT + SECOND, said, OPENS_AT, bound=bound, leads=LEADS, attempts=attempts)


ON_TIME = lost(asked(1 * MS))
LATE = lost(asked(400 * MS))
SLOW_SIGN_IN = Span(SpanKind.SIGN_IN, OPENS_AT - 120 * SECOND, OPENS_AT)
FIRST_HELD = HoldStamp(OPENS_AT + 9 * MS)


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (ON_TIME, CauseWord.RIVALS),
        (lost(), CauseWord.RIVALS),
        (LATE, CauseWord.LATE),
        (replace(LATE, spans=(SLOW_SIGN_IN,)), CauseWord.LATE),
        (replace(ON_TIME, trip=700 * MS), CauseWord.LATE),
        (replace(LATE, suspended=30 * SECOND), CauseWord.ASLEEP),
        (replace(ON_TIME, suspended=30 * SECOND), CauseWord.RIVALS),  # it was awake again in time
        (lost(asked(-3 * SECOND)), CauseWord.NOT_AS_PUBLISHED),
        (lost(asked(1 * MS, stamp=-2 * SECOND)), CauseWord.NOT_AS_PUBLISHED),
        (lost(asked(1 * MS, stamp=-1 * SECOND), bound=None), CauseWord.NOT_AS_PUBLISHED),
        (lost(asked(1 * MS, stamp=4 * SECOND), bound=None), CauseWord.CLOCK),
        (lost(asked(1 * MS, stamp=4 * SECOND)), CauseWord.RIVALS),  # the server's clock was known
        (
            lost(asked(SECOND, Meaning.NOT_OPEN_YET, -5 * SECOND), said=CauseWord.OPENED_LATE, bound=None),
            CauseWord.CLOCK,
        ),
        (lost(asked(1 * MS, Meaning.NOT_OPEN_YET), asked(90 * MS)), CauseWord.OPENED_LATE),
        (lost(asked(1 * MS, Meaning.NOT_VERIFIED), asked(SECOND)), CauseWord.CODE_LATE),
        (lost(asked(1 * MS, Meaning.WAY_CLOSED), asked(30 * MS)), CauseWord.RIVALS),
        (lost(asked(1 * MS), asked(2 * MS, Meaning.THROTTLED, court="Court 2")), CauseWord.THROTTLED),
        (lost(said=CauseWord.DISK), CauseWord.DISK),
        (lost(said=CauseWord.BROWSER), CauseWord.BROWSER),
        (replace(lost(said=CauseWord.BROWSER), disk_is_full=True), CauseWord.DISK),
        (replace(ON_TIME, disk_is_full=True), CauseWord.RIVALS),  # which no disk would have changed
    ],
)
def test_the_cause_follows_from_numbers_and_kinds(facts: Facts, word: CauseWord) -> None:
    cause = cause_of(facts, ExitCode.NOT_RESERVED)

    assert cause is not None
    assert cause.word is word
    assert cause_of(read(written(facts)), ExitCode.NOT_RESERVED) == cause


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            replace(ON_TIME, trip=14 * MS),
            "You arrived at +8 ms of the opening, and the court was gone at +21 ms.",
        ),
        (replace(LATE, spans=(SLOW_SIGN_IN,)), "the sign-in took 60 s longer than planned."),
        (replace(LATE, started=OPENS_AT - 90 * SECOND), "the run started 30.0 s after its plan."),
        (replace(LATE, suspended=30 * SECOND), "This machine was asleep for 30.0 s"),
        (
            replace(
                lost(said=CauseWord.NO_CODE),
                code=CodeFacts(2, 2, OPENS_AT, last_text=OPENS_AT - 3 * DAY),
            ),
            "The last text came 3 days before: the forwarder sleeps.",
        ),
        (lost(asked(SECOND, Meaning.NOT_OPEN_YET), said=CauseWord.OPENED_LATE), "you were told once that"),
    ],
)
def test_the_evidence_is_told(facts: Facts, said: str) -> None:
    cause = cause_of(facts, ExitCode.NOT_RESERVED)

    assert cause is not None
    assert said in why(cause)


@pytest.mark.parametrize("word", CauseWord)
def test_there_are_words_for_every_cause_however_little_is_known(word: CauseWord) -> None:
    assert why(Cause(word)).endswith(".")
    assert remedy(Cause(word)).endswith(".")


def test_of_a_run_of_an_older_version_the_cause_is_what_its_exit_code_tells() -> None:
    assert (
        cause_of(None, ExitCode.NOT_RESERVED) == cause_of(None, ExitCode.SERVICE) == Cause(CauseWord.UNKNOWN)
    )
    assert cause_of(None, ExitCode.CODE) == Cause(CauseWord.NO_CODE)
    assert why(Cause(CauseWord.NO_CODE)) == "No valid one-time code came in time."  # nobody knows more
    assert why(Cause(CauseWord.NO_CODE, codes_wanted=0)).endswith("no phone was named to receive it.")
    assert cause_of(None, 143) == Cause(CauseWord.STOPPED)
    assert cause_of(None, None) == Cause(CauseWord.CUT_OFF)
    assert cause_of(None, ExitCode.SUCCESS) is None
    assert {*ExitCode} - OLDER.keys() == {
        ExitCode.SUCCESS,
        ExitCode.NOT_RESERVED,
        ExitCode.SIGN_IN,
        ExitCode.FORBIDDEN,
        ExitCode.SERVICE,
    }


@pytest.mark.parametrize("text", ["", "{", "[]", '{"started": 1}', '{"said": "a word of tomorrow"}'])
def test_facts_that_nobody_can_read_are_none(text: str) -> None:
    assert read(text) is None


def test_the_margin_is_the_sites_own_word_for_when_the_hold_was_made() -> None:
    held = replace(asked(1 * MS, Meaning.HELD), held=FIRST_HELD)

    assert lost(held).margin == 9 * MS
    assert lost(replace(held, held=replace(FIRST_HELD, is_assumed=True))).margin == 21 * MS
    assert replace(ON_TIME, trip=14 * MS).margin == 8 * MS
    assert lost(asked(DAY)).margin is None  # that was no race
    assert lost().margin is None


def test_a_full_disk_is_known_by_its_number_whoever_says_so() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL

    assert is_full(OSError(ENOSPC, "No space left on device"))
    assert is_full(OperationalError("INSERT", {}, full))
    assert not is_full(OSError(ENOENT, "No such file"))
    assert DiskFull("full").cause is CauseWord.DISK


def test_of_too_many_attempts_the_first_and_the_last_are_kept() -> None:
    many = [asked(number * SECOND) for number in range(MOST + 50)]

    assert bounded(many) == (*many[: MOST - 1], many[-1])
    assert bounded(many[:3]) == tuple(many[:3])


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (8 * MS, "8 ms"),
        (-8 * MS, "8 ms"),
        (1.24 * SECOND, "1.2 s"),
        (90 * SECOND, "90 s"),
        (300 * SECOND, "5 minutes"),
        (DAY, "24 hours"),
        (3 * DAY, "3 days"),
    ],
)
def test_a_length_is_said_in_the_unit_that_people_would_take(span: timedelta, said: str) -> None:
    assert length(span) == said
