"""The waiting list: every court is taken, so look now and then until one is free or the slot has started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from reserve.booking.race import Race
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import Clock
from reserve.errors import Blocked, NotOpenYet, ReserveError, ServiceError, SlotTaken, Throttled
from reserve.model import Hold
from reserve.systems.base import BookingSystem, CourtConnection

TELL_EVERY = timedelta(minutes=10)
NAP = timedelta(seconds=1)  # a wish to stop is noticed so soon
WORTH_WAITING = (SlotTaken, NotOpenYet, ServiceError)  # anything else will not get better by itself


@dataclass(frozen=True)
class WaitingList:
    """The wait for a court, after every one was taken.

    *verify* proves the player's phone when that is wanted; *keep_alive* renews the sign-in, given how often
    that is to be done, and returns when to do it again.
    """

    system: BookingSystem
    clock: Clock
    timeline: Timeline
    stop: Stop
    verify: Callable[[], None]
    keep_alive: Callable[[timedelta], timedelta]

    def wait(self, connections: Sequence[CourtConnection]) -> list[Hold]:
        """The first court that becomes free, held; raises the last reason once every slot has started."""
        clock, ends = self.clock, max(connection.offer.slot.start for connection in connections)
        usual = self.system.look_every
        self.timeline.say(
            f"on the waiting list until {ends:%Y-%m-%d %H:%M}: looking every {usual.total_seconds():.0f} s"
        )
        why: ReserveError = SlotTaken("every court we could ask was taken")
        told, pause = clock.now(), usual
        renew_every, renewed_at = self.system.renew_every, clock.now()
        while clock.now() + pause < ends:
            self._sleep_until(clock.now() + pause)
            pause = usual
            if renew_every and clock.now() >= renewed_at + renew_every:
                renew_every, renewed_at = self.keep_alive(renew_every), clock.now()
            for connection in connections:
                found = self._try(connection)
                if isinstance(found, Hold):
                    return [found]
                why = found or why
                if isinstance(found, Throttled):  # by the next court as well
                    pause = max(pause, found.retry_after or pause)
                    break
            if clock.now() - told >= TELL_EVERY:
                self.timeline.say(f"still on the waiting list: {why}")
                told = clock.now()
        raise why

    def _try(self, connection: CourtConnection) -> Hold | ReserveError | None:
        """The court if it is free now, otherwise why not; raises what makes waiting useless."""
        now = self.clock.now()
        if connection.offer.slot.start <= now:
            return None
        try:
            if not connection.is_free():
                return None
        except ServiceError as failure:
            why: ReserveError = failure
        else:
            # Asks once, and finds a lost answer.
            race = Race(self.system, self.clock, self.timeline, self.stop, [now], deadline=now)
            race.ask([connection], at_once=False)
            if race.wants_code(connection.offer):
                self.verify()
                race.ask([connection], at_once=False)
            if race.held:
                return race.held[0]
            why = race.verdict()
        if isinstance(why, Blocked) or not isinstance(why, WORTH_WAITING):
            raise why
        return why

    def _sleep_until(self, moment: datetime) -> None:
        while self.clock.now() < moment:
            self.stop.obey()
            self.clock.sleep_until(min(moment, self.clock.now() + NAP))
        self.stop.obey()
