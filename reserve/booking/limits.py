"""What forbids a booking before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from reserve.booking.context import RunContext
from reserve.errors import AlreadyReserved, LimitReached, TooDear, Unconfirmed
from reserve.model import ActionKind, Hold, Offers, Opening, Reservation, Slot
from reserve.money import Money
from reserve.storage.runs import Record


@dataclass(frozen=True)
class BookingLimits:
    """What may forbid one booking: the player's own reservations, the city's limits, our own record."""

    context: RunContext
    found: Offers
    opening: Opening

    def respect(self, held: Sequence[Hold] = ()) -> list[Reservation]:
        """The player's reservations; raises `AlreadyReserved` or `LimitReached` when they forbid another one.

        What this run has *held* forbids nothing, whatever the booking system calls it already.
        """
        context = self.context
        listed = context.system.reservations()
        mine = [each for each in listed if not any(hold.is_now(each) for hold in held)]
        if context.system.knows_reservations:
            context.timeline.say(f"your reservations there: {len(mine)}")
        else:
            context.timeline.say("booking limits cannot be checked; only earlier runs of this program count")
            for slot in {offer.slot for offer in self.opening.offers}:
                respect_record(context.record, slot, hold_is_final=context.system.hold_is_final)
        self._respect_reservations(mine)
        self._respect_city(mine)
        return mine

    def _respect_reservations(self, mine: list[Reservation]) -> None:
        for offer in self.opening.offers:
            for each in mine:
                if each.slot.start < offer.slot.end and offer.slot.start < each.slot.end:
                    away = "" if each.court.facility in ("", offer.court.facility) else " of another facility"
                    raise AlreadyReserved(f"{each.court.name}{away} is already reserved for {offer.slot}")

    def _respect_city(self, mine: list[Reservation]) -> None:
        limits, day = self.found.limits, self.context.system.request.day
        monday = day - timedelta(days=day.weekday())
        days = [each.slot.start.astimezone(self.found.zone).date() for each in mine]
        this_week = [each for each in days if monday <= each < monday + timedelta(days=7)]
        if limits.per_day is not None and days.count(day) >= limits.per_day:
            raise LimitReached(f"{days.count(day)} reserved on {day}; the limit is {limits.per_day} a day")
        if limits.per_week is not None and len(this_week) >= limits.per_week:
            in_week = f"{len(this_week)} reserved in the week of {monday}"
            raise LimitReached(f"{in_week}; the limit is {limits.per_week} a week")


def affordable(opening: Opening, max_price: Money | None) -> Opening:
    """*opening* without what is published as costing more; raises `TooDear` when everything does."""
    if max_price is None:
        return opening
    above = [each for each in opening.offers if each.price and not each.price.is_within(max_price)]
    if len(above) == len(opening.offers):
        price = min((each.price for each in above if each.price), key=lambda price: price.minor)
        raise TooDear(f"the cheapest court costs {price}, more than --max-price allows")
    skipped = tuple((offer.court, f"{offer.slot} costs more than --max-price allows") for offer in above)
    kept, later = (
        tuple(each for each in offers if not each.price or each.price.is_within(max_price))
        for offers in (opening.offers, opening.later)
    )
    return replace(opening, offers=kept, later=later, skipped=opening.skipped + skipped)


def respect_record(record: Record, slot: Slot, *, hold_is_final: bool) -> None:
    """Raise when an earlier run has, or may have, a court in *slot*, where the booking system cannot tell.

    `AlreadyReserved` when it knew that it has one, `Unconfirmed` when it never knew, or when the player may
    have paid for what it held. A hold that is not final, and was not being paid, is none.
    """
    reserving = ActionKind.HELD if hold_is_final else ActionKind.CONFIRMED
    for past in record.about(slot):
        done = {action.kind for action in past.actions if slot.start <= action.start < slot.end}
        if reserving in done:
            raise AlreadyReserved(f"the run {past.run_id} reserved a court for {slot}")
        was_reserving = hold_is_final or ActionKind.CONFIRMING in done
        was_cut_off = past.ended is None and was_reserving
        if was_cut_off or past.exit_code == Unconfirmed.exit_code or ActionKind.KEPT in done:
            raise Unconfirmed(f"the run {past.run_id} may have reserved a court for {slot}")
