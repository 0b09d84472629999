"""The simulated rec.us: its rules, its API's routes, and the shapes of its answers (facts 1 to 4)."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar
from uuid import NAMESPACE_URL, uuid5

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from reserve.clock import Clock
from reserve.model import Court, Limits, Slot
from reserve.simulator.club import MILLISECOND, Club
from reserve.simulator.orders import Order
from reserve.simulator.phone import Deliver
from reserve.simulator.recus.facilities import (
    MOSCONE,
    ORGANIZATION,
    SPORTS,
    SimulatedCourt,
    SimulatedFacility,
    days,
    facilities,
)
from reserve.simulator.recus.faults import BOOKINGS, FAULTS, HOLD
from reserve.simulator.recus.pages import add_pages
from reserve.simulator.recus.payments import Payment, Payments, UnknownIntent, parts
from reserve.simulator.recus.published import published, schedule
from reserve.simulator.recus.scenario import DIALOGS, SHAPES, RecUsScenario
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import VERIFY, Scenario

TOKEN_VALID_FOR = timedelta(seconds=3600)  # facts 1.4
MOST_DAYS = 31  # of one schedule
API = ("/v1/", "/v2/")  # beginnings of its paths
CARD = "pm_sim_4242"
FIREWALLED = re.compile(r"/v1/sites|/v1/sites/[^/]+/(nightly-)?availability|/v1/locations/[^/]+/schedule")
FIREWALL_PAGE = "<html><head><title>403 Forbidden</title></head></html>\n"


class SimulatedRecUs(Club):
    """One simulated rec.us: its web app and API in `app`, and what really happened in `ledger`."""

    name = "recus"
    title = "rec.us"
    asks, look = HOLD, BOOKINGS
    token_valid_for = TOKEN_VALID_FOR
    limits = Limits(per_day=1, per_week=3)  # facts 5.1
    scenario_type = RecUsScenario
    scenario: RecUsScenario
    faults = FAULTS
    options: ClassVar[Mapping[str, tuple[str, str]]] = {
        "courts": ("courts", "sub-courts that open then"),
        "price": ("price_cents", "cents an hour"),
        "shape": ("shape", f"shape of the answers: {', '.join(SHAPES)}"),
        "verify": ("verify", f"when a code is wanted: {', '.join(VERIFY)}"),
        "dialog": ("dialog", f"how the log-in looks: {', '.join(DIALOGS)}"),
    }
    public: ClassVar[Mapping[str, str]] = {
        "GET /v1/sports": "sports",
        "GET /v1/locations/availability": "availability",
        "GET /v1/locations/<id_>": "location",
        "GET /v1/locations/<id_>/schedule": "schedule",
        "POST /identitytoolkit/v1/accounts:signInWithPassword": "sign_in",
        "POST /stripe/v1/payment_intents/<intent>/confirm": "confirm_intent",
    }
    routes: ClassVar[Mapping[str, str]] = {  # facts 1.5
        "GET /v1/users/me": "me",
        "POST /v1/users/mobile-totp/send": "send_code",
        "POST /v1/users/mobile-totp/verify": "verify_code",
        "GET /v1/users/<id_>/bookings": "bookings",
        "POST /v1/reservations": "hold",
        "GET /v1/orders": "order_of_booking",
        "GET /v1/orders/<id_>": "order",
        "DELETE /v1/orders/<id_>": "release",
        "POST /v1/orders/<id_>/pay": "pay",
        "GET /v1/bookings/<id_>": "booking",
        "POST /v1/bookings/<id_>/cancel": "cancel",
    }

    def __init__(self, scenario: Scenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set everything up, the web pages too."""
        super().__init__(scenario, clock, deliver=deliver)
        self.app.register_error_handler(HTTPException, self.unknown_route)
        self.app.before_request(self.look_at_request)
        add_pages(
            self.app, self.scenario, self.facilities, lambda path: self.record("page-visited", path=path)
        )

    # What leads a player here.

    def environ(self, url: str) -> Mapping[str, str]:
        """The addresses of its pages, of its API, and of its card service."""
        return {"RECUS_WEB_URL": url, "RECUS_API_URL": url, "STRIPE_API_URL": f"{url}/stripe"}

    def words(self) -> list[str]:
        """The wanted slot, and all courts at once."""
        facility, day = self.scenario.facility, f"{self.scenario.day}"
        return ["-c", facility, "-d", day, "-s", "tennis", "-t", "18:00", "-y", "19:30", "-m"]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also those of payments."""
        return {**super().secrets, "card": [payment.secret for payment in self.payments]}

    # Rules.

    def set_up(self) -> None:
        """Beside the usual, the player may have reserved something elsewhere."""
        self.player, self.household_id = self.new_id(), self.new_id()
        self.payments = Payments(self, self.scenario.card)
        elsewhere = self.facilities[MOSCONE]
        for day, start in self.scenario.bookings:
            slots = {slot.start.time(): slot for slot in elsewhere.slots(elsewhere.usual[0], day)}
            self.had_before(elsewhere.usual[0], slots[start])
        super().set_up()
        if self.scenario.shared_ground:
            first = self.courts[0]
            beside = next(court for court in self._ground(first) if court != first)
            self.timetable.at(self.opens_at, self._grab(beside, f"rival at {beside.name}"))

    @cached_property
    def facilities(self) -> dict[str, SimulatedFacility]:
        """All of them by id; the first is the wanted one."""
        return {facility.id: facility for facility in facilities(self.scenario)}

    @property
    def courts(self) -> Sequence[Court]:
        """Those of the wanted facility that open at the usual time."""
        return next(iter(self.facilities.values())).usual

    def published_opening(self, court: Court, slot: Slot) -> datetime:
        """By the window of the court (facts 2.7)."""
        facility = self.facilities[court.facility]
        return facility.opening(facility.published(court), slot)

    def slots_grabbed(self, court: Court) -> Sequence[Slot]:
        """What is open of the whole day, and the wanted one where none is."""
        facility = self.facilities[court.facility]
        slots = facility.slots(facility.published(court), self.scenario.day)
        return [slot for slot in slots if self.published_opening(court, slot) <= self.scenario.opens_at]

    def has_room(self, court: Court, slot: Slot) -> bool:
        """Also on the courts on the same ground (facts 2.3)."""
        return all(super(SimulatedRecUs, self).has_room(each, slot) for each in self._ground(court))

    def _ground(self, court: Court) -> list[SimulatedCourt]:
        return self.facilities[court.facility].with_ground(court)

    def wanted(self, body: Any) -> tuple[Court, Slot]:
        """As in (a), one court per call (facts 3.3)."""
        (sport_id,) = body["courtSportIds"]
        (day, start), (last, end) = _moment(body["from"]), _moment(body["to"])
        if day != last or start >= end or not isinstance(body["participantUserId"], str):
            raise ValueError("over midnight, or for nobody")
        for facility in self.facilities.values():
            for court in facility.courts:
                if sport_id in court.sports:
                    return court, Slot(facility.moment(day, start), facility.moment(day, end))
        raise Refusal("unknown-court")

    def permit(self, court: Court, slot: Slot) -> None:
        """Only the player's own household, and only fixed slots that do not start too soon."""
        self._only_me(request.get_json()["participantUserId"])
        facility = self.facilities[court.facility]
        if slot not in facility.slots(facility.published(court), slot.start.date()):
            raise Refusal("policy")
        if self.server_now < slot.start < self.server_now + self.scenario.buffer:
            raise Refusal("buffer")

    def new_token(self, kind: str = "access") -> str:
        """Something that looks like a Firebase ID token (facts 1.3)."""
        now = self.server_now
        claims = {
            "iss": "https://securetoken.google.com/rec-prod",
            "aud": "rec-prod",
            "user_id": self.player,
            "email": self.scenario.account.email,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_VALID_FOR).timestamp()),
        }
        pieces = [json.dumps(piece).encode() for piece in ({"alg": "RS256", "typ": "JWT"}, claims)]
        signed = [*pieces, super().new_token(kind).encode()]
        return ".".join(urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in signed)

    # Around every request.

    def look_at_request(self) -> ResponseReturnValue | None:
        """Let the firewall see a request (facts 5.4), and refuse encoded brackets in a query (facts 2.2)."""
        wanted = (
            self.scenario.firewalled_reads and request.method == "GET" and FIREWALLED.fullmatch(request.path)
        )
        if wanted and request.headers.get("Sec-Fetch-Mode") != "cors":
            return Response(FIREWALL_PAGE, 403, {"Server": "awselb/2.0"}, content_type="text/html")
        as_sent = request.query_string.upper()
        encoded = request.path.startswith(API) and (b"%5B" in as_sent or b"%5D" in as_sent)
        if encoded and self.scenario.brackets == "literal":
            raise Refusal("encoded-brackets")
        return None

    def refused(self, refusal: Refusal) -> ResponseReturnValue:
        """The common error body, or that of Firebase (facts 1.4, 4)."""
        if refusal.meaning == "wrong-password":
            return {"error": {"code": 400, "message": "INVALID_LOGIN_CREDENTIALS"}}, 400
        wording, day = self.scenario.wording(refusal.meaning), self.scenario.day
        message = wording.message.replace("{day}", f"{day:%B} {day.day}, {day.year}")
        return self.error(wording.status, wording.type, message)

    def unknown_route(self, error: HTTPException) -> ResponseReturnValue:
        """An answer in the API's manner to a path nobody knows."""
        status = error.code or 500
        return self.error(status, "E_NOT_FOUND" if status == 404 else "E_INVALID_REQUEST", error.name)

    def error(self, status: int, type_: str, message: str) -> ResponseReturnValue:
        """The common error body."""
        id_ = self.new_id()
        return {"correlationId": id_, "message": message, "obstructions": [], "type": type_}, status

    # What everybody may read (facts 2).

    def sports(self) -> ResponseReturnValue:
        """What can be played; yoga needs no court (facts 2.2)."""
        return [{"id": id_, "name": name, "description": None} for id_, name in SPORTS.items()]

    def availability(self) -> ResponseReturnValue:
        """Every facility of the city (facts 2.4)."""
        wanted = request.args.get("organizationSlug") == ORGANIZATION["slug"] or "regionId" in request.args
        found = self.facilities.values() if wanted else []
        return [{"distance": None, "location": self._published(facility)} for facility in found]

    def location(self, id_: str) -> ResponseReturnValue:
        """One facility (facts 2.3)."""
        return {"location": self._published(self._facility(id_))}

    def schedule(self, id_: str) -> ResponseReturnValue:
        """What is free and taken, day by day (facts 2.5)."""
        facility = self._facility(id_)
        try:
            first = date.fromisoformat(request.args["startDate"])
            last = date.fromisoformat(request.args.get("endDate", first.isoformat()))
        except (KeyError, ValueError):
            raise Refusal("invalid-body") from None
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refusal("invalid-body")
        return schedule(facility, days(first, last), self.scenario, self._taken)

    def _taken(self, court: Court, slot: Slot) -> str | None:
        """Who has a court then: "itself" somebody, or somebody its "ground", or nobody."""
        if not super().has_room(court, slot):
            return "itself"
        return None if self.has_room(court, slot) else "ground"

    def _facility(self, id_: str) -> SimulatedFacility:
        if id_ not in self.facilities:
            raise Refusal("not-found")
        return self.facilities[id_]

    def _published(self, facility: SimulatedFacility) -> dict[str, Any]:
        today = facility.local(self.server_now).date()
        earliest = self.server_now + self.scenario.buffer
        free = {
            court.id: [
                slot
                for day in days(today, today + court.window.days)
                for slot in facility.slots(court, day)
                if slot.start > earliest and self.is_open(court, slot) and self.has_room(court, slot)
            ]
            for court in facility.courts
            if court.window
        }
        return published(facility, self.scenario, today, free)

    # The player (facts 3.1, 3.2).

    def me(self) -> ResponseReturnValue:
        """Who is signed in."""
        return self._person() | {"firebaseUserId": "sim-firebase-uid", "recId": "SIM1", "role": "user"}

    def _person(self) -> dict[str, Any]:
        account = self.scenario.account
        return {
            "id": self.player,
            "householdId": self.household_id,
            "email": account.email,
            "firstName": "Test",
            "lastName": "Player",
            "phone": account.phone,
        }

    def sign_in(self) -> ResponseReturnValue:
        """Firebase's sign-in (facts 1.4)."""
        body = _object(request.get_json(silent=True))
        token = self.signed_in(body.get("email"), body.get("password"))
        response = self.app.json.response(
            localId="sim-firebase-uid",
            email=body["email"],
            displayName="Test Player",
            idToken=token,
            refreshToken="sim-refresh-token",
            expiresIn="3600",
        )
        if self.scenario.cookie_http_only:
            response.set_cookie("access_token", token, path="/", httponly=True)
        return response

    def send_code(self) -> ResponseReturnValue:
        """Text a code."""
        self.codes.send()
        return {}

    def verify_code(self) -> ResponseReturnValue:
        """Take a code."""
        self.codes.verify(_object(request.get_json(silent=True)).get("code"))
        return {}

    def _cards(self) -> list[dict[str, Any]]:
        card = {"brand": "visa", "exp_month": 1, "exp_year": 2031, "last4": "4242"}
        return [{"id": CARD, "card": card}] if self.scenario.card != "none" else []

    def _only_me(self, id_: str) -> None:
        if id_ != self.player:
            raise Refusal("forbidden")

    # Holds and orders (facts 3.3 to 3.5).

    def hold(self) -> ResponseReturnValue:
        """A pending order, in the shape of this scenario."""
        order = self._order(self.granted())
        shapes = {"2025": {"order": order}, "2026": {"data": order}, "data-order": {"data": {"order": order}}}
        return shapes.get(self.scenario.shape, order), 201

    def order(self, id_: str) -> ResponseReturnValue:
        """An order by its id."""
        return self._whole(self.found(id_))

    def order_of_booking(self) -> ResponseReturnValue:
        """An order by the id of its booking."""
        return self._whole(self._booked_as(request.args.get("bookingId", "")))

    def release(self, id_: str) -> ResponseReturnValue:
        """Release a pending order (facts 3.5)."""
        self.payments.drop(self.found(id_))
        self.released(id_)
        return Response(status=204)

    def pay(self, id_: str) -> ResponseReturnValue:
        """Pay a pending order; without a card's part it is settled at once (facts 3.4)."""
        order = self.found(id_)
        data = _object(_object(request.get_json(silent=True)).get("data"))
        card = parts(data, order, item=_id("item", order), scenario=self.scenario)
        payment = self.payments.accept(self.payable(id_), card)
        answer: dict[str, Any] = {
            "data": {
                "id": payment.id,
                "type": "payment",
                "status": payment.status,
                "orderId": order.id,
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
            if self.scenario.card == "none" or request.form.get("payment_method") != CARD:
                raise UnknownIntent("resource_missing")
            payment, status = self.payments.confirm(intent, request.form.get("client_secret", ""))
        except UnknownIntent as unknown:
            return {"error": {"type": "invalid_request_error", "code": str(unknown)}}, 400
        body = {"id": intent, "object": "payment_intent", "amount": payment.card_cents, "currency": "usd"}
        return {**body, "status": status}

    def _whole(self, order: Order) -> ResponseReturnValue:
        payments = [self._payment(payment) for payment in self.payments if payment.order is order]
        return {"order": self._order(order) | {"payments": payments}}

    def _order(self, order: Order) -> dict[str, Any]:
        expires_at = order.expires_at or order.created_at
        left = max(timedelta(), expires_at - self.now)
        person = self._person()
        return {
            "id": order.id,
            "flow": "cart",
            "status": _status(order),
            "timeRemainingMs": int(left / MILLISECOND) if order.is_open else 0,
            "expiresAt": self._utc(expires_at),
            "currency": "USD",
            "subtotal": order.cents,
            "total": order.cents,
            "totalAmountRemaining": order.cents if order.is_open else 0,
            "maxCreditAdjustmentAllowed": min(self.scenario.credit_cents, order.cents),
            "customer": {key: person[key] for key in ("id", "firstName", "lastName", "email")},
            "organization": {key: ORGANIZATION[key] for key in ("id", "name")},
            "items": [
                {
                    "id": _id("item", order),
                    "name": f"Court Reservation: {order.court.name}",
                    "basePrice": order.cents,
                    "finalPrice": order.cents,
                    "productType": "site-reservation",
                    "details": {
                        "bookingId": _id("booking", order),
                        "reservationId": _id("reservation", order),
                        "reservationType": "court-reservation",
                        "timestampRange": _range(order),
                        "location": self._location(order),
                        "sites": [_site(order)],
                    },
                }
            ],
        }

    def _payment(self, payment: Payment) -> dict[str, Any]:
        gateway = {
            "provider": "stripe",
            "paymentIntentId": payment.intent,
            "clientSecret": payment.secret,
            "paymentMethods": self._cards(),
        }
        return {
            "id": payment.id,
            "orderId": payment.order.id,
            "referenceId": payment.intent,
            "gateway": "stripe" if payment.intent else None,
            "gatewayData": gateway if payment.intent else None,
            "amount": payment.card_cents or payment.order.cents,
            "currency": "USD",
            "status": "pending" if payment.status == "confirmed" else payment.status,
            "paymentMethodType": "card-online" if payment.intent else "free",
        }

    # Bookings (facts 3.5).

    def bookings(self, id_: str) -> ResponseReturnValue:
        """One page of the player's holds and reservations, with what has become of them."""
        self._only_me(id_)
        number, size = _whole_number("pg[num]", "page", 1), _whole_number("pg[size]", "pageSize", 25)
        orders = list(self.orders.values())
        page = orders[(number - 1) * size : number * size]
        return {
            "data": [self._booking(order) for order in page],
            "included": {
                "reservations": [_reservation(order) for order in page],
                "sites": [_site(order) for order in page],
                "reservationSiteIds": {_id("reservation", order): [order.court.id] for order in page},
            },
            "meta": {"pg": {"num": number, "size": size, "totalResults": len(orders)}},
        }

    def booking(self, id_: str) -> ResponseReturnValue:
        """One booking."""
        order = self._booked_as(id_)
        included = {
            "reservations": [_reservation(order)],
            "sites": [_site(order)],
            "locations": [self._location(order)],
        }
        return {"data": self._booking(order), "included": included}

    def cancel(self, id_: str) -> ResponseReturnValue:
        """Cancel a booking; a paid one needs to know where the money goes (facts 3.5)."""
        order = self._booked_as(id_)
        data = _object(_object(request.get_json(silent=True) or {}).get("data", {}))
        known = data.get("refundDestination") in ("original_payment_methods", "account_credit")
        if order.is_reservation and order.cents and not known:
            raise Refusal("invalid-body")
        return {"data": self._booking(self.canceled(order.id))}

    def _booked_as(self, id_: str) -> Order:
        for order in self.orders.values():
            if _id("booking", order) == id_:
                return order
        raise Refusal("not-found")

    def _booking(self, order: Order) -> dict[str, Any]:
        return {
            "id": _id("booking", order),
            "status": "confirmed" if _status(order) == "completed" else "pending",
            "timeStatus": "future" if order.slot.end > self.server_now else "past",
            "type": "facilityRental",
            "canceledAt": self._utc(order.ended_at),
            "cancelReason": None,
            "canceledByUserId": self.player if order.ended_at else None,
            "creatorUserId": self.player,
            "customerUserId": self.player,
            "participantUserId": self.player,
            "organizationId": ORGANIZATION["id"],
            "facilityRentalId": None,
            "linkedReservationId": _id("reservation", order),
            "createdAt": self._utc(order.created_at),
            "updatedAt": self._utc(order.ended_at or order.created_at),
        }

    def _location(self, order: Order) -> dict[str, Any]:
        facility = self.facilities[order.court.facility]
        return {"id": facility.id, "name": facility.name}

    def _utc(self, moment: datetime | None) -> str | None:
        """A true moment as the server's clock tells it."""
        return None if moment is None else _zulu(moment + self.scenario.clock_offset)


def _id(kind: str, order: Order) -> str:
    """The id of what belongs to an order: its item, its booking, its reservation."""
    return str(uuid5(NAMESPACE_URL, f"{kind} {order.id}"))


def _status(order: Order) -> str:
    """What has become of an order, in their words; another field says whether it was canceled."""
    return {"held": "pending", "paid": "completed", "canceled": "completed"}.get(order.status, order.status)


def _reservation(order: Order) -> dict[str, Any]:
    return {
        "id": _id("reservation", order),
        "reservationType": "court-reservation",
        "reservationTimestampRange": _range(order),
        "startsAt": _zulu(order.slot.start),
        "endsAt": _zulu(order.slot.end),
        "locationId": order.court.facility,
    }


def _site(order: Order) -> dict[str, Any]:
    return {"id": order.court.id, "name": order.court.name, "type": "court"}


def _range(order: Order) -> list[str]:
    return [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (order.slot.start, order.slot.end)]


def _whole_number(name: str, other_name: str, default: int) -> int:
    """A parameter of the query under one of two names (facts 2.2)."""
    value = request.args.get(name) or request.args.get(other_name) or str(default)
    return max(1, int(value)) if value.isdigit() else default


def _object(value: Any) -> dict[str, Any]:
    """*value*, if it is a JSON object."""
    if not isinstance(value, dict):
        raise Refusal("invalid-body")
    return value


def _moment(value: dict[str, str]) -> tuple[date, time]:
    """`{"date": "2026-03-09", "time": "18:00:00"}`, and nothing looser than that."""
    moment = datetime.strptime(f"{value['date']} {value['time']}", "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  # local
    return moment.date(), moment.time()


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
