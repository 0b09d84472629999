"""Nothing waits for an answer that is late: not the opening, not what is held, not a request to stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from reserve.booking.aim import server_time, warm_up
from reserve.clock import Clock, Probe
from reserve.model import Hold
from reserve.simulator import SIMULATED_SYSTEMS, Fault
from reserve.stroke import Departure
from reserve.systems.base import CourtConnection
from tests.booking.test_opening import arrivals
from tests.fakes import EVENING, START, FakeClock, FakeSystem, StampingServer, context_of, offer
from tests.stage import OPENS_AT, Stage

SECOND = timedelta(seconds=1)
HOLD = "POST /v1/reservations"


def slow_from(moment: datetime, clocks: list[Clock], length: float) -> Fault:
    """The first request from *moment* on is answered after *length*, in the time of the one of *clocks*."""
    seen: list[str] = []

    def is_it(method: str, path: str) -> bool:
        is_due = clocks[0].now() >= moment and not seen
        seen.extend([path] if is_due else [])
        return is_due

    return Fault(is_it, 0, "delay", delay=length * SECOND)


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
@pytest.mark.parametrize("before", [19.0, 13.0, 5.0, 3.2, 2.0])
def test_an_answer_that_is_late_before_the_opening_does_not_delay_it(
    tmp_path: Path, system: str, before: float
) -> None:
    clocks: list[Clock] = []
    late = slow_from(OPENS_AT - before * SECOND, clocks, 8)
    with Stage(tmp_path, {"faults": (late,)}, system=system, ahead=90 * SECOND) as stage:
        clocks.append(stage.clock)

        assert stage.book().exit_code == 0

    assert -50 <= min(arrivals(stage)) < 50


def test_what_is_held_is_settled_while_one_answer_is_missing(tmp_path: Path) -> None:
    late = Fault(HOLD, 2, "delay", delay=12 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        assert stage.book().exit_code == 0
        (paid,) = stage.ledger.all("paid")

        assert paid.moment - OPENS_AT < 2 * SECOND
        assert stage.open_holds == []


def test_a_court_is_paid_while_the_release_of_another_is_not_answered(tmp_path: Path) -> None:
    late = Fault("DELETE /v1/orders/*", 1, "delay", times=2, delay=12 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        assert stage.book().exit_code == 0
        (paid,) = stage.ledger.all("paid")

        assert paid.moment - OPENS_AT < 4 * SECOND
        assert stage.open_holds == []


def test_a_hold_that_comes_about_after_the_payment_is_released(tmp_path: Path) -> None:
    late = Fault(HOLD, 2, "held-up", delay=6 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        assert stage.book().exit_code == 0
        (paid,) = stage.ledger.all("paid")

        assert paid.moment - OPENS_AT < 2 * SECOND
        assert stage.open_holds == []


@pytest.mark.parametrize("kind", ["delay", "held-up"])
@pytest.mark.parametrize(
    "request_", [HOLD, "POST /v1/orders/*/pay", "GET /v1/users/*/bookings", "DELETE /v1/orders/*"]
)
def test_a_request_to_stop_is_obeyed_within_seconds_whatever_is_slow(
    tmp_path: Path, request_: str, kind: str
) -> None:
    late = Fault(request_, 0, kind, delay=100 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        stopped = OPENS_AT + SECOND
        stage.clock.call_at(stopped, partial(setattr, stage.stop, "signal_number", 15))

        outcome = stage.book()

        tries = len([each for each in stage.ledger.sent if each.request.startswith("DELETE")])
        assert stage.clock.now() - stopped <= (2.2 + 3 * tries) * SECOND
        assert outcome.exit_code in (143, 7, 6, 0)


def test_a_read_that_a_request_to_stop_cut_short_is_not_tried_again(tmp_path: Path) -> None:
    late = Fault("GET /v1/users/*/bookings", 2, "held-up", times=9, delay=100 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        stopped = OPENS_AT + SECOND
        stage.clock.call_at(stopped, partial(setattr, stage.stop, "signal_number", 15))

        assert stage.book().exit_code == 143

        assert stage.clock.now() - stopped < 1.5 * SECOND
        assert stage.open_holds == []


def test_a_request_to_stop_that_comes_while_the_order_is_read_pays_nothing(tmp_path: Path) -> None:
    late = Fault("GET /v1/orders/*", 1, "held-up", times=9, delay=100 * SECOND)
    with Stage(tmp_path, {"faults": (late,)}, ahead=90 * SECOND) as stage:
        stage.clock.call_at(OPENS_AT + SECOND, partial(setattr, stage.stop, "signal_number", 15))

        assert stage.book().exit_code == 143
        assert (stage.ledger.paid, stage.open_holds) == ([], [])


class Stamped(CourtConnection):
    """A court behind a server with a clock of its own."""

    def __init__(self, server: StampingServer, name: str) -> None:
        super().__init__(offer(name, EVENING))
        self.server = server

    def probe(self, clock: Clock) -> Probe:
        return self.server.probe()

    def hold(self, departure: Departure | None = None) -> Hold:
        raise AssertionError("nobody asks")


@pytest.mark.parametrize("first", [True, False])
def test_of_two_servers_behind_one_name_the_one_whose_clock_is_behind_is_not_asked_too_early(
    clock: FakeClock, first: bool
) -> None:
    ahead, behind = StampingServer(clock, 0.7 * SECOND), StampingServer(clock, timedelta(0))
    servers = [behind, ahead, ahead] if first else [ahead, ahead, behind]
    connections = [Stamped(server, f"Court {number}") for number, server in enumerate(servers)]

    found = server_time(context_of(FakeSystem(clock)), connections, until=START + 21 * SECOND)

    late = behind.arrival(found.likely(START + 60 * SECOND)) - (START + 60 * SECOND)
    assert timedelta(0) <= late <= 0.15 * SECOND
    assert clock.now() <= START + 21 * SECOND
    assert len(ahead.asked) + len(behind.asked) <= 20


def test_the_answers_that_warm_the_connections_tell_more_about_the_servers_time(clock: FakeClock) -> None:
    server, opening = StampingServer(clock, 0.413 * SECOND), START + 60 * SECOND
    connections = [Stamped(server, f"Court {number}") for number in range(4)]
    context = context_of(FakeSystem(clock))
    found = context.server = server_time(context, connections)

    probes = warm_up(context, connections, until=clock.now() + 2.5 * SECOND)

    finer = found.with_more(probes, 4)
    assert len(probes) == 4
    assert 2 * (found.bound - finer.bound) > timedelta(milliseconds=1)  # of the two that halving left
    assert abs(server.arrival(finer.likely(opening)) - opening) < timedelta(milliseconds=1)
