"""What a player has at a booking system, and giving it up: for the terminal and for the web page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from reserve.booking.cancel import Booked, booked, cancel, meant
from reserve.booking.context import Leads
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.options import way_to_sign_in
from reserve.commands.telling import tell
from reserve.commands.wiring import Connect, build_run
from reserve.errors import OutcomeWord, UsageError
from reserve.model import Account, BookingRequest, Hold
from reserve.notify.notice import Kind, Notice
from reserve.settings import Settings
from reserve.systems.base import BookingSystem
from reserve.systems.registry import adapter_of
from reserve.window import parse_day, parse_time

NOON, HALF_AN_HOUR = time(12), timedelta(minutes=30)  # of a request for no slot in particular


def request_for(
    said: Mapping[str, str | None], settings: Settings, now: datetime, *, sign_in: str | None = None
) -> BookingRequest:
    """A request for nothing in particular; a `court` or `link` that is *said* tells where to look."""
    kind = adapter_of(settings.system)
    given = kind.completed({name: text.strip() for name, text in said.items() if text})
    request = BookingRequest(
        given.get("court", ""),
        given.get("sport", kind.sports[0]),
        parse_day(given["date"], "--date") if "date" in given else now.date(),
        (parse_time(given["start_time"], "--start-time") if "start_time" in given else NOON,),
        HALF_AN_HOUR,
        link=given.get("link"),
        sign_in=way_to_sign_in(sign_in, kind, settings),
    )
    return kind.fitted(request)


@dataclass(frozen=True)
class Listed:
    """A court of the player, held or reserved, as it is listed."""

    booked: Booked
    facility: str  # empty where nobody tells

    @property
    def id(self) -> str:
        """By which it can be given up."""
        return self.booked.id

    @property
    def starts(self) -> datetime:
        """When it begins, in the facility's time."""
        return self.booked.slot.start

    @property
    def hold(self) -> Hold | None:
        """What is only held, and lapses."""
        return self.booked.what if isinstance(self.booked.what, Hold) else None

    @property
    def state(self) -> str:
        """Reserved, or until when it is held."""
        if self.hold is None:
            return OutcomeWord.RESERVED
        expires = self.hold.expires_at
        until = f" until {expires.astimezone(self.starts.tzinfo):%H:%M}" if expires else ""
        return f"{OutcomeWord.HELD}{until}"

    def __str__(self) -> str:
        """When and where, with nothing that a terminal would obey."""
        court = self.booked.court.name
        where = f"{court}, {self.facility}" if self.facility else court
        text = f"{self.starts:%a} {self.booked.slot}  {where}"
        return "".join(letter if letter.isprintable() else "?" for letter in text)

    def as_json(self) -> dict[str, object]:
        """What `bookings --json` says of it."""
        slot, hold = self.booked.slot, self.hold
        return {
            "id": self.id,
            "state": OutcomeWord.HELD if hold else OutcomeWord.RESERVED,
            "facility": self.facility or None,
            "court": self.booked.court.name,
            "start": slot.start.isoformat(),
            "end": slot.end.isoformat(),
            "order_id": self.booked.what.order_id,
            "expires_at": hold.expires_at.isoformat() if hold and hold.expires_at else None,
            "link": hold.link if hold else None,
        }


class Bookings:
    """What one player has at a booking system, whom it knows once it was signed in."""

    def __init__(
        self,
        request: BookingRequest,
        account: Account,
        settings: Settings,
        stop: Stop,
        *,
        clock: Clock | None = None,
        connect: Connect | None = None,
        system_type: type[BookingSystem] | None = None,
    ) -> None:
        """Nothing is sent yet; *clock*, *connect* and *system_type* are those of `build_run`."""
        self._settings = settings
        self._wired = build_run(
            request, account, settings, stop, Leads(), clock=clock, connect=connect, system_type=system_type
        )
        self.run = self._wired.run

    def close(self) -> None:
        """Let the booking system and the store go."""
        self.run.system.close()
        self._wired.record.store.close()
        self._wired.folder.remove_if_empty()  # or each look would leave one

    def sign_in(self) -> None:
        """Make the booking system know the player."""
        self.run.sign_in.check()
        self.run.sign_in.make()

    def all(self) -> list[Listed]:
        """Whatever is held or reserved, by its start; raises `ServiceError` when it cannot be read."""
        system = self.run.system
        found = booked(system, self.run.timeline.say)
        return [Listed(each, system.facility_of(each.court)) for each in found]

    def ahead(self) -> list[Listed]:
        """What is not over."""
        now = self.run.clock.now()
        return [each for each in self.all() if each.booked.slot.end > now]

    def meant(self, beginning: str) -> list[Listed]:
        """All that has the id which starts with *beginning*; raises `UsageError` unless it is one."""
        listed = self.all()
        found = meant([each.booked for each in listed], beginning)
        return [each for each in listed if each.booked in found]

    def refund(self, given_up: Listed) -> str | None:
        """What cancelling would give back, in words; None for what is only held."""
        what = given_up.booked.what
        return None if isinstance(what, Hold) else self.run.system.refund(what)

    def refuse_begun(self, given_up: Listed) -> None:
        """Raise `UsageError` for what nobody can cancel any more."""
        if given_up.starts <= self.run.clock.now():
            raise UsageError(f"{given_up} has begun; it cannot be cancelled any more")

    def cancel(self, given_up: Sequence[Listed], refund: str | None) -> str:
        """Cancel what has one id, look it up, and tell calendars and the player; returns a sentence.

        Raises `Unconfirmed` when the booking system's list does not show that it is gone.
        """
        first, run = given_up[0], self.run
        cancel(run.system, first.booked)
        done = "Released" if first.hold else "Cancelled"
        what = ", and ".join(map(str, given_up))
        sentence = run.timeline.secrets.mask(f"{done} {what}." + (f" Refund: {refund}." if refund else ""))
        if not first.hold:
            tell(self._settings, *(self._notice(each, sentence) for each in given_up))
        return sentence

    def _notice(self, each: Listed, sentence: str) -> Notice:
        court, wired = each.booked.court.name, self._wired
        file = wired.keep_calendar(each.facility, court, each.booked.slot, is_cancelled=True)
        name = f"run {wired.run_id} cancelled {court}"
        return Notice(name, Kind.CANCELLED, sentence, wired.run.clock.now(), wired.run_id, file)
