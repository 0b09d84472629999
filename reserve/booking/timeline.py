"""What happened, stamped relative to the opening, with every secret masked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reserve.model import HoldStamp, Span, SpanKind
from reserve.redaction import Secrets


@dataclass
class Timeline:
    """The log of one run, passed to *show* line by line; nothing in it is secret.

    Its stamps count from the moment when the server's clock shows the opening, as well as that is known.
    """

    now: Callable[[], datetime]
    secrets: Secrets = field(default_factory=Secrets)
    show: Callable[[str], None] = lambda line: None
    opens_at: datetime | None = None
    ahead: timedelta = timedelta()  # how far the server's clock is ahead of ours
    steps: list[tuple[datetime, str]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    alert: Callable[[str], None] | None = None  # instead of *show*, for what needs the player

    @contextmanager
    def span(self, kind: SpanKind) -> Iterator[None]:
        """Note how long what is done inside takes, and whether it fails."""
        began, is_done = self.now(), False
        try:
            yield
            is_done = True
        finally:
            self.spans.append(Span(kind, began, self.now(), is_done))

    def say(self, text: str, *, needs_you: bool = False) -> None:
        """Note *text* with the present moment; *needs_you* when the player has something to do."""
        moment = self.now()
        text = self.secrets.mask(text)
        self.steps.append((moment, text))
        with suppress(OSError):  # a listener that went away is no reason to lose a court
            show = (needs_you and self.alert) or self.show
            show(f"{self.stamp(moment)} {text}")

    def told(self, held: HoldStamp) -> str:
        """What the booking system says of when it made a hold, by its own clock."""
        if held.made is None:
            wrote = self.stamp(held.written - self.ahead) if held.written else "an unknown time"
            return f"by its own clock answered {wrote}"
        made = self.stamp(held.made - self.ahead)
        return f"by its own clock held {made}{', if holds last ten minutes' if held.is_assumed else ''}"

    def stamp(self, moment: datetime) -> str:
        """*moment* relative to the opening, or by the clock while that is not known: `T-60.0`, `T+0.014`."""
        if self.opens_at is None:
            return f"{moment:%H:%M:%S}"
        seconds = (moment + self.ahead - self.opens_at).total_seconds()
        return f"T{seconds:+.1f}" if seconds < -1 else f"T{seconds:+.3f}"
