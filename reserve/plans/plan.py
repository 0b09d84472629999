"""What a plan is: a standing wish, the slots it means, and when each of them opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any, TypeVar

from reserve import window
from reserve.errors import UsageError
from reserve.model import Slot
from reserve.plans.rule import WEEKDAYS, parse_rule, read_rule

NOTICE = timedelta(hours=1)  # so long before play the waiting list gives up: one has to get there
DURATION = 30  # minutes; what the earlier Atrium tool took when nothing was said (Atrium facts 4)

T = TypeVar("T")
OpeningRule = window.DaysAhead | window.HoursAhead


@dataclass(frozen=True)
class Choice:
    """One facility of a plan: its courts and further start times, each in order of preference."""

    facility: str
    courts: tuple[str, ...] = ()
    or_starts: tuple[time, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A standing wish: one slot, or a rule (RFC 5545) for many, in the facility's own wall-clock time.

    `first` is the start of the only slot, or the moment from which the rule counts. `choices` are tried in
    their order, for each slot until there is a court.
    """

    choices: tuple[Choice, ...]
    length: timedelta
    first: datetime
    rule: str | None = None
    sport: str = "tennis"
    system: str = "recus"
    account: str | None = None
    max_price: str | None = None
    pay: str = "by-hand"
    at_once: bool = False
    until: date | None = None
    skipped: frozenset[date] = frozenset()
    wait_list: bool = False
    notice: timedelta = NOTICE
    link: str | None = None

    def __str__(self) -> str:
        """Say it in a line: Alice Marble, else Moscone: tennis, FREQ=WEEKLY;BYDAY=WE 18:00, 90 minutes."""
        where = ", else ".join(choice.facility for choice in self.choices)
        return f"{where}: {self.sport}, {self.when}, {self.length // timedelta(minutes=1)} minutes"

    @property
    def when(self) -> str:
        """The day, or the rule, as short as it can be said."""
        if self.rule is None:
            return f"{self.first:%Y-%m-%d %H:%M}"
        weekly = re.fullmatch(r"FREQ=WEEKLY;BYDAY=([A-Z,]+);BYHOUR=(\d+);BYMINUTE=(\d+)", self.rule)
        if not weekly:
            return self.rule
        days = [day.title()[:3] for day in WEEKDAYS if day[:2].upper() in weekly[1].split(",")]
        return f"every {', '.join(days)} {int(weekly[2]):02}:{int(weekly[3]):02}"

    def starts(self, after: datetime) -> Iterator[datetime]:
        """When its slots start on the wall clock, in order, those later than *after*."""
        for start in self._starts(after):
            if self.until is not None and start.date() > self.until:
                return
            if start > after and start.date() not in self.skipped:
                yield start

    def has_slot_on(self, day: date) -> bool:
        """Whether it wants a slot on *day*, or would if the day were not skipped."""
        morning = datetime.combine(day, time()) - timedelta(seconds=1)
        start = next(replace(self, skipped=frozenset()).starts(morning), None)
        return start is not None and start.date() == day

    def _starts(self, after: datetime) -> Iterable[datetime]:
        if self.rule is None:
            return [self.first]
        return read_rule(self.rule, self.first).starts(after)

    def slots(self, where: tzinfo, now: datetime) -> Iterator[Slot]:
        """Its slots that start after *now*; those at a time that the clocks skip are left out."""
        for start in self.starts(now.astimezone(where).replace(tzinfo=None)):
            try:
                slot = window.slot(start.date(), start.time(), self.length, where)
            except UsageError:
                continue
            if slot.start > now:
                yield slot

    def words(self, start: datetime, choice: Choice, *, waits: bool = False) -> list[str]:
        """What the player would write on the command line to book the slot that starts at *start*."""
        end = start + self.length
        words = ["-c", choice.facility, "-s", self.sport, "--system", self.system]
        words += ["-d", f"{start:%Y-%m-%d}", "-t", f"{start:%H:%M:%S}", "-y", f"{end:%H:%M:%S}"]
        options = {
            "--only": ",".join(choice.courts),
            "--or": ",".join(f"{each:%H:%M:%S}" for each in choice.or_starts),
            "--account": self.account,
            "--max-price": self.max_price,
            "--pay": self.pay if self.pay != "by-hand" else None,
            "--link": self.link,
        }
        for option, value in options.items():
            words += [option, value] if value else []
        return words + ["-m"] * self.at_once + ["--wait-list"] * waits


def opening_rule(seen: Sequence[tuple[datetime, datetime]]) -> OpeningRule:
    """The rule behind *seen*, pairs of a start and its opening in the facility's zone; the last one counts.

    Days are what booking systems mean by it, unless only hours explain all that was seen.
    """
    start, opens_at = seen[-1]
    hours = window.HoursAhead(round((start - opens_at) / timedelta(hours=1)))
    days = window.DaysAhead((start.date() - opens_at.date()).days, opens_at.time())
    by_hours = sum(hours.opens_at(each) == opening for each, opening in seen)
    by_days = sum(days.opens_at(each) == opening for each, opening in seen)
    return hours if by_hours > by_days else days


def rule_as_text(rule: OpeningRule) -> str:
    """*rule* to be kept: `7 days 08:00:00` or `168 hours`."""
    return f"{rule.hours} hours" if isinstance(rule, window.HoursAhead) else f"{rule.days} days {rule.time}"


