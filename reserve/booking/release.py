"""Giving holds back to the booking system, and remembering which could not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from reserve.booking.context import RunContext
from reserve.errors import ReserveError
from reserve.model import ActionKind, Hold

RELEASES = 4  # tries for one hold
BETWEEN_RELEASES = timedelta(seconds=1)


@dataclass(frozen=True)
class Releases:
    """The holds that one run released, and those that it could not."""

    context: RunContext
    released: list[str] = field(default_factory=list)  # order ids
    left: list[Hold] = field(default_factory=list)

    def release_once(self, holds: Sequence[Hold]) -> list[Hold]:
        """Release *holds* at the same time, each once; returns those that could not be."""
        context = self.context
        done = context.clock.together([partial(self._is_released, hold) for hold in holds])
        released = [hold for hold, is_done in zip(holds, done, strict=True) if is_done]
        context.write(ActionKind.RELEASED, released)
        for hold, is_done in zip(holds, done, strict=True):
            context.timeline.say(
                f"released {hold.offer.court.name}" if is_done else f"could not release {hold} yet"
            )
        return [hold for hold in holds if hold not in released]

    def release_all(self, holds: Sequence[Hold]) -> list[Hold]:
        """Release *holds*, trying again a few times; the log names what stays held, and it is returned.

        Where a hold is final it is a reservation, not to be lost because something else went wrong.
        """
        if self.context.system.hold_is_final:
            return []
        for remaining in reversed(range(RELEASES)):
            holds = self.release_once(holds)
            if not holds:
                return []
            if remaining:
                self.context.clock.sleep(BETWEEN_RELEASES)
        for hold in holds:
            self.left.append(hold)
            self.context.timeline.say(f"could not release {hold}; it stays held until {end_of(hold)}")
        return list(holds)

    def _is_released(self, hold: Hold) -> bool:
        try:
            self.context.system.release(hold)
        except ReserveError:
            return False
        self.released.append(hold.order_id)
        return True


def end_of(hold: Hold) -> str:
    """When *hold* lapses, as a person reads it."""
    return f"{hold.expires_at:%H:%M:%S} UTC" if hold.expires_at else "it lapses"
