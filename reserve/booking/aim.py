"""Where and when to ask: warm connections, the server's clock, and the plan of attempts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from reserve.booking.context import RunContext
from reserve.booking.openings import LONGEST_DELAY, ahead_by, delay_by, sooner_by
from reserve.booking.verification import Verification
from reserve.clock import (
    JUMP,
    POLITE,
    PROBES,
    UNKNOWN,
    Clock,
    Probe,
    ServerTime,
    Watch,
    before_a_second_began,
    measure,
    plan,
)
from reserve.model import Bounds, Opening, SeenOpening, SpanKind
from reserve.systems.base import BookingSystem, CourtConnection

PLANNED = 3  # attempts for each court: at the likely opening, at the certain one, and between them
LONGEST_TRIP = timedelta(seconds=1)  # there and back; a slower server's clock is not known well enough
READY = timedelta(milliseconds=50)  # for the threads that warm the connections
LEAST = timedelta(seconds=0.5)  # for what is warmed when the opening is upon us
SECOND_OPINION = 7  # probes of a server whose clock is further behind than that of the first


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
    together: int,
) -> list[datetime]:
    """When to ask for the courts, so many *together*, by the server's time; returns just before the opening.

    Whatever is late by then is left behind. When the server does not tell its time, our own clock counts, and
    from here on nobody can set that.
    """
    clock, timeline, leads = context.clock, context.timeline, context.leads
    context.wait_until(opening.opens_at - leads.measure)
    clock.anchor()
    seen = context.record.openings(facility)
    server, watch = UNKNOWN, Watch(clock)
    if clock.now() < opening.opens_at - leads.warm:
        with timeline.span(SpanKind.AIM):
            server = server_time(context, connections, until=opening.opens_at - leads.warm)
    _go_by(context, server)
    # A whole second before the opening, so that the answers tell more about the server's time.
    context.wait_until(server.likely(opening.opens_at) - leads.warm - READY)
    last_look = server.likely(opening.opens_at) - leads.last_look
    with timeline.span(SpanKind.WARM):
        server = server.with_more(warm_up(context, connections, until=last_look), together)
    _go_by(context, server)
    context.record.stay_alone()
    if verification.is_awaited:
        verification.enter(until=last_look)
    context.wait_until(last_look)
    if slept := watch.jumped():
        timeline.say(f"this machine was suspended for {slept.total_seconds():.3f} s")
    if abs(jump := clock.wall() - clock.now()) > JUMP:
        timeline.say(
            f"this machine's clock was set by {jump.total_seconds():+.3f} s; that changes nothing here"
        )
    if server is not UNKNOWN:
        context.sooner, by = sooner_by(seen)
        if by is not None:
            timeline.say(f"{clocks_apart(by.bounds)} {by.at_openings}; aiming {aside(context.sooner)}")
    moments = plan(opening.opens_at - context.sooner, server, PLANNED)
    if context.sooner > timedelta(0):  # if that is wrong, it costs no more than this one attempt
        moments = [moments[0], *plan(opening.opens_at, server, PLANNED - 1)]
    if delay := delay_by(seen):
        soonest, latest = delay.bounds
        timeline.say(f"it opened {late(delay.bounds)} {delay.at_openings}; asking then too")
        first, last = moments[0], moments[-1]
        # Four, so that one attempt is left.
        moments = sorted([first, last, first + (soonest + latest) / 2, first + latest])
    return moments


def _go_by(context: RunContext, server: ServerTime) -> None:
    context.server, context.timeline.ahead = server, server.offset


def server_time(
    context: RunContext, connections: Sequence[CourtConnection], *, until: datetime | None = None
) -> ServerTime:
    """The server's time over the first connection, or over the one where it is furthest behind.

    `UNKNOWN` when answers take so long that going by them could mean asking much too early.
    """
    clock = context.clock
    server = _measured(clock, connections[0], until)
    context.timeline.say(str(server))
    context.trip = server.trip
    if server.trip > LONGEST_TRIP:
        return UNKNOWN
    moment = before_a_second_began(clock.now() + POLITE, server)
    if server is UNKNOWN or len(connections) == 1 or (until and moment + LONGEST_TRIP > until):
        return server
    clock.sleep_until(moment)
    others = clock.together([partial(_clock_behind, clock, each, server, until) for each in connections[1:]])
    for other in others:
        if other is not None and other.lead < server.lead and other.trip <= LONGEST_TRIP:
            context.timeline.say(f"another connection leads to another {other}; asking by the later one")
            server = other
    return server


def _clock_behind(
    clock: Clock, connection: CourtConnection, server: ServerTime, until: datetime | None
) -> ServerTime | None:
    """The time of who answers on *connection*, if a probe shows that its clock is behind that of *server*."""
    try:
        found = clock.within(LONGEST_TRIP, partial(connection.probe, clock))
    except (TimeoutError, ValueError):
        return None
    is_behind = server.low - LONGEST_DELAY < found.high < server.low
    return _measured(clock, connection, until, budget=SECOND_OPINION) if is_behind else None


def _measured(
    clock: Clock, connection: CourtConnection, until: datetime | None, budget: int = PROBES
) -> ServerTime:
    """What *connection* tells of the server's time; no answer is waited for so long that it says nothing."""

    def probe() -> Probe:
        return clock.within(LONGEST_TRIP, partial(connection.probe, clock))

    return measure(probe, clock, budget=budget, until=until)


