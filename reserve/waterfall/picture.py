"""What there is to draw of one run: bars and marks in rows, rows in panels, each panel with its own scale.

A sign-in takes half a minute and a race a hundredth of a second, so one scale would hide one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain, pairwise
from typing import TypeVar

from reserve.causes.facts import PLANNED, Facts
from reserve.errors import ExitCode, Meaning
from reserve.model import ActionKind, Attempt, RivalHold, Span, SpanKind
from reserve.storage.runs import PastRun

T = TypeVar("T")

MOST_ROWS = 48  # in a panel
MOST_BARS = 12  # in a row, the first half of them and the last
MOST_LINES = 200  # of the log
LONGEST_NAME, LONGEST_LINE = 60, 240  # letters
DAY, MINUTE, SECOND, MS = (timedelta(**{name: 1}) for name in ("days", "minutes", "seconds", "milliseconds"))
NOTHING = timedelta(0)
LONG_OPEN = timedelta(minutes=1)  # before a run started: then it raced against no opening
NOTICED = timedelta(milliseconds=100)  # less behind a plan is no news before the opening
UNSPEAKABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
MINUS = "\u2212"  # at which no browser breaks a line
EDGE = 0.04  # of a scale, left free at its ends
TICKS = 5  # at most so many steps between them, so that their labels fit on a phone
STEPS = (
    *(MS * each * 10**power for power in (-1, 0, 1, 2) for each in (1, 2, 5)),
    *(SECOND * each for each in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * each for each in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440)),
)


class Zero(StrEnum):
    """What moments are counted from."""

    OPENING = "the opening"
    FIRST_REQUEST = "the first request"  # for what was open long since
    START = "the start"  # when there was no request either


class Tone(StrEnum):
    """What a bar is about."""

    STEP = "our step"
    HELD = "held"
    TAKEN = "taken by somebody else"
    LATER = "not yet"
    TROUBLE = "refused or failed"


class MarkKind(StrEnum):
    """What happened at one moment."""

    MADE = "hold made, by the booking system's clock"
    RIVAL = "a rival took it"
    RELEASED = "released"


TONES = {
    Meaning.HELD: Tone.HELD,
    Meaning.TAKEN: Tone.TAKEN,
    Meaning.NOT_OPEN_YET: Tone.LATER,
    Meaning.THROTTLED: Tone.LATER,
    Meaning.NOT_VERIFIED: Tone.LATER,
    Meaning.WAY_CLOSED: Tone.LATER,
}
FATES = {  # of a court that was held; what says more first
    ActionKind.CONFIRMED: "reserved",
    ActionKind.KEPT: "to be paid",
    ActionKind.UNCONFIRMED: "perhaps reserved",
    ActionKind.RELEASED: "released",
}
NAMES = {
    SpanKind.FIND: "courts looked up",
    SpanKind.SIGN_IN: "sign-in",
    SpanKind.CODE_ASKED: "code asked for",
    SpanKind.CODE_AWAITED: "code on its way",
    SpanKind.CODE_ENTERED: "code entered",
    SpanKind.AIM: "clocks compared",
    SpanKind.WARM: "connections",
    SpanKind.WAIT: "waiting list",
    SpanKind.SETTLE: "settling",
    SpanKind.PAY: "confirmation",
}


@dataclass(frozen=True)
class Bar:
    """Something that took time, counted from the zero of the picture."""

    begins: timedelta
    ends: timedelta
    tone: Tone


@dataclass(frozen=True)
class Mark:
    """Something that happened at one moment."""

    at: timedelta
    kind: MarkKind


@dataclass(frozen=True)
class Row:
    """One step or one court: `words` say shortly what the bars show, `details` say all of it."""

    name: str
    words: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    plan: tuple[timedelta, timedelta] | None = None
    details: str = ""


@dataclass(frozen=True)
class Label:
    """Words at a share of a scale: beginning there, around it or ending there, so that they lie within."""

    at: float
    words: str
    begins: float
    ends: float

    @property
    def anchor(self) -> str:
        """Which end of the words is at the moment, as SVG calls that."""
        return "start" if self.begins == self.at else "end" if self.ends == self.at else "middle"


@dataclass(frozen=True)
class Scale:
    """From when to when a panel reaches, and which moments are written below it."""

    begins: timedelta
    ends: timedelta
    ticks: tuple[tuple[timedelta, str], ...]

    def share(self, at: timedelta) -> float:
        """How far *at* is from the left end, from 0 to 1; what lies beyond an end is drawn there."""
        return min(1.0, max(0.0, (at - self.begins) / (self.ends - self.begins)))

    def label(self, at: timedelta, words: str, letter: float) -> Label:
        """*words* at a moment, where a *letter* takes this share of the scale."""
        share, length = self.share(at), len(words) * letter
        begins = share - length / 2
        if begins < 0:
            begins = share
        elif begins + length > 1:
            begins = share - length
        return Label(share, words, begins, share if begins == share - length else begins + length)

    def labels(self, letter: float) -> list[Label]:
        """The round moments, or every second one, or fewer, so that none touches another."""
        zero = next((place for place, (at, _) in enumerate(self.ticks) if not at), 0)
        for stride in range(1, len(self.ticks) + 1):
            chosen = [self.label(at, words, letter) for at, words in self.ticks[zero % stride :: stride]]
            if all(one.ends + letter <= other.begins for one, other in pairwise(chosen)):
                return chosen
        return []


@dataclass(frozen=True)
class Panel:
    """Some rows on one scale; `doubt` is how far the server's clock may be off on it, if that is known."""

    title: str
    scale: Scale
    rows: tuple[Row, ...]
    note: str = ""
    doubt: timedelta | None = None
    is_race: bool = False


