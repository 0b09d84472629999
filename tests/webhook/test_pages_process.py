"""The process of the pages beside the service: whatever it does, texts are taken in."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import requests

from tests.webhook.conftest import TOKEN
from tests.webhook.test_service import deliver, process, where
from webhook_server import create_app, pages_process, serve
from webhook_server.pages_process import LOOK, PagesProcess
from webhook_server.server import WebhookServer, handing_over

# What a process of pages may do instead of answering; its last argument is its end of the door.
HANG = "import threading; threading.Event().wait()"
END = "raise SystemExit(1)"
REFUSE = "raise SystemExit(2)"
REFUSE_THEN = """
import socket, sys
socket.socket(fileno=int(sys.argv[-1])).recv(1, socket.MSG_PEEK)  # once somebody has come
raise SystemExit(2)
"""
ANSWER = """
import os, socket, sys
door = socket.socket(fileno=int(sys.argv[-1]))
while (taken := socket.recv_fds(door, 99999, 1))[0]:
    with socket.socket(fileno=taken[1][0]) as visitor:
        visitor.setblocking(True)
        visitor.sendall(b"HTTP/1.1 200 OK\\r\\nServer: %d\\r\\nConnection: close\\r\\n\\r\\n" % os.getpid())
    if b"/end" in taken[0]:
        raise SystemExit(1)
