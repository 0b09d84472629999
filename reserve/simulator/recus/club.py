"""The simulated rec.us over HTTP: the API's routes and the shapes of its answers (rec.us facts 2 to 4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from reserve.clock import Clock
from reserve.simulator.club import Deliver, SimulatedSystem
from reserve.simulator.faults import apply_faults
from reserve.simulator.ledger import Ledger
from reserve.simulator.phone import Phone
from reserve.simulator.recus.facilities import (
    DAY_ENDS,
    DAY_STARTS,
    ORGANIZATION,
    SPORTS,
    Court,
    Facility,
    days,
    published,
)
from reserve.simulator.recus.faults import SWITCHES, TROUBLE, for_signed_in
from reserve.simulator.recus.pages import add_pages
from reserve.simulator.recus.rules import (
    MILLISECOND,
    Order,
    Payment,
    Refusal,
    Rules,
    SignInRefused,
    UnknownIntent,
)
from reserve.simulator.recus.scenario import DIALOGS, SHAPES, VERIFY, RecUsScenario
from reserve.window import zone

MOST_DAYS = 31  # of one schedule

Answered = Response | tuple[Response, int]


class SimulatedRecUs(SimulatedSystem):
    """One simulated rec.us: its web app and API in `app`, and what really happened in `ledger`."""

    name = "recus"
    title = "rec.us"
    look = "GET /v1/users/*/bookings"
    scenario_type = RecUsScenario
    options: ClassVar[Mapping[str, tuple[str, str]]] = {
        "courts": ("courts", "sub-courts that open then"),
        "price": ("price_cents", "cents an hour"),
        "shape": ("shape", f"of answers: {', '.join(SHAPES)}"),
        "verify": ("verify", f"when a code is wanted: {', '.join(VERIFY)}"),
        "dialog": ("dialog", f"how the log-in looks: {', '.join(DIALOGS)}"),
    }
    scenario: RecUsScenario

    def __init__(self, scenario: RecUsScenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set up the scenario; *deliver* is handed every text the player's phone receives."""
        scenario, request_faults = apply_faults(scenario, SWITCHES, TROUBLE)
        ledger = Ledger()
        self.rules = Rules(scenario, clock, ledger, Phone(scenario, clock, ledger, deliver))
        app = Flask("simulated-rec-us")
        app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
        _Routes(self.rules, ledger).add_to(app)
        add_pages(app, self.rules, ledger)
        super().__init__(scenario, request_faults, self.rules, ledger, app)

    @classmethod
    def opening(
        cls, opens_at: datetime, clock: Clock, deliver: Deliver | None, **settings: Any
    ) -> SimulatedRecUs:
        """What opens then is a slot seven days later."""
        day = opens_at.astimezone(zone(RecUsScenario.timezone)).date() + timedelta(days=7)
        return cls(RecUsScenario(opens_at=opens_at, day=day, **settings), clock, deliver=deliver)

    def environ(self, url: str) -> Mapping[str, str]:
        """The addresses of its pages, of its API, and of its card service."""
        return {"RECUS_WEB_URL": url, "RECUS_API_URL": url, "STRIPE_API_URL": f"{url}/stripe"}

    def words(self) -> list[str]:
        """The wanted slot, and all courts at once."""
        facility, day = self.scenario.facility, f"{self.scenario.day}"
        return ["-c", facility, "-d", day, "-s", "tennis", "-t", "18:00", "-y", "19:30", "-m"]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also those of the sign-in, of the phone and of payments."""
        player, orders = self.rules.player, self.rules.orders.values()
        return {
            **super().secrets,
            "token": self.rules.tokens,
            "one-time code": [*player.old_codes, *filter(None, [player.code])],
            "card": [payment.secret for order in orders for payment in order.payments],
        }

    def note_swallowed(self, method: str, path: str, body: bytes, kind: str) -> None:
        """A request for a hold is an attempt, also when it did not come to the rules."""
        if (method, path) != ("POST", "/v1/reservations"):
            return
        try:
            asked = json.loads(body)
            court, start = asked["courtSportIds"][0], asked["from"]
            self.rules.note_attempt(
                court, date.fromisoformat(start["date"]), time.fromisoformat(start["time"]), kind
            )
        except (ValueError, LookupError, TypeError):
            self.rules.note_attempt(None, None, None, "invalid-body")


class _Routes:
    """The API's routes, each translating one request to the rules and back."""

    def __init__(self, rules: Rules, ledger: Ledger) -> None:
        self.rules, self.scenario, self.ledger = rules, rules.scenario, ledger

    def add_to(self, app: Flask) -> None:
        app.before_request(self.admit)
        app.register_error_handler(Refusal, self.refuse)
        app.register_error_handler(HTTPException, self.unknown_route)
        routes: dict[str, Callable[..., Any]] = {
            "GET /v1/sports": self.sports,
            "GET /v1/organizations/<slug>": self.organization,
            "GET /v1/locations/availability": self.availability,
            "GET /v1/locations/<id_>": self.location,
            "GET /v1/locations/<id_>/schedule": self.schedule,
            "GET /v1/users/me": self.me,
            "GET /v1/users/household-members": self.household,
            "POST /v1/users/mobile-totp/send": self.send_code,
            "POST /v1/users/mobile-totp/verify": self.verify_code,
            "POST /v1/users/<id_>/payment-method-setup": self.cards,
            "GET /v1/users/<id_>/bookings": self.bookings,
            "POST /v1/reservations": self.hold,
            "GET /v1/orders": self.order_of_booking,
            "GET /v1/orders/current": self.current_order,
            "GET /v1/orders/<id_>": self.order,
            "GET /v2/orders/<id_>": self.order,
            "DELETE /v1/orders/<id_>": self.release,
            "POST /v1/orders/<id_>/pay": self.pay,
            "GET /v1/bookings/<id_>": self.booking,
            "POST /v1/bookings/<id_>/cancel": self.cancel,
            "POST /identitytoolkit/v1/accounts:signInWithPassword": self.sign_in,
            "POST /stripe/v1/payment_intents/<intent>/confirm": self.confirm_intent,
            "GET /simulator/ledger": self.tell,
        }
        for rule, view in routes.items():
            method, path = rule.split()
            app.add_url_rule(path, rule, view, methods=[method])

    # Around every request.

    def admit(self) -> None:
        """Ask for a token where the API does (rec.us facts 1.5)."""
        if for_signed_in(request.method, request.path):
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            self.rules.admit(token if scheme == "Bearer" else None)

    def refuse(self, refusal: Refusal) -> Answered:
        """The common error body (rec.us facts 4)."""
        answer = self.scenario.answer(refusal.name)
        message = answer.message.replace(
            "{day}", f"{self.scenario.day:%B} {self.scenario.day.day}, {self.scenario.day.year}"
        )
        return self.error(answer.status, answer.type, message)

    def unknown_route(self, error: HTTPException) -> Answered:
        """An answer in the API's manner to a path nobody knows, or to a body that is no JSON."""
        status = error.code or 500
        if status in (400, 415):
            return self.refuse(Refusal("invalid-body"))
        return self.error(status, "E_NOT_FOUND" if status == 404 else "E_INVALID_REQUEST", error.name)

    def error(self, status: int, type_: str, message: str) -> Answered:
        body = {"correlationId": self.rules.new_id(), "message": message, "obstructions": [], "type": type_}
        return jsonify(body), status

    # What everybody may read (rec.us facts 2).

    def sports(self) -> Response:
        return jsonify([{"id": id_, "name": name, "description": None} for id_, name in SPORTS.items()])

    def organization(self, slug: str) -> Response:
        if slug not in (ORGANIZATION["slug"], ORGANIZATION["id"]):
            raise Refusal("not-found")
        pages: dict[str, Any] = {f"/locations/{id_}": {} for id_ in self.rules.facilities}
        config = {
            "tabs": [],
            "banners": {"pages": pages},
            "general": {"primaryState": "CA", "primaryTimezone": self.scenario.timezone},
            "lessons": {"restrictions": {"allowedDurations": [60], "maxWeeklyBookings": 15}},
        }
        return jsonify(
            {**ORGANIZATION, "description": None, "logo": None, "fullLogo": None, "config": config}
        )

    def availability(self) -> Response:
        wanted = request.args.get("organizationSlug") == ORGANIZATION["slug"] or "regionId" in request.args
        found = self.rules.facilities.values() if wanted else []
        return jsonify([{"distance": None, "location": self._published(facility)} for facility in found])

    def location(self, id_: str) -> Response:
        return jsonify({"location": self._published(self._facility(id_))})

    def schedule(self, id_: str) -> Response:
        facility = self._facility(id_)
        try:
            first = date.fromisoformat(request.args["startDate"])
            last = date.fromisoformat(request.args.get("endDate", first.isoformat()))
        except (KeyError, ValueError):
            raise Refusal("invalid-body") from None
        if not 0 <= (last - first).days < MOST_DAYS:
            raise Refusal("invalid-body")
        reservations: dict[str, Any] = {}
        users: dict[str, Any] = {}
        dates = {
            f"{day:%Y%m%d}": [
                {
                    "courtNumber": court.name,
                    "sports": [{"id": sport, "name": SPORTS[sport]} for sport in court.sports.values()],
                    "schedule": self._day(facility, court, day, reservations, users),
                }
                for court in sorted(facility.courts, key=lambda court: court.name)
            ]
            for day in days(first, last)
        }
        nothing: dict[str, Any] = {"instructors": {}, "classes": {}, "sessions": {}, "facilityRentals": {}}
        return jsonify({"dates": dates, "reservations": reservations, "users": users, **nothing})

    def _day(
        self, facility: Facility, court: Court, day: date, reservations: dict[str, Any], users: dict[str, Any]
    ) -> dict[str, Any]:
        """One court's day: taken slots one by one, what is free in one piece (rec.us facts 2.5)."""
        closed = {"referenceType": "OPEN", "referenceLabel": "Not Reservable"}
        pieces: list[tuple[time, time, dict[str, Any]]] = []
        blocks = court.policy.blocks()
        if blocks[0][0] > DAY_STARTS:
            pieces.append((DAY_STARTS, blocks[0][0], closed))
        for slot, (start, end) in zip(facility.slots(court, day), blocks, strict=True):
            holder = self.rules.holder(court, slot)
            if holder is not None:
                number = f"{len(reservations) + 1:012}"
                id_, user = f"00000000-0000-4000-8001-{number}", f"00000000-0000-4000-8002-{number}"
                reservations[id_] = self._reservation(facility, court, id_, user)
                users[user] = {"id": user, "firstName": "A", "lastName": "Z", "image": None}
                pieces.append((start, end, {"referenceType": "RESERVATION", "referenceId": id_}))
            elif pieces and pieces[-1][2]["referenceType"] == "RESERVABLE":
                pieces[-1] = (pieces[-1][0], end, pieces[-1][2])
            else:
                pieces.append((start, end, {"referenceType": "RESERVABLE"}))
        pieces.append((blocks[-1][1], DAY_ENDS, closed))
        return {f"{start:%H:%M}, {end:%H:%M}": piece for start, end, piece in pieces}

    def _reservation(self, facility: Facility, court: Court, id_: str, user: str) -> dict[str, Any]:
        cost = round(self.scenario.price_cents * court.policy.minutes / 60)
        return {
            "id": id_,
            "reservationType": "court-reservation",
            "reservationCost": cost,
            "reservationCostCurrency": "USD",
            "guestPrice": cost,
            "capacity": 1,
            "paid": True,
            "visibility": "public",
            "facilityRentalId": None,
            "linkedReservationId": None,
            "locationId": facility.id,
            "users": [user],
            "courts": [court.site_id],
        }

    def _facility(self, id_: str) -> Facility:
        if id_ not in self.rules.facilities:
            raise Refusal("not-found")
        return self.rules.facilities[id_]

    def _published(self, facility: Facility) -> dict[str, Any]:
        return published(facility, self.scenario, lambda court: self.rules.free(facility, court))

    # The player (rec.us facts 3.1, 3.2).

    def me(self) -> Response:
        return jsonify(
            self._person() | {"firebaseUserId": "sim-firebase-uid", "recId": "SIM1", "role": "user"}
        )

    def household(self) -> Response:
        return jsonify([self._person()])

    def _person(self) -> dict[str, Any]:
        player, account = self.rules.player, self.scenario.account
        return {
            "id": player.id,
            "householdId": player.household_id,
            "email": account.email,
            "firstName": "Test",
            "lastName": "Player",
            "phone": account.phone,
        }

    def sign_in(self) -> Answered:
        """Firebase's sign-in (rec.us facts 1.4)."""
        body = _object(request.get_json())
        email, password = str(body.get("email", "")), str(body.get("password", ""))
        try:
            token = self.rules.sign_in(email, password)
        except SignInRefused:
            return jsonify({"error": {"code": 400, "message": "INVALID_LOGIN_CREDENTIALS"}}), 400
        response = jsonify(
            {
                "localId": "sim-firebase-uid",
                "email": email,
                "displayName": "Test Player",
                "idToken": token,
                "refreshToken": "sim-refresh-token",
                "expiresIn": "3600",
            }
        )
        if self.scenario.cookie_http_only:
            response.set_cookie("access_token", token, path="/", httponly=True)
        return response

    def send_code(self) -> Response:
        self.rules.send_code()
        return jsonify({})

    def verify_code(self) -> Response:
        self.rules.verify_code(_object(request.get_json()).get("code"))
        return jsonify({})

    def cards(self, id_: str) -> Response:
        self._only_me(id_)
        setup = {"provider": "stripe", "setupIntentId": "seti_sim", "clientSecret": "seti_sim_secret_sim"}
        return jsonify({"data": {**setup, "paymentMethods": self._cards()}})

    def _cards(self) -> list[dict[str, Any]]:
        if self.scenario.card == "none":
            return []
        card = {"brand": "visa", "exp_month": 1, "exp_year": 2031, "last4": "4242"}
        return [{"id": "pm_sim_4242", "card": card}]

    def _only_me(self, id_: str) -> None:
        if id_ != self.rules.player.id:
            raise Refusal("forbidden")

    # Holds and orders (rec.us facts 3.3 to 3.5).

    def hold(self) -> Answered:
        """Read the body of (a), one court per call."""
        body = _object(request.get_json())
        try:
            (court,) = body["courtSportIds"]
            start, end = _moment(body["from"]), _moment(body["to"])
            if start[0] != end[0]:
                raise ValueError("over midnight")
            asked = (str(court), str(body["participantUserId"]), start[0], start[1], end[1])
        except (LookupError, TypeError, ValueError):
            self.rules.note_attempt(None, None, None, "invalid-body")
            raise Refusal("invalid-body") from None
        order = self._order(self.rules.hold(*asked, flow=str(body.get("flow", "cart"))))
        shapes = {"2025": {"order": order}, "2026": {"data": order}, "data-order": {"data": {"order": order}}}
        return jsonify(shapes.get(self.scenario.shape, order)), 201

    def order(self, id_: str) -> Response:
        return self._whole(self.rules.order(id_))

    def order_of_booking(self) -> Response:
        return self._whole(self.rules.booking(request.args.get("bookingId", "")))

    def current_order(self) -> Response:
        pending = [order for order in self.rules.orders.values() if order.is_open]
        return self._whole(pending[-1]) if pending else jsonify({"order": None})

    def release(self, id_: str) -> Answered:
        self.rules.release(id_)
        return Response(status=204)

    def pay(self, id_: str) -> Response:
        order = self.rules.order(id_)
        data = _object(request.get_json()).get("data")
        credit, card = self._parts(order, _object(data))
        payment = self.rules.pay(id_, credit=credit, card=card)
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
            answer["included"] = {"payments": [self._payment(order, payment)]}
        return jsonify(answer)

    def _parts(self, order: Order, data: dict[str, Any]) -> tuple[int, int]:
        """What of the total is paid by credit and what by card (rec.us facts 3.4)."""
        payments = data.get("payments")
        if payments is None:
            if self.scenario.shape == "2025" and order.total == 0:
                return 0, 0
            raise Refusal("invalid-body")
        amounts: dict[str, int] = {}
        try:
            for part in payments:
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
        credit, card = amounts.get("organization-credit", 0), amounts.get("card-online", 0)
        wrong_type = ("free" in amounts) != (order.total == 0) or (order.total == 0 and len(amounts) > 1)
        distributed = data.get("distributions", {order.item_id: order.total})
        if (
            wrong_type
            or amounts.get("free", 0) + credit + card != order.total
            or credit > self._credit(order)
            or distributed != {order.item_id: order.total}
        ):
            raise Refusal("invalid-body")
        return credit, card

    def _credit(self, order: Order) -> int:
        return min(self.scenario.credit_cents, order.total)

    def _whole(self, order: Order) -> Response:
        payments = [self._payment(order, payment) for payment in order.payments]
        return jsonify({"order": self._order(order) | {"payments": payments}})

    def _order(self, order: Order) -> dict[str, Any]:
        left = max(timedelta(), order.expires_at - self.rules.now)
        person = self._person()
        return {
            "id": order.id,
            "flow": order.flow,
            "status": order.status,
            "timeRemainingMs": int(left / MILLISECOND) if order.is_open else 0,
            "expiresAt": self._utc(order.expires_at),
            "currency": "USD",
            "subtotal": order.total,
            "total": order.total,
            "totalAmountRemaining": order.total if order.is_open else 0,
            "maxCreditAdjustmentAllowed": self._credit(order),
            "customer": {key: person[key] for key in ("id", "firstName", "lastName", "email")},
            "organization": {key: ORGANIZATION[key] for key in ("id", "name")},
            "items": [
                {
                    "id": order.item_id,
                    "name": f"Court Reservation: {order.court.name}",
                    "basePrice": order.total,
                    "finalPrice": order.total,
                    "productType": "site-reservation",
                    "details": {
                        "bookingId": order.booking_id,
                        "reservationId": order.reservation_id,
                        "reservationType": "court-reservation",
                        "timestampRange": self._range(order),
                        "location": {"id": order.facility.id, "name": order.facility.name},
                        "sites": [self._site(order)],
                    },
                }
            ],
        }

    def _payment(self, order: Order, payment: Payment) -> dict[str, Any]:
        gateway = {
            "provider": "stripe",
            "paymentIntentId": payment.intent,
            "clientSecret": payment.secret,
            "paymentMethods": self._cards(),
        }
        return {
            "id": payment.id,
            "orderId": order.id,
            "referenceId": payment.intent,
            "gateway": "stripe" if payment.intent else None,
            "gatewayData": gateway if payment.intent else None,
            "amount": payment.card_cents or order.total,
            "currency": "USD",
            "status": "pending" if payment.status == "confirmed" else payment.status,
            "paymentMethodType": "card-online" if payment.intent else "free",
        }

    def confirm_intent(self, intent: str) -> Answered:
        """Stripe's side of a card payment: a form, and a public key in one of three places."""
        key = request.form.get("key") or (
            request.authorization and (request.authorization.token or request.authorization.username)
        )
        if not key or not str(key).startswith("pk_"):
            return jsonify(
                {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
            ), 401
        try:
            if request.form.get("payment_method") not in [card["id"] for card in self._cards()]:
                raise UnknownIntent("resource_missing")
            payment, status = self.rules.confirm_intent(intent, request.form.get("client_secret", ""))
        except UnknownIntent as unknown:
            return jsonify({"error": {"type": "invalid_request_error", "code": str(unknown)}}), 400
        body = {"id": intent, "object": "payment_intent", "amount": payment.card_cents, "currency": "usd"}
        return jsonify({**body, "status": status})

    # Bookings (rec.us facts 3.5).

    def bookings(self, id_: str) -> Response:
        self._only_me(id_)
        number, size = _whole_number("pg[num]", "page", 1), _whole_number("pg[size]", "pageSize", 25)
        orders = list(self.rules.orders.values())
        page = orders[(number - 1) * size : number * size]
        return jsonify(
            {
                "data": [self._booking(order) for order in page],
                "included": {
                    "reservations": [self._booked(order) for order in page],
                    "sites": [self._site(order) for order in page],
                    "reservationSiteIds": {order.reservation_id: [order.court.site_id] for order in page},
                },
                "meta": {"pg": {"num": number, "size": size, "totalResults": len(orders)}},
            }
        )

    def booking(self, id_: str) -> Response:
        order = self.rules.booking(id_)
        included = {
            "reservations": [self._booked(order)],
            "sites": [self._site(order)],
            "locations": [{"id": order.facility.id, "name": order.facility.name}],
        }
        return jsonify({"data": self._booking(order), "included": included})

    def cancel(self, id_: str) -> Response:
        data = _object(_object(request.get_json(silent=True) or {}).get("data", {}))
        return jsonify({"data": self._booking(self.rules.cancel(id_, data.get("refundDestination")))})

    def _booking(self, order: Order) -> dict[str, Any]:
        player = self.rules.player.id
        return {
            "id": order.booking_id,
            "status": "confirmed" if order.status == "completed" else "pending",
            "timeStatus": "future" if order.slot.end > self.rules.server_now else "past",
            "type": "facilityRental",
            "canceledAt": self._utc(order.canceled_at),
            "cancelReason": None,
            "canceledByUserId": player if order.canceled_at else None,
            "creatorUserId": player,
            "customerUserId": player,
            "participantUserId": player,
            "organizationId": ORGANIZATION["id"],
            "facilityRentalId": None,
            "linkedReservationId": order.reservation_id,
            "createdAt": self._utc(order.created_at),
            "updatedAt": self._utc(order.canceled_at or order.created_at),
        }

    def _booked(self, order: Order) -> dict[str, Any]:
        return {
            "id": order.reservation_id,
            "reservationType": "court-reservation",
            "reservationTimestampRange": self._range(order),
            "startsAt": _zulu(order.slot.start),
            "endsAt": _zulu(order.slot.end),
            "locationId": order.facility.id,
        }

    def _site(self, order: Order) -> dict[str, Any]:
        return {"id": order.court.site_id, "name": order.court.name, "type": "court"}

    def _range(self, order: Order) -> list[str]:
        return [
            f"{order.facility.local(moment):%Y-%m-%d %H:%M:%S}"
            for moment in (order.slot.start, order.slot.end)
        ]

    def _utc(self, moment: datetime | None) -> str | None:
        """A true moment as the server's clock tells it."""
        return None if moment is None else _zulu(moment + self.scenario.clock_offset)

    def tell(self) -> Response:
        """What really happened; not part of rec.us."""
        return jsonify(self.ledger.as_json(self.rules.now))


def _whole_number(name: str, other_name: str, default: int) -> int:
    """A parameter of the query under one of two names (rec.us facts 2.2)."""
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
