"""Reading one host safely, over real sockets: what surely was not done, and what may have been."""

import gzip
import json
import re
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from reserve.booking.codes import HOLD_BACK
from reserve.clock import HURRY, Clock
from reserve.errors import LostAnswer, Overdue, UnknownAnswer, Unreachable
from reserve.http import LARGEST, PATIENCE, Answer, Http, NotProved, Reached, path_to

NOW = datetime(2026, 3, 2, 16, tzinfo=UTC)
QUICK = timedelta(seconds=0.5)  # a server of ours that says nothing is given up soon


class Drip(bytes):
    """An answer that comes byte by byte."""


class Host:
    """A server that answers what it was given, and counts its connections and requests."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[str] = []
        self.was_hung_up = False
        self.heads: list[str] = []  # of each, all its lines
        self.done = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self) -> None:
        while True:
            connection, _ = self.listening.accept()
            with connection, connection.makefile("rb") as reader:
                if not self.answers or not self.talk(connection, reader):
                    return

    def talk(self, connection: socket.socket, reader: BufferedReader) -> bool:
        """Answer requests on one connection until it or the answers end; False to end the server."""
        self.connections += 1
        while self.answers:
            head = b""
            while (line := reader.readline()) not in (b"\r\n", b""):
                head += line
            if not head or not self.answers:
                return bool(self.answers)
            self.heads.append(head.decode())
            self.requests.append(head.decode().split("\r\n")[0])
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            reader.read(int(length[1]) if length else 0)
            answer = self.answers.pop(0)
            if answer is None:
                self.done.wait(60)
                return False
            if isinstance(answer, Drip):
                return self.drip(connection, answer)
            connection.sendall(answer)
            if answer.endswith(CUT):
                return bool(self.answers)
        return False

    def drip(self, connection: socket.socket, answer: bytes) -> bool:
        """One byte after the other, until nobody listens any more."""
        for byte in answer:
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                self.was_hung_up = True
                return bool(self.answers)
            self.done.wait(0.02)
        return bool(self.answers)

    def close(self) -> None:
        self.done.set()
        self.answers.clear()
        with socket.socket() as last:  # wakes who waits for a connection
            last.settimeout(1)
            last.connect_ex(self.listening.getsockname())
        self.thread.join()
        self.listening.close()


CUT = b"\0cut"


def http_answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def talking_to(*answers: bytes | None, patience: timedelta = PATIENCE) -> Iterator[tuple[Http, Host]]:
    host = Host(*answers)
    http = Http(host.address, headers={"User-Agent": "FirstServe"}, patience=patience)
    try:
        yield http, host
    finally:
        http.close()
        host.close()


def test_an_answer_is_read_whatever_its_status() -> None:
    with talking_to(http_answer(b'{"a": [1]}'), http_answer(b"no", "404 Not Found")) as (http, _):
        good, bad = http.ask("GET", "/a"), http.ask("GET", "/b", params={"phonenumber": "+1415"})

    assert (good.status, good.is_good, good.json()) == (200, True, {"a": [1]})
    assert (bad.status, bad.is_good, bad.text) == (404, False, "no")
    assert bad.asked == "GET /b"  # without what was asked, which may be personal


BRACKETS = {"pg[num]": "1", "pg[size]": "100"}


def test_brackets_of_a_query_reach_the_host_as_they_are() -> None:
    with talking_to(*[http_answer()] * 3) as (http, host):
        http.ask("GET", "/bookings", params=BRACKETS)
        http.ask("GET", "/booking?include[]=reservations&include[]=sites")
        http.ask("GET", "/booking?include[]=a", params={"x[]": "[b]"})

    assert host.requests == [
        "GET /bookings?pg[num]=1&pg[size]=100 HTTP/1.1",
        "GET /booking?include[]=reservations&include[]=sites HTTP/1.1",
        "GET /booking?include[]=a&x[]=[b] HTTP/1.1",
    ]


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a b", "a+b"),
        ("a&b=c", "a%26b%3Dc"),
        ("+1415", "%2B1415"),
        ("Åpen", "%C3%85pen"),
        ("a#b", "a%23b"),
        ("100%", "100%25"),
        ("%5B", "%255B"),
        ("a\r\nb", "a%0D%0Ab"),
    ],
)
def test_everything_else_in_a_query_reaches_the_host_quoted(value: str, quoted: str) -> None:
    with talking_to(http_answer()) as (http, host):
        http.ask("GET", "/a", params={"x[]": value})

    assert host.requests == [f"GET /a?x[]={quoted} HTTP/1.1"]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_brackets_pass_a_proxy_as_they_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Host(http_answer())
    monkeypatch.setenv(name, proxy.address)
    http = Http("http://nowhere.invalid", headers={})

    try:
        http.ask("GET", "/bookings", params=BRACKETS)
    finally:
        http.close()
        proxy.close()

    assert proxy.requests == ["GET http://nowhere.invalid/bookings?pg[num]=1&pg[size]=100 HTTP/1.1"]


def test_a_prepared_request_shows_the_brackets_that_are_sent() -> None:
    asked = Http("https://nowhere.invalid", headers={}).prepare("GET", "/a", params=BRACKETS | {"b": "c d"})

    assert asked.path_url == "/a?pg[num]=1&pg[size]=100&b=c+d"


def test_one_connection_serves_every_request() -> None:
    with talking_to(*[http_answer()] * 3) as (http, host):
        for _ in range(3):
            http.ask("POST", "/v1/reservations", json={})

        assert host.connections == 1


def test_a_redirect_is_not_followed() -> None:
    with talking_to(http_answer(b"", "302 Found", Location="/elsewhere")) as (http, host):
        assert http.ask("POST", "/pay").status == 302
        assert host.requests == ["POST /pay HTTP/1.1"]


def test_a_redirect_never_carries_the_bearer_token_to_another_host() -> None:
    other = Host(http_answer())
    with talking_to(http_answer(b"", "307 Moved", Location=f"{other.address}/steal")) as (http, _):
        http.ask("GET", "/v1/users/me", headers={"Authorization": "Bearer ours"})
    other.close()

    assert other.requests == []


def test_a_netrc_file_neither_replaces_our_token_nor_has_its_password_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login other password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with talking_to(http_answer(), http_answer()) as (http, host):
        http.ask("GET", "/a", headers={"Authorization": "Bearer ours"})
        http.ask("GET", "/b")

    said = [line for head in host.heads for line in head.split("\r\n") if "uthorization" in line]
    assert said == ["Authorization: Bearer ours"]


ESCAPES = "\x1b[2J \x9b31m \x07\u202e\u2028\r\n\x7f"


def test_nothing_that_a_host_says_can_steer_a_terminal() -> None:
    said = json.dumps({ESCAPES: [{"deep": [f"a{ESCAPES}b"]}], "number": 1})
    raw = json.dumps({"a": "\x9b"}, ensure_ascii=False)
    answers = [http_answer(text.encode()) for text in (said, raw, f"<p>{ESCAPES}</p>\nend")]
    with talking_to(*answers) as (http, _):
        escaped, literally, page = (http.ask("GET", "/") for _ in answers)

    body: Any = escaped.json()
    ((name, places), (_, number)) = body.items()
    text = places[0]["deep"][0]
    assert name.isprintable()
    assert text.isprintable()
    assert (text[0], text[-1], number) == ("a", "b", 1)
    assert literally.json() == {"a": " "}
    assert page.text.replace("\r\n", "").replace("\n", "").isprintable()
    assert page.text.endswith("\nend")


@pytest.mark.parametrize(
    "id_", ["../users/me", "..", ".", "a/../../b", "%2e%2e", "..%2f..", "a?b", "a#b", "a b"]
)
def test_an_id_of_the_host_never_leads_to_another_path(id_: str) -> None:
    with talking_to(http_answer()) as (http, host), suppress(Unreachable):
        http.ask("DELETE", path_to("/v1/orders/{id}/pay", id=id_))

    for asked in host.requests:
        path = asked.split()[1]
        assert re.fullmatch(r"/v1/orders/[^/?#]+/pay", path)
        assert unquote(path.split("/")[3]) == id_


def test_a_path_with_dots_is_not_asked_for_at_all() -> None:
    with talking_to() as (http, host), pytest.raises(Unreachable, match="leads elsewhere"):
        http.ask("DELETE", "/v1/orders/../users/me")

    assert host.requests == []


def test_a_refused_connection_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    http = Http(f"http://127.0.0.1:{port}", headers={})

    with pytest.raises(Unreachable, match="GET /a: no connection"):
        http.ask("GET", "/a")


def test_a_host_that_has_no_address_is_unreachable() -> None:
    http = Http("http://nowhere.invalid", headers={})

    with pytest.raises(Unreachable):
        http.ask("GET", "/a")


@contextmanager
def hanging_up() -> Iterator[str]:
    """Where somebody listens who reads what comes first, says something that is not TLS, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


