"""How orders are paid: free, by credit, or by a card that Stripe confirms (facts 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reserve.simulator.club import Club
from reserve.simulator.orders import Order
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal

INTENT_VALID_FOR = timedelta(seconds=5)
SETTLED_AFTER = timedelta(seconds=0.2)


class UnknownIntent(Exception):
    """The payment service knows no such payment, or it can no longer be confirmed."""


@dataclass
class Payment:
    """One accepted pay request; a card's part waits for its confirmation."""

    id: str
    order_id: str
    courts: list[Order]
    intent: str | None  # None when settled without a card
    secret: str
    card_cents: int
    status: str = "pending"  # then "confirmed" by card and "succeeded", or "canceled"
    settled_at: datetime | None = None

    @property
    def cents(self) -> int:
        """What all of its courts cost."""
        return sum(order.cents for order in self.courts)


class Payments(list[Payment]):
    """Every payment that was accepted, and what becomes of it."""

    def __init__(self, club: Club, card: str) -> None:
        """Nothing is paid; *card* says what becomes of the player's card."""
        super().__init__()
        self._club, self._card = club, card

    def accept(self, order_id: str, courts: list[Order], card_cents: int) -> Payment:
        """Pay an order for these *courts*; without a card's part it is settled at once."""
        club, id_ = self._club, self._club.new_id()
        intent = f"pi_{id_[:13]}"
        payment = Payment(
            id_, order_id, courts, intent if card_cents else None, f"{intent}_secret_{id_[-12:]}", card_cents
        )
        self.append(payment)
        if payment.intent is None:
            self._settle(payment, club.now)
        else:
            for order in courts:
                order.is_being_paid = True
            club.timetable.at(club.now + INTENT_VALID_FOR, lambda moment: self._give_up(payment, moment))
        return payment

    def confirm(self, intent: str, secret: str) -> tuple[Payment, str]:
        """Confirm a card's part, as the payment service does, and say its status there."""
        for payment in self:
            if payment.intent == intent and payment.secret == secret:
                return payment, self._confirm(payment)
        raise UnknownIntent("resource_missing")

    def _confirm(self, payment: Payment) -> str:
        club = self._club
        if payment.status == "canceled":
            raise UnknownIntent("payment_intent_unexpected_state")
        if self._card == "declined":
            raise UnknownIntent("card_declined")
        if self._card == "requires-action":
            return "requires_action"
        if payment.status == "pending":
            payment.status = "confirmed"
            club.timetable.at(club.now + SETTLED_AFTER, lambda moment: self._settle(payment, moment))
        return "succeeded"

    def drop(self, order: Order) -> None:
        """Give up the payment for a court that is to be released, if it can still be given up."""
        mine = [payment for payment in self if order in payment.courts and order.is_open]
        if any(payment.status == "confirmed" for payment in mine):
            raise Refusal("not-pending")
        for payment in mine:
            self._cancel(payment)

    def _cancel(self, payment: Payment) -> None:
        payment.status = "canceled"
        for order in payment.courts:
            order.is_being_paid = False

    def _settle(self, payment: Payment, moment: datetime) -> None:
        payment.status, payment.settled_at = "succeeded", moment
        for order in payment.courts:
            self._club.settle(order, moment)

    def _give_up(self, payment: Payment, moment: datetime) -> None:
        if payment.status == "pending":
            self._cancel(payment)
            self._club.record("intent-canceled", moment=moment, order=payment.order_id)
        for order in payment.courts:
            if order.expires_at and moment >= order.expires_at:
                self._club.lapse(order, moment)


def parts(data: dict[str, Any], prices: Mapping[str, int], scenario: RecUsScenario) -> int:
    """What is paid by card, if *data* pays items with these *prices* as the API wants them paid."""
    total = sum(prices.values())
    payments = data.get("payments")
    if payments is None and scenario.shape == "2025" and (total == 0 or not scenario.refuses_other_amounts):
        return 0
    amounts: dict[str, int] = {}
    try:
        for part in payments or ():
            kind, cents = part["paymentMethodType"], part["amountCents"]
            if kind in ("cash", "check"):
                raise Refusal("forbidden")
            if (
                kind not in ("free", "organization-credit", "card-online")
                or not isinstance(cents, int)
                or cents < 0
            ):
                raise Refusal("invalid-body")
            amounts[kind] = amounts.get(kind, 0) + cents
    except (LookupError, TypeError):
        raise Refusal("invalid-body") from None
    if not scenario.refuses_other_amounts:
        return total if "card-online" in amounts else 0
    wrong_kind = ("free" in amounts) != (total == 0) or (total == 0 and len(amounts) > 1)
    if (
        wrong_kind
        or sum(amounts.values()) != total
        or amounts.get("organization-credit", 0) > scenario.credit_cents
        or data.get("distributions", prices) != prices
    ):
        raise Refusal("invalid-body")
    return amounts.get("card-online", 0)
