"""Putting in order what a run left behind that was cut off: killed, or stopped by a reboot."""

from __future__ import annotations

from reserve.booking.settle import give_back_all
from reserve.booking.timeline import Timeline
from reserve.clock import Clock
from reserve.errors import AlreadyReserved, ReserveError, Unconfirmed
from reserve.model import ActionKind, Hold, Reservation, Slot
from reserve.storage.runs import PastRun, Record
from reserve.systems.base import BookingSystem


def recover(system: BookingSystem, record: Record, clock: Clock, timeline: Timeline) -> None:
    """Give back what earlier runs of the player left held, and note what became of their payments.

    Nothing is asked when every earlier run ended. What the player holds by hand is left alone, and so is a
    hold that is final: it is a reservation.
    """
    for past in record.cut_off():
        try:
            holds, reservations = system.holds(), system.reservations()
        except ReserveError as failure:
            timeline.say(f"cannot look what the run {past.run_id} left behind: {failure}")
            continue
        stray = [hold for hold in holds if not system.hold_is_final and _is_left_by(past, hold)]
        give_back_all(system, stray, clock, timeline)
        left = {hold.order_id for hold in stray} - set(timeline.released)
        sentence = f"{_what_became(past, reservations)}; holds given back later: {len(stray) - len(left)}."
        timeline.say(f"the run {past.run_id} was cut off. {sentence}")
        if not left:
            record.end(None, sentence, of=past.run_id)


def respect_record(record: Record, slot: Slot) -> None:
    """Raise when an earlier run has, or may have, a court in *slot*, where the booking system cannot tell.

    `AlreadyReserved` when it was told that it has, `Unconfirmed` when it never knew.
    """
    for past in record.about(slot):
        if any(
            action.kind is ActionKind.HELD and slot.start <= action.start < slot.end
            for action in past.actions
        ):
            raise AlreadyReserved(f"the run {past.run_id} reserved a court for {slot}")
        if past.ended is None or past.exit_code == Unconfirmed.exit_code:
            raise Unconfirmed(f"the run {past.run_id} may have reserved a court for {slot}")


def _is_left_by(past: PastRun, hold: Hold) -> bool:
    """Whether *past* made this hold; it may have been cut off before it could write the order down."""
    if hold.order_id in past.orders(ActionKind.KEPT):
        return False
    if hold.order_id in past.orders(ActionKind.HELD, ActionKind.CONFIRMING):
        return True
    offer = hold.offer
    return any(
        action.kind is ActionKind.ASKING and action.is_about(offer.court, offer.slot)
        for action in past.actions
    )


def _what_became(past: PastRun, reservations: list[Reservation]) -> str:
    wanted = [action for action in past.actions if action.kind in (ActionKind.ASKING, ActionKind.CONFIRMING)]
    for each in reservations:
        if any(action.is_about(each.court, each.slot) for action in wanted):
            return f"Reserved {each.court.name}, but cut off before it could say so"
    return "Not reserved: cut off"