def rule_from_text(text: str) -> OpeningRule:
    """The rule that was kept as *text*."""
    number, unit, *rest = text.split()
    if unit == "hours":
        return window.HoursAhead(int(number))
    return window.DaysAhead(int(number), time.fromisoformat(rest[0]))


def as_json(plan: Plan) -> dict[str, Any]:
    """*plan* in the form that `plan import` reads (plans.schema.json)."""
    body = {
        "type": "recurring" if plan.rule else "one-off",
        "rrule": plan.rule,
        "counts_from" if plan.rule else "desired_time": plan.first.isoformat(),
        "duration": plan.length // timedelta(minutes=1),
        "system": plan.system,
        "sport": plan.sport,
        "choices": [
            {
                "facility": choice.facility,
                "courts": list(choice.courts),
                "or": [each.isoformat() for each in choice.or_starts],
            }
            for choice in plan.choices
        ],
        "account": plan.account,
        "max_price": float(plan.max_price) if plan.max_price else None,
        "pay": plan.pay,
        "together": plan.at_once,
        "until": plan.until.isoformat() if plan.until else None,
        "except": sorted(day.isoformat() for day in plan.skipped),
        "wait_list": plan.wait_list,
        "notice": plan.notice // timedelta(minutes=1),
        "link": plan.link,
    }
    return {name: value for name, value in body.items() if value is not None}


def from_json(body: Mapping[str, Any], today: date) -> Plan:
    """The plan in *body*, which obeys plans.schema.json; a rule counts from *today* unless it says otherwise.

    Raises `UsageError` that begins with the name of the field.
    """
    first = datetime.combine(today, time())
    if body.get("rrule") and body["type"] == "one-off":
        raise UsageError("rrule: a one-off plan has none; a plan with a rule is recurring")
    if body.get("rrule"):
        first = _moment(body, "counts_from") if "counts_from" in body else first
        rule = _named("rrule", lambda: parse_rule(body["rrule"], first))
    else:
        first, rule = _moment(body, "desired_time"), None
    price = body.get("max_price")
    choices = _choices(body)
    for name in ("account", "link"):
        _printable(name, body.get(name, ""))
    return Plan(
        choices=choices,
        length=timedelta(minutes=body.get("duration", DURATION)),
        first=first,
        rule=rule,
        sport=body.get("sport", "tennis"),
        system=body.get("system") or ("atrium" if "court_id" in body else "recus"),
        account=body.get("account"),
        max_price=None if price is None else f"{price:.2f}",
        pay=body.get("pay", "by-hand"),
        at_once=body.get("together", False),
        until=_named("until", lambda: date.fromisoformat(body["until"])) if body.get("until") else None,
        skipped=frozenset(_named("except", lambda: [date.fromisoformat(day) for day in body["except"]]))
        if body.get("except")
        else frozenset(),
        wait_list=body.get("wait_list", False),
        notice=timedelta(minutes=body["notice"]) if "notice" in body else NOTICE,
        link=body.get("link"),
    )


def _choices(body: Mapping[str, Any]) -> tuple[Choice, ...]:
    if "court_id" in body:  # the earlier Atrium tool: this court, else the other one of the building
        _printable("court_id", str(body["court_id"]))
        return (Choice(f"Court {str(body['court_id']).strip().rpartition(' ')[2]}"),)
    for each in body["choices"]:
        _printable("choices", each["facility"], *each.get("courts", ()))
    return tuple(
        Choice(
            each["facility"],
            tuple(each.get("courts", ())),
            tuple(_named("choices", partial(_times, each.get("or", ())))),
        )
        for each in body["choices"]
    )


def _printable(name: str, *texts: str) -> None:
    for text in texts:
        if not text.isprintable():
            raise UsageError(f"{name}: {text!r} has a line break, or another sign that cannot be printed")


def _times(texts: Iterable[str]) -> list[time]:
    return [time.fromisoformat(text) for text in texts]


def _moment(body: Mapping[str, Any], name: str) -> datetime:
    moment = _named(name, lambda: datetime.fromisoformat(body[name]))
    if moment.tzinfo is not None:
        raise UsageError(f"{name}: leave the time zone out; the facility's own is meant")
    return moment


def _named(name: str, read: Callable[[], T]) -> T:
    """What *read* returns; what it cannot read is blamed on the field *name*."""
    try:
        return read()
    except UsageError as failure:
        raise UsageError(f"{name}: {str(failure).removeprefix('--rrule: ')}") from None
    except ValueError as failure:
        raise UsageError(f"{name}: {failure}") from None


def clock_changes(where: tzinfo, after: datetime, most: int = 2) -> list[datetime]:
    """The next moments, to the minute, at which the clocks of *where* are changed; within two years."""
    found: list[datetime] = []
    for day in range(750):
        low, high = after + timedelta(days=day), after + timedelta(days=day + 1)
        if low.astimezone(where).utcoffset() == high.astimezone(where).utcoffset():
            continue
        while high - low > timedelta(minutes=1):
            middle = low + (high - low) / 2
            is_before = middle.astimezone(where).utcoffset() == low.astimezone(where).utcoffset()
            low, high = (middle, high) if is_before else (low, middle)
        found.append((high.astimezone(where) - timedelta(seconds=high.second)).replace(microsecond=0))
        if len(found) == most:
            break
    return found
