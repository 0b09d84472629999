"""What lies ahead of a plan: its slots, when each opens as the facility publishes it, and what stops them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from itertools import islice, takewhile

from reserve.errors import UsageError
from reserve.model import Limits, Offers, Slot
from reserve.money import parse_money
from reserve.plans import plan as plans
from reserve.plans.plan import Choice, OpeningRule, Plan

SHOWN = 5  # slots
STAMP = "%Y-%m-%d %H:%M:%S"

Ask = Callable[[Plan, datetime, Choice], Offers]  # what a choice has for the slot that starts then


@dataclass(frozen=True)
class PreviewedSlot:
    """One slot of a plan: its start on the wall clock, its opening, and what would stop it."""

    start: datetime
    slot: Slot | None
    opens_at: datetime | None
    troubles: tuple[str, ...]


@dataclass(frozen=True)
class Preview:
    """What its facilities say about a plan."""

    zone: tzinfo
    rule: OpeningRule
    slots: tuple[PreviewedSlot, ...]
    wants_code: bool

    @property
    def trouble(self) -> str | None:
        """What would stop its slots, each with the first day that it stops."""
        first_days: dict[str, datetime] = {}
        for seen in self.slots:
            for trouble in seen.troubles:
                first_days.setdefault(trouble, seen.start)
        return "; ".join(f"{day:%a %Y-%m-%d}: {trouble}" for trouble, day in first_days.items()) or None


@dataclass(frozen=True)
class NamedPlan:
    """A plan of the player, the name in which it is told of, and those of its starts that came to nothing."""

    name: str
    plan: Plan
    lost: frozenset[datetime] = frozenset()


class Agenda:
    """What all plans of one player want, on the wall clock, and which of it cannot be had together."""

    def __init__(self, named_plans: Sequence[NamedPlan]) -> None:
        """Nothing is laid out before somebody asks for it."""
        self._wishes = named_plans
        self._weeks: dict[datetime, list[tuple[str, datetime, datetime]]] = {}

    def conflict(self, name: str, start: datetime, end: datetime, limits: Limits) -> str | None:
        """What stops the plan called *name* from having the slot from *start* to *end*, if anything does.

        An earlier slot opens earlier, and comes first; of two on one day, either may.
        """
        week = self._week(datetime.combine(start - timedelta(days=start.weekday()), time()))
        others = [each for each in week if each[0] != name]
        for whose, first, last in others:
            if first < end and start < last:
                return f"{whose} wants {first:%H:%M}-{last:%H:%M} on that day"
        mine = [each for each in week if each[0] == name and each[1] < start]
        before = [*mine, *(each for each in others if each[1].date() <= start.date())]
        for most, length, rivals in (
            (limits.per_day, "day", [each for each in before if each[1].date() == start.date()]),
            (limits.per_week, "week", before),
        ):
            if most is not None and len(rivals) >= most:
                names = ", ".join(sorted({each[0] for each in rivals}))
                used = f"slots of that {length} before it: {len(rivals)} ({names})"
                return f"{used}; the limit is {most} a {length}"
        return None

    def _week(self, monday: datetime) -> list[tuple[str, datetime, datetime]]:
        """Whose slot, its start and its end, of every slot in the week that begins on *monday*."""
        if monday not in self._weeks:
            self._weeks[monday] = [
                (named.name, start, start + named.plan.length)
                for named in self._wishes
                for start in takewhile(
                    lambda start: start < monday + timedelta(days=7),
                    named.plan.starts(monday - timedelta(seconds=1)),
                )
                if start not in named.lost
            ]
        return self._weeks[monday]


def look(
    plan: Plan,
    ask: Ask,
    now: datetime,
    *,
    name: str = "this plan",
    agenda: Agenda | None = None,
    most: int = SHOWN,
) -> Preview | None:
    """The next slots of *plan* as its facilities describe them; None when there are none ahead.

    It is called *name* in *agenda*, which tells what else the player wants. Raises `UsageError` when none of
    the slots exists at any of its facilities.
    """
    agenda = agenda or Agenda([NamedPlan(name, plan)])
    yesterday = now.replace(tzinfo=None) - timedelta(days=1)  # wherever the facility is
    slots = []
    known: Offers | None = None
    for start in islice(plan.starts(yesterday), most + 2):
        found, seen = _look(plan, ask, start)
        if found is not None:
            known = known or found
            conflict = agenda.conflict(name, start, start + plan.length, found.limits)
            seen = replace(seen, troubles=(*seen.troubles, conflict)) if conflict else seen
        if seen.slot is None or seen.slot.start > now:
            slots.append(seen)
    if not slots:
        return None
    if known is None:
        raise UsageError(slots[0].troubles[0])
    seen_all = [*slots[:most], *_beyond_the_change(plan, ask, known.zone, now)]
    pairs = [(each.slot.start, each.opens_at) for each in seen_all if each.slot and each.opens_at]
    if not pairs:
        return None
    return Preview(known.zone, plans.opening_rule(pairs), tuple(slots[:most]), known.wants_code)


def _look(plan: Plan, ask: Ask, start: datetime) -> tuple[Offers | None, PreviewedSlot]:
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
            troubles.append(f"{offers.facility} opens at {opening:{STAMP}}")
        if choice.courts:  # nobody misses a court that was not wanted by name
            troubles += [f"{court.name} is left out: {why}" for court, why in offers.left_out]
            later = [offer for offer in offers.offers if offer.opens_at != opening]
            troubles += [f"{offer} opens only at {offer.opens_at:{STAMP}}" for offer in later]
        troubles += _dear(plan, offers)
    slot = first.offers[0].slot if first else None
    return first, PreviewedSlot(start, slot, opens_at, tuple(troubles))


def _dear(plan: Plan, offers: Offers) -> list[str]:
    """What the price has to do with it, as far as it is published."""
    prices = [offer.price for offer in offers.offers if offer.price is not None]
    if len(prices) < len(offers.offers):
        unsaid = (
            f"{offers.facility} does not publish the price; what is dearer than --max-price is given back"
        )
        return [unsaid] if plan.max_price is not None else []
    cheapest = min(prices)
    if plan.max_price is not None and cheapest > parse_money(plan.max_price, cheapest.currency):
        return [f"{offers.facility} costs {cheapest}, more than --max-price allows"]
    if not cheapest.is_free and plan.pay == "by-hand":
        return [f"{offers.facility} costs {cheapest}: it is held until you pay by hand"]
    return []


def _beyond_the_change(plan: Plan, ask: Ask, zone: tzinfo, now: datetime) -> list[PreviewedSlot]:
    """The first slot after the clocks are next changed: it tells days ahead from hours ahead."""
    changes = plans.clock_changes(zone, now, most=1)
    if not changes or plan.rule is None:
        return []
    start = next(plan.starts(changes[0].replace(tzinfo=None)), None)
    return [_look(plan, ask, start)[1]] if start else []
