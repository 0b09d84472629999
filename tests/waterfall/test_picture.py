"""What is drawn of a run says what is stored of it, and leaves out what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from reserve.causes.facts import Facts
from reserve.errors import Meaning
from reserve.model import ActionKind, SpanKind
from reserve.waterfall.picture import MOST_ROWS, MarkKind, Panel, Row, Tone, Waterfall, Zero, scale, stamp
from tests.waterfall.runs import (
    MS,
    NOTHING_KNOWN,
    SECOND,
    TWO_HELD,
    WON,
    at,
    attempt,
    drawn,
    facts,
    past,
    rival,
    span,
)

MINUTE = 60 * SECOND


def panel(of: Waterfall, title: str) -> Panel:
    (found,) = [each for each in of.panels if each.title == title]
    return found


def row(of: Panel, name: str) -> Row:
    (found,) = [each for each in of.rows if each.name == name]
    return found


def test_steps_courts_and_what_followed_have_a_scale_each() -> None:
    picture = drawn()

    assert [each.title for each in picture.panels] == [
        "Before the opening",
        "At the opening",
        "After the opening",
    ]
    assert all(each.scale.begins < timedelta(0) < each.scale.ends for each in picture.panels)
    lengths = [each.scale.ends - each.scale.begins for each in picture.panels]
    assert lengths[0] > 2 * MINUTE > lengths[1] > 25 * MS


def test_a_step_is_drawn_beside_its_plan_and_its_delay_is_told() -> None:
    slow = [span(SpanKind.SIGN_IN, -118, 70)]

    sign_in = row(panel(drawn(found=facts(TWO_HELD, slow)), "Before the opening"), "sign-in")

    assert sign_in.plan == (-120 * SECOND, -60 * SECOND)
    assert (sign_in.bars[0].begins, sign_in.bars[0].ends) == (-118 * SECOND, -48 * SECOND)
    assert sign_in.words.endswith("12.0 s late")


def test_a_court_shows_each_request_the_hold_by_the_systems_own_clock_and_what_became_of_it() -> None:
    race = panel(drawn(), "At the opening")

    assert [each.name for each in race.rows] == ["Court 1", "Court 2", "Court 3"]  # ours, held, lost
    ours = row(race, "Court 1")
    assert (ours.bars[0].begins, ours.bars[0].ends, ours.bars[0].tone) == (5 * MS, 20 * MS, Tone.HELD)
    assert (ours.marks[0].at, ours.marks[0].kind) == (11 * MS, MarkKind.MADE)
    assert [each.words for each in race.rows] == [
        "held +20.0 ms, reserved",
        "held +18.0 ms, released",
        "taken +25.0 ms",
    ]


def test_all_moments_count_from_the_servers_opening() -> None:
    ahead = replace(facts(TWO_HELD), ahead=3 * MS)

    ours = row(panel(drawn(found=ahead), "At the opening"), "Court 1")

    assert (ours.bars[0].begins, ours.marks[0].at) == (8 * MS, 11 * MS)


def test_a_rival_that_is_known_is_shown_where_we_lost() -> None:
    race = panel(drawn(rivals=[rival("Court 3", 2), rival("Court 1", 9_000)]), "At the opening")

    assert row(race, "Court 3").words == "taken +25.0 ms, rival +2.0 ms"
    assert [mark.kind for mark in row(race, "Court 3").marks] == [MarkKind.RIVAL]
    assert MarkKind.RIVAL not in [mark.kind for mark in row(race, "Court 1").marks]  # it was ours by then


def test_a_code_that_comes_late_has_not_failed_and_one_that_never_comes_has() -> None:
    waits = [span(SpanKind.CODE_AWAITED, -60, 40, is_done=False), span(SpanKind.CODE_AWAITED, -20, 5)]

    came, never = (
        row(panel(drawn(found=facts(TWO_HELD, each)), "Before the opening"), "code on its way")
        for each in (waits, waits[:1])
    )

    assert {bar.tone for bar in came.bars} == {Tone.STEP}
    assert {bar.tone for bar in never.bars} == {Tone.TROUBLE}
    assert never.words.startswith("none came")


@pytest.mark.parametrize(
    ("found", "titles"),
    [
        (
            facts((), [span(SpanKind.FIND, -125, 1), span(SpanKind.SIGN_IN, -120, 4, is_done=False)]),
            ["Before the opening"],
        ),
        (
            replace(facts((), [span(SpanKind.FIND, -125, 9, is_done=False)]), opens_at=None),
            ["From the start"],
        ),
        (replace(facts((), []), opens_at=None), []),
    ],
)
def test_a_run_that_asked_for_no_court_has_a_picture_of_what_it_did(found: Facts, titles: list[str]) -> None:
    picture = drawn(past(exit_code=3), found)

    assert [each.title for each in picture.panels] == titles


def test_a_window_that_is_open_long_since_is_no_opening_to_count_from() -> None:
    found = replace(facts(TWO_HELD), opens_at=at(-100_000))

    picture = drawn(found=found)

    assert picture.zero is Zero.FIRST_REQUEST
    assert [each.title for each in picture.panels][1] == "At the first request"
    assert not picture.has_plan


def test_a_run_that_waited_for_hours_does_not_hide_its_last_minutes() -> None:
    early = [span(SpanKind.FIND, -7201, 1), span(SpanKind.SIGN_IN, -120, 12)]

    before = panel(drawn(past(started=-7200), facts(TWO_HELD, early)), "Before the opening")

    assert before.scale.begins > -3 * MINUTE
    assert row(before, "courts looked up").words == "1.00 s, done \u22122:00 h"


def test_of_an_older_version_the_actions_and_the_stamps_are_drawn() -> None:
    steps = [
        {"at": at(-1.26).isoformat(), "stamp": "T-1.3", "step": "signed in"},
        {"at": at(0.02).isoformat(), "stamp": "T+0.020", "step": "Court 1: held"},
        {"at": "yesterday", "stamp": "T+0.000", "step": "damaged"},
    ]

    picture = drawn(WON, NOTHING_KNOWN, steps)

    assert [each.title for each in picture.panels] == ["After the opening"]
    assert [(each.name, each.words) for each in picture.panels[0].rows] == [
        ("asked, held", "2 courts held +30.0 ms"),
        ("confirmation", "10.0 ms, done +70.0 ms"),
        ("released", "Court 2 +50.0 ms"),
    ]
    assert [words for _, words in picture.log] == ["signed in", "Court 1: held", "damaged"]


def test_what_a_waiting_list_asked_for_later_is_counted_and_not_drawn() -> None:
    spans = [span(SpanKind.WAIT, 1, 600)]
    later = [
        attempt("Court 1", 60_000 * number, 60_000 * number + 20, Meaning.TAKEN) for number in range(1, 9)
    ]

    race = panel(drawn(found=facts((*TWO_HELD, *later), spans)), "At the opening")

    assert race.scale.ends < SECOND
    assert race.note.endswith("8 later requests from the waiting list not drawn.")


def test_of_very_many_courts_those_that_were_held_are_drawn() -> None:
    many = [attempt(f"Court {number}", 5, 30, Meaning.TAKEN) for number in range(100)]
    many.append(attempt("Court 999", 6, 20, Meaning.HELD))

    race = panel(drawn(past((ActionKind.KEPT, "Court 999", 1), exit_code=8), facts(many)), "At the opening")

    assert len(race.rows) == MOST_ROWS
    assert (race.rows[0].name, race.rows[0].words) == ("Court 999", "held +20.0 ms, to be paid")
    assert [each.name for each in race.rows[1:12]][-2:] == ["Court 9", "Court 10"]
    assert "53 more courts not drawn" in race.note


@pytest.mark.parametrize(
    ("begins", "ends", "labels"),
    [
        (-2 * MS, 18 * MS, ["0", "+5 ms", "+10 ms", "+15 ms"]),
        (0 * MS, 900 * MS, ["0", "+0.2 s", "+0.4 s", "+0.6 s", "+0.8 s"]),
        (-125 * SECOND, 0 * SECOND, ["\u2212120 s", "\u221290 s", "\u221260 s", "\u221230 s", "0"]),
        (0 * SECOND, 600 * SECOND, ["0", "+2 min", "+4 min", "+6 min", "+8 min", "+10 min"]),
        (0 * SECOND, timedelta(days=20), ["0", "+96 h", "+192 h", "+288 h", "+384 h", "+480 h"]),
        (0 * MS, 0 * MS, ["0", "+0.2 ms", "+0.4 ms", "+0.6 ms", "+0.8 ms", "+1 ms"]),
        (timedelta(0), timedelta(days=4000), None),
    ],
)
def test_a_scale_has_a_few_round_moments(
    begins: timedelta, ends: timedelta, labels: list[str] | None
) -> None:
    found = scale(begins, ends)

    assert labels is None or [words for _, words in found.ticks] == labels
    for letter in (0.022, 1 / 29):  # on a phone, in a terminal
        written = found.labels(letter)
        assert len(written) >= 2
        assert all(later.begins - earlier.ends >= letter for earlier, later in pairwise(written))
        assert all(label.begins >= 0 and label.ends <= 1 for label in written)
    assert 0 < found.share(begins) < found.share(ends) <= 1 or begins == ends


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (4.06 * MS, "+4.1 ms"),
        (-1 * SECOND, "\u22121.00 s"),
        (-20.34 * SECOND, "\u221220.3 s"),
        (125 * SECOND, "+2:05 min"),
        (3 * 60 * MINUTE, "+3:00 h"),
    ],
)
def test_a_moment_is_told_as_exactly_as_a_person_wants_it(length: timedelta, said: str) -> None:
    assert stamp(length) == said