def test_a_host_that_speaks_no_tls_is_unreachable_because_nothing_was_asked_of_it() -> None:
    with hanging_up() as where, pytest.raises(Unreachable, match="POST /pay: no connection"):
        Http(f"https://{where}", headers={}).ask("POST", "/pay", json={})


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_unreachable_because_nothing_was_asked_through_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")

    with pytest.raises(Unreachable, match="POST /pay: no connection"):
        Http(f"{scheme}://nowhere.invalid", headers={}).ask("POST", "/pay", json={})


def test_a_proxy_that_refuses_is_unreachable_because_nothing_was_asked_through_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with hanging_up() as where:
        monkeypatch.setenv("https_proxy", f"http://{where}")
        with pytest.raises(Unreachable, match="POST /pay: no connection"):
            Http("https://nowhere.invalid", headers={}).ask("POST", "/pay", json={})


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:5000", "localhost:5000", "http://", "nonsense", "ftp://x", "http://a b"],
)
def test_what_is_no_address_is_unreachable(address: str) -> None:
    with pytest.raises(Unreachable):
        Http(address, headers={}).ask("GET", "/a")


@pytest.mark.parametrize("token", ["t\nX: y", "t\u20ac", "t\udcff"])
def test_a_header_that_cannot_be_sent_is_unreachable_and_not_repeated_in_the_message(token: str) -> None:
    with talking_to(http_answer()) as (plain, host):
        http = Http(plain.base_url, headers={"Authorization": f"Bearer {token}"})
        with pytest.raises(Unreachable) as failed:
            http.ask("GET", "/a")
        http.close()

        assert host.requests == []
    assert token not in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (CUT, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{" + CUT, ""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz" + CUT, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nno" + CUT, ""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", "no answer in time|connection broke"),
        (None, "no answer in time"),
    ],
    ids=["garbage", "truncated", "bad chunks", "bad gzip", "half and silence", "silence"],
)
def test_what_left_and_got_no_whole_answer_may_have_been_done(answer: bytes | None, says: str) -> None:
    with talking_to(answer, None, patience=QUICK) as (http, host):
        with pytest.raises(LostAnswer, match=f"^POST /pay: .*({says})"):
            http.ask("POST", "/pay", json={})

        assert len(host.requests) == 1  # and was not repeated behind our back


