"""rec.us: an order per sub-court (`POST /v1/reservations`), confirmed by paying it, even when it is free.

Sign-in needs a real browser; everything else is JSON over HTTP. Facts and their sources: rec.us facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from reserve.errors import (
    Forbidden,
    LostAnswer,
    NotPaid,
    NotVerified,
    ReserveError,
    ServiceError,
    UnknownAnswer,
    UnknownRefusal,
    Unreachable,
    WrongCode,
)
from reserve.http import Answer, Json, read
from reserve.model import Court, Hold, Offer, Offers, Published, Reservation, Slot
from reserve.money import Money
from reserve.systems.api import ApiSystem
from reserve.systems.base import ALL
from reserve.systems.recus.answers import court_and_slot, order_in, refusal, text, utc
from reserve.systems.recus.facility import (
    facility_id,
    facility_ids,
    facility_in,
    looks_free,
    offers_of,
    published_in,
)
from reserve.systems.recus.sign_in import sign_in

ORGANIZATION = "san-francisco-rec-park"  # facts 2.1
PAGE = 100  # bookings read at a time
PAGES = 5  # nobody has more than five hundred bookings to look through
UNPAID = ("requires_action", "requires_payment_method", "requires_confirmation", "canceled")
EVERY = timedelta(minutes=50)  # a token lives an hour (facts 1.3)
FRESH = timedelta(seconds=10)  # so long one look at the schedule serves all courts
LOOKED_UP = 10  # bookings without their reservation in the list that are read one by one


class RecUs(ApiSystem):
    """rec.us on behalf of one player."""

    name = "recus"
    fan_out = ALL  # an unpaid order costs nothing, can be deleted, and lapses by itself
    addresses: Mapping[str, str] = {
        "RECUS_WEB_URL": "https://www.rec.us",
        "RECUS_API_URL": "https://api.rec.us",
        "STRIPE_API_URL": "https://api.stripe.com",
        "RECUS_STRIPE_KEY": "",  # the public key on rec.us's checkout page; only `--pay card` needs it
    }

    api = "RECUS_API_URL"
    path = "/v1/reservations"
    light_path = "/v1/users/me"
    renew_every = EVERY
    usual_lengths = tuple(timedelta(minutes=minutes) for minutes in (90, 60, 30))  # facts 2.7
    asks = ("RESERVE_EMAIL", "RESERVE_PASSWORD", "RESERVE_PHONE")

    _me: str | None = None
    _schedule: tuple[datetime, Json] | None = None
    _made_as_in_2025 = frozenset[str]()  # such orders are paid with an empty body (facts 3.4)

    def offers(self) -> Offers:
        """What the facility has for the booking request, in order of preference."""
        facility = self._facility()
        return offers_of(facility, self.request)

    def facilities(self) -> list[str]:
        """Every facility of the city (facts 2.4)."""
        return sorted(facility_ids(self._all()))

    def published(self) -> list[Published]:
        """The courts of the facility (facts 2.3)."""
        return published_in(self._facility(), self.request.day)

    def _all(self) -> Json:
        everything = {"organizationSlug": ORGANIZATION, "publishedSites": "true"}
        return self.get("/v1/locations/availability", everything)

    def _facility(self) -> Mapping[str, object]:
        found = facility_id(self._all(), self.request.facility)
        return facility_in(self.get(f"/v1/locations/{found}", {"publishedSites": "true"}))

    def sign_in(self) -> None:
        """Sign in with a real browser and take the bearer token from its cookie (facts 1.2, 1.3)."""
        with self.context.browser() as browser:
            token = sign_in(
                browser, self.context.addresses["RECUS_WEB_URL"] + "/", self.account, clock=self.context.clock
            )
        self.use_token(token)

    def keep_alive(self) -> None:
        """Sign in again, if we are signed in: nothing else is known to renew a token."""
        if self.token is not None:
            self.context.say("signing in again: a sign-in lives an hour")
            self.sign_in()

    def use_token(self, token: str) -> None:
        """Speak as the player whom *token* names."""
        self.speak_as(token)
        me = self.get("/v1/users/me")
        for wrapped in ("data", "user"):
            if isinstance(me, dict) and isinstance(me.get(wrapped), dict):
                me = me[wrapped]
        self._me = text(read(me, "id"))

    def reservations(self) -> list[Reservation]:
        """Confirmed bookings, past ones included (facts 3.5)."""
        return [
            Reservation(court, slot, order_id=None)
            for booking, court, slot in self._bookings()
            if booking.get("status") == "confirmed"
        ]

    def holds(self) -> list[Hold]:
        """Bookings that wait for their order to be paid (facts 3.5)."""
        found = []
        for booking, court, slot in self._bookings():
            if booking.get("status") == "confirmed" or booking.get("timeStatus") == "past":
                continue
            answer = self.get("/v1/orders", {"bookingId": text(booking.get("id"))})
            order = order_in(answer)
            if order is not None and order.get("status") in (None, "pending"):
                found.append(self._hold(Offer(court, slot, slot.start), order))
        return found

    def _bookings(self) -> list[tuple[dict[str, object], Court, Slot]]:
        """Every booking that was not cancelled, with its court and slot."""
        found, looked_up = [], 0
        for page in range(1, PAGES + 1):
            answer = self.get(f"/v1/users/{self._me}/bookings", {"pg[num]": str(page), "pg[size]": str(PAGE)})
            bookings = read(answer, "data")
            included = answer.get("included") if isinstance(answer, dict) else None
            if not isinstance(bookings, list):
                raise UnknownAnswer("the answer has no list of bookings")
            for booking in bookings:
                if not isinstance(booking, dict) or booking.get("canceledAt"):
                    continue
                where = court_and_slot(booking, included)
                if where is None and looked_up < LOOKED_UP:
                    looked_up += 1
                    where = self._look_up(booking)
                if where is None:
                    self.context.say("a booking in the player's list cannot be read; going on without it")
                else:
                    found.append((booking, *where))
            if len(bookings) < PAGE:
                break
        return found

    def _look_up(self, booking: dict[str, object]) -> tuple[Court, Slot] | None:
        query = "?include[]=reservations&include[]=sites&include[]=locations"
        answer = self.get(f"/v1/bookings/{text(booking.get('id'))}{query}")
        return court_and_slot(booking, answer.get("included") if isinstance(answer, dict) else None)

    def send_code(self) -> None:
        """Have a code texted to the number of the account (facts 3.2)."""
        self._ask("POST", "/v1/users/mobile-totp/send")

    def enter_code(self, digits: str) -> None:
        """Enter the code; any refusal that is about neither token nor traffic is taken for *wrong code*."""
        try:
            self._ask("POST", "/v1/users/mobile-totp/verify", {"code": digits})
        except (NotVerified, UnknownRefusal, Forbidden) as refusal:
            raise WrongCode("the one-time code was refused") from refusal

    def looks_free(self, offer: Offer) -> bool:
        """Whether the public schedule shows *offer* as free."""
        now = self.context.clock.now()
        if self._schedule is None or now - self._schedule[0] > FRESH:
            path, day = f"/v1/locations/{offer.court.facility}/schedule", f"{offer.slot.start:%Y-%m-%d}"
            self._schedule = now, self.get(path, {"startDate": day})
        return looks_free(self._schedule[1], offer)

    def order_for(self, offer: Offer) -> dict[str, object]:
        """The body that asks for *offer* (facts 3.3 a); `flow` has been sent by every client since 2026."""
        return {
            "courtSportIds": [offer.court.id],
            "participantUserId": self._me,
            "from": _wall(offer.slot.start),
            "to": _wall(offer.slot.end),
            "flow": "cart",
        }

    def held(self, offer: Offer, answer: Answer) -> Hold:
        """The hold that *answer* tells of; raises a `ReserveError` named after what a refusal means."""
        if not answer.is_good:
            raise self.meaning(answer)
        body = answer.json()
        order = order_in(body)
        if order is None:
            self.context.keep(answer.asked, answer.text)
            raise UnknownAnswer(f"{answer.asked}: the answer ({answer.status}) has no order we can read")
        hold = self._hold(offer, order)
        if isinstance(body, dict) and set(body) == {"order"}:
            self._made_as_in_2025 |= {hold.order_id}
        return hold

    def _hold(self, offer: Offer, order: dict[str, object]) -> Hold:
        total = order.get("total")
        order_id = text(order.get("id"))
        return Hold(
            offer,
            order_id,
            price=Money(total, self.currency) if isinstance(total, int) else None,
            expires_at=utc(order.get("expiresAt")),
            link=f"{self.context.addresses['RECUS_WEB_URL']}/app/orders/{order_id}/checkout",
        )

    def look(self, hold: Hold) -> Hold:
        """The hold as its order says (facts 3.5)."""
        order = order_in(self.get(f"/v1/orders/{hold.order_id}"))
        if order is None:
            raise UnknownAnswer(f"{hold}: the answer has no order we can read")
        seen = self._hold(hold.offer, order)
        return replace(hold, price=seen.price, expires_at=seen.expires_at or hold.expires_at)

    def settles_by_hand(self, hold: Hold) -> bool:
        """A priced court is paid by the player, unless `--pay` says otherwise."""
        if hold.price is not None and hold.price.is_free:
            return False
        if self.request.pay == "credit":
            try:
                order = order_in(self.get(f"/v1/orders/{hold.order_id}")) or {}
            except ReserveError:
                return True  # the court is held, and the player can pay
            credit = order.get("maxCreditAdjustmentAllowed")
            return not isinstance(credit, int) or hold.price is None or credit < hold.price.minor
        return self.request.pay == "by-hand"

    def confirm(self, hold: Hold) -> None:
        """Pay the order, in the way `--pay` allows (facts 3.4)."""
        if hold.price is None:
            raise ServiceError(f"{hold}: nothing says what it costs")
        answer = self._ask("POST", f"/v1/orders/{hold.order_id}/pay", self._payment(hold, hold.price))
        body = answer.json()
        status = read(body, "data", "status")
        if status == "pending" and self.request.pay == "card":
            self._confirm_card(hold, body)
        elif status not in ("succeeded", "pending"):
            self.context.keep(answer.asked, answer.text)
            raise UnknownAnswer(f"{hold}: paying was answered with a status we do not know")

    def _payment(self, hold: Hold, price: Money) -> dict[str, object]:
        if price.is_free:
            if hold.order_id in self._made_as_in_2025:
                return {"data": {}}
            return {"data": {"payments": [{"paymentMethodType": "free", "amountCents": 0}]}}
        kind = {"credit": "organization-credit", "card": "card-online"}[self.request.pay]
        return {"data": {"payments": [{"paymentMethodType": kind, "amountCents": price.minor}]}}

    def _confirm_card(self, hold: Hold, body: object) -> None:
        gateway = read(body, "included", "payments", 0, "gatewayData")
        cards = read(gateway, "paymentMethods")
        if not cards:
            raise NotPaid(f"{hold}: the account has no card")
        intent, secret = text(read(gateway, "paymentIntentId")), text(read(gateway, "clientSecret"))
        self.context.conceal(secret)
        stripe = self.context.connect(
            self.context.addresses["STRIPE_API_URL"],
            {"Authorization": f"Bearer {self.context.addresses['RECUS_STRIPE_KEY']}"},
        )
        try:
            answer = stripe.ask(
                "POST",
                f"/v1/payment_intents/{intent}/confirm",
                form={
                    "client_secret": secret,
                    "payment_method": text(read(cards, 0, "id")),
                    "return_url": self.context.addresses["RECUS_WEB_URL"],
                },
            )
        except Unreachable as failure:  # but the pay has arrived, and must not be repeated
            raise LostAnswer(f"{hold}: the card payment could not be confirmed: {failure}") from failure
        finally:
            stripe.close()
        if 400 <= answer.status < 500 and answer.status != 429:
            raise NotPaid(f"{hold}: the card was refused ({answer.status})")
        status = read(answer.json(), "status") if answer.is_good else f"refused ({answer.status})"
        if status in UNPAID:
            raise NotPaid(f"{hold}: the card payment wants more than this program can do ({status})")
        if status not in ("succeeded", "processing"):
            raise UnknownAnswer(f"{hold}: the card payment is not settled; it says {status!r}")

    def release(self, hold: Hold) -> None:
        """Delete the order (facts 3.5); one that is gone already is as good as deleted."""
        path = f"/v1/orders/{hold.order_id}"
        answer = self.http.ask("DELETE", path)
        if answer.status in (204, 404, 410):
            return
        if not answer.is_good:
            raise self.meaning(answer)
        try:  # nobody has recorded what a yes looks like, so we look
            order = order_in(self.get(path))
        except UnknownRefusal:
            return  # the order is gone
        if order is None or order.get("status") in (None, "pending"):
            raise UnknownAnswer(
                f"{hold}: giving it back was answered with {answer.status}, and it is still there"
            )

    def headers(self) -> dict[str, str]:
        """Those of the web app (facts 1.5)."""
        web = self.context.addresses["RECUS_WEB_URL"].rstrip("/")
        return {**super().headers(), "Origin": web, "Referer": web + "/"}

    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player."""
        return refusal(answer)

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        answer = self.http.ask(method, path, json=body)
        if not answer.is_good:
            raise self.meaning(answer)
        return answer


def _wall(moment: datetime) -> dict[str, str]:
    return {"date": f"{moment:%Y-%m-%d}", "time": f"{moment:%H:%M:%S}"}
