"""When a slot opens: calendar days and real hours, across both changes of the clocks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserve.errors import TooFarAhead, UsageError
from reserve.model import BookingRequest, Court, Offer, Offers, Opening, Slot
from reserve.when import read_moment
from reserve.window import (
    DaysAhead,
    HoursAhead,
    at,
    choose,
    parse_day,
    parse_time,
    slot,
    zone,
)

SF, OSLO = zone("America/Los_Angeles"), zone("Europe/Oslo")
EIGHT = time(8)


def iso(moment: datetime) -> str:
    return moment.isoformat()


@pytest.mark.parametrize(
    ("where", "day", "wall", "opens"),
    [
        # In San Francisco clocks go forward on 2026-03-08 and back on 2026-11-01.
        (SF, date(2026, 3, 7), time(18), "2026-02-28T08:00:00-08:00"),
        (SF, date(2026, 3, 8), time(18), "2026-03-01T08:00:00-08:00"),
        (SF, date(2026, 3, 14), time(18), "2026-03-07T08:00:00-08:00"),
        (SF, date(2026, 3, 15), time(18), "2026-03-08T08:00:00-07:00"),
        (SF, date(2026, 11, 1), time(18), "2026-10-25T08:00:00-07:00"),
        (SF, date(2026, 11, 7), time(18), "2026-10-31T08:00:00-07:00"),
        (SF, date(2026, 11, 8), time(18), "2026-11-01T08:00:00-08:00"),
        # In Oslo on 2026-03-29 and 2026-10-25.
        (OSLO, date(2026, 3, 29), time(18), "2026-03-22T08:00:00+01:00"),
        (OSLO, date(2026, 4, 5), time(18), "2026-03-29T08:00:00+02:00"),
        (OSLO, date(2026, 10, 25), time(18), "2026-10-18T08:00:00+02:00"),
        (OSLO, date(2026, 11, 1), time(18), "2026-10-25T08:00:00+01:00"),
    ],
)
def test_days_ahead_are_counted_on_the_calendar_of_the_facility(
    where: tzinfo, day: date, wall: time, opens: str
) -> None:
    assert iso(DaysAhead(7, EIGHT).opens_at(at(day, wall, where))) == opens


@pytest.mark.parametrize(
    ("where", "day", "opens"),
    [
        (SF, date(2026, 3, 10), "2026-03-07T17:00:00-08:00"),  # a day of 23 hours lies between
        (SF, date(2026, 11, 2), "2026-10-30T19:00:00-07:00"),  # a day of 25 hours
        (OSLO, date(2026, 3, 30), "2026-03-27T17:00:00+01:00"),
        (OSLO, date(2026, 10, 26), "2026-10-23T19:00:00+02:00"),
        (OSLO, date(2026, 6, 4), "2026-06-01T18:00:00+02:00"),
    ],
)
def test_hours_ahead_are_real_hours_whatever_the_clocks_do(where: tzinfo, day: date, opens: str) -> None:
    assert iso(HoursAhead(72).opens_at(at(day, time(18), where))) == opens


def test_a_release_time_that_the_clocks_skip_is_when_they_have_been_put_forward() -> None:
    rule = DaysAhead(7, time(2, 30))

    assert iso(rule.opens_at(at(date(2026, 3, 15), time(18), SF))) == "2026-03-08T03:30:00-07:00"


def test_a_slot_that_begins_in_a_time_the_clocks_show_twice_is_the_first_of_the_two() -> None:
    assert iso(at(date(2026, 11, 1), time(1, 30), SF)) == "2026-11-01T01:30:00-07:00"
    assert iso(at(date(2026, 10, 25), time(2, 30), OSLO)) == "2026-10-25T02:30:00+02:00"


@pytest.mark.parametrize(("start", "option"), [(time(2, 30), "--start-time"), (time(1, 30), "--end-time")])
def test_a_slot_in_a_time_that_the_clocks_skip_is_refused_by_the_name_of_its_option(
    start: time, option: str
) -> None:
    with pytest.raises(UsageError, match=rf"^{option}: 02:30 does not exist on 2026-03-08.*another time"):
        slot(date(2026, 3, 8), start, timedelta(hours=1), SF)


def test_a_slot_over_midnight_ends_on_the_next_day() -> None:
    late = slot(date(2026, 3, 9), time(23, 30), timedelta(hours=1), SF)

    assert iso(late.end) == "2026-03-10T00:30:00-07:00"


def test_a_fixed_offset_is_a_zone_too() -> None:
    here = timezone(timedelta(hours=-8))

    assert (
        iso(DaysAhead(2, time(12)).opens_at(at(date(2026, 3, 9), time(18), here)))
        == "2026-03-07T12:00:00-08:00"
    )


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="Mars/Olympus"):
        zone("Mars/Olympus")


# Which opening to wait for.

DAY = date(2026, 3, 9)
SLOT = slot(DAY, time(18), timedelta(minutes=90), SF)
OPENING = datetime.fromisoformat("2026-03-02T08:00:00-08:00")
SOON = OPENING - timedelta(minutes=5)
COURTS = [Court(str(number), f"Court {number}") for number in range(1, 5)]


def offers(*openings: datetime, skipped: tuple[tuple[Court, str], ...] = ()) -> Offers:
    found = tuple(Offer(court, SLOT, moment) for court, moment in zip(COURTS, openings, strict=False))
    return Offers("Alice Marble", SF, found, skipped)


def request(opens_at: str | None = None) -> BookingRequest:
    insisted = read_moment(opens_at, "-r", None) if opens_at else None
    return BookingRequest(
        "Alice Marble", "tennis", DAY, (time(18),), timedelta(minutes=90), opens_at=insisted
    )


def names(opening: Opening) -> list[str]:
    return [offer.court.name for offer in opening.offers]


def test_the_earliest_opening_counts_and_who_opens_later_is_skipped_with_the_reason() -> None:
    later = OPENING + timedelta(days=5, hours=4)

    opening = choose(offers(OPENING, later, OPENING), request(), SOON)

    assert opening.opens_at == OPENING
    assert names(opening) == ["Court 1", "Court 3"]
    ((court, why),) = opening.skipped
    assert court.name == "Court 2"
    assert "opens only at 2026-03-07 12:00:00" in why


def test_what_the_system_skipped_stays_skipped() -> None:
    opening = choose(offers(OPENING, skipped=((COURTS[3], "no such slot"),)), request(), SOON)

    assert opening.skipped == ((COURTS[3], "no such slot"),)


def test_what_is_open_already_is_booked_now() -> None:
    now = OPENING + timedelta(hours=3)

    opening = choose(offers(OPENING, now + timedelta(hours=1)), request(), now)

    assert opening.opens_at == now
    assert names(opening) == ["Court 1"]


def test_of_courts_that_opened_at_different_moments_all_are_asked_for() -> None:
    now = OPENING + timedelta(hours=3)

    opening = choose(offers(OPENING, now - timedelta(hours=1), now, now + timedelta(hours=1)), request(), now)

    assert names(opening) == ["Court 1", "Court 2", "Court 3"]
    assert [offer.court.name for offer in opening.later] == ["Court 4"]


@pytest.mark.parametrize("insisted", [None, "2026-03-02 08:00:00"])
def test_a_slot_that_is_nearer_than_its_buffer_is_refused_with_that_and_others_are_not(
    insisted: str | None,
) -> None:
    near = replace(offers(OPENING).offers[0], buffer=timedelta(hours=2))
    found, at_the_last = offers(OPENING, OPENING), SLOT.start - timedelta(hours=2)
    both = replace(found, offers=(near, found.offers[1]))
    alone = replace(found, offers=(near,))

    assert names(choose(both, request(insisted), at_the_last)) == ["Court 1", "Court 2"]
    too_late = at_the_last + timedelta(seconds=1)
    assert names(choose(both, request(insisted), too_late)) == ["Court 2"]
    with pytest.raises(UsageError, match="18:00-19:30 is too near: it has to be reserved 120 minutes ahead"):
        choose(alone, request(insisted), too_late)


def test_the_moment_of_the_opening_itself_is_open() -> None:
    assert choose(offers(OPENING), request(), OPENING).opens_at == OPENING


def test_the_players_word_wins_with_a_warning_that_names_both_moments() -> None:
    opening = choose(offers(OPENING), request("2026-03-02 08:00:03"), SOON)

    assert opening.opens_at == OPENING + timedelta(seconds=3)
    assert opening.warning
    assert "2026-03-02 08:00:03" in opening.warning
    assert "2026-03-02 08:00:00" in opening.warning
    assert names(opening) == ["Court 1"]


def test_the_players_word_needs_no_warning_when_the_system_says_the_same() -> None:
    opening = choose(offers(OPENING), request("2026-03-02 08:00:00"), SOON)

    assert (opening.opens_at, opening.warning) == (OPENING, None)


def test_the_player_may_wait_for_a_court_that_opens_later() -> None:
    later = OPENING + timedelta(hours=4)

    opening = choose(offers(OPENING, later), request("2026-03-02 12:00:00"), SOON)

    assert opening.opens_at == later
    assert names(opening) == ["Court 1", "Court 2"]


def test_the_player_may_insist_on_an_earlier_moment_than_the_published_one() -> None:
    opening = choose(offers(OPENING), request("2026-03-02 07:00:00"), OPENING - timedelta(hours=2))

    assert opening.opens_at == OPENING - timedelta(hours=1)
    assert names(opening) == ["Court 1"]


def test_a_moment_that_the_clocks_skip_cannot_be_insisted_on() -> None:
    with pytest.raises(UsageError, match=r"^--opens-at: 02:30 does not exist on 2026-03-08"):
        choose(offers(OPENING), request("2026-03-08 02:30"), SOON)


@pytest.mark.parametrize(("insisted", "option"), [(None, "--date"), ("2026-03-02 08:00:00", "--opens-at")])
def test_an_opening_too_far_ahead_is_refused_with_its_moment(insisted: str | None, option: str) -> None:
    with pytest.raises(TooFarAhead) as refused:
        choose(offers(OPENING), request(insisted), OPENING - timedelta(days=3))

    assert str(refused.value).startswith(f"{option}: ")
    assert "2026-03-02 08:00:00 (America/Los_Angeles)" in str(refused.value)


def test_who_only_checks_may_look_as_far_ahead_as_they_like() -> None:
    assert choose(offers(OPENING), request(), OPENING - timedelta(days=3), reach=None).opens_at == OPENING


@pytest.mark.parametrize("insisted", [None, "2026-03-02 08:00:00"])
def test_a_slot_that_has_begun_is_refused(insisted: str | None) -> None:
    with pytest.raises(UsageError, match=r"past.*--date and --start-time"):
        choose(offers(OPENING), request(insisted), SLOT.start)


def test_a_later_slot_of_the_same_day_may_still_be_had() -> None:
    evening = Slot(SLOT.end, SLOT.end + timedelta(minutes=90))
    found = Offers("X", SF, (Offer(COURTS[0], SLOT, OPENING), Offer(COURTS[0], evening, OPENING)))

    assert [offer.slot for offer in choose(found, request(), SLOT.start).offers] == [evening]


# What is published.


@pytest.mark.parametrize("text", ["2026-11-27", " 2026-11-27\n"])
def test_a_date_is_read(text: str) -> None:
    assert parse_day(text, "-d") == date(2026, 11, 27)


@pytest.mark.parametrize(
    "text",
    [
        "", "27.11.2026", "11/27/2026", "2026-11-31", "2026-02-29", "2026-13-01", "2026-1-1", "20261127",
        "2026-W48-5", "2026-11-27T10:00", "0001-01-01", "9999-12-31", "tomorrow", "\uff12026-11-27",
    ],
)  # fmt: skip
def test_what_is_no_date_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--date: .* write it as 2026-11-27$"):
        parse_day(text, "--date")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("18:00", time(18)),
        ("18:00:00", time(18)),
        ("8:00", EIGHT),
        (" 08:00 ", EIGHT),
        ("0:00:30", time(0, 0, 30)),
    ],
)
def test_a_time_is_read(text: str, meant: time) -> None:
    assert parse_time(text, "-t") == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "18",
        "18:60",
        "24:00",
        "25:00",
        "6pm",
        "18.00",
        "18:00:00:00",
        "-1:00",
        "18:",
        "180:00",
        "\u0660\u0668:\u0660\u0660",
    ],
)
def test_what_is_no_time_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--start-time: .* write it as 18:00 or 18:00:00$"):
        parse_time(text, "--start-time")


@given(
    st.text() | st.from_regex(r"[0-9TW: .+-]{0,20}", fullmatch=True),
    st.sampled_from([parse_day, parse_time]),
)
def test_whatever_is_typed_is_read_or_refused(text: str, parse: Callable[[str, str], object]) -> None:
    try:
        assert parse(text, "--date")
    except UsageError as refused:
        assert str(refused).startswith("--date: ")  # noqa: PT017


@given(
    st.dates(date(2000, 1, 1), date(2999, 12, 31)),
    st.times(),
    st.sampled_from([SF, OSLO]),
    st.integers(0, 21),
)
def test_every_slot_opens_before_it_starts_or_does_not_exist(
    day: date, wall: time, where: tzinfo, days: int
) -> None:
    try:
        start = at(day, wall, where)
    except UsageError:
        return

    assert DaysAhead(days, wall).opens_at(start) <= start.astimezone(UTC) + timedelta(hours=1)
    assert start - HoursAhead(24 * days).opens_at(start) == timedelta(days=days)
