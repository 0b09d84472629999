"""One hold confirmed, the rest released, the outcome read back.

The promise of the whole tool is kept here: one run, at most one reservation. Only one hold is ever confirmed.
An answer to a confirmation that got lost is looked up in the reservations, never repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from reserve.booking.context import RunContext
from reserve.booking.limits import BookingLimits
from reserve.booking.release import held_until, release_all, release_once
from reserve.booking.verification import Verification
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
USUAL_PAUSE = timedelta(seconds=1)  # before another confirmation, when the booking system names none
LONGEST_PAUSE = timedelta(seconds=30)  # others may want the court


def settle(
    context: RunContext, holds: Sequence[Hold], verification: Verification, limits: BookingLimits
) -> Reservation | Hold:
    """Confirm the best of *holds* that the player can afford and release the others.

    Returns the hold itself when only the player can pay for it. Raises `TooDear` when all cost too much,
    `Unconfirmed` when the best may be reserved and nobody can tell, and whatever refused it otherwise; then
    nothing is held any more, or the log names what is.
    """
    system, timeline, stop = context.system, context.timeline, context.stop
    if system.hold_is_final:
        return _read_back(context, holds[0], why=None)
    spare = list(holds)
    try:
        stop.obey()
        best = _best(system, holds)
        ours = best.order_id, best.offer  # one order may hold several courts
        others = [hold for hold in holds if (hold.order_id, hold.offer) != ours]
        spare = [best, *release_once(context, others)]
        if not system.settles_by_hand(best):
            try:
                limits.respect(holds)  # once more: another machine of the player may have been quicker
            except ServiceError as failure:
                timeline.say(f"could not look at the bookings once more: {failure}; going on")
            stop.obey()
            context.write(ActionKind.CONFIRMING, [best])
            try:
                reservation = _confirm(context, best, verification)
            except Unconfirmed:
                context.write(ActionKind.UNCONFIRMED, [best])
                spare.remove(best)  # it may be a reservation by now, which must not be released
                raise
            context.write(ActionKind.CONFIRMED, [best])
            spare.remove(best)
            return reservation
        return _kept(context, best, spare)
    except NotPaid as refusal:
        timeline.say(f"{refusal}; it stays held, to be paid by hand")
        return _kept(context, best, spare)
    finally:
        release_all(context, spare)


def _kept(context: RunContext, hold: Hold, spare: list[Hold]) -> Hold:
    """*hold*, no longer *spare*, for the player to pay; raises `ServiceError` when it has lapsed."""
    if hold.expires_at is not None and hold.expires_at <= context.server.theirs(context.clock.now()):
        raise ServiceError(f"{hold} lapsed before it could be paid")
    context.write(ActionKind.KEPT, [hold])
    spare.remove(hold)
    return hold


def _best(system: BookingSystem, holds: Sequence[Hold]) -> Hold:
    """The first hold within the maximum price, by the price that its order says."""
    max_price = system.request.max_price
    prices = []
    for hold in holds:
        priced = hold if hold.price is not None else _with_price(system, hold)
        price = priced.price
        if price is None:
            continue
        if price.is_within(max_price):
            return priced
        prices.append(price)
    if prices:
        cheapest = min(prices, key=lambda price: price.minor)
        raise TooDear(f"the cheapest costs {cheapest}, more than --max-price allows")
    raise ServiceError(f"{holds[0]}: nothing says what it costs, so it is not paid")


def _with_price(system: BookingSystem, hold: Hold) -> Hold:
    try:
        return system.look(hold)
    except ReserveError:
        return hold


def _confirm(context: RunContext, hold: Hold, verification: Verification) -> Reservation:
    system, timeline = context.system, context.timeline
    for _ in range(CONFIRMATIONS):
        context.stop.obey()
        try:
            system.confirm(hold)
        except NotVerified as refusal:
            timeline.say(f"{hold}: a one-time code is wanted first")
            verification.prove_for(hold)
            last: ReserveError = refusal
        except (Throttled, Unreachable) as refusal:
            pause = getattr(refusal, "retry_after", None) or USUAL_PAUSE
            if pause > LONGEST_PAUSE:
                raise
            context.wait_until(context.clock.now() + pause)
            last = refusal
        except LostAnswer as lost:
            timeline.say(f"{hold}: the answer to the confirmation was lost; looking it up")
            return _read_back(context, hold, why=lost)
        else:
            timeline.say(f"confirmed {hold}")
            return _read_back(context, hold, why=None)
    raise last


def _is_settled(system: BookingSystem, hold: Hold) -> bool:
    try:
        return system.is_settled(hold)
    except ReserveError:
        return False


def _read_back(context: RunContext, hold: Hold, *, why: ReserveError | None) -> Reservation:
    """The reservation that *hold* has become, as the booking system itself shows it."""
    slot, court, stop = hold.offer.slot, hold.offer.court, context.stop
    for read in range(READS):
        if read and stop.is_asked:
            break
        if read:
            context.clock.sleep(BETWEEN_READS)
        found: list[Reservation] = []
        try:
            found = [each for each in context.system.reservations() if hold.is_now(each)]
        except ReserveError as failure:
            why = why or failure
        else:
            if not context.system.knows_reservations:
                why = why or ServiceError("your reservations there cannot be read")
        if found or _is_settled(context.system, hold):
            stamp = found[0].stamp if found else None
            if stamp is not None:
                context.timeline.say(f"{court.name}: {context.timeline.told(stamp)}")
            return Reservation(court, slot, hold.order_id, hold.price, stamp)
    cause = f": {why}" if why else ""
    state = (
        "may be booked"
        if context.system.hold_is_final
        else f"may be booked, or is held until {held_until(hold)}"
    )
    raise Unconfirmed(f"{hold} {state}{cause}; {hold.link or 'see the bookings'}")
