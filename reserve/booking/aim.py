"""Where and when to ask: warm connections, the server's clock, and the plan of attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta

from reserve.booking.context import RunContext
from reserve.booking.verification import Verification
from reserve.clock import UNKNOWN, ServerTime, Watch, measure, plan
from reserve.model import ActionKind, Opening
from reserve.systems.base import BookingSystem, CourtConnection

PLANNED = 3  # attempts for each court: at the likely opening, at the certain one, and between them
LONGEST_DELAY = timedelta(seconds=3)  # of an opening; more is something else, and would not help the next run
LONGEST_TRIP = timedelta(seconds=1)  # there and back; a slower server's clock is not known well enough

OpeningDelay = tuple[timedelta, timedelta]  # how late a window opened, at least and at most


@contextmanager
def connected(system: BookingSystem, opening: Opening) -> Iterator[list[CourtConnection]]:
    """A connection for every offer; nothing is sent yet."""
    with ExitStack() as stack:
        yield [stack.enter_context(closing(system.connection_for(offer))) for offer in opening.offers]


def aim(
    context: RunContext,
    connections: Sequence[CourtConnection],
    opening: Opening,
    verification: Verification,
    facility: str,
) -> list[datetime]:
    """When to ask for each court, by the server's time; returns shortly before the opening.

    When the server's answers contradict each other, or it does not tell its time, our own clock counts.
    """
    clock, timeline, leads = context.clock, context.timeline, context.leads
    context.wait_until(opening.opens_at - leads.measure)
    context.write(ActionKind.ASKING, opening.offers)  # early: later, nothing waits for a disk
    delay = known_delay(context, facility)
    server, watch = UNKNOWN, Watch(clock)
    if clock.now() < opening.opens_at - leads.warm:
        server = server_time(context, connections, until=opening.opens_at - leads.warm)
    _go_by(context, server)
    context.wait_until(server.likely(opening.opens_at) - leads.warm)
    clock.together([connection.warm for connection in connections])
    many = len(connections) > 1
    timeline.say(f"{len(connections)} connections are warm" if many else "the connection is warm")
    context.record.stay_alone()
    last_look = server.likely(opening.opens_at) - leads.last_look
    if verification.is_awaited:
        verification.enter(until=last_look)
    context.wait_until(last_look)
    if jump := watch.jumped():
        server = UNKNOWN
        _go_by(context, server)
        timeline.say(f"this machine's clock jumped by {jump.total_seconds():+.3f} s; going by it from now on")
    moments = plan(opening.opens_at, server, PLANNED)
    if delay is not None:
        soonest, latest = delay
        timeline.say(f"last time it opened {latest.total_seconds():.2f} s late; asking then too")
        first, last = moments[0], moments[-1]
        # Four, so that one attempt is left.
        moments = sorted([first, last, first + (soonest + latest) / 2, first + latest])
    return moments


def _go_by(context: RunContext, server: ServerTime) -> None:
    context.server, context.timeline.ahead = server, server.offset


def server_time(
    context: RunContext, connections: Sequence[CourtConnection], *, until: datetime | None = None
) -> ServerTime:
    """The server's time over the first connection; `UNKNOWN` when its answers contradict each other.

    So it is when they take so long that going by them could mean asking much too early.
    """
    server = measure(lambda: connections[0].probe(context.clock), context.clock, until=until)
    context.timeline.say(str(server))
    return server if server.consistent and server.trip <= LONGEST_TRIP else UNKNOWN


def known_delay(context: RunContext, facility: str) -> OpeningDelay | None:
    """How late the window of *facility* opened the last time, if that is known and worth going by."""
    delay = context.record.opening_delay(facility)
    return delay if delay is not None and timedelta(0) < delay[1] < LONGEST_DELAY else None


def remember_delay(context: RunContext, facility: str, delay: OpeningDelay | None) -> None:
    """Keep for the next run how late the window of *facility* opened, if this run could tell."""
    if delay is None or context.server is UNKNOWN:
        return
    soonest, latest = (each.total_seconds() for each in delay)
    if latest > 0:
        context.timeline.say(f"the window opened {soonest:.2f} to {latest:.2f} s late")
    context.record.remember_delay(facility, delay)
