"""One small reader per SMS gateway: what its payload says, and the one-time code in a text.

Payloads as in the SMS dossier, sections 1 and 3 to 7. A gateway switches a webhook off that fails too
often, so what we understand but have no use for is not an error: its reader returns None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

Payload = Mapping[str, object]

FORM = "application/x-www-form-urlencoded"
LONGEST = 2000  # characters of a text that are searched for a code; ten joined SMS have about 1500


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


# A code is four to eight digits in a row, or two groups of three or four; "G-" may stand before it.
_CODE = (
    r"(?<![A-Za-z0-9])(?<![0-9][.,:/-])(?:[A-Z]{1,3}-)?"
    r"([0-9]{3}[ -][0-9]{3}|[0-9]{4}-[0-9]{4}|[0-9]{4,8})(?![A-Za-z0-9]|[.,:/-][0-9])"
)
_CALLED_CODE = (
    r"(?:code[sn]?\b|\b(?:otp|tan|pin|kode[nr]?|kod|koden|koodi|codice|c[oó]digo|passwor[dt])\b"
    r"|код|コード|验证码|驗證碼|인증번호)"
)
_IS = r"(?:(?:is|es|est|ist|er|är|é|è)\b|は|是|为|은|는)?"
_YOUR = r"(?:your|the|votre|ton|tu|su|dein|ihr|il tuo|la tua|seu|din|je|uw)\b"
_GAP = r"(?:[^\d.!?\n]|[.!?](?=\S)){0,40}?"  # within one sentence
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,?"
_NUMBERED = "order|reference|invoice|ticket|receipt|permit|booking|reservation|account|card|member|customer"


def _compiled(*patterns: str) -> list[re.Pattern[str]]:
    return [re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in patterns]


# Numbers that are no codes whatever stands around them: taken out before the search.
_NEVER_CODES = _compiled(
    r"https?://\S+|\b[\w-]+(?:\.[\w-]+)+/\S*",
    r"[$€£¥₹]\s?\d[\d.,]*|\b(?:usd|eur|gbp|inr|nok|rs\.?)\s?\d[\d.,]*",
    r"\b\d+(?:[.,]\d+)*\s?(?:usd|eur|gbp|nok|kr|dollars?|euros?|points?|%|€|£)(?!\w)",
    r"\b\d{4}-\d\d?-\d\d?\b|\b\d\d?([./-])\d\d?\1\d{2,4}\b|\b\d\d?:\d\d(?::\d\d)?",
    rf"\b{_MONTH}\s\d\d?(?:st|nd|rd|th)?,?\s\d{{4}}\b|\b\d\d?\.?\s{_MONTH}\s\d{{4}}\b",
    r"\b\d{1,4}[ -]?(?:(?:sec(?:ond)?|min(?:ute)?|h(?:ou)?r|day|week|month|year)s?\b|分|秒)",
    r"\+\d{8,15}\b|\+\d{1,3}(?:[ .()-]{1,2}\d{2,6}){2,4}(?!\d)",  # phone numbers
    r"(?<!\d)(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])?\d{3}[ .-]\d{4}\b",
    r"\b(?:reply|text|send)\b[^\d.!?\n]{0,30}\bto\s\d+",
    r"\b(?:call|dial|contact)(?:\sus)?(?:\s(?:at|on))?\s[\d-]+",
    r"\b(?:zip|postal|area|short|promo|coupon|discount|gate|door|error|dress|bar|qr)[\s-]?code\b"
    r"\W{0,3}(?:is\W{1,3})?[\w-]*\d",
    r"\b(?:order|ref(?:erence)?|invoice|ticket|receipt|permit|booking|reservation) #?[a-z]{0,4}-?\d[\d-]*",
    r"\b(?:order|ref(?:erence)?|invoice|ticket|receipt|permit): ?#?[a-z]{0,4}-?\d[\d-]*",
    rf"\b(?:{_NUMBERED})\b(?:\W{{1,3}}(?:no|nr|number|id|is|ending|in|with)\b){{1,3}}\W{{1,3}}\d[\d-]*",
)
# Numbers that are codes only when the text plainly says so: years, and "#1234".
_SELDOM_CODES = _compiled(r"\b(?:19|20)\d\d\b", r"#\s?\d+")

_PLAINLY = _compiled(
    rf"^@\S+ #{_CODE}",  # the line for phones that fill codes in by themselves
    rf"{_CALLED_CODE}\W{{0,4}}{_IS}[^\w+]{{0,4}}{_CODE}",
    rf"{_CODE}\W{{1,4}}{_IS}\s?{_YOUR}",
    rf"\b(?:use|enter|type|input)\s{_CODE}",
)
_PROBABLY = _compiled(rf"{_CALLED_CODE}{_GAP}{_CODE}", rf"{_CODE}{_GAP}{_CALLED_CODE}")


def code_in(text: str) -> str | None:
    """The one-time code in *text*: four to eight digits, or None if there is none or no telling which."""
    text = _without(text[:LONGEST], _NEVER_CODES)
    found = _first(text, _PLAINLY)
    if found is None:
        text = _without(text, _SELDOM_CODES)
        found = _first(text, _PROBABLY)
    if found is None:
        lonely = set(re.findall(_CODE, text))
        found = lonely.pop() if len(lonely) == 1 else None
    return found and re.sub(r"\D", "", found)


def _without(text: str, patterns: list[re.Pattern[str]]) -> str:
    for pattern in patterns:
        text = pattern.sub(" ", text)
    return text


def _first(text: str, patterns: list[re.Pattern[str]]) -> str | None:
    return next((match[1] for pattern in patterns if (match := pattern.search(text))), None)
