"""The simulated rec.us: its rules, and the routes of its API (facts 1 to 4)."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any, ClassVar

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from reserve.clock import Clock
from reserve.model import Court, Limits, Slot
from reserve.simulator.club import Club
from reserve.simulator.orders import Order
from reserve.simulator.phone import Deliver
from reserve.simulator.recus.account import REFUSALS as FIREBASE_REFUSALS
from reserve.simulator.recus.account import AccountApi, firebase_error
from reserve.simulator.recus.bookings import BookingsApi
from reserve.simulator.recus.facilities import (
    MOSCONE,
    SimulatedCourt,
    SimulatedFacility,
    facilities,
)
from reserve.simulator.recus.faults import BOOKINGS, FAULTS, HOLD, RENT
from reserve.simulator.recus.holds import asked_for
from reserve.simulator.recus.orders import OrdersApi
from reserve.simulator.recus.pages import Pages
from reserve.simulator.recus.reading import ReadingApi
from reserve.simulator.recus.scenario import DIALOGS, SHAPES, RecUsScenario
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import VERIFY, Scenario

TOKEN_VALID_FOR = timedelta(seconds=3600)  # facts 1.4
API = ("/v1/", "/v2/")  # beginnings of its paths
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
    keys: ClassVar[Mapping[str, str]] = {"RECUS_IDENTITY_KEY": "simulated"}
    options: ClassVar[Mapping[str, tuple[str, str]]] = {
        "courts": ("courts", "sub-courts that open then"),
        "price": ("price_cents", "cents an hour"),
        "shape": ("shape", f"shape of the answers: {', '.join(SHAPES)}"),
        "verify": ("verify", f"when a code is wanted: {', '.join(VERIFY)}"),
        "dialog": ("dialog", f"how the log-in looks: {', '.join(DIALOGS)}"),
    }
    public: ClassVar[Mapping[str, str]] = {
        "GET /": "pages.home",
        "GET /organizations/<slug>": "pages.home",
        "GET /locations/<id_>": "pages.location",
        "GET /app/orders/<id_>/checkout": "pages.checkout",
        "GET /<slug>": "pages.short",
        "GET /v1/sports": "reading_api.sports",
        "GET /v1/regions": "reading_api.regions",
        "GET /v1/organizations": "reading_api.organizations",
        "GET /v1/organizations/<id_>": "reading_api.organization",
        "GET /v1/locations": "reading_api.locations",
        "GET /v1/locations/availability": "reading_api.availability",
        "GET /v1/locations/<id_>": "reading_api.location",
        "GET /v1/locations/<id_>/schedule": "reading_api.schedule",
        "GET /v1/sites": "reading_api.sites",
        "GET /v1/sites/<id_>": "reading_api.site",
        "GET /v1/sites/<id_>/availability": "reading_api.site_availability",
        "GET /v1/sites/<id_>/addons": "reading_api.addons",
        "GET /v1/price": "reading_api.price",
        "POST /identitytoolkit/v1/accounts:signInWithPassword": "account_api.sign_in",
        "POST /securetoken/v1/token": "account_api.renew",
        "POST /stripe/v1/payment_intents/<intent>/confirm": "orders_api.confirm_intent",
    }
    routes: ClassVar[Mapping[str, str]] = {  # facts 1.5
        "GET /v1/users/me": "account_api.me",
        "GET /v1/users/household-members": "account_api.household_members",
        "GET /v1/users/<id_>/household": "account_api.household",
        "GET /v1/users/<id_>/groups": "account_api.groups",
        "POST /v1/users/<id_>/payment-method-setup": "account_api.set_up_payment",
        "POST /v1/users/mobile-totp/send": "account_api.send_code",
        "POST /v1/users/mobile-totp/verify": "account_api.verify_code",
        "GET /v1/users/<id_>/bookings": "bookings_api.of_player",
        "GET /v1/users/<id_>/planned-bookings": "bookings_api.planned",
        "GET /v1/bookings/<id_>": "bookings_api.booking",
        "GET /v1/bookings/<id_>/refund-eligibility-deadline": "bookings_api.refund_deadline",
        "GET /v1/bookings/<id_>/refund-preview": "bookings_api.refund_preview",
        "POST /v1/bookings/<id_>/cancel": "bookings_api.cancel",
        "POST /v1/reservations": "orders_api.hold",
        "POST /v1/facility-rentals": "orders_api.rent",
        "GET /v1/orders": "orders_api.order_of_booking",
        "GET /v1/orders/current": "orders_api.current",
        "GET /v1/orders/<id_>": "orders_api.order",
        "GET /v2/orders/<id_>": "orders_api.order_whole",
        "GET /v1/orders/<id_>/items": "orders_api.items",
        "GET /v1/orders/<id_>/transaction-events": "orders_api.transactions",
        "POST /v1/orders/<id_>/apply-discount": "orders_api.discount",
        "DELETE /v1/order-items/<id_>": "orders_api.release_item",
        "DELETE /v1/orders/<id_>": "orders_api.release",
        "POST /v1/orders/<id_>/pay": "orders_api.pay",
    }

    def __init__(self, scenario: Scenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set everything up, the firewall too."""
        super().__init__(scenario, clock, deliver=deliver)
        self.app.register_error_handler(HTTPException, self.unknown_route)
        self.app.before_request(self.look_at_request)

    # What leads a player here.

    def environ(self, url: str) -> Mapping[str, str]:
        """The addresses of its pages, of its API, and of its card service."""
        return {
            "RECUS_WEB_URL": url,
            "RECUS_API_URL": url,
            "STRIPE_API_URL": f"{url}/stripe",
            "RECUS_IDENTITY_URL": f"{url}/identitytoolkit",
            "RECUS_TOKEN_URL": f"{url}/securetoken",
        }

    def words(self) -> list[str]:
        """The wanted slot, and all courts at once."""
        facility, slot = self.scenario.facility, self.scenario.slot
        start, end = (f"{moment:%H:%M}" for moment in (slot.start, slot.end))
        return ["-c", facility, "-d", f"{self.scenario.day}", "-s", "tennis", "-t", start, "-y", end, "-m"]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also those of payments and cards."""
        of_payments = [payment.secret for payment in self.orders_api.payments]
        return {**super().secrets, "card": [*of_payments, *self.account_api.setup_secrets]}

    # Rules.

    def set_up(self) -> None:
        """Beside the usual, the player may have reserved something elsewhere, and long ago."""
        scenario, elsewhere = self.scenario, self.facilities[MOSCONE]
        weeks = range(scenario.past_bookings + 1, 1, -1)
        past = [(scenario.day - timedelta(weeks=number), time(9, 0)) for number in weeks]
        for day, start in (*past, *scenario.bookings):
            slots = {slot.start.time(): slot for slot in elsewhere.slots(elsewhere.usual[0], day)}
            self.had_before(elsewhere.usual[0], slots[start])
        if scenario.reservation_canceled:
            order = self.new_order(self.courts[0], scenario.slot)
            order.details["only_its_reservation_ended"] = True
            order.end("canceled", self.now)
        super().set_up()
        if self.scenario.shared_ground:
            first = self.courts[0]
            others = (court for court in self._ground(first) if court != first)
            beside = min(others, key=lambda court: court.name)
            self.timetable.at(self.opens_at, self._grab(beside, f"rival at {beside.name}"))

    @cached_property
    def pages(self) -> Pages:
        """What a browser is shown."""
        return Pages(self, self.scenario, self.facilities, self.guest_token)

    @cached_property
    def account_api(self) -> AccountApi:
        """What answers about the player."""
        return AccountApi(self, self.scenario)

    @cached_property
    def bookings_api(self) -> BookingsApi:
        """What answers about bookings."""
        return BookingsApi(self, self.scenario, self.account_api, self.facilities)

    @cached_property
    def orders_api(self) -> OrdersApi:
        """What answers about orders."""
        parts = self.account_api, self.bookings_api, self.facilities
        return OrdersApi(self, self.scenario, *parts)

    @cached_property
    def facilities(self) -> dict[str, SimulatedFacility]:
        """All of them by id; the first is the wanted one."""
        return facilities(self.scenario)

    @property
    def courts(self) -> Sequence[Court]:
        """Those of the wanted facility that open at the usual time."""
        return next(iter(self.facilities.values())).usual

    @cached_property
    def reading_api(self) -> ReadingApi:
        """What answers everybody."""
        return ReadingApi(self, self.scenario, self.facilities, self.who_has)

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
        """Also on the courts on the same ground (facts 2.3), and only what others have not booked."""
        return self.who_has(court, slot) is None

    def who_has(self, court: Court, slot: Slot) -> str | None:
        """Who has a court then: "itself" somebody, or somebody its "ground", or nobody."""
        if self._is_taken(court, slot):
            return "itself"
        others = (each for each in self._ground(court) if each != court)
        return "ground" if any(self._is_taken(each, slot) for each in others) else None

    def _is_taken(self, court: Court, slot: Slot) -> bool:
        facility, seed = self.facilities[court.facility], self.scenario.seed
        return not super().has_room(court, slot) or any(
            facility.is_booked(court, each, seed) and self.is_open(court, each)
            for each in facility.slots_at(court, slot)
        )

    def _ground(self, court: Court) -> Sequence[SimulatedCourt]:
        return self.facilities[court.facility].with_ground(court)

    def is_asking(self, request: str) -> bool:
        """Either endpoint asks for a court (facts 3.3)."""
        return request in (HOLD, RENT)

    def wanted(self, body: Any) -> tuple[Court, Slot]:
        """As either endpoint is asked (facts 3.3)."""
        return asked_for(body, self.facilities.values())

    def permit(self, court: Court, slot: Slot) -> None:
        """Only where courts are asked for here, the player's own household, and fixed slots, not too soon."""
        body, is_rental = request.get_json(), request.path.endswith("/facility-rentals")
        if ("data" in body) != is_rental:
            raise Refusal("invalid-body")
        facility = self.facilities[court.facility]
        if not is_rental:
            if self.scenario.rentals_only:
                raise Refusal("moved")
            self.account_api.only_me(body["participantUserId"])
        elif not facility.published(court).blocks:
            raise Refusal("not-instant")
        elif "attendeeCount" in body["data"]["reservation"]:
            raise Refusal("attendees")
        if slot not in facility.slots(facility.published(court), slot.start.date()):
            raise Refusal("policy")
        if self.server_now < slot.start < self.server_now + self.scenario.buffer:
            raise Refusal("buffer")

    def new_order(self, court: Court, slot: Slot) -> Order:
        """Where there is one cart, another court goes to what is in it, and lapses with it."""
        cart = [order for order in self.orders.values() if order.is_open and not order.is_being_paid]
        order = super().new_order(court, slot)
        if self.scenario.one_cart and cart:
            order.cart, order.expires_at = cart[0].order_id, cart[0].expires_at
        return order

    def new_token(self, kind: str = "access") -> str:
        """Something that looks like a Firebase ID token (facts 1.3)."""
        now = self.server_now
        claims = {
            "iss": "https://securetoken.google.com/rec-prod",
            "aud": "rec-prod",
            "user_id": self.account_api.player,
            "email": self.scenario.account.email,
            "iat": int(now.timestamp()),
            "exp": int((now + TOKEN_VALID_FOR).timestamp()),
        }
        pieces = [json.dumps(piece).encode() for piece in ({"alg": "RS256", "typ": "JWT"}, claims)]
        signed = [*pieces, super().new_token(kind).encode()]
        return ".".join(urlsafe_b64encode(piece).rstrip(b"=").decode() for piece in signed)

    def guest_token(self) -> str:
        """The token of a visitor who is not signed in: the API does not accept it."""
        token = self.new_token("guest")
        self.tokens[token] = self.now
        return token

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
        if refusal.meaning in FIREBASE_REFUSALS:
            return firebase_error(refusal.meaning)
        wording, day = self.scenario.wording(refusal.meaning), self._day_asked_for()
        message = wording.message.replace("{day}", f"{day:%B} {day.day}, {day.year}")
        return self.error(wording.status, wording.type, message)

    def _day_asked_for(self) -> date:
        """The day for which the request asks for a court; the wanted one when it asks for something else."""
        try:
            return self.wanted(request.get_json(silent=True))[1].start.date()
        except (Refusal, LookupError, TypeError, ValueError):
            return self.scenario.day

    def unknown_route(self, error: HTTPException) -> ResponseReturnValue:
        """An answer in the API's manner to a path nobody knows."""
        status = error.code or 500
        return self.error(status, "E_NOT_FOUND" if status == 404 else "E_INVALID_REQUEST", error.name)

    def error(self, status: int, type_: str, message: str) -> ResponseReturnValue:
        """The common error body."""
        id_ = self.new_id()
        return {"correlationId": id_, "message": message, "obstructions": [], "type": type_}, status
