"""rec.us: an order per sub-court, asked for in one of two ways, confirmed by paying it, even when it is free.

Sign-in is the browser's, or by choice the call that the page itself makes; everything else is JSON over HTTP.
Facts and their sources: rec.us facts.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, time, timedelta, tzinfo
from typing import TypeVar

from reserve.browser import BrowserMissing
from reserve.errors import (
    Blocked,
    LostAnswer,
    ReserveError,
    ServiceError,
    SignInError,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    WayClosed,
    WrongCode,
)
from reserve.http import Answer, path_to
from reserve.model import Account, BookingRequest, Court, Hold, Offer, Order, Published, Reservation, Shown
from reserve.money import Money
from reserve.systems.account_api import AccountApi, Granted
from reserve.systems.api import GONE, PUBLISHED
from reserve.systems.base import ALL, Context
from reserve.systems.place import Place, called
from reserve.systems.reading import fitting, moment, read, texts
from reserve.systems.recus import RecUsProfile, season
from reserve.systems.recus.bookings import ListedBooking, Player
from reserve.systems.recus.facility import facility_ids, place_in
from reserve.systems.recus.holding import RESERVATIONS, WAYS, is_closed, rental, reservation, site_ids
from reserve.systems.recus.listing import Booked, BookingList
from reserve.systems.recus.orders import SETTLED, Item, OrderAnswer, id_in, order_id_in, order_in
from reserve.systems.recus.payment import (
    EMPTY_BODY,
    EMPTY_PAYMENT,
    SETTLED_AT_ONCE,
    confirm_card,
    payment,
    pays_with_an_empty_body,
    secrets_in,
    was_settled,
)
from reserve.systems.recus.refund import Refund, refund_in
from reserve.systems.recus.refusals import ENTER_CODE, SEND_CODE, words_for
from reserve.systems.recus.schedule import lists_as_free, looks_free
from reserve.systems.recus.shapes import SHAPES
from reserve.systems.recus.sign_in import sign_in
from reserve.systems.refusals import Words

T = TypeVar("T")

ORGANIZATION = "san-francisco-rec-park"  # facts 2.1
BLOCKED = ("the public schedule",)  # among the answers, once a firewall keeps us from it
FRESH = timedelta(seconds=10)  # so long one look at the schedule serves all courts
REFUSED_KEY = r"api.?key|referer|PERMISSION_DENIED"  # in a refusal that is not about the player (facts 1.4)
INVALID = (400, 422)  # facts 4


class RecUs(RecUsProfile, AccountApi):
    """rec.us on behalf of one player."""

    shapes = SHAPES
    fan_out = ALL  # an unpaid order costs nothing, can be deleted, and lapses by itself
    api, site = "RECUS_API_URL", "RECUS_WEB_URL"
    order_path, light_path = "/v1/orders/{id}", "/v1/users/me"
    ways = tuple(WAYS.values())

    _me: str | None = None  # once users/me has answered to the token
    _is_unanswered = False  # a password that was sent
    _is_renewable = False  # we signed in by the API, which gives a refresh token

    def __init__(self, account: Account, request: BookingRequest, context: Context) -> None:
        """Nothing is sent yet."""
        super().__init__(account, request, context)
        self._bookings = BookingList(self.get, context.say)
        self._sites: dict[str, str] = {}  # by courtSportId
        self._closed: set[str] = set()  # ways
        self._items: dict[str, set[str]] = {}  # of each order, those that were seen and not released
        self._shared: set[str] = set()  # orders of which items were released
        self._renewing = threading.Lock()

    def facilities(self) -> list[str]:
        """Every facility of the city (facts 2.4)."""
        return sorted(self._facility_ids())

    def place(self) -> Place:
        """The facility of the booking request (facts 2.3), with the slots of its day (facts 2.8)."""
        return self._place(self.request.starts)

    def published(self) -> list[Published]:
        """The courts of the facility with their slots on the wanted day, and when one opens there."""
        return self._place(None).published(self.request.day, self.request.starts[0])

    def shown(self) -> list[Shown]:
        """The slots of the wanted day, by the public schedule (facts 2.5), or else the free half hours."""
        offers = self._place(None).offers_on(self.request.day)
        return [Shown(offer, self.looks_free(offer)) for offer in offers]

    def _place(self, starts: Sequence[time] | None) -> Place:
        """The facility; what depends on the season is looked up if one of *starts*, or any, may do so."""
        found = called(self.request.facility, self._facility_ids())
        answer = self._facility(found, PUBLISHED)
        place = self._understood(answer, place_in)
        if any(court.takes_reservations and court.window is None for court in place.courts):
            self.context.keep(answer.asked, answer.text)
        self._bookings.zone, self._sites = place.zone, site_ids(answer)
        day = self.request.day
        if season.has_evening_slot(place, day, starts):
            schedule = self._schedule_if_any(place.id, day)
            place = season.on_the_day(place, day, schedule, self.context.clock.now())
        return place

    def _schedule_if_any(self, facility: str, day: date) -> Answer | None:
        """The schedule of *day*; what is inferred without it is said as such."""
        try:
            return self._schedule(facility, day, PUBLISHED)
        except ServiceError as trouble:
            self.context.say(f"the schedule of {day} cannot be read: {trouble}")
            return None

    def _facility(self, id_: str, max_age: timedelta) -> Answer:
        return self.get(path_to("/v1/locations/{id}", id=id_), {"publishedSites": "true"}, max_age=max_age)

    def _facility_ids(self) -> dict[str, str]:
        everything = {"organizationSlug": ORGANIZATION, "publishedSites": "true"}
        answer = self.get("/v1/locations/availability", everything, max_age=PUBLISHED)
        return self._understood(answer, facility_ids)

    def _understood(self, answer: Answer, read: Callable[[Answer], T]) -> T:
        """What *read* makes of a public *answer*, which is kept when it makes no sense."""
        try:
            return read(answer)
        except UnknownAnswer:
            self.context.keep(answer.asked, answer.text)
            raise

    # Sign-in (facts 1.2 to 1.4).

    def sign_in(self) -> None:
        """Sign in as the player chose; by the API also when the browser fails, if there is a key for that.

        A password that was sent and not answered is not sent again.
        """
        if self.token is not None and self._me is None:  # nobody has answered yet whether it is good
            self.use_token(self.token)
        elif self.request.sign_in == "api" or self._is_renewable:
            self._sign_in_by_api()
        else:
            try:
                self.sign_in_with_browser()
            except ServiceError as failure:
                if self._is_unanswered or isinstance(failure, Blocked) or not self._key:
                    raise
                self.context.say(f"the browser could not sign in, so the API does: {failure}")
                self._sign_in_by_api()

    def check_machine(self) -> None:
        """Whether there is a Chrome, unless we can do without."""
        if self.request.sign_in != "api" and not self._key:
            self.context.browser().locate()

    def may_sign_in_again(self, failure: ServiceError) -> bool:
        """Yes, unless a password was sent and not answered, or no Chrome is installed."""
        return not self._is_unanswered and not isinstance(failure, BrowserMissing)

    def keep_alive(self) -> None:
        """Renew the sign-in, if there is one; without a refresh token by signing in again."""
        if self.token is None:
            return
        if self._is_renewable:
            try:
                self.renew()
            except TokenRefused as refusal:
                self.context.say(f"signing in again: {refusal}")
            else:
                return
        else:
            self.context.say("signing in again: a sign-in lives an hour")
        self.sign_in()

    def renews_after(self, answer: Answer, token: str | None) -> bool:
        """Only by the API, since no browser is to start while courts are asked for, and once for them all."""
        if not self._is_renewable or not self._renewing.acquire(blocking=False):
            return False
        try:
            return super().renews_after(answer, token)
        finally:
            self._renewing.release()

    def use_token(self, token: str) -> None:
        """Speak as the player whom *token* names."""
        self.speak_as(token)
        me = self._good(self.question("/v1/users/me"))
        self._me = str(read(me, Player, "data.user", "data", "user", "").id)

    def sign_in_with_browser(self) -> None:
        """Take the bearer token from the cookie of the browser's log-in."""
        with self.context.browser() as browser:
            try:
                sign_in(
                    browser,
                    self._pages(),
                    self.account,
                    clock=self.context.clock,
                    is_players=self._is_players,
                )
            except LostAnswer:
                self._is_unanswered = True
                raise
        self._is_renewable = False
        if self._me is None and self.token is not None:  # it got no answer before
            self.use_token(self.token)

    def _is_players(self, token: str) -> bool:
        """Whether *token* is not a guest's; when nobody answers now, it is asked about again later."""
        before = self.token
        try:
            self.use_token(token)
        except TokenRefused:
            self.token = before
            self.close()
            return False
        except Blocked:
            raise
        except ServiceError as failure:
            self.context.say(f"signed in, but: {failure}")
        return True

    def _pages(self) -> Iterator[str]:
        """Where to log in: everywhere, or in 2025 where a court is asked for."""
        web = self.context.addresses["RECUS_WEB_URL"]
        yield f"{web}/"
        with suppress(ReserveError):
            yield f"{web}/locations/{called(self.request.facility, self._facility_ids())}"

    @property
    def _key(self) -> str:
        return self.context.addresses["RECUS_IDENTITY_KEY"]

    def _sign_in_by_api(self) -> None:
        self._is_renewable = True
        super().sign_in()

    def log_in(self) -> Answer:
        """What the page's own sign-in answers to e-mail and password (facts 1.4)."""
        body = {"email": self.account.email, "password": self.account.password, "returnSecureToken": True}
        try:
            return self._identity("RECUS_IDENTITY_URL", "/v1/accounts:signInWithPassword", body)
        except LostAnswer:
            self._is_unanswered = True
            raise

    def renewal(self, refresh: str) -> Answer:
        """A new token for a refresh token, which comes back with it, perhaps as another one (facts 1.4)."""
        body = {"grant_type": "refresh_token", "refresh_token": refresh}
        return self._identity("RECUS_TOKEN_URL", "/v1/token", body)

    def _identity(self, where: str, path: str, body: object) -> Answer:
        self.context.conceal(self._key)
        web = self.context.addresses["RECUS_WEB_URL"].rstrip("/")
        headers = {"User-Agent": self.context.user_agent, "Origin": web, "Referer": f"{web}/"}
        with closing(self.context.connect(self.context.addresses[where], headers)) as identity:
            return identity.ask("POST", path, json=body, params={"key": self._key})

    def granted(self, answer: Answer) -> Granted:
        """The tokens in *answer* to a sign-in or a renewal, which spell them differently (facts 1.4)."""
        return Granted(
            read(answer, str, "idToken", "id_token"), read(answer, str, "refreshToken", "refresh_token")
        )

    def sign_in_refusal(self, answer: Answer) -> ReserveError:
        """What Firebase's refusal means; its word is all we repeat of it."""
        body = answer.json() if answer.is_json else None
        said = str(fitting(body, object, "error.message") or "no reason given")
        what = f"{answer.asked}: {answer.status}"
        if re.search(REFUSED_KEY, said, re.IGNORECASE):
            return UnknownRefusal(f"{what}: RECUS_IDENTITY_KEY is not accepted; correct it")
        if answer.status == 400:
            return SignInError(f"rec.us refused the e-mail address or the password ({what}: {said[:80]})")
        return UnknownRefusal(f"{what}: {said[:80]}")

    def use(self, granted: Granted) -> None:
        """Speak with the new token, and keep what renews it."""
        super().use(granted)
        self.use_token(granted.token)

    def reservations(self) -> list[Reservation]:
        """Confirmed bookings, past ones included (facts 3.5); none when their list cannot be read."""
        try:
            listed = self._bookings.read(self._me)
        except (UnknownRefusal, UnknownAnswer) as refusal:
            self.context.say(f"the list of bookings cannot be read: {refusal}")
            self.knows_reservations = False
            return []
        self.knows_reservations = True
        self._bookings.say_strange([each for each in listed if not each.booking.is_past])
        confirmed = [each for each in listed if each.booking.is_confirmed]
        self._bookings.look_up(confirmed)
        return [
            Reservation(court, slot, each.order_id, stamp=each.stamp, booking_id=id_in(each.booking.id))
            for each in confirmed
            for court, slot in each.places or ()
        ]

    def facility_of(self, court: Court) -> str:
        """The name of the facility, by the list of all (facts 2.4)."""
        with suppress(ServiceError):
            return {id_: name for name, id_ in self._facility_ids().items()}.get(court.facility, "")
        return ""

    def refund(self, reservation: Reservation) -> str:
        """What rec.us says would be given back now (facts 3.5)."""
        try:
            return self._refund(reservation).words
        except ServiceError as failure:
            return f"what would be given back cannot be looked up: {failure}"

    def _refund(self, reservation: Reservation) -> Refund:
        path = path_to("/v1/bookings/{id}/refund-preview", id=reservation.booking_id)
        return refund_in(self.get(path), self.currency)

    def cancel(self, reservation: Reservation) -> None:
        """Cancel the booking, and say where the money goes if there is any (facts 3.5)."""
        try:
            body = self._refund(reservation).body
        except ServiceError:  # then it goes where it goes by default
            body = None
        answer = self.ask("POST", path_to("/v1/bookings/{id}/cancel", id=reservation.booking_id), body)
        if not read(answer, ListedBooking, "data.booking", "data").canceled_at:
            raise UnknownAnswer(
                f"{answer.asked}: {answer.status}, and the booking is not said to be cancelled"
            )

    def holds(self) -> list[Hold]:
        """Bookings that wait for their order to be paid (facts 3.5), without those that cannot be read.

        Raises why one cannot be read when no other can.
        """
        found: list[Hold] = []
        failure: ReserveError | None = None
        for each in self._bookings.read(self._me):
            try:
                found += self._holds_of(each)
            except ReserveError as unreadable:
                failure = failure or unreadable
        if failure is not None:
            if not found:
                raise failure
            self.context.say(f"a booking that may be held cannot be read; going on without: {failure}")
        return found

    def _holds_of(self, each: Booked) -> Iterator[Hold]:
        booking = each.booking
        if booking.is_confirmed or booking.is_past or each.places == []:
            return
        order = self._order_of_booking(booking)
        if order is None or not order.is_open:
            return
        if each.places is None and (said := order.where(self._bookings.zone)):
            each.places = [said]
        self._bookings.look_up([each])
        for court, slot in each.places or ():
            hold = self._hold(Offer(court, slot, slot.start), order)
            yield replace(hold, stamp=each.stamp or hold.stamp)

    def _order_of_booking(self, booking: ListedBooking) -> OrderAnswer | None:
        if not (id_ := id_in(booking.id)):
            raise UnknownAnswer("a booking has no id, so nobody can tell whether it is held")
        answer = self.answer_to(lambda: self.question("/v1/orders", {"bookingId": id_}))
        return None if answer.status in GONE else order_in(self._good(answer))

    def send_code(self) -> None:
        """Have a code texted to the number of the account (facts 3.2)."""
        self.ask("POST", SEND_CODE)

    def enter_code(self, digits: str) -> None:
        """Enter the code; any refusal that is not about traffic is taken for *wrong code*, a 401 too."""
        try:
            self.ask("POST", ENTER_CODE, {"code": digits})
        except UnknownRefusal as refusal:
            raise WrongCode("the one-time code was refused") from refusal

    def looks_free(self, offer: Offer) -> bool:
        """Whether *offer* looks free in the public schedule, or else in the list of free half hours."""
        if (answer := self._schedule(offer.court.facility, offer.slot.start.date(), FRESH)) is not None:
            return looks_free(answer, offer)
        return lists_as_free(self._facility(offer.court.facility, FRESH), offer)

    def _schedule(self, facility: str, day: date, max_age: timedelta) -> Answer | None:
        """What the public schedule shows of *day*; None once a firewall has refused it (facts 5.4).

        Then nothing else is tried there: whether to say more of ourselves is the player's decision.
        """
        if BLOCKED in self.context.answers:
            return None
        path = path_to("/v1/locations/{id}/schedule", id=facility)
        try:
            return self.get(path, {"startDate": f"{day:%Y-%m-%d}"}, max_age=max_age)
        except Blocked:
            self.context.answers[BLOCKED] = self.context.clock.now(), Answer(f"GET {path}", 403, {}, "")
            self.context.say(
                "a firewall keeps programs from the public schedule; going by what the facility itself lists "
                "(see RECUS_FETCH_MODE in docs/reference.md)"
            )
            return None

    @property
    def path(self) -> str:
        """Where a court is asked for: as the player says, or where that is answered as closed, elsewhere."""
        wanted = WAYS[self.context.addresses["RECUS_HOLD_BY"]]
        return next((way for way in (wanted, *self.ways) if way not in self._closed), wanted)

    def order_for(self, offer: Offer) -> Mapping[str, object]:
        """The body that asks for *offer*."""
        return self.request_for(offer)[1]

    def request_for(self, offer: Offer) -> tuple[str, Mapping[str, object]]:
        """Where *offer* is asked for, and with which body (facts 3.3)."""
        if (path := self.path) == RESERVATIONS:
            return path, reservation(offer, self._me)
        if offer.court.id not in self._sites:
            raise ServiceError(f"{offer}: no siteId is published, so it cannot be asked for as a rental")
        return path, rental(offer, self._sites[offer.court.id])

    def hold_in(self, answer: Answer, offer: Offer) -> Hold:
        """The hold behind the order in *answer*; one made as in 2025 is paid as in 2025 (facts 3.4)."""
        hold = self._hold(offer, self._order(answer))
        is_of_2025 = set(answer.json()) == {"order"} and not was_settled(hold)
        return replace(hold, details={**hold.details, **EMPTY_PAYMENT}) if is_of_2025 else hold

    def held(self, offer: Offer, answer: Answer) -> Hold:
        """The hold that *answer* tells of, if only by the id of its order.

        Raises `WayClosed` when courts are asked for elsewhere now: the connection will do so.
        """
        if not answer.is_good and is_closed(answer, said := self.reason(answer)):
            self._closed.add(answer.asked.partition(" ")[2])
            if len(self._closed) < len(self.ways):
                raise WayClosed(f"{answer.asked}: {answer.status}: {said}")
        try:
            return super().held(offer, answer)
        except UnknownAnswer:
            if (id_ := order_id_in(answer)) and (hold := self._held_as(id_, offer)):
                return hold
            raise

    def _held_as(self, id_: str, offer: Offer) -> Hold | None:
        """The hold behind the order of which only the id is known; what cannot be read is given back."""
        hold = Hold(offer, id_)
        try:
            return self._hold(offer, self._order_of(hold))
        except ReserveError:
            with suppress(ReserveError):
                self.release(hold)
        return None

    def _hold(self, offer: Offer, order: OrderAnswer) -> Hold:
        item, items = order.item_for(offer, self._bookings.zone), order.contents
        in_order = self._items.setdefault(str(order.id), set())
        in_order |= {id_in(each.id) or "" for each in items}
        details: Mapping[str, object] = {"item": id_in(item.id)} if item else {}
        hold = Hold(
            offer,
            str(order.id),
            price=order.money(order.total if item is None or len(items) == 1 else item.final_price),
            expires_at=moment(order.expires_at),
            link=self.context.addresses["RECUS_WEB_URL"] + path_to("/app/orders/{id}/checkout", id=order.id),
            details={**details, **(SETTLED_AT_ONCE if order.is_settled else {})},
            stamp=order.stamp,
        )
        self._bookings.remember(hold, item.listed_as if item else ())
        return hold

    def order(self, hold: Hold) -> Order:
        """The order behind *hold* as it stands (facts 3.3 c, 3.5); its rental is no proof of anything."""
        answer = self.answer_to(lambda: self.question(path_to(self.order_path, id=hold.order_id)))
        if answer.status in GONE:
            return Order(is_gone=True)
        found, zone = self._order(self._good(answer)), self._bookings.zone
        if str(found.id) != hold.order_id:
            raise UnknownAnswer(f"{answer.asked}: the answer ({answer.status}) is about another order")
        items = found.contents
        self._items[hold.order_id] = {id_in(each.id) or "" for each in items}
        holds = [self._item(hold, each, zone, is_alone=len(items) == 1) for each in items]
        return Order(
            items=(*holds, *([None] if found.has_strange_items else ())),
            due=found.due,
            is_open=found.is_open,
            is_gone=found.is_gone,
            is_settled=found.is_settled,
            charged=found.charged,
            credit=found.money(found.max_credit_adjustment_allowed),
            expires_at=moment(found.expires_at),
        )

    def _item(self, hold: Hold, item: Item, zone: tzinfo, *, is_alone: bool) -> Hold | None:
        """*item* of the order of *hold* as a hold; of one that *is_alone* and does not say, *hold* does."""
        court, slot = item.court, item.slot(zone)
        if is_alone and not item.says_where:
            court = hold.offer.court
        if is_alone and not item.says_when:
            slot = hold.offer.slot
        if court is None or slot is None:
            return None
        return Hold(Offer(court, slot, slot.start), hold.order_id, details={"item": id_in(item.id)})

    def _order(self, answer: Answer) -> OrderAnswer:
        if order := order_in(answer):
            return order
        raise UnknownAnswer(f"{answer.asked}: the answer ({answer.status}) has no order we can read")

    def _order_of(self, hold: Hold) -> OrderAnswer:
        return self._order(self.get(path_to(self.order_path, id=hold.order_id)))

    def settles_by_hand(self, hold: Hold, order: Order | None) -> bool:
        """Whether only the player can pay for *hold*; so it is also when the credit does not suffice."""
        if was_settled(hold):
            return False
        if self.request.pay != "credit" or (hold.price and hold.price.is_free):
            return super().settles_by_hand(hold, order)
        credit = order.credit if order else None
        return credit is None or hold.price is None or not hold.price.is_within(credit)

    def may_confirm_unread(self, hold: Hold) -> bool:
        """Not where an empty body pays, which may pay anything, nor where other things were in the order."""
        is_alone = hold.order_id not in self._shared and len(self._items.get(hold.order_id, ())) <= 1
        return was_settled(hold) or (
            super().may_confirm_unread(hold) and is_alone and not pays_with_an_empty_body(hold)
        )

    def confirm(self, hold: Hold) -> None:
        """Pay the order, in the way `--pay` allows (facts 3.4), unless it was settled when it was made."""
        if was_settled(hold):
            return
        if hold.price is None:
            raise ServiceError(f"{hold}: nothing says what it costs")
        answer = self._pay(hold, hold.price)
        for secret in secrets_in(answer.json()):
            self.context.conceal(secret)
        status = read(answer, object, "data.status")
        if status == "pending" and self.request.pay == "card":
            confirm_card(self.context, hold, answer)
        elif status not in (*SETTLED, "pending"):
            self.context.keep(answer.asked, answer.text)
            raise UnknownAnswer(f"{hold}: paying was answered with a status we do not know")

    def _pay(self, hold: Hold, price: Money) -> Answer:
        """The good answer to paying *price*; where nobody pays as in 2025 any more, it is said to be free."""
        path = path_to(self.order_path + "/pay", id=hold.order_id)
        if price.is_free and pays_with_an_empty_body(hold):
            answer = self.answer_to(lambda: self.http.ask("POST", path, json=EMPTY_BODY))
            if answer.status not in INVALID:
                return self._good(answer)
        return self.ask("POST", path, payment(price, self.request.pay))

    def release(self, hold: Hold) -> None:
        """Delete the order (facts 3.5), or of several items in it this one, and no other.

        Nobody has recorded what a yes looks like, so we look.
        """
        items, item = self._items.get(hold.order_id, set()), hold.details.get("item")
        if items - {item}:
            self._shared.add(hold.order_id)
            if not isinstance(item, str):
                raise UnknownAnswer(f"{hold}: nobody can tell which part of its order it is")
            answer = self.answer_to(lambda: self.http.ask("DELETE", path_to("/v1/order-items/{id}", id=item)))
            if answer.status not in GONE:
                self._good(answer)
            items.discard(item)
            return
        answer = self.delete(hold)
        if answer.is_good and answer.status != 204:
            try:
                order = self._order_of(hold)
            except UnknownRefusal:
                return  # the order is gone
            if order.is_open:
                raise UnknownAnswer(
                    f"{hold}: giving it back was answered with {answer.status}; it is still there"
                )

    def headers(self) -> dict[str, str]:
        """Those of the web app (facts 1.5); `Sec-Fetch-Mode` only if the player wants it (facts 5.4)."""
        web = self.context.addresses["RECUS_WEB_URL"].rstrip("/")
        headers = {**super().headers(), "Origin": web, "Referer": web + "/"}
        if mode := self.context.addresses.get("RECUS_FETCH_MODE"):
            headers["Sec-Fetch-Mode"] = mode
        return headers

    def words_for(self, asked: str) -> Words:
        """What the words of a refusal mean to who *asked*."""
        return words_for(asked)

    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says; nobody has recorded that of a wrong code, which may be a 401 (facts 4)."""
        if answer.asked.endswith(ENTER_CODE):
            return UnknownRefusal(f"{answer.asked}: {answer.status}: {self.reason(answer)}")
        return super().refusal(answer)

    def reason(self, answer: Answer) -> str:
        """The words of a refusal (facts 4)."""
        body = answer.json() if answer.is_json else None
        return " ".join(texts([fitting(body, object, field) for field in ("message", "type")]))
