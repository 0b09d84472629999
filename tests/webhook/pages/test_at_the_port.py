"""The pages at the service's port: whose forms are read, and who has to wait."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from threading import Event, Semaphore

import pytest
import requests
from sqlalchemy import event

from reserve.errors import Unreachable
from reserve.http import Http
from tests.webhook.pages.conftest import TOKEN, Household, token_in
from webhook_server import serve
from webhook_server.pages.background import Job, Kind
from webhook_server.pages.facilities import in_a_thread
from webhook_server.pages.house import LOOKUPS
from webhook_server.server import FREE, NUMBER, PAGERS, STREAM, PageServer, WebhookServer, handing_over


@pytest.fixture
def server(household: Household) -> Iterator[WebhookServer]:
    with serve(household.service, "127.0.0.1", 0, pages=household.pages) as server:
        yield server


def answer(server: WebhookServer, head: str, body: bytes = b"") -> bytes:
    """The first line of the answer to a request, whose body may never come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nHost: localhost\r\n".encode() + b"Content-Length: 500\r\n\r\n" + body)
        return connection.recv(4096).partition(b"\r\n")[0]


def test_whoever_has_left_before_being_taken_in_is_passed_over(household: Household) -> None:
    ours, theirs = handing_over()
    with (
        ours,
        socket.create_server(("127.0.0.1", 0)) as listening,
        closing(PageServer(household.pages, theirs)),
    ):

        def comes() -> tuple[socket.socket, socket.socket]:
            """Both ends of a new connection."""
            return socket.create_connection(listening.getsockname(), timeout=60), listening.accept()[0]

        def hand_over(connection: socket.socket) -> None:
            said = b"0" * NUMBER + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
            socket.send_fds(ours, [said], [connection.fileno()])
            connection.close()

        gone, left = comes()
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        hand_over(left)
        first, end = comes()
        hand_over(end)
        with first:
            assert first.recv(4096).startswith(b"HTTP/1.1 200 OK")


def test_a_strangers_form_is_not_waited_for_but_to_sign_in_or_to_plan(server: WebhookServer) -> None:
    refused = answer(server, "POST /code HTTP/1.1")
    forged = answer(server, "POST /code HTTP/1.1\r\nCookie: first-serve=eyJfdXNlcl9pZCI6ImEifQ.x.y")
    read = answer(server, "POST /sign-in HTTP/1.1", b"x" * 500)
    planned = answer(server, "POST /plans/new HTTP/1.1", b"x" * 500)

    assert refused == b"HTTP/1.1 302 FOUND"  # before its body came
    assert forged == b"HTTP/1.1 302 FOUND"
    assert read == b"HTTP/1.1 400 BAD REQUEST"
    assert planned == b"HTTP/1.1 302 FOUND"


def test_who_is_signed_in_is_not_counted_among_strangers_but_guesses_at_the_token_are(
    household: Household, server: WebhookServer
) -> None:
    cookie = household.client("anna").get_cookie("first-serve")
    assert cookie is not None
    session, url = requests.Session(), f"http://127.0.0.1:{server.port}"
    session.headers["Cookie"] = f"first-serve={cookie.value}"

    pages = [session.get(f"{url}/code", timeout=60).status_code for _ in range(FREE + 5)]
    guess = session.post(f"{url}/webhook/guess", timeout=60)

    assert set(pages) == {200}
    assert guess.status_code == 404
    assert sum(server.strangers.values()) == 1
    taken = requests.post(
        f"{url}/webhook/{TOKEN}/forwarder", json={"from": "x", "text": "code 482913"}, timeout=60
    )
    assert taken.status_code == 200


def test_a_connection_ends_with_a_page_so_that_no_text_ever_comes_to_where_pages_are_made(
    server: WebhookServer,
) -> None:
    paths = ["/newest?phonenumber=4155550100", "/newest?phonenumber=4155550100", "/healthz"]
    answers, ends = [], set()

    with closing(HTTPConnection("127.0.0.1", server.port, timeout=60)) as connection:
        for path in paths:
            ends.add(connection.sock and connection.sock.getsockname())
            connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
            ends.add(connection.sock and connection.sock.getsockname())
            answers.append(json.load(connection.getresponse()))
        is_open = connection.sock is not None

    assert ["ok" in answer for answer in answers] == [False, False, True]
    assert len(ends) == 2  # none before the first, and one for all
    assert not is_open


