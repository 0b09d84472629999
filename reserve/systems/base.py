"""What a booking system must be able to do.

To add one, see docs/adding-a-system.md. What all systems do alike is in `booking/`; a subclass says only how
its booking system speaks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from reserve.clock import Clock, Probe
from reserve.errors import LostAnswer, ServiceError, Unreachable, UsageError
from reserve.model import (
    Account,
    BookingRequest,
    Court,
    Hold,
    Offer,
    Offers,
    Order,
    Published,
    Reservation,
    Shown,
)
from reserve.systems.profile import Profile
from reserve.tokens import Tokens
from reserve.when import read_time

if TYPE_CHECKING:
    from reserve.browser import Browser
    from reserve.http import Answer, Http
    from reserve.stroke import Departure

ABSURD = timedelta(days=1)  # more than that, no clock is wrong that a booking system lives by
ALL = 1_000  # courts at once: more than any facility has


Answers = dict[tuple[object, ...], tuple[datetime, "Answer"]]  # what was read, and when, by what was asked


@dataclass(frozen=True)
class Context:
    """What a run lends to its booking system: time, connections, a browser, addresses, where to report."""

    clock: Clock
    connect: Callable[[str, Mapping[str, str]], Http]  # to a host, with headers for every request
    browser: Callable[[], Browser]  # one that has not started
    addresses: Mapping[str, str]  # as the system's own `addresses`, or as the player's settings say
    say: Callable[[str], None]  # a line for the run's timeline
    keep: Callable[[str, str], None]  # what was asked, and an answer nobody understood; kept without secrets
    conceal: Callable[[str], None]  # a secret that came up on the way; masked in every text from then on
    user_agent: str
    tokens: Tokens = field(default_factory=Tokens)
    # Systems that share it ask once.
    answers: Answers = field(default_factory=dict, repr=False)


class CourtConnection(ABC):
    """One court on a connection of its own: opened before the opening, used at it."""

    stamp: datetime | None = None  # the server's time in the last answer, in whole seconds
    way: str | None = None  # in which the court was asked for the last time, where there are several

    def __init__(self, offer: Offer) -> None:
        """Nothing is sent yet."""
        self.offer = offer

    def light(self) -> Answer:
        """Ask for something light that changes nothing and that the server answers afresh each time."""
        raise ServiceError("this system does not tell its time")

    def probe(self, clock: Clock) -> Probe:
        """Learn the server's time; raises ValueError when the answer has none, or comes from a cache."""
        asked = clock.now()
        try:
            answer = self.light()
        except ServiceError as failure:
            raise ValueError("no answer") from failure
        sent, received = answer.sent or asked, clock.now()
        if answer.stamp is None or "Age" in answer.headers or abs(answer.stamp - received) > ABSURD:
            raise ValueError("no stamp of the server's own")
        return Probe(sent, received, answer.stamp)

    def warm(self, clock: Clock) -> Probe | None:
        """Open the connection, so that the opening does not pay for it; returns what an answer tells."""
        with suppress(ValueError):  # the opening may still go well, and says why if not
            return self.probe(clock)
        return None

    def is_free(self) -> bool:
        """Whether a light look says that asking makes sense; the waiting list looks before it asks."""
        return True

    @abstractmethod
    def hold(self, departure: Departure | None = None) -> Hold:
        """Ask for the court once; raises a `ReserveError` that says what a refusal means.

        With a *departure*, the request leaves then and not before; raises `Withheld` when it did not.
        """

    def close(self) -> None:
        """Let the connection go."""


