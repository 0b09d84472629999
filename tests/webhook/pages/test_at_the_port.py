"""The pages at the service's port: whose forms are read, and who has to wait."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests

from tests.webhook.pages.conftest import TOKEN, Household
from webhook_server import serve
from webhook_server.server import FREE, WebhookServer


@pytest.fixture
def server(household: Household) -> Iterator[WebhookServer]:
    with serve(household.service, "127.0.0.1", 0, pages=household.pages) as server:
        yield server


def answer(server: WebhookServer, head: str, body: bytes = b"") -> bytes:
    """The first line of the answer to a request, whose body may never come."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}\r\nHost: localhost\r\n".encode() + b"Content-Length: 500\r\n\r\n" + body)
        return connection.recv(4096).partition(b"\r\n")[0]


def test_a_strangers_form_is_not_waited_for_but_to_sign_in(server: WebhookServer) -> None:
    refused = answer(server, "POST /plans/new HTTP/1.1")
    forged = answer(server, "POST /plans/new HTTP/1.1\r\nCookie: first-serve=eyJfdXNlcl9pZCI6ImEifQ.x.y")
    read = answer(server, "POST /sign-in HTTP/1.1", b"x" * 500)

    assert refused == b"HTTP/1.1 400 BAD REQUEST"  # before its body came
    assert forged == b"HTTP/1.1 400 BAD REQUEST"
    assert read == b"HTTP/1.1 400 BAD REQUEST"


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
