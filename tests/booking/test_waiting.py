"""The waiting list serves every booking system: it looks politely, and stops when waiting is useless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.booking.sign_in import SignIn
from reserve.booking.stop import Stop
from reserve.booking.verification import Verification
from reserve.booking.waiting import WaitingList
from reserve.errors import (
    AlreadyReserved,
    Blocked,
    Interrupted,
    LimitReached,
    LostAnswer,
    NotVerified,
    ReserveError,
    SignInError,
    SlotTaken,
    Throttled,
    Unconfirmed,
    Unreachable,
)
from reserve.model import Hold
from reserve.storage.runs import Record
from reserve.systems import PROFILES
from tests.fakes import EVENING, START, FakeClock, FakeConnection, FakeSystem, context_of, offer
from tests.stage import OPENS_AT, Stage

ONE, TWO = offer("Court 1"), offer("Court 2")
TAKEN = SlotTaken("taken")


class LookingConnection(FakeConnection):
    """One court whose light look is answered like everything else."""

    def is_free(self) -> bool:
        return bool(self._system._answer(f"look at {self.offer.court.name}", False))


class FakeVerification(Verification):
    """A phone that is proved as soon as that is wanted."""

    can_prove = True
    proved = 0

    def prove(self, *, until: datetime) -> None:
        self.proved += 1


class Waiting:
    """A system whose courts were all taken at START, and somebody who waits for one."""

    def __init__(
        self, clock: FakeClock, answers: Any, *, kind: type[FakeConnection] = FakeConnection
    ) -> None:
        self.clock = clock
        clock.sleep_until(START)
        self.system = FakeSystem(clock, answers)
        self.stop = Stop()
        self.stop.shield()
        self.context = context_of(self.system, stop=self.stop)
        self.verification = FakeVerification(self.context)
        self.sign_in = SignIn(self.context)
        self.connections = [kind(each, self.system) for each in (ONE, TWO)]

    def wait(self) -> list[Hold]:
        return WaitingList(self.context, self.sign_in, self.verification).wait(self.connections)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_first_court_that_becomes_free_is_held(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [TAKEN] * 3, "hold Court 2": [TAKEN, TAKEN, "order-2"]})

    (hold,) = waiting.wait()

    assert hold.offer == TWO
    assert waiting.system.said[-2:] == ["hold Court 1", "hold Court 2"]


def test_a_court_is_looked_at_every_30_seconds_and_asked_for_only_when_it_looks_free(
    clock: FakeClock,
) -> None:
    answers = {"look at Court 1": [False, False, True], "hold Court 1": ["order-1"]}
    waiting = Waiting(clock, answers, kind=LookingConnection)

    assert waiting.wait()

    assert [round(moment) for moment in waiting.system.times("look at Court 1")] == [30, 60, 90]
    assert len(waiting.system.times("hold Court 1")) == 1


def test_every_ten_minutes_it_says_how_often_it_looked_and_when_last(clock: FakeClock) -> None:
    answers = {"look at Court 1": [False] * 45 + [True], "hold Court 1": ["order-1"]}
    waiting = Waiting(clock, answers, kind=LookingConnection)

    assert waiting.wait()

    said = [text for _, text in waiting.context.timeline.steps if text.startswith("still on")]
    began = START.astimezone(EVENING.start.tzinfo)
    for looks, text in zip((20, 40), said, strict=True):
        found = re.fullmatch(
            rf"still on the waiting list, looked {looks} times, last at (.*?): every .*", text
        )
        assert found
        assert found[1][:5] == f"{began + looks * timedelta(seconds=30):%H:%M}"


def test_it_ends_with_the_last_answer_before_the_slot_starts(clock: FakeClock) -> None:
    clock.sleep_until(EVENING.start - timedelta(minutes=2))
    waiting = Waiting(clock, {"hold Court 1": [TAKEN] * 4, "hold Court 2": [TAKEN] * 4})

    with pytest.raises(SlotTaken):
        waiting.wait()

    assert EVENING.start - timedelta(seconds=31) < clock.now() < EVENING.start


def test_no_court_is_asked_for_before_it_opens_or_when_it_is_too_late_for_it(clock: FakeClock) -> None:
    waiting = Waiting(clock, {})
    buffer = EVENING.start - START - timedelta(minutes=2)
    soon_over = replace(ONE, buffer=buffer)
    opens_later = replace(TWO, opens_at=START + timedelta(minutes=3))
    waiting.connections = [FakeConnection(each, waiting.system) for each in (soon_over, opens_later)]
    waiting.system.answers = {"hold Court 1": [TAKEN] * 9, "hold Court 2": [TAKEN, "order-2"]}

    (hold,) = waiting.wait()

    assert hold.order_id == "order-2"
    assert max(waiting.system.times("hold Court 1")) < 120
    assert min(waiting.system.times("hold Court 2")) >= 180


def test_a_wait_for_courts_that_have_to_be_asked_for_early_ends_early(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [TAKEN] * 9})
    offer = replace(ONE, buffer=EVENING.start - START - timedelta(minutes=2))
    waiting.connections = [FakeConnection(offer, waiting.system)]

    with pytest.raises(SlotTaken):
        waiting.wait()

    assert clock.now() <= START + timedelta(minutes=2)


@pytest.mark.parametrize("trouble", [Unreachable("no connection"), LostAnswer("cut")])
def test_trouble_of_the_server_is_waited_out(trouble: ReserveError, clock: FakeClock) -> None:
    waiting = Waiting(
        clock, {"look at Court 1": [trouble, True], "hold Court 1": ["order-1"]}, kind=LookingConnection
    )

    assert waiting.wait()


@pytest.mark.parametrize("failure", [LimitReached("full"), Blocked("firewall"), SignInError("no")])
def test_what_will_not_get_better_ends_the_waiting(failure: ReserveError, clock: FakeClock) -> None:
    waiting = Waiting(clock, {"look at Court 1": [failure]}, kind=LookingConnection)

    with pytest.raises(type(failure)):
        waiting.wait()


def test_a_server_that_asks_for_more_time_gets_it(clock: FakeClock) -> None:
    answers = {
        "look at Court 1": [Throttled("slowly", timedelta(minutes=5)), True],
        "hold Court 1": ["order-1"],
    }
    waiting = Waiting(clock, answers, kind=LookingConnection)

    waiting.wait()

    first, second = waiting.system.times("look at Court 1")
    assert second - first >= 300


def test_a_phone_that_has_to_be_proved_again_is_proved_and_the_court_asked_for_once_more(
    clock: FakeClock,
) -> None:
    answers = {"hold Court 1": [TAKEN, NotVerified("code?"), "order-1"], "hold Court 2": [TAKEN]}
    waiting = Waiting(clock, answers)

    (hold,) = waiting.wait()

    assert hold.order_id == "order-1"
    assert waiting.verification.proved == 1


def test_a_server_that_asks_for_more_time_is_not_asked_for_the_next_court(clock: FakeClock) -> None:
    answers = {"hold Court 1": [Throttled("slowly", timedelta(minutes=5)), "order-1"]}
    waiting = Waiting(clock, answers)

    waiting.wait()

    assert "hold Court 2" not in waiting.system.said


class RenewedSooner:
    """A sign-in that lives half as long each time."""

    def __init__(self, system: FakeSystem) -> None:
        self.system, self.minutes = system, list[float]()
        system.renew_every = timedelta(minutes=20)

    def __call__(self) -> None:
        self.minutes.append((self.system.clock.now() - START) / timedelta(minutes=1))
        assert self.system.renew_every
        self.system.renew_every /= 2


def test_the_sign_in_is_kept_alive_as_often_as_it_needs(clock: FakeClock) -> None:
    answers = {"hold Court 1": [*[TAKEN] * 80, "order-1"], "hold Court 2": [TAKEN] * 80}
    waiting = Waiting(clock, answers)
    waiting.system.keep_alive = keep_alive = RenewedSooner(waiting.system)  # type: ignore[method-assign]
    waiting.sign_in.make()

    waiting.wait()

    assert [round(minutes) for minutes in keep_alive.minutes[:3]] == [20, 30, 35]


def test_a_lost_answer_is_looked_up(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [LostAnswer("cut")]})
    waiting.system.answers["holds"] = [[waiting.system.held(ONE, "order-1")]]

    (hold,) = waiting.wait()

    assert hold.order_id == "order-1"


def test_every_hold_that_is_found_after_a_lost_answer_is_returned(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [LostAnswer("cut")]})
    waiting.system.answers["holds"] = [[waiting.system.held(ONE, each) for each in ("order-1", "order-2")]]

    assert [hold.order_id for hold in waiting.wait()] == ["order-1", "order-2"]


def test_where_a_hold_is_final_and_nobody_can_tell_nothing_else_is_asked_for(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [LostAnswer("cut")], "holds": [Unreachable("down")] * 4})
    waiting.system.hold_is_final = True

    with pytest.raises(Unconfirmed):
        waiting.wait()

    assert "hold Court 2" not in waiting.system.said


def test_a_request_to_stop_is_obeyed_within_a_second(clock: FakeClock) -> None:
    waiting = Waiting(clock, {"hold Court 1": [TAKEN] * 9, "hold Court 2": [TAKEN] * 9})
    asked = START + FakeSystem.look_every * 2.5
    clock.call_at(asked, lambda: waiting.stop.ask(2))

    with pytest.raises(Interrupted):
        waiting.wait()

    assert clock.now() - asked <= timedelta(seconds=1)


# A player of rec.us, who waits for hours.


@pytest.fixture(scope="module")
def waited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A run that waits until a rival gives a court up, two hours after the opening."""
    scenario = {"all_taken": True, "frees_after": timedelta(hours=2)}
    with Stage(tmp_path_factory.mktemp("waited"), scenario) as stage:
        assert stage.book("--wait-list").word == "reserved", stage.steps
        yield stage


