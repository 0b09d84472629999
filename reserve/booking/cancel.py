"""What the player has at the booking system, and cancelling it: asked for once, then looked up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reserve.errors import LostAnswer, ReserveError, ServiceError, Unconfirmed, UsageError
from reserve.model import SHORT, Court, Hold, Reservation, Slot, short
from reserve.systems.base import BookingSystem


@dataclass(frozen=True)
class Booked:
    """A court of the player, held or reserved, under the id by which it can be given up."""

    id: str
    what: Reservation | Hold

    @property
    def court(self) -> Court:
        """Where it is."""
        return self.what.offer.court if isinstance(self.what, Hold) else self.what.court

    @property
    def slot(self) -> Slot:
        """When it is."""
        return self.what.offer.slot if isinstance(self.what, Hold) else self.what.slot


def reserved(system: BookingSystem) -> list[Booked]:
    """The reservations of the player; raises `ServiceError` when their list cannot be read."""
    found = [Booked(each.booking_id or each.order_id or "", each) for each in system.reservations()]
    if not system.knows_reservations:
        raise ServiceError("the booking system's list of reservations cannot be read")
    return found


def booked(system: BookingSystem, say: Callable[[str], None]) -> list[Booked]:
    """All that the player has, by its start; holds that nobody can list are said to be missing."""
    found = reserved(system)
    if not system.hold_is_final:
        try:
            found += [Booked(each.order_id, each) for each in system.holds()]
        except ServiceError as failure:
            say(f"what is held cannot be listed: {failure}")
    return sorted(found, key=lambda each: (each.slot.start, each.court.name))


def short_ids(found: Sequence[Booked]) -> dict[str, str]:
    """The ids of all that was *found*, each with its first letters, as many as tell it from the others."""
    ids = {each.id for each in found}
    size = next(n for n in range(SHORT, SHORT + 1000) if len({id_[:n] for id_ in ids}) == len(ids))
    return {id_: id_[:size] for id_ in ids}


def meant(found: Sequence[Booked], beginning: str) -> list[Booked]:
    """What has the id that starts with *beginning*, all its courts; raises `UsageError` unless it is one.

    The number of its order will do as well: it is what a run says.
    """
    ids = {
        each.id
        for each in found
        if each.id.startswith(beginning) or (each.what.order_id or "").startswith(beginning)
    }
    ids = ids & {beginning} or ids
    if not beginning.strip() or not ids:
        raise UsageError(f"nothing of yours has the id {beginning!r}; see `bookings`")
    if len(ids) > 1:
        raise UsageError(f"{beginning!r} begins {len(ids)} ids; give more of it, see `bookings`")
    return [each for each in found if each.id in ids]


def cancel(system: BookingSystem, given_up: Booked) -> None:
    """Cancel a reservation, or release a hold; asked for once, whatever becomes of the answer.

    Raises `Unconfirmed` when the booking system's list does not show that it is gone.
    """
    lost: LostAnswer | None = None
    try:
        if isinstance(given_up.what, Hold):
            system.release(given_up.what)
        else:
            system.cancel(given_up.what)
    except LostAnswer as failure:
        lost = failure
    try:
        left = {each.order_id for each in system.holds()} if isinstance(given_up.what, Hold) else None
        is_there = given_up.id in (left if left is not None else {each.id for each in reserved(system)})
    except ReserveError as failure:
        if lost is None:
            return  # the answer was good
        raise Unconfirmed(
            f"no answer to cancelling {short(given_up.id)}, and no list to look it up in"
        ) from failure
    if is_there:
        why = "no answer came" if lost else "the answer was good"
        raise Unconfirmed(f"{short(given_up.id)} is still listed after it was cancelled ({why})") from lost
