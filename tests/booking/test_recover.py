"""A run that was cut off is put in order by the next one: nothing stays held, and a payment is noted."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from reserve.booking.limits import respect_record
from reserve.booking.recover import recover
from reserve.errors import AlreadyReserved, LostAnswer, Unconfirmed
from reserve.model import ActionKind, Hold, Offer, Reservation
from reserve.storage.database import Store
from reserve.storage.runs import Record, RunStore, player_key
from reserve.storage.schema import ACTIONS, RUNS
from tests.fakes import EVENING, START, FakeClock, FakeSystem, context_of, offer
from tests.stage import Stage

PLAYER = player_key("recus", "api.rec.us", "player@example.com")
COURTS = [offer(f"Court {number}") for number in (1, 2, 3)]


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    store = Store(tmp_path / "data", database)
    yield store
    store.close()


def cut_off(store: Store, **actions: Any) -> None:
    """A run of the player that did *actions* and was never heard of again."""
    record = Record(store, "cut-off", PLAYER, lambda: START)
    record.begin("recus", "a court")
    for what, about in actions.items():
        record.note(ActionKind(what), about)


def put_in_order(store: Store, system: FakeSystem) -> str:
    record = Record(store, "mine", PLAYER, system.clock.now)
    context = context_of(system, record=record)
    recover(context)
    return "\n".join(text for _, text in context.timeline.steps)


def sentence(store: Store) -> str | None:
    return RunStore(store).history(run_id="cut-off")[0].sentence


def held(system: FakeSystem, number: int, order_id: str) -> Hold:
    return system.held(COURTS[number - 1], order_id)


def reserved(number: int) -> Reservation:
    return Reservation(COURTS[number - 1].court, EVENING)


def test_nobody_is_asked_when_every_run_ended(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)

    put_in_order(store, system)

    assert system.said == []


def test_what_a_cut_off_run_held_is_released(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    holds = [held(system, number, f"order-{number}") for number in (1, 2)]
    system.answers["holds"] = [holds]
    cut_off(store, asking=COURTS, held=holds)

    said = put_in_order(store, system)

    assert sorted(system.said) == ["holds", "release order-1", "release order-2", "reservations"]
    assert "the run cut-off was cut off. Not reserved: cut off; holds released later: 2." in said
    assert sentence(store) == "Not reserved: cut off; holds released later: 2."


def test_a_hold_whose_order_was_never_written_down_is_released_too(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    system.answers["holds"] = [[held(system, 3, "order-nobody-knows")]]
    cut_off(store, asking=COURTS)

    put_in_order(store, system)

    assert "release order-nobody-knows" in system.said


def test_where_nobody_can_list_holds_those_that_were_written_down_are_given_back(
    store: Store, clock: FakeClock
) -> None:
    system = FakeSystem(clock)
    system.lists_holds = False
    holds = [held(system, number, f"order-{number}") for number in (1, 2, 3)]
    cut_off(store, asking=COURTS, held=holds, released=holds[:1], confirming=holds[1:2])

    put_in_order(store, system)

    assert sorted(system.said) == ["release order-3", "reservations"]
    assert sentence(store) == "Not reserved: cut off; holds released later: 1."


def test_a_hold_that_the_player_made_by_hand_is_left_alone(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    by_hand = [held(system, 3, "by-hand"), system.held(offer("Another Court"), "elsewhere")]
    system.answers["holds"] = [by_hand]
    cut_off(store, asking=COURTS[:2])

    put_in_order(store, system)

    assert not any(line.startswith("release") for line in system.said)


def test_a_court_at_another_time_is_left_alone(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    later = replace(COURTS[0], slot=replace(EVENING, start=EVENING.start.replace(hour=0), end=EVENING.start))
    system.answers["holds"] = [[system.held(later, "by-hand")]]
    cut_off(store, asking=COURTS)

    put_in_order(store, system)

    assert not any(line.startswith("release") for line in system.said)


def at(facility: str) -> Offer:
    """Court 1 of this facility."""
    return replace(COURTS[0], court=replace(COURTS[0].court, facility=facility))


def test_a_court_of_the_same_name_at_another_facility_is_none_of_ours(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    booked = Reservation(at("moscone").court, EVENING)
    system.answers |= {"holds": [[system.held(at("moscone"), "by-hand")]], "reservations": [[booked]]}
    cut_off(store, asking=[at("marble")])

    put_in_order(store, system)

    assert "release by-hand" not in system.said
    assert str(sentence(store)).startswith("Not reserved")


def test_a_court_that_was_written_down_without_its_facility_is_known_by_its_name(
    store: Store, clock: FakeClock
) -> None:
    system = FakeSystem(clock)
    booked = Reservation(at("marble").court, EVENING)
    system.answers |= {"holds": [[system.held(at("marble"), "order-1")]], "reservations": [[booked]]}
    cut_off(store, asking=[at("marble")])
    with store.engine.begin() as connection:
        connection.execute(update(ACTIONS).values(facility=None))  # as an earlier version left it

    put_in_order(store, system)

    assert "release order-1" in system.said
    assert str(sentence(store)).startswith("Reserved Court 1")


def test_a_hold_kept_for_the_player_to_pay_is_left_alone(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    hold = held(system, 1, "order-1")
    system.answers["holds"] = [[hold]]
    cut_off(store, asking=COURTS, held=[hold], kept=[hold])

    put_in_order(store, system)

    assert "release order-1" not in system.said


def test_a_payment_that_went_through_is_noted(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock, {"reservations": [[reserved(2)]]})
    hold = held(system, 2, "order-2")
    cut_off(store, asking=COURTS, held=[hold], confirming=[hold])

    said = put_in_order(store, system)

    assert "Reserved Court 2" in said
    assert str(sentence(store)).startswith("Reserved Court 2, but cut off before it could say so")


def test_what_cannot_be_looked_at_is_left_for_the_next_run(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock, {"holds": [LostAnswer("GET /bookings: no answer in time"), []]})
    cut_off(store, asking=COURTS)

    assert "cannot look for what the run cut-off left behind" in put_in_order(store, system)
    assert sentence(store) is None
    assert "was cut off" in put_in_order(store, system)
    assert sentence(store) is not None


def test_what_cannot_be_released_is_named_and_left_for_the_next_run(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    hold = held(system, 1, "order-1")
    system.answers |= {"holds": [[hold]], "release order-1": [LostAnswer("DELETE: no answer")] * 4}
    cut_off(store, asking=COURTS, held=[hold])

    said = put_in_order(store, system)

    assert "could not release order order-1 for Court 1; it stays held until 15:10:00 UTC" in said
    assert sentence(store) is None


def test_where_a_hold_is_final_it_is_noted_as_the_reservation_it_is(store: Store, clock: FakeClock) -> None:
    system = FakeSystem(clock)
    system.hold_is_final = True
    system.answers |= {"holds": [[held(system, 1, "order-1")]], "reservations": [[reserved(1)]]}
    cut_off(store, asking=COURTS)

    put_in_order(store, system)

    assert sorted(system.said) == ["holds", "reservations"]
    assert str(sentence(store)).startswith("Reserved Court 1, but cut off")


def test_our_own_record_tells_of_a_court_in_the_slot_that_it_was_held_in_and_in_no_other(
    store: Store, clock: FakeClock
) -> None:
    later = replace(EVENING, start=EVENING.end, end=EVENING.end + (EVENING.end - EVENING.start))
    hold = FakeSystem(clock).held(replace(COURTS[0], slot=later), "order-1")
    cut_off(store, asking=[COURTS[0], hold.offer], held=[hold])
    mine = Record(store, "mine", PLAYER, clock.now)

    with pytest.raises(AlreadyReserved):
        respect_record(mine, later, hold_is_final=True)
    with pytest.raises(Unconfirmed):  # it was cut off, and may have held another before
        respect_record(mine, EVENING, hold_is_final=True)

    mine.end(0, "Reserved", of="cut-off")
    respect_record(mine, EVENING, hold_is_final=True)


@pytest.mark.parametrize(
    ("done", "exit_code", "refusal"),
    [
        ({}, None, None),
        ({"held": True}, None, None),
        ({"held": True}, 1, None),
        ({"held": True, "confirming": True}, 6, None),
        ({"held": True, "confirming": True}, None, Unconfirmed),
        ({"held": True, "confirming": True}, 7, Unconfirmed),
        ({"held": True, "kept": True}, 8, Unconfirmed),
        ({"held": True, "confirming": True, "confirmed": True}, 0, AlreadyReserved),
        ({"held": True, "confirming": True, "confirmed": True}, None, AlreadyReserved),
    ],
    ids=str,
)
def test_where_holds_lapse_our_own_record_counts_only_what_was_or_may_be_paid(
    store: Store, clock: FakeClock, done: dict[str, bool], exit_code: int | None, refusal: type[Exception]
) -> None:
    hold = held(FakeSystem(clock), 1, "order-1")
    cut_off(store, asking=COURTS, **{what: [hold] for what in done})
    mine = Record(store, "mine", PLAYER, clock.now)
    if exit_code is not None:
        mine.end(exit_code, "ended", of="cut-off")

    with pytest.raises(refusal) if refusal else nullcontext():
        respect_record(mine, EVENING, hold_is_final=False)


def test_what_became_of_a_run_stays_open_while_the_reservations_cannot_be_read(
    store: Store, clock: FakeClock
) -> None:
    system = FakeSystem(clock)
    system.knows_reservations = False
    cut_off(store, asking=COURTS)

    said = put_in_order(store, system)

    assert "cannot look for what the run cut-off left behind: the reservations there cannot be read" in said
    assert sentence(store) is None


def test_who_takes_over_tells_what_the_dead_run_won(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert stage.book().exit_code == 0
        stage.get_ready()
        stage.clock.sleep(timedelta(minutes=1))

        outcome = stage.run.book(in_turn=True).outcome

        assert (outcome.exit_code, outcome.court) == (0, "Court 1")
        assert outcome.sentence.startswith("Reserved Court 1 at Alice Marble")
        assert len(stage.ledger.paid) == 1


@pytest.mark.parametrize(("is_cut_off", "code"), [(True, 0), (False, 5)])
def test_who_takes_over_tells_it_although_the_store_learned_no_more_than_that_courts_were_asked_for(
    tmp_path: Path, is_cut_off: bool, code: int
) -> None:
    with Stage(tmp_path) as stage:
        assert stage.book().exit_code == 0
        stage.get_ready()
        stage.clock.sleep(timedelta(minutes=1))
        with stage.wired.record.store.engine.begin() as connection:
            connection.execute(delete(ACTIONS).where(ACTIONS.c.kind != "asking"))
            if is_cut_off:
                connection.execute(update(RUNS).values(ended=None, exit_code=None, sentence=None))

        assert stage.run.book(in_turn=True).outcome.exit_code == code
        assert len(stage.ledger.paid) == 1


def test_what_is_to_be_asked_for_is_in_the_store_before_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        record: Any = stage.wired.record
        hurry, known = record.hurry, list[str]()

        def noted(length: timedelta) -> None:
            (run,) = RunStore(record.store).history()
            known.extend(str(action.kind) for action in run.actions)
            hurry(length)

        record.hurry = noted
        assert stage.run.book().outcome.exit_code == 0

    assert known == ["asking"] * 3


def test_who_takes_over_from_a_run_that_kept_a_hold_tells_of_that_and_holds_no_second(tmp_path: Path) -> None:
    with Stage(tmp_path, {"price_cents": 500}) as stage:
        first = stage.book()
        assert first.exit_code == 8
        stage.get_ready()
        stage.clock.sleep(timedelta(minutes=1))

        outcome = stage.run.book(in_turn=True).outcome

        assert (outcome.exit_code, outcome.order_id) == (8, first.order_id)
        assert stage.open_holds == [first.order_id]