def test_while_it_waits_a_run_asks_for_no_court_that_the_schedule_shows_as_taken(waited: Stage) -> None:
    later = [each for each in waited.ledger.attempts if each.moment > OPENS_AT + timedelta(minutes=1)]

    assert [each.what for each in later] == ["attempt"] * len(later)
    assert min(each.moment for each in later) >= OPENS_AT + timedelta(hours=2)
    assert waited.ledger.violations == []


def test_a_run_that_waits_signs_in_again_before_its_sign_in_dies(waited: Stage) -> None:
    assert len(waited.ledger.all("signed-in")) == 3
    assert waited.ledger.all("token-refused") == []


def test_a_run_that_waits_proves_the_phone_again_when_the_court_wants_that(waited: Stage) -> None:
    assert len(waited.ledger.all("code-asked")) == 2


@pytest.mark.parametrize(("mode", "is_said"), [("", 1), ("cors", 0)])
def test_a_firewall_before_the_schedule_ends_the_looking_there_and_not_the_run(
    tmp_path: Path, mode: str, is_said: int
) -> None:
    scenario = {"all_taken": True, "frees_after": timedelta(minutes=5), "firewalled_reads": True}
    with Stage(tmp_path, scenario, environ={"RECUS_FETCH_MODE": mode}) as stage:
        assert stage.book("--wait-list").word == "reserved", stage.steps

        later = [each for each in stage.ledger.attempts if each.moment > OPENS_AT + timedelta(minutes=1)]
        assert min(each.moment for each in later) >= OPENS_AT + timedelta(minutes=5)
        assert (
            sum("a firewall keeps programs from the public schedule" in step for step in stage.steps)
            == is_said
        )


