"""The rules that the simulated rec.us keeps: sign-in, codes, openings, holds, limits and payments.

Knows nothing of HTTP. Expects one caller at a time, who begins with `catch_up`: rivals' takings, lapses and
settlements are worked out from the clock, never by a thread.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from uuid import UUID

from reserve.clock import Clock
from reserve.model import Slot
from reserve.simulator.agenda import Agenda, rivals
from reserve.simulator.ledger import Ledger
from reserve.simulator.phone import Phone
from reserve.simulator.recus.facilities import MOSCONE, Court, Facility, facilities
from reserve.simulator.recus.scenario import RecUsScenario

DAILY_LIMIT, WEEKLY_LIMIT = 1, 3  # rec.us facts 5.1
TOKEN_VALID_FOR = timedelta(seconds=3600)  # rec.us facts 1.3
INTENT_VALID_FOR = timedelta(seconds=5)  # rec.us facts 3.4
SETTLED_AFTER = timedelta(seconds=0.2)
MILLISECOND = timedelta(milliseconds=1)


class Refusal(Exception):
    """A request is refused, for the reason of this name in ANSWERS."""

    def __init__(self, name: str) -> None:
        """Keep the name of the reason."""
        super().__init__(name)
        self.name = name


class SignInRefused(Exception):
    """E-mail and password do not belong together."""


class UnknownIntent(Exception):
    """The payment service knows no such payment, or it can no longer be confirmed."""


@dataclass
class Payment:
    """One accepted pay request; a card's part waits for its confirmation."""

    id: str
    intent: str | None  # None when settled without a card
    secret: str
    card_cents: int
    status: str = "pending"  # then "confirmed" by card and "succeeded", or "canceled"
    settled_at: datetime | None = None


@dataclass
class Order:
    """A hold, from its making to its end, and the booking it becomes."""

    id: str
    item_id: str
    booking_id: str
    reservation_id: str
    facility: Facility
    court: Court
    slot: Slot
    total: int
    flow: str
    created_at: datetime
    expires_at: datetime
    status: str = "pending"  # then "completed", "released" or "lapsed"
    payments: list[Payment] = field(default_factory=list)
    canceled_at: datetime | None = None  # of the hold or of the booking

    @property
    def is_open(self) -> bool:
        """Is it a hold that can still be paid?"""
        return self.status == "pending"

    @property
    def is_being_paid(self) -> bool:
        """Has a payment been accepted that may still fail?"""
        return any(payment.status in ("pending", "confirmed") for payment in self.payments)

    @property
    def is_reservation(self) -> bool:
        """Is it a court that is the player's?"""
        return self.status == "completed" and self.canceled_at is None

    @property
    def day(self) -> date:
        """The local day of play."""
        return self.facility.local(self.slot.start).date()


@dataclass
class Player:
    """The one player who has an account here."""

    id: str
    household_id: str
    verified_until: datetime | None = None
    code: str | None = None
    code_sent_at: datetime | None = None
    old_codes: set[str] = field(default_factory=set)


