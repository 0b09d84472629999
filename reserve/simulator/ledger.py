"""What really happened at the simulated booking system: the record that tests and rehearsals ask."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

ASKS_PER_COURT = 5  # a fair client is bounded; more requests than this for one court are not...
SELDOM = timedelta(seconds=2)  # ...unless each later one leaves the others this much time
CODES = 2  # one request and one repeat
NEVER_YET, NEVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EARLY = timedelta(seconds=1)  # asking sooner than this before the opening is hammering


@dataclass(frozen=True)
class Event:
    """One thing that happened, at its true time."""

    moment: datetime
    what: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The event as one flat JSON object."""
        return {"moment": self.moment.isoformat(), "what": self.what, **self.details}


@dataclass
class Sent:
    """A request, from the moment it was sent; lost when its answer does not tell what became of it."""

    moment: datetime
    request: str  # its method and path
    is_lost: bool = False
    is_granted: bool = False  # it was done, and the answer said so


class Ledger:
    """Every event in order of time, and the questions a referee asks about them."""

    def __init__(self) -> None:
        """Start with an empty record."""
        self._events: list[Event] = []
        self.sent: list[Sent] = []  # every request, arrived or not
        self.asked: list[tuple[datetime, str]] = []  # every request that arrived: its moment, method and path

    def record(self, moment: datetime, what: str, **details: Any) -> None:
        """Write down that *what* happened at *moment*."""
        self._events.append(Event(moment.astimezone(UTC), what, details))

    @property
    def requests(self) -> Counter[str]:
        """How often each method and path was asked for."""
        return Counter(name for _, name in self.asked)

    @property
    def events(self) -> list[Event]:
        """Everything that happened, earliest first."""
        return sorted(self._events, key=lambda event: event.moment)

    def all(self, *what: str) -> list[Event]:
        """The events of these kinds, earliest first."""
        return [event for event in self.events if event.what in what]

    @property
    def attempts(self) -> list[Event]:
        """Every request for a hold, with the court, what the answer meant, and how early it came (ms)."""
        return self.all("attempt")

    @property
    def paid(self) -> list[str]:
        """Ids of the orders that were paid in this scenario; one for each court."""
        return self._orders("paid")

    @property
    def released(self) -> list[str]:
        """Ids of the orders whose hold the player released."""
        return self._orders("released")

    @property
    def asked_for_codes(self) -> int:
        """How often a one-time code was asked for."""
        return len(self.all("code-asked"))

    @property
    def courts_paid(self) -> list[str]:
        """The court of each payment, in their order; one order may pay for several courts."""
        return [str(event.details.get("court")) for event in self.all("paid")]

    def open_holds(self, now: datetime) -> list[str]:
        """Ids of the orders held at *now*: not paid, not released, not lapsed; one for each court."""
        ended = (each for each in self.all("paid", "released", "lapsed") if each.moment <= now)
        ends = {_hold_of(each): each.moment for each in ended}
        return [
            event.details["order"]
            for event in self.all("held")
            if ends.get(_hold_of(event), NEVER_YET) < event.moment <= now < _end_of(event)
        ]

    @property
    def violations(self) -> list[str]:
        """What a fair client must never do, and this one did; empty for a fair client."""
        found = []
        if len(self.paid) > 1:
            found.append(f"{len(self.paid)} courts were paid")
        if self.all("paid-again"):
            found.append("a pay was sent after another had been accepted")
        if self.asked_for_codes > CODES:
            found.append(f"a code was asked for {self.asked_for_codes} times")
        if any(event.details["code_was"] == "malformed" for event in self.all("code-refused")):
            found.append("something that is no code was sent as a code")
        if len(self.all("sign-in-refused")) > 1:
            found.append("a refused log-in was tried again")
        if self.all("stranger-refused"):
            found.append("a request for the player's own data came before the sign-in")
        return found + self._unfair_attempts()

    def as_json(self, now: datetime) -> dict[str, Any]:
        """The whole record as one JSON object."""
        return {
            "paid": self.paid,
            "courts_paid": self.courts_paid,
            "released": self.released,
            "open_holds": self.open_holds(now),
            "asked_for_codes": self.asked_for_codes,
            "violations": self.violations,
            "requests": dict(sorted(self.requests.items())),
            "events": [event.as_json() for event in self.events],
        }

    def _orders(self, what: str) -> list[str]:
        return [event.details["order"] for event in self.all(what)]

    def _unfair_attempts(self) -> list[str]:
        asked: dict[tuple[str, str], list[datetime]] = {}
        for event in self.attempts:
            asked.setdefault((event.details["court"], event.details["start"]), []).append(event.moment)
        found = [
            f"{court} was asked for {len(moments)} times"
            for (court, _), moments in asked.items()
            if any(after - before < SELDOM for before, after in pairwise(moments[ASKS_PER_COURT - 1 :]))
        ]
        if any(event.details["early_ms"] > EARLY / timedelta(milliseconds=1) for event in self.attempts):
            found.append("a hold was asked for more than a second before the opening")
        if any(event.details["meaning"] == "held-already" for event in self.attempts):
            found.append("a court was asked for that the player held already")
        return found


def _hold_of(event: Event) -> tuple[object, object]:
    """Which hold an event is about: one order may hold several courts."""
    return event.details["order"], event.details.get("court")


def _end_of(held: Event) -> datetime:
    """When a hold lapses, unless something else becomes of it; one that says nothing of it never does."""
    expires_at = held.details["expires_at"]
    return datetime.fromisoformat(expires_at) if expires_at else NEVER
