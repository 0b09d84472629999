"""Days that come again: rules of RFC 5545, and the words in which a person says them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, time, timedelta
from itertools import islice

from dateutil.parser import isoparse
from dateutil.rrule import rrulestr

from reserve.errors import QUOTED, UsageError
from reserve.when import Every

HORIZON = timedelta(days=750)  # a rule that means nothing for so long means nothing
CYCLE = 400  # years after which the calendar begins anew, also its weeks
MOST_A_DAY = 24  # starts of one rule; every `due` counts through all of them since the first
OFTEN_ENOUGH = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")


@dataclass(frozen=True)
class Recurrence:
    """A rule of RFC 5545, counted from `first`; what ends it is kept apart from what comes again."""

    first: datetime
    parts: str
    count: int | None = None
    until: datetime | None = None

    def starts(self, after: datetime) -> Iterator[datetime]:
        """What the rule means from `first` on, in order, also before *after*, up to `HORIZON` past it."""
        last = max(after, self.first) + HORIZON
        if self.until is not None:
            last = min(last, self.until)
        for start in islice(rrulestr(self.parts, dtstart=self.first), self.count):
            if start > last:
                return
            yield start


def read_rule(text: str, first: datetime, option: str = "--rrule") -> Recurrence:
    """The rule in *text*, counted from *first*; raises `UsageError` naming *option* when it is none."""

    def refused(why: str) -> UsageError:
        return UsageError(f"{option}: {text!r} {why}")

    if "DTSTART" in text.upper():
        raise refused("has a DTSTART; leave it out, a rule counts from today")
    parts: dict[str, str] = {}
    for part in rule_text(text).split(";"):
        name, sign, value = part.partition("=")
        if not sign or name in parts:
            raise refused(
                f"is not a rule: {part!r} is not a part of one, or is there twice; "
                "write it as FREQ=WEEKLY;BYDAY=WE"
            )
        parts[name] = value
    if parts.get("FREQ") not in OFTEN_ENOUGH:
        raise refused("needs FREQ=DAILY, WEEKLY, MONTHLY or YEARLY")
    for name in {"COUNT", "INTERVAL"} & parts.keys():
        if not re.fullmatch(r"[1-9]\d{0,3}", parts[name], re.ASCII):
            raise refused(f"has {name}={parts[name]!r}; it has to be a whole number from 1 to 9999")
    times = [len(set(parts.get(name, "0").split(","))) for name in ("BYHOUR", "BYMINUTE", "BYSECOND")]
    if math.prod(times) > MOST_A_DAY:
        raise refused(f"means {math.prod(times)} slots a day; {MOST_A_DAY} are the most")
    count, until = parts.pop("COUNT", None), parts.pop("UNTIL", None)
    if count and until is not None:
        raise refused("has COUNT and UNTIL; leave one of them out")
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        end = None if until is None else _end(until)
        rrulestr(rule, dtstart=first)
    except (ValueError, OverflowError) as failure:
        raise refused(f"is not a rule ({str(failure)[:QUOTED]})") from None
    return Recurrence(first, rule, int(count) if count else None, end)


def rule_text(text: str) -> str:
    """*text* as it is kept: in capitals, without `RRULE:` and the last semicolon."""
    return text.strip().upper().removeprefix("RRULE:").rstrip(";")


def parse_rule(text: str, first: datetime, option: str = "--rrule") -> str:
    """*text* as it is kept; raises `UsageError` when it is no rule, or means no day at all."""
    rule = read_rule(text, first, option)
    # dateutil looks for a first day until the year 9999, so it is asked as late as the calendar is alike.
    late = first.replace(year=first.year + (MAXYEAR - first.year) // CYCLE * CYCLE)
    comes = next(iter(rrulestr(rule.parts, dtstart=late)), None) is not None
    if not comes or next(rule.starts(first), None) is None:
        raise UsageError(f"{option}: {text!r} means no day at all")
    return rule_text(text)


def _end(text: str) -> datetime:
    """The last moment of an UNTIL, on the wall clock like all else; a day counts as a whole."""
    try:
        end = isoparse(text).replace(tzinfo=None)
    except ValueError:
        raise ValueError(f"UNTIL={text!r}: write it as 20261231") from None
    return end if "T" in text else datetime.combine(end, time.max)


def weekly(every: Every, start: time) -> str:
    """*every*, each time at *start*, as a rule."""
    interval = "INTERVAL=2;" if every.is_other else ""
    days = ",".join(day[:2].upper() for day in every.days)
    return f"FREQ=WEEKLY;{interval}BYDAY={days};BYHOUR={start.hour};BYMINUTE={start.minute}"
