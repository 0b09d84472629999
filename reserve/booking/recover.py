"""Putting in order what a run left behind that was cut off: killed, or stopped by a reboot."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from reserve.booking.context import RunContext
from reserve.booking.release import release_all
from reserve.errors import CauseWord, ReserveError, ServiceError
from reserve.model import ActionKind, Court, Hold, Offer, Reservation, Slot
from reserve.storage.runs import PastRun

A_WHILE = timedelta(minutes=1)


def recover(context: RunContext) -> None:
    """Release what earlier runs of the player left held, and note what became of their payments.

    Nothing is asked when every earlier run ended. What the player holds by hand is left alone, and so is a
    hold that is final: it is a reservation.
    """
    system, timeline, record = context.system, context.timeline, context.record
    for past in record.cut_off():
        try:
            holds = system.holds() if system.lists_holds else _written_down(past)
            reservations = system.reservations()
            if not system.knows_reservations:
                raise ServiceError("the reservations there cannot be read")
        except ReserveError as failure:
            timeline.say(f"cannot look for what the run {past.run_id} left behind: {failure}")
            continue
        stray = [hold for hold in holds if not system.hold_is_final and _is_left_by(past, hold)]
        left = release_all(context, stray)
        sentence = f"{_what_became(past, reservations)}; holds released later: {len(stray) - len(left)}."
        timeline.say(f"the run {past.run_id} was cut off. {sentence}")
        if not left:
            record.end(None, sentence, of=past.run_id, cause=CauseWord.CUT_OFF)


def won_before(context: RunContext, slots: Iterable[Slot]) -> Reservation | Hold | None:
    """What an earlier run of the player got in one of *slots* and may not have told.

    The booking system itself must show it: a reservation, or a hold that was kept for the player to pay.
    """
    system = context.system
    for slot in slots:
        for past in context.record.about(slot):
            kept = past.orders(ActionKind.KEPT)
            held = system.holds() if kept and system.lists_holds else []
            if found := next((hold for hold in held if hold.order_id in kept), None):
                return found
            kinds = [ActionKind.CONFIRMING]
            if system.hold_is_final or past.exit_code is None:  # cut off, perhaps before it could write more
                kinds.append(ActionKind.ASKING)
            for each in system.reservations():
                if each.slot == slot and any(
                    action.kind in kinds and action.is_about(each.court, slot) for action in past.actions
                ):
                    return each
    return None


def _written_down(past: PastRun) -> list[Hold]:
    """What *past* held, where only its own record can tell; not what it may have confirmed."""
    gone = past.orders(ActionKind.CONFIRMING, ActionKind.RELEASED)
    return [
        # Nobody needs to know when it ends.
        Hold(
            Offer(Court("", action.court), Slot(action.start, action.start + A_WHILE), action.start), order_id
        )
        for action in past.actions
        if action.kind is ActionKind.HELD and (order_id := action.order_id) and order_id not in gone
    ]


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
