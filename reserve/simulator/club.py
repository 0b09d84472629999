"""What every simulated booking system has: a scenario, a web app, a ledger, and what leads a player to it.

To add one: subclass `Scenario` and `SimulatedSystem` in a package beside this module, and name it in
`simulator/__init__.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from threading import RLock
from typing import ClassVar, Self, TypeVar

from flask import Flask

from reserve.clock import Clock
from reserve.model import Account
from reserve.simulator.agenda import Agenda
from reserve.simulator.faults import Fault, FaultMiddleware
from reserve.simulator.ledger import Ledger, Sent

PLAYER = Account("player@example.com", "correct horse $% \"battery'", "+1 415 555 0100")

S = TypeVar("S", bound="Scenario")
Deliver = Callable[[dict[str, object]], None]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What all scenarios have; `opens_at` is the published moment (in whole seconds) of the slot on `day`."""

    FAULTS: ClassVar[Mapping[str, str]]  # what may go wrong here, by name

    opens_at: datetime
    day: date
    seed: int = 0
    rivals: int = 0
    account: Account = PLAYER
    clock_offset: timedelta = timedelta()  # how far the server's clock is ahead of the true time
    opens_late: timedelta = timedelta()  # after the published moment
    all_taken: bool = False  # rivals take every court at the very opening
    frees_after: timedelta | None = None  # the opening, by a rival who gives the first court up
    latency: timedelta = timedelta()  # of every answer
    faults: tuple[str | Fault, ...] = field(default=())  # names from FAULTS, or faults of one's own

    def __post_init__(self) -> None:
        """Refuse what makes no sense; what is published has whole seconds, so the opening has too."""
        if self.opens_at.utcoffset() is None:
            raise ValueError("the opening needs a time zone")
        if self.rivals < 0:
            raise ValueError("--rivals: there cannot be fewer than none")
        object.__setattr__(self, "opens_at", self.opens_at.replace(microsecond=0))
        for fault in self.faults:
            if isinstance(fault, str) and fault not in self.FAULTS:
                raise ValueError(f"no fault is called {fault!r}; there are {', '.join(self.FAULTS)}")

    def changed(self: S, **changes: object) -> S:
        """The same scenario with some switches set otherwise."""
        return replace(self, **changes)  # type: ignore[arg-type]  # the names are checked by replace itself


class SimulatedSystem(ABC):
    """One simulated booking system: its pages and its API in `app`, and what really happened in `ledger`."""

    name: ClassVar[str]  # the system's, as in `--system`
    title: ClassVar[str]  # what people call it
    scenario_type: ClassVar[type[Scenario]]
    # What only this one takes on a command line: option -> field of the scenario, and its meaning.
    options: ClassVar[Mapping[str, tuple[str, str]]] = {}
    ahead: ClassVar[timedelta] = timedelta(seconds=22)  # of a rehearsal; for a browser to start and sign in
    look: ClassVar[str]  # the request that shows what the player has reserved, as a pattern
    reserves: ClassVar[str | None] = None  # the request that reserves at once, as a pattern; None: it holds
    scenario: Scenario

    def __init__(
        self, scenario: Scenario, request_faults: list[Fault], agenda: Agenda, ledger: Ledger, app: Flask
    ) -> None:
        """Put the faults of the wire before *app*; every request then comes to it one at a time."""
        self.scenario, self.app = scenario, app
        self._agenda, self._ledger, self._lock = agenda, ledger, RLock()
        app.wsgi_app = FaultMiddleware(  # type: ignore[method-assign]
            app.wsgi_app,
            request_faults,
            lock=self._lock,
            latency=scenario.latency,
            sleep=agenda.clock.sleep,
            date=self._date,
            sent=self._sent,
            seen=self._seen,
            swallowed=self._swallowed,
        )

    @classmethod
    @abstractmethod
    def opening(cls, opens_at: datetime, clock: Clock, deliver: Deliver | None, **settings: object) -> Self:
        """The simulated system in a scenario of what opens at *opens_at*, with *settings* beside.

        Raises ValueError for a scenario that cannot be told.
        """

    @abstractmethod
    def environ(self, url: str) -> Mapping[str, str]:
        """The environment that leads a player to *url*, where this one answers."""

    def environ_of_player(self, url: str, webhook: str | None, token: str | None) -> dict[str, str]:
        """The same for the player of this scenario, whose texts come to the service at *webhook*."""
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

    @abstractmethod
    def words(self) -> list[str]:
        """What the player would write on the command line."""

    @property
    def ledger(self) -> Ledger:
        """What has really happened until now."""
        with self._lock:
            self._agenda.catch_up()
        return self._ledger

    @property
    def opens_at(self) -> datetime:
        """The true moment at which the wanted slot opens; the published one by the server's clock."""
        return self.scenario.opens_at - self.scenario.clock_offset + self.scenario.opens_late

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """What a player's run must neither tell nor leave on the disk, by kind."""
        account = self.scenario.account
        as_written = (account.phone or "").partition(" ")[2]  # without the code of the country
        digits = "".join(filter(str.isdigit, as_written))
        return {"password": [account.password], "phone": filter(None, [as_written, digits])}

    def note_swallowed(self, method: str, path: str, body: bytes, kind: str) -> None:
        """Write down what a request would have been that a fault of this *kind* kept from its app."""

    def _date(self) -> str:
        """The server's clock in whole seconds, as servers date their answers."""
        return format_datetime(self._agenda.server_now.astimezone(UTC).replace(microsecond=0), usegmt=True)

    def _sent(self, method: str, path: str) -> Sent:
        sent = Sent(self._agenda.now, f"{method} {path}")
        self._ledger.sent.append(sent)
        return sent

    def _seen(self, method: str, path: str) -> None:
        self._agenda.catch_up()
        self._ledger.asked.append((self._agenda.now, f"{method} {path}"))

    def _swallowed(self, method: str, path: str, body: bytes, fault: Fault) -> None:
        self._ledger.record(self._agenda.now, "fault", kind=fault.kind, request=f"{method} {path}")
        self.note_swallowed(method, path, body, fault.kind)
