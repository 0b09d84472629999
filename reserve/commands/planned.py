"""One slot of a plan: how it is booked, and what facilities publish about it.

What a plan leaves open is filled in from the settings here only.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from reserve.clock import Clock
from reserve.commands.options import (
    Booking,
    account_named,
    maximum_price,
    refuse_unlimited_payment,
    way_to_sign_in,
)
from reserve.commands.today import NOBODY
from reserve.commands.wiring import Connect, connect, public_system
from reserve.model import Offers, Published
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings
from reserve.systems.base import Answers, BookingSystem
from reserve.systems.place import plain
from reserve.systems.registry import adapter_of


def amount(text: str | None) -> Decimal | None:
    """The price in *text* as a plan keeps it, in whatever currency; raises `UsageError` when it is none."""
    found = maximum_price(text, "USD")
    return None if found is None else Decimal(found.amount)


def filled(plan: Plan, settings: Settings) -> Plan:
    """*plan* with what it leaves to *settings*: the account that is named, and the maximum price."""
    most = amount(settings.max_price) if plan.max_price is None else plan.max_price
    return replace(plan, account=plan.account or settings.account, max_price=most)


def booking_for(
    plan: Plan, start: datetime, choice: Choice, settings: Settings, *, waits: bool = False
) -> Booking:
    """What to ask for at *choice* to have the slot that starts at *start* on the wall clock, and for whom.

    Raises `UsageError` when the plan cannot be booked so.
    """
    plan, system = filled(plan, settings), adapter_of(plan.system)
    request = system.fitted(plan.request(start, choice, currency=system.currency, waits=waits))
    request = replace(request, sign_in=way_to_sign_in(plan.sign_in, system, settings))
    refuse_unlimited_payment(request, system, settings)
    account = account_named(plan.account, plan.system, settings)
    return Booking(request, account, replace(settings, system=plan.system), as_json=False)


class Lookup:
    """What facilities publish: nobody signs in, and an answer serves every question of one command."""

    def __init__(self, settings: Settings, clock: Clock, connect: Connect = connect) -> None:
        """Nothing is sent yet."""
        email, password = settings.email or NOBODY.email, settings.password or NOBODY.password
        self._settings = replace(settings, email=email, password=password)
        self._clock = clock
        self._connect = connect
        self._answers: Answers = {}
        self._names: dict[str, str] = {}  # how a facility was called -> how it calls itself

    def offers(self, plan: Plan, start: datetime, choice: Choice) -> Offers:
        """What *choice* of *plan* has for the slot that starts at *start* on the wall clock."""
        with self._asked(plan, start, choice) as system:
            found = system.offers()
        self._names[choice.facility] = found.facility
        return found

    def published(self, plan: Plan, start: datetime, choice: Choice) -> list[Published]:
        """Every court of the facility of *choice*, and when the day of *start* opens there."""
        with self._asked(plan, start, choice) as system:
            return system.published()

    def _asked(self, plan: Plan, start: datetime, choice: Choice) -> AbstractContextManager[BookingSystem]:
        booking = booking_for(plan, start, choice, self._settings)
        return public_system(
            booking.request,
            booking.account,
            booking.settings,
            clock=self._clock,
            connect=self._connect,
            answers=self._answers,
        )

    def as_published(self, choice: Choice) -> Choice:
        """*choice* with the whole name of its facility, where it has the name or a beginning of it."""
        typed, name = choice.facility, self._names.get(choice.facility, "")
        is_so_called = typed and plain(name).startswith(plain(typed))  # or it may be a court, on Atrium
        # What stands behind a colon would be taken for a court.
        return replace(choice, facility=name) if is_so_called and ":" not in name else choice
