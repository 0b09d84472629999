"""Warm connections to one host, and reading its answers safely; the only home of `requests`."""

from __future__ import annotations

import json as jsonlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import cache, cached_property, partial
from http.client import CONTINUE, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from reserve.clock import Clock, never
from reserve.errors import LostAnswer, Overdue, ServiceError, UnknownAnswer, Unreachable
from reserve.reach import reach
from reserve.redaction import printable
from reserve.stroke import Departure, Dropped, Withheld

PATIENCE = timedelta(seconds=15)  # with a request, from its first byte to the last of its answer
CONNECT = 5.0  # seconds for a pool, and for the greeting of TLS; for an address: `reserve.reach`
LARGEST = 4_000_000  # bytes; more than any answer recorded, less than what would fill the machine

Json = Mapping[str, object] | list[object]


@dataclass(frozen=True)
class Answer:
    """What a host said: status, headers, text; nothing in text or JSON can steer a terminal."""

    asked: str
    status: int
    headers: Mapping[str, str]
    text: str
    sent: datetime | None = None  # when the request left, where that is known

    @property
    def is_good(self) -> bool:
        """Whether the status says yes."""
        return 200 <= self.status < 300

    @property
    def is_json(self) -> bool:
        """Whether the text is a JSON object or array."""
        try:
            self.json()
        except ServiceError:
            return False
        return True

    def json(self) -> Json:
        """The JSON object or array in the text; raises `UnknownAnswer` when there is none."""
        return self._value

    @cached_property
    def _value(self) -> Json:
        try:
            value = jsonlib.loads(self.text.removeprefix("\ufeff"))  # which some servers put before it
            if "\\" in self.text or not self.text.strip().isprintable():
                value = _printable(value)
        except (ValueError, RecursionError):
            raise UnknownAnswer(f"{self.asked}: the answer ({self.status}) is not JSON") from None
        if not isinstance(value, dict | list):
            raise UnknownAnswer(f"{self.asked}: the answer ({self.status}) is not a JSON object")
        return value

    @property
    def stamp(self) -> datetime | None:
        """The host's own time when it answered, in whole seconds."""
        return _http_date(self.headers.get("Date", ""))

    def retry_after(self, now: datetime) -> timedelta | None:
        """How long the host asks us to wait, if it says so, given in seconds or as a moment."""
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text), 86_400))
        moment = _http_date(text)
        return max(moment - now, timedelta(0)) if moment else None


class NotProved(Unreachable):
    """A host does not prove by its certificate who it is."""


@dataclass(frozen=True)
class Reached:
    """A host: its addresses that let us in and those that do not answer, and how long the quickest took."""

    host: str
    addresses: tuple[str, ...]
    silent: tuple[str, ...]
    took: timedelta


