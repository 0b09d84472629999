"""What one simulated booking system is like: everything about it that may be one way or another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar, Self

from reserve.model import Account, Slot
from reserve.simulator.faults import Fault
from reserve.simulator.usual import NamedFault
from reserve.window import slot, zone

PLAYER = Account("player@example.com", "correct horse $% \"battery'", "+1 415 555 0100")
VERIFY = (
    "before",
    "after",
    "never",
)  # a one-time code: before a court can be held, before it is paid, not at all


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What all scenarios have; `opens_at` is the published moment (in whole seconds) of the slot on `day`."""

    days_ahead: ClassVar[int] = 7  # of the wanted day, when it opens

    opens_at: datetime
    day: date
    start: time = time(18, 0)  # of the wanted slot, which rivals want too
    length: timedelta = timedelta(hours=1)
    timezone: str = "UTC"
    seed: int = 0
    account: Account = PLAYER
    latency: timedelta = timedelta()  # of every answer
    faults: tuple[str | Fault, ...] = field(default=())  # names that the system knows, or faults of one's own
    # When courts open, and who else comes.
    clock_offset: timedelta = timedelta()  # how far the server's clock is ahead of the true time
    date_ahead: timedelta = timedelta()  # the clock in the header Date, a proxy's, of the server's
    opens_late: timedelta = timedelta()  # after the published moment
    rivals: int = 0
    places: int = 1  # how many can have one court at one time
    first_taken: bool = False  # a rival takes the first court at the very opening
    all_taken: bool = False  # rivals take every court at the very opening
    frees_after: timedelta | None = None  # the opening, by a rival who gives the first court up
    # What the system thinks of the player.
    refuses_password: bool = False
    believes: bool = True  # tokens, at all
    forgets: bool = False  # every token, once, at the very opening
    has_the_slot: bool = False  # the player has reserved the wanted slot already
    limit_counts_holds: bool = False  # does a hold count against the limits?
    parallel_holds: bool = True  # may one player hold two courts on one day?
    hold_length: timedelta | None = None  # until a hold lapses; None: it stays
    price_cents: int = 0  # per hour
    # One-time codes, and the phone that receives them.
    verify: str = "never"  # one of VERIFY
    verified_for: timedelta = timedelta(minutes=5)
    code_length: int = 6
    code_valid_for: timedelta = timedelta(minutes=2)
    texts: str = "prompt"  # how the phone delivers: one of phone.HABITS
    text_payload: str = "rental"  # or "one-time" (SMS facts 1)

    def __post_init__(self) -> None:
        """Refuse what makes no sense; what is published has whole seconds, so the opening has too."""
        if self.opens_at.utcoffset() is None:
            raise ValueError("the opening needs a time zone")
        if self.rivals < 0:
            raise ValueError("--rivals: there cannot be fewer than none")
        if self.price_cents < 0:
            raise ValueError("--price: nobody is paid for playing")
        if self.verify not in VERIFY:
            raise ValueError(f"{self.verify!r} is none of {', '.join(VERIFY)}")
        object.__setattr__(self, "opens_at", self.opens_at.replace(microsecond=0))

    @classmethod
    def opening(cls, opens_at: datetime, **settings: Any) -> Self:
        """A scenario of what opens at *opens_at*: the usual time of day, `days_ahead` later."""
        here = zone(str(settings.get("timezone", cls.timezone)))
        day = opens_at.astimezone(here).date() + timedelta(days=cls.days_ahead)
        return cls(opens_at=opens_at, day=day, **settings)

    @property
    def slot(self) -> Slot:
        """What the player wants, in the facility's time zone."""
        return slot(self.day, self.start, self.length, zone(self.timezone))

    def changed(self, **changes: Any) -> Self:
        """The same scenario with some switches set otherwise."""
        return replace(self, **changes)

    def with_faults(self, known: Mapping[str, NamedFault]) -> tuple[Self, list[Fault]]:
        """The scenario as its named faults leave it, and the faults that strike requests.

        Raises ValueError for a name that is not among the *known* ones.
        """
        scenario, strikes = self, []
        for fault in self.faults:
            if isinstance(fault, Fault):
                strikes.append(fault)
                continue
            if fault not in known:
                raise ValueError(f"no fault is called {fault!r}; there are {', '.join(known)}")
            strikes += known[fault].strikes
            if change := known[fault].change:
                scenario = scenario.changed(**change(scenario))
        return scenario, strikes
