"""One hold confirmed, the rest released, the outcome read back.

The promise of the whole tool is kept here: one run, at most one reservation. Only one hold is ever confirmed.
An answer to a confirmation that got lost is looked up in the reservations, never repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reserve.booking.context import RunContext
from reserve.booking.limits import BookingLimits
from reserve.booking.release import held_until, release_all, release_once
from reserve.booking.verification import Verification
from reserve.errors import (
    Lapsed,
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
from reserve.model import ActionKind, Hold, Opening, Order, Reservation, SpanKind
from reserve.money import Money
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
        return _Confirmation(context, holds[0]).read_back(why=None)
    spare = list(holds)
    try:
        stop.obey()
        best = _best(system, holds)
        ours = best.order_id, best.offer  # one order may hold several courts
        others = [hold for hold in holds if (hold.order_id, hold.offer) != ours]
        spare = [best, *release_once(context, others, hurried=True)]
        try:
            limits.respect(holds)  # once more: another machine of the player may have been quicker
        except ServiceError as failure:
            timeline.say(f"could not look at the bookings once more: {failure}; going on")
        confirmation = _Confirmation(context, best, limits.opening)
        try:
            reservation = confirmation.make(verification)
        except Unconfirmed:
            context.write(ActionKind.UNCONFIRMED, [best])
            spare.remove(best)  # it may be a reservation by now, which must not be released
            raise
        except NotPaid as refusal:
            timeline.say(f"{refusal}; it stays held, to be paid by hand", needs_you=True)
            kept = _kept(context, confirmation.hold)
            spare.remove(best)
            return kept
        context.write(ActionKind.CONFIRMED, [best])
        spare.remove(best)
        return reservation
    finally:
        release_all(context, spare)


def _kept(context: RunContext, hold: Hold) -> Hold:
    """*hold*, for the player to pay; raises `Lapsed` when it has lapsed."""
    if hold.expires_at is not None and hold.expires_at <= context.server.theirs(context.clock.now()):
        raise Lapsed(f"{hold} lapsed before it could be paid")
    context.write(ActionKind.KEPT, [hold])
    return hold


def _best(system: BookingSystem, holds: Sequence[Hold]) -> Hold:
    """The first hold within the maximum price, by the price that its order says."""
    max_price = system.request.max_price
    prices = []
    for hold in holds:
        price = hold.price or _price_of(system, hold)
        if price is None:
            continue
        if price.is_within(max_price):
            return replace(hold, price=price)
        prices.append(price)
    if prices:
        cheapest = min(prices, key=lambda price: price.minor)
        raise TooDear(f"the cheapest costs {cheapest}, more than --max-price allows")
    raise ServiceError(f"{holds[0]}: nothing says what it costs, so it is not paid")


def _price_of(system: BookingSystem, hold: Hold) -> Money | None:
    try:
        return system.order(hold).due
    except ReserveError:
        return None


@dataclass
class _Confirmation:
    """One hold on its way to become a reservation, for what its order says at that moment."""

    context: RunContext
    hold: Hold
    opening: Opening | None = None  # what was asked for

    def make(self, verification: Verification) -> Reservation:
        """The reservation; raises `NotPaid` when only the player can pay, and knows what.

        What was promised when the court was held counts for nothing: its order is read before each try.
        """
        context, system = self.context, self.context.system
        for _ in range(CONFIRMATIONS):
            context.stop.obey()
            order = self._order()
            if order is not None and order.is_settled:
                context.timeline.say(f"{self.hold} is paid already")
                return self.read_back(why=None)
            self._respect_price(order)
            context.stop.obey()  # nothing is paid after a request to stop, which may have come meanwhile
            context.write(ActionKind.CONFIRMING, [self.hold])
            try:
                with context.timeline.span(SpanKind.PAY):
                    system.confirm(self.hold)
            except NotVerified as refusal:
                context.timeline.say(f"{self.hold}: a one-time code is wanted first")
                verification.prove_for(self.hold)
                last: ReserveError = refusal
            except (Throttled, Unreachable) as refusal:
                pause = getattr(refusal, "retry_after", None) or USUAL_PAUSE
                if pause > LONGEST_PAUSE:
                    raise
                context.wait_until(context.clock.now() + pause)
                last = refusal
            except LostAnswer as lost:
                context.timeline.say(f"{self.hold}: the answer to the confirmation was lost; looking it up")
                return self.read_back(why=lost)
            else:
                context.timeline.say(f"confirmed {self.hold}")
                return self.read_back(why=None)
        raise last

    def _respect_price(self, order: Order | None) -> None:
        """Raise `TooDear`, or `NotPaid`, unless what the hold costs now may be paid without the player."""
        hold, request = self.hold, self.context.system.request
        if hold.price is None:
            raise NotPaid(f"{hold}: its order does not say what is to be paid")
        if not hold.price.is_within(request.max_price):
            raise TooDear(f"{hold} costs {hold.price} now, more than --max-price allows")
        if self.context.system.settles_by_hand(hold, order):
            raise NotPaid(f"{hold} costs {hold.price}")

    def _order(self) -> Order | None:
        """The order as it stands, with nothing in it but the hold, which has its price from now on.

        None when it cannot be read, and confirming costs nothing whatever became of it: a free court is not
        lost for that. Raises `NotPaid` when it cannot be read otherwise, or has other things in it,
        `Unconfirmed` when it is about something else, and `Lapsed` when it can no longer be paid.
        """
        try:
            order = self._read()
            strangers = order.besides(self.hold.offer)
            if order.is_open and strangers and self._take_out(strangers):
                order = self._read()
        except ReserveError as failure:
            self._respect_unread(failure)
            return None
        hold = self.hold
        if order.is_gone:
            raise Lapsed(f"{hold} lapsed before it could be paid")
        if not order.items:
            self._respect_unread(ServiceError("it does not say what is in it"))
            return None
        if order.is_without(hold.offer):
            raise Unconfirmed(f"{hold}: its order is about something else, so it was not paid; {hold.link}")
        if order.is_settled:
            return order
        if not order.is_open:
            raise NotPaid(f"{hold}: nobody can tell whether its order can be paid")
        if order.besides(hold.offer):
            raise NotPaid(f"{hold}: other things are in the same order")
        return order

    def _read(self) -> Order:
        order = self.context.system.order(self.hold)
        if not order.is_settled:
            self.hold = replace(
                self.hold, price=order.due, expires_at=order.expires_at or self.hold.expires_at
            )
        return order

    def _respect_unread(self, why: ReserveError) -> None:
        """Raise `NotPaid` unless the hold costs nothing whatever its order says, which cannot be read."""
        if not self.context.system.may_confirm_unread(self.hold):
            raise NotPaid(f"{self.hold}: its order cannot be read: {why}") from why
        self.context.timeline.say(f"{self.hold}: its order cannot be read: {why}; it is free, so going on")

    def _take_out(self, strangers: Sequence[Hold | None]) -> bool:
        """Release those *strangers* in the order that this run asked for; whether there were any."""
        asked = (*self.opening.offers, *self.opening.later) if self.opening else ()
        ours = [each for each in strangers if each and any(each.is_of(offer) for offer in asked)]
        release_once(self.context, ours)
        return bool(ours)

    def read_back(self, *, why: ReserveError | None) -> Reservation:
        """The reservation that the hold has become, as the booking system itself shows it."""
        context, system, hold = self.context, self.context.system, self.hold
        slot, court = hold.offer.slot, hold.offer.court
        for read in range(READS):
            if read and context.stop.is_asked:
                break
            if read:
                context.clock.sleep(BETWEEN_READS)
            found: list[Reservation] = []
            try:
                found = [each for each in system.reservations() if hold.is_now(each)]
            except ReserveError as failure:
                why = why or failure
            else:
                if not system.knows_reservations:
                    why = why or ServiceError("your reservations there cannot be read")
            order = self._settled_order()
            if found or order is not None:
                stamp = found[0].stamp if found else None
                if stamp is not None:
                    context.timeline.say(f"{court.name}: {context.timeline.told(stamp)}")
                return Reservation(court, slot, hold.order_id, self._charged(order), stamp)
        cause = f": {why}" if why else ""
        state = (
            "may be booked" if system.hold_is_final else f"may be booked, or is held until {held_until(hold)}"
        )
        raise Unconfirmed(f"{hold} {state}{cause}; {hold.link or 'see the bookings'}")

    def _settled_order(self) -> Order | None:
        """The order, if it says that the hold is paid."""
        system, offer = self.context.system, self.hold.offer
        try:
            order = None if system.hold_is_final else system.order(self.hold)
        except ReserveError:
            return None
        return order if order and order.is_settled and not order.is_without(offer) else None

    def _charged(self, order: Order | None) -> Money | None:
        """What was really paid; None where nobody can tell."""
        hold, timeline = self.hold, self.context.timeline
        charged = order.charged if order else None
        if charged is None and (
            self.context.system.hold_is_final or self.context.system.may_confirm_unread(hold)
        ):
            return hold.price
        if charged is None:
            timeline.say(f"{hold}: what was charged cannot be read; it was to cost {hold.price}")
        elif charged != hold.price:
            timeline.say(f"{hold}: {charged} was charged, not {hold.price}")
        return charged
