"""The webhook service: takes texts in from SMS gateways and hands one-time codes out to readers."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

from reserve import itself

with itself.packages():
    from flask import Flask, Response, abort, jsonify, request
    from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, ServiceUnavailable

    from webhook_server import gateways, signatures
    from webhook_server.access import Access, is_local
    from webhook_server.inbox import Inbox, NotKept, digits
    from webhook_server.server import LONGEST_BODY, WAITERS, serve

__all__ = ["create_app", "serve"]

LONGEST_WAIT = timedelta(seconds=30)

log = logging.getLogger(__name__)


def create_app(
    *,
    data: Path,
    token: str | None,
    loopback: bool,
    now: Callable[[], datetime],
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Flask:
    """The service's routes over the inbox in *data*, which `app.extensions["inbox"].close()` lets go of.

    A gateway that has one of *keys* is believed only when it signed its delivery with that. Raises ValueError
    for a token that cannot be in a path, or is no protection though not only *loopback* leads to us.
    """
    app = Flask(__name__, static_folder=None)
    access = app.extensions["access"] = Access(token, exposed=not loopback)
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    inbox = app.extensions["inbox"] = Inbox(data, now)
    waiters = threading.BoundedSemaphore(WAITERS)

    @app.before_request
    def refuse_web_pages() -> None:
        # A page open in the player's browser reaches us too, by a name that leads here or by a form.
        if not access.needs_token and (not is_local(request.host) or "Origin" in request.headers):
            abort(403, "without a token the service is for programs on this machine, by the name localhost")

    def refuse_strangers() -> None:
        if not access.has_header(request.headers.get("Authorization", "")):
            abort(401, "send the header Authorization: Bearer <token>")

    def refuse_forgeries(gateway: str) -> None:
        if gateway not in signatures.SIGNED:
            return
        if gateway not in keys:
            variable = signatures.variable(gateway)
            log.warning("signature of %s not checked; set %s to check it", gateway, variable)
            return
        delivery = signatures.Delivery(_urls(), dict(request.headers), request.get_data(), now())
        if not signatures.SIGNED[gateway](keys[gateway], delivery):
            abort(403, f"signature of {gateway} missing, wrong or too old")

    def take(named: str | None = None) -> Response:
        try:
            gateway, payload = gateways.read_delivery(request.get_data(), request.mimetype, named)
            refuse_forgeries(gateway)
            text = gateways.text_in(payload, gateway)
        except gateways.Unreadable as problem:
            abort(400, str(problem))
        try:
            text_id = text and inbox.add(text)
        except NotKept:
            raise ServiceUnavailable(
                "the text cannot be written to disk; deliver it again", retry_after=10
            ) from None
        if gateway == "twilio":
            return Response("<Response/>", mimetype="text/xml")  # what it wants to hear (SMS facts 6)
        return jsonify(id=text_id)

    @app.post("/webhook")
    def without_token() -> Response:
        if access.needs_token:
            abort(403, "put the token into the address: /webhook/<token>")
        return take()

    @app.post("/webhook/<given>")
    @app.post("/webhook/<given>/<gateway>")
    def with_token(given: str, gateway: str | None = None) -> Response:
        if not access.is_token(given) or (gateway is not None and gateway not in gateways.GATEWAYS):
            abort(404)
        return take(gateway)

    @app.get("/get_verification_code")
    def get_verification_code() -> Response:
        refuse_strangers()
        number = _number()
        max_age, wait = _seconds("maxage", 60), _seconds("wait", 0)
        after, before = _whole("after", 0), _whole("before", 0) or None
        found = inbox.code(number, max_age=max_age, after=after, before=before, wait=timedelta(0))
        if found is None and wait:
            if not waiters.acquire(blocking=False):
                raise ServiceUnavailable("too many readers are waiting; try again in a second", retry_after=1)
            try:
                found = inbox.code(
                    number, max_age=max_age, after=after, before=before, wait=min(wait, LONGEST_WAIT)
                )
            finally:
                waiters.release()
        if found is None:
            return _answer(NotFound("no code for this number yet"))  # usual, so no line in the log
        return jsonify(
            verification_code=found.code, id=found.text_id, received_at=found.received_at.isoformat()
        )

    @app.get("/newest")
    def newest() -> Response:
        refuse_strangers()
        age, text = inbox.age_of_newest(), inbox.newest(_number())
        came = None if text is None else datetime.fromtimestamp(text.received_at, UTC).isoformat()
        return jsonify(
            id=text.id if text else 0,
            received_at=came,
            age_seconds=_in_seconds(age),  # of any number's
        )

    @app.get("/health")
    def health() -> Response:
        if "Authorization" in request.headers:
            refuse_strangers()  # a monitor needs no token, but a wrong one should not look right
        count, age = inbox.state()
        told: dict[str, float | None] = {"texts": count, "age_seconds": _in_seconds(age)}
        if access.has_header(request.headers.get("Authorization", "")):
            told["newest_seconds"] = _in_seconds(inbox.age_of_newest())  # also of one that is forgotten
        return jsonify(told)

    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Exception, _failed)
    return app


def _urls() -> list[str]:
    """This address as a gateway may write it: with or without a port, and TLS ends at the proxy before us."""
    path = request.full_path if request.query_string else request.path
    name = request.host.partition(":")[0]
    places = [("https", request.host), ("https", name), ("https", f"{name}:443"), ("http", request.host)]
    return [f"{scheme}://{host}{path}" for scheme, host in places]


def _number() -> str:
    number = request.args.get("phonenumber", "")
    if not 4 <= len(digits(number)) <= 15:
        abort(400, "phonenumber is missing or not a phone number")
    return number


def _whole(name: str, default: int) -> int:
    value = request.args.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,15}", value):
        abort(400, f"{name} is not a whole number")
    return int(value)


def _seconds(name: str, default: int) -> timedelta:
    value = request.args.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        abort(400, f"{name} is not a number of seconds")
    return timedelta(seconds=float(value))


def _in_seconds(age: timedelta | None) -> float | None:
    return None if age is None else age.total_seconds()


def _refused(problem: HTTPException) -> Response:
    log.warning("refused %s: %s", request.url_rule or "an unknown path", problem.description)
    return _answer(problem)


def _failed(problem: Exception) -> Response:
    # Only where it happened: the message of an exception can hold what was in a text.
    where = "".join(traceback.format_tb(problem.__traceback__))
    log.error("%s failed with %s\n%s", request.url_rule, type(problem).__name__, where)
    return _answer(InternalServerError("internal error; see the log of the webhook service"))


def _answer(problem: HTTPException) -> Response:
    answer = jsonify(error=problem.description)
    answer.status_code = problem.code or 500
    answer.headers.extend(h for h in problem.get_headers() if h[0] != "Content-Type")
    return answer
