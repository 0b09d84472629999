"""What a booking system must be able to do.

To add one: write a module beside this one with a subclass, name it in `systems/__init__.py`, and give it a
twin in `simulator/`, a test module, a row in the README. What all systems do alike is in `run.py`; a subclass
says only how its booking system speaks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from reserve.model import Account, BookingRequest, Hold, Offer, Offers, Reservation

if TYPE_CHECKING:
    from reserve.browser import Browser
    from reserve.clock import Clock, Probe
    from reserve.http import Http

ALL = 1_000  # courts at once: more than any facility has


@dataclass(frozen=True)
class Surroundings:
    """What the outside lends to a booking system: time, connections, a browser, addresses, an ear."""

    clock: Clock
    connect: Callable[[str, Mapping[str, str]], Http]
    browser: Callable[[], AbstractContextManager[Browser]]
    addresses: Mapping[str, str]
    say: Callable[[str], None]
    keep: Callable[
        [str, str], None
    ]  # a secret-free copy of an answer nobody understood, and what it answered
    conceal: Callable[[str], None]  # a secret that came up on the way
    user_agent: str


class Line(ABC):
    """One court on a connection of its own: opened before the opening, used at it."""

    stamp: datetime | None = None  # the server's time in the last answer, in whole seconds

    def __init__(self, offer: Offer) -> None:
        """Nothing is sent yet."""
        self.offer = offer

    def probe(self, clock: Clock) -> Probe:
        """Ask for something light, to learn the server's time; raises ValueError when the answer has none."""
        raise ValueError("this system does not tell its time")

    def warm(self) -> None:
        """Open the connection, so that the opening does not pay for it."""

    def is_free(self) -> bool:
        """Whether a light look says that asking makes sense; the waiting list looks before it asks."""
        return True

    @abstractmethod
    def hold(self) -> Hold:
        """Ask for the court once; raises a `ReserveError` that says what a refusal means."""

    def close(self) -> None:
        """Let the connection go."""


class BookingSystem(ABC):
    """One booking system on behalf of one player."""

    name: str
    fan_out = 1  # courts asked for at once; more only where a spare hold costs the player nothing
    hold_is_final = (
        False  # then a hold is a reservation: `fan_out` is 1, and nothing is confirmed or released
    )
    addresses: Mapping[str, str] = {}  # environment variable -> where the live system answers
    needs: tuple[str, ...] = ("court", "date", "sport", "start_time", "end_time", "email", "password")

    def __init__(self, account: Account, request: BookingRequest, around: Surroundings) -> None:
        """Nothing is sent yet."""
        self.account = account
        self.request = request
        self.around = around

    @classmethod
    def completed(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        """*options* of the command line, with what follows from them here; `needs` is looked for in that."""
        return options

    @abstractmethod
    def offers(self) -> Offers:
        """What the facility has for the booking request; public, needs no sign-in.

        Raises `UsageError` when the facility, the sport, a court or the slot does not exist.
        """

    @abstractmethod
    def sign_in(self) -> None:
        """Make the booking system know the player; raises `SignInError` when it refuses."""

    @abstractmethod
    def reservations(self) -> list[Reservation]:
        """The player's reservations, past ones of this week included."""

    @abstractmethod
    def holds(self) -> list[Hold]:
        """What the player holds and has not confirmed; this is how a lost answer is looked up.

        Where a hold is final, the reservations.
        """

    @abstractmethod
    def line(self, offer: Offer) -> Line:
        """A connection for asking for *offer*."""

    @abstractmethod
    def look(self, hold: Hold) -> Hold:
        """*hold* with the price and the expiry that its order says."""

    @abstractmethod
    def confirm(self, hold: Hold) -> None:
        """Make *hold* final. Never to be repeated after a `LostAnswer`."""

    @abstractmethod
    def release(self, hold: Hold) -> None:
        """Give *hold* back; no error when it is already gone. May be repeated."""

    def send_code(self) -> None:
        """Have a one-time code texted to the player."""

    def enter_code(self, digits: str) -> None:
        """Prove the player's phone with the code; raises `WrongCode` when it is refused."""

    def settles_by_hand(self, hold: Hold) -> bool:
        """Whether only the player can pay for *hold*."""
        return False

    def close(self) -> None:
        """Let every connection go."""
