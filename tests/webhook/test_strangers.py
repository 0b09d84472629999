"""Strangers and crowds at the port: real connections, because the sentences are about them."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.webhook.conftest import TOKEN
from tests.webhook.test_gateways import sample
from webhook_server import create_app, serve
from webhook_server.access import neighbourhood
from webhook_server.server import (
    A_ROUND,
    CONNECTIONS,
    FREE,
    IDLE,
    LINGER,
    LONGEST_BODY,
    LONGEST_HEAD,
    PATIENCE,
    Connection,
    WebhookServer,
)

ORDER, _ = sample("smspool_webhook.json")
GUESS = b"POST /webhook/guess HTTP/1.1\r\nHost: x\r\n"
HOOK = f"POST /webhook/{TOKEN} HTTP/1.1\r\nHost: x\r\n".encode()
READER = f"GET /health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n".encode()


@contextmanager
def service(folder: Path, proxy: str | None = None) -> Iterator[WebhookServer]:
    app = create_app(data=folder, token=TOKEN, loopback=True, now=lambda: datetime.now(UTC))
    with serve(app, "127.0.0.1", 0, proxy=proxy) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebhookServer]:
    with service(tmp_path) as server:
        yield server


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of a thousand connections are open in this process."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limits[1]), limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def say(server: WebhookServer, words: bytes) -> socket.socket:
    """A connection on which this was said."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=60)
    connection.sendall(words)
    return connection


def heard(connection: socket.socket) -> bytes:
    """All that the service said until it closed its side."""
    with connection:
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def deliver(server: WebhookServer) -> int:
    url = f"http://127.0.0.1:{server.port}/webhook/{TOKEN}"
    return requests.post(url, data=ORDER, timeout=60).status_code


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (GUESS + b"Content-Length: 60000", b"404"),
        (GUESS + b"Content-Length: 9999999999", b"404"),
        (GUESS + b"Transfer-Encoding: chunked", b"404"),
        (GUESS + b"Content-Length: 10\r\nExpect: 100-continue", b"404"),
        (b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10", b"403"),
        (b"GET /newest HTTP/1.1\r\nHost: x\r\nContent-Length: 10", b"401"),
        (HOOK + b"Content-Length: %d" % (LONGEST_BODY + 1), b"413"),
    ],
)
def test_a_request_that_will_be_refused_is_refused_before_its_body_is_read(
    server: WebhookServer, head: bytes, status: bytes
) -> None:
    answer = heard(say(server, head + b"\r\n\r\n"))

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b'{"error":' in answer


def test_a_body_is_read_and_thrown_away_so_that_its_sender_sees_the_refusal(server: WebhookServer) -> None:
    body = b"x" * 200_000  # what is left unread when a connection is closed costs the other side our answer

    answer = heard(say(server, GUESS + b"Content-Length: %d\r\n\r\n" % len(body) + body))

    assert answer.startswith(b"HTTP/1.1 404")


def test_a_body_in_chunks_is_refused_as_soon_as_it_is_too_long(server: WebhookServer) -> None:
    chunk = b"%x\r\n%s\r\n" % (LONGEST_BODY, b"x" * LONGEST_BODY)

    answer = heard(say(server, HOOK + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk))

    assert answer.startswith(b"HTTP/1.1 413")


def test_a_head_without_an_end_is_refused(server: WebhookServer) -> None:
    assert heard(say(server, b"GET / HTTP/1.1\r\nX: " + b"x" * LONGEST_HEAD))[8:12] == b" 431"


@pytest.mark.parametrize(
    "unfinished", [b"", b"POST /webhook/guess HTTP/1.1\r\nHo", HOOK + b"Content-Length: 9\r\n\r\n"]
)
@pytest.mark.usefixtures("many_files")
def test_a_text_arrives_though_there_are_more_unfinished_requests_than_places(
    server: WebhookServer, unfinished: bytes
) -> None:
    with ExitStack() as open_:
        for _ in range(CONNECTIONS + 50):
            open_.enter_context(say(server, unfinished))

        assert deliver(server) == 200