def test_what_was_not_answered_in_time_may_even_be_done_later() -> None:
    with talking_to(None, patience=QUICK) as (http, _), pytest.raises(Overdue):
        http.ask("POST", "/pay", json={})


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + b"x" * 1000,
        b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 1000,
        CHUNKED + b"1\r\nx\r\n" * 500,
        CHUNKED + b"0\r\n" + b"A: b\r\n" * 500,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 90 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 50,
        b"HTTP/1.1 200 " + b"O" * 1000,
    ],
    ids=["body", "last body", "until the end", "chunks", "trailers", "headers", "hints", "status"],
)
def test_an_answer_that_drips_is_given_up_when_the_whole_of_it_is_late(answer: bytes) -> None:
    with talking_to(Drip(answer), patience=QUICK) as (http, host):
        began = Clock().monotonic()
        with pytest.raises(Overdue, match="POST /pay: no answer in time"):
            http.ask("POST", "/pay", json={})
        took = Clock().monotonic() - began
        host.thread.join(60)

    assert QUICK.total_seconds() <= took < 8  # all of it takes longer than ten seconds
    assert host.was_hung_up  # so no thread of ours goes on reading it


def test_once_we_are_hurried_no_answer_is_waited_for_much_longer() -> None:
    host = Host(None)
    http = Http(host.address, headers={}, is_hurried=lambda: True)
    began = Clock().monotonic()

    with pytest.raises(Overdue):
        http.ask("POST", "/pay")

    took = Clock().monotonic() - began
    assert HURRY.total_seconds() <= took < PATIENCE.total_seconds() / 2
    http.close()
    host.close()


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_an_interim_answer_is_not_taken_for_the_answer(status: str) -> None:
    interim = f"HTTP/1.1 {status}\r\nLink: </a.css>; rel=preload\r\n\r\n".encode()

    with talking_to(interim + interim + http_answer(b'{"held": true}', "201 Created")) as (http, _):
        answer = http.ask("POST", "/v1/reservations")

    assert (answer.status, answer.json()) == (201, {"held": True})


