"""What a run measured, in its folder: for programs what the timeline is for people.

Whatever a run of another version left out, or wrote in words that we do not know, is left out here too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from reserve.errors import Meaning
from reserve.model import Attempt, HoldStamp, Span, SpanKind
from reserve.storage.run_folder import MEASURED, folder_of

T = TypeVar("T")

MOST = 1000  # attempts; a waiting list has no end
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class RivalHold:
    """When somebody else had a court, as only a simulator tells."""

    moment: datetime
    court: str


@dataclass(frozen=True)
class Measured:
    """When a run did what, by its own clock; `ahead` is how far the server's clock was before that.

    `within` is how far `ahead` may be off, None when it was not measured; `leads` is how long before the
    opening each step was to begin, by the names of `booking.context.Leads`.
    """

    opens_at: datetime | None = None
    ahead: timedelta = timedelta(0)
    within: timedelta | None = None
    leads: Mapping[str, timedelta] = field(default_factory=dict)
    spans: Sequence[Span] = ()
    attempts: Sequence[Attempt] = ()
    rivals: Sequence[RivalHold] = ()

    def as_json(self) -> dict[str, Any]:
        """It as an object that `measured_of` reads."""
        kept = self.attempts
        if len(kept) > MOST:
            kept = [*kept[: MOST // 2], *kept[-MOST // 2 :]]
        return {
            "opens_at": _said(self.opens_at),
            "ahead": self.ahead / SECOND,
            "within": None if self.within is None else self.within / SECOND,
            "leads": {name: lead / SECOND for name, lead in self.leads.items()},
            "spans": [
                {
                    "kind": each.kind,
                    "began": _said(each.began),
                    "ended": _said(each.ended),
                    "done": each.is_done,
                }
                for each in self.spans
            ],
            "attempts": [_attempt_as_json(each) for each in kept],
            "rivals": [{"moment": _said(each.moment), "court": each.court} for each in self.rivals],
        }


def measured_of(data: Path, run_id: str) -> Measured:
    """What the run *run_id* measured, as far as that can be read; nothing from an older version."""
    try:
        found = json.loads((folder_of(data, run_id) / MEASURED).read_bytes())
    except (OSError, ValueError):
        return Measured()
    return measured_in(found)


def measured_in(found: object) -> Measured:
    """What *found* tells, which `Measured.as_json` may have made."""
    if not isinstance(found, dict):
        return Measured()
    within = _number(found.get("within"))
    leads = found.get("leads")
    return Measured(
        opens_at=_moment(found.get("opens_at")),
        ahead=_number(found.get("ahead")) or timedelta(0),
        within=within,
        leads={
            str(name): lead
            for name, value in (leads if isinstance(leads, dict) else {}).items()
            if (lead := _number(value)) is not None
        },
        spans=tuple(_read(found.get("spans"), _span)),
        attempts=tuple(_read(found.get("attempts"), _attempt)),
        rivals=tuple(_read(found.get("rivals"), _rival)),
    )


def _read(rows: object, reader: Callable[[Mapping[str, Any]], T]) -> Iterator[T]:
    for row in rows if isinstance(rows, list) else []:
        with suppress(KeyError, TypeError, ValueError):
            yield reader(row)


def _span(row: Mapping[str, Any]) -> Span:
    return Span(SpanKind(row["kind"]), _aware(row["began"]), _aware(row["ended"]), bool(row["done"]))


def _rival(row: Mapping[str, Any]) -> RivalHold:
    return RivalHold(_aware(row["moment"]), str(row["court"]))


def _attempt_as_json(attempt: Attempt) -> dict[str, Any]:
    held = attempt.held
    return {
        "court": attempt.court,
        "planned": _said(attempt.planned),
        "sent": _said(attempt.sent),
        "answered": _said(attempt.answered),
        "meaning": attempt.meaning,
        "stamp": _said(attempt.stamp),
        "made": _said(held.made) if held else None,
        "written": _said(held.written) if held else None,
        "assumed": held.is_assumed if held else False,
        "way": attempt.way,
    }


def _attempt(row: Mapping[str, Any]) -> Attempt:
    made, written = _moment(row.get("made")), _moment(row.get("written"))
    return Attempt(
        str(row["court"]),
        _aware(row["planned"]),
        _aware(row["sent"]),
        _aware(row["answered"]),
        Meaning(row["meaning"]),
        _moment(row.get("stamp")),
        HoldStamp(made, written, bool(row.get("assumed"))) if made or written else None,
        row.get("way"),
    )


def _said(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(value: object) -> datetime | None:
    with suppress(TypeError, ValueError):
        return _aware(value)
    return None


def _aware(value: Any) -> datetime:
    """The moment in *value*; raises `ValueError` or `TypeError` unless it has a time zone."""
    moment = datetime.fromisoformat(value)
    if moment.utcoffset() is None:
        raise ValueError("a moment needs a time zone")
    return moment


def _number(value: object) -> timedelta | None:
    """The length of so many seconds; None for anything else, and for more than anybody waits."""
    with suppress(TypeError, ValueError, OverflowError):
        return timedelta(seconds=float(value))  # type: ignore[arg-type]
    return None
