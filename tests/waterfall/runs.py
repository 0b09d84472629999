"""Runs as the store and their folders keep them, to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from reserve.causes.facts import Facts
from reserve.errors import Meaning
from reserve.model import ActionKind, Attempt, HoldStamp, RivalHold, Span, SpanKind
from reserve.storage.runs import Action, PastRun
from reserve.waterfall.picture import Waterfall, waterfall
from tests.fakes import START

MS, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
OPENS_AT = START + 120 * SECOND
LEADS = {"sign_in": 120, "code": 60, "second_code": 30, "measure": 20, "warm": 3, "last_look": 0.5}
SPANS = (
    (SpanKind.FIND, -125, 1),
    (SpanKind.SIGN_IN, -120, 12),
    (SpanKind.CODE_ASKED, -60, 0.01),
    (SpanKind.CODE_AWAITED, -59.99, 3),
    (SpanKind.CODE_ENTERED, -56.9, 0.01),
    (SpanKind.AIM, -20, 10),
    (SpanKind.WARM, -3, 0.02),
    (SpanKind.SETTLE, 0.04, 0.06),
    (SpanKind.PAY, 0.06, 0.01),
)


def at(seconds: float) -> datetime:
    """A moment relative to the opening."""
    return OPENS_AT + seconds * SECOND


def span(kind: SpanKind, began: float, length: float, *, is_done: bool = True) -> Span:
    return Span(kind, at(began), at(began + length), is_done)


def attempt(court: str, sent: float, answered: float, meaning: Meaning, made: float | None = None) -> Attempt:
    """An attempt with its moments in milliseconds after the opening."""
    held = None if made is None else HoldStamp(OPENS_AT + made * MS)
    planned = OPENS_AT + sent * MS - 0.2 * MS
    return Attempt(
        court, planned, OPENS_AT + sent * MS, OPENS_AT + answered * MS, meaning, OPENS_AT, held, "cart"
    )


def facts(attempts: Sequence[Attempt], spans: Sequence[Span] | None = None) -> Facts:
    """What a run like others measured, with these *attempts*."""
    usual = [span(*each) for each in SPANS]
    leads = {name: lead * SECOND for name, lead in LEADS.items()}
    known: dict[str, Any] = {"opens_at": OPENS_AT, "bound": 6 * MS, "leads": leads}
    shown = usual if spans is None else spans
    return Facts(at(-126), at(1), **known, spans=tuple(shown), attempts=tuple(attempts))


def past(
    *actions: tuple[ActionKind, str, float], started: float = -126, exit_code: int | None = 0
) -> PastRun:
    """A run with *actions*: what, about which court, how many seconds after the opening."""
    done = [Action(at(when), kind, court, OPENS_AT, "order-1", None) for kind, court, when in actions]
    known: dict[str, Any] = dict.fromkeys(each.name for each in fields(PastRun))
    return PastRun(
        **known
        | {
            "run_id": "20260302T155800-abcd",
            "system": "recus",
            "request": "Alice Marble, tennis, 2026-03-09 18:00",
            "started": at(started),
            "ended": at(1),
            "exit_code": exit_code,
            "sentence": "Reserved Court 1.",
            "actions": tuple(done),
        }
    )


WON = past(
    (ActionKind.ASKING, "Court 1", -60),
    (ActionKind.HELD, "Court 1", 0.03),
    (ActionKind.HELD, "Court 2", 0.03),
    (ActionKind.RELEASED, "Court 2", 0.05),
    (ActionKind.CONFIRMING, "Court 1", 0.06),
    (ActionKind.CONFIRMED, "Court 1", 0.07),
)
TWO_HELD = (
    attempt("Court 2", 4, 18, Meaning.HELD, made=9),
    attempt("Court 1", 5, 20, Meaning.HELD, made=11),
    attempt("Court 3", 5, 25, Meaning.TAKEN),
)


def drawn(
    run: PastRun = WON,
    found: Facts | None = None,
    steps: Sequence[dict[str, str]] = (),
    rivals: Sequence[RivalHold] = (),
) -> Waterfall:
    """The picture of *run*, of which *found* is known."""
    known = facts(TWO_HELD) if found is None else found
    return waterfall(run, known, steps, run.sentence or "", rivals=rivals)


def rival(court: str, milliseconds: float) -> RivalHold:
    return RivalHold(OPENS_AT + milliseconds * MS, court)


NOTHING_KNOWN = Facts(at(-126), at(1))  # of an older version
