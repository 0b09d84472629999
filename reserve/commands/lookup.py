"""Asking a booking system what it publishes, on nobody's behalf: nothing is signed in, kept or held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from reserve.clock import Clock
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import Connect, connect, public_system
from reserve.model import Account, Offers
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings

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
        wanted = booking.request, booking.account, booking.settings
        with public_system(*wanted, clock=clock, connect=connect) as system:
            return system.offers()

    return ask
