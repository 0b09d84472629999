"""How much sooner to send, over a network of any kind."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import median

import pytest

from reserve.lead import CHANCE, SECOND, Seen, early, lead_for, possible, usual

OPENINGS = 40
COURTS = 4
OFFSET = 321.7  # ms; how far the server's clock is ahead

Way = Callable[[random.Random], float]  # milliseconds in one direction


def probed(chance: random.Random, way: Way, lead: float) -> Seen:
    """A probe that the server's second changes for, if its lead is *lead*."""
    there, back = way(chance), way(chance)
    return Seen(lead - (SECOND if OFFSET + there < lead else 0), there + back)


def arrivals(chance: random.Random, way: Way) -> list[float]:
    """When the requests of an opening arrive after it, measured by 20 probes and one for each court."""
    low, high = OFFSET + way(chance) - 400, OFFSET + way(chance) + 600
    seen = [Seen(low, way(chance) + way(chance))]
    for _ in range(19):
        seen.append(probed(chance, way, (low + high) / 2))
        low = max(each.least for each in seen)
        high = min(each.least for each in seen) + SECOND
    cases = possible(seen)
    seen += [probed(chance, way, usual(cases, (place + 1) / (COURTS + 1))) for place in range(COURTS)]
    lead = lead_for(possible(seen), COURTS)
    return sorted(OFFSET + way(chance) - lead for _ in range(COURTS))


@pytest.mark.parametrize(
    ("way", "first", "last"),
    [
        (lambda chance: 30.0, 1.5, 1.5),
        (lambda chance: chance.uniform(25, 35), 6.0, 11.0),
        (lambda chance: chance.uniform(0, 10), 6.0, 11.0),
        (lambda chance: 25 + chance.expovariate(1 / 5), 8.0, 20.0),
        (
            lambda chance: 25 + chance.uniform(0, 2) + (chance.random() < 0.1) * chance.uniform(0, 99),
            4.0,
            9.0,
        ),
    ],
    ids=["even", "uneven", "uneven and near", "with a tail", "with a freak now and then"],
)
def test_of_several_requests_the_first_is_hardly_ever_early_and_the_last_is_not_late(
    way: Way, first: float, last: float
) -> None:
    chance = random.Random(7)
    openings = [arrivals(chance, way) for _ in range(OPENINGS)]

    assert sum(one[0] < 0 for one in openings) <= 2  # 2 % of 40, and one for chance
    assert median(one[0] for one in openings) <= first
    assert median(one[-1] for one in openings) <= last


def test_the_more_requests_there_are_the_later_they_are_sent() -> None:
    chance = random.Random(7)
    cases = possible([probed(chance, lambda chance: chance.uniform(25, 35), OFFSET + 30) for _ in range(12)])

    leads = [lead_for(cases, requests) for requests in (1, 4, 12)]

    assert leads == sorted(leads, reverse=True)
    assert all(early(cases, lead, n) <= CHANCE for lead, n in zip(leads, (1, 4, 12), strict=True))
    assert all(early(cases, lead + 0.001, n) > CHANCE for lead, n in zip(leads, (1, 4, 12), strict=True))
    assert early(cases, leads[0], 4) > CHANCE


def test_probes_that_no_network_explains_leave_nothing_possible() -> None:
    assert possible([Seen(0, 10), Seen(1500, 10)]) == []
