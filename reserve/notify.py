"""A word to the player's own channels (RESERVE_NOTIFY), and the sign of life that a watchdog waits for.

It uses nothing but the standard library, because `due` calls it every minute.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

from reserve.clock import Clock
from reserve.errors import UsageError

TIMEOUT = 10.0  # seconds for one channel
TITLE = "First Serve"
JSON = "json+"  # before an address that wants JSON, such as those of chat services


def channels(text: str | None) -> list[str]:
    """The addresses in *text*, separated by blanks or commas; raises `UsageError` for what is none."""
    found = (text or "").replace(",", " ").split()
    for each in found:
        if urlsplit(each.removeprefix(JSON)).scheme not in ("http", "https"):
            raise UsageError("RESERVE_NOTIFY: write it as https://ntfy.sh/your-topic or json+https://…")
    return found


def host(channel: str) -> str:
    """What may be shown of *channel*: the rest of an address is often a secret."""
    return urlsplit(channel.removeprefix(JSON)).hostname or "an address without a host"


def send(channel: str, text: str) -> str | None:
    """Post *text* to *channel*, as plain text or as JSON; returns why it could not be, if it could not."""
    if channel.startswith(JSON):
        body = json.dumps({"title": TITLE, "text": text, "content": text, "message": text}).encode()
        return _post(channel.removeprefix(JSON), body, {"Content-Type": "application/json"})
    return _post(channel, text.encode(), {"Content-Type": "text/plain; charset=utf-8", "Title": TITLE})


def send_to_all(addresses: Sequence[str], text: str) -> list[str]:
    """Send *text* to every channel; returns what went wrong, without secrets."""
    failures = [(channel, send(channel, text)) for channel in addresses]
    return [f"{host(channel)}: {why}" for channel, why in failures if why]


def ping(address: str | None, *, failed: bool = False) -> str | None:
    """Give the watchdog at *address* a sign of life, or of failure; returns why it could not be."""
    if not address:
        return None
    return _post(address.rstrip("/") + "/fail" if failed else address, b"", {})


def _post(address: str, body: bytes, headers: dict[str, str]) -> str | None:
    """Why *body* could not be sent, if so; a host that drips is left behind, too."""

    def send() -> None:
        request = urllib.request.Request(address, body, headers, method="POST")
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            pass

    try:
        Clock().within(timedelta(seconds=TIMEOUT), send)
        return None
    except urllib.error.HTTPError as failure:
        failure.close()
        return f"answered {failure.code}"
    except (OSError, ValueError, HTTPException) as failure:  # not its text, which may show the address
        return type(getattr(failure, "reason", failure)).__name__
