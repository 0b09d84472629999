"""Every public answer of rec.us with one thing wrong: a named gap or a sane value, never a traceback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, time, timedelta
from itertools import islice
from typing import Any

import pytest

from reserve.errors import ReserveError
from reserve.http import Answer
from reserve.model import Offer
from reserve.systems.recus.facility import facility_ids, place_in
from reserve.systems.recus.schedule import lists_as_free, looks_free
from reserve.systems.recus.season import on_the_day
from tests.systems.test_recus import EVENING, OFFER, answered, sample, wanted

FIRST = 2  # entries of a list; the others are alike
DROPPED = object()


def shortened(value: Any) -> Any:
    """*value* with the first entries of each of its lists only."""
    if isinstance(value, dict):
        return {key: shortened(each) for key, each in value.items()}
    return [shortened(each) for each in value[:FIRST]] if isinstance(value, list) else value


def wrong_values(value: object) -> list[object]:
    """What may stand where *value* should."""
    found: list[object] = [DROPPED, None, "?", -1, {}, []]
    if isinstance(value, str):
        return [*found, int(value) if value.isdigit() else 7, value[: len(value) // 2]]
    return [*found, str(value)] if isinstance(value, int) else found


def mutated(whole: Any, part: Any) -> Iterator[Any]:
    """*whole*, again and again, with one thing in *part* of it wrong."""
    keys = list(part) if isinstance(part, dict) else range(min(FIRST, len(part)))
    for key in keys:
        value = part[key]
        for wrong in wrong_values(value):
            if wrong is DROPPED:
                if isinstance(part, dict):
                    del part[key]
                    yield whole
            else:
                part[key] = wrong
                yield whole
            part[key] = value
        if isinstance(value, dict | list):
            yield from mutated(whole, value)


def courts_of(answer: Answer) -> None:
    """Read a facility: what it offers lies ahead of its start, and its words are words."""
    place = on_the_day(place_in(answer), EVENING.start.date(), None, OFFER.opens_at)
    for each in place.published(EVENING.start.date(), time(18)):
        assert isinstance(each.window, str)
    with suppress(ReserveError):
        for offer in place.offers(wanted(start=time(18))).offers:
            assert offer.opens_at < offer.slot.start
            assert offer.buffer >= timedelta(0)


def free_half_hours_of(answer: Answer) -> None:
    assert lists_as_free(answer, OFFER) in (True, False)


def free_of(answer: Answer) -> None:
    day = date(2026, 3, 9) if "20260309" in answer.text else date(2026, 9, 7)
    slot = replace(EVENING, start=EVENING.start.replace(month=day.month, day=day.day))
    slot = replace(slot, end=slot.start + timedelta(minutes=90))
    assert looks_free(answer, Offer(OFFER.court, slot, OFFER.opens_at)) in (True, False)


EVERY: dict[Callable[[Answer], None], int] = {courts_of: 53, free_half_hours_of: 13, free_of: 17}  # will do


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("location", courts_of),
        ("location_windows", courts_of),
        ("location", free_half_hours_of),
        ("schedule", free_of),
        ("schedule_overlap", free_of),
    ],
)
def test_an_answer_with_one_thing_wrong_is_a_named_gap_or_makes_sense(
    name: str, read: Callable[[Answer], None]
) -> None:
    whole = shortened(sample(name))
    for wrong in islice(mutated(whole, whole.get("location", whole)), 0, None, EVERY[read]):
        with suppress(ReserveError):
            read(answered(wrong))


def test_a_list_of_facilities_with_one_thing_wrong_has_names_and_ids_only() -> None:
    whole = shortened({"all": sample("locations_availability")})
    for wrong in islice(mutated(whole, whole), 0, None, 13):
        with suppress(ReserveError):
            found = facility_ids(answered(wrong.get("all")))
            assert all(isinstance(each, str) for pair in found.items() for each in pair)
