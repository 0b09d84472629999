"""Text that can be shown: without secrets, and without what a terminal obeys."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 4  # characters; masking anything shorter would blacken half of every line


def printable(text: str, *, keep: str = "") -> str:
    """*text* with a blank for every character that cannot be printed, unless it is one to *keep*.

    What others wrote could otherwise steer the player's terminal, or look like several lines of ours.
    """
    if text.isprintable():
        return text
    return text.translate({ord(each): " " for each in set(text) - set(keep) if not each.isprintable()})


class Secrets:
    """What must never be read by others, in every spelling we know."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        """Start with *values*; those that are None or too short to tell from words are not secrets."""
        self._lock = threading.Lock()
        self._spellings: tuple[str, ...] = ()
        for value in values:
            self.add(value)

    def add(self, value: str | None) -> None:
        """Mask *value* from now on, also URL-quoted, in JSON, and in base64."""
        if not value or len(value) < SHORTEST:
            return
        found = {value, quote(value), quote(value, safe=""), quote_plus(value)}
        found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
        found |= {_base64_core(value, shift) for shift in range(3)}
        with self._lock:
            known = set(self._spellings) | {text for text in found if len(text) >= SHORTEST}
            self._spellings = tuple(sorted(known, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """*text* with every secret replaced."""
        for spelling in self._spellings:
            text = text.replace(spelling, MASK)
        return text


def _base64_core(value: str, shift: int) -> str:
    """The part of a base64 text that *value* alone decides, when it begins *shift* bytes into a group."""
    text = base64.b64encode(b"\0" * shift + value.encode()).decode().rstrip("=")
    return text[(0, 2, 3)[shift] : -1]
