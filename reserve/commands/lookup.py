"""Asking a booking system what it publishes, on nobody's behalf: nothing is signed in, kept or held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from reserve.browser import Browser
from reserve.clock import Clock
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import USER_AGENT, Connect, connect
from reserve.model import Account, BookingRequest, Offers
from reserve.plans.plan import Choice, Plan
from reserve.systems import SYSTEMS
from reserve.systems.base import BookingSystem, Context

NOBODY = {"RESERVE_EMAIL": "nobody@example.com", "RESERVE_PASSWORD": "none"}


def asking(
    environ: Mapping[str, str], clock: Clock, connect: Connect = connect
) -> Callable[[Plan, datetime, Choice], Offers]:
    """A function that reads what a choice of a plan has for the slot that starts at some time."""

    def ask(plan: Plan, start: datetime, choice: Choice) -> Offers:
        words = plan.words(start, choice)
        booking = read_booking(
            booking_parser("book").parse_args(words), {**NOBODY, **_without_blanks(environ)}
        )
        with looking(booking.system, booking.request, environ, clock, connect) as system:
            return system.offers()

    return ask


@contextmanager
def looking(
    system: str,
    request: BookingRequest,
    environ: Mapping[str, str],
    clock: Clock,
    connect: Connect = connect,
) -> Iterator[BookingSystem]:
    """The booking system called *system*, to be asked what is public about *request*."""
    kind = SYSTEMS[system]
    context = Context(
        clock=clock,
        connect=connect,
        browser=lambda: Browser(clock, binary=None, driver=None, evidence=Path()),
        addresses={
            name: (environ.get(name) or default).rstrip("/") for name, default in kind.addresses.items()
        },
        say=lambda text: None,
        keep=lambda asked, text: None,
        conceal=lambda secret: None,
        user_agent=environ.get("RESERVE_USER_AGENT") or USER_AGENT,
    )
    with closing(kind(Account("", ""), request, context)) as found:
        yield found


def _without_blanks(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value}
