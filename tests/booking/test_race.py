"""Asking every court at the opening: few attempts, no lost hold, no request left in flight."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from reserve.booking.race import Race
from reserve.booking.stop import Stop
from reserve.booking.verification import Verification
from reserve.errors import (
    Blocked,
    LimitReached,
    LostAnswer,
    NotOpenYet,
    NotVerified,
    Overdue,
    ReserveError,
    SlotTaken,
    Throttled,
    TokenRefused,
    Unconfirmed,
    UnknownAnswer,
    UnknownRefusal,
    Unreachable,
    WayClosed,
)
from reserve.model import HoldStamp, Offer, Slot
from tests.fakes import EVENING, START, FakeClock, FakeSystem, context_of, offer

ONE, TWO, THREE = offer("Court 1"), offer("Court 2"), offer("Court 3")
LATER = Slot(EVENING.end, EVENING.end + (EVENING.end - EVENING.start))
PATIENCE = timedelta(seconds=10)


class Proved(Verification):
    """A phone that is proved as soon as that is wanted."""

    can_prove = True

    def prove(self, *, until: datetime) -> None:
        pass


def race(
    system: FakeSystem,
    *offers: Offer,
    at_once: bool = True,
    patience: timedelta = PATIENCE,
    stop: Stop | None = None,
    proves: bool = False,
) -> Race:
    context = context_of(system, stop=stop)
    moments = [START + timedelta(milliseconds=50 * number) for number in range(3)]
    verification = Proved(context) if proves else Verification(context)
    contest = Race(context, verification, moments, START + patience)
    contest.win(system.connections(*offers), at_once=at_once)
    return contest


def orders(contest: Race) -> list[str]:
    return [hold.order_id for hold in contest.held]


def meanings(contest: Race) -> list[str]:
    return [attempt.meaning for attempt in contest.context.attempts]


def test_all_courts_are_asked_at_the_same_moment(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"], "hold Court 2": ["b"], "hold Court 3": ["c"]})

    contest = race(system, ONE, TWO, THREE)

    assert orders(contest) == ["a", "b", "c"]
    assert {moment for moment, _ in system.diary} == {START}


def test_holds_come_in_the_order_of_preference_however_late_they_were_known(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut")], "hold Court 2": ["b"]})
    system.answers["holds"] = [[system.held(ONE, "a")]]

    assert orders(race(system, ONE, TWO)) == ["a", "b"]


@pytest.mark.parametrize(
    ("trip_ms", "early", "asked"),
    [
        (60, 1, [0, 0.06]),  # at once, not at the next planned moment
        (20, 1, [0, 0.05]),
        (60, 2, [0, 0.06, 0.47]),  # early twice: the window is late, and the attempts are few
        (20, 3, [0, 0.05, 0.1, 0.82]),
    ],
)
def test_whoever_was_early_asks_again_when_the_answer_is_there(
    clock: FakeClock, trip_ms: int, early: int, asked: list[float]
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [NotOpenYet("early")] * early + ["a"]})
    system.delay = timedelta(milliseconds=trip_ms)

    assert orders(race(system, ONE)) == ["a"]
    assert system.times("hold Court 1") == pytest.approx(asked)


def test_one_after_the_other_means_never_two_requests_at_once(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [SlotTaken("gone")], "hold Court 2": ["b"]})

    contest = race(system, ONE, TWO, THREE, at_once=False)

    assert orders(contest) == ["b"]
    assert system.most_at_once == 1
    assert system.said == ["hold Court 1", "hold Court 2"]


def test_a_system_whose_holds_cost_something_is_asked_for_one_court_at_a_time(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"]})
    system.fan_out = 1

    assert orders(race(system, ONE, TWO, THREE)) == ["a"]
    assert system.said == ["hold Court 1"]


def test_a_second_choice_of_time_is_asked_for_only_when_the_first_is_gone(clock: FakeClock) -> None:
    late = [replace(each, slot=LATER) for each in (ONE, TWO)]
    gone = [SlotTaken("gone")]
    system = FakeSystem(clock, {"hold Court 1": [*gone, "a"], "hold Court 2": [*gone, *gone]})

    contest = race(system, ONE, TWO, *late)

    assert [hold.offer for hold in contest.held] == [late[0]]
    assert system.times("hold Court 1")[1] > system.times("hold Court 2")[0]


def test_a_taken_court_is_asked_for_once(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [SlotTaken("gone")]})

    contest = race(system, ONE)

    assert system.said == ["hold Court 1"]
    assert isinstance(contest.verdict(), SlotTaken)


def test_a_window_that_opens_late_is_asked_again_soon_and_then_seldom_until_patience_ends(
    clock: FakeClock,
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [NotOpenYet("early")] * 8})

    contest = race(system, ONE)

    times = system.times("hold Court 1")
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[:4] == sorted(pauses[:4])
    assert times[4] > 2  # a server's clock may be two seconds behind
    assert all(pause >= 2 for pause in pauses[4:])
    assert 8 < times[-1] <= 10
    assert isinstance(contest.verdict(), NotOpenYet)


def test_a_window_that_opens_six_seconds_late_is_met(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [NotOpenYet("early")] * 6 + ["order-1"]})

    contest = race(system, ONE)

    assert [hold.order_id for hold in contest.held] == ["order-1"]
    assert 6 < system.times("hold Court 1")[-1] < 8


def test_the_second_race_after_a_code_has_only_the_attempts_that_are_left(clock: FakeClock) -> None:
    system = FakeSystem(
        clock, {"hold Court 1": [NotOpenYet("early"), NotVerified("code")] + [Unreachable("x")] * 3}
    )

    race(system, ONE, proves=True)

    assert system.said.count("hold Court 1") == 5


def test_a_refusal_in_unknown_words_is_asked_again_three_times_at_most_and_stays_unknown(
    clock: FakeClock,
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [UnknownRefusal("computer says no")] * 3})

    contest = race(system, ONE)

    assert meanings(contest) == ["refused in unknown words"] * 3
    assert isinstance(contest.verdict(), UnknownRefusal)


def test_who_is_asked_to_wait_waits_as_long_as_that(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [Throttled("slow down", timedelta(seconds=3)), "a"]})

    assert orders(race(system, ONE)) == ["a"]
    assert system.times("hold Court 1")[1] == pytest.approx(3.02)


def test_who_is_asked_to_wait_and_not_how_long_waits_a_second(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [Throttled("slow down"), "a"]})

    race(system, ONE)

    assert system.times("hold Court 1")[1] == pytest.approx(1.02)


def test_nobody_waits_beyond_the_players_patience(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [Throttled("slow down", timedelta(hours=1))]})

    contest = race(system, ONE)

    assert clock.now() < START + timedelta(seconds=1)
    assert isinstance(contest.verdict(), Throttled)


@pytest.mark.parametrize(
    "final",
    [LimitReached("1 a day"), Blocked("firewall"), TokenRefused("401")],
    ids=lambda e: type(e).__name__,
)
def test_an_answer_that_holds_for_all_courts_stops_the_asking(clock: FakeClock, final: ReserveError) -> None:
    system = FakeSystem(clock, {"hold Court 1": [final], "hold Court 2": [NotOpenYet("early")]})

    contest = race(system, ONE, TWO)

    assert system.said.count("hold Court 1") == system.said.count("hold Court 2") == 1
    assert isinstance(contest.verdict(), type(final))


@pytest.mark.parametrize(
    "final",
    [LimitReached("1 a day"), Blocked("firewall"), TokenRefused("401")],
    ids=lambda e: type(e).__name__,
)
def test_an_answer_that_holds_for_all_courts_stops_who_asks_one_by_one(
    clock: FakeClock, final: ReserveError
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [final]})

    race(system, ONE, TWO, at_once=False)

    assert "hold Court 2" not in system.said


def test_once_a_court_is_held_nobody_asks_again_for_another(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"], "hold Court 2": [NotOpenYet("early")]})

    assert orders(race(system, ONE, TWO)) == ["a"]
    assert system.said.count("hold Court 2") == 1


def test_a_hold_whose_answer_was_lost_is_found_and_adopted_once(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut")], "hold Court 2": [LostAnswer("cut")]})
    both = [system.held(ONE, "a"), system.held(TWO, "b")]
    system.answers["holds"] = [both * 2, both, both]  # a list that shifts while it is read has some twice

    contest = race(system, ONE, TWO)

    assert orders(contest) == ["a", "b"]
    assert meanings(contest) == ["answer lost", "answer lost"]
    assert not contest.refused


def test_a_lost_answer_that_was_a_no_is_asked_again(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("500"), LostAnswer("500"), "a"]})

    assert orders(race(system, ONE)) == ["a"]
    assert system.said[:4] == ["hold Court 1", "holds", "hold Court 1", "holds"]


def test_taken_after_a_lost_answer_may_mean_taken_by_us(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut"), SlotTaken("gone")]})
    system.answers["holds"] = [Unreachable("down"), [system.held(ONE, "a")]]

    assert orders(race(system, ONE)) == ["a"]


def test_a_limit_may_have_been_reached_by_our_own_hold(clock: FakeClock) -> None:
    system = FakeSystem(
        clock, {"hold Court 1": [LostAnswer("cut"), LimitReached("1 a day")], "holds": [Unreachable("down")]}
    )
    system.answers["holds"] += [[system.held(ONE, "a")]]

    assert orders(race(system, ONE)) == ["a"]


def test_an_acceptance_nobody_can_read_is_looked_up_and_not_repeated(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [UnknownAnswer("200, but what")], "holds": [[], []]})

    contest = race(system, ONE)

    assert system.said.count("hold Court 1") == 1
    assert system.said.count("holds") == 2
    assert isinstance(contest.verdict(), UnknownAnswer)


@pytest.mark.parametrize("lost", [Overdue("time-out"), UnknownAnswer("200, but what")], ids=repr)
def test_where_a_hold_is_final_nobody_else_is_asked_while_a_request_may_still_be_done(
    clock: FakeClock, lost: ReserveError
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [lost]})
    system.hold_is_final, system.fan_out = True, 1

    contest = race(system, ONE, TWO)

    assert "hold Court 2" not in system.said
    assert isinstance(contest.verdict(), Unconfirmed)


def test_where_a_hold_is_final_a_broken_connection_that_left_nothing_is_asked_again(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut"), "a"]})
    system.hold_is_final, system.fan_out = True, 1

    assert orders(race(system, ONE, TWO)) == ["a"]


def test_a_hold_at_a_court_of_the_same_name_in_another_facility_is_not_adopted(clock: FakeClock) -> None:
    mine, away = (replace(ONE, court=replace(ONE.court, facility=where)) for where in ("here", "there"))
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut"), SlotTaken("gone")]})
    system.answers["holds"] = [[system.held(away, "x")]] * 2

    assert orders(race(system, mine)) == []


def test_somebody_elses_hold_is_not_adopted(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut"), SlotTaken("gone")]})
    other_time = system.held(replace(ONE, slot=LATER), "x")
    system.answers["holds"] = [[other_time, system.held(THREE, "y")]] * 2

    assert orders(race(system, ONE)) == []


def test_every_request_gets_its_answer_before_the_race_is_over(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"], "hold Court 2": [LostAnswer("time-out")]})
    system.answers["holds"] = [[], [system.held(TWO, "b")]]

    contest = race(system, ONE, TWO)

    assert system.asking == 0
    assert orders(contest) == ["a", "b"]
    assert len(contest.context.attempts) == 2


def test_a_request_to_stop_lets_the_answers_come_and_asks_for_nothing_more(clock: FakeClock) -> None:
    stop = Stop()
    stop.shield()
    clock.call_at(START + timedelta(milliseconds=10), lambda: stop.ask(15))
    system = FakeSystem(clock, {"hold Court 1": [NotOpenYet("early")], "hold Court 2": ["b"]})

    contest = race(system, ONE, TWO, stop=stop)

    assert orders(contest) == ["b"]
    assert sorted(system.said) == ["hold Court 1", "hold Court 2"]


def test_a_bug_in_one_request_waits_for_the_others_before_it_comes_out(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [ValueError("bug")], "hold Court 2": ["b"]})

    with pytest.raises(ValueError, match="bug"):
        race(system, ONE, TWO)

    assert system.asking == 0
    assert "release b" in system.said


@pytest.mark.parametrize(
    ("answers", "says_most"),
    [
        ([SlotTaken("x"), NotOpenYet("x")], NotOpenYet),
        ([SlotTaken("x"), UnknownRefusal("x")], UnknownRefusal),
        ([UnknownRefusal("x"), LimitReached("x")], LimitReached),
        ([SlotTaken("x"), NotVerified("x")], NotVerified),
        ([NotVerified("x"), TokenRefused("x")], TokenRefused),
    ],
)
def test_the_verdict_is_the_answer_that_says_most(
    clock: FakeClock, answers: list[ReserveError], says_most: type[ReserveError]
) -> None:
    system = FakeSystem(clock, {"hold Court 1": answers[:1] * 5, "hold Court 2": answers[1:] * 5})

    assert isinstance(race(system, ONE, TWO, patience=timedelta(0)).verdict(), says_most)


def test_a_hold_that_is_found_only_when_other_courts_are_asked_again_keeps_its_place(
    clock: FakeClock,
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [LostAnswer("cut")], "hold Court 2": [NotVerified(), "b"]})
    system.answers["holds"] = [[], [], [system.held(ONE, "a")]]  # while Court 1 is asked for, after, at last

    contest = race(system, ONE, TWO, patience=timedelta(0), proves=True)

    assert orders(contest) == ["a", "b"]


def test_asking_again_after_a_code_stays_within_the_five_attempts(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [NotOpenYet()] * 4 + [NotVerified()]})

    race(system, ONE, proves=True)

    assert len(system.times("hold Court 1")) == 5


def test_a_request_that_left_late_says_nothing_about_the_opening(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"]})
    clock.sleep_until(START + timedelta(seconds=1))

    assert race(system, ONE).opening_delay is None


def test_where_the_way_to_ask_is_closed_the_other_one_is_tried_at_once_within_the_attempts(
    clock: FakeClock,
) -> None:
    system = FakeSystem(clock, {"hold Court 1": [WayClosed("gone"), NotOpenYet("closed"), "a"]})

    contest = race(system, ONE)

    assert orders(contest) == ["a"]
    assert meanings(contest) == ["no longer asked for in this way", "not open yet", "held"]
    first, second, _ = contest.context.attempts
    assert second.sent == first.answered


def test_a_way_that_is_closed_for_ever_ends_with_the_attempts(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": [WayClosed("gone")] * 5})

    assert str(race(system, ONE).verdict()) == "Court 1: gone"


@pytest.mark.parametrize("limit", ["hold Court 1", "hold Court 2"])
def test_a_second_hold_that_is_refused_because_of_the_first_costs_nothing(
    clock: FakeClock, limit: str
) -> None:
    answers = {"hold Court 1": ["a"], "hold Court 2": ["b"]} | {limit: [LimitReached("one at a time")]}
    contest = race(FakeSystem(clock, answers), ONE, TWO)

    assert orders(contest) == ["b" if limit == "hold Court 1" else "a"]


def test_when_a_hold_was_made_is_told_by_the_servers_own_clock(clock: FakeClock) -> None:
    system = FakeSystem(clock, {"hold Court 1": ["a"]})
    stamp = HoldStamp(START + timedelta(milliseconds=12), is_assumed=True)
    system.stamp_of_holds = stamp

    contest = race(system, ONE)

    assert [attempt.held for attempt in contest.context.attempts] == [stamp]
    told = "; by its own clock held T+0.012, if holds last ten minutes)"
    assert [text for _, text in contest.context.timeline.steps if text.endswith(told)]
