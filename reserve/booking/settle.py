"""One hold confirmed, the rest released, the outcome read back.

The promise of the whole tool is kept here: one run, at most one reservation. Only one hold is ever confirmed.
An answer to a confirmation that got lost is looked up in the reservations, never repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import Clock
from reserve.errors import (
    LostAnswer,
    NotPaid,
    NotVerified,
    ReserveError,
    ServiceError,
    Throttled,
    TooDear,
    Unconfirmed,
    Unreachable,
)
from reserve.model import ActionKind, Hold, Reservation
from reserve.systems.base import BookingSystem

READS = 5  # of the bookings, after a confirmation
BETWEEN_READS = timedelta(seconds=2)  # so that all reads take about ten seconds
CONFIRMATIONS = 3  # only after a refusal that is certain and says *later*
LONGEST_PAUSE = timedelta(seconds=30)  # before another confirmation: others may want the court
RELEASES = 4  # tries for one hold
BETWEEN_RELEASES = timedelta(seconds=1)


def settle(
    system: BookingSystem,
    holds: Sequence[Hold],
    clock: Clock,
    timeline: Timeline,
    stop: Stop,
    verify: Callable[[Hold], None],
    *,
    respect_limits: Callable[[], None] = lambda: None,
) -> Reservation | Hold:
    """Confirm the best of *holds* that the player can afford and release the others.

    Returns the hold itself when only the player can pay for it. Raises `TooDear` when all cost too much,
    `Unconfirmed` when the best may be reserved and nobody can tell, and whatever refused it otherwise; then
    nothing is held any more, or the timeline names what is.
    """
    if system.hold_is_final:
        return _read_back(system, holds[0], clock, why=None)
    spare = list(holds)
    try:
        stop.obey()
        best = _best(system, holds)
        others = [hold for hold in holds if hold.order_id != best.order_id]
        spare = [best, *give_back(system, others, clock, timeline)]
        if not system.settles_by_hand(best):
            try:
                respect_limits()  # once more: another machine of the player may have been quicker
            except ServiceError as failure:
                timeline.say(f"could not look at the bookings once more: {failure}; going on")
            stop.obey()
            timeline.write(ActionKind.CONFIRMING, [best])
            reservation = _confirm(system, best, clock, timeline, stop, verify)
            timeline.write(ActionKind.CONFIRMED, [best])
            spare.remove(best)
            return reservation
        return _kept(best, spare, clock, timeline)
    except NotPaid as refusal:
        timeline.say(f"{refusal}; it stays held, to be paid by hand")
        return _kept(best, spare, clock, timeline)
    except Unconfirmed:
        timeline.write(ActionKind.UNCONFIRMED, [best])
        spare.remove(best)  # it may be a reservation by now, which must not be given back
        raise
    finally:
        give_back_all(system, spare, clock, timeline)


def _kept(hold: Hold, spare: list[Hold], clock: Clock, timeline: Timeline) -> Hold:
    """*hold*, no longer *spare*, for the player to pay; raises `ServiceError` when it has lapsed."""
    if hold.expires_at is not None and hold.expires_at <= clock.now() + timeline.ahead:
        raise ServiceError(f"{hold} lapsed before it could be paid")
    timeline.write(ActionKind.KEPT, [hold])
    spare.remove(hold)
    return hold


def give_back_all(system: BookingSystem, holds: Sequence[Hold], clock: Clock, timeline: Timeline) -> None:
    """Release *holds*, trying again a few times; the timeline names what stays held.

    Where a hold is final it is a reservation, which nobody wants to lose because something else went wrong.
    """
    if system.hold_is_final:
        return
    for remaining in reversed(range(RELEASES)):
        holds = give_back(system, holds, clock, timeline)
        if not holds:
            return
        if remaining:
            clock.sleep(BETWEEN_RELEASES)
    for hold in holds:
        timeline.left.append(f"{hold} stays held until {_end_of(hold)}")
        timeline.say(f"could not give back {hold}; it stays held until {_end_of(hold)}")


def _end_of(hold: Hold) -> str:
    return f"{hold.expires_at:%H:%M:%S} UTC" if hold.expires_at else "it lapses"


def _best(system: BookingSystem, holds: Sequence[Hold]) -> Hold:
    """The first hold within the ceiling, by the price that its order says."""
    ceiling = system.request.max_price
    prices = []
    for hold in holds:
        priced = hold if hold.price is not None else _looked_at(system, hold)
        price = priced.price
        if price is None:
            continue
        if ceiling is None or price <= ceiling:
            return priced
        prices.append(price)
    if prices:
        raise TooDear(f"the cheapest costs {min(prices)}, more than --max-price allows")
    raise ServiceError(f"{holds[0]}: nothing says what it costs, so it is not paid")


def _looked_at(system: BookingSystem, hold: Hold) -> Hold:
    try:
        return system.look(hold)
    except ReserveError:
        return hold


def give_back(system: BookingSystem, holds: Sequence[Hold], clock: Clock, timeline: Timeline) -> list[Hold]:
    """Release *holds* at the same time, each once; returns those that could not be."""

    def release(hold: Hold) -> bool:
        try:
            system.release(hold)
        except ReserveError:
            return False
        timeline.released.append(hold.order_id)
        return True

    done = clock.together([partial(release, hold) for hold in holds])
    timeline.write(ActionKind.RELEASED, [hold for hold, is_done in zip(holds, done, strict=True) if is_done])
    for hold, is_done in zip(holds, done, strict=True):
        timeline.say(f"gave back {hold}" if is_done else f"giving back {hold} failed")
    return [hold for hold, is_done in zip(holds, done, strict=True) if not is_done]


def _confirm(
    system: BookingSystem,
    hold: Hold,
    clock: Clock,
    timeline: Timeline,
    stop: Stop,
    verify: Callable[[Hold], None],
) -> Reservation:
    for _ in range(CONFIRMATIONS):
        stop.obey()
        try:
            system.confirm(hold)
        except NotVerified as refusal:
            timeline.say(f"{hold}: a one-time code is wanted first")
            verify(hold)
            last: ReserveError = refusal
        except (Throttled, Unreachable) as refusal:
            pause = getattr(refusal, "retry_after", None) or BETWEEN_RELEASES
            if pause > LONGEST_PAUSE:
                raise
            clock.sleep(pause)
            last = refusal
        except LostAnswer as lost:
            timeline.say(f"{hold}: the answer to the confirmation was lost; looking it up")
            return _read_back(system, hold, clock, why=lost)
        else:
            timeline.say(f"confirmed {hold}")
            return _read_back(system, hold, clock, why=None)
    raise last


def _read_back(system: BookingSystem, hold: Hold, clock: Clock, *, why: ReserveError | None) -> Reservation:
    """The reservation that *hold* has become, as the booking system itself shows it."""
    slot, court = hold.offer.slot, hold.offer.court
    for read in range(READS):
        if read:
            clock.sleep(BETWEEN_READS)
        try:
            found = [each for each in system.reservations() if each.slot == slot]
        except ReserveError as failure:
            why = why or failure
            continue
        for each in found:
            if each.court.is_same(court):
                return Reservation(court, slot, hold.order_id, hold.price)
    cause = f": {why}" if why else ""
    state = "may be booked" if system.hold_is_final else f"may be booked, or is held until {_end_of(hold)}"
    raise Unconfirmed(f"{hold} {state}{cause}; {hold.link or 'see the bookings'}")
