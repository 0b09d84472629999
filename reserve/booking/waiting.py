"""The waiting list: every court is taken, so look now and then until one is free or it is too late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from reserve.booking.context import SETTLING, RunContext
from reserve.booking.race import Race
from reserve.booking.sign_in import SignIn
from reserve.booking.verification import Verification
from reserve.errors import (
    AlreadyReserved,
    Blocked,
    NotOpenYet,
    ReserveError,
    ServiceError,
    SlotTaken,
    Throttled,
)
from reserve.model import Hold, Phase
from reserve.systems.base import CourtConnection

LOG_EVERY = timedelta(minutes=10)
WORTH_WAITING = (SlotTaken, NotOpenYet, ServiceError)  # anything else will not get better by itself


@dataclass(frozen=True)
class WaitingList:
    """The wait for a court, after every one was taken."""

    context: RunContext
    sign_in: SignIn
    verification: Verification

    def wait(self, connections: Sequence[CourtConnection]) -> list[Hold]:
        """The first court that becomes free, held; raises the last reason once it is too late for all."""
        clock, timeline = self.context.clock, self.context.timeline
        ends = max(connection.offer.closes_at for connection in connections)
        usual = self.context.system.look_every
        every = f"looking every {usual.total_seconds():.0f} s"
        timeline.say(f"on the waiting list until {ends:%a %Y-%m-%d %H:%M}: {every}")
        why: ReserveError = SlotTaken("every court we could ask was taken")
        self.context.record.step_aside()
        self.context.reach(Phase.WAIT_LIST)
        logged_at, pause, looks = clock.now(), usual, 0
        while clock.now() + pause < ends:
            self.context.wait_until(clock.now() + pause)
            pause, looks = usual, looks + 1
            self.sign_in.renew_when_due()
            for connection in connections:
                found = self._try(connection)
                if isinstance(found, list):
                    return found
                why = found or why
                if isinstance(found, Throttled):  # by the next court as well
                    pause = max(pause, found.retry_after or pause)
                    break
            if (now := clock.now()) - logged_at >= LOG_EVERY:
                last = f"{now.astimezone(ends.tzinfo):%H:%M:%S}"
                timeline.say(f"still on the waiting list, looked {looks} times, last at {last}: {why}")
                logged_at = now
        raise why

    def _try(self, connection: CourtConnection) -> list[Hold] | ReserveError | None:
        """The court's holds if it is free now, otherwise why not; raises what makes waiting useless."""
        now = self.context.clock.now()
        if now < connection.offer.opens_at or connection.offer.closes_at <= now:
            return None
        try:
            if not connection.is_free():
                return None
        except ServiceError as failure:
            why: ReserveError = failure
        else:
            record = self.context.record
            try:
                record.be_alone()
                record.hurry(SETTLING)
            except (AlreadyReserved, ServiceError) as failure:
                return failure  # another run of the player asks just now
            # Asks once, and finds a lost answer.
            code_until = now + self.context.leads.code
            race = Race(self.context, self.verification, [now], now, code_until, is_quiet=True)
            if held := race.win([connection], at_once=False):
                return held
            record.step_aside()
            why = race.verdict()
        if isinstance(why, Blocked) or not isinstance(why, WORTH_WAITING):
            raise why
        return why