"""

# The first one hangs.
HANG_THEN = f"""
import pathlib, sys, time
begun = pathlib.Path(sys.argv[0]).with_suffix(".begun")
if not begun.exists():
    begun.touch()
    time.sleep(3600)
{ANSWER}"""


@contextmanager
def beside(
    folder: Path, program: str, soonest: float = 0.01, processes: int = 1, look: float = LOOK
) -> Iterator[tuple[WebhookServer, list[PagesProcess]]]:
    """The service, and as its pages so many times *program*."""
    (folder / "stand_in.py").write_text(program)
    app = create_app(data=folder / "data", token=TOKEN, loopback=True, now=lambda: datetime.now(UTC))
    ends = [handing_over() for _ in range(processes)]
    run_it = [sys.executable, str(folder / "stand_in.py")]
    with serve(app, "127.0.0.1", 0, pages=[ours for ours, _ in ends]) as server, ExitStack() as running:
        yield (
            server,
            [
                running.enter_context(closing(PagesProcess(run_it, theirs, door, soonest=soonest, look=look)))
                for (_, theirs), door in zip(ends, server.doors, strict=True)
            ],
        )


def url(server: WebhookServer) -> str:
    return f"http://127.0.0.1:{server.port}"


def test_a_page_that_hangs_delays_no_text(tmp_path: Path) -> None:
    with (
        beside(tmp_path, HANG) as (server, _),
        socket.create_connection(("127.0.0.1", server.port)) as visitor,
    ):
        visitor.sendall(b"GET /runs HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert deliver(url(server)).status_code == 200
        visitor.setblocking(False)
        with pytest.raises(BlockingIOError):
            visitor.recv(1)


def test_who_comes_while_too_many_wait_for_a_page_is_told_so(tmp_path: Path) -> None:
    with beside(tmp_path, HANG) as (server, _):
        server.doors[0].socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        waiting = []
        for _ in range(20):
            waiting.append(socket.create_connection(("127.0.0.1", server.port)))
            waiting[-1].sendall(b"GET /runs HTTP/1.1\r\nHost: localhost\r\n\r\n")

        refused = requests.get(f"{url(server)}/healthz", timeout=60)
        taken = deliver(url(server))
        for each in waiting:
            each.close()

    assert refused.status_code == 503
    assert "try again" in refused.text
    assert taken.status_code == 200


def test_processes_take_turns_but_what_one_remembers_the_first_is_asked_for(tmp_path: Path) -> None:
    def who(path: str, method: str = "GET") -> int:
        return int(requests.request(method, url(server) + path, timeout=60).headers["Server"])

    with beside(tmp_path, ANSWER, soonest=60, processes=2) as (server, pages):
        asked = [who(path) for path in ("/", "/plans", "/plans/7", "/runs", "/runs/x", "/events")]
        first, second = (each.process.pid for each in pages if each.process)
        assert asked == [first, second, second] * 2
        elsewhere = ("/accounts", "/accounts/x/check", "/sign-in", "/plans/new", "/plans/7/edit", "/healthz")
        assert {who(path) for path in elsewhere} == {first}
        assert {who("/plans/7", "POST"), who("/", "POST")} == {first}

        psutil.Process(second).kill()
        while server.doors[1].is_open:
            pass
        assert {who("/"), who("/runs")} == {first}


@pytest.mark.parametrize("gone", [0, 1])
def test_what_is_read_is_answered_by_whichever_process_is_there(tmp_path: Path, gone: int) -> None:
    with beside(tmp_path, ANSWER, soonest=60, processes=2) as (server, pages):
        for path in ("/", "/plans"):  # both have begun
            requests.get(url(server) + path, timeout=60)
        ended = pages[gone].process
        assert ended is not None
        ended.kill()
        while server.doors[gone].is_open:
            pass

        read = [requests.get(url(server) + path, timeout=60).status_code for path in ("/", "/runs", "/plans")]
        accounts = requests.get(f"{url(server)}/accounts", timeout=60).status_code

    assert read == [200, 200, 200]
    assert accounts == (200 if gone else 503)


def test_pages_that_end_are_there_again_and_meanwhile_texts_are_taken_in(tmp_path: Path) -> None:
    with beside(tmp_path, ANSWER) as (server, [pages]):
        first = requests.get(f"{url(server)}/end", timeout=60)
        gone = pages.process
        assert gone is not None
        gone.wait(60)
        taken = deliver(url(server))
        while (again := requests.get(f"{url(server)}/healthz", timeout=60)).status_code == 503:
            pass

        assert [each.status_code for each in (first, taken, again)] == [200, 200, 200]
        assert pages.process is not gone


def test_pages_that_hang_are_ended_and_whoever_waits_is_answered_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with beside(tmp_path, HANG_THEN, look=0.1) as (server, _):
        answer = requests.get(f"{url(server)}/healthz", timeout=60)

    assert answer.status_code == 200
    assert caplog.messages[:2] == [
        "a process of the web page hangs",
        "a process of the web page ended (-9); the next starts in 0 s",
    ]


def test_each_start_of_pages_that_do_not_last_comes_later_than_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with beside(tmp_path, END, soonest=0.05) as (server, _):
        while len(caplog.messages) < 3:
            pass
        assert deliver(url(server)).status_code == 200

    pauses = [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and record.args]
    assert pauses[:3] == [0.05, 0.1, 0.2]


def test_until_pages_start_again_whoever_comes_is_told_so_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with beside(tmp_path, END, soonest=600) as (server, _):
        while not caplog.messages:
            pass
        assert requests.get(f"{url(server)}/sign-in", timeout=60).status_code == 503


def test_pages_that_lasted_are_there_again_as_soon_as_the_first_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_process, "LASTING", 1)
    monkeypatch.setattr(pages_process, "HUNG", 10**9)  # however long it takes to start
    with beside(tmp_path, ANSWER, look=0.01) as (server, [pages]):
        for ends in (1, 2):
            until = time.monotonic() + 60
            while requests.get(f"{url(server)}/healthz", timeout=60).status_code == 503:
                pass
            while pages._pause > 0.01 and time.monotonic() < until:
                time.sleep(0.001)
            requests.get(f"{url(server)}/end", timeout=60)
            while len(caplog.messages) < ends:
                pass

    assert [record.args[1] for record in caplog.records if isinstance(record.args, tuple)] == [0.01, 0.01]


def test_pages_that_do_not_end_are_killed_and_no_key_that_is_pressed_for_us_reaches_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_process, "GRACE", 0.1)
    with beside(tmp_path, f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{ANSWER}") as (
        server,
        [pages],
    ):
        assert requests.get(f"{url(server)}/healthz", timeout=60).ok
        assert pages.process is not None
        group = os.getpgid(pages.process.pid)

    assert group == pages.process.pid
    assert pages.process.returncode == -signal.SIGKILL


def test_pages_that_refuse_to_start_are_not_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with beside(tmp_path, REFUSE) as (server, [pages]):
        while not caplog.messages:
            pass
        assert requests.get(f"{url(server)}/sign-in", timeout=60).status_code == 503
        assert deliver(url(server)).status_code == 200
        assert pages.process is not None
        assert pages.process.returncode == 2

    assert caplog.messages[0] == "without the web page; the line before says why"


def test_who_comes_while_pages_start_that_refuse_to_does_not_wait_for_ever(tmp_path: Path) -> None:
    with (
        beside(tmp_path, REFUSE_THEN) as (server, _),
        socket.create_connection(("127.0.0.1", server.port), timeout=60) as visitor,
    ):
        visitor.sendall(b"GET /runs HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert visitor.recv(1) == b""
        assert requests.get(f"{url(server)}/sign-in", timeout=60).status_code == 503
        assert deliver(url(server)).status_code == 200


def test_the_pages_are_gone_when_the_service_is_killed(tmp_path: Path) -> None:
    with process(tmp_path, WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0", WEBHOOK_PAGES="1") as started:
        assert requests.get(f"{where(started)}/healthz", timeout=60).json() == {"ok": True}
        (pages,) = psutil.Process(started.pid).children()
        started.kill()

        psutil.wait_procs([pages], 60)
        assert not pages.is_running()
