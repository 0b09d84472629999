"""A reservation as a calendar file (RFC 5545), which telephones and calendars understand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from icalendar import Alarm, Calendar, Component, Event

from reserve.model import Slot
from reserve.redaction import printable

ALARM = timedelta(hours=1)  # before play
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)  # sequences count from here: they fit into 31 bits until 2088


@dataclass(frozen=True)
class Game:
    """What stands in the calendar: a court at a facility of a booking system, for a slot."""

    system: str
    facility: str
    court: str
    slot: Slot
    address: str | None = None

    @property
    def uid(self) -> str:
        """The same for the same court and slot, whoever asks and whenever: calendars know it by that."""
        start, end = (moment.astimezone(UTC).isoformat() for moment in (self.slot.start, self.slot.end))
        named = "\n".join((self.system, self.facility.casefold(), self.court.casefold(), start, end))
        return f"{sha256(named.encode('utf-8', 'replace')).hexdigest()[:32]}@first-serve"


def calendar_file(game: Game, now: datetime, *, note: str = "", is_cancelled: bool = False) -> str:
    """The text of a file with *game*; the later one of two holds, so one that *is_cancelled* takes it out."""
    event = Event()
    event.add("uid", game.uid)
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("sequence", (now - EPOCH) // timedelta(seconds=1) + is_cancelled)
    event.add("dtstart", game.slot.start.astimezone(UTC))
    event.add("dtend", game.slot.end.astimezone(UTC))
    where = printable(", ".join(filter(None, (game.facility, game.address))))
    what = printable(f"{game.court}, {game.facility}")
    event.add("summary", what)
    event.add("location", where)
    event.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    if note:
        event.add("description", printable(note))
    if not is_cancelled:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", what)
        alarm.add("trigger", -ALARM)
        event.add_component(alarm)
    return _text([event], "CANCEL" if is_cancelled else "PUBLISH")


def merged(files: Iterable[str], among: Iterable[str]) -> str:
    """One file of the events in *among*, each with its last word in *files*, without what is no calendar."""
    latest = dict[str, tuple[int, Component]]()
    for uid, sequence, event in (each for text in files for each in _events(text)):
        latest[uid] = max(latest.get(uid, (-1, event)), (sequence, event), key=lambda each: each[0])
    wanted = {uid for text in among for uid, *_ in _events(text)}
    events = [event for uid, (_, event) in latest.items() if uid in wanted]
    return _text(sorted(events, key=lambda each: str(each["dtstart"])), "PUBLISH")


def _events(text: str) -> list[tuple[str, int, Component]]:
    """The events in a file with their ids and sequence; none when it is no such file of ours."""
    try:
        found = Calendar.from_ical(text).walk("VEVENT")
        return [(str(each["uid"]), int(str(each["sequence"])), each) for each in found]
    except (ValueError, KeyError):
        return []


def _text(events: Iterable[Component], method: str) -> str:
    calendar = Calendar()
    calendar.add("prodid", "-//First Serve//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    for event in events:
        calendar.add_component(event)
    return str(calendar.to_ical(), "utf-8")