def _http_date(text: str) -> datetime | None:
    """The moment in *text*, None for one that no clock shows: computing with it could overflow."""
    try:
        moment = parsedate_to_datetime(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if 2000 <= moment.year < 2200 else None


def _printable(value: object) -> object:
    """*value* with every text in it printable, however deep."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(name): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value


def path_to(template: str, **ids: object) -> str:
    """The path "/v1/orders/{id}" with these *ids*, each quoted: what a host calls an id may be anything."""
    return template.format(**{name: quote(str(each), safe="") for name, each in ids.items()})


def literal(url: str) -> str:
    """*url* with the brackets of its query as they are; what else is quoted there stays quoted.

    `requests` and `urllib3` quote them, and some hosts refuse that (rec.us facts 2.2).
    """
    path, mark, query = url.partition("?")
    return path + mark + re.sub("%5[BD]", lambda found: unquote(found[0]), query, flags=re.IGNORECASE)


@dataclass
class _UnderWay:
    """One request on its way, to be cut off when nobody waits for its answer any more."""

    clock: Clock
    departure: Departure | None  # with others, at a moment; else at once
    has_left: bool = False  # so it may have arrived
    sent: datetime | None = None  # when it left
    connection: socket.socket | None = None
    is_over: bool = False  # so nothing may leave any more
    _is_anew: bool = False  # on another connection, after its moment

    def write(self, connection: socket.socket, data: bytes) -> None:
        """Send the whole request in one piece; raises `Withheld` when nobody waits for an answer."""
        departure = self.departure
        planned, self._is_anew = None if self._is_anew else departure, True
        self.has_left = planned is None  # noted before we look, as who gives up looks at it afterwards
        if self.is_over:
            raise Withheld
        if planned is not None:
            try:
                planned.write(connection, data)
            finally:
                self.sent = planned.sent
                self.has_left = self.sent is not None
            return
        self.sent = self.clock.now()
        if departure is not None:
            departure.sent = self.sent
        connection.sendall(data)

    def cut(self) -> None:
        """Let nothing leave any more, and have whoever reads the answer find its end at once."""
        self.is_over = True
        if self.connection is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self.connection, socket.SHUT_RDWR)


_OF_THREAD = threading.local()  # its `under_way`


class _FinalAnswer(HTTPResponse):
    """An answer that is not taken for read while the host says only that one will come."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, CONTINUE if status < 200 else status, reason  # which is skipped, as 103 is not


class _OurConnection(HTTPConnection):
    """A connection that shows its request while that is under way, sends it whole, and its query as it is."""

    response_class = _FinalAnswer

    _pieces: list[bytes] | None = None  # of the request that is being made

    def _new_conn(self) -> socket.socket:
        try:
            connection = reach((self._dns_host, self.port), self.socket_options or ())
        except socket.gaierror as failure:
            raise urllib3.exceptions.NameResolutionError(self.host, self, failure) from failure
        except TimeoutError as failure:
            raise urllib3.exceptions.ConnectTimeoutError(self, str(failure)) from failure
        except OSError as failure:
            raise urllib3.exceptions.NewConnectionError(self, str(failure)) from failure
        connection.settimeout(CONNECT)
        return connection

    def connect(self) -> None:
        super().connect()
        _OF_THREAD.under_way.connection = self.sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        under_way = _OF_THREAD.under_way
        if self.sock is None:
            self.connect()
        under_way.connection = self.sock
        self._pieces = []
        try:
            super().request(*args, **kwargs)
            data = b"".join(self._pieces)
        finally:
            self._pieces = None
        try:
            under_way.write(self.sock, data)
        except Dropped:
            self.sock.close()
            self.connect()
            under_way.write(self.sock, data)

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        super().putrequest(method, literal(url), *args, **kwargs)

    def send(self, data: Any) -> None:
        if self._pieces is None:  # what a proxy is told
            super().send(data)
        else:
            self._pieces.append(data)


@cache
def _trusting(file: str | None, folder: str | None) -> ssl.SSLContext:
    """What encrypts, and knows the authorities in there: to read them takes longer than many a connection."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(file, folder)
    return context


class _OurTlsConnection(_OurConnection, HTTPSConnection):
    """The same, encrypted; all of them have the authorities read once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        proxy = kwargs.get("proxy")
        if proxy is None or proxy.scheme == "http":  # one that is encrypted itself is proved by them, too
            kwargs["ssl_context"] = _trusting(kwargs.pop("ca_certs"), kwargs.pop("ca_cert_dir"))
        super().__init__(*args, **kwargs)


class _OurAdapter(HTTPAdapter):
    """Speaks over our own kind of connection."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _OurTlsConnection if pool.scheme == "https" else _OurConnection
        return pool


class Http:
    """One connection to one host, kept open; every request on it carries the same headers."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str],
        adapter: BaseAdapter | None = None,
        clock: Clock | None = None,
        patience: timedelta = PATIENCE,
        is_hurried: Callable[[], bool] = never,
    ) -> None:
        """Nothing is sent yet; *adapter* carries the requests elsewhere than to the network.

        Every answer is waited for as long as *patience* says, and shortly once we are hurried.
        """
        self.base_url = base_url.rstrip("/")
        self._clock = clock or Clock()
        self._patience = patience
        self.is_hurried = is_hurried
        self.hear: Callable[[Answer], None] = _nobody_hears  # every answer, for who compares them
        self._session = requests.Session()
        self._session.headers.update(headers)
        self._is_elsewhere = adapter is not None
        if adapter is None:
            adapter = _OurAdapter(
                pool_connections=1, pool_maxsize=4, max_retries=urllib3.Retry(0, read=False)
            )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, adapter)
        # Streaming, proxies and certificates of the environment: worked out once, not at the decisive moment.
        self._settings = self._session.merge_environment_settings(self.base_url, {}, True, None, None)
        self._session.trust_env = False  # and nothing else: a password of ~/.netrc would replace our token

    def prepare(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.PreparedRequest:
        """A request with nothing left to compute, the brackets of its query as they are.

        Raises `Unreachable` when there is no way to ask that, or the path would lead elsewhere.
        """
        if not {".", ".."}.isdisjoint(unquote(path.partition("?")[0]).split("/")):
            raise Unreachable(f"{method} {path}: this path leads elsewhere")
        asked = requests.Request(
            method, self.base_url + path, json=json, data=form, params=params, headers=headers
        )
        try:
            prepared = self._session.prepare_request(asked)
        except (requests.RequestException, ValueError) as failure:  # not `from`: it may show a token
            raise Unreachable(f"{method} {path}: {type(failure).__name__}") from None
        prepared.url = literal(str(prepared.url))
        return prepared

    def send(self, prepared: requests.PreparedRequest, departure: Departure | None = None) -> Answer:
        """Send *prepared* and return the answer, whatever its status; redirects are not followed.

        With a *departure* it leaves then, and everything else is done before. Raises `Unreachable` when the
        request surely did not arrive, `LostAnswer` when it may have, `Overdue` when it may even arrive later,
        as the whole answer was not here in time, and `Withheld` when it was not wanted any more.
        """
        asked = f"{prepared.method} {prepared.path_url.partition('?')[0]}"
        patience = self._patience
        if departure is not None and self._is_elsewhere:
            departure.wait()
        elif departure is not None:
            patience += max(departure.stroke.moment - self._clock.now(), timedelta(0))
        under_way = _UnderWay(self._clock, departure, has_left=self._is_elsewhere)
        try:
            exchange = partial(self._exchange, prepared, asked, under_way)
            answer = self._clock.within(patience, exchange, self.is_hurried)
        except TimeoutError:
            under_way.cut()
            if not under_way.has_left and (departure is None or departure.sent is None):
                raise Unreachable(f"{asked}: no connection in time") from None
            raise Overdue(f"{asked}: no answer in time") from None
        finally:
            under_way.cut()
        self.hear(answer)
        return answer

    def _exchange(self, prepared: requests.PreparedRequest, asked: str, under_way: _UnderWay) -> Answer:
        """The whole answer, however long it takes; *under_way* can be cut meanwhile."""
        _OF_THREAD.under_way = under_way
        try:
            reply = self._session.send(
                prepared, timeout=(CONNECT, None), allow_redirects=False, **self._settings
            )
            with reply:
                body = _whole(reply, asked)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as failure:
            raise Unreachable(f"{asked}: {self.base_url!r} is not an address") from failure
        except UnicodeEncodeError:
            raise Unreachable(f"{asked}: a header has letters that cannot be sent") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as failure:
            if not under_way.has_left or _never_left(failure):
                raise Unreachable(
                    f"{asked}: no connection to {urlsplit(self.base_url).hostname} ({type(failure).__name__})"
                ) from failure
            raise LostAnswer(f"{asked}: the connection broke ({type(failure).__name__})") from failure
        finally:
            under_way.connection = None  # it may serve another request
        text = _text(body, reply.headers.get("Content-Type", ""))
        return Answer(asked, reply.status_code, reply.headers, text, under_way.sent)

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Prepare a request, send it, and return its answer."""
        return self.send(self.prepare(method, path, json=json, form=form, params=params, headers=headers))

    def reach(self) -> Reached | None:
        """Try every address of the host, its certificate included; None when a proxy does that for us.

        Raises `Unreachable` naming what is wrong when nobody does, `NotProved` when that may be anybody.
        """
        parts = urlsplit(self.base_url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        if self._is_elsewhere or self._settings["proxies"]:
            return None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as failure:
            raise Unreachable(f"{host} has no address ({type(failure).__name__})") from failure
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        tried = self._clock.together([partial(_tried, address, port) for address in addresses])
        opened = {each.address: each.took for each in tried if each.took is not None}
        silent = tuple(each.address for each in tried if each.is_silent)
        if not opened:
            raise Unreachable(f"no connection to {host} at {', '.join(addresses)}")
        nearest = min(opened, key=lambda address: opened[address])
        if parts.scheme == "https":
            _greet(nearest, port, host, self._settings["verify"])
        return Reached(host, tuple(opened), silent, opened[nearest])

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()


@dataclass(frozen=True)
class _Tried:
    """One address of a host: how long a connection took, if it came about, or that nobody answered."""

    address: str
    took: timedelta | None = None
    is_silent: bool = False  # which is found out only by waiting; a refusal comes at once


def _tried(address: str, port: int) -> _Tried:
    clock = Clock()  # real time: nobody else has this connection
    began = clock.monotonic()
    try:
        with socket.create_connection((address, port), CONNECT):
            return _Tried(address, timedelta(seconds=clock.monotonic() - began))
    except OSError as failure:
        return _Tried(address, is_silent=isinstance(failure, TimeoutError))


def _greet(address: str, port: int, host: str, verify: object) -> None:
    """Raise `Unreachable` unless *host*, at *address*, proves by its certificate who it is."""
    trusted = verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    folder = trusted if Path(trusted).is_dir() else None
    try:
        context = _trusting(None if folder else trusted, folder)
        with (
            socket.create_connection((address, port), CONNECT) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            pass
    except ssl.SSLCertVerificationError as failure:
        raise NotProved(f"the certificate of {host} is not accepted: {failure.verify_message}") from failure
    except OSError as failure:
        why = type(failure).__name__
        raise NotProved(f"{host} breaks off when it is to prove who it is ({why})") from failure


def _nobody_hears(answer: Answer) -> None:
    """Who asks is told, and nobody else."""


def _whole(reply: requests.Response, asked: str) -> bytes:
    """The whole body, up to what any sensible answer weighs."""
    body = bytearray()
    for chunk in reply.iter_content(65_536):
        body += chunk
        if len(body) > LARGEST:
            raise UnknownAnswer(f"{asked}: the answer is longer than {LARGEST} bytes")
    return bytes(body)


def _text(body: bytes, content_type: str) -> str:
    """*body* in the charset that its header names, or else in UTF-8, or else in Latin-1."""
    header = Message()
    header["Content-Type"] = content_type
    for charset in (header.get_content_charset("utf-8"), "utf-8"):
        with suppress(UnicodeDecodeError, LookupError):
            return printable(body.decode(charset), keep="\t\r\n")
    return printable(body.decode("iso-8859-1"), keep="\t\r\n")


def _never_left(failure: Exception) -> bool:
    """Whether no connection came about, so that nothing can have been done."""
    cause: object = failure.args[0] if failure.args else None
    cause = getattr(cause, "reason", cause)
    return isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError)
