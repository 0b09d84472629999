"""What happened, stamped relative to the opening, with every secret masked."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from reserve.model import Attempt, Hold, Offer

MASK = "•••"
SHORTEST = 4  # characters; masking anything shorter would blacken half of every line


class Secrets:
    """What must never be read by others, in every spelling we know."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        """Start with *values*; those that are None or too short to be told from words are not secrets."""
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


@dataclass
class Timeline:
    """The story of one run, told as it goes to *tell*; nothing in it is secret.

    Its stamps count from the moment when the server's clock shows the opening, as well as that is known.
    """

    now: Callable[[], datetime]
    secrets: Secrets = field(default_factory=Secrets)
    tell: Callable[[str], None] = lambda line: None
    opens_at: datetime | None = None
    ahead: timedelta = timedelta()  # of our clock: the server's, by which the opening is told
    record: Callable[[str, Sequence[Hold | Offer]], str | None] = lambda what, about: None
    steps: list[tuple[datetime, str]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    released: list[str] = field(default_factory=list)  # order ids
    left: list[str] = field(default_factory=list)  # holds that could not be given back

    def say(self, text: str) -> None:
        """Note *text* with the present moment."""
        moment = self.now()
        text = self.secrets.mask(text)
        self.steps.append((moment, text))
        with suppress(OSError):  # a listener that went away is no reason to lose a court
            self.tell(f"{self.stamp(moment)} {text}")

    def write(self, what: str, about: Sequence[Hold | Offer]) -> None:
        """Have a deed written to the record before, or after, it is done."""
        if about and (trouble := self.record(what, about)):
            self.say(trouble)

    def stamp(self, moment: datetime) -> str:
        """*moment* relative to the opening, or by the clock while that is not known: `T-60.0`, `T+0.014`."""
        if self.opens_at is None:
            return f"{moment:%H:%M:%S}"
        seconds = (moment + self.ahead - self.opens_at).total_seconds()
        return f"T{seconds:+.1f}" if seconds < -1 else f"T{seconds:+.3f}"

    def milliseconds(self, moment: datetime) -> float | None:
        """*moment* relative to the opening, in milliseconds."""
        if self.opens_at is None:
            return None
        return round((moment + self.ahead - self.opens_at).total_seconds() * 1000, 1)
