"""A booking system that answers as it likes and knows the truth, for tests of race and settlement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from reserve.errors import (
    Blocked,
    LimitReached,
    LostAnswer,
    NotOpenYet,
    NotVerified,
    Overdue,
    ReserveError,
    SlotTaken,
    Throttled,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    Unreachable,
)
from reserve.model import Hold, Offer, Order, Reservation
from reserve.stroke import Departure
from reserve.systems.base import CourtConnection
from tests.fakes import FakeClock, FakeSystem, usd

# What an answer may be, and whether the system did what it was asked for.
FINE, OVERDUE = "fine", "overdue"
ANSWERS: Mapping[str, tuple[type[ReserveError] | None, bool]] = {
    FINE: (None, True),
    "lost, done": (LostAnswer, True),
    "lost": (LostAnswer, False),
    OVERDUE: (Overdue, False),  # and a hold is made later
    "unknown, done": (UnknownAnswer, True),
    "unknown": (UnknownAnswer, False),
    "unreachable": (Unreachable, False),
    "throttled": (Throttled, False),
    "blocked": (Blocked, False),
    "refused": (UnknownRefusal, False),
    "stranger": (TokenRefused, False),
    "not verified": (NotVerified, False),
    "taken": (SlotTaken, False),
    "not open": (NotOpenYet, False),
    "limit": (LimitReached, False),
}
MUCH_LATER = timedelta(seconds=20)
OF_HOLD = tuple(word for word in ANSWERS if word != OVERDUE)
OF_CONFIRM = tuple(word for word in OF_HOLD if word not in ("not open", "taken"))
OF_RELEASE = OF_READ = (FINE, "lost", "unknown", "unreachable", "throttled", "blocked", "stranger")


@dataclass
class WildSystem(FakeSystem):
    """Answers each call from a list, then well; and keeps the truth about every order."""

    clock: FakeClock
    plan: Mapping[
        str, Sequence[str]
    ]  # "hold Court 1", "confirm", "release", "holds", "reservations", "order"
    seed: int = 0
    hold_is_final: bool = False  # of the class elsewhere
    says_price: bool = True
    held_now: dict[str, Offer] = field(default_factory=dict)
    mine: dict[str, Offer] = field(default_factory=dict)  # reserved
    asked: Counter[str] = field(default_factory=Counter)
    doubtful: set[str] = field(default_factory=set)  # confirmations without an answer
    repeated: list[str] = field(default_factory=list)  # confirmations sent again after such a one

    def __post_init__(self) -> None:
        """Nothing is held yet."""
        super().__init__(self.clock)
        if self.hold_is_final:
            self.fan_out = 1
        self.answers = {name: list(words) for name, words in self.plan.items()}
        self.chance = Random(self.seed)

    def _next(self, what: str) -> tuple[ReserveError | None, bool]:
        """What comes of this call; a request and its answer take their time."""
        self.clock.sleep(timedelta(seconds=self.chance.expovariate(20)))
        words = self.answers.get(what)
        kind, done = ANSWERS[words.pop(0) if words else FINE]
        return (kind(f"{what}: {kind.__name__}") if kind else None), done

    def _answer_to(self, failure: ReserveError | None) -> None:
        self.clock.sleep(timedelta(seconds=self.chance.expovariate(20)))
        if failure is not None:
            raise failure

    def ask(self, offer: Offer) -> Hold:
        """One request for one court."""
        name = offer.court.name
        self.asked[name] += 1
        failure, done = self._next(f"hold {name}")
        order = f"order-{len(self.held_now) + len(self.mine) + sum(self.asked.values())}"

        def take() -> None:
            self._take(offer, order)

        if isinstance(failure, Overdue):
            self.clock.call_at(self.clock.now() + MUCH_LATER, take)
        elif done and not self._take(offer, order):
            failure = SlotTaken(name)
        self._answer_to(failure)
        return self.held(offer, order, 0 if self.says_price else None)

    def _take(self, offer: Offer, order: str) -> bool:
        """Hold the court, or reserve it where that is the same, if it is free."""
        is_free = all(each.court != offer.court for each in (*self.held_now.values(), *self.mine.values()))
        if is_free:
            (self.mine if self.hold_is_final else self.held_now)[order] = offer
        return is_free

    def connection_for(self, offer: Offer) -> CourtConnection:
        """A connection for one court."""
        return WildLine(offer, self)

    def holds(self) -> list[Hold]:
        """What is held, or reserved where that is the same."""
        failure, _ = self._next("holds")
        found = self.mine if self.hold_is_final else self.held_now
        holds = [self.held(offer, order) for order, offer in found.items()]
        self._answer_to(failure)
        return holds

    def reservations(self) -> list[Reservation]:
        """What is reserved."""
        failure, _ = self._next("reservations")
        found = [Reservation(offer.court, offer.slot, order) for order, offer in self.mine.items()]
        self._answer_to(failure)
        return found

    def order(self, hold: Hold) -> Order:
        """What a hold is of, and its price."""
        self._answer_to(self._next("order")[0])
        return Order((hold,), usd(0))

    def confirm(self, hold: Hold) -> None:
        """Accept every payment for a hold: it is not the system that keeps the player from paying twice."""
        if hold.order_id in self.doubtful:
            self.repeated.append(hold.order_id)
        failure, done = self._next("confirm")
        if done and hold.order_id in self.held_now:
            self.mine[hold.order_id] = self.held_now.pop(hold.order_id)
        elif done:
            failure = UnknownRefusal("no such hold")
        if isinstance(failure, LostAnswer):
            self.doubtful.add(hold.order_id)
        self._answer_to(failure)

    def release(self, hold: Hold) -> None:
        """Release a hold; what is reserved is cancelled, as a careless system would do."""
        failure, done = self._next("release")
        if done:
            self.held_now.pop(hold.order_id, None)
            self.mine.pop(hold.order_id, None)
        self._answer_to(failure)

    def settles_by_hand(self, hold: Hold, order: Order | None) -> bool:
        """Every court is free."""
        return False


class WildLine(CourtConnection):
    """One court."""

    def __init__(self, offer: Offer, system: WildSystem) -> None:
        super().__init__(offer)
        self.system = system

    def hold(self, departure: Departure | None = None) -> Hold:
        """Ask once."""
        if departure is not None:
            departure.wait()
        return self.system.ask(self.offer)