class BookingSystem(Profile, ABC):
    """One booking system on behalf of one player."""

    fan_out = 1  # courts asked for at once; more only where a spare hold costs the player nothing
    shapes: Mapping[str, str] = {}  # the known fields of its answers; `reserve.checks.drift` reads them
    hold_is_final = False  # if so, a hold is a reservation: asked for one by one, not confirmed or released
    knows_reservations = True  # whether the last answer of `reservations` is all there is
    site = ""  # the one of `addresses` where the player does by hand what this program cannot
    lists_holds = True  # if not, nobody can look up what is held, and a lost answer leaves it to lapse
    look_every = timedelta(seconds=30)  # on the waiting list: as others do who watch pages (NTNUI facts 7)

    def __init__(self, account: Account, request: BookingRequest, context: Context) -> None:
        """Nothing is sent yet."""
        self.account = account
        self.request = request
        self.context = context
        self._http: Http | None = None

    @classmethod
    def completed(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        """*options* of the command line, with what follows from them here; `needs` is looked for in that."""
        if cls.usual_sport is None:
            return options
        found = {"sport": cls.usual_sport, **options}
        if "end_time" not in found and "start_time" in found:
            start = datetime.combine(date.min, read_time(found["start_time"], "--start-time"))
            found["end_time"] = f"{start + cls.usual_lengths[0]:%H:%M:%S}"
        return found

    @classmethod
    def fitted(cls, request: BookingRequest) -> BookingRequest:
        """*request* with what follows from its other parts here; raises `UsageError` when they contradict."""
        return request

    @abstractmethod
    def offers(self) -> Offers:
        """What the facility has for the booking request; public, needs no sign-in.

        Raises `UsageError` when the facility, the sport, a court or the slot does not exist.
        """

    def zone(self) -> tzinfo:
        """The time zone of the wanted facility; public."""
        return self.offers().zone

    def facilities(self) -> list[str]:
        """The names of all facilities; public. Raises `UsageError` where nobody publishes them."""
        raise UsageError(f"--court is missing; nobody publishes a list of the facilities of {self.name}")

    def published(self) -> list[Published]:
        """Every court of the wanted facility, and when the wanted day opens; public."""
        return [
            Published(offer.court.name, (self.request.sport,), "", "", offer.opens_at)
            for offer in self.offers().offers
        ]

    def shown(self) -> list[Shown]:
        """Which slots of the wanted day are free and which are taken; public, empty where nobody tells."""
        return []

    @abstractmethod
    def sign_in(self) -> None:
        """Make the booking system know the player; raises `SignInError` when it refuses."""

    def check_machine(self) -> None:
        """Raise a `ServiceError` when the sign-in needs what this machine lacks; nothing is sent."""

    def may_sign_in_again(self, failure: ServiceError) -> bool:
        """Whether another sign-in after *failure* surely sends no password that was sent already."""
        return isinstance(failure, Unreachable)

    def signed_in_until(self) -> datetime | None:
        """When the player has to sign in by hand, unless it is kept alive; None when the account does."""
        return None

    def keep_alive(self) -> None:
        """Keep the sign-in from dying while a run waits or between runs; raises `SignInError` when it did."""

    @abstractmethod
    def reservations(self) -> list[Reservation]:
        """The player's reservations, past ones of this week included."""

    def holds(self) -> list[Hold]:
        """What the player holds and has not confirmed; this is how a lost answer is looked up.

        Where a hold is final, the reservations. Raises `ServiceError` where nobody can list them.
        """
        raise ServiceError(f"{self.name} has no list of what is held")

    @abstractmethod
    def connection_for(self, offer: Offer) -> CourtConnection:
        """A connection for asking for *offer*."""

    def order(self, hold: Hold) -> Order:
        """The order behind *hold* as it stands; a final hold has none."""
        raise ServiceError(f"{self.name} has no orders")

    def confirm(self, hold: Hold) -> None:
        """Make *hold* final, unless it is, for its price and no other amount.

        Never to be repeated after a `LostAnswer`.
        """
        assert self.hold_is_final

    def release(self, hold: Hold) -> None:
        """Release *hold*, unless it is final; no error when it is already gone. May be repeated."""
        assert self.hold_is_final

    def facility_of(self, court: Court) -> str:
        """The name of the facility of *court*, empty where nobody tells."""
        return self.request.facility

    def refund(self, reservation: Reservation) -> str:
        """What cancelling *reservation* would give back, in words, as far as that is known."""
        return "nobody publishes whether anything is given back"

    def cancel(self, reservation: Reservation) -> None:
        """Cancel *reservation*. Never to be repeated after a `LostAnswer`.

        Raises `UsageError` where nobody knows how that is asked for.
        """
        raise UsageError(
            f"how {self.name} is asked to cancel a reservation is not known; "
            f"cancel it by hand, at {self.context.addresses[self.site]}"
        )

    def send_code(self) -> None:
        """Have a one-time code texted to the player."""

    def enter_code(self, digits: str) -> None:
        """Prove the player's phone with the code; raises `WrongCode` when it is refused."""

    def settles_by_hand(self, hold: Hold, order: Order | None) -> bool:
        """Whether only the player can pay for *hold*: by `--pay`, and by its *order*, if that is known."""
        return self.request.pay == "by-hand" and not (hold.price and hold.price.is_free)

    def may_confirm_unread(self, hold: Hold) -> bool:
        """Whether *hold* may be confirmed though its order cannot be read: that cannot cost anything then."""
        return hold.price is not None and hold.price.is_free

    @abstractmethod
    def connect(self) -> Http:
        """A connection of its own, with what the booking system wants to see on every request."""

    @property
    def http(self) -> Http:
        """The connection for everything but the race."""
        if self._http is None:
            self._http = self.connect()
        return self._http

    def question(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET, whatever its status; when it is lost, and there is time, asked again."""
        try:
            return self.http.ask("GET", path, params=params)
        except LostAnswer:
            if self.http.is_hurried():
                raise
            return self.http.ask("GET", path, params=params)

    def close(self) -> None:
        """Let every connection go."""
        if self._http is not None:
            self._http.close()
            self._http = None
