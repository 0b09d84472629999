"""Asking booking systems what they publish: nothing is signed in, kept or held, and nothing read twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reserve.clock import Clock
from reserve.commands.planned import booking_for
from reserve.commands.wiring import Connect, connect, public_system
from reserve.model import Account, Offers
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings
from reserve.systems.base import Answers

NOBODY = Account("nobody@example.com", "none")


class Lookup:
    """What facilities publish; an answer that was read serves every question of one command."""

    def __init__(self, settings: Settings, clock: Clock, connect: Connect = connect) -> None:
        """Nothing is sent yet."""
        email, password = settings.email or NOBODY.email, settings.password or NOBODY.password
        self._settings = replace(settings, email=email, password=password)
        self._clock = clock
        self._connect = connect
        self._answers: Answers = {}

    def offers(self, plan: Plan, start: datetime, choice: Choice) -> Offers:
        """What *choice* of *plan* has for the slot that starts at *start* on the wall clock."""
        booking = booking_for(plan, start, choice, self._settings)
        with public_system(
            booking.request,
            booking.account,
            booking.settings,
            clock=self._clock,
            connect=self._connect,
            answers=self._answers,
        ) as system:
            return system.offers()
