"""What a run learns of a facility's openings for the next one: how late they come, and by whose clock."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from reserve.booking.openings import FARTHEST, agreed, ahead_by, delay_by, sooner_by
from reserve.clock import UNKNOWN, Probe, ServerTime, measure
from reserve.errors import Meaning
from reserve.model import Attempt, Bounds, HoldStamp, SeenOpening
from tests.fakes import START, FakeClock, StampingServer
from tests.stage import OPENS_AT, Stage

MS = timedelta(milliseconds=1)


def bounds(least: float, most: float) -> Bounds:
    return least * MS, most * MS


@pytest.mark.parametrize(
    ("latest_first", "together", "said"),
    [
        ([(200, 400)], (200, 400), "at the last opening"),
        ([(200, 400), (250, 500)], (250, 400), "at the last 2 openings"),
        ([(200, 400), (0, 0), (250, 500)], (250, 400), "at 2 of the last 3 openings"),  # one odd morning
        ([(0, 0), (200, 400), (250, 500)], (0, 0), "at 1 of the last 3 openings"),  # contradicted: forgotten
    ],
)
def test_of_the_last_openings_those_count_that_agree_with_the_latest(
    latest_first: Sequence[tuple[float, float]], together: tuple[float, float], said: str
) -> None:
    found = agreed([None, *(bounds(*each) for each in latest_first)])

    assert found is not None
    assert found.bounds == bounds(*together)
    assert found.at_openings == said


@pytest.mark.parametrize(
    ("latest", "is_a_delay"),
    [((0, 0), False), ((0, 400), True), ((200, 2999), True), ((200, 3000), False), ((4000, 5000), False)],
)
def test_a_window_that_opens_in_time_or_far_too_late_is_not_expected_late(
    latest: tuple[float, float], is_a_delay: bool
) -> None:
    assert (delay_by([SeenOpening(delay=bounds(*latest))]) is not None) is is_a_delay


@pytest.mark.parametrize(
    ("latest_first", "sooner"),
    [
        ([], 0),
        ([(-3, 5)], 0),  # the same clock, as far as anybody can tell
        ([(0.3, 5)], 0),  # nobody aims 0 ms sooner
        ([(18, 25)], 18),
        ([(-34, -28)], -34),
        ([(-34, -28), (-90, -30)], -34),
        ([(250, 260)], 40),
        ([(-260, -250)], -40),
        ([(18, 25), (0, 0)], 0),  # it was refused as too early when we believed it
        ([(-34, -28), (0, 0)], -34),  # which costs at most what it says
        ([(18, 25), (-5, 50)], 18),
    ],
)
def test_the_aim_is_moved_by_what_is_proved_and_never_by_much(
    latest_first: Sequence[tuple[float, float]], sooner: float
) -> None:
    seen = [SeenOpening(ahead=bounds(*each)) for each in latest_first]

    assert sooner_by(seen)[0] == sooner * MS
    assert abs(sooner_by(seen)[0]) <= FARTHEST


def seen_in(run: int, way: tuple[float, float], apart: float, work: tuple[float, float]) -> Bounds | None:
    """What an opening shows when the clock that decides is so far *apart*, by the holds of four courts."""
    chance = random.Random(run)
    clock = FakeClock(START + timedelta(seconds=chance.random()))
    stamping = StampingServer(clock, chance.uniform(-900, 900) * MS, way, way, chance)
    server = measure(stamping.probe, clock)
    attempts = []
    for _ in range(4):
        sent = server.likely(START)
        written = sent + chance.uniform(*way) * MS + stamping.offset + (apart + chance.uniform(*work)) * MS
        answered = written - stamping.offset - apart * MS + chance.uniform(*way) * MS
        if written >= START:
            held = HoldStamp(None, written)
            attempts.append(Attempt("Court 1", sent, sent, answered, Meaning.HELD, None, held))
    return ahead_by(attempts, server, opens_at=START, sooner=0 * MS)


@pytest.mark.parametrize("way", [(30, 30), (25, 35), (0, 10)], ids=str)
@pytest.mark.parametrize("work", [(2, 4), (20, 60)], ids=str)
@pytest.mark.parametrize("apart", [0, 30])
def test_how_far_two_clocks_are_apart_is_hardly_ever_stated_wrongly(
    way: tuple[float, float], work: tuple[float, float], apart: float
) -> None:
    found = [seen_in(run, way, apart, work) for run in range(20)]

    known = [each for each in found if each is not None]
    wrong = [each for each in known if not each[0] <= apart * MS <= each[1]]
    assert len(known) > 15
    assert not wrong
    if apart and way == (30, 30) and work == (2, 4):  # over an even way, to the work of the server
        assert all(each[0] > 20 * MS for each in known)


TRIPS = (20, 20, 22, 24, 30)  # ms, of the probes: a usual one takes 2 ms longer than the quickest
KNOWN = ServerTime(
    low=-3 * MS,
    high=3 * MS,
    lead=0 * MS,
    trip=20 * MS,
    probes=len(TRIPS),
    consistent=True,
    seen=tuple(Probe(START, START + trip * MS, START) for trip in TRIPS),
)


@pytest.mark.parametrize(
    ("server", "holds", "ahead"),
    [
        (KNOWN, [(0, 50, 40)], (4, 26)),
        (KNOWN, [(0, 50, 40), (5, 60, 42)], (4, 23)),  # of each hold what says more
        (KNOWN, [(0, 30, 45), (20, 45, 35)], None),  # one of them lies
        (KNOWN, [(0, 50, 40), (9_980, 10_010, 10_000)], (4, 26)),  # the second is no reading of a clock
        (KNOWN, [(0, 50, -1)], None),
        (KNOWN, [], None),
        (UNKNOWN, [(0, 50, 40)], None),
        (replace(KNOWN, consistent=False), [(0, 50, 40)], None),
    ],
)
def test_what_a_hold_says_of_the_clock_that_decides_leaves_the_doubt_of_a_way(
    server: ServerTime, holds: Sequence[tuple[float, float, float]], ahead: tuple[float, float] | None
) -> None:
    attempts = [
        Attempt("Court 1", START, START + sent * MS, START + answered * MS, Meaning.HELD, None, stamp)
        for sent, answered, written in holds
        for stamp in [HoldStamp(None, START + written * MS)]
    ]

    found = ahead_by(attempts, server, opens_at=START, sooner=0 * MS)

    assert found == (bounds(*ahead) if ahead else None)


def mornings(folder: Path, number: int, **scenario: timedelta) -> tuple[list[list[float]], list[str]]:
    """When requests for courts came at so many openings, in ms after each, and what was said at the last."""
    arrivals = []
    for morning in range(number):
        opens_at = OPENS_AT + timedelta(weeks=morning)
        with Stage(folder, {**scenario, "seed": morning}, opens_at=opens_at, seed=morning) as stage:
            assert stage.book().word == "reserved"
            arrivals.append([(each.moment - stage.simulated.opens_at) / MS for each in stage.ledger.attempts])
    return arrivals, [text for _, text in stage.run.timeline.steps]


@pytest.mark.parametrize("ahead_ms", [-30, 30])
def test_a_proxys_clock_is_told_from_that_which_decides_and_the_next_run_goes_by_the_latter(
    tmp_path: Path, ahead_ms: int
) -> None:
    (first, second), steps = mornings(tmp_path, 2, date_ahead=ahead_ms * MS)

    assert min(first) < 0 if ahead_ms > 0 else min(first) >= 29
    assert 0 <= min(second) < 10
    assert len(second) == 3  # nobody was refused as too early
    where = "behind" if ahead_ms > 0 else "ahead of"
    assert any(f"ms {where} the one in the header Date at the last opening; aiming" in each for each in steps)
    assert not any("asking then too" in each for each in steps)  # that explains all of it: no window was late


@pytest.mark.parametrize("ahead_ms", [-30, 30, 400])
def test_a_hold_whose_stamp_lies_costs_one_attempt_at_one_opening_and_no_time(
    tmp_path: Path, ahead_ms: int
) -> None:
    openings, steps = mornings(tmp_path, 3, stamps_ahead=ahead_ms * MS)

    harmed = [arrivals for arrivals in openings if not 0 <= min(arrivals) < 10]
    assert len(harmed) <= 1
    for arrivals in harmed:
        assert min(arrivals) > -41
        assert len(arrivals) == 2 * 3
        assert any(0 <= arrival < 10 for arrival in arrivals)
    # Nobody takes the window for late, nor says what is not so: what holds say here is believed no more.
    assert not any("asking then too" in each or "the next run goes by" in each for each in steps)
