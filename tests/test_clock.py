"""Reading the time, waiting, and telling how far the server's clock is from ours."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reserve.clock import (
    PAUSE,
    POLITE,
    PROBES,
    UNKNOWN,
    Clock,
    Probe,
    ServerTime,
    Watch,
    measure,
    ntp_offset,
    our_error,
    plan,
    weigh,
)
from tests.fakes import START, FakeClock, StampingServer

OPENING = START + timedelta(hours=1)
SECOND = timedelta(seconds=1)


def ms(number: float) -> timedelta:
    """So many milliseconds."""
    return timedelta(milliseconds=number)


offsets = st.integers(-2_000_000, 2_000_000).map(lambda number: timedelta(microseconds=number))
ways = st.tuples(st.floats(0, 80), st.floats(0, 80)).map(lambda two: (min(two), max(two)))


@given(offset=offsets, there=ways, back=ways, seed=st.integers(0, 999), wait=st.integers(0, 999_999))
def test_the_true_offset_is_always_inside_the_stated_bound(
    offset: timedelta, there: tuple[float, float], back: tuple[float, float], seed: int, wait: int
) -> None:
    clock = FakeClock(START + timedelta(microseconds=wait))
    server = StampingServer(clock, offset, there, back, random.Random(seed))

    found = measure(server.probe, clock)

    assert found.consistent
    assert found.low <= offset <= found.high
    assert abs(found.offset - offset) <= found.bound
    assert len(server.asked) == found.probes <= PROBES


@given(offset=offsets, trips=st.tuples(st.floats(20, 60), st.floats(20, 60)), seed=st.integers(0, 999))
def test_ten_probes_reach_25_ms_over_round_trips_of_20_to_60_ms(
    offset: timedelta, trips: tuple[float, float], seed: int
) -> None:
    clock = FakeClock()
    each_way = (min(trips) / 2, min(trips) / 2)
    server = StampingServer(clock, offset, each_way, each_way, random.Random(seed))

    found = measure(server.probe, clock)

    half_a_trip = found.trip / 2
    assert found.bound <= half_a_trip + ms(4)
    assert abs(found.offset - offset) <= ms(4)


@given(offset=offsets, seed=st.integers(0, 999))
def test_uneven_round_trips_of_20_to_60_ms_leave_less_than_25_ms(offset: timedelta, seed: int) -> None:
    clock = FakeClock()
    server = StampingServer(clock, offset, (10, 30), (10, 30), random.Random(seed))

    found = measure(server.probe, clock)

    assert found.bound < ms(40)
    assert abs(found.offset - offset) < ms(25)


@given(offset=offsets, there=st.floats(0, 80), back=st.floats(0, 80))
def test_over_an_even_network_a_request_arrives_at_the_opening_to_a_few_milliseconds(
    offset: timedelta, there: float, back: float
) -> None:
    """However differently long the two ways are: no share of the round trip has to be guessed."""
    clock = FakeClock()
    server = StampingServer(clock, offset, (there, there), (back, back))

    found = measure(server.probe, clock)

    late = server.arrival(found.likely(OPENING)) - OPENING
    assert ms(-0.1) <= late <= ms(4)


@example(offset=timedelta(0), there=(0.0, 0.0), back=(0.0, 22.0), seed=1)
@given(offset=offsets, there=ways, back=ways, seed=st.integers(0, 999))
def test_the_certain_moment_is_never_early(
    offset: timedelta, there: tuple[float, float], back: tuple[float, float], seed: int
) -> None:
    clock = FakeClock()
    server = StampingServer(clock, offset, there, back, random.Random(seed))

    found = measure(server.probe, clock)

    assert found.certain(OPENING) + offset >= OPENING
    assert found.likely(OPENING) <= found.certain(OPENING)


def test_probes_are_few_and_never_in_a_hurry(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(413), (5, 5), (5, 5))

    measure(server.probe, clock)

    pauses = [later - earlier for earlier, later in zip(server.asked, server.asked[1:], strict=False)]
    assert len(server.asked) == 11
    assert min(pauses) >= POLITE
    assert clock.now() - START < timedelta(seconds=15)


def test_measuring_ends_when_it_is_good_enough(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(413))

    found = measure(server.probe, clock, good_enough=ms(100))

    assert found.probes == 6  # five leave 1000 / 16 ms, and one looks for a contradiction


@given(offset=offsets, seconds=st.floats(0.1, 12))
def test_measuring_ends_in_time(offset: timedelta, seconds: float) -> None:
    clock = FakeClock()
    server = StampingServer(clock, offset)
    until = START + timedelta(seconds=seconds)

    found = measure(server.probe, clock, until=until)

    assert clock.now() <= until
    assert found.low <= server.offset <= found.high


def test_a_server_that_does_not_answer_is_not_asked_for_longer_than_there_is_time(clock: FakeClock) -> None:
    until, asked = START + 3.5 * SECOND, []

    def probe() -> Probe:
        asked.append(clock.now())
        clock.sleep(SECOND)
        raise TimeoutError

    assert measure(probe, clock, until=until) is UNKNOWN
    assert clock.now() <= until
    assert len(asked) == 3


def test_without_a_budget_nobody_is_asked(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(0))

    assert measure(server.probe, clock, budget=0) is UNKNOWN
    assert server.asked == []


@given(offset=offsets)
def test_a_stamp_that_changes_a_bit_late_contradicts_nobody(offset: timedelta) -> None:
    clock = FakeClock()
    server = StampingServer(clock, offset, (0.1, 0.1), (0.1, 0.1))

    def probe() -> Probe:
        server.offset = offset - ms(1.5)  # what a stamp that is renewed 1.5 ms late looks like
        return server.probe()

    found = measure(probe, clock, budget=14)

    assert found.consistent
    assert found.low <= offset <= found.high


def test_a_server_without_a_stamp_is_asked_once(clock: FakeClock) -> None:
    asked = []

    def probe() -> Probe:
        asked.append(clock.now())
        raise ValueError("no Date")

    assert measure(probe, clock) is UNKNOWN
    assert len(asked) == 1


def test_an_unknown_time_is_taken_for_ours() -> None:
    assert UNKNOWN.theirs(OPENING) == UNKNOWN.likely(OPENING) == OPENING
    assert str(UNKNOWN) == "server's clock is unknown and taken for ours"


def test_an_answer_without_a_stamp_now_and_then_does_no_harm(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(77))

    def probe() -> Probe:
        found = server.probe()
        if len(server.asked) in (3, 5):
            raise ValueError("no Date")
        return found

    found = measure(probe, clock, budget=10)

    assert found.probes == 8
    assert found.low <= server.offset <= found.high


def test_two_servers_that_contradict_each_other_are_noticed(clock: FakeClock) -> None:
    """Whatever is only halved ends between the two clocks and looks fine; the last probe finds out."""
    ours, other = StampingServer(clock, ms(700)), StampingServer(clock, ms(100))
    turns = iter([ours, ours, other, ours, ours, other, ours, ours, ours, other])

    found = measure(lambda: next(turns).probe(), clock, budget=10)

    assert not found.consistent
    assert found.low <= other.offset
    assert ours.offset <= found.high
    assert "contradict" in str(found)


def test_a_stamp_from_a_cache_does_not_win_against_the_others(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(100))

    def probe() -> Probe:
        found = server.probe()
        old = len(server.asked) == 4
        return Probe(found.sent, found.received, found.stamp - timedelta(hours=1)) if old else found

    found = measure(probe, clock)

    assert not found.consistent
    assert found.low <= server.offset <= found.high
    assert ms(0) <= server.arrival(found.likely(OPENING)) - OPENING <= ms(10)


def test_a_step_of_our_clock_makes_us_forget_what_was_measured_before(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(100))

    def probe() -> Probe:
        if len(server.asked) == 4:
            clock.step(ms(-400))
            server.offset += ms(400)
        return server.probe()

    found = measure(probe, clock, budget=10)

    assert found.consistent
    assert found.probes == 5
    assert found.low <= server.offset <= found.high


def test_a_step_in_the_middle_of_a_probe_spoils_it(clock: FakeClock) -> None:
    server = StampingServer(clock, ms(0))
    clock.call_at(START + ms(10), lambda: clock.step(SECOND))

    found = measure(server.probe, clock, budget=1)

    assert found is UNKNOWN


def test_a_watch_tells_by_how_much_the_clock_was_set(clock: FakeClock) -> None:
    watch = Watch(clock)
    clock.sleep(timedelta(minutes=10))
    assert watch.jumped() == timedelta(0)

    clock.step(timedelta(minutes=-5))
    assert watch.jumped() == timedelta(minutes=-5)


def test_a_watch_does_not_mind_what_a_busy_machine_does(clock: FakeClock) -> None:
    watch = Watch(clock)

    clock.step(ms(15))

    assert watch.jumped() == timedelta(0)


def test_a_probe_proves_what_lies_between_sending_and_receiving() -> None:
    found = weigh([Probe(sent=START + ms(100), received=START + ms(160), stamp=START)])

    assert found.low == ms(-162)  # stamped at the latest moment, when its clock had just begun the second
    assert found.high == ms(902)  # stamped at once, when its clock was about to end it


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (207, 219, "server is 0.213 s ahead ± 0.006 s (9 probes)"),
        (-219, -207, "server is 0.213 s behind ± 0.006 s (9 probes)"),
    ],
)
def test_a_server_time_says_itself(low: int, high: int, words: str) -> None:
    assert str(ServerTime(ms(low), ms(high), ms(low), ms(12), probes=9, consistent=True)) == words


def test_moments_are_translated_there_and_back() -> None:
    server = ServerTime(ms(200), ms(300), ms(230), ms(60), probes=9, consistent=True)

    assert server.theirs(OPENING) == OPENING + ms(250)
    assert (server.offset, server.bound) == (ms(250), ms(50))


def test_a_plan_goes_from_the_likely_moment_to_the_certain_one() -> None:
    server = ServerTime(ms(-300), ms(300), ms(100), ms(60), probes=9, consistent=False)

    assert plan(OPENING, server, 3) == [OPENING - ms(100), OPENING + ms(100), OPENING + ms(300)]


def test_a_plan_gives_the_server_time_to_change_its_mind() -> None:
    server = ServerTime(ms(-10), ms(1), ms(0), ms(10), probes=9, consistent=True)

    assert plan(OPENING, server, 3) == [OPENING, OPENING + ms(5), OPENING + 2 * PAUSE]


def test_a_plan_of_one_shot_is_the_likely_moment() -> None:
    server = ServerTime(ms(100), ms(160), ms(130), ms(60), probes=9, consistent=True)

    assert plan(OPENING, server, 1) == [server.likely(OPENING)]


def test_the_middle_of_three_time_servers_is_believed() -> None:
    says = {"a": ms(5), "b": timedelta(hours=1), "c": ms(-4)}

    assert our_error(list(says), says.__getitem__) == ms(5)


def test_two_time_servers_are_not_enough() -> None:
    def ask(host: str) -> timedelta:
        if host == "away":
            raise OSError("unreachable")
        return ms(3)

    assert our_error(["a", "away", "b"], ask) is None


@contextmanager
def time_server(ahead: float, stratum: int) -> Iterator[int]:
    """A time server on this machine (RFC 5905): one question, one answer; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def answer() -> None:
            question, asker = server.recvfrom(256)
            seconds = time.time() + 2_208_988_800 + ahead  # since 1900
            stamp = struct.pack("!II", int(seconds), int(seconds % 1 * 2**32))
            head = struct.pack("!BBBb3I", 0x24, stratum, 6, -20, 0, 0, 0)
            server.sendto(head + stamp + question[40:48] + stamp + stamp, asker)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_time_server_is_asked() -> None:
    with time_server(ahead=100.0, stratum=2) as port:
        found = ntp_offset("127.0.0.1", port)

    assert timedelta(seconds=90) < found < timedelta(seconds=110)


