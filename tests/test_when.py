"""Times and days as people write them; today is Saturday, 21 November 2026."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserve import window
from reserve.errors import UsageError
from reserve.model import Slot, WallTime
from reserve.when import Every, in_full, read_day, read_every, read_moment, read_time

TODAY = date(2026, 11, 21)
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WED = ("wednesday",)


def at(text: str) -> time:
    return read_time(text, "-t")


def on(text: str) -> date:
    return read_day(text, "-d", TODAY)


def moment(text: str) -> WallTime:
    return read_moment(text, "-r", TODAY)


def every(text: str) -> Every:
    found = read_every(text, "--every")
    return Every(tuple(found.days), found.is_other, found.start, found.end)


def november(day: int) -> date:
    return date(2026, 11, day)


PHRASINGS: list[tuple[Callable[[str], object], str, object]] = [
    *((at, text, time(18)) for text in ("18:00", "18:00:00", "18", "6pm", "6 PM", "6:00 pm", "6p", "6 p.m.")),
    (at, " 8:00 ", time(8)),
    (at, "08", time(8)),
    (at, "6:30 pm", time(18, 30)),
    (at, "6:30", time(6, 30)),
    (at, "0:00:30", time(0, 0, 30)),
    (at, "noon", time(12)),
    (at, "12am", time(0)),
    (at, "12pm", time(12)),
    *((on, text, november(27)) for text in ("2026-11-27", " 2026-11-27\n", "fri", "Friday", "this fri")),
    *((on, text, november(27)) for text in ("next fri", "in 6 days", "+6", "nov 27", "27 Nov 2026")),
    *((on, text, november(27)) for text in ("Nov. 27th", "fri, nov 27", "fri 2026-11-27", "27.11.2026")),
    *((on, text, november(27)) for text in ("11/27", "Friday, November 27, 2026")),
    (on, "today", TODAY),
    (on, "tomorrow", november(22)),
    (on, "yesterday", november(20)),
    (on, "sat", TODAY),
    (on, "next sat", november(28)),
    (on, "+7", november(28)),
    (on, "5/5", date(2027, 5, 5)),
    (on, "29 feb", date(2028, 2, 29)),
    *(
        (moment, text, WallTime(november(27), time(8)))
        for text in ("2026-11-27 08:00:00", "2026-11-27T08:00:00", "2026-11-27 8:00", "fri at 8am")
    ),
    *(
        (every, text, Every(WED, False, time(18), None))
        for text in ("wed 18:00", "wednesday 6pm", "Wed 6:00 PM", "wed 18", "every wed 18:00", "weds at 6 pm")
    ),
    *(
        (every, text, Every(WED, False, time(18), time(19, 30)))
        for text in ("wed 18:00-19:30", "wed 18:00 - 19:30", "wed 6-7:30pm", "Wednesdays from 6pm to 7:30")
    ),
    (every, "mon-fri 7:00", Every(WEEK[:5], False, time(7), None)),
    (every, "mon to fri 7am", Every(WEEK[:5], False, time(7), None)),
    (every, "weekdays", Every(WEEK[:5], False, None, None)),
    (every, "weekends 9 am", Every(WEEK[5:], False, time(9), None)),
    (every, "daily 7:00", Every(WEEK, False, time(7), None)),
    (every, "every day 7:00", Every(WEEK, False, time(7), None)),
    (every, "other fri", Every(("friday",), True, None, None)),
    (every, "every other fri 10am", Every(("friday",), True, time(10), None)),
    (every, "tue, thu and sat 11-1pm", Every(("tuesday", "thursday", "saturday"), False, time(11), time(13))),
    (every, "sat-mon 7am", Every(("monday", "saturday", "sunday"), False, time(7), None)),
    # What means two things is refused with both, and what means none with the way out.
    (at, "6", "'6' may be 06:00 or 18:00; which is meant?"),
    (at, "12", "'12' may be 00:00 or 12:00; which is meant?"),
    (on, "12/5", "'12/5' may be 2026-12-05 (Dec 5) or 2027-05-12 (May 12); which is meant?"),
    (on, "5.12.2026", "may be 2026-05-12 (May 12) or 2026-12-05 (Dec 5); which is meant?"),
    (every, "wed 6-7", "'wed 6-7' may be 06:00 or 18:00; which is meant?"),
    (moment, "fri 8", "'fri 8' may be 08:00 or 20:00; which is meant?"),
    (on, "thu 2026-11-27", "is not one day: 2026-11-27 is a Friday"),
    (on, "tommorow", "'tommorow' is not a date; did you mean 'tomorrow'?"),
    (on, "wendesday", "did you mean 'wednesday'?"),
    (every, "wendesday 18:00", "'wendesday' is not a day; did you mean 'wednesday'?"),
    (every, "18:00", "'18:00' names no day; write it as 'wed 18:00'"),
    *((at, text, "write it as 18:00 or 6pm") for text in ("24:00", "25:00", "18:60", "13pm", "0pm", "18:")),
    *((at, text, "write it as 18:00 or 6pm") for text in ("180:00", "18.00", "\u0660\u0668:00", "6 7")),
    *((on, text, "write it as 2026-11-27") for text in ("2026-11-31", "2026-13-01", "20261127")),
    *((on, text, "write it as 2026-11-27") for text in ("0001-01-01", "9999-12-31", "next", "t", "13/13")),
    *((on, text, "write it as 2026-11-27") for text in ("next week", "nov", "99 nov", "31 nov", "+9999")),
    *((moment, text, "write it as 2026-11-20 08:00:00") for text in ("2026-03-02", "08:00:00", "fri 25:00")),
    *((moment, text, "write it as 2026-11-20 08:00:00") for text in ("2026-03-02 08:00:00Z", "fri")),
    *((every, text, "write it as 'wed 18:00'") for text in ("every", "t 18:00", "wed 25:00", "wed 18:00-")),
    *((every, text, "write it as 'wed 18:00'") for text in ("wed 18:00 19:00", "other 7:00", "wed - 18:00")),
    *(
        (read, text, "write it as")
        for read in (at, on, moment, every)
        for text in ("", "  ", "\U0001f3be", "x" * 10_000, "9" * 10_000, "\x1b[31mwed 18:00", "w\0d")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("read", "text", "meant"), PHRASINGS)
def test_what_people_write_is_read_as_it_is_meant_or_refused_in_a_sentence(
    read: Callable[[str], object], text: str, meant: object
) -> None:
    if not isinstance(meant, str):
        assert read(text) == meant
        return
    with pytest.raises(UsageError) as refused:
        read(text)
    said = str(refused.value)
    assert meant in said
    assert said.isprintable()
    assert len(said) < 250


@given(
    st.text() | st.from_regex(r"[0-9TWapm: .+/-]{0,20}", fullmatch=True),
    st.sampled_from([at, on, moment, every]),
)
def test_whatever_is_typed_is_read_or_refused(text: str, read: Callable[[str], object]) -> None:
    try:
        read(text)
    except UsageError as refused:
        assert str(refused).startswith("-")  # noqa: PT017


@pytest.mark.parametrize("text", ["fri", "tomorrow", "+7", "27 nov"])
def test_where_no_day_is_today_only_a_date_is_a_day(text: str) -> None:
    with pytest.raises(UsageError, match="write it as 2026-11-27"):
        read_day(text, "except", None)


def test_a_slot_is_said_in_full_with_what_clocks_here_show() -> None:
    start = window.at(november(25), time(18), window.zone("America/Los_Angeles"))
    slot = Slot(start, start + timedelta(minutes=90))

    assert in_full(slot).startswith("Wednesday 2026-11-25 18:00-19:30 PST (America/Los_Angeles)")
    assert in_full(Slot(slot.start.astimezone(), slot.end.astimezone())).count("here") == 0