@dataclass(frozen=True)
class Waterfall:
    """The picture of one run, `zero` being what its moments are counted from."""

    run_id: str
    request: str
    sentence: str
    zero: Zero
    when: datetime | None
    panels: tuple[Panel, ...]
    log: tuple[tuple[str, str], ...] = ()

    @property
    def tones(self) -> list[Tone]:
        """The tones that occur, in their order."""
        there = {bar.tone for panel in self.panels for row in panel.rows for bar in row.bars}
        return [tone for tone in Tone if tone in there]

    @property
    def marks(self) -> list[MarkKind]:
        """The kinds of marks that occur, in their order."""
        there = {mark.kind for panel in self.panels for row in panel.rows for mark in row.marks}
        return [kind for kind in MarkKind if kind in there]

    @property
    def has_race(self) -> bool:
        """Whether a request for a court is on record."""
        return any(panel.is_race for panel in self.panels)

    @property
    def has_plan(self) -> bool:
        """Whether any step is drawn beside its plan."""
        return any(row.plan for panel in self.panels for row in panel.rows)


def waterfall(
    run: PastRun,
    facts: Facts | None,
    steps: Sequence[Mapping[str, str]],
    sentence: str,
    *,
    rivals: Sequence[RivalHold] = (),
) -> Waterfall:
    """The picture of *run*, which ended as *sentence* says; what is not known of it is left out."""
    known = facts or Facts(run.started, run.ended or run.started)
    return _Drawn(run, known, steps, rivals).waterfall(sentence)


