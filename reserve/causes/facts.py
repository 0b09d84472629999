"""What is kept of a run so that anybody can say later, on another machine, why it ended as it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from reserve.errors import CauseWord, Meaning
from reserve.model import Attempt, HoldStamp, Span, SpanKind

# The leads at which a step begins, and is to be over.
PLANNED = {
    SpanKind.SIGN_IN: ("sign_in", "code"),
    SpanKind.CODE_AWAITED: ("code", "measure"),
    SpanKind.AIM: ("measure", "warm"),
    SpanKind.WARM: ("warm", "last_look"),
}
A_RACE = timedelta(hours=1)  # is over by then
MOST = 200  # attempts that are kept; a waiting list makes thousands


@dataclass(frozen=True)
class CodeFacts:
    """What became of the one-time codes of a run; `last_text` is when any text came last before the first."""

    wanted: int = 0  # so many times we wanted to have one sent
    sent: int = 0  # ...and the booking system agreed
    asked: datetime | None = None  # first
    accepted: datetime | None = None
    refused: int = 0
    last_text: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """Numbers, moments and kinds: nothing here is a phrase for people, and nothing is secret.

    Moments are by this machine's clock, but those of the booking system: the opening and what is stamped.
    """

    started: datetime
    ended: datetime
    said: CauseWord | None = None  # by the end itself; None for a reservation
    opens_at: datetime | None = None  # or when it was taken up, if it was open before
    was_open: timedelta = timedelta()  # so long by then
    ahead: timedelta = timedelta()  # the server's clock of ours
    bound: timedelta | None = None  # how far that may be off; None when nobody knows
    trip: timedelta = timedelta()  # there and back
    suspended: timedelta = timedelta()  # this machine, or its clock was set forward by so much
    disk_is_full: bool = False
    leads: Mapping[str, timedelta] = field(
        default_factory=dict
    )  # from the beginning of a step to the opening
    spans: tuple[Span, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    code: CodeFacts = CodeFacts()
    stamp: HoldStamp | None = None  # of what was reserved, or is held

    @property
    def race(self) -> list[Attempt]:
        """The attempts in the order in which they were sent."""
        return sorted(self.attempts, key=lambda attempt: attempt.sent)

    def after_opening(self, moment: datetime) -> timedelta:
        """How long after the opening the server's clock showed what ours showed at *moment*."""
        assert self.opens_at is not None, "there is an attempt, so there was an opening"
        return moment + self.ahead - self.opens_at + self.was_open

    def arrived(self, attempt: Attempt) -> timedelta:
        """How long after the opening this request came in there, as well as we know."""
        return self.after_opening(attempt.sent) + self.trip / 2

    def overrun(self, span: Span) -> timedelta:
        """How much longer this took than was planned for it; zero for what has no plan."""
        begins, ends = (self.leads.get(name) for name in PLANNED.get(span.kind, ("", "")))
        if begins is None or ends is None:
            return timedelta(0)
        return (span.ended - span.began) - (begins - ends)

    @property
    def margin(self) -> timedelta | None:
        """From the opening to our hold, by the booking system's own clock if it says so.

        Without a hold, to our first request for a court. None when nobody was in a hurry.
        """
        found = self._margin
        return found if found is not None and abs(found) < A_RACE else None

    @property
    def _margin(self) -> timedelta | None:
        if self.opens_at is None:
            return None
        race = self.race
        held = [attempt for attempt in race if attempt.meaning is Meaning.HELD]
        stamps = [self.stamp, *(attempt.held for attempt in held)]
        for stamp in stamps:
            if stamp is not None and stamp.made is not None and not stamp.is_assumed:
                return stamp.made - self.opens_at + self.was_open
        if held:
            return self.after_opening(held[0].answered)
        return self.arrived(race[0]) if race else None


def bounded(attempts: Sequence[Attempt]) -> tuple[Attempt, ...]:
    """*attempts*, without some before the last when they are too many to be kept."""
    return (*attempts[: MOST - 1], *attempts[MOST - 1 :][-1:])


def written(facts: Facts) -> str:
    """*facts* as they are kept in the store."""
    return msgspec.json.encode(facts).decode()


def read(text: str | None) -> Facts | None:
    """The facts in *text*, as far as this version knows them; None of a run of an older version."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Facts)
    except msgspec.MsgspecError:
        return None  # a later version may have another word for something
