"""Proof of origin: what the gateways that sign put beside a delivery (SMS facts 3, 4, 6 and 7)."""

from __future__ import annotations

import hmac
import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

WINDOW = timedelta(minutes=5)  # that SMS Gateway recommends, before and after


@dataclass(frozen=True)
class Delivery:
    """A delivery as it came in; `urls` are the addresses under which its gateway may know us."""

    urls: Sequence[str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    at: datetime


def smsgate(key: str, delivery: Delivery) -> bool:
    """SMS Gateway for Android signs body and time of sending."""
    stamp = delivery.headers.get("X-Timestamp", "")
    wanted = hmac.digest(key.encode(), delivery.body + stamp.encode(), "sha256").hex()
    return _is(wanted, delivery.headers.get("X-Signature", "")) and _is_near(stamp, delivery.at)


def httpsms(key: str, delivery: Delivery) -> bool:
    """httpSMS sends a JSON Web Token for our address, good for ten minutes; it does not cover the body."""
    token = delivery.headers.get("Authorization", "").removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    try:
        head, claims = (json.loads(_unpadded(part)) for part in signed.split("."))
        wanted = hmac.digest(key.encode(), signed.encode(), "sha256")
        audience = claims["aud"]  # one address or a list of them (RFC 7519, 4.1.3)
        meant = [audience] if isinstance(audience, str) else audience
        return (
            hmac.compare_digest(wanted, _unpadded(signature))
            and head["alg"] == "HS256"
            and claims["nbf"] <= delivery.at.timestamp() < claims["exp"]
            and not set(delivery.urls).isdisjoint(meant)
        )
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def twilio(key: str, delivery: Delivery) -> bool:
    """Twilio signs the address it posts to and every field of the form."""
    form = sorted(set(parse_qsl(delivery.body.decode(), keep_blank_values=True)))
    fields = "".join(name + value for name, value in form)
    given = delivery.headers.get("X-Twilio-Signature", "")
    wanted = (hmac.digest(key.encode(), (url + fields).encode(), "sha1") for url in delivery.urls)
    return any(_is(b64encode(each).decode(), given) for each in wanted)


def textverified(key: str, delivery: Delivery) -> bool:
    """TextVerified signs the body; nobody says whether `whsec_` is part of its key, so both are tried."""
    given = delivery.headers.get("X-Webhook-Signature", "")
    keys = (key, key.removeprefix("whsec_"))
    wanted = (hmac.digest(each.encode(), delivery.body, "sha512") for each in keys)
    return any(_is(f"HMAC-SHA512={b64encode(each).decode()}", given) for each in wanted)


# Whether a delivery was signed with this key, by gateway; the others never sign.
SIGNED: dict[str, Callable[[str, Delivery], bool]] = {
    "smsgate": smsgate,
    "httpsms": httpsms,
    "twilio": twilio,
    "textverified": textverified,
}


def variable(gateway: str) -> str:
    """The environment variable with the key of *gateway*."""
    return f"WEBHOOK_KEY_{gateway.upper()}"


def _is(wanted: str, given: str) -> bool:
    return hmac.compare_digest(wanted.encode(), given.encode())


def _is_near(stamp: str, now: datetime) -> bool:
    seconds = WINDOW.total_seconds()
    return bool(re.fullmatch(r"[0-9]{1,12}", stamp)) and abs(now.timestamp() - int(stamp)) <= seconds


def _unpadded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