@dataclass(frozen=True)
class _Drawn:
    """One run on its way to a picture; moments in it are those of the run's own clock."""

    run: PastRun
    facts: Facts
    steps: Sequence[Mapping[str, str]]
    rivals: Sequence[RivalHold]

    def waterfall(self, sentence: str) -> Waterfall:
        zero, called, when = self._zero()
        panels = (self._before(zero, called), self._race(zero, called), self._afterwards(zero, called))
        log = [(step["stamp"], _short(step["step"], LONGEST_LINE)) for step in self.steps]
        if len(log) > MOST_LINES:
            left_out = ("", f"… {len(log) - MOST_LINES} lines are left out here …")
            log = [*log[: MOST_LINES // 2], left_out, *log[-MOST_LINES // 2 :]]
        return Waterfall(
            self.run.run_id,
            self.run.request,
            sentence,
            called,
            when,
            tuple(panel for panel in panels if panel is not None),
            tuple(log),
        )

    def _zero(self) -> tuple[datetime, Zero, datetime | None]:
        """What to count from, what that is called, and when it was at the facility, if that is known."""
        opens_at, attempts = self.facts.opens_at, self.facts.attempts
        if opens_at is not None and opens_at > self.run.started - LONG_OPEN:
            return opens_at - self.facts.ahead, Zero.OPENING, opens_at
        if opens_at is None and (stamped := _opening_by(self.steps)):
            return stamped, Zero.OPENING, None
        if attempts:
            return min(each.sent for each in attempts), Zero.FIRST_REQUEST, None
        return self.run.started, Zero.START, None

    def _before(self, zero: datetime, called: Zero) -> Panel | None:
        first = self._first_attempt
        spans = [span for span in self.facts.spans if first is None or span.began < first]
        plans = {kind: self._plan(kind) for kind in PLANNED} if called is Zero.OPENING else {}
        rows = []
        for kind in SpanKind:
            mine = [span for span in spans if span.kind is kind]
            if not mine:
                continue
            bars = _spans(mine, zero)
            plan, ends = plans.get(kind), bars[-1].ends
            words = f"{length_of(sum((bar.ends - bar.begins for bar in bars), NOTHING))}, "
            words += f"{'done' if mine[-1].is_done else 'failed'} {stamp(ends)}"
            if not mine[-1].is_done and kind is SpanKind.CODE_AWAITED:
                words = f"none came, waited until {stamp(ends)}"
            elif plan and ends > plan[1] + NOTICED:
                words += f", {length_of(ends - plan[1])} late"
            rows.append(Row(NAMES[kind], words, _few(bars), plan=plan, details=_all_spans(bars)))
        if not rows:
            return None
        # A run may have begun long ago, with nothing to do until it had to sign in.
        planned = [row.plan[0] for row in rows if row.plan]
        later = [span for span in spans if span.kind is not SpanKind.FIND] or spans
        begins = min([*planned, *(span.began - zero for span in later)])
        ends = max([NOTHING, *(span.ended - zero for span in spans)])
        earliest = min(span.began - zero for span in spans)
        if begins - earliest < (ends - begins) / 2:
            begins = earliest
        title = f"Before {called}" if called is not Zero.START else "From the start"
        return Panel(title, scale(begins, ends), tuple(rows))

    def _plan(self, kind: SpanKind) -> tuple[timedelta, timedelta] | None:
        leads, (first, last) = self.facts.leads, PLANNED[kind]
        return (-leads[first], -leads[last]) if {first, last} <= leads.keys() else None

    @property
    def _first_attempt(self) -> datetime | None:
        return min((attempt.sent for attempt in self.facts.attempts), default=None)

    def _race(self, zero: datetime, called: Zero) -> Panel | None:
        listed = [span.began for span in self.facts.spans if span.kind is SpanKind.WAIT]
        attempts = sorted(self.facts.attempts, key=lambda each: each.sent)
        race = [each for each in attempts if not listed or each.sent < min(listed)]
        if not race:
            return None
        made = [self._made(each) for each in race]
        first = min(each.sent for each in race) - zero
        last = max(each.answered for each in race) - zero
        moments = [first, last, NOTHING, *(at - zero for at in made if at)]
        length = max(moments) - min(moments)
        rivals = [each.moment - zero for each in self.rivals]
        moments += [at for at in rivals if min(moments) - length < at < max(moments)]
        reach = scale(min(moments), max(moments))
        courts = list(dict.fromkeys(each.court for each in race))
        shown = sorted(courts, key=lambda court: self._place(court, race))[:MOST_ROWS]
        rows = [self._court(court, race, zero, reach) for court in shown]
        late = [each.sent - each.planned for each in race]
        note = f"{_count(len(race), 'request')}, sent up to {length_of(max(late))} later than planned."
        if (within := self.facts.bound) is not None:
            note += f" The server's clock is known to ± {length_of(within)}."
        if len(courts) > len(shown):
            note += f" {_count(len(courts) - len(shown), 'more court')} not drawn."
        if len(race) < len(attempts):
            note += f" {_count(len(attempts) - len(race), 'later request')} from the waiting list not drawn."
        doubt = within if called is Zero.OPENING else None
        return Panel(f"At {called}", reach, tuple(rows), note, doubt, is_race=True)

    def _place(self, court: str, race: Sequence[Attempt]) -> tuple[bool, bool, list[tuple[int, str]]]:
        """What is ours first, then what was held, then the rest; by their names, Court 9 before Court 10."""
        is_held = any(each.meaning is Meaning.HELD for each in race if each.court == court)
        is_ours = is_held and self._fate(court) not in (ActionKind.RELEASED, None)
        parts = re.split(r"(\d{1,9})", court)
        return not is_ours, not is_held, [(int(each) if each.isdecimal() else -1, each) for each in parts]

    def _court(self, court: str, race: Sequence[Attempt], zero: datetime, reach: Scale) -> Row:
        mine = [each for each in race if each.court == court]
        bars = [
            Bar(each.sent - zero, each.answered - zero, TONES.get(each.meaning, Tone.TROUBLE))
            for each in mine
        ]
        made = [at - zero for each in mine if (at := self._made(each))]
        marks = [Mark(at, MarkKind.MADE) for at in made]
        last, is_held = mine[-1], any(each.meaning is Meaning.HELD for each in mine)
        words = f"{last.meaning} {stamp(last.answered - zero)}"
        words += f", {len(mine)} tries" if len(mine) > 1 else ""
        taken = [each.moment - zero for each in self.rivals if each.court == court]
        if taken and not is_held:
            words += f", rival {stamp(min(taken))}"
        marks += [Mark(at, MarkKind.RIVAL) for at in taken if reach.begins <= at <= reach.ends]
        if is_held and (fate := self._fate(court)):
            words += f", {FATES[fate]}"
        details = [
            f"sent {stamp(bar.begins)}, answered {stamp(bar.ends)}: {each.meaning}"
            for bar, each in zip(bars, mine, strict=True)
        ]
        details += [f"made {stamp(at)} by the booking system's clock" for at in made]
        details += [f"a rival took it {stamp(at)}" for at in taken]
        return Row(
            _short(court, LONGEST_NAME), words, _few(bars), _few(marks), details=_short("; ".join(details))
        )

    def _made(self, attempt: Attempt) -> datetime | None:
        """When the booking system made the hold, by our clock."""
        made = attempt.held.made if attempt.held else None
        return made - self.facts.ahead if made else None

    def _fate(self, court: str) -> ActionKind | None:
        """What became of a court that was held, if anything is on record."""
        kinds = {action.kind for action in self.run.actions if action.court == court}
        if self.run.exit_code == ExitCode.SUCCESS and kinds and ActionKind.CONFIRMING not in self._kinds:
            kinds.add(ActionKind.CONFIRMED)  # where a hold is final
        return next((kind for kind in FATES if kind in kinds), None)

    @property
    def _kinds(self) -> set[ActionKind]:
        return {action.kind for action in self.run.actions}

    def _afterwards(self, zero: datetime, called: Zero) -> Panel | None:
        first = self._first_attempt
        rows = []
        for kind in SpanKind:
            spans = [
                each
                for each in self.facts.spans
                if each.kind is kind and first is not None and each.began >= first
            ]
            if not spans:
                continue
            bars = _spans(spans, zero)
            end = "done" if spans[-1].is_done else "failed"
            words = f"{length_of(spans[-1].ended - spans[-1].began)}, {end} {stamp(bars[-1].ends)}"
            rows.append(Row(NAMES[kind], words, _few(bars), details=_all_spans(bars)))
        if not self.facts.spans:  # of an older version: only its actions are known
            rows += self._from_actions(zero)
        released = [each for each in self.run.actions if each.kind is ActionKind.RELEASED]
        if released:
            marks = tuple(Mark(each.moment - zero, MarkKind.RELEASED) for each in released[:MOST_ROWS])
            names = list(dict.fromkeys(each.court for each in released))
            what = _short(names[0], LONGEST_NAME) if len(names) == 1 else f"{len(names)} courts"
            words = (
                f"{what}, the last {stamp(marks[-1].at)}"
                if len(marks) > 1
                else f"{what} {stamp(marks[0].at)}"
            )
            rows.append(Row("released", words, marks=marks, details=_short(f"released {', '.join(names)}")))
        if not rows:
            return None
        moments = [
            *(bar.ends for row in rows for bar in row.bars),
            *(mark.at for row in rows for mark in row.marks),
        ]
        begins = min([NOTHING, *(bar.begins for row in rows for bar in row.bars)])
        return Panel(f"After {called}", scale(begins, max(moments)), tuple(rows))

    def _from_actions(self, zero: datetime) -> Iterable[Row]:
        """When courts were asked for, held and confirmed, as the store has it for every run."""
        asked = [each.moment for each in self.run.actions if each.kind is ActionKind.ASKING]
        held = [each.moment for each in self.run.actions if each.kind is ActionKind.HELD]
        confirming = [each.moment for each in self.run.actions if each.kind is ActionKind.CONFIRMING]
        confirmed = [
            each.moment
            for each in self.run.actions
            if each.kind in (ActionKind.CONFIRMED, ActionKind.KEPT, ActionKind.UNCONFIRMED)
        ]
        if asked and held:
            bar = Bar(min(asked) - zero, max(held) - zero, Tone.HELD)
            yield Row("asked, held", f"{_count(len(held), 'court')} held {stamp(bar.ends)}", (bar,))
        if confirming and confirmed:
            bar = Bar(min(confirming) - zero, max(confirmed) - zero, Tone.STEP)
            yield Row(
                NAMES[SpanKind.PAY], f"{length_of(bar.ends - bar.begins)}, done {stamp(bar.ends)}", (bar,)
            )


def scale(begins: timedelta, ends: timedelta) -> Scale:
    """A scale for all from *begins* to *ends*, with round moments on it."""
    length = max(ends - begins, MS)
    many_days = DAY * -(-length // (TICKS * DAY))
    step = next((each for each in STEPS if length / each <= TICKS), many_days)
    begins, ends = begins - length * EDGE, begins + length * (1 + EDGE)
    first = -(-begins // step)
    ticks = (step * number for number in range(first, first + TICKS + 2))
    return Scale(begins, ends, tuple((at, _tick(at, step)) for at in ticks if begins <= at <= ends))


def stamp(at: timedelta) -> str:
    """*at* from the zero, as a person says it: +4.1 ms, +20.3 s, +2:05 min, or with a minus."""
    return f"{MINUS if at < NOTHING else '+'}{length_of(abs(at))}"


def length_of(length: timedelta) -> str:
    """*length*, as exactly as a person wants it."""
    milliseconds = length / MS
    if milliseconds < 100:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if length < 2 * MINUTE:
        return f"{length / SECOND:.2f} s" if length < 10 * SECOND else f"{length / SECOND:.1f} s"
    seconds = round(length / SECOND)
    if length < 60 * MINUTE:
        return f"{seconds // 60}:{seconds % 60:02} min"
    return f"{seconds // 3600}:{seconds // 60 % 60:02} h"


def _tick(at: timedelta, step: timedelta) -> str:
    """*at*, no more exactly than *step* is."""
    if not at:
        return "0"
    sign = MINUS if at < NOTHING else "+"
    length = abs(at)
    if step < 100 * MS:
        return f"{sign}{length / MS:g} ms"
    if step < MINUTE:
        return f"{sign}{length / SECOND:g} s"
    return f"{sign}{length / MINUTE:g} min" if step < 60 * MINUTE else f"{sign}{length / MINUTE / 60:g} h"


def _opening_by(steps: Sequence[Mapping[str, str]]) -> datetime | None:
    """When the opening was by the clock of the run, as the stamps of its *steps* tell."""
    found = []
    for step in steps:
        with suppress(ValueError, OverflowError):
            if step["stamp"].startswith("T"):
                seconds = float(step["stamp"][1:])
                moment = datetime.fromisoformat(step["at"]) - timedelta(seconds=seconds)
                if moment.utcoffset() is not None:
                    found.append((abs(seconds), moment))
    return min(found)[1] if found else None


def _spans(spans: Sequence[Span], zero: datetime) -> list[Bar]:
    """One bar for each of *spans*, which are of one kind; a code that came in the end did not fail before."""
    is_code = spans[-1].kind is SpanKind.CODE_AWAITED
    return [
        Bar(
            each.began - zero,
            each.ended - zero,
            Tone.STEP if (spans[-1] if is_code else each).is_done else Tone.TROUBLE,
        )
        for each in spans
    ]


def _few(bars: Sequence[T]) -> tuple[T, ...]:
    if len(bars) <= MOST_BARS:
        return tuple(bars)
    return tuple(chain(bars[: MOST_BARS // 2], bars[-MOST_BARS // 2 :]))


def _all_spans(bars: Sequence[Bar]) -> str:
    return _short("; ".join(f"from {stamp(bar.begins)} to {stamp(bar.ends)}" for bar in bars))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def speakable(words: str) -> str:
    """*words* without what neither a page nor a terminal may be told."""
    return UNSPEAKABLE.sub("?", words)


def _short(text: str, longest: int = LONGEST_LINE) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
