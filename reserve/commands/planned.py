"""From a plan to the booking of one of its slots: what a plan leaves open is filled in here only."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from reserve.commands.options import Booking, account_named, ceiling, refuse_unlimited_payment
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings


def amount(text: str | None) -> Decimal | None:
    """The price in *text* as a plan keeps it, in whatever currency; raises `UsageError` when it is none."""
    found = ceiling(text, "USD")
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
    from reserve.systems.registry import SYSTEMS

    plan, system = filled(plan, settings), SYSTEMS[plan.system]
    request = system.fitted(plan.request(start, choice, currency=system.currency, waits=waits))
    refuse_unlimited_payment(request, system, settings)
    account = account_named(plan.account, plan.system, settings)
    return Booking(request, account, replace(settings, system=plan.system), as_json=False)