def warm_up(context: RunContext, connections: Sequence[CourtConnection], *, until: datetime) -> list[Probe]:
    """Open *connections* by *until*, and return what their answers tell of the server's time.

    One that takes too long is left behind, and another has the rest.
    """
    clock, late, probes = context.clock, list(connections), list[Probe]()
    moments = context.server.telling(clock.now(), len(connections))
    for share in (2, 1):
        limit = max((until - max(moments)) / share, LEAST)
        calls = [
            partial(_warmed, clock, each, moment, limit) for each, moment in zip(late, moments, strict=True)
        ]
        answers = clock.together(calls)
        late = [each for each, answer in zip(late, answers, strict=True) if answer is None]
        probes += chain.from_iterable(answer for answer in answers if answer is not None)
        if not late:
            break
        moments = [clock.now()] * len(late)
    warm = len(connections) - len(late)
    context.timeline.say("the connection is warm" if warm == 1 else f"{warm} connections are warm")
    return probes


def _warmed(
    clock: Clock, connection: CourtConnection, moment: datetime, limit: timedelta
) -> list[Probe] | None:
    """What the answer tells on *connection*, warmed at *moment*; None when there was none within *limit*."""
    clock.sleep_until(moment)
    with suppress(TimeoutError):
        probe = clock.within(limit, partial(connection.warm, clock))
        return [] if probe is None else [probe]
    return None


def remember_opening(context: RunContext, facility: str, opens_at: datetime, delay: Bounds | None) -> None:
    """Keep for the next run how late the window of *facility* opened, and by whose clock, if we could tell.

    No *delay* is told by what was refused in the first half of the time in which our own aim may be early, or
    before the moment that the next run aims at.
    """
    server, timeline = context.server, context.timeline
    if server is UNKNOWN:
        return
    ahead = ahead_by(context.attempts, server, opens_at=opens_at, sooner=context.sooner)
    sooner, _ = sooner_by([SeenOpening(ahead=ahead)])
    our_own = max((server.lead - server.low) / 2, context.sooner - sooner)
    if delay is not None and delay[1] > timedelta(0) and delay[0] < our_own:
        delay = None
    if delay is not None and delay[1] > timedelta(0):
        timeline.say(f"the window opened {late(delay)}")
    if ahead is not None and not ahead[0] <= timedelta(0) <= ahead[1]:
        timeline.say(f"{clocks_apart(ahead)}, as its holds say; kept for the next run")
    if delay is not None or ahead is not None:
        context.record.remember_opening(facility, opens_at, SeenOpening(delay, ahead))


def late(delay: Bounds) -> str:
    """How late a window opened: 0.20 to 0.40 s late."""
    soonest, latest = delay
    return f"{soonest.total_seconds():.2f} to {latest.total_seconds():.2f} s late"


def clocks_apart(ahead: Bounds) -> str:
    """How far apart the clocks are: the clock that decides was 28 to 34 ms behind the one in `Date`."""
    near, far = sorted(abs(each) / timedelta(milliseconds=1) for each in ahead)
    where = "ahead of" if ahead[0] > timedelta(0) else "behind"
    return f"the clock that decides was {near:.0f} to {far:.0f} ms {where} the one in the header Date"


def aside(sooner: timedelta) -> str:
    """By how much another moment is aimed at: 34 ms later."""
    length = abs(sooner) / timedelta(milliseconds=1)
    return f"{length:.0f} ms {'sooner' if sooner > timedelta(0) else 'later'}"
