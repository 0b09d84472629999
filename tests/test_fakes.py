"""The stand-ins themselves: what other tests rely on without looking."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from flask import Flask, Response, request

from reserve.errors import Unreachable
from reserve.http import Http
from reserve.simulator.faults import CutConnection, NoConnection
from tests.fakes import START, FakeClock, InProcess

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SECOND = timedelta(seconds=1)


def diary_of(seed: int) -> list[str]:
    """Four threads that do the same at the same moments, in the order in which they ran."""
    clock = FakeClock(seed=seed)
    diary: list[str] = []

    def walk(name: str) -> None:
        for number in range(3):
            clock.sleep(SECOND)
            diary.append(f"{name}{number}")

    clock.together([lambda name=name: walk(name) for name in "abcd"])  # type: ignore[misc]
    return diary


def test_a_night_passes_at_once(clock: FakeClock) -> None:
    clock.sleep(timedelta(hours=9))

    assert clock.now() == START + timedelta(hours=9)
    assert clock.monotonic() == 9 * 3600


def test_a_moment_that_has_passed_is_not_waited_for(clock: FakeClock) -> None:
    clock.sleep_until(START - SECOND)

    assert clock.now() == START


def test_the_same_seed_makes_the_same_order() -> None:
    assert diary_of(seed=5) == diary_of(seed=5)


def test_another_seed_lets_others_go_first() -> None:
    firsts = {diary_of(seed)[0] for seed in range(20)}

    assert firsts == {"a0", "b0", "c0", "d0"}


def test_whoever_is_due_first_runs_first(clock: FakeClock) -> None:
    woken: list[int] = []

    def wake_after(seconds: int) -> int:
        clock.sleep(seconds * SECOND)
        woken.append(seconds)
        return seconds

    results = clock.together([lambda: wake_after(3), lambda: wake_after(1), lambda: wake_after(2)])

    assert woken == [1, 2, 3]
    assert results == [3, 1, 2]
    assert clock.now() == START + 3 * SECOND


def test_only_one_thread_runs_at_a_time(clock: FakeClock) -> None:
    running: list[int] = []
    overlaps: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            running.append(number)
            overlaps.extend(running[1:])
            running.remove(number)
            clock.sleep(SECOND)

    clock.together([lambda number=number: work(number) for number in range(8)])  # type: ignore[misc]

    assert overlaps == []


def test_a_failure_is_raised_when_all_have_ended(clock: FakeClock) -> None:
    ended: list[str] = []

    def fail() -> None:
        raise KeyError("the first")

    def work() -> None:
        clock.sleep(10 * SECOND)
        ended.append("work")

    with pytest.raises(KeyError, match="the first"):
        clock.together([work, fail])
    assert ended == ["work"]


@pytest.mark.parametrize("failure", [SystemExit, KeyboardInterrupt])
def test_even_an_exit_inside_a_thread_is_raised(clock: FakeClock, failure: type[BaseException]) -> None:
    def leave() -> None:
        raise failure("leaving")

    with pytest.raises(failure, match="leaving"):
        clock.together([leave])


def test_nothing_together_is_nothing(clock: FakeClock) -> None:
    assert clock.together([]) == []


def test_together_works_inside_together(clock: FakeClock) -> None:
    def pair() -> list[str]:
        return clock.together([lambda: "left", lambda: "right"])

    assert clock.together([pair, pair]) == [["left", "right"], ["left", "right"]]


def test_a_call_is_made_at_its_moment_and_may_sleep(clock: FakeClock) -> None:
    done = []

    def call() -> None:
        done.append(clock.now() - START)
        clock.sleep(SECOND)
        done.append(clock.now() - START)

    clock.call_at(START + 2 * SECOND, call)
    clock.sleep(SECOND)
    assert done == []

    clock.sleep(9 * SECOND)
    assert done == [2 * SECOND, 3 * SECOND]


def test_a_call_may_plan_the_next(clock: FakeClock) -> None:
    done = []

    def call() -> None:
        done.append(clock.now() - START)
        clock.call_at(clock.now() + SECOND, call)

    clock.call_at(START, call)
    clock.sleep(timedelta(seconds=2.5))

    assert done == [timedelta(), SECOND, 2 * SECOND]


def test_a_step_of_the_wall_clock_is_no_time_passed(clock: FakeClock) -> None:
    clock.step(timedelta(minutes=-5))

    assert clock.now() == START - timedelta(minutes=5)
    assert clock.monotonic() == 0


def test_a_sleeper_notices_a_step_of_the_wall_clock(clock: FakeClock) -> None:
    clock.call_at(START + SECOND, lambda: clock.step(timedelta(minutes=-5)))

    clock.sleep_until(START + 10 * SECOND)

    assert clock.now() == START + 10 * SECOND
    assert clock.monotonic() == 310


def test_a_stranger_moves_time_and_makes_the_calls_on_the_way(clock: FakeClock) -> None:
    done = []
    clock.call_at(START + SECOND, lambda: done.append(clock.now() - START))

    stranger = threading.Thread(target=lambda: clock.sleep(5 * SECOND))
    stranger.start()
    stranger.join()

    assert done == [SECOND]
    assert clock.now() == START + 5 * SECOND


def test_waiting_for_a_lock_of_a_sleeper_fails_with_the_reason() -> None:
    clock = FakeClock(patience=0.05)
    lock = threading.Lock()

    def hold() -> None:
        with lock:
            clock.sleep(SECOND)

    with pytest.raises(RuntimeError, match="nobody moves"):
        clock.together([hold, hold])


def test_sleeping_for_ever_fails_with_the_reason(clock: FakeClock) -> None:
    def never_end() -> None:
        while True:
            clock.sleep(-SECOND)

    with pytest.raises(RuntimeError, match="for ever"):
        never_end()


def test_looking_at_the_clock_for_ever_fails_with_the_reason(clock: FakeClock) -> None:
    def look() -> None:
        while clock.now() <= START:
            pass

    with pytest.raises(RuntimeError, match="looks at the clock"):
        look()


def app_for(clock: FakeClock) -> Flask:
    """A small server that says what it was asked."""
    app = Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> dict[str, Any]:
        return {
            "method": request.method,
            "host": request.host,
            "question": request.args.get("q"),
            "mark": request.headers.get("X-Mark"),
            "json": request.get_json(silent=True),
            "at": (clock.now() - START).total_seconds(),
        }

    @app.route("/cookies")
    def cookies() -> Response:
        answer = Response("set")
        answer.set_cookie("one", "1")
        answer.set_cookie("two", "2")
        return answer

    @app.route("/gone")
    def gone() -> tuple[str, int]:
        return "nothing here", 410

    @app.route("/slow")
    def slow() -> str:
        clock.sleep(20 * SECOND)
        return "at last"

    @app.route("/cut")
    def cut() -> str:
        raise CutConnection

    @app.route("/refused")
    def refused() -> str:
        raise NoConnection

    return app


@pytest.fixture
def session(clock: FakeClock) -> Iterable[requests.Session]:
    """A session to which one host exists, 60 ms away."""
    adapter = InProcess({"court.example": app_for(clock)}, clock, latency=timedelta(milliseconds=60))
    with requests.Session() as session:
        session.mount("https://", adapter)
        yield session


def test_a_request_reaches_the_app_whole(session: requests.Session) -> None:
    answer = session.post(
        "https://court.example/echo?q=a%20b%2Fc", json={"é": 1}, headers={"X-Mark": "m"}, timeout=5
    )

    assert answer.json() == {
        "method": "POST",
        "host": "court.example",
        "question": "a b/c",
        "mark": "m",
        "json": {"é": 1},
        "at": 0.03,
    }
    assert (answer.status_code, answer.reason, answer.ok) == (200, "OK", True)
    assert answer.headers["content-type"] == "application/json"


def test_the_way_there_and_back_takes_virtual_time(clock: FakeClock, session: requests.Session) -> None:
    answer = session.get("https://court.example/echo", timeout=5)

    assert answer.elapsed == timedelta(milliseconds=60)
    assert clock.now() == START + timedelta(milliseconds=60)


def test_an_answer_is_read_like_any_other(session: requests.Session) -> None:
    answer = session.get("https://court.example/gone", timeout=5, stream=True)

    assert answer.raw.read() == b"nothing here"
    assert (answer.status_code, answer.reason) == (410, "GONE")
    with pytest.raises(requests.HTTPError):
        answer.raise_for_status()


def test_cookies_are_kept(session: requests.Session) -> None:
    answer = session.get("https://court.example/cookies", timeout=5)

    assert answer.cookies.get_dict() == {"one": "1", "two": "2"}
    assert session.cookies.get_dict() == {"one": "1", "two": "2"}


def test_requests_may_be_on_their_way_at_the_same_time(clock: FakeClock, session: requests.Session) -> None:
    ask = lambda: session.get("https://court.example/echo", timeout=5).json()["at"]  # noqa: E731

    assert clock.together([ask, ask, ask]) == [0.03, 0.03, 0.03]
    assert clock.now() == START + timedelta(milliseconds=60)


def test_a_late_answer_is_given_up_but_the_server_goes_on(clock: FakeClock) -> None:
    did = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        clock.sleep(20 * SECOND)
        did.append(clock.now())
        start_response("200 OK", [])
        return [b""]

    with requests.Session() as session:
        session.mount("https://", InProcess(app, clock))
        with pytest.raises(requests.ReadTimeout):
            session.get("https://court.example/", timeout=(3, 5))
    assert clock.now() == START + 5 * SECOND
    assert did == []

    clock.sleep(60 * SECOND)
    assert did == [START + 20 * SECOND]


def test_without_a_time_out_an_answer_is_waited_for(session: requests.Session) -> None:
    assert session.get("https://court.example/slow", timeout=None).text == "at last"


def test_a_cut_connection_is_a_connection_error(session: requests.Session) -> None:
    with pytest.raises(requests.ConnectionError, match="cut"):
        session.get("https://court.example/cut", timeout=5)


def test_a_refused_connection_never_came_about(clock: FakeClock) -> None:
    host = Http("https://court.example", headers={}, adapter=InProcess(app_for(clock), clock), clock=clock)

    with pytest.raises(Unreachable):
        host.ask("GET", "/refused")


def test_an_unknown_host_is_unreachable(session: requests.Session) -> None:
    with pytest.raises(requests.ConnectionError, match="leaves this machine"):
        session.get("https://elsewhere.example/", timeout=5)


def test_a_host_nobody_mounted_is_unreachable_too() -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("http://elsewhere.example/", timeout=5)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_no_socket_leaves_this_machine(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as stranger, pytest.raises(ConnectionRefusedError):
        stranger.connect((host, 9))


def test_this_machine_may_be_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as caller,
    ):
        assert caller.getpeername() == server.getsockname()
