"""What happened, stamped relative to the opening, with every secret masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reserve.model import ActionKind, Attempt, Hold, Offer
from reserve.redaction import Secrets


@dataclass
class Timeline:
    """The scenario of one run, told as it goes to *tell*; nothing in it is secret.

    Its stamps count from the moment when the server's clock shows the opening, as well as that is known.
    """

    now: Callable[[], datetime]
    secrets: Secrets = field(default_factory=Secrets)
    tell: Callable[[str], None] = lambda line: None
    opens_at: datetime | None = None
    ahead: timedelta = timedelta()  # of our clock: the server's, by which the opening is told
    record: Callable[[ActionKind, Sequence[Hold | Offer]], str | None] = lambda kind, about: None
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

    def write(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> None:
        """Have a action written to the record before, or after, it is done."""
        if about and (trouble := self.record(kind, about)):
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
