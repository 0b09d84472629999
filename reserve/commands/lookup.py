"""Asking a booking system what it publishes, on nobody's behalf: nothing is signed in, kept or held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from reserve.browser import Browser
from reserve.clock import Clock
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import USER_AGENT, Connect, addresses_of, connect
from reserve.model import Account, BookingRequest, Offers
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings
from reserve.systems import SYSTEMS
from reserve.systems.base import BookingSystem, Context

NOBODY = Account("nobody@example.com", "none")


def asking(
    settings: Settings, clock: Clock, connect: Connect = connect
) -> Callable[[Plan, datetime, Choice], Offers]:
    """A function that reads what a choice of a plan has for the slot that starts at some time."""

    def ask(plan: Plan, start: datetime, choice: Choice) -> Offers:
        words = plan.words(start, choice)
        somebody = replace(
            settings, email=settings.email or NOBODY.email, password=settings.password or NOBODY.password
        )
        booking = read_booking(booking_parser("book").parse_args(words), somebody)
        with looking(booking.system, booking.request, booking.account, settings, clock, connect) as system:
            return system.offers()

    return ask


@contextmanager
def looking(
    system: str,
    request: BookingRequest,
    account: Account,
    settings: Settings,
    clock: Clock,
    connect: Connect = connect,
) -> Iterator[BookingSystem]:
    """The booking system called *system*, to be asked what is public about *request*."""
    kind = SYSTEMS[system]
    context = Context(
        clock=clock,
        connect=connect,
        browser=lambda: Browser(clock, binary=None, driver=None, evidence=Path()),
        addresses=addresses_of(kind, settings),
        say=lambda text: None,
        keep=lambda asked, text: None,
        conceal=lambda secret: None,
        user_agent=settings.user_agent or USER_AGENT,
    )
    with closing(kind(account, request, context)) as found:
        yield found
