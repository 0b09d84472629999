"""One-time codes: what every source of them must be able to do; one module for each source."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reserve.booking.stop import Stop


@dataclass(frozen=True)
class ReceivedCode:
    """A one-time code, and its place among all that its source received: a later one has a higher id."""

    id: int
    digits: str = field(repr=False)


class CodeSource(Protocol):
    """Where the player's one-time codes come in."""

    known: int  # the id of the newest code or text, when the source last said so

    def check(self) -> None:
        """Raise `UsageError` when no code could come in as the source is configured."""

    def newest(self) -> int:
        """The id of the newest code or text, 0 when there is none; raises `ServiceError`."""

    def next_code(self, *, after: int, until: datetime, stop: Stop) -> ReceivedCode | None:
        """The newest code later than *after*; None when none comes until *until*, or we should stop."""

    def code_before(self, code: ReceivedCode, *, after: int) -> ReceivedCode | None:
        """The newest code between *after* and *code*, None when there is none or the source cannot tell."""
