"""What lies ahead of a plan: its slots, when each opens as the facility publishes it, and what stops them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import islice

from reserve import plans
from reserve.errors import UsageError
from reserve.model import Offers, Slot
from reserve.plans import Choice, OpeningRule, Plan

SHOWN = 5  # slots

Ask = Callable[[Plan, datetime, Choice], Offers]  # what a choice has for the slot that starts then


@dataclass(frozen=True)
class Foreseen:
    """One slot of a plan: its start on the wall clock, its opening, and what would stop it."""

    start: datetime
    slot: Slot | None
    opens_at: datetime | None
    troubles: tuple[str, ...]


@dataclass(frozen=True)
class Outlook:
    """What its facilities say about a plan."""

    zone: tzinfo
    rule: OpeningRule
    foreseen: tuple[Foreseen, ...]


def look(plan: Plan, ask: Ask, now: datetime, *, most: int = SHOWN) -> Outlook | None:
    """The next slots of *plan* as its facilities describe them; None when there are none ahead.

    Raises `UsageError` when none of them exists at any of its facilities.
    """
    yesterday = now.replace(tzinfo=None) - timedelta(days=1)  # wherever the facility is
    foreseen, zone = [], None
    for start in islice(plan.starts(yesterday), most + 2):
        found, seen = _look(plan, ask, start)
        if found is not None:
            zone = zone or found.zone
        if seen.slot is None or seen.slot.start > now:
            foreseen.append(seen)
    if not foreseen:
        return None
    if zone is None:
        raise UsageError(foreseen[0].troubles[0])
    seen_all = [*foreseen[:most], *_beyond_the_change(plan, ask, zone, now)]
    pairs = [(each.slot.start, each.opens_at) for each in seen_all if each.slot and each.opens_at]
    if not pairs:
        return None
    return Outlook(zone, plans.opening_rule(pairs), tuple(foreseen[:most]))


def _look(plan: Plan, ask: Ask, start: datetime) -> tuple[Offers | None, Foreseen]:
    """The slot that starts at *start*; the first facility that has it says when it opens."""
    first: Offers | None = None
    opens_at: datetime | None = None
    troubles: list[str] = []
    for choice in plan.choices:
        try:
            offers = ask(plan, start, choice)
        except UsageError as failure:
            troubles.append(str(failure))
            continue
        opening = min(offer.opens_at for offer in offers.offers)
        if opens_at is None:
            first, opens_at = offers, opening
        elif opening != opens_at:
            troubles.append(f"{offers.facility} opens at {opening:%Y-%m-%d %H:%M:%S}")
        troubles += _dear(plan, offers)
    slot = first.offers[0].slot if first else None
    return first, Foreseen(start, slot, opens_at, tuple(troubles))


def _dear(plan: Plan, offers: Offers) -> list[str]:
    prices = [offer.price_cents for offer in offers.offers if offer.price_cents is not None]
    if len(prices) < len(offers.offers):
        return []
    cheapest = min(prices) / 100
    if plan.max_price is not None and cheapest > float(plan.max_price):
        return [f"{offers.facility} costs {cheapest:.2f}, more than --max-price allows"]
    if cheapest and plan.pay == "by-hand":
        return [f"{offers.facility} costs {cheapest:.2f}: it is held until you pay by hand"]
    return []


def _beyond_the_change(plan: Plan, ask: Ask, zone: tzinfo, now: datetime) -> list[Foreseen]:
    """The first slot after the clocks are next changed: it tells days ahead from hours ahead."""
    changes = plans.clock_changes(zone, now, most=1)
    if not changes or plan.rule is None:
        return []
    start = next(plan.starts(changes[0].replace(tzinfo=None)), None)
    return [_look(plan, ask, start)[1]] if start else []
