"""How much sooner to send, so that the earliest of some requests is early with a stated chance.

The *lead* of a request is what the server's clock shows when it arrives, minus what ours showed when it
left. A probe tells its own to a second. It is half of its trip, and how far the clocks are apart, and half of
what one way is always longer than the other: the last two are one unknown, the same for all requests, so
nobody need tell them apart. What remains is jitter. Of that we believe that each way takes the quickest, or
up to a *spread* more, evenly, and both ways alike; so a probe's way there is about half of its trip, the
more surely the nearer that is to the quickest or the slowest. How quick the quickest trip is, and how wide
the spread, is weighed by how well it explains the trips that we saw; one that took far longer than the
others hardly counts. All of this is Bayes' rule on a grid. All lengths are in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, prod

CHANCE = 0.012  # that the earliest request of an opening is early; measured, it stays below 2 %
SECOND = 1000.0  # how exact a stamp is
STILL = 0.02  # a network that is more even than that counts as so uneven
DEPTHS = [
    1.8 * (number + 0.5) / 7 for number in range(7)
]  # how far below what we saw the quickest trip may be
WIDTHS = (0.7, 0.9, 1.1, 1.35)  # the spread, in what the middle one of the trips was above the quickest
STEPS = 32  # of what the unknown may be
FREAKS = 0.05  # of the trips are explained by nothing
NARROWEST = 0.25  # of what the two ways may differ by at most: the ways need not be as we believe
HALVINGS = 22  # of what the lead may be: some seconds to less than a microsecond


@dataclass(frozen=True)
class Seen:
    """A probe: the least lead that it may have had (the most is a second more), and its trip."""

    least: float
    trip: float


@dataclass(frozen=True)
class Case:
    """What a lead may be at least and at most, and how well that explains what was seen."""

    quickest: float
    slowest: float
    weight: float


def possible(seen: Sequence[Seen]) -> list[Case]:
    """What may be so, none if nothing can: then the ways are not as we believe."""
    trips = sorted(each.trip for each in seen)
    middle = (trips[(len(trips) - 1) // 2] + trips[len(trips) // 2]) / 2
    above = max(middle - trips[0], STILL)
    shortest = trips[0] - above * DEPTHS[-1]
    low = max(each.least - each.trip / 2 - (each.trip - shortest) / 2 for each in seen)
    high = min(each.least + SECOND - each.trip / 2 + (each.trip - shortest) / 2 for each in seen)
    values = [low + (high - low) * (step + 0.5) / STEPS for step in range(STEPS)] if low < high else []
    cases = []
    for trip in (trips[0] - above * depth for depth in DEPTHS):
        for spread in ((middle - trip) * width for width in WIDTHS):
            explained = prod(above * _density(each - trip, spread) for each in trips)
            bounds = [(each.least - each.trip / 2, _doubt(each.trip - trip, spread)) for each in seen]
            bounds = [
                (least, doubt)
                for least, doubt in bounds
                if least + doubt > low or least + SECOND - doubt < high
            ]
            for value in values:
                weight = explained
                for least, doubt in bounds:
                    above_least, below_most = value - least, least + SECOND - value
                    if above_least < doubt or below_most < doubt:
                        weight *= _share(above_least / doubt) * _share(below_most / doubt)
                if weight:
                    quickest = value + trip / 2
                    cases.append(Case(quickest, quickest + spread, weight))
    return cases


def _density(extra: float, spread: float) -> float:
    """How likely a trip takes *extra* more than the quickest: the sum of two even spreads, and freaks."""
    times = extra / spread
    usual = min(times, max(0.0, 2 - times))
    return ((1 - FREAKS) * usual + FREAKS * min(times, 1.0) / (1 + times) ** 2) / spread


def _doubt(extra: float, spread: float) -> float:
    """By how much the way there of a trip that took so much *extra* may differ from half of it."""
    if extra > 2 * spread:  # a freak, and nobody knows on which of the two ways
        return extra / 2
    return max(min(extra, 2 * spread - extra), NARROWEST * extra) / 2


def _share(times: float) -> float:
    """How much of an even spread from -1 to 1 is below *times*."""
    return min(1.0, max(0.0, (times + 1) / 2))


def early(cases: Sequence[Case], lead: float, requests: int) -> float:
    """The chance that the earliest of so many *requests*, sent by *lead* before the opening, is early."""
    missed = total = 0.0
    for case in cases:
        total += case.weight
        if lead > case.quickest:
            later = max(0.0, (case.slowest - lead) / (case.slowest - case.quickest))
            missed += case.weight * (1 - later**requests)
    return missed / total


def lead_for(cases: Sequence[Case], requests: int, chance: float = CHANCE) -> float:
    """The greatest lead with no more than this *chance* that the earliest of so many *requests* is early."""
    low, high = min(case.quickest for case in cases), max(case.slowest for case in cases)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if early(cases, middle, requests) > chance:
            high = middle
        else:
            low = middle
    return low


def usual(cases: Sequence[Case], share: float) -> float:
    """The lead of a usual request, if so much of what may be so is below: 0.5 for the likeliest."""
    left = share * sum(case.weight for case in cases)
    for case in sorted(cases, key=lambda case: case.quickest + case.slowest):
        left -= case.weight
        if left <= 0:
            return (case.quickest + case.slowest) / 2
    return inf