def test_an_answer_that_unpacks_to_more_than_any_sensible_one_is_not_unpacked_to_its_end() -> None:
    packed = gzip.compress(b" " * 50_000_000)

    with talking_to(http_answer(packed, Content_Encoding="gzip")) as (http, _):
        tracemalloc.start()
        with pytest.raises(UnknownAnswer, match="longer than"):
            http.ask("GET", "/v1/locations")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak < 5 * LARGEST


def test_an_answer_longer_than_any_sensible_one_is_not_read_to_its_end() -> None:
    body = b"[" + b" " * LARGEST + b"]"
    with talking_to(http_answer(body)) as (http, _), pytest.raises(UnknownAnswer, match="longer than"):
        http.ask("GET", "/v1/locations")


@pytest.mark.parametrize("text", ["", "<html>", "{", '"yes"', "7", "null", "[" * 100_000])
def test_what_is_not_a_json_object_or_array_is_unknown(text: str) -> None:
    answer = Answer("GET /a", 200, {}, text)

    assert not answer.is_json
    with pytest.raises(UnknownAnswer, match=r"GET /a: the answer \(200\) is not"):
        answer.json()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("Åpnes".encode(), "text/html"),
        ("Åpnes".encode("iso-8859-1"), "text/html"),
        ("Åpnes".encode("iso-8859-1"), "text/html; charset=ISO-8859-1"),
        ("Åpnes".encode("utf-16"), "text/html; charset=utf-16"),
        ("Åpnes".encode(), "text/html; charset=unheard-of"),
        ("Åpnes".encode("iso-8859-1"), "text/html; charset=utf-8"),
    ],
)
def test_a_page_is_read_in_its_letters_whatever_its_header_says(body: bytes, content_type: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nContent-Type: {content_type}\r\n\r\n"
    with talking_to(head.encode() + body) as (http, _):
        assert http.ask("GET", "/a").text == "Åpnes"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("0", 0),
        ("120", 120),
        (" 5 ", 5),
        ("999999999999", 86_400),
        ("Mon, 02 Mar 2026 16:00:30 GMT", 30),
        ("Mon, 02 Mar 2026 15:00:00 GMT", 0),
    ],
)
def test_how_long_to_wait_is_read_in_both_forms(text: str, wait: int) -> None:
    assert Answer("", 429, {"Retry-After": text}, "").retry_after(NOW) == timedelta(seconds=wait)