def test_a_form_that_comes_in_pieces_is_handed_over_whole(server: WebhookServer) -> None:
    form = b"name=anna&password=x"
    head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n"

    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in (head[:7], head[7:40], head[40:], b"\r\n" + form[:5], form[5:]):
            connection.sendall(part)
            time.sleep(0.01)  # so that it is read in pieces; nothing hangs on it
        answer = connection.recv(4096)

    assert answer.startswith(b"HTTP/1.1 400 BAD REQUEST")  # read, and without a token of the form


def test_what_comes_close_behind_a_request_about_texts_is_never_mixed_up_with_it(
    server: WebhookServer,
) -> None:
    two = f"GET /health HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    two += "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(two.encode())
        answers = b""
        while part := connection.recv(4096):
            answers += part

    assert answers.count(b"HTTP/1.1 ") == 2
    assert answers.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 503 Service Unavailable" in answers


def test_fifty_who_watch_are_no_more_to_read_than_one_and_delay_no_page(
    household: Household, server: WebhookServer
) -> None:
    house, looks = household.pages.extensions["house"], list[str]()
    house.closing.clear()  # so that streams last
    cookie = household.client("anna").get_cookie("first-serve")
    assert cookie is not None
    head = f"HTTP/1.1\r\nHost: localhost\r\nCookie: first-serve={cookie.value}\r\n\r\n"

    def note(_: object, __: object, statement: str, *___: object) -> None:
        looks.append(statement)

    event.listen(house.store.engine, "before_cursor_execute", note)
    with ExitStack() as open_:
        for _ in range(50):
            stream = socket.create_connection(("127.0.0.1", server.port), timeout=60)
            open_.enter_context(stream)
            stream.sendall(f"GET {STREAM} {head}".encode())
            said = b""
            while b"data:" not in said:
                said += stream.recv(4096)
        headers = {"Cookie": f"first-serve={cookie.value}"}
        page = requests.get(f"http://127.0.0.1:{server.port}/code", headers=headers, timeout=60)
        house.closing.set()

    assert page.status_code == 200
    assert len([each for each in looks if "FROM runs" in each]) == 2  # under way, and just ended


def test_what_goes_on_in_the_background_is_asked_to_stop_before_pages_are_waited_for(
    household: Household,
) -> None:
    background = household.pages.extensions["house"].background
    working, begun, stopped = Event(), Event(), Event()

    def work(job: Job) -> None:
        working.set()
        while not job.stop.is_asked:
            time.sleep(0.01)
        stopped.set()

    def page() -> dict[str, bool]:
        begun.set()
        return {"ok": stopped.wait(60)}

    household.pages.view_functions["healthz"] = page
    background.aside = in_a_thread
    with serve(household.service, "127.0.0.1", 0, pages=household.pages) as server:
        background.begin(("anna", "hers"), Job(Kind.BOOKINGS, household.clock.now()), work)
        visitor = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        visitor.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert working.wait(60)
        assert begun.wait(60)

    answer = b""
    with visitor:
        while part := visitor.recv(4096):
            answer += part
    assert answer.endswith(b'{"ok":true}\n')


def test_no_page_waits_for_those_that_wait_for_a_booking_system(
    household: Household, server: WebhookServer
) -> None:
    house, go, asked = household.pages.extensions["house"], Event(), Semaphore(0)

    def slow(*_: object) -> Http:
        asked.release()
        assert go.wait(60)
        raise Unreachable("no answer in time")

    house.connect = slow
    anna, url = household.client("anna"), f"http://127.0.0.1:{server.port}"
    token, cookie = token_in(anna, "/code"), anna.get_cookie("first-serve")
    assert cookie is not None
    game = {"date": "+8", "time": "6pm-7:30pm", "court": "Alice Marble", "account": "anna-rec"}

    def preview() -> str:
        headers = {"Cookie": f"first-serve={cookie.value}"}
        form = {**game, "csrf_token": token}
        return requests.post(f"{url}/plans/new", form, headers=headers, timeout=60).text

    with ThreadPoolExecutor(PAGERS + LOOKUPS) as visitors:
        waiting = [visitors.submit(preview) for _ in range(LOOKUPS)]
        for _ in waiting:
            assert asked.acquire(timeout=60)
        others = [visitors.submit(preview) for _ in range(PAGERS)]
        try:
            assert requests.get(f"{url}/healthz", timeout=20).json() == {"ok": True}
            refused = [each.result(60) for each in others]
        finally:
            go.set()

    assert all(
        "No answer came (no answer in time); try again in a minute." in each.result() for each in waiting
    )
    assert all("The booking system answers slowly now" in each for each in refused)
