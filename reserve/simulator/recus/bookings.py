"""The player's bookings at the simulated rec.us, and how they tie to reservations (facts 3.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flask import request
from flask.typing import ResponseReturnValue

from reserve.model import Court
from reserve.simulator.club import Club
from reserve.simulator.orders import Order
from reserve.simulator.recus.account import AccountApi
from reserve.simulator.recus.answers import data_sent, id_of, local_range, title, whole_number, zulu
from reserve.simulator.recus.facilities import ORGANIZATION, SimulatedFacility
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal

DESTINATIONS = ("original_payment_methods", "account_credit")
PAGE = 25  # bookings, unless one asks for another number

Row = tuple[dict[str, Any], Order | None]  # a booking, and the court behind it; a lesson has none


class BookingsApi:
    """Answers what is asked about bookings."""

    def __init__(
        self,
        club: Club,
        scenario: RecUsScenario,
        account: AccountApi,
        facilities: Mapping[str, SimulatedFacility],
    ) -> None:
        """The bookings of *account*, of courts of *facilities*."""
        self._club, self._scenario, self._account, self._facilities = club, scenario, account, facilities
        self._is_bare = scenario.bookings_shape == "bare"

    def of_player(self, id_: str) -> ResponseReturnValue:
        """One page of the player's bookings, oldest first, with the reservations behind them."""
        self._account.only_me(id_)
        return self._page([*self._lessons(), *self._rows(self._club.orders.values())])

    def planned(self, id_: str) -> ResponseReturnValue:
        """The same of what lies ahead."""
        self._account.only_me(id_)
        orders = self._club.orders.values()
        return self._page(self._rows(order for order in orders if self._is_ahead(order)))

    def booking(self, id_: str) -> ResponseReturnValue:
        """One booking, and of what belongs to it only what `include[]` asks for."""
        order = self.booked_as(id_)
        facility = self._facilities[order.court.facility]
        by = "rental" if self._scenario.ties == "nothing" else self._scenario.ties
        included = {
            "facilityRental": self.rental(order),
            "reservations": self._many([self._reservation(order, by)]),
            "sites": self._many([_site(order.court)]),
            "locations": self._many(
                [{"id": facility.id, "name": facility.name, "timezone": str(facility.zone)}]
            ),
            "reservationSiteIds": {self.id_of("reservation", order): [order.court.id]},
            "customer": self._account.person,
            "participant": self._account.person,
            "section": None,
        }
        asked = request.args.getlist("include[]")
        return {
            "data": {"booking": self._booking(order, by)},
            "included": {name: value for name, value in included.items() if name in asked},
        }

    def cancel(self, id_: str) -> ResponseReturnValue:
        """Cancel a booking; the money goes where the player says, or where it goes by default."""
        order, destination = self.booked_as(id_), data_sent(needed=False).get("refundDestination")
        if destination not in (None, *DESTINATIONS):
            raise Refusal("invalid-body")
        return {"data": self._booking(self._club.canceled(order.id), "rental")}

    def refund_deadline(self, id_: str) -> ResponseReturnValue:
        """Until when it can be refunded; who asks for the first time has to ask again."""
        order = self.booked_as(id_)
        is_ready = order.details.setdefault("refund_asked", False)
        order.details["refund_asked"] = True
        return {
            "data": {
                "suggestionGenerated": is_ready,
                "eligibleUntil": zulu(order.slot.start - timedelta(days=1)) if is_ready else None,
                "recommendationJustification": "One day before it begins." if is_ready else None,
            }
        }

    def refund_preview(self, id_: str) -> ResponseReturnValue:
        """What would come back; nothing of what was free."""
        order = self.booked_as(id_)
        if not order.cents:
            return {"data": {"applicable": False, "reason": "unsupported_booking_type"}}
        amount = {"amountCents": order.cents}
        return {
            "data": {
                "applicable": True,
                "refundType": "full",
                "eligibleDestinations": list(DESTINATIONS),
                "destinations": {"originalPaymentMethods": amount, "accountCredit": amount},
            }
        }

    def booked_as(self, id_: str) -> Order:
        """The court of the booking with this id."""
        for order in self._club.orders.values():
            if str(self.id_of("booking", order)) == id_:
                return order
        raise Refusal("not-found")

    def id_of(self, kind: str, order: Order) -> str | int:
        """The id of the booking, reservation or rental of a court: a number where answers are bare."""
        text = id_of(kind, order)
        return int(text[:8], 16) if self._is_bare else text

    def rental(self, order: Order) -> dict[str, Any]:
        """The rental behind a booking: confirmed from the beginning, whatever is paid (facts 3.3 b)."""
        return {
            "id": self.id_of("rental", order),
            "name": title(order.court),
            "status": "confirmed",
            "bookingType": "instant",
            "canceledAt": self._booking_ended(order),
        }

    # Shapes.

    def _page(self, found: Sequence[Row]) -> ResponseReturnValue:
        number = whole_number(("pg[num]", "page"), 1)
        size = min(whole_number(("pg[size]", "pageSize"), PAGE), self._scenario.most_bookings_a_page)
        page = found[(number - 1) * size : number * size]
        bookings = [booking for booking, _ in page]
        if self._is_bare:
            return bookings
        orders = [order for _, order in page if order is not None]
        included: dict[str, Any] = {
            "reservations": [self._reservation(order, self._scenario.ties) for order in orders],
            "sites": list({order.court.id: _site(order.court) for order in orders}.values()),
            "reservationSiteIds": {self.id_of("reservation", order): [order.court.id] for order in orders},
        }
        if self._scenario.lists_rentals:
            included["facilityRentals"] = [self.rental(order) for order in orders]
        paging = {"num": number, "size": size, "totalResults": len(found)}
        return {"data": bookings, "included": included, "meta": {"pg": paging}}

    def _rows(self, orders: Iterable[Order]) -> list[Row]:
        return [(self._booking(order, self._scenario.ties), order) for order in orders]

    def _booking(self, order: Order, by: str) -> dict[str, Any]:
        canceled_at = self._booking_ended(order)
        return {
            "id": self.id_of("booking", order),
            "status": "confirmed" if order.status in ("paid", "canceled") else "pending",
            "createdAt": self._utc(order.created_at),
            "updatedAt": self._utc(order.ended_at or order.paid_at or order.created_at),
            "canceledAt": canceled_at,
            "cancelReason": None,
            "canceledByUserId": self._account.player if canceled_at else None,
            **self._whose(),
            **dict.fromkeys(("sectionId", "sessionId")),
            "linkedReservationId": self.id_of("reservation", order) if by == "reservation" else None,
            "facilityRentalId": self.id_of("rental", order) if by == "rental" else None,
            "type": "facilityRental",
            "timeStatus": "future" if self._is_ahead(order) else "past",
        }

    def _reservation(self, order: Order, by: str) -> dict[str, Any]:
        return {
            "id": self.id_of("reservation", order),
            "locationId": order.court.facility,
            "facilityRentalId": self.id_of("rental", order) if by == "rental" else None,
            "reservationCost": str(order.cents) if self._is_bare else order.cents,
            "reservationCostCurrency": "USD",
            "reservationType": "court-reservation",
            "reservationTimestampRange": local_range(order),
            "startsAt": zulu(order.slot.start),
            "endsAt": zulu(order.slot.end),
            "canceledAt": self._utc(order.ended_at),
        }

    def _lessons(self) -> Iterable[Row]:
        """Lessons of long ago: bookings whose reservation is on no page."""
        for number in range(1, self._scenario.lessons + 1):
            moment = zulu(self._scenario.opens_at - timedelta(weeks=6 + number))
            ids = {
                name: str(uuid5(NAMESPACE_URL, f"lesson {number} {name}"))
                for name in ("id", "sectionId", "sessionId", "linkedReservationId")
            }
            yield (
                {
                    "status": "confirmed",
                    **dict.fromkeys(("createdAt", "updatedAt"), moment),
                    **dict.fromkeys(("canceledAt", "cancelReason", "canceledByUserId", "facilityRentalId")),
                    **self._whose(),
                    **ids,
                    "type": "session",
                    "timeStatus": "past",
                },
                None,
            )

    def _whose(self) -> dict[str, Any]:
        people = ("creatorUserId", "customerUserId", "participantUserId")
        return {
            **dict.fromkeys(people, self._account.player),
            "organizationId": ORGANIZATION["id"],
            "isFastTrack": False,
        }

    def _many(self, found: Sequence[Mapping[str, Any]]) -> object:
        """A list, as recorded; where answers are bare, a map by id."""
        return {str(each["id"]): each for each in found} if self._is_bare else found

    def _is_ahead(self, order: Order) -> bool:
        return order.slot.end > self._club.server_now

    def _booking_ended(self, order: Order) -> str | None:
        """When the booking ended, which may go on without its reservation."""
        return None if order.details.get("only_its_reservation_ended") else self._utc(order.ended_at)

    def _utc(self, moment: datetime | None) -> str | None:
        """A true moment as the server's clock tells it."""
        return None if moment is None else zulu(moment + self._scenario.clock_offset)


def _site(court: Court) -> dict[str, Any]:
    return {"id": court.id, "locationId": court.facility, "courtNumber": court.name, "type": "court"}