class Rules(Agenda):
    """One simulated rec.us, from its opening to its last booking."""

    def __init__(self, scenario: RecUsScenario, clock: Clock, ledger: Ledger, phone: Phone) -> None:
        """Set the scene: the player's earlier reservations, and rivals waiting for the opening."""
        super().__init__(clock, scenario.clock_offset)
        self.scenario, self.ledger, self.phone = scenario, ledger, phone
        self.facilities = {facility.id: facility for facility in facilities(scenario)}
        self.courts = {
            id_: (facility, court)
            for facility in self.facilities.values()
            for court in facility.courts
            for id_ in court.sports
        }
        self.orders: dict[str, Order] = {}
        self.rivals: dict[tuple[str, datetime], str] = {}
        self._ids = Random(f"{scenario.seed}/ids")
        self._codes = Random(f"{scenario.seed}/codes")
        self.tokens: dict[str, datetime] = {}
        self.player = Player(self.new_id(), self.new_id())
        self._set_scene()

    def opens_at(self, facility: Facility, court: Court, day: date) -> datetime:
        """The true moment at which the server begins to accept *day*."""
        return facility.opening(court, day) - self.scenario.clock_offset + self.scenario.opens_late

    # The player.

    def sign_in(self, email: str, password: str) -> str:
        """A token for the right e-mail and password."""
        account = self.scenario.account
        right = email.strip().lower() == account.email.lower() and password == account.password
        if not right or self.scenario.refuses_password:
            self.ledger.record(self.now, "sign-in-refused")
            raise SignInRefused
        expires = self.server_now + TOKEN_VALID_FOR
        token = _token(self.player.id, account.email, expires)
        self.tokens[token] = expires
        self.ledger.record(self.now, "signed-in")
        return token

    def admit(self, token: str | None) -> None:
        """Refuse whoever has no valid token."""
        expires = self.tokens.get(token or "")
        if expires is None:
            self.ledger.record(self.now, "stranger-refused")
            raise Refusal("stranger")
        if expires <= self.server_now:
            self.ledger.record(self.now, "token-expired")
            raise Refusal("stranger")

    def send_code(self) -> None:
        """Text a new one-time code to the player's phone; it takes the place of the one before."""
        player = self.player
        if player.code:
            player.old_codes.add(player.code)
        player.code = "".join(self._codes.choice("0123456789") for _ in range(self.scenario.code_length))
        player.code_sent_at = self.now
        self.ledger.record(self.now, "code-asked")
        self.phone.text(player.code)

    def verify_code(self, code: object) -> None:
        """Believe the player for a while if *code* is the newest one and still valid."""
        player, now = self.player, self.now
        if not isinstance(code, str) or not code.isdigit():
            self.ledger.record(now, "code-refused", code_was="malformed")
            raise Refusal("invalid-body" if not isinstance(code, str) else "wrong-code")
        if code != player.code or player.code_sent_at is None:
            self.ledger.record(now, "code-refused", code_was="old" if code in player.old_codes else "wrong")
            raise Refusal("wrong-code")
        if now >= player.code_sent_at + self.scenario.code_valid_for:
            self.ledger.record(now, "code-refused", code_was="expired")
            raise Refusal("expired-code")
        player.verified_until = now + self.scenario.verified_for
        self.ledger.record(now, "code-verified")

    @property
    def _is_verified(self) -> bool:
        return self.player.verified_until is not None and self.now < self.player.verified_until

    # Holds.

    def hold(
        self, court_sport_id: str, participant: str, day: date, start: time, end: time, flow: str
    ) -> Order:
        """A pending order for the court, or Refusal; every request is an attempt in the ledger."""
        if court_sport_id not in self.courts:
            self._attempt("unknown court", day, start, "unknown-court")
            raise Refusal("unknown-court")
        facility, court = self.courts[court_sport_id]
        try:
            slot = self._bookable(facility, court, participant, day, start, end)
        except Refusal as refusal:
            self._attempt(
                court.name, day, start, self._meaning(refusal, facility, court, day, start), facility, court
            )
            raise
        order = self._new_order(facility, court, slot, flow)
        self._attempt(court.name, day, start, "held", facility, court)
        self.ledger.record(
            self.now,
            "held",
            order=order.id,
            court=court.name,
            slot=str(slot),
            expires_at=order.expires_at.isoformat(),
        )
        self.at(order.expires_at, lambda moment: self._lapse(order, moment))
        return order

    def note_attempt(self, court_sport_id: object, day: object, start: object, meaning: str) -> None:
        """Write down a request for a hold that was answered before it came to the rules."""
        facility, court = self.courts.get(str(court_sport_id), (None, None))
        self._attempt(str(court or "unknown court"), day, start, meaning, facility, court)

    def _bookable(
        self, facility: Facility, court: Court, participant: str, day: date, start: time, end: time
    ) -> Slot:
        if participant != self.player.id:
            raise Refusal("forbidden")
        if (start, end) not in court.policy.blocks():
            raise Refusal("policy")
        slot = Slot(facility.moment(day, start), facility.moment(day, end))
        if slot.start <= self.server_now:
            raise Refusal("past")
        if self.now < self.opens_at(facility, court, day):
            raise Refusal("early")
        if self.scenario.verify == "before" and not self._is_verified:
            raise Refusal("not-verified")
        if self.holder(court, slot) is not None:
            raise Refusal("taken")
        self._keep_limits(facility, day, holds_count=self.scenario.limit_counts_holds)
        if not self.scenario.parallel_holds and any(
            order.is_open and order.day == day for order in self.orders.values()
        ):
            raise Refusal("second-hold")
        return slot

    def _keep_limits(self, facility: Facility, day: date, *, holds_count: bool) -> None:
        counted = [
            order.day
            for order in self.orders.values()
            if order.is_reservation or (holds_count and order.is_open)
        ]
        if counted.count(day) >= DAILY_LIMIT:
            raise Refusal("daily-limit")
        if (
            len([other for other in counted if other.isocalendar()[:2] == day.isocalendar()[:2]])
            >= WEEKLY_LIMIT
        ):
            raise Refusal("weekly-limit")

    def holder(self, court: Court, slot: Slot) -> str | None:
        """Who has the court: a rival's name, the id of the player's order, or nobody."""
        for order in self.orders.values():
            if (order.is_open or order.is_reservation) and order.court == court and order.slot == slot:
                return order.id
        return self.rivals.get((court.site_id, slot.start))

    def free(self, facility: Facility, court: Court) -> list[Slot]:
        """The slots of the released days that nobody has."""
        today = facility.local(self.server_now).date()
        released = [
            day
            for day in (today + timedelta(days=number) for number in range(court.policy.days_ahead + 1))
            if self.opens_at(facility, court, day) <= self.now
        ]
        return [
            slot
            for day in released
            for slot in facility.slots(court, day)
            if slot.start > self.server_now and self.holder(court, slot) is None
        ]

    def _new_order(self, facility: Facility, court: Court, slot: Slot, flow: str) -> Order:
        hours = (slot.end - slot.start) / timedelta(hours=1)
        order = Order(
            id=self.new_id(),
            item_id=self.new_id(),
            booking_id=self.new_id(),
            reservation_id=self.new_id(),
            facility=facility,
            court=court,
            slot=slot,
            total=round(self.scenario.price_cents * hours),
            flow=flow,
            created_at=self.now,
            expires_at=self.now + self.scenario.hold_length,
        )
        self.orders[order.id] = order
        return order

    def _lapse(self, order: Order, moment: datetime) -> None:
        if order.is_open and not order.is_being_paid:
            order.status, order.canceled_at = "lapsed", moment
            self.ledger.record(moment, "lapsed", order=order.id, court=order.court.name)

    def _meaning(self, refusal: Refusal, facility: Facility, court: Court, day: date, start: time) -> str:
        if refusal.name == "taken":
            moment = facility.moment(day, start)
            mine = any(
                order.is_open and order.court == court and order.slot.start == moment
                for order in self.orders.values()
            )
            return "held-already" if mine else "taken"
        return refusal.name

    def _attempt(
        self,
        name: str,
        day: object,
        start: object,
        meaning: str,
        facility: Facility | None = None,
        court: Court | None = None,
    ) -> None:
        early = timedelta()
        if facility and court and isinstance(day, date):
            published = self.opens_at(facility, court, day) - self.scenario.opens_late  # all one can know
            early = max(early, published - self.now)
        self.ledger.record(
            self.now,
            "attempt",
            court=name,
            start=f"{day} {start}",
            meaning=meaning,
            early_ms=early / MILLISECOND,
        )

    # Orders.

    def order(self, id_: str) -> Order:
        """The player's order of this id."""
        if id_ not in self.orders:
            raise Refusal("not-found")
        return self.orders[id_]

    def release(self, id_: str) -> None:
        """Give a pending order back, so that the court is free again (rec.us facts 3.5)."""
        order = self.order(id_)
        if not order.is_open or any(payment.status == "confirmed" for payment in order.payments):
            raise Refusal("not-pending")
        for payment in order.payments:
            payment.status = "canceled"
        order.status, order.canceled_at = "released", self.now
        self.ledger.record(self.now, "released", order=order.id, court=order.court.name)

    def pay(self, id_: str, *, credit: int, card: int) -> Payment:
        """Pay a pending order; without a card's part it is settled at once (rec.us facts 3.4)."""
        order = self.order(id_)
        self.ledger.record(self.now, "pay-asked", order=order.id)
        try:
            self._payable(order)
        except Refusal as refusal:
            self.ledger.record(self.now, "pay-refused", order=order.id, meaning=refusal.name)
            raise
        number = self.new_id()
        payment = Payment(
            number, f"pi_{number[:13]}" if card else None, f"pi_{number[:13]}_secret_{number[-12:]}", card
        )
        order.payments.append(payment)
        if payment.intent is None:
            self._settle(order, payment, self.now)
        else:
            self.at(self.now + INTENT_VALID_FOR, lambda moment: self._give_up(order, payment, moment))
        return payment

    def _payable(self, order: Order) -> None:
        if any(payment.status != "canceled" for other in self.orders.values() for payment in other.payments):
            self.ledger.record(self.now, "paid-again", order=order.id)
        if order.status == "completed" or order.is_being_paid:
            raise Refusal("paid-already")
        if order.status == "lapsed":
            raise Refusal("expired-order")
        if not order.is_open:
            raise Refusal("not-pending")
        if self.scenario.verify == "after" and not self._is_verified:
            raise Refusal("not-verified")
        self._keep_limits(order.facility, order.day, holds_count=False)

    def confirm_intent(self, intent: str, secret: str) -> tuple[Payment, str]:
        """Confirm a card's part, as the payment service does, and say its status there."""
        for order in self.orders.values():
            for payment in order.payments:
                if payment.intent == intent and payment.secret == secret:
                    return payment, self._confirm(order, payment)
        raise UnknownIntent("resource_missing")

    def _confirm(self, order: Order, payment: Payment) -> str:
        if payment.status == "canceled":
            raise UnknownIntent("payment_intent_unexpected_state")
        if self.scenario.card == "declined":
            raise UnknownIntent("card_declined")
        if self.scenario.card == "requires-action":
            return "requires_action"
        if payment.status == "pending":
            payment.status = "confirmed"
            self.at(self.now + SETTLED_AFTER, lambda moment: self._settle(order, payment, moment))
        return "succeeded"

    def _settle(self, order: Order, payment: Payment, moment: datetime) -> None:
        payment.status, payment.settled_at = "succeeded", moment
        order.status, order.canceled_at = "completed", None
        self.ledger.record(moment, "paid", order=order.id, court=order.court.name, cents=order.total)

    def _give_up(self, order: Order, payment: Payment, moment: datetime) -> None:
        if payment.status == "pending":
            payment.status = "canceled"
            self.ledger.record(moment, "intent-canceled", order=order.id)
        if moment >= order.expires_at:
            self._lapse(order, moment)

    def cancel(self, booking_id: str, destination: str | None) -> Order:
        """Cancel a booking; a paid one needs to know where the money goes (rec.us facts 3.5)."""
        order = self.booking(booking_id)
        if not order.is_reservation:
            raise Refusal("not-pending")
        if order.total and destination not in ("original_payment_methods", "account_credit"):
            raise Refusal("invalid-body")
        order.canceled_at = self.now
        self.ledger.record(self.now, "canceled", order=order.id, court=order.court.name)
        return order

    def booking(self, id_: str) -> Order:
        """The order behind a booking of the player."""
        for order in self.orders.values():
            if order.booking_id == id_:
                return order
        raise Refusal("not-found")

    # The scene.

    def _set_scene(self) -> None:
        for day, start in self.scenario.bookings:
            self._reserved_before(self.facilities[MOSCONE], "Court 1", day, start)
        wanted = next(iter(self.facilities.values()))
        if self.scenario.has_the_slot:
            self._reserved_before(wanted, "Court 1", self.scenario.day, self.scenario.start)
        open_courts = sorted(
            (court for court in wanted.courts[::-1]), key=lambda court: int(court.name.split()[1])
        )[:-1]
        opening = self.opens_at(wanted, open_courts[0], self.scenario.day)
        if self.scenario.all_taken:
            for court in open_courts:
                self.at(opening, self._grab(wanted, court, f"rival at {court.name}"))
        if self.scenario.frees_after is not None:
            self.at(opening + self.scenario.frees_after, self._leave(wanted, open_courts[0]))
        for name, moment, choice in rivals(self.scenario.seed, self.scenario.rivals, opening, open_courts):
            self.at(moment, self._come(wanted, choice, name))

    def _grab(self, facility: Facility, court: Court, name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            for slot in facility.slots(court, self.scenario.day):
                self._take(court, slot, name, moment)

        return event

    def _come(self, facility: Facility, choice: list[Court], name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            start = facility.moment(self.scenario.day, self.scenario.start)
            for court in choice:
                slot = next(
                    (slot for slot in facility.slots(court, self.scenario.day) if slot.start == start), None
                )
                if slot is not None and self._take(court, slot, name, moment):
                    return
            self.ledger.record(moment, "rival-left", rival=name)

        return event

    def _take(self, court: Court, slot: Slot, name: str, moment: datetime) -> bool:
        if self.holder(court, slot) is not None:
            return False
        self.rivals[court.site_id, slot.start] = name
        self.ledger.record(moment, "taken-by-rival", rival=name, court=court.name, slot=str(slot))
        return True

    def _leave(self, facility: Facility, court: Court) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            start = facility.moment(self.scenario.day, self.scenario.start)
            if rival := self.rivals.pop((court.site_id, start), None):
                self.ledger.record(moment, "given-up-by-rival", rival=rival, court=court.name)

        return event

    def _reserved_before(self, facility: Facility, name: str, day: date, start: time) -> None:
        court = next(court for court in facility.courts if court.name == name)
        slot = next(slot for slot in facility.slots(court, day) if facility.local(slot.start).time() == start)
        order = self._new_order(facility, court, slot, "cart")
        order.status = "completed"
        if (day, start) == (self.scenario.day, self.scenario.start):
            self.ledger.record(self.now, "reserved-before", order=order.id, court=name)

    def new_id(self) -> str:
        """A new id, the same in every telling of the same scenario."""
        return str(UUID(int=self._ids.getrandbits(128), version=4))


def _token(player: str, email: str, expires: datetime) -> str:
    """Something that looks like a Firebase ID token (rec.us facts 1.3)."""
    claims = {
        "iss": "https://securetoken.google.com/rec-prod",
        "aud": "rec-prod",
        "user_id": player,
        "email": email,
        "iat": int((expires - TOKEN_VALID_FOR).timestamp()),
        "exp": int(expires.timestamp()),
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    return ".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, secrets.token_bytes(64)]
    )