@pytest.mark.parametrize(
    "headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-5"}, {"Retry-After": "1.5"}]
)
def test_what_does_not_say_how_long_to_wait_says_nothing(headers: dict[str, str]) -> None:
    assert Answer("", 429, headers, "").retry_after(NOW) is None


@given(
    st.text()
    | st.from_regex(r"[A-Z][a-z]{2}, [0-9]{1,2} [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{1,9} [+-]?[A-Z0-9]{1,9}")
)
def test_no_header_can_hurt(text: str) -> None:
    answer = Answer("", 200, {"Retry-After": text, "Date": text}, "")

    wait = answer.retry_after(NOW)
    assert wait is None or wait >= timedelta(0)
    assert answer.stamp is None or abs(answer.stamp - NOW) < timedelta(days=100_000)


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0900",
        "Mon, 01 Jan 1601 00:00:00 GMT",
        "Mon, 99 Foo 2026 16:00:30 GMT",
    ],
)
def test_a_date_that_no_clock_shows_is_ignored(text: str) -> None:
    answer = Answer("", 503, {"Date": text, "Retry-After": text}, "")

    assert answer.stamp is None
    assert answer.retry_after(NOW) is None


def test_the_webhook_service_answers_before_our_patience_with_it_ends() -> None:
    assert HOLD_BACK < PATIENCE


@contextmanager
def listening(serve: Callable[[socket.socket], None] = socket.socket.close) -> Iterator[int]:
    """The port of somebody on this machine who does *serve* with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def work() -> None:
            with suppress(OSError):
                while True:
                    serve(server.accept()[0])

        threading.Thread(target=work, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def reached(url: str) -> Reached | None:
    """How the host of *url* is reached."""
    with closing(Http(url, headers={})) as http:
        return http.reach()


def test_a_host_that_lets_us_in_is_reached_and_one_that_refuses_is_not() -> None:
    with listening() as port:
        found = reached(f"http://127.0.0.1:{port}")

    assert found is not None
    assert (found.host, found.addresses, found.silent) == ("127.0.0.1", ("127.0.0.1",), ())
    with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1"):
        reached(f"http://127.0.0.1:{port}")


def test_a_host_that_shows_a_certificate_of_its_own_making_has_not_proved_who_it_is(tmp_path: Path) -> None:
    with (
        listening(shaking_hands(self_signed(tmp_path))) as port,
        pytest.raises(NotProved, match=r"certificate of 127\.0\.0\.1 is not accepted"),
    ):
        reached(f"https://127.0.0.1:{port}")


def test_the_authorities_that_are_trusted_are_read_once_for_all_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificate.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))

    with listening(shaking_hands(certificate)) as port:
        url = f"https://127.0.0.1:{port}"
        asked = [Http(url, headers={}).ask("GET", "/").status]
        trusted.write_text("")  # whoever read it again would trust nobody
        asked += [Http(url, headers={}).ask("GET", "/").status for _ in range(3)]
        assert reached(url) is not None

    assert asked == [204] * 4


def shaking_hands(certificate: Path) -> Callable[[socket.socket], None]:
    """What proves with *certificate* who it is, and says that there is nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def shake_hands(connection: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as encrypted:
            if encrypted.recv(65_536):
                encrypted.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    return shake_hands


def test_a_host_that_speaks_no_tls_has_not_proved_who_it_is() -> None:
    with listening() as port, pytest.raises(NotProved, match=r"127\.0\.0\.1 breaks off"):
        reached(f"https://127.0.0.1:{port}")


def self_signed(folder: Path) -> Path:
    """A file with a certificate that nobody has signed but its owner, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    began = datetime(2020, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, began, began + timedelta(days=36_500))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
    pem = serialization.Encoding.PEM
    file = folder / "server.pem"
    file.write_bytes(
        made.sign(key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file