def test_a_time_server_that_lost_its_way_is_not_believed() -> None:
    with time_server(ahead=0.0, stratum=0) as port, pytest.raises(OSError, match="does not know"):
        ntp_offset("127.0.0.1", port)


def test_a_time_server_elsewhere_is_unreachable_here() -> None:
    assert our_error() is None


def test_waiting_in_real_time_is_never_too_short() -> None:
    clock = Clock()
    moment = clock.now() + ms(150)

    clock.sleep_until(moment)

    assert ms(0) <= clock.now() - moment < ms(5000)


def test_a_moment_is_met_though_the_machine_is_busy_and_wakes_who_slept_long_too_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Busy(Clock):
        passed = START

        def now(self) -> datetime:
            self.passed += timedelta(microseconds=5)
            return self.passed

        def nap(self, seconds: float) -> None:
            if threading.get_ident() == us:  # and not of another test, which has not ended yet
                self.passed += timedelta(seconds=seconds) + ms(3 if seconds > 0.005 else 0)
            else:
                nap(seconds)

    clock, us, nap = Busy(), threading.get_ident(), time.sleep
    monkeypatch.setattr("time.sleep", clock.nap)

    clock.meet(START + ms(1500))

    assert ms(0) <= clock.passed - START - ms(1500) < ms(0.1)