def at_the_other_end(server: WebhookServer, connection: socket.socket) -> Connection:
    """The service's end, once it has been accepted."""
    while True:
        for each in list(server.connections.values()):
            if isinstance(each, Connection) and each.addr == connection.getsockname():
                return each


@pytest.mark.parametrize(
    ("words", "answer", "seconds"),
    [
        (b"", b"", PATIENCE),
        (b"GET /health HT", b"", PATIENCE),
        (HOOK + b"Content-Length: 9\r\n\r\nhalf", b"", PATIENCE),
        (READER + b"\r\n", b"HTTP/1.1 200", IDLE),
        (GUESS + b"Content-Length: 9\r\n\r\nhalf", b"HTTP/1.1 404", LINGER),
    ],
)
def test_nobody_keeps_a_connection_for_longer_than_it_needs(
    server: WebhookServer, words: bytes, answer: bytes, seconds: int
) -> None:
    with say(server, words) as connection:
        theirs = at_the_other_end(server, connection)
        if answer:
            assert connection.recv(4096).startswith(answer)
        while words and theirs.last_activity == theirs.creation_time:
            pass  # it has not come yet
        while theirs.requests or (answer == b"HTTP/1.1 404" and not theirs.lingers):
            pass

        assert not theirs.is_late(theirs.creation_time + seconds - 0.5)
        assert theirs.is_late(theirs.last_activity + seconds + 0.5)


def test_a_connection_that_had_its_time_is_closed_though_it_goes_on_dripping(server: WebhookServer) -> None:
    with say(server, b"GET /health HTTP/1.1\r\nX") as connection:
        theirs = at_the_other_end(server, connection)
        while theirs.request is None:
            pass
        connection.sendall(b"x")
        theirs.last_activity += PATIENCE  # as if the last letter had come only now

        assert theirs.is_late(theirs.creation_time + PATIENCE + 1)


def test_strangers_are_slowed_down_by_address_and_whoever_knows_the_token_is_not(
    server: WebhookServer,
) -> None:
    guess = GUESS + b"\r\n"
    free = [heard(say(server, guess)) for _ in range(FREE)]
    with ExitStack() as open_:
        more = [open_.enter_context(say(server, guess)) for _ in range(10 * A_ROUND)]
        assert deliver(server) == 200
        answered = [answer for connection in more if (answer := heard(connection))]

    assert [answer[:12] for answer in free] == [b"HTTP/1.1 404"] * FREE
    assert 0 < len(answered) <= 5 * A_ROUND  # two rounds may pass meanwhile, on a slow machine some more


@pytest.mark.parametrize(
    ("proxy", "asked"),
    [
        ("127.0.0.1", {"203.0.113.1": 2, "203.0.113.2": 1}),
        ("192.0.2.1", {"127.0.0.1": 3}),
        (None, {"127.0.0.1": 3}),
    ],
)
def test_only_the_proxy_we_know_of_is_believed_who_a_stranger_is(
    tmp_path: Path, proxy: str | None, asked: dict[str, int]
) -> None:
    with service(tmp_path, proxy) as server:
        for forwarded in (b"203.0.113.1", b"198.51.100.7, 203.0.113.1", b"203.0.113.1, 203.0.113.2"):
            heard(say(server, GUESS + b"X-Forwarded-For: %s\r\n\r\n" % forwarded))

        assert server.strangers == asked


def test_a_network_of_ipv6_is_one_stranger() -> None:
    addresses = [
        "2001:db8:1:2::3",
        "2001:db8:1:2:ffff::",
        "2001:db8:1:3::3",
        "192.0.2.1",
        "::ffff:192.0.2.1",
        "?",
    ]

    assert [neighbourhood(address) for address in addresses] == [
        "2001:db8:1:2::/64",
        "2001:db8:1:2::/64",
        "2001:db8:1:3::/64",
        "192.0.2.1",
        "192.0.2.1",
        "?",
    ]
