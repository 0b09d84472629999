"""What can happen to a request, and the layer before a simulated system that makes it happen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatch
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.wrappers import Response

from reserve.simulator.ledger import Sent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HTML_500 = "<html><head><title>500 Internal Server Error</title></head><body><h1>Sorry</h1></body></html>"
HTML_403 = (
    "<html><head><title>403 Forbidden</title></head>"
    "<body><center><h1>403 Forbidden</h1></center><hr><center>awselb/2.0</center></body></html>"
)
PATIENCE = timedelta(seconds=15)  # no client waits longer for an answer
HTML = "text/html"
JSON = "application/json"

Match = str | Callable[[str, str], bool]  # a pattern such as "POST /v1/orders/*/pay"; or of method and path


class CutConnection(ConnectionError):
    """The connection is cut without an answer; raised through the WSGI app, a closed socket over `serve`."""


class NoConnection(CutConnection):
    """No connection comes about at all; over `serve`, where it has come about, it is cut."""


@dataclass(frozen=True)
class Fault:
    """What happens to the *nth* matching request (and the `times - 1` after it; nth=0: to every one).

    `match` is a pattern such as "POST /v1/orders/*/pay", or a function of method and path. Kinds:
    refused (nothing arrives), held-up (arrives late), cut-before (nothing done, no answer), cut-after (done,
    no answer), delay (done, answered late), status (nothing done, this status and body), answer (done, but
    this status and body), body-not-json and truncated (done, but the answer is spoilt). With `only_done`,
    requests that were refused are not counted.
    """

    match: Match
    nth: int
    kind: str
    times: int = 1
    delay: timedelta = timedelta(seconds=3)
    status: int = 500
    body: str = HTML_500
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    only_done: bool = False

    def concerns(self, method: str, path: str) -> bool:
        """Is this a request the fault is about?"""
        if callable(self.match):
            return self.match(method, path)
        return fnmatch(f"{method} {path}", self.match)

    def strikes(self, count: int) -> bool:
        """Does it strike the *count*-th matching request?"""
        return self.nth == 0 or self.nth <= count < self.nth + self.times


class Host(Protocol):
    """What decides about faults, and sees every request."""

    def sent(self, request: str) -> Sent:
        """A request (its method and path) was sent, whatever will become of it."""

    def arrived(self, request: str) -> None:
        """It has arrived."""

    def swallowed(self, request: str, body: bytes, kind: str) -> None:
        """It arrived, and a fault of this kind keeps it from the app."""

    def is_done(self, request: str, status: int) -> bool:
        """Whether what it asked for was done."""

    def date(self) -> str:
        """The moment with which answers are stamped."""


class FaultMiddleware:
    """A WSGI layer through which every request passes: applies the faults, and lets one in at a time."""

    def __init__(
        self,
        app: WSGIApplication,
        faults: list[Fault],
        host: Host,
        *,
        lock: AbstractContextManager[Any],
        latency: timedelta,
        sleep: Callable[[timedelta], None],
    ) -> None:
        """Stand before *app*, which is that of *host*."""
        self.app, self.faults, self.host, self.lock = app, faults, host, lock
        self.latency, self.sleep = latency, sleep
        self.counts = [0] * len(faults)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or raise CutConnection."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        request = f"{method} {path}"
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with self.lock:
            struck = self._struck(method, path, only_done=False)
            sent = self.host.sent(request)
            sent.is_lost = loses_the_answer(struck)
        if any(fault.kind == "refused" for fault in struck):
            raise NoConnection(request)
        self._pause(_length(struck, "held-up") + self.latency / 2)
        with self.lock:
            self.host.arrived(request)
            before = next((fault for fault in struck if fault.kind in ("cut-before", "status")), None)
            if before is not None:
                self.host.swallowed(request, body, before.kind)
                response = _reply(before)
            else:
                response = Response.from_app(self.app, environ, buffered=True)
                if self.host.is_done(request, response.status_code):
                    struck += self._struck(method, path, only_done=True)
                    sent.is_lost = loses_the_answer(struck)
                    sent.is_granted = not sent.is_lost and not any(each.kind == "answer" for each in struck)
                response = _spoilt(response, struck)
        self._pause(_length(struck, "delay") + self.latency / 2)
        if any(fault.kind in ("cut-before", "cut-after") for fault in struck):
            raise CutConnection(request)
        response.headers["Date"] = self.host.date()
        return response(environ, start_response)

    def _struck(self, method: str, path: str, *, only_done: bool) -> list[Fault]:
        struck = []
        for place, fault in enumerate(self.faults):
            if fault.only_done == only_done and fault.concerns(method, path):
                self.counts[place] += 1
                if fault.strikes(self.counts[place]):
                    struck.append(fault)
        return struck

    def _pause(self, length: timedelta) -> None:
        if length:
            self.sleep(length)


def loses_the_answer(struck: list[Fault]) -> bool:
    """Is the client left without an answer when all these strike its request?"""
    kinds = {fault.kind for fault in struck}
    if "refused" in kinds:
        return False
    if (
        kinds & {"cut-before", "cut-after"}
        or _length(struck, "held-up") + _length(struck, "delay") >= PATIENCE
    ):
        return True
    undone = [fault for fault in struck if fault.kind == "status"]
    if undone:
        return not 400 <= undone[0].status < 500
    said = [fault for fault in struck if fault.kind == "answer"]
    return bool(kinds & {"body-not-json", "truncated"} or (said and not 400 <= said[-1].status < 500))


def _length(struck: list[Fault], kind: str) -> timedelta:
    return sum((fault.delay for fault in struck if fault.kind == kind), timedelta(0))


def _reply(fault: Fault) -> Response:
    return Response(fault.body, fault.status, dict(fault.headers), content_type=fault.content_type)


def _spoilt(response: Response, struck: list[Fault]) -> Response:
    """The answer as the faults leave it."""
    for fault in struck:
        if fault.kind == "answer":
            response = _reply(fault)
        elif fault.kind == "body-not-json":
            response.set_data("this is not JSON {")
        elif fault.kind == "truncated":
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])
            response.automatically_set_content_length = False
            response.headers["Content-Length"] = str(len(whole))
    return response
