"""What lies ahead of a plan: its slots, when each opens as the facility publishes it, and what stops them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import groupby, islice, takewhile

from reserve.errors import NoSuchSlot, UsageError
from reserve.model import Limits, Offers, Slot
from reserve.money import parse_money
from reserve.plans.plan import Choice, Plan
from reserve.window import OpeningRule, clock_changes, rule_behind

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
    returns: date | None = None  # when a slot that does not exist is expected again
    is_doubtful: bool = False  # whether it depends on the season


@dataclass(frozen=True)
class Preview:
    """What its facilities say about a plan."""

    zone: tzinfo
    rule: OpeningRule
    slots: tuple[PreviewedSlot, ...]
    wants_code: bool

    @property
    def begins(self) -> datetime | None:
        """When its first slot that exists starts."""
        return next((seen.slot.start for seen in self.slots if seen.slot), None)

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
    """A plan of the player, how messages call it, and those of its starts that came to nothing."""

    name: str
    plan: Plan
    lost: frozenset[datetime] = frozenset()


@dataclass(frozen=True)
class WantedSlot:
    """A start and an end on the wall clock, and the name of the plan that wants them."""

    whose: str
    start: datetime
    end: datetime


class PlayerPlans:
    """What all plans of one player want, on the wall clock, and which of it cannot be had together."""

    def __init__(self, named_plans: Sequence[NamedPlan]) -> None:
        """Nothing is worked out before somebody asks for it."""
        self._named_plans = named_plans
        self._weeks: dict[datetime, list[WantedSlot]] = {}

    def conflict(self, name: str, start: datetime, end: datetime, limits: Limits) -> str | None:
        """What stops the plan called *name* from having the slot from *start* to *end*, if anything does.

        An earlier slot opens earlier, and comes first; of two on one day, either may.
        """
        week = self._week(datetime.combine(start - timedelta(days=start.weekday()), time()))
        others = [each for each in week if each.whose != name]
        for other in others:
            if other.start < end and start < other.end:
                return f"overlaps {other.whose}, {other.start:%H:%M}-{other.end:%H:%M}"
        mine = [each for each in week if each.whose == name and each.start < start]
        before = [*mine, *(each for each in others if each.start.date() <= start.date())]
        days = groupby(sorted(before, key=lambda each: each.start), key=lambda each: each.start.date())
        had = [each for _, day in days for each in islice(day, limits.per_day)]
        same_day = [each for each in before if each.start.date() == start.date()]
        return _over("daily", limits.per_day, same_day) or _over("weekly", limits.per_week, had)

    def _week(self, monday: datetime) -> list[WantedSlot]:
        """Every slot that is wanted in the week that begins on *monday*."""
        if monday not in self._weeks:
            self._weeks[monday] = [
                WantedSlot(named.name, start, start + named.plan.length)
                for named in self._named_plans
                for start in takewhile(
                    lambda start: start < monday + timedelta(days=7),
                    named.plan.starts(monday - timedelta(seconds=1)),
                )
                if start not in named.lost
            ]
        return self._weeks[monday]


def _over(period: str, most: int | None, before: Sequence[WantedSlot]) -> str | None:
    """What to say when the slots *before* one use up a limit, if they do."""
    if most is None or len(before) < most:
        return None
    *names, last = sorted({each.whose for each in before})
    who = f"{', '.join(names)} and {last} use" if names else f"{last} uses"
    return f"over the {period} limit: {who} {f'all {most}' if most > 1 else 'the only one'}"


def look(
    plan: Plan,
    ask: Ask,
    now: datetime,
    *,
    name: str = "this plan",
    player_plans: PlayerPlans | None = None,
    most: int = SHOWN,
) -> Preview | None:
    """The next slots of *plan* as its facilities describe them; None when there are none ahead.

    A slot that is missing for a season is one line, and not one of the *most*. The plan is called *name* in
    *player_plans*, which has what else the player wants. Raises `UsageError` when none of the slots exists at
    any of its facilities.
    """
    player_plans = player_plans or PlayerPlans([NamedPlan(name, plan)])
    yesterday = now.replace(tzinfo=None) - timedelta(days=1)  # wherever the facility is
    slots: list[PreviewedSlot] = []
    known: Offers | None = None
    returns = date.min
    for start in plan.starts(yesterday):
        if sum(each.returns is None for each in slots) == most or len(slots) == 2 * most:
            break
        if start.date() < returns:  # nobody need be asked about every week of a winter
            continue
        found, seen = _look_at(plan, ask, start)
        returns = seen.returns or returns
        if found is not None:
            known = known or found
            conflict = player_plans.conflict(name, start, start + plan.length, found.limits)
            seen = replace(seen, troubles=(*seen.troubles, conflict)) if conflict else seen
        if seen.slot is None or seen.slot.start > now:
            slots.append(seen)
    if not slots:
        return None
    if known is None:
        raise UsageError(slots[0].troubles[0])
    beyond = _beyond_the_change(plan, ask, known.zone, now)
    seen_all = [*slots, *beyond]
    slots += [each for each in beyond if each.start > slots[-1].start and each.is_doubtful]
    pairs = [(each.slot.start, each.opens_at) for each in seen_all if each.slot and each.opens_at]
    if not pairs:
        return None
    return Preview(known.zone, rule_behind(pairs), tuple(slots), known.wants_code)


def _look_at(plan: Plan, ask: Ask, start: datetime) -> tuple[Offers | None, PreviewedSlot]:
    """The slot that starts at *start*; the first facility that has it says when it opens."""
    first: Offers | None = None
    opens_at: datetime | None = None
    troubles: list[str] = []
    returns: list[date] = []
    is_doubtful = False
    for choice in plan.choices:
        try:
            offers = ask(plan, start, choice)
        except UsageError as failure:
            if isinstance(failure, NoSuchSlot) and failure.returns:
                returns.append(failure.returns)
            troubles.append(str(failure))
            continue
        opening = min(offer.opens_at for offer in offers.offers)
        if opens_at is None:
            first, opens_at = offers, opening
        elif opening != opens_at:
            troubles.append(f"{offers.facility} opens at {opening:{STAMP}} instead")
        if choice.courts:  # nobody misses a court that was not wanted by name
            troubles += [f"{court.name} skipped: {why}" for court, why in offers.skipped]
            later = [offer for offer in offers.offers if offer.opens_at != opening]
            troubles += [f"{offer} opens later, at {offer.opens_at:{STAMP}}" for offer in later]
        troubles += [*offers.doubts, *_price_troubles(plan, offers)]
        is_doubtful = is_doubtful or bool(offers.doubts)
    slot = first.offers[0].slot if first else None
    is_doubtful = is_doubtful or bool(returns)
    back = min(returns) if returns and first is None else None
    return first, PreviewedSlot(start, slot, opens_at, tuple(troubles), back, is_doubtful)


def _price_troubles(plan: Plan, offers: Offers) -> list[str]:
    """What is wrong with the price, as far as it is published."""
    prices = [offer.price for offer in offers.offers if offer.price is not None]
    if len(prices) < len(offers.offers):
        if plan.max_price is None:
            return []
        return [f"{offers.facility} publishes no price; a court over the maximum price is released again"]
    cheapest = min(prices)
    if plan.max_price is not None and cheapest > parse_money(str(plan.max_price), cheapest.currency):
        return [f"{offers.facility} costs {cheapest}, over the maximum price"]
    if not cheapest.is_free and plan.pay == "by-hand":
        return [f"{offers.facility} costs {cheapest}: it is held until you pay"]
    return []


def _beyond_the_change(plan: Plan, ask: Ask, zone: tzinfo, now: datetime) -> list[PreviewedSlot]:
    """The first slot after the clocks are next changed: it tells days ahead from hours ahead."""
    changes = clock_changes(zone, now, most=1)
    if not changes or plan.rule is None:
        return []
    start = next(plan.starts(changes[0].replace(tzinfo=None)), None)
    return [_look_at(plan, ask, start)[1]] if start else []
