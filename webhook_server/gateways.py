"""What the payload of each SMS gateway says (SMS facts 1 and 3 to 7).

A gateway switches a webhook off that fails too often, so what we understand but have no use for is no error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl

from msgspec import Meta, Struct, ValidationError, convert
from msgspec import field as named

from webhook_server.codes import code_in

Payload = Mapping[str, Any]
Word = str | int  # ids, stamps and phone numbers come with and without quotes
Id = Annotated[str, Meta(min_length=1)] | int

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


def read_delivery(body: bytes, content_type: str, gateway: str | None = None) -> tuple[str, Payload]:
    """The payload of a delivery, and *gateway* or whichever other has payloads of this shape.

    Raises `Unreadable` when there is none.
    """
    payload = _form(body) if content_type == FORM else _object(body, "the body")
    for name, model in GATEWAYS.items():
        if gateway in (None, name) and any(shape <= payload.keys() for shape in model.shapes):
            return name, payload
    raise Unreadable(f"not a payload of {gateway or 'any gateway we know'}")


def text_in(payload: Payload, gateway: str) -> Text | None:
    """The text in a payload of *gateway*; None if it carries none. Raises `Unreadable` if it is broken."""
    try:
        fields = _opened(payload, GATEWAYS[gateway].event)
        if fields is None:
            return None
        sms = convert(fields, GATEWAYS[gateway])
    except (Unreadable, ValidationError) as problem:  # both name fields and types, not what was in them
        raise Unreadable(f"{gateway}: {problem}") from None
    words = ("id", "text", "to", "sender", "code", "sent")
    id_, text, to, sender, code, sent = (_plain(getattr(sms, word, None)) for word in words)
    if not text and not code:
        return None
    event_id = json.dumps([id_, sender, sent, text or code])
    return Text(gateway, event_id, to or None, sender or None, text or code, code_in(text) or code_in(code))


class Sms(Struct):
    """A payload with our words for what we read of it; each gateway below says what it calls them.

    They are `id`, `text`, `to`, `sender`, `code` as the gateway found it in the text, and `sent`, which tells
    two texts apart where there is no id for each. What a gateway has no word for is not read.
    """

    shapes: ClassVar[list[set[str]]]  # the fields that tell its payload from all others
    # Where not every payload is a text: the field that tells, what it says of a text, the text's field.
    event: ClassVar[tuple[str, str, str] | None] = None


class SmsPool(Sms):
    """SMSPool: a one-time order (no phone number), a rental, or the notice that a rental was extended."""

    shapes = [{"orderid"}, {"rental_code"}]

    id: Word | None = named(name="orderid", default=None)
    rental_code: Word | None = None
    text: str | None = named(name="full_sms", default=None)
    to: Word | None = named(name="phonenumber", default=None)
    code: Word | None = named(name="sms", default=None)
    sent: Any = named(name="timestamp", default=None)
    success: Any = None

    def __post_init__(self) -> None:
        self.id = self.id or self.rental_code
        if not self.text and not self.code and self.success is None:
            raise ValueError("neither full_sms nor sms")


class SmsGate(Sms):
    """SMS Gateway for Android (capcom6); its older versions name the sender `phoneNumber`."""

    shapes = [{"event", "payload"}]
    event = ("event", "sms:received", "payload")

    id: Id
    text: str = named(name="message")
    to: Word | None = named(name="recipient", default=None)
    sender: Any = None
    phone_number: Any = named(name="phoneNumber", default=None)

    def __post_init__(self) -> None:
        self.sender = self.sender or self.phone_number


class HttpSms(Sms):
    """httpSMS."""

    shapes = [{"specversion", "data"}]
    event = ("type", "message.phone.received", "data")

    id: Id = named(name="message_id")
    text: str = named(name="content")
    to: Word | None = named(name="owner", default=None)
    sender: Any = named(name="contact", default=None)


class Forwarder(Sms):
    """Incoming SMS to URL forwarder (bogkonstantin): no id, no recipient."""

    shapes = [{"from", "text"}]

    text: str
    sender: Any = named(name="from")
    sent: Any = named(name="sentStamp", default=None)


class Twilio(Sms):
    """Twilio; what it says about texts that were sent has no `Body`."""

    shapes = [{"MessageSid"}]

    id: Id = named(name="MessageSid")
    text: str | None = named(name="Body", default=None)
    to: Word | None = named(name="To", default=None)
    sender: Any = named(name="From", default=None)


class TextVerified(Sms):
    """TextVerified: keys begin with a small or a capital letter, and `data` may be a string of JSON."""

    shapes = [{"event"}, {"Event"}]
    event = ("event", "v2.sms.received", "data")

    id: Word | None = None
    idempotency_key: Word | None = named(name="idempotencyKey", default=None)
    to: Word | None = None
    text: str | None = named(name="smsContent", default=None)
    sender: Any = named(name="from", default=None)
    code: Word | None = named(name="parsedCode", default=None)

    def __post_init__(self) -> None:
        self.id = self.id or self.idempotency_key
        if not self.id:
            raise ValueError("neither id nor idempotencyKey")
        if not self.text and not self.code:
            raise ValueError("neither smsContent nor parsedCode")


GATEWAYS: dict[str, type[Sms]] = {
    "smspool": SmsPool,
    "smsgate": SmsGate,
    "httpsms": HttpSms,
    "forwarder": Forwarder,
    "twilio": Twilio,
    "textverified": TextVerified,
}


def _form(body: bytes) -> Payload:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100))
    except ValueError:
        raise Unreadable("the body is not a form that can be read") from None


def _object(value: Any, name: str) -> Payload:
    """The object that *value* is, or has as JSON."""
    if isinstance(value, bytes | str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Unreadable(f"{name} is not JSON") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{name} is not a JSON object")
    return value


def _opened(payload: Payload, event: tuple[str, str, str] | None) -> Payload | None:
    """The payload, with the text's fields beside the event's; None for an event that is no text."""
    if event is None:
        return payload
    name, received, inside = event
    outer = _uncapitalized(payload)
    if outer.get(name) != received:
        return None
    inner = _uncapitalized(_object(outer.get(inside), inside))
    if inner.get("encrypted"):
        raise Unreadable("the text is encrypted; switch encryption off at the gateway")
    return inner | outer


def _uncapitalized(payload: Payload) -> dict[str, Any]:
    return {key[:1].lower() + key[1:]: value for key, value in payload.items()}


def _plain(word: object) -> str:
    """A word as text; half of an emoji that a gateway cut in two becomes a question mark."""
    return "" if word is None else str(word).encode(errors="replace").decode()
