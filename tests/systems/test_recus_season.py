"""Slots that come and go with the season: what the day's schedule says counts, and guesses are named."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from reserve.errors import NoSuchSlot
from reserve.model import Offers
from reserve.systems.recus.facility import place_in
from reserve.systems.recus.season import evening_slot, on_the_day
from tests.systems.test_recus import answered, court, sample, wanted

WINTER, SUMMER = date(2026, 11, 25), date(2027, 3, 17)
IN_NOVEMBER, IN_JULY = datetime(2026, 11, 18, 16, tzinfo=UTC), datetime(2026, 7, 1, 16, tzinfo=UTC)
LAST, EVENING = "16:30-18:00", "18:00-19:30"


def found_on(day: date, now: datetime, slots: list[str], schedule: dict[str, str] | None = None) -> Offers:
    """What Court 1 has at 18:00 on *day*, when it publishes *slots* for that weekday and this *schedule*."""
    answer = sample("location")
    policy = court(answer["location"], "Court 1")["config"]["bookingPolicies"][0]
    policy["slots"] = [
        {"dayOfWeek": day.isoweekday(), "startTimeLocal": f"{each[:5]}:00", "endTimeLocal": f"{each[6:]}:00"}
        for each in slots
    ]
    shown: Any = None
    if schedule is not None:
        words = {span: {"referenceType": word} for span, word in schedule.items()}
        shown = answered({"dates": {f"{day:%Y%m%d}": [{"courtNumber": "Court 1", "schedule": words}]}})
    request = wanted(day=day, start=time(18), only=("Court 1",))
    return on_the_day(place_in(answered(answer)), day, shown, now).offers(request)


@pytest.mark.parametrize(
    ("slots", "evening"),
    [
        (["07:30-09:00", LAST, EVENING], EVENING),
        (["07:30-09:00", LAST], EVENING),  # it would follow
        (["17:00-18:00"], "18:00-19:00"),
        ([EVENING, "19:30-21:00"], None),  # lit
        (["07:30-09:00"], None),
        (["noon"], None),
        ([], None),
    ],
)
def test_the_slot_that_depends_on_the_season_is_the_last_one_before_dark(
    slots: list[str], evening: str | None
) -> None:
    assert evening_slot(slots) == evening


@pytest.mark.parametrize(
    ("slots", "schedule"),
    [
        ([LAST], None),  # the policy is edited twice a year
        ([LAST], {"07:30, 18:00": "RESERVABLE", "18:00, 21:00": "OPEN"}),
        ([LAST, EVENING], {"07:30, 18:00": "RESERVABLE", "18:00, 21:00": "OPEN"}),  # only the day lacks it
        ([LAST], {"18:00, 19:00": "RESERVATION", "19:00, 21:00": "OPEN"}),  # an hour on the same ground
    ],
)
def test_a_slot_that_is_missing_in_winter_is_refused_with_its_return(
    slots: list[str], schedule: dict[str, str] | None
) -> None:
    with pytest.raises(NoSuchSlot, match=f"nearest that day: {LAST}; by the season .* 2027-03-14") as seen:
        found_on(WINTER, IN_NOVEMBER, slots, schedule)

    assert seen.value.returns == date(2027, 3, 14)


@pytest.mark.parametrize(
    ("day", "now", "slots", "schedule", "doubts"),
    [
        (WINTER, IN_NOVEMBER, [LAST, EVENING], {"07:30, 19:30": "RESERVABLE"}, ()),
        (WINTER, IN_NOVEMBER, [LAST, EVENING], {"18:00, 19:30": "RESERVATION"}, ()),  # taken, so there is one
        (WINTER, IN_NOVEMBER, [LAST, EVENING], {}, ()),
        (SUMMER, IN_NOVEMBER, [LAST], {"07:30, 19:30": "RESERVABLE"}, ()),
        (SUMMER, IN_NOVEMBER, [LAST], {"07:30, 18:00": "RESERVABLE", "18:00, 19:30": "RESERVATION"}, ()),
        (SUMMER, IN_NOVEMBER, [LAST], {"17:00, 19:00": "RESERVATION", "19:00, 19:30": "RESERVABLE"}, ()),
        (
            SUMMER,
            IN_NOVEMBER,
            [LAST],
            None,
            ("not published yet; expected as .* 2027-03-14",),
        ),
        (WINTER, IN_JULY, [LAST, EVENING], None, ("may be missing from 2026-11-01 to 2027-03-14",)),
        (WINTER, IN_JULY, [LAST, EVENING], {"07:30, 19:30": "RESERVABLE"}, ()),
    ],
)
def test_a_slot_that_is_published_for_its_day_is_offered_and_one_that_is_guessed_says_so(
    day: date, now: datetime, slots: list[str], schedule: dict[str, str] | None, doubts: tuple[str, ...]
) -> None:

    found = found_on(day, now, slots, schedule)

    assert [offer.court.name for offer in found.offers] == ["Court 1"]
    assert len(found.doubts) == len(doubts)
    assert all(re.search(doubt, said) for doubt, said in zip(doubts, found.doubts, strict=True))


def test_a_slot_that_is_missing_in_summer_is_not_said_to_return() -> None:
    closed = {"07:30, 18:00": "RESERVABLE", "18:00, 21:00": "OPEN"}

    with pytest.raises(NoSuchSlot) as seen:
        found_on(SUMMER, IN_NOVEMBER + timedelta(days=115), [LAST], closed)

    assert seen.value.returns is None
