"""One small reader per SMS gateway: what its payload says.

Payloads as in the SMS dossier, sections 1 and 3 to 7. A gateway switches a webhook off that fails too
often, so what we understand but have no use for is not an error: its reader returns None.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from webhook_server.codes import code_in

Payload = Mapping[str, object]

FORM = "application/x-www-form-urlencoded"


class Unreadable(ValueError):
    """A payload that no gateway we know would send; the message names fields, never what is in them."""


@dataclass(frozen=True)
class Text:
    """A text as its gateway delivered it; a repeat has the same `event_id`."""

    gateway: str
    event_id: str = field(repr=False)
    to: str | None = field(repr=False)
    sender: str | None = field(repr=False)
    text: str = field(repr=False)
    code: str | None = field(repr=False)


def read(body: bytes, content_type: str, gateway: str | None = None) -> tuple[str, Payload]:
    """The payload of a delivery, and *gateway* or whichever other has payloads of this shape.

    Raises ValueError when there is none, or the payload makes no sense.
    """
    payload = _parsed(body, content_type)
    fitting = [name for name, marks in SHAPES if marks <= payload.keys() and gateway in (None, name)]
    if not fitting:
        raise Unreadable(f"no payload of {gateway or 'any gateway we know'}")
    return fitting[0], payload


def text_in(payload: Payload, gateway: str) -> Text | None:
    """The text in a payload of *gateway*; None when it carries none. Raises ValueError when it is broken."""
    return GATEWAYS[gateway](payload)


def smspool(payload: Payload) -> Text | None:
    """SMSPool: a one-time order (no phone number), a rental, or the notice that a rental was extended."""
    order = "orderid" if "orderid" in payload else "rental_code"
    given = _word(payload, "sms")
    text = _text(payload, "full_sms")
    if text is None and given is None:
        if "success" in payload:
            return None
        raise Unreadable("neither full_sms nor sms")
    return Text(
        gateway="smspool",
        event_id=json.dumps([_word(payload, order), text or given, _word(payload, "timestamp")]),
        to=_word(payload, "phonenumber"),
        sender=None,
        text=text or given or "",
        code=code_in(text or "") or code_in(given or ""),
    )


def smsgate(payload: Payload) -> Text | None:
    """SMS Gateway for Android (capcom6); its older versions name the sender `phoneNumber`."""
    if payload.get("event") != "sms:received":
        return None
    inner = _inner(payload, "payload")
    return Text(
        gateway="smsgate",
        event_id=_needed(payload, "id"),
        to=_word(inner, "recipient"),
        sender=_word(inner, "sender") or _word(inner, "phoneNumber"),
        text=(text := _needed(inner, "message")),
        code=code_in(text),
    )


def httpsms(payload: Payload) -> Text | None:
    """httpSMS; a text it encrypted is refused, so that it tells its owner."""
    if payload.get("type") != "message.phone.received":
        return None
    data = _inner(payload, "data")
    if data.get("encrypted"):
        raise Unreadable("an encrypted text; switch encryption off in the app")
    return Text(
        gateway="httpsms",
        event_id=_needed(data, "message_id"),
        to=_word(data, "owner"),
        sender=_word(data, "contact"),
        text=(text := _needed(data, "content")),
        code=code_in(text),
    )


def forwarder(payload: Payload) -> Text | None:
    """Incoming SMS to URL forwarder (bogkonstantin): no id, no recipient."""
    text = _needed(payload, "text")
    sender = _word(payload, "from")
    return Text(
        gateway="forwarder",
        event_id=json.dumps([sender, _word(payload, "sentStamp"), text]),
        to=None,
        sender=sender,
        text=text,
        code=code_in(text),
    )


def twilio(payload: Payload) -> Text | None:
    """Twilio; what it says about texts that were sent carries no `Body`."""
    if "Body" not in payload:
        return None
    return Text(
        gateway="twilio",
        event_id=_needed(payload, "MessageSid"),
        to=_word(payload, "To"),
        sender=_word(payload, "From"),
        text=(text := _text(payload, "Body") or ""),
        code=code_in(text),
    )


def textverified(payload: Payload) -> Text | None:
    """TextVerified; a text it encrypted is refused, so that it tells its owner."""
    if payload.get("event") != "v2.sms.received":
        return None
    data = _inner(payload, "data")
    if data.get("encrypted"):
        raise Unreadable("an encrypted text; switch encryption off at TextVerified")
    given, text = _word(data, "parsedCode"), _text(data, "smsContent")
    if text is None and given is None:
        raise Unreadable("neither smsContent nor parsedCode")
    return Text(
        gateway="textverified",
        event_id=_needed(payload, "id"),
        to=_word(data, "to"),
        sender=_word(data, "from"),
        text=text or given or "",
        code=code_in(text or "") or code_in(given or ""),
    )


GATEWAYS: dict[str, Callable[[Payload], Text | None]] = {
    "smspool": smspool,
    "smsgate": smsgate,
    "httpsms": httpsms,
    "forwarder": forwarder,
    "twilio": twilio,
    "textverified": textverified,
}

# The fields that tell a gateway's payload from all others.
SHAPES: list[tuple[str, set[str]]] = [
    ("smspool", {"orderid"}),
    ("smspool", {"rental_code"}),
    ("smsgate", {"event", "payload"}),
    ("httpsms", {"specversion", "data"}),
    ("forwarder", {"from", "text"}),
    ("twilio", {"MessageSid"}),
    ("textverified", {"event", "data"}),
]


def _parsed(body: bytes, content_type: str) -> Payload:
    if content_type == FORM:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    try:
        payload = json.loads(body)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    if not isinstance(payload, dict):
        raise Unreadable("not a JSON object")
    return payload


def _text(payload: Payload, name: str) -> str | None:
    value = payload.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "\0" in value:
        raise Unreadable(f"{name} is not a text")
    return value.encode(errors="replace").decode()  # half of an emoji that a gateway cut in two


def _word(payload: Payload, name: str) -> str | None:
    value = payload.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # ids, stamps and numbers come with and without quotes
    return _text(payload, name)


def _inner(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is not an object")
    return value


def _needed(payload: Payload, name: str) -> str:
    value = _text(payload, name)
    if value is None:
        raise Unreadable(f"no {name}")
    return value
