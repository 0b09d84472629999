"""The player's orders at the simulated rec.us: how courts are held, paid and released (facts 3.3 to 3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue

from reserve.simulator.club import MILLISECOND, Club
from reserve.simulator.orders import Order
from reserve.simulator.recus.account import CARD, AccountApi
from reserve.simulator.recus.answers import data_sent, id_of, local_range, title, zulu
from reserve.simulator.recus.bookings import BookingsApi
from reserve.simulator.recus.facilities import ORGANIZATION, SimulatedFacility
from reserve.simulator.recus.payments import Payment, Payments, UnknownIntent, parts
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal


class OrdersApi:
    """Answers what is asked about holds, orders and payments."""

    def __init__(
        self,
        club: Club,
        scenario: RecUsScenario,
        account: AccountApi,
        bookings: BookingsApi,
        facilities: Mapping[str, SimulatedFacility],
    ) -> None:
        """The orders of *account*, which lead to *bookings*, for courts of *facilities*."""
        self._club, self._scenario, self._account = club, scenario, account
        self._bookings, self._facilities = bookings, facilities
        self.payments = Payments(club, scenario.card)

    # Asking for a court (facts 3.3).

    def hold(self) -> ResponseReturnValue:
        """A pending order, in the shape of this scenario."""
        order = self._answered(self._club.granted())
        shapes = {"2025": {"order": order}, "2026": {"data": order}, "data-order": {"data": {"order": order}}}
        return shapes.get(self._scenario.shape, order), 201

    def rent(self) -> ResponseReturnValue:
        """The other way: a pending order, and a rental that is confirmed already."""
        order = self._club.granted()
        shown = self._answered(order)
        del shown["maxCreditAdjustmentAllowed"]
        return {"data": {"order": shown, "facilityRental": self._bookings.rental(order)}}, 201

    def _answered(self, order: Order) -> dict[str, Any]:
        """What the answer to a request for a court shows, before the price rises."""
        shown = self._order(order.order_id)
        order.cents += self._scenario.price_rises
        return shown

    # Orders (facts 3.5).

    def order(self, id_: str) -> ResponseReturnValue:
        """An order by its id."""
        return {"order": self._whole(id_)}

    def order_of_booking(self) -> ResponseReturnValue:
        """An order by the id of its booking."""
        booked = self._bookings.booked_as(request.args.get("bookingId", ""))
        return {"order": self._whole(booked.order_id)}

    def order_whole(self, id_: str) -> ResponseReturnValue:
        """An order by its id, as the second version of the API has it: one level deeper."""
        asked = request.args.getlist("include[]")
        included: dict[str, Any] = {"installments": []} if "installments" in asked else {}
        return {"data": {"order": self._whole(id_)}, "included": included}

    def current(self) -> ResponseReturnValue:
        """The order that can be paid now: the newest."""
        pending = [order for order in self._club.orders.values() if order.is_open]
        return {"order": self._whole(pending[-1].order_id) if pending else None}

    def items(self, id_: str) -> ResponseReturnValue:
        """The items of an order."""
        return {"data": self._order(id_)["items"]}

    def transactions(self, id_: str) -> ResponseReturnValue:
        """What was paid of an order."""
        return {"data": self._whole(id_)["payments"]}

    def discount(self, id_: str) -> ResponseReturnValue:
        """No discount is known."""
        self._club.courts_of(id_)
        raise Refusal("no-discount")

    def release_item(self, id_: str) -> ResponseReturnValue:
        """Release one court of a pending order."""
        for order in self._club.orders.values():
            if id_of("item", order) == id_:
                return self._released(order)
        raise Refusal("not-found")

    def release(self, id_: str) -> ResponseReturnValue:
        """Release a pending order, with all of its courts."""
        return self._released(*self._club.courts_of(id_))

    def _released(self, *courts: Order) -> ResponseReturnValue:
        for order in courts:
            self.payments.drop(order)
            self._club.released(order.id)
        return Response(status=204)

    # Paying (facts 3.4).

    def pay(self, id_: str) -> ResponseReturnValue:
        """Pay a pending order; without a card's part it is settled at once."""
        card = parts(data_sent(), self._prices(id_), self._scenario)
        payment = self.payments.accept(id_, self._club.payable(id_), card)
        answer: dict[str, Any] = {
            "data": {
                "id": payment.id,
                "type": "payment",
                "status": payment.status,
                "orderId": id_,
                "settledAt": self._utc(payment.settled_at),
            }
        }
        if payment.intent is not None:
            answer["included"] = {"payments": [self._payment(payment)]}
        return answer

    def confirm_intent(self, intent: str) -> ResponseReturnValue:
        """Stripe's side of a card payment: a form, and a public key in one of three places."""
        key = request.form.get("key") or (
            request.authorization and (request.authorization.token or request.authorization.username)
        )
        if not str(key).startswith("pk_"):
            error = {"type": "invalid_request_error", "message": "Invalid API Key provided"}
            return {"error": error}, 401
        try:
            if self._scenario.card == "none" or request.form.get("payment_method") != CARD:
                raise UnknownIntent("resource_missing")
            payment, status = self.payments.confirm(intent, request.form.get("client_secret", ""))
        except UnknownIntent as unknown:
            return {"error": {"type": "invalid_request_error", "code": str(unknown)}}, 400
        body = {"id": intent, "object": "payment_intent", "amount": payment.card_cents, "currency": "usd"}
        return {**body, "status": status}

    # Shapes.

    def _prices(self, id_: str) -> dict[str, int]:
        """What each item of an order costs."""
        return {id_of("item", order): order.cents for order in self._club.courts_of(id_)}

    def _whole(self, id_: str) -> dict[str, Any]:
        payments = [self._payment(payment) for payment in self.payments if payment.order_id == id_]
        whole = self._order(id_) | {"payments": payments}
        return {**whole, **self._scenario.order_says(whole)}

    def _order(self, id_: str) -> dict[str, Any]:
        courts = self._club.courts_of(id_)
        lapses, is_open = courts[0].expires_at, any(order.is_open for order in courts)
        if not is_open:
            lapses = None
        person, total = self._account.person, sum(order.cents for order in courts)
        return {
            "id": id_,
            "flow": "cart",
            "status": _status(courts),
            "timeRemainingMs": (lapses - self._club.now) // MILLISECOND if lapses else None,
            "expiresAt": self._utc(lapses),
            "currency": "USD",
            "subtotal": total,
            "total": total,
            "totalAmountRemaining": total if is_open else 0,
            "maxCreditAdjustmentAllowed": min(self._scenario.credit_cents, total),
            "customer": {key: person[key] for key in ("id", "firstName", "lastName", "email")},
            "organization": {key: ORGANIZATION[key] for key in ("id", "name")},
            "items": [self._item(order) for order in courts],
        }

    def _item(self, order: Order) -> dict[str, Any]:
        facility = self._facilities[order.court.facility]
        return {
            "id": id_of("item", order),
            "name": title(order.court),
            "basePrice": order.cents,
            "finalPrice": order.cents,
            "productType": "site-reservation",
            "details": {
                "bookingId": self._bookings.id_of("booking", order),
                "reservationId": self._bookings.id_of("reservation", order),
                "reservationType": "court-reservation",
                "timestampRange": local_range(order),
                "location": {"id": facility.id, "name": facility.name},
                "sites": [{"id": order.court.id, "name": order.court.name, "type": "court"}],
            },
        }

    def _payment(self, payment: Payment) -> dict[str, Any]:
        gateway = {
            "provider": "stripe",
            "paymentIntentId": payment.intent,
            "clientSecret": payment.secret,
            "paymentMethods": self._account.cards,
        }
        return {
            "id": payment.id,
            "orderId": payment.order_id,
            "referenceId": payment.intent,
            "gateway": "stripe" if payment.intent else None,
            "gatewayData": gateway if payment.intent else None,
            "amount": payment.card_cents or payment.cents,
            "currency": "USD",
            "status": "pending" if payment.status == "confirmed" else payment.status,
            "paymentMethodType": "card-online" if payment.intent else "free",
            **self._scenario.payment_says,
        }

    def _utc(self, moment: datetime | None) -> str | None:
        """A true moment as the clock tells it that stamps orders."""
        ahead = self._scenario.clock_offset + self._scenario.stamps_ahead
        return None if moment is None else zulu(moment + ahead)


def _status(courts: Sequence[Order]) -> str:
    """What has become of an order, in their words; another field says whether it was canceled."""
    status = courts[0].status
    return {"held": "pending", "paid": "completed", "canceled": "completed"}.get(status, status)