@pytest.mark.parametrize("system", PROFILES)
def test_a_sign_in_survives_a_wait_of_hours(tmp_path: Path, system: str) -> None:
    scenario = {"all_taken": True, "frees_after": timedelta(hours=2, minutes=5)}
    with Stage(tmp_path, scenario, system) as stage:
        outcome = stage.book("--wait-list")

        assert outcome.word == "reserved", stage.steps[-5:]
        assert stage.ledger.violations == []


def test_a_waiting_list_excludes_another_run_of_that_day_only_while_it_asks(tmp_path: Path) -> None:
    with Stage(tmp_path, {"all_taken": True, "frees_after": timedelta(hours=1)}) as stage:
        stage.get_ready("--wait-list")
        other = Record(stage.wired.record.store, "other", stage.wired.record.player, stage.clock.now)
        day, could = str(stage.booking.request.day), list[bool]()

        def try_too() -> None:
            try:
                with other.kept(system="recus", request="another court", day=day):
                    could.append(True)
            except AlreadyReserved:
                could.append(False)

        stage.clock.call_at(OPENS_AT - timedelta(seconds=1), try_too)
        stage.clock.call_at(OPENS_AT + timedelta(minutes=30, seconds=11), try_too)

        assert stage.run.book().outcome.exit_code == 0
        assert could == [False, True]
