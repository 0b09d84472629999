"""What every simulated booking system does: it opens on time, knows its player, gives courts and remembers.

To add one, subclass `Club` (and `Scenario`, for what is open about it) in a package beside this module, and
name it in `simulator/__init__.py`. It says which requests it answers, what was asked for, and how it shows an
order; log-in, tokens, codes, rivals, limits, lapses and the usual faults come from here.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from functools import cache
from operator import attrgetter
from random import Random
from threading import RLock
from typing import Any, ClassVar, Self
from uuid import UUID

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.routing import Map, Rule

from reserve.clock import Clock
from reserve.model import Court, Limits, Slot
from reserve.simulator.codes import Codes
from reserve.simulator.faults import FaultMiddleware
from reserve.simulator.ledger import Ledger, Sent
from reserve.simulator.orders import Order, Orders, overlap
from reserve.simulator.phone import Deliver, Phone
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import Scenario
from reserve.simulator.timetable import Timetable, rivals
from reserve.simulator.usual import NamedFault

MILLISECOND = timedelta(milliseconds=1)
UNKNOWN = Court("", "unknown court")
LEDGER = "GET /simulator/ledger"


@cache
def _paths(routes: tuple[str, ...]) -> Map:
    """Where a request for each of *routes* goes; compiling them takes longer than answering a whole run."""
    return Map([Rule(route.split()[1], methods=route.split()[:1], endpoint=route) for route in routes])


class Club(ABC):
    """One simulated booking system: its pages and its API in `app`, and what really happened in `ledger`."""

    name: ClassVar[str]  # the system's, as in `--system`
    title: ClassVar[str]  # what people call it
    scenario_type: ClassVar[type[Scenario]] = Scenario
    ledger_type: ClassVar[type[Ledger]] = Ledger
    # What only this one takes on a command line: option -> field of the scenario, and its meaning.
    options: ClassVar[Mapping[str, tuple[str, str]]] = {}
    keys: ClassVar[Mapping[str, str]] = {}  # what some players have in their environment beside `environ`
    ahead: ClassVar[timedelta] = timedelta(seconds=22)  # of a rehearsal; for a browser to start and sign in

    asks: ClassVar[str]  # the request that asks for a court, as a pattern such as "POST /v1/reservations"
    look: ClassVar[str]  # the one that shows what the player has reserved
    hold_is_final: ClassVar[bool] = False  # asking for a court reserves it at once
    lists_holds: ClassVar[bool] = True  # can the player see what is held?
    says_when_holds_lapse: ClassVar[bool] = True
    token_valid_for: ClassVar[timedelta | None] = None  # None: for ever
    limits: ClassVar[Limits] = Limits()  # none
    faults: ClassVar[Mapping[str, NamedFault]]  # what may go wrong here, by name
    # Request -> name of the method that answers it, of this or of a part of it ("bookings_api.cancel"): for
    # everybody, and for the player who is signed in.
    public: ClassVar[Mapping[str, str]] = {}
    routes: ClassVar[Mapping[str, str]]
    # How refusals are answered, by what they mean: status, and body as JSON.
    wordings: ClassVar[Mapping[str, tuple[int, object]]] = {}

    scenario: Scenario

    def __init__(self, scenario: Scenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set everything up for *scenario*; *deliver* is handed every text the player's phone receives.

        Raises ValueError for a scenario that makes no sense.
        """
        self.scenario, strikes = scenario.with_faults(self.faults)
        self.clock, self.timetable, self._ledger = clock, Timetable(clock), self.ledger_type()
        self.orders = Orders()
        self.tokens: dict[str, datetime | None] = {}  # each of the player's, and when it ends
        self.given: list[str] = []  # every secret that was made up for the player
        self._ids, self._secrets = (Random(f"{scenario.seed}/{kind}") for kind in ("ids", "tokens"))
        self.codes = Codes(
            self.scenario, clock, self._ledger, Phone(self.scenario, clock, self._ledger, self.title, deliver)
        )
        self._lock = RLock()
        self.app = self._web_app()
        self.app.wsgi_app = FaultMiddleware(  # type: ignore[method-assign]
            self.app.wsgi_app,
            strikes,
            self,
            lock=self._lock,
            latency=self.scenario.latency,
            sleep=clock.sleep,
        )
        self.set_up()

    # What each system says.

    @classmethod
    def opening(cls, opens_at: datetime, clock: Clock, deliver: Deliver | None, **settings: Any) -> Self:
        """The simulated system in a scenario of what opens at *opens_at*, with *settings* beside.

        Raises ValueError for a scenario that makes no sense.
        """
        return cls(cls.scenario_type.opening(opens_at, **settings), clock, deliver=deliver)

    @abstractmethod
    def environ(self, url: str) -> Mapping[str, str]:
        """The environment that leads a player to *url*, where this one answers."""

    @abstractmethod
    def words(self) -> list[str]:
        """What the player would write on the command line."""

    @property
    @abstractmethod
    def courts(self) -> Sequence[Court]:
        """The courts that open, in the order of their names."""

    @abstractmethod
    def wanted(self, body: Any) -> tuple[Court, Slot]:
        """The court and the slot that a request with this JSON asks for, the slot in the facility's zone.

        Raises Refusal, or LookupError, TypeError or ValueError for a body that makes no sense.
        """

    def published_opening(self, court: Court, slot: Slot) -> datetime:
        """When *slot* opens, as anybody can know; else as many hours ahead as the wanted one."""
        return self.scenario.opens_at + (slot.start - self.scenario.slot.start)

    def permit(self, court: Court, slot: Slot) -> None:
        """Refuse what only this system refuses."""

    def is_asking(self, request: str) -> bool:
        """Whether this request asks for a court."""
        return fnmatchcase(request, self.asks)

    def is_done(self, request: str, status: int) -> bool:
        """Whether what a request asked for was done; not every system answers in statuses."""
        return status < 300

    # What leads a player here.

    def environ_of_player(self, url: str, webhook: str | None, token: str | None) -> dict[str, str]:
        """The environment of this scenario's player, whose texts come to the service at *webhook*."""
        account = self.scenario.account
        return {
            "RESERVE_SYSTEM": self.name,
            "RESERVE_EMAIL": account.email,
            "RESERVE_PASSWORD": account.password,
            "RESERVE_PHONE": account.phone or "",
            "RESERVE_ACCOUNT": "",
            "RESERVE_MAX_PRICE": "",
            "RESERVE_WEBHOOK_URL": webhook or "",
            "RESERVE_WEBHOOK_TOKEN": token or "",
            **self.environ(url),
        }

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """What a player's run must neither tell nor leave on the disk, by kind."""
        account = self.scenario.account
        as_written = (account.phone or "").partition(" ")[2]  # without the code of the country
        digits = "".join(filter(str.isdigit, as_written))
        return {
            "password": [account.password],
            "phone": filter(None, [as_written, digits]),
            "token": self.given,
            "one-time code": self.codes.sent,
        }

    # Time, and what happened.

    @property
    def now(self) -> datetime:
        """The true time."""
        return self.clock.now()

    @property
    def server_now(self) -> datetime:
        """What the server believes the time to be."""
        return self.now + self.scenario.clock_offset

    @property
    def ledger(self) -> Ledger:
        """What has really happened until now."""
        with self._lock:
            self.timetable.catch_up()
        return self._ledger

    def record(self, what: str, *, moment: datetime | None = None, **details: Any) -> None:
        """Write down that *what* happened, now or at that *moment*."""
        self._ledger.record(moment or self.now, what, **details)

    def new_id(self) -> str:
        """A new id, the same in every run of the same scenario."""
        return str(UUID(int=self._ids.getrandbits(128), version=4))

    # When courts open.

    @property
    def opens_at(self) -> datetime:
        """The true moment at which the wanted slot opens."""
        return self.scenario.opens_at - self.scenario.clock_offset + self.scenario.opens_late

    def true_opening(self, court: Court, slot: Slot) -> datetime:
        """The true moment at which the server begins to accept *slot*."""
        scenario = self.scenario
        return self.published_opening(court, slot) - scenario.clock_offset + scenario.opens_late

    def is_open(self, court: Court, slot: Slot) -> bool:
        """Whether the server accepts *slot* by now."""
        return self.now >= self.true_opening(court, slot)

    # The player signs in.

    def is_player(self, email: object, password: object) -> bool:
        """Whether these are the player's e-mail and password."""
        account = self.scenario.account
        right = str(email).strip().lower() == account.email.lower() and password == account.password
        if not right or self.scenario.refuses_password:
            self.record("sign-in-refused")
            return False
        return True

    def signed_in(self, email: object, password: object) -> str:
        """A token for the right e-mail and password."""
        if not self.is_player(email, password):
            raise Refusal("wrong-password")
        self.record("signed-in")
        return self.let_in(self.new_token())

    def new_token(self, kind: str = "access") -> str:
        """A secret that nobody can guess, and that is the same in every run of the same scenario."""
        return f"sim.{kind}.{self._secrets.getrandbits(96):024x}"

    def let_in(self, token: str, valid_for: timedelta | None = None) -> str:
        """Believe *token* from now on."""
        length = valid_for or self.token_valid_for
        self.tokens[token] = self.now + length if length else None
        self.given.append(token)
        return token

    def token(self) -> str | None:
        """The token that comes with a request: a bearer's, unless a system has another way."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    def knows(self, token: str | None) -> bool:
        """Whether *token* is that of somebody who is signed in."""
        ends = self.tokens.get(token or "")
        return token in self.tokens and self.scenario.believes and (ends is None or self.now < ends)

    def admit(self, token: str | None) -> None:
        """Refuse whoever has no valid token."""
        if not self.knows(token):
            self.record("token-refused" if token in self.tokens else "stranger-refused")
            raise Refusal("stranger")

    # The player asks for a court.

    def granted(self) -> Order:
        """A court for the request that is being answered, or Refusal; every request is an attempt."""
        court, slot = self._read(request.get_json(silent=True))
        try:
            self.permit(court, slot)
            self._allow(court, slot)
        except Refusal as refusal:
            mine = refusal.meaning == "taken" and self._is_known_to_be_held(court, slot)
            self._note_attempt(court, slot, "held-already" if mine else refusal.meaning)
            raise
        order = self.new_order(court, slot)
        self._note_attempt(court, slot, "held")
        if self.hold_is_final:
            self.settle(order)
            return order
        lapses = order.expires_at.isoformat() if order.expires_at else None
        self.record("held", order=order.order_id, court=court.name, slot=str(slot), expires_at=lapses)
        if order.expires_at:
            self.timetable.at(order.expires_at, lambda moment: self.lapse(order, moment))
        return order

    def new_order(self, court: Court, slot: Slot) -> Order:
        """Give the court to the player."""
        length, hours = self.scenario.hold_length, (slot.end - slot.start) / timedelta(hours=1)
        cents, expires_at = round(self.scenario.price_cents * hours), self.now + length if length else None
        order = Order(self.new_id(), court, slot, cents, self.now, expires_at)
        self.orders[order.id] = order
        return order

    def has_room(self, court: Court, slot: Slot) -> bool:
        """Whether somebody else can have the court then."""
        return self.orders.count(court, slot) < self.scenario.places

    def _read(self, body: Any) -> tuple[Court, Slot]:
        try:
            return self.wanted(body)
        except Refusal as refusal:
            self._note_attempt(UNKNOWN, None, refusal.meaning)
            raise
        except (LookupError, TypeError, ValueError) as wrong:
            self._note_attempt(UNKNOWN, None, "invalid-body")
            raise Refusal("invalid-body", str(wrong)) from None

    def _allow(self, court: Court, slot: Slot) -> None:
        if slot.start <= self.server_now:
            raise Refusal("past")
        if not self.is_open(court, slot):
            raise Refusal("early")
        self.codes.want("before")
        if not self.has_room(court, slot) or self.orders.of_player(court, slot):
            raise Refusal("taken")
        day = slot.start.date()
        self.orders.keep(self.limits, day, holds_count=self.scenario.limit_counts_holds)
        if not self.scenario.parallel_holds and any(
            order.is_open and overlap(order.slot, slot) for order in self.orders.values()
        ):
            raise Refusal("second-hold")

    def _is_known_to_be_held(self, court: Court, slot: Slot) -> bool:
        """Whether the player got the court in this scenario, still has it, and can know that."""
        has = any(not order.was_before for order in self.orders.of_player(court, slot))
        lost = any(sent.is_lost and self.is_asking(sent.request) for sent in self._ledger.sent)
        return has and (self.lists_holds or not lost)

    def _note_attempt(self, court: Court, slot: Slot | None, meaning: str) -> None:
        early = timedelta()
        if slot is not None:
            published = self.true_opening(court, slot) - self.scenario.opens_late  # all that one can know
            early = max(early, published - self.now)
        start = str(slot.start) if slot else ""
        self.record("attempt", court=court.name, start=start, meaning=meaning, early_ms=early / MILLISECOND)

    # What becomes of a hold.

    def found(self, id_: str) -> Order:
        """The player's order of this id."""
        if id_ not in self.orders:
            raise Refusal("not-found")
        return self.orders[id_]

    def payable(self, id_: str) -> list[Order]:
        """The courts of the order of this id, if it can be paid now; every request is written down."""
        courts = self.courts_of(id_)
        self.record("pay-asked", order=id_)
        if any(other.paid_at or other.is_being_paid for other in self.orders.values()):
            self.record("paid-again", order=id_)
        try:
            for order in courts:
                self._allow_payment(order)
        except Refusal as refusal:
            self.record("pay-refused", order=id_, meaning=refusal.meaning)
            raise
        return courts

    def courts_of(self, id_: str) -> list[Order]:
        """The courts that the order of this id still has; all that it ever had, when none is left."""
        if not (found := self.orders.shown_as(id_)):
            raise Refusal("not-found")
        return [order for order in found if order.is_open or order.is_reservation] or found

    def _allow_payment(self, order: Order) -> None:
        if order.paid_at or order.is_being_paid:
            raise Refusal("paid-already")
        if order.status == "lapsed":
            raise Refusal("expired-order")
        if not order.is_open:
            raise Refusal("not-pending")
        self.codes.want("after")
        self.orders.keep(self.limits, order.day, holds_count=False)

    def settle(self, order: Order, moment: datetime | None = None) -> None:
        """Make a hold a reservation."""
        order.status, order.paid_at, order.is_being_paid = "paid", moment or self.now, False
        self.record("paid", moment=moment, order=order.order_id, court=order.court.name, cents=order.cents)

    def released(self, id_: str) -> Order:
        """Release a hold, or raise `Refusal`; the court is free again."""
        return self._ended(self.found(id_), "held", "released")

    def canceled(self, id_: str) -> Order:
        """Cancel a reservation, or Refusal; the court is free again."""
        return self._ended(self.found(id_), "paid", "canceled")

    def lapse(self, order: Order, moment: datetime) -> None:
        """Let a hold lapse, unless it is being paid."""
        if order.is_open and not order.is_being_paid:
            order.end("lapsed", moment)
            self.record("lapsed", moment=moment, order=order.order_id, court=order.court.name)

    def _ended(self, order: Order, before: str, after: str) -> Order:
        if order.status != before:
            raise Refusal("not-pending")
        order.end(after, self.now)
        self.record(after, order=order.order_id, court=order.court.name)
        return order

    # What happens by itself.

    def set_up(self) -> None:
        """Give the player what the scenario says, and have rivals wait for the opening."""
        scenario, (first, *_) = self.scenario, self.courts
        if scenario.has_the_slot:
            self.had_before(first, scenario.slot)
        grabbed = self.courts if scenario.all_taken else [first] if scenario.first_taken else []
        for court in grabbed:
            for number in range(1, scenario.places + 1):
                self.timetable.at(self.opens_at, self._grab(court, f"rival {number} at {court.name}"))
        if scenario.frees_after is not None:
            self.leaves(f"rival 1 at {first.name}", self.opens_at + scenario.frees_after)
        for name, moment, choice in rivals(scenario.seed, scenario.rivals, self.opens_at, self.courts):
            self.comes(name, moment, choice)
        if scenario.forgets:
            self.timetable.at(self.opens_at, self._forget)

    def had_before(self, court: Court, slot: Slot) -> None:
        """Give the player a reservation from before the scenario."""
        order = self.new_order(court, slot)
        order.status, order.was_before = "paid", True
        if slot == self.scenario.slot:
            self.record("reserved-before", order=order.order_id, court=court.name)

    def comes(self, name: str, moment: datetime, choice: Sequence[Court]) -> None:
        """Have a rival come, who takes the first court of *choice* that is free."""
        slot = self.scenario.slot

        def event(moment: datetime) -> None:
            if not any(self._take(court, slot, name, moment) for court in choice):
                self.record("rival-left", moment=moment, rival=name)

        self.timetable.at(moment, event)

    def leaves(self, name: str, moment: datetime) -> None:
        """Have a rival give up what they have taken of the wanted slot."""

        def event(moment: datetime) -> None:
            for court in self.orders.give_up(self.scenario.slot, name):
                self.record("given-up-by-rival", moment=moment, rival=name, court=court.name)

        self.timetable.at(moment, event)

    def slots_grabbed(self, court: Court) -> Sequence[Slot]:
        """What rivals take who take all of a court."""
        return [self.scenario.slot]

    def _grab(self, court: Court, name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            for slot in self.slots_grabbed(court):
                self._take(court, slot, name, moment)

        return event

    def _take(self, court: Court, slot: Slot, name: str, moment: datetime) -> bool:
        if not self.has_room(court, slot):
            return False
        self.orders.take(court, slot, name)
        self.record("taken-by-rival", moment=moment, rival=name, court=court.name, slot=str(slot))
        return True

    def _forget(self, moment: datetime) -> None:
        self.tokens = dict.fromkeys(self.tokens, moment)

    # The web.

    def refused(self, refusal: Refusal) -> ResponseReturnValue:
        """The answer to a request that is refused."""
        status, body = self.wordings.get(refusal.meaning, (400, {"message": refusal.meaning}))
        return json.dumps(body), status, {"Content-Type": "application/json"}

    def show_ledger(self) -> ResponseReturnValue:
        """What really happened; of no real booking system."""
        return self._ledger.as_json(self.now)

    def _web_app(self) -> Flask:
        app = Flask(f"simulated-{self.name}", static_folder=None)
        app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
        app.register_error_handler(Refusal, self.refused)
        app.url_map = _paths((LEDGER, *self.public, *self.routes))
        app.view_functions = {
            LEDGER: self.show_ledger,
            **{route: attrgetter(method)(self) for route, method in self.public.items()},
            **{route: self._for_player(attrgetter(method)(self)) for route, method in self.routes.items()},
        }
        return app

    def _for_player(self, view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        def admitted(**parts: str) -> ResponseReturnValue:
            self.admit(self.token())
            return view(**parts)

        return admitted

    # What the faults before the web app hear.

    def date(self) -> str:
        """The clock of the server, or of a proxy before it, in whole seconds, as answers are dated."""
        shown = self.server_now + self.scenario.date_ahead
        return format_datetime(shown.astimezone(UTC).replace(microsecond=0), usegmt=True)

    def sent(self, request: str) -> Sent:
        """Write down a request, whatever becomes of it."""
        self._ledger.sent.append(Sent(self.now, request))
        return self._ledger.sent[-1]

    def arrived(self, request: str) -> None:
        """Write down a request that has arrived."""
        self.timetable.catch_up()
        self._ledger.asked.append((self.now, request))

    def swallowed(self, request: str, body: bytes, kind: str) -> None:
        """Write down what a fault keeps from the app; a request for a court is an attempt all the same."""
        self.record("fault", kind=kind, request=request)
        if not self.is_asking(request):
            return
        try:
            court, slot = self.wanted(json.loads(body or "null"))
        except (Refusal, LookupError, TypeError, ValueError):
            self._note_attempt(UNKNOWN, None, "invalid-body")
        else:
            self._note_attempt(court, slot, kind)
