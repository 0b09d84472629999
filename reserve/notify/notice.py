"""What the player is told, and which channel hears it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a notice is about."""

    RESERVED = "reserved"
    CANCELLED = "cancelled"
    FREE = "free"  # what was watched
    LOST = "lost"  # no court, and nothing to be done about it
    HELD = "held"  # the player has to pay
    BROKEN = "broken"  # the player has to mend or to look at something
    TEST = "test"

    @property
    def headline(self) -> str:
        """What a telephone shows first."""
        return f"First Serve: {TITLES[self]}"


TITLES = {
    Kind.RESERVED: "reserved",
    Kind.CANCELLED: "cancelled",
    Kind.FREE: "free now",
    Kind.LOST: "not reserved",
    Kind.HELD: "held, please pay",
    Kind.BROKEN: "something needs you",
    Kind.TEST: "test",
}


class Level(StrEnum):
    """What a channel hears, as `?tell=` of its address says."""

    ALL = "all"
    NEEDS_ME = "needs-me"
    TROUBLE = "trouble"

    def hears(self, kind: Kind) -> bool:
        """Whether a channel of this level is told of *kind*."""
        return kind is Kind.TEST or self is Level.ALL or kind in HEARD[self]


HEARD = {Level.NEEDS_ME: {Kind.HELD, Kind.FREE, Kind.BROKEN}, Level.TROUBLE: {Kind.BROKEN}}


@dataclass(frozen=True)
class Notice:
    """One thing to tell: its id is the same when it is told again.

    It is of no use *not_before* and *not_after* these moments; `calendar` is the text of a calendar file.
    """

    id: str
    kind: Kind
    text: str
    at: datetime
    run_id: str | None = None
    calendar: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """What `notice_in` reads."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in vars(self).items()
        }


def notice_in(body: dict[str, Any]) -> Notice:
    """The notice in *body*; raises `KeyError`, `TypeError` or `ValueError` when there is none."""
    moments = {name: body.get(name) for name in ("at", "not_before", "not_after")}
    read = {name: datetime.fromisoformat(text) if text else None for name, text in moments.items()}
    if read["at"] is None:
        raise ValueError("a notice has a moment")
    return Notice(**{**body, **read, "kind": Kind(body["kind"])})
