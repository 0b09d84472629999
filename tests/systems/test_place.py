"""A facility as data: which of its courts fit a booking request, and what is said about the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest

from reserve.errors import UnknownAnswer, UsageError
from reserve.model import BookingRequest, WallTime
from reserve.systems.place import MINUTE, BookableCourt, Place, called, meant
from reserve.window import DaysAhead, HoursAhead, zone
from tests.fakes import usd

MADRID = zone("Europe/Madrid")
MONDAY = date(2026, 3, 30)  # the day after clocks went forward
COURT = BookableCourt("Court 1", {"padel": "c-1"}, HoursAhead(72))


def place(*courts: BookableCourt) -> Place:
    return Place("p", "Club", MADRID, courts)


def request(start: time = time(18), minutes: int = 90, sport: str = "padel") -> BookingRequest:
    return BookingRequest("Club", sport, MONDAY, (start,), timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("court", "start", "why"),
    [
        (replace(COURT, lengths=[60 * MINUTE]), time(18), "only for 60 minutes"),
        (replace(COURT, longest=60 * MINUTE), time(18), "60 minutes at most"),
        (replace(COURT, step=30 * MINUTE), time(18, 10), "steps of 30 minutes; nothing starts at 18:10"),
        (replace(COURT, fixed={1: ["16:30-18:00"]}), time(18), "the nearest that day: 16:30-18:00"),
        (replace(COURT, fixed={2: ["18:00-19:30"]}), time(18), "no 18:00-19:30 slot"),
        (replace(COURT, takes_reservations=False), time(18), "takes no reservations"),
    ],
)
def test_a_court_that_does_not_fit_is_skipped_with_the_reason(
    court: BookableCourt, start: time, why: str
) -> None:
    fits = replace(COURT, name="Court 2")

    with pytest.raises(UsageError, match=why):
        place(court).offers(request(start))
    found = place(court, fits).offers(request(start))
    assert [offer.court.name for offer in found.offers] == ["Court 2"]
    assert [court.name for court, _ in found.skipped] == ["Court 1"]


def test_a_court_of_which_nobody_says_when_it_opens_costs_no_other() -> None:
    silent, known = replace(COURT, window=None), replace(COURT, name="Court 2")

    found = place(silent, known).offers(request())

    assert [offer.court.name for offer in found.offers] == ["Court 2"]
    assert [(court.name, why) for court, why in found.skipped] == [("Court 1", "nothing says when it opens")]
    with pytest.raises(UnknownAnswer, match=r"Court 1: nothing says when it opens; .* give it as --opens-at"):
        place(silent).offers(request())


def test_the_player_can_say_when_a_court_opens_of_which_nothing_says_it() -> None:
    insisted = WallTime(date(2026, 3, 23), time(8))
    courts = (replace(COURT, window=None), replace(COURT, name="Court 2"))

    first, second = place(*courts).offers(replace(request(), opens_at=insisted)).offers

    assert first.opens_at == datetime.fromisoformat("2026-03-23T08:00:00+01:00")
    assert second.opens_at == HoursAhead(72).opens_at(second.slot.start)


def test_a_court_that_has_to_be_asked_for_in_time_says_until_when() -> None:
    club = place(replace(COURT, buffer=120 * MINUTE))

    (offer,) = club.offers(request()).offers
    (published,) = club.published(MONDAY, time(18))

    assert offer.closes_at == offer.slot.start - timedelta(hours=2)
    assert published.window == "72 hours ahead, slot by slot, until 120 minutes before it starts"


@pytest.mark.parametrize(
    ("rule", "opens_at", "words"),
    [
        (HoursAhead(72), "2026-03-27T17:00:00+01:00", "72 hours ahead, slot by slot"),
        (DaysAhead(3), "2026-03-27T18:00:00+01:00", "3 days ahead, slot by slot"),
        (DaysAhead(3, time(8)), "2026-03-27T08:00:00+01:00", "3 days ahead at 08:00"),
    ],
)
def test_each_kind_of_window_is_published_and_counted_over_a_change_of_the_clocks(
    rule: HoursAhead | DaysAhead, opens_at: str, words: str
) -> None:
    club = place(replace(COURT, window=rule))

    (offer,) = club.offers(request()).offers
    (published,) = club.published(MONDAY, time(18))

    assert offer.opens_at == published.opens_at == datetime.fromisoformat(opens_at)
    assert published.window == words


def test_what_costs_so_much_an_hour_costs_half_as_much_again_for_ninety_minutes() -> None:
    (offer,) = place(replace(COURT, an_hour=usd(500))).offers(request()).offers

    assert offer.price == usd(750)


def test_a_court_of_which_nobody_says_when_it_opens_is_only_a_trouble_for_who_wants_it() -> None:
    silent = replace(COURT, name="Court 2", ids={"tennis": "c-2"}, window=None)
    club = place(COURT, silent)

    assert len(club.offers(request()).offers) == 1
    assert club.published(MONDAY, time(18))[1].opens_at is None
    with pytest.raises(UnknownAnswer, match="Court 2: nothing says when it opens"):
        club.offers(request(sport="tennis"))


def test_a_sport_that_is_not_played_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="--sport: Club has no tennis court; it has padel"):
        place(COURT).offers(request(sport="tennis"))


def test_of_two_facilities_that_look_alike_the_first_is_meant() -> None:
    assert called("park", {"Park": "1", "PARK": "2"}) == "1"


def test_a_refusal_names_the_nearest_slots_and_no_more() -> None:
    slots = [f"{hour:02}:00-{hour + 1:02}:30" for hour in range(7, 21)]

    with pytest.raises(UsageError) as raised:
        place(replace(COURT, fixed={1: ["noon", *slots]})).offers(request(time(18, 10)))

    nearest = "18:00-19:30, 19:00-20:30, 17:00-18:30, 20:00-21:30, 16:00-17:30"
    assert str(raised.value).endswith(f"; the nearest that day: {nearest}")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("court 1", "Court 1"),
        ("1", "Court 1"),
        ("10", "Court 10"),
        ("cen", "Centre Court"),
        ("3", None),
        ("cemtre court", None),  # a near miss is suggested, never taken
    ],
)
def test_a_court_is_called_by_its_name_its_number_or_its_beginning(wanted: str, found: str | None) -> None:
    names = {name: name for name in ("Court 1", "Court 2", "Court 10", "Centre Court")}

    assert meant(wanted, names, "--only") == found


def test_what_may_be_several_is_refused_with_all_of_them() -> None:
    names = {"Moscone": "1", "Mission": "2", "Glen Park": "3"}

    assert called("glen", names) == "3"
    with pytest.raises(UsageError, match="'m' may be Mission, Moscone; which is meant"):
        called("m", names)


@pytest.mark.parametrize(
    ("typed", "near"),
    [
        ("Alise Marble", "the nearest is Alice Marble"),
        ("alise", "the nearest is Alice Marble"),
        ("gold", "there are Alice Marble, "),
    ],
)
def test_a_word_that_is_nearly_one_of_a_name_is_answered_with_that_name(typed: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"no facility is called '{typed}'; {near}"):
        called(typed, {"Alice Marble": "1", "Moscone": "2"})
