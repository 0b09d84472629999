"""What earlier openings of a facility taught: how late it opens, and by whose clock.

The stamp that we aim by, `Date`, may be that of a proxy; what decides is the application behind it. Where a
hold tells when its answer was written, that is a second clock, read between our request's leaving and its
answer's coming, just as a probe is. Both are seen over the same way, so that the way itself drops out: only
what an answer took longer than the quickest probe leaves a doubt. Of what is left we go by what is proved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reserve.clock import UNKNOWN, ServerTime
from reserve.errors import Meaning
from reserve.model import Attempt, Bounds, SeenOpening

FARTHEST = timedelta(milliseconds=40)  # that we aim elsewhere than `Date` says, whatever a hold says
SAME_CLOCK = timedelta(seconds=10)  # after the opening; what a hold says beyond that is no reading of a clock
LONGEST_DELAY = timedelta(seconds=3)  # of an opening; more is something else, and would not help the next run
ROUNDING = timedelta(milliseconds=1)  # of what a hold says
NOUGHT = timedelta(0)


@dataclass(frozen=True)
class Agreed:
    """What *openings* of the *looked* latest say together."""

    bounds: Bounds
    openings: int
    looked: int

    @property
    def at_openings(self) -> str:
        """For which openings it is so: at the last 5 openings."""
        if self.openings < self.looked:
            return f"at {self.openings} of the last {self.looked} openings"
        return "at the last opening" if self.openings == 1 else f"at the last {self.openings} openings"


def agreed(seen: Sequence[Bounds | None]) -> Agreed | None:
    """What the latest of *seen*, which come in this order, says together with all earlier ones that agree.

    What contradicts it is forgotten; an opening that says nothing counts as none.
    """
    told = [each for each in seen if each is not None]
    if not told:
        return None
    (least, most), openings = told[0], 0
    for low, high in told:
        if max(least, low) <= min(most, high):
            least, most, openings = max(least, low), min(most, high), openings + 1
    return Agreed((least, most), openings, len(told))


def delay_by(seen: Sequence[SeenOpening]) -> Agreed | None:
    """How late the window opens; None when it opens in time, or so late that it would be something else."""
    found = agreed([each.delay for each in seen])
    return found if found is not None and NOUGHT < found.bounds[1] < LONGEST_DELAY else None


def sooner_by(seen: Sequence[SeenOpening]) -> tuple[timedelta, Agreed | None]:
    """How much sooner to aim than by `Date`, later if less than nothing, and by which openings.

    It is as much as they prove. Sooner only if none of them contradicts, as a stamp that lies would have us
    ask too early; later in any case, as it would cost no more than that.
    """
    found = agreed([each.ahead for each in seen])
    if found is None or (found.bounds[0] < ROUNDING and found.bounds[1] >= NOUGHT):
        return NOUGHT, None
    sooner = max(-FARTHEST, min(FARTHEST, found.bounds[0]))
    return (NOUGHT, None) if sooner > NOUGHT and found.openings < found.looked else (sooner, found)


def ahead_by(
    attempts: Iterable[Attempt], server: ServerTime, *, opens_at: datetime, sooner: timedelta
) -> Bounds | None:
    """How far the clock that decides is ahead of the one that *server* is known from; None if nobody knows.

    Nothing, when we went by that and were too early. A hold that was made before *opens_at* by its own stamp
    was made by another clock.
    """
    attempts = list(attempts)
    if server is UNKNOWN or not server.consistent:
        return None
    if sooner > NOUGHT and any(each.meaning is Meaning.NOT_OPEN_YET for each in attempts):
        return NOUGHT, NOUGHT
    read = [
        (each.held.written - each.answered, each.held.written - each.sent)
        for each in attempts
        if each.held and each.held.written and NOUGHT <= each.held.written - opens_at < SAME_CLOCK
    ]
    if not read:
        return None
    doubt = _median([each.trip for each in server.seen]) - server.trip + ROUNDING  # of one way
    least = max(back for back, _ in read) - (server.high - server.trip) - doubt
    most = min(there for _, there in read) - (server.low + server.trip) + doubt
    return (least, most) if least <= most else None


def _median(lengths: Sequence[timedelta]) -> timedelta:
    return sorted(lengths)[len(lengths) // 2]
