"""Who has which court when: the player's orders, and what rivals have taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from reserve.model import Court, Limits, Slot
from reserve.simulator.refusal import Refusal


@dataclass
class Order:
    """A court that the player was given: a hold at first, and perhaps a reservation later."""

    id: str
    court: Court
    slot: Slot  # in the facility's time zone
    cents: int
    created_at: datetime
    expires_at: datetime | None = None  # None: the hold stays
    was_before: bool = False  # reserved before the scenario began
    status: str = "held"  # then "paid" or "released" or "lapsed"; what is paid may become "canceled"
    is_being_paid: bool = False  # a payment was accepted that may still fail
    paid_at: datetime | None = None
    ended_at: datetime | None = None  # of the hold or of the reservation
    cart: str | None = None  # the id of the order that shows it, where one order has several courts
    details: dict[str, Any] = field(default_factory=dict)  # what only one system keeps of it

    @property
    def order_id(self) -> str:
        """The id of the order in which the system shows it to the player."""
        return self.cart or self.id

    @property
    def is_open(self) -> bool:
        """Is it a hold that can still be paid?"""
        return self.status == "held"

    @property
    def is_reservation(self) -> bool:
        """Is it a court that is the player's?"""
        return self.status == "paid"

    @property
    def day(self) -> date:
        """The local day of play."""
        return self.slot.start.date()

    def end(self, status: str, moment: datetime) -> None:
        """Be released, lapsed or canceled."""
        self.status, self.ended_at = status, moment


def overlap(one: Slot, other: Slot) -> bool:
    """Whether the two cannot both be had on one court."""
    return one.start < other.end and other.start < one.end


class Orders(dict[str, Order]):
    """The player's orders by id, and beside them what rivals have taken."""

    def __init__(self) -> None:
        """Everything is free."""
        super().__init__()
        self._rivals: dict[Court, list[tuple[str, Slot]]] = {}

    def shown_as(self, id_: str) -> list[Order]:
        """Every court of the order that the system shows under this id."""
        return [order for order in self.values() if order.order_id == id_]

    def of_player(self, court: Court, slot: Slot) -> list[Order]:
        """The player's holds and reservations of *court* that leave no room for *slot*."""
        return [
            order
            for order in self.values()
            if order.court.id == court.id
            and (order.is_open or order.is_reservation)
            and order.court == court
            and overlap(order.slot, slot)
        ]

    def of_rivals(self, court: Court, slot: Slot) -> list[str]:
        """The rivals who have *court* at a time that overlaps *slot*, in the order in which they came."""
        return [name for name, taken in self._rivals.get(court, ()) if overlap(taken, slot)]

    def count(self, court: Court, slot: Slot) -> int:
        """How many have *court* at a time that overlaps *slot*."""
        return len(self.of_player(court, slot)) + len(self.of_rivals(court, slot))

    def keep(self, limits: Limits, day: date, *, holds_count: bool) -> None:
        """Refuse one more court on *day*, if the player has as many as the *limits* allow."""
        days = [each.day for each in self.values() if each.is_reservation or (holds_count and each.is_open)]
        in_week = [each for each in days if each.isocalendar()[:2] == day.isocalendar()[:2]]
        if limits.per_day is not None and days.count(day) >= limits.per_day:
            raise Refusal("daily-limit")
        if limits.per_week is not None and len(in_week) >= limits.per_week:
            raise Refusal("weekly-limit")

    def take(self, court: Court, slot: Slot, rival: str) -> None:
        """Give *slot* on *court* to a rival."""
        self._rivals.setdefault(court, []).append((rival, slot))

    def give_up(self, slot: Slot, rival: str) -> Iterator[Court]:
        """Take *slot* from a rival; the courts on which there was something to take."""
        for court, taken in self._rivals.items():
            if (rival, slot) in taken:
                taken.remove((rival, slot))
                yield court
