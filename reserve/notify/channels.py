"""The player's own channels (RESERVE_NOTIFY), and the watchdog that waits for a sign of life.

An address is a secret: nothing here says more of it than its scheme, or the host of a plain http address.
"""

from __future__ import annotations

import json
import logging
import re
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from http.client import HTTPException
from urllib.parse import urlsplit

from reserve.clock import Clock
from reserve.notify.notice import Level, Notice

TIMEOUT = 10.0  # seconds for one of our own posts
LONGEST = 30.0  # seconds for a channel of apprise, which may ask several times
JSON = "json+"  # before an address that wants JSON, such as those of chat services
OURS = ("http", "https", "json+http", "json+https")  # what we post to ourselves; apprise has the rest
ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE | re.DOTALL)
TELL = "tell"  # of the query of an address; no service of apprise has such a word
UNKNOWN = "the address cannot be read; see docs/guide.md, or https://appriseit.com for its form"


@dataclass(frozen=True)
class Channel:
    """One address; `trouble` says why nothing can be sent there, when that is plain to see."""

    address: str = field(repr=False)
    name: str  # what may be shown
    level: Level = Level.ALL
    trouble: str | None = None

    @property
    def key(self) -> str:
        """What the outbox knows it by: nobody can read the address in it."""
        return sha256(self.address.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def channels(text: str | None) -> list[Channel]:
    """The channels in *text*, separated by blanks, or by commas before the next one; each once."""
    words = (word.strip(",") for word in (text or "").split())
    written = [part.strip(",") for word in words for part in re.split(r",(?=[a-z][a-z0-9+.-]*://)", word)]
    found = [_channel(each, number) for number, each in enumerate(dict.fromkeys(filter(None, written)), 1)]
    often = Counter(each.name for each in found)
    return [
        replace(each, name=f"{each.name} ({number})") if often[each.name] > 1 else each
        for number, each in enumerate(found, 1)
    ]


def _channel(written: str, number: int) -> Channel:
    matched = ADDRESS.fullmatch(written)
    if not matched:
        trouble = "write it as ntfy://your-topic, https://… or json+https://…"
        return Channel(written, f"address {number}", trouble=trouble)
    scheme = matched[1].casefold()
    address, told = without_level(f"{scheme}://{matched[2]}")
    name = (host(address) if scheme in OURS else "") or f"{scheme}://…"
    if told in tuple(Level):
        return Channel(address, name, Level(told))
    return Channel(address, name, trouble=f"{TELL}= is one of {', '.join(Level)}")


def without_level(written: str) -> tuple[str, str]:
    """The address in *written* without our own word in its query, and what that said."""
    address, mark, query = written.partition("?")
    parts = query.split("&")
    said = [part.partition("=")[2] for part in parts if part.partition("=")[0] == TELL]
    kept = "&".join(part for part in parts if part.partition("=")[0] != TELL)
    return f"{address}{mark}{kept}".removesuffix("?") if said else written, said[-1] if said else Level.ALL


def host(address: str) -> str | None:
    """The host of a plain http address, which may be shown: the rest of it is often a secret."""
    try:
        return urlsplit(address.removeprefix(JSON)).hostname
    except ValueError:
        return None


def unusable(channel: Channel) -> str | None:
    """Why nothing can be sent to *channel*, as far as its address says; nothing is sent."""
    if channel.trouble or channel.address.partition("://")[0] in OURS:
        return channel.trouble
    from apprise import Apprise, AppriseAsset

    _silence(logging.NullHandler())
    asset = AppriseAsset(storage_mode="memory")
    service = Apprise.instantiate(channel.address, asset=asset, suppress_exceptions=True)
    return UNKNOWN if service is None else None


def send(channel: Channel, notice: Notice) -> str | None:
    """Send *notice* to *channel*; returns why it could not be, if it could not, without a word of others."""
    if channel.trouble:
        return channel.trouble
    scheme = channel.address.partition("://")[0]
    if scheme not in OURS:
        return _in_time(LONGEST, partial(_send_by_apprise, channel.address, notice))
    if scheme.startswith(JSON):
        body: dict[str, str] = {"title": notice.kind.headline, "id": notice.id, "kind": notice.kind}
        body |= dict.fromkeys(("text", "content", "message"), notice.text)
        body |= {"calendar": notice.calendar} if notice.calendar else {}
        data, kind = json.dumps(body).encode(), "application/json"
        return _post(channel.address.removeprefix(JSON), data, {"Content-Type": kind})
    headers = {"Content-Type": "text/plain; charset=utf-8", "Title": notice.kind.headline}
    return _post(channel.address, notice.text.encode(), headers)


def ping(address: str | None, *, failed: bool = False) -> str | None:
    """Give the watchdog at *address* a sign of life, or of failure; returns why it could not be."""
    if not address:
        return None
    return _post(address.rstrip("/") + "/fail" if failed else address, b"", {})


def _send_by_apprise(address: str, notice: Notice) -> str | None:
    """Send by the service that *address* names; apprise reads no file of its own and keeps none."""
    from apprise import Apprise, AppriseAsset, AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    said = _Said()
    _silence(said)
    asset = AppriseAsset(app_id="FirstServe", app_desc="First Serve", storage_mode="memory")
    service = Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is None:
        return UNKNOWN
    attached = None
    if notice.calendar and service.attachment_support:
        file = AttachMemory(  # type: ignore[no-untyped-call]
            content=notice.calendar, name="reservation.ics", mimetype="text/calendar"
        )
        attached = AppriseAttachment(file)
    to_all = Apprise(asset=asset)
    to_all.add(service)
    is_sent = to_all.notify(title=notice.kind.headline, body=notice.text, body_format="text", attach=attached)
    return None if is_sent else said.why


def _silence(handler: logging.Handler) -> None:
    """Have only *handler* hear what apprise logs: its lines show addresses, or what others answered."""
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.WARNING)


class _Said(logging.Handler):
    """What a service logged, of which only a status is of use to us."""

    why = "it was not sent"

    def emit(self, record: logging.LogRecord) -> None:
        """Take the status out of *record*."""
        text = record.getMessage()
        if status := re.search(r"error=(\d{3})\b", text):
            self.why = f"answered {status[1]}"
        elif "onnection error" in text:
            self.why = "no connection, or no answer in time"


def _post(address: str, body: bytes, headers: dict[str, str]) -> str | None:
    """Why *body* could not be sent, if so."""

    def post() -> str | None:
        request = urllib.request.Request(address, body, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT):
                return None
        except urllib.error.HTTPError as failure:
            failure.close()
            return f"answered {failure.code}"

    return _in_time(TIMEOUT, post)


def _in_time(seconds: float, call: Callable[[], str | None]) -> str | None:
    """What *call* says went wrong; who drips is left behind, and what may show an address is not said."""
    try:
        return Clock().within(timedelta(seconds=seconds), call)
    except (OSError, ValueError, HTTPException) as failure:
        return type(getattr(failure, "reason", failure)).__name__
    except Exception as failure:  # a service of apprise may raise anything
        return type(failure).__name__
