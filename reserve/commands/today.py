"""Which day it is where one plays: `-d fri` means the Friday there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar

from reserve.clock import Clock
from reserve.commands.wiring import Connect, public_system
from reserve.model import Account, BookingRequest
from reserve.settings import Settings

NOBODY = Account("nobody@example.com", "none")  # what is public is told to anybody
A_DAY = timedelta(days=1)
T = TypeVar("T")


def reading_today(
    read: Callable[[date], T], request: BookingRequest, settings: Settings, clock: Clock, connect: Connect
) -> T:
    """What *read* makes of today at the facility of *request*, which is asked only when that matters.

    Nowhere is it another day than yesterday, today or tomorrow here.
    """
    now = clock.now()
    today = now.date()
    before, found, after = (read(each) for each in (today - A_DAY, today, today + A_DAY))
    if before == found == after:
        return found
    with public_system(replace(request, day=today), NOBODY, settings, clock=clock, connect=connect) as system:
        return read(now.astimezone(system.zone()).date())