def test_time_goes_on_in_both_kinds() -> None:
    clock = Clock()
    wall, ticks = clock.now(), clock.monotonic()

    clock.sleep(ms(20))

    assert clock.now() - wall >= ms(20)
    assert clock.monotonic() - ticks >= 0.019
    assert clock.now().tzinfo is UTC


def test_a_call_is_made_later_while_we_go_on() -> None:
    clock = Clock()
    gone_on, done = threading.Event(), threading.Event()
    moment = clock.now() + ms(50)
    seen: list[tuple[datetime, bool]] = []

    def call() -> None:
        seen.append((clock.now(), gone_on.wait(60)))
        done.set()

    clock.call_at(moment, call)
    gone_on.set()

    assert done.wait(60)
    (called, while_we_went_on), *_ = seen
    assert called >= moment
    assert while_we_went_on


def test_calls_made_together_meet_each_other() -> None:
    everybody_is_here = threading.Barrier(3)

    def meet(name: str) -> str:
        everybody_is_here.wait(60)
        return name

    assert Clock().together([lambda name=name: meet(name) for name in "abc"]) == ["a", "b", "c"]  # type: ignore[misc]
    assert Clock().together([]) == []


def raising(failure: BaseException) -> Callable[[], None]:
    """A call that fails."""

    def call() -> None:
        raise failure

    return call


def test_a_failure_is_raised_when_all_have_ended() -> None:
    ended: list[str] = []

    def work() -> None:
        Clock().sleep(ms(30))
        ended.append("work")

    with pytest.raises(KeyError):
        Clock().together([raising(KeyError()), work])
    assert ended == ["work"]
