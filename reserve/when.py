"""Times and days as people write them; what has two meanings is refused with both.

Nothing is guessed: a small grammar, no clock, and today is the one at the facility.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import product

from reserve.errors import UsageError, did_you_mean
from reserve.model import Slot, WallTime

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
GROUPS = {"day": WEEKDAYS, "daily": WEEKDAYS, "weekday": WEEKDAYS[:5], "weekend": WEEKDAYS[5:]}
NEAR = {"yesterday": -1, "today": 0, "tomorrow": 1}
NAMED = {"noon": time(12), "midnight": time(0)}
LONGEST = 100  # letters; whoever needs more means something else

TIME = re.compile(r"(\d{1,2})(?::(\d\d))?(?::(\d\d))?(?: ?([ap])\.?(?:m\.?)?)?", re.ASCII)
DASH = re.compile(r" ?[-\u2013\u2014] ?| (?:to|until|till) ")
NUMBERS = re.compile(r"(\d{1,2})([/.])(\d{1,2})(?:\2(2\d{3})|\2)?", re.ASCII)

TIME_EXAMPLE = "18:00 or 6pm"
DAY_EXAMPLE = "2026-11-27, fri or tomorrow"
MOMENT_EXAMPLE = "2026-11-20 08:00:00"
EVERY_EXAMPLE = "'wed 18:00'"


class _Nonsense(Exception):
    """What somebody wrote means nothing, or two things; the message says which, when that helps."""


def read_time(text: str, option: str) -> time:
    """The time in *text*: `18:00`, `6pm`, `6:30 pm`, `18`, `noon`; raises `UsageError` naming *option*."""
    try:
        return _only(_times(_plain(text)))
    except _Nonsense as why:
        raise _refused(text, "time", TIME_EXAMPLE, option, why) from None


def read_span(text: str, option: str) -> tuple[time, time | None]:
    """From when to when by *text*: `18:00-19:30`, `6-7:30 pm`, or a start only; raises `UsageError`."""
    try:
        return _span(_plain(text))
    except _Nonsense as why:
        raise _refused(text, "time", TIME_EXAMPLE, option, why) from None


def read_day(text: str, option: str, today: date | None) -> date:
    """The day in *text*: `2026-11-27`, `today`, `tomorrow`, `fri`, `next fri`, `+7`, `27 nov`, `11/27/2026`.

    `fri` is the first Friday from *today* on, `next fri` that of the week after this one, which begins on
    Monday. Without *today*, only what means the same on every day is a day. Raises `UsageError` naming
    *option*.
    """
    try:
        return _day(_plain(text), today)
    except _Nonsense as why:
        raise _refused(text, "date", DAY_EXAMPLE, option, why) from None


def needs_today(text: str) -> bool:
    """Whether *text* is a day of which nobody knows the meaning who does not know today."""
    try:
        read_day(text, "", None)
    except UsageError:
        return True
    return False


def read_moment(text: str, option: str, today: date | None) -> WallTime:
    """The day and the time in *text*; raises `UsageError` naming *option*."""
    why = _Nonsense()
    words = re.sub(r"(?<=\d)[Tt](?=\d)| at ", " ", text).split() if len(text) <= LONGEST else []
    for place in range(1, len(words)):
        try:
            day = _day(_plain(" ".join(words[:place])), today)
            return WallTime(day, _only(_times(_plain(" ".join(words[place:])))))
        except _Nonsense as trouble:
            why = trouble if str(trouble) else why
    raise _refused(text, "moment", MOMENT_EXAMPLE, option, why)


@dataclass(frozen=True)
class Every:
    """Days of the week, each or only every other one, and from when to when, as far as that was said."""

    days: Sequence[str]
    is_other: bool
    start: time | None
    end: time | None


def read_every(text: str, option: str) -> Every:
    """What recurs by *text*: `wed 18:00`, `every other fri 10am`, `mon-fri 7-8:30 am`, `weekdays`.

    Raises `UsageError` naming *option*.
    """
    try:
        said = re.sub(r"[,/]| (?:and|at|from|on)(?= )|^(?:on|at) ", " ", _plain(text).replace("&", " and "))
        said = " ".join(said.split())
        clock = re.search(r"(?<!\S)(?:\d|noon|midnight)", said)
        named, times = (said[: clock.start()], said[clock.start() :]) if clock else (said, "")
        words = re.sub(r" ?[-\u2013] ?| to ", "-", named.strip()).split()
        if words[:1] in (["every"], ["each"]):
            words = words[1:]
        is_other = words[:1] in (["other"], ["second"])
        days = {day for word in words[is_other:] for day in _weekdays(word)}
        if not days:
            raise _Nonsense("names no day")
        start, end = _span(times) if times else (None, None)
    except _Nonsense as why:
        raise _refused(text, "rule", EVERY_EXAMPLE, option, why) from None
    return Every([day for day in WEEKDAYS if day in days], is_other, start, end)


def in_full(slot: Slot) -> str:
    """*slot* with its day and its time zone, and what clocks here show then, if that is something else."""
    zone = getattr(slot.start.tzinfo, "zone", None)
    said = f"{slot.start:%A} {slot} {slot.start:%Z}" + (f" ({zone})" if zone else "")
    here = slot.start.astimezone()
    if here.utcoffset() == slot.start.utcoffset():
        return said
    return f"{said}, here {here:%a %H:%M} {here:%Z}"


def _plain(text: str) -> str:
    if len(text) > LONGEST:
        raise _Nonsense
    return " ".join(text.casefold().split())


def _refused(text: str, what: str, example: str, option: str, why: _Nonsense) -> UsageError:
    said = str(why) or f"is not a {what}"
    advice = "" if said.endswith("?") else f"; write it as {example}"
    return UsageError(f"{option}: {text!r} {said}{advice}")


def _times(text: str, *, is_half_known: bool = False) -> list[time]:
    """What *text* may mean. `7:00` is what clocks of 24 hours show, unless another time says am or pm."""
    if text in NAMED:
        return [NAMED[text]]
    found = TIME.fullmatch(text)
    if not found:
        raise _Nonsense
    hour, minute, second = (int(found[part] or 0) for part in (1, 2, 3))
    if minute > 59 or second > 59 or hour > (12 if found[4] else 23) or (found[4] and not hour):
        raise _Nonsense
    if found[4]:
        return [time(hour % 12 + 12 * (found[4] == "p"), minute, second)]
    if found[1].startswith("0") or hour > 12 or (found[2] and not is_half_known):
        return [time(hour, minute, second)]
    return [time(hour % 12, minute, second), time(hour % 12 + 12, minute, second)]


def _only(times: Sequence[time]) -> time:
    if len(times) > 1:
        raise _Nonsense(f"may be {times[0]:%H:%M} or {times[1]:%H:%M}; which is meant?")
    return times[0]


def _span(text: str) -> tuple[time, time | None]:
    """From when to when; where one of them leaves open which half of the day, the shorter time is meant."""
    parts = DASH.split(text)
    if len(parts) == 1:
        return _only(_times(text)), None
    if len(parts) > 2:
        raise _Nonsense
    is_half_known = any(found[4] for part in parts if (found := TIME.fullmatch(part)))
    starts, ends = (_times(part, is_half_known=is_half_known) for part in parts)
    pairs = [(start, end) for start, end in product(starts, ends) if start < end]
    if not pairs or len(pairs) > len(starts) + len(ends) - 1 or len(starts) == len(ends) == 2:
        return _only(starts), _only(ends)
    return min(pairs, key=lambda pair: _since_midnight(pair[1]) - _since_midnight(pair[0]))


def _since_midnight(moment: time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)


def _day(text: str, today: date | None) -> date:
    if found := re.fullmatch(r"(2\d{3})-(\d\d)-(\d\d)", text, re.ASCII):
        return _calendar_day(*map(int, found.groups()))
    if found := NUMBERS.fullmatch(text):
        return _only_day(_numbered(int(found[1]), int(found[3]), found[4], today))
    words = text.replace(",", " ").split()
    if not words:
        raise _Nonsense
    if words[0] in ("this", "on") and len(words) > 1:
        words = words[1:]
    if any(word.rstrip(".") in _short(MONTHS) for word in words):
        return _named(words, today)
    if len(words) > 1 and words[0] != "next" and (named := _weekday(words[0])):
        day = _day(" ".join(words[1:]), today)
        if WEEKDAYS[day.weekday()] != named:
            raise _Nonsense(f"is not one day: {day} is a {day:%A}")
        return day
    ahead = _days_ahead(words, today)
    if today is None:
        raise _Nonsense("counts from today, which is another day whenever this is read")
    return today + timedelta(days=ahead)


def _days_ahead(words: Sequence[str], today: date | None) -> int:
    """How many days after *today* the day is that *words* name."""
    said = " ".join(words)
    if said in NEAR:
        return NEAR[said]
    if found := re.fullmatch(r"\+(\d{1,3})(?: days?)?|in (\d{1,3}) days?", said, re.ASCII):
        return int(found[1] or found[2])
    is_next = words[0] == "next" and len(words) > 1
    word = " ".join(words[is_next:])
    named = _weekday(word)
    if named is None:
        known = (*NEAR, *WEEKDAYS) if len(words) <= 2 else ()
        raise _Nonsense(f"is not a date{did_you_mean(word, known)}" if known else "")
    here = today.weekday() if today else 0
    number = WEEKDAYS.index(named)
    return number + 7 - here if is_next else (number - here) % 7


def _named(words: Sequence[str], today: date | None) -> date:
    """`nov 27`, `27 november 2026`, `fri, nov 27th`."""
    named, *others = [word for word in words if word.rstrip(".") in _short(MONTHS)]
    said = re.fullmatch(
        r"(?:([a-z]+)\.? )?(\d{1,2})(?:st|nd|rd|th)?\.?(?: (2\d{3}))?",
        " ".join(word for word in words if word != named),
        re.ASCII,
    )
    weekday = _weekday(said[1]) if said and said[1] else None
    if others or not said or (said[1] and not weekday):
        raise _Nonsense
    number = 1 + [each[:3] for each in MONTHS].index(named[:3])
    found = _next_such(number, int(said[2]), said[3] or "", today)
    if weekday and WEEKDAYS[found.weekday()] != weekday:
        raise _Nonsense(f"is not one day: {found} is a {found:%A}")
    return found


def _numbered(first: int, second: int, year: str | None, today: date | None) -> list[date]:
    """What `12/5` may mean: a month and a day, or a day and a month."""
    found = []
    for month, day in dict.fromkeys([(first, second), (second, first)]):
        if 1 <= month <= 12:
            try:
                found.append(_next_such(month, day, year or "", today))
            except _Nonsense:
                if today is None and not year:
                    raise
    return found


def _only_day(days: Sequence[date]) -> date:
    if not days:
        raise _Nonsense
    if len(days) > 1:
        raise _Nonsense(
            f"may be {days[0]} ({days[0]:%b %-d}) or {days[1]} ({days[1]:%b %-d}); which is meant?"
        )
    return days[0]


def _next_such(month: int, day: int, year: str, today: date | None) -> date:
    """The day in *year*, else the first from *today* on."""
    if year:
        return _calendar_day(int(year), month, day)
    if today is None:
        raise _Nonsense("has no year")
    for each in range(today.year, today.year + 9):  # the next 29 February
        try:
            found = date(each, month, day)
        except ValueError:
            continue
        if found >= today:
            return found
    raise _Nonsense


def _calendar_day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _Nonsense from None


def _short(names: Sequence[str]) -> set[str]:
    """*names*, and what is common instead of them: at least three letters of the beginning."""
    return {name[:letters] for name in names for letters in range(3, len(name) + 1)}


def _weekday(word: str) -> str | None:
    """The day that *word* names, by at least two letters that no other begins with, or in the plural."""
    word = word.rstrip(".")
    for each in (word, word.removesuffix("s")):
        found = [day for day in WEEKDAYS if len(each) >= 2 and day.startswith(each)]
        if len(found) == 1:
            return found[0]
    return None


def _weekdays(word: str) -> Sequence[str]:
    """The days that one word of a rule names."""
    if (group := word.removesuffix("s")) in GROUPS:
        return GROUPS[group]
    first, dash, last = word.partition("-")
    ends = [_weekday(each) for each in ([first, last] if dash else [first])]
    if None in ends:
        strange = last if dash and ends[0] else first
        raise _Nonsense(
            f"is not a rule: {strange!r} is not a day{did_you_mean(strange, (*WEEKDAYS, *GROUPS))}"
        )
    begin, end = (WEEKDAYS.index(str(each)) for each in (ends[0], ends[-1]))
    return [WEEKDAYS[(begin + step) % 7] for step in range((end - begin) % 7 + 1)]
