"""Asking every court at the opening within a budget of attempts, and finding what a lost answer left."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

from reserve.booking.context import NAP, RunContext
from reserve.booking.release import release_all, released_on_failure
from reserve.booking.verification import Verification
from reserve.errors import (
    Blocked,
    LimitReached,
    LostAnswer,
    Meaning,
    NotOpenYet,
    NotVerified,
    Overdue,
    ReserveError,
    ServiceError,
    SignInError,
    SlotTaken,
    Throttled,
    Unconfirmed,
    UnknownAnswer,
    UnknownRefusal,
    Unreachable,
    WayClosed,
)
from reserve.model import ActionKind, Attempt, Bounds, Hold, HoldStamp, Offer
from reserve.stroke import Departure, Stroke, Withheld
from reserve.systems.base import CourtConnection

ATTEMPTS = 5  # per court and run, the first included: few, as fair play wants; more only while it is closed
PAUSES = (0.15, 0.35, 0.7, 1.5)  # seconds after each attempt, when the plan has nothing sooner to say
SELDOM = 2.0  # seconds after each later one, while the window stays closed and patience lasts
UNKNOWN_ATTEMPTS = 3  # after unknown words: nobody has recorded what an early request is answered
IN_TIME = timedelta(milliseconds=50)  # after the first moment; a later request says nothing about the opening
MADE_READY = timedelta(seconds=0.5)  # before its moment, so that a connection that died is replaced in time
LATEST = timedelta(seconds=15)  # is an answer; nobody waits for it any longer
LOOKS = 3  # for what a lost answer left behind, where that would be a reservation
BETWEEN_LOOKS = timedelta(seconds=1)
# In the order in which answers explain why nothing is held.
REASONS = (Unconfirmed, SignInError, NotVerified, LimitReached, Blocked, ServiceError, NotOpenYet, SlotTaken)
FINAL = (LimitReached, Blocked, SignInError)  # an answer to one court that holds for all of them


@dataclass
class Race:
    """The asking for courts: what was asked, what is held, why the rest is not."""

    context: RunContext
    verification: Verification
    moments: Sequence[datetime]  # when to ask for a court; each only if the one before was too early
    deadline: datetime
    code_until: datetime | None = None  # how long to wait for a one-time code, if not to the deadline
    is_quiet: bool = False  # on the waiting list the attempts would fill the log
    held: list[Hold] = field(default_factory=list)
    refused: dict[Offer, ReserveError] = field(default_factory=dict)
    _asked: dict[Offer, int] = field(default_factory=dict)
    _lost: set[Offer] = field(default_factory=set)  # perhaps held, and not found
    _awaited: set[Offer] = field(default_factory=set)  # asked for, no answer yet
    _over: bool = False
    _adopting: threading.Lock = field(default_factory=threading.Lock)

    def win(self, connections: Sequence[CourtConnection], *, at_once: bool) -> list[Hold]:
        """Ask for the slots in order of preference until one court is held, and for a slot's courts together.

        Returns what is held, best first. Without *at_once*, or with a system whose spare holds cost the
        player something, one court after the other. Once a court is held, answers that are missing are not
        waited for much longer; `tidy` looks after them. When a bug makes this raise, nothing stays held.
        """
        context = self.context
        with released_on_failure(context, self.held), ExitStack() as afterwards, _no_garbage_collection():
            afterwards.callback(self._say_what_came)
            for wanted in self._rounds(connections):
                for batch in self._batches(wanted, at_once=at_once):
                    context.clock.together(self._calls(batch), lambda: bool(self.held))
                    if self.held or self._is_over:
                        break
                self._sweep()
            preferred = [connection.offer for connection in connections]
            self.held.sort(key=lambda hold: preferred.index(hold.offer))
            context.write(ActionKind.HELD, self.held)
            self._over = True
            return list(self.held)

    def tidy(self, settled: Sequence[Hold]) -> None:
        """Release what is held besides *settled*, as answers said, or a look says, that came after these."""
        context, clock = self.context, self.context.clock
        known = {hold.order_id for hold in settled}
        ends = clock.now() + LATEST
        while self._awaited and clock.now() < ends and not context.stop.is_asked:
            clock.sleep(NAP)
        lost = [
            offer for offer in self._lost | self._awaited if offer not in {each.offer for each in settled}
        ]
        if lost and not context.system.hold_is_final and context.system.lists_holds:
            self._find(lost)
        late = {hold.order_id: hold for hold in self.held if hold.order_id not in known}
        context.write(ActionKind.HELD, list(late.values()))
        release_all(context, list(late.values()))

    def _rounds(self, connections: Sequence[CourtConnection]) -> Iterator[Sequence[CourtConnection]]:
        """All of *connections*; then those that lack a one-time code only, once it is entered."""
        yield connections
        unproved = [each for each in connections if isinstance(self.refused.get(each.offer), NotVerified)]
        if unproved and not self.held and not self._is_over and self.verification.can_prove:
            self.verification.prove(until=self.code_until or self.deadline)
            yield unproved

    def _batches(
        self, connections: Sequence[CourtConnection], *, at_once: bool
    ) -> list[list[CourtConnection]]:
        size = self.context.system.fan_out if at_once else 1
        slots = [list(same) for _, same in groupby(connections, key=lambda each: each.offer.slot)]
        return [slot[place : place + size] for slot in slots for place in range(0, len(slot), size)]

    def _calls(self, batch: Sequence[CourtConnection]) -> list[Callable[[], None]]:
        """The asking for each court, the first time in one stroke if its moment is still to come."""
        if self.context.clock.now() >= self.moments[0]:
            return [partial(self._ask_for, each) for each in batch]
        stroke = Stroke(self.context.clock, self.moments[0], lambda: self._is_over)
        return [*(partial(self._ask_for, each, stroke.add()) for each in batch), stroke.go]

    @property
    def _is_over(self) -> bool:
        return self._over or self.context.stop.is_asked

    def _ask_for(self, connection: CourtConnection, departure: Departure | None = None) -> None:
        """Ask for one court until an answer settles it, or its attempts are used up; first in *departure*."""
        offer, clock = connection.offer, self.context.clock
        planned: datetime | None = max(self.moments[0], clock.now())
        while planned is not None and self._may_ask(offer):
            ready = planned if departure is None else planned - MADE_READY
            while (now := clock.now()) < ready and not self._is_over:
                clock.sleep_until(min(ready, now + NAP))
            if self._is_over or (self.held and offer in self._asked):
                return
            self._asked[offer] = self._asked.get(offer, 0) + 1
            self._awaited.add(offer)
            leaving, departure, sent = departure, None, clock.now()
            try:
                hold = connection.hold(leaving)
            except Withheld:
                self._awaited.discard(offer)
                return
            except ReserveError as refusal:
                self._awaited.discard(offer)
                sent = left(leaving, sent)
                self._note(connection, planned, sent, refusal.meaning)
                planned = self._moment_after(offer, refusal, sent)
            else:
                self._note(connection, planned, left(leaving, sent), Meaning.HELD, hold.stamp)
                self.held.append(hold)
                self._awaited.discard(offer)
                self.refused.pop(offer, None)
                self._lost.discard(offer)
                return

    def _may_ask(self, offer: Offer) -> bool:
        """Whether its attempts are not used up; one now and then is left while the window is closed."""
        return self._asked.get(offer, 0) < ATTEMPTS or isinstance(self.refused.get(offer), NotOpenYet)

    def _note(
        self,
        connection: CourtConnection,
        planned: datetime,
        sent: datetime,
        meaning: Meaning,
        held: HoldStamp | None = None,
    ) -> None:
        answered, court = self.context.clock.now(), connection.offer.court.name
        self.context.attempts.append(
            Attempt(court, planned, sent, answered, meaning, connection.stamp, held, connection.way)
        )

    def _moment_after(self, offer: Offer, refusal: ReserveError, sent: datetime) -> datetime | None:
        """When to ask for *offer* again after *refusal* of what was *sent* then, None for never.

        Who was early by the aim asks again when the answer is here, a round trip after the opening. A request
        on a second connection, sent before that, would save most of the trip; but few openings in a hundred
        are early, and at every opening each court would cost one more connection and one more request, which
        could win a second hold. Who is early again waits for the plan, and then for the pauses: then it is
        the window that is late, and the attempts are few.
        """
        self.refused[offer] = refusal
        if isinstance(refusal, FINAL):
            self._over = True
        if isinstance(refusal, LostAnswer):
            self._lost.add(offer)
            if self._is_settled_by_looking(offer, refusal):
                return None
        if not self._may_ask_again(offer, refusal):
            return None
        now = self.context.clock.now()
        if isinstance(refusal, WayClosed):
            return now
        asked = self._asked[offer]
        moment = now + timedelta(seconds=PAUSES[asked - 1] if asked < ATTEMPTS else SELDOM)
        if isinstance(refusal, NotOpenYet):
            since = sent if asked == 1 else now
            planned = min((each for each in self.moments if each > since), default=moment)
            moment = max(now, planned)
        if isinstance(refusal, Throttled):
            moment = max(moment, now + (refusal.retry_after or timedelta(seconds=1)))
        return moment if moment <= self.deadline else None

    def _may_ask_again(self, offer: Offer, refusal: ReserveError) -> bool:
        if isinstance(refusal, UnknownRefusal):
            return self._asked[offer] < UNKNOWN_ATTEMPTS
        if isinstance(refusal, UnknownAnswer):
            return False
        return isinstance(refusal, NotOpenYet | Throttled | Unreachable | LostAnswer | WayClosed)

    def _is_settled_by_looking(self, offer: Offer, lost: LostAnswer) -> bool:
        """Whether the lost answer was a yes, or nobody can tell and asking on might reserve a second court.

        Where a hold is not final, a hold that was overlooked here is found by the last look at the end.
        """
        if not self.context.system.hold_is_final:
            return bool(self._find([offer]))
        found: bool | None = None
        for _ in range(LOOKS):
            if found := self._find([offer]):
                return True
            if self.context.stop.is_asked:
                break
            self.context.clock.sleep(BETWEEN_LOOKS)
        if found is None or isinstance(lost, Overdue | UnknownAnswer):
            self.refused[offer] = Unconfirmed(f"it may be reserved: {lost}")
            self._over = True
            return True
        return False

    def _find(self, offers: Sequence[Offer]) -> bool | None:
        """Take over what else is held of *offers*; whether there is any, None when nobody can tell."""
        try:
            holds = self.context.system.holds()
        except ReserveError as failure:
            self.context.timeline.say(f"cannot look for holds whose answer was lost: {failure}")
            return None
        before = len(self.held)
        for hold in holds:
            for offer in offers:
                if hold.offer.slot != offer.slot or not hold.offer.court.is_same(offer.court):
                    continue
                with self._adopting:
                    if (hold.order_id, offer) in {(each.order_id, each.offer) for each in self.held}:
                        continue
                    self.held.append(replace(hold, offer=offer))
                self.refused.pop(offer, None)
                self._lost.discard(offer)
                self.context.timeline.say(f"found {hold} in the bookings: its answer was lost")
        return len(self.held) > before

    def _sweep(self) -> None:
        """Look once more when an answer was lost, or is missing: a later *taken* may mean by ourselves."""
        for offer in list(self._awaited):
            self.refused[offer] = Overdue("its answer is late")
            self._lost.add(offer)
        if self._lost and self._find(list(self._lost)) is not None:
            self._lost = {offer for offer in self._lost if isinstance(self.refused.get(offer), LostAnswer)}

    @property
    def opening_delay(self) -> Bounds | None:
        """How late the window opened, at least and at most, counted from the first moment.

        Nothing, when no request was too early and one was in time; else known only when a later one was not.
        """
        closed = [each.sent for each in self.context.attempts if each.meaning is Meaning.NOT_OPEN_YET]
        in_time = (Meaning.HELD, Meaning.TAKEN)
        open_ = [each.sent for each in self.context.attempts if each.meaning in in_time]
        if open_ and not closed:
            return (timedelta(0), timedelta(0)) if min(open_) - self.moments[0] < IN_TIME else None
        if not open_ or max(closed) >= min(open_):
            return None
        return max(closed) - self.moments[0], min(open_) - self.moments[0]

    def _say_what_came(self) -> None:
        """Log each attempt; afterwards, so that this delays nothing."""
        timeline = self.context.timeline
        for attempt in () if self.is_quiet else self.context.attempts:
            sent, answered = timeline.stamp(attempt.sent), timeline.stamp(attempt.answered)
            way = f", by {attempt.way}" if attempt.way else ""
            told = f"; {timeline.told(attempt.held)}" if attempt.held else ""
            timeline.say(f"{attempt.court}: {attempt.meaning} (sent {sent}, answered {answered}{way}{told})")
        for offer in self._lost:
            timeline.say(f"{offer.court.name} may be held until it lapses: an answer was lost")

    def verdict(self) -> ReserveError:
        """Why nothing is held: the answer that says most, in words for the player."""
        for kind in REASONS:
            for offer, refusal in self.refused.items():
                if isinstance(refusal, kind):
                    return self._said(offer, refusal)
        return SlotTaken("nothing could be asked for")

    def _said(self, offer: Offer, refusal: ReserveError) -> ReserveError:
        if isinstance(refusal, SlotTaken):
            names = ", ".join(f"{each.court.name}" for each in self.refused)
            return SlotTaken(f"every court we could ask was taken ({names})")
        if isinstance(refusal, NotOpenYet):
            return NotOpenYet(f"the window did not open in time ({offer.court.name}: {refusal})")
        said = copy(refusal)
        said.args = (f"{offer.court.name}: {refusal}",)
        return said


def left(departure: Departure | None, called: datetime) -> datetime:
    """When a request left that was *called* for then, and had this *departure*."""
    return called if departure is None or departure.sent is None else departure.sent


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Inside, no collection of garbage, a tenth of a second, can come between the opening and a request."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
