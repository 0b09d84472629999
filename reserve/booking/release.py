"""Giving holds back to the booking system, and remembering which could not be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from reserve.booking.context import RunContext
from reserve.errors import ReserveError, ServiceError
from reserve.model import ActionKind, Hold

RELEASES = 4  # tries for one hold
BETWEEN_RELEASES = timedelta(seconds=1)
SOON = timedelta(seconds=1)


def release_once(context: RunContext, holds: Sequence[Hold], *, hurried: bool = False) -> list[Hold]:
    """Release *holds* at the same time, each once; returns those that could not be.

    When *hurried*, an answer that takes longer than `SOON` is not waited for: a court is to be confirmed.
    """
    ends = context.clock.monotonic() + SOON.total_seconds()
    failures: list[Exception | None] = [ServiceError("no answer so far")] * len(holds)

    def release(place: int) -> None:
        failures[place] = _release(context, holds[place])

    calls = [partial(release, place) for place in range(len(holds))]
    context.clock.together(calls, lambda: hurried and context.clock.monotonic() >= ends)
    found = list(zip(holds, failures, strict=True))
    context.write(ActionKind.RELEASED, [hold for hold, failure in found if not failure])
    for hold, failure in found:
        why = failure if isinstance(failure, ReserveError) else repr(failure)
        done = f"could not release {hold} yet: {why}" if failure else f"released {hold.offer.court.name}"
        context.timeline.say(done)
    return [hold for hold, failure in found if failure]


def release_all(context: RunContext, holds: Sequence[Hold]) -> list[Hold]:
    """Release *holds*, trying again a few times; the log names what stays held, and it is returned.

    Where a hold is final it is a reservation, not to be lost because something else went wrong.
    """
    if context.system.hold_is_final:
        return []
    for remaining in reversed(range(RELEASES)):
        holds = release_once(context, holds)
        if not holds:
            return []
        if remaining:
            context.clock.sleep(BETWEEN_RELEASES)
    for hold in holds:
        context.left.append(hold)
        context.timeline.say(f"could not release {hold}; it stays held until {held_until(hold)}")
    return list(holds)


@contextmanager
def released_on_failure(context: RunContext, holds: Sequence[Hold]) -> Iterator[None]:
    """Inside, whatever is raised, a bug too, leaves none of *holds* held."""
    try:
        yield
    except BaseException:
        release_all(context, holds)
        raise


def held_until(hold: Hold) -> str:
    """When *hold* lapses, as a person reads it: by the clocks at the facility."""
    zone = hold.offer.slot.start.tzinfo
    return f"{hold.expires_at.astimezone(zone):%H:%M:%S %Z}" if hold.expires_at else "it lapses"


def _release(context: RunContext, hold: Hold) -> Exception | None:
    try:
        context.system.release(hold)
    except Exception as failure:  # a bug, too, must neither keep other courts held nor spoil a reservation
        return failure
    context.released.append(hold.order_id)
    return None
