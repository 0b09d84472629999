"""Every step of a run up to, but not including, the first hold, each with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from reserve import window
from reserve.booking.aim import connected, server_time
from reserve.booking.limits import BookingLimits, affordable
from reserve.booking.run import Run
from reserve.causes.words import DAY, SLEEPING, length
from reserve.checks import machine as machines
from reserve.checks.drift import Drift
from reserve.checks.machine import Machine
from reserve.checks.verdict import Finding, Step, Unfit, Verdict, Word, remedy_for, verdict_of, warning
from reserve.clock import UNKNOWN
from reserve.errors import CauseWord, CodeError, Unreachable
from reserve.http import NotProved, Reached
from reserve.model import Offers, Opening
from reserve.notify.channels import channels, unusable
from reserve.systems.api import ApiSystem
from reserve.when import in_full

PERSEVERANCE = timedelta(seconds=3)  # with one step, so that a check ends while somebody watches
MEASURING = timedelta(seconds=4)  # the server's clock, here; a run takes longer
SLOW = timedelta(milliseconds=500)  # there and back
UNTRUSTED = "Set the clock; where a proxy reads along, name its certificate in REQUESTS_CA_BUNDLE."
LONG_SILENT = 2 * DAY  # without any text; who forwards them may sleep

Steps = tuple[tuple[str, Step, tuple[Step, ...]], ...]  # what it is called, what does it, what that needs


class Check:
    """The steps of a run, each tried even when another one failed, unless it needs that one."""

    found: Offers
    chosen: Opening
    _has_proved = False  # that a text arrives

    def __init__(
        self,
        run: Run,
        machine: Machine,
        *,
        drift: Drift | None = None,
        notify: str | None = None,
        is_renewed: Callable[[], bool] = lambda: False,
        may_ask: Callable[[], bool] = lambda: True,
    ) -> None:
        """Nothing is sent yet.

        *is_renewed* says whether `due` keeps the sign-in alive, *may_ask* whether a code disturbs nobody.
        """
        self.run, self.machine, self.notify = run, machine, notify
        self.is_renewed, self.may_ask = is_renewed, may_ask
        self.drift = drift or Drift(run.system.shapes)
        run.context.perseverance = PERSEVERANCE

    def verdicts(self) -> Iterator[Verdict]:
        """Each step with its verdict, as it is done."""
        words: dict[Step, Verdict] = {}
        clock = self.run.clock
        for name, step, needed in (*of_machine(self.machine), *self._of_booking()):
            began = clock.monotonic()
            before = [words[each] for each in needed]
            if all(each.word in (Word.PASSED, Word.WARNING) for each in before):
                verdict = verdict_of(name, step)
            else:
                failed = ", ".join(each.step for each in before if each.word is Word.FAILED)
                verdict = Verdict(name, Word.SKIPPED, f"after what failed: {failed}" if failed else "")
            words[step] = verdict = replace(verdict, took=timedelta(seconds=clock.monotonic() - began))
            yield verdict
            if self.run.stop.is_asked:
                return

    def _of_booking(self) -> Steps:
        return (
            ("browser", self.browser, ()),
            ("network", self.network, ()),
            ("facility, courts and slot", self.find, ()),
            ("opening", self.opening, (self.find,)),
            ("price and payment", self.price, (self.opening,)),
            ("webhook service", self.webhook_service, (self.find,)),
            ("sign-in", self.sign_in, (self.opening, self.browser)),
            ("sign-in until the opening", self.lasting, (self.sign_in,)),
            ("limits and reservations", self.limits, (self.sign_in,)),
            ("one-time code", self.code, (self.sign_in, self.webhook_service)),
            ("forwarder of texts", self.forwarder, (self.webhook_service,)),
            ("connections and the server's clock", self.connections, (self.sign_in,)),
            ("this machine's clock", self.clock, ()),
            ("answers", self.answers, (self.find,)),
            ("notification channels", self.channels, ()),
        )

    def browser(self) -> str:
        """Whether what signs in is there."""
        self.run.sign_in.check()
        return "what the sign-in needs is here"

    def network(self) -> Finding | None:
        """Whether every host of the booking system lets us in, and proves who it is.

        One that not every booking needs only warns: whether this one does, the sign-in shows.
        """
        system, context = self.run.system, self.run.system.context
        hosts = {
            name: f"{parts.scheme}://{parts.netloc}"
            for name, address in context.addresses.items()
            if (parts := urlsplit(address)).scheme in ("http", "https")
        }
        always = {system.site, system.api if isinstance(system, ApiSystem) else system.site}
        needed = {host for name, host in hosts.items() if name in always}

        def reached(address: str) -> Reached | Unreachable | None:
            try:
                with closing(context.connect(address, {})) as http:
                    return http.reach()
            except Unreachable as failure:
                if address in needed:
                    raise _unfit(failure) from failure
                return failure

        found = self.run.clock.together([partial(reached, each) for each in sorted(set(hosts.values()))])
        for failure in found:
            if isinstance(failure, Unreachable):
                return warning(str(failure), _unfit(failure).remedy)
        known = [each for each in found if isinstance(each, Reached)]
        if not known:
            return None
        slowest = max(known, key=lambda each: each.took)
        which = "1 host lets" if len(known) == 1 else f"{len(known)} hosts let"
        said = f"{which} us in, {slowest.host} in {length(slowest.took)}"
        if silent := [f"{each.host} at {', '.join(each.silent)}" for each in known if each.silent]:
            mend = "Mend IPv6 of this network, or turn it off: each connection loses seconds by it."
            return warning(f"no answer from {'; '.join(silent)}", mend)
        if slowest.took > SLOW:
            return warning(said, remedy_for(CauseWord.LATE))
        return Finding(said)

    def find(self) -> Finding:
        """Whether anything is on offer."""
        self.found = self.run.found = found = self.run.context.patiently(self.run.system.offers)
        slot = in_full(found.offers[0].slot)
        said = f"{found.facility}, {slot}: {len(found.offers)} sub-courts, {len(found.skipped)} skipped"
        skipped = "; ".join(f"{court.name}: {why}" for court, why in found.skipped)
        if found.doubts:
            return warning(f"{said}; {'; '.join(found.doubts)}", remedy_for(CauseWord.NO_SUCH_SLOT))
        return Finding(f"{said} ({skipped})" if skipped else said)

    def opening(self) -> Finding:
        """When the window opens, however far ahead that is."""
        run = self.run
        chosen = window.choose(self.found, run.request, run.clock.now(), reach=None)
        self.chosen, run.timeline.opens_at = chosen, chosen.opens_at
        here = f", by which it counts; {self.machine.zone()} here"
        said = f"{chosen.opens_at:%A %Y-%m-%d %H:%M:%S %Z}{here}"
        if chosen.opens_at <= run.clock.now():
            return Finding("the window is open")
        return (
            warning(chosen.warning, remedy_for(CauseWord.NOT_AS_PUBLISHED))
            if chosen.warning
            else Finding(said)
        )

    def price(self) -> Finding:
        """Whether the player allows what it costs, and who pays."""
        request = self.run.request
        self.chosen = affordable(self.chosen, request.max_price)
        prices = [each.price for each in self.chosen.offers if each.price is not None]
        if not prices:
            return Finding(f"no price is published; {self._ceiling()}")
        dearest = max(prices)
        if dearest.is_free:
            return Finding("free")
        said = f"up to {dearest}; {self._ceiling()}"
        if request.pay == "by-hand":
            return warning(f"{said}; it is held until you pay", "Be there at the opening, or see --pay.")
        return Finding(f"{said}; paid by {request.pay}")

    def _ceiling(self) -> str:
        most = self.run.request.max_price
        return f"you allow {most}" if most else "you set no --max-price"

    def webhook_service(self) -> str | None:
        """Whether the texts would reach us."""
        if not self.found.wants_code:
            return None
        self.run.verification.check()
        return "answers, and knows our token"

    def sign_in(self) -> str:
        """Whether the account is good."""
        self.run.sign_in.make()
        return "the account is accepted"

    def lasting(self) -> str:
        """Whether the sign-in, or what renews it, lives until the run signs in."""
        ends = self.run.system.signed_in_until()
        if ends is None:
            return "e-mail and password sign in again, whenever that is needed"
        zone = self.found.zone
        said = f"{ends.astimezone(zone):%a %H:%M %Z}"
        if ends >= self.chosen.opens_at:
            return f"the refresh token lives until {said}"
        if self.is_renewed():
            return f"the refresh token lives until {said}, and `due` renews it in time"
        raise Unfit(
            f"the refresh token dies at {said}, before the opening, and nothing renews it",
            CauseWord.SIGNED_OUT,
            "Store the password as well (`account add`), or have cron call `due`, which renews it for plans.",
        )

    def limits(self) -> Finding:
        """Whether the city's limits leave room."""
        system = self.run.system
        mine = BookingLimits(self.run.context, self.found, self.chosen).respect()
        if type(system).knows_reservations and not system.knows_reservations:
            return warning("your list of bookings cannot be read", remedy_for(CauseWord.UNKNOWN_ANSWER))
        if not system.knows_reservations:
            return Finding("nobody lists your reservations; nothing on record forbids it")
        per = self.found.limits
        most = [f"{per.per_day} a day"] * bool(per.per_day) + [f"{per.per_week} a week"] * bool(per.per_week)
        return Finding(f"you have {len(mine)}; allowed: {', '.join(most) or 'any number'}")

    def code(self) -> Finding | None:
        """Whether a real code comes and is accepted."""
        if not self.found.wants_code:
            return None
        if not self.may_ask():
            return Finding("not asked for, as another run may wait for one of its own")
        run = self.run
        # As if the opening was past, so that nothing is waited for.
        is_open = replace(self.chosen, opens_at=run.clock.now())
        if run.verification.verify(self.found, is_open):
            self._has_proved = True
            return Finding("asked for, received and entered")
        if run.verification.is_awaited:
            raise CodeError("no valid one-time code arrived in time")
        return Finding("the booking system sends none now, as it may before the opening")

    def forwarder(self) -> Finding | None:
        """When texts came last: what forwards them may sleep."""
        source = self.run.verification.source
        if self._has_proved or source is None:
            return Finding("a text came just now") if self._has_proved else None
        age, mend = source.age_of_newest, remedy_for(CauseWord.NO_CODE)
        if age is None:
            return warning("no text has come yet", mend)
        said = f"the last text came {length(age)} ago"
        is_silent = age > (SLEEPING if self.run.verification.is_awaited else LONG_SILENT)
        return warning(f"{said}: the forwarder sleeps", mend) if is_silent else Finding(said)

    def connections(self) -> Finding:
        """Whether the connections of the race are open, and how far the server's clock is from ours."""
        context = self.run.context
        with connected(self.run.system, self.chosen) as connections:
            until = context.clock.now() + MEASURING
            context.server = server_time(context, connections, until=until)
            said = f"{len(connections)} open; {context.server}"
        if context.trip > SLOW:
            return warning(f"{said}; {length(context.trip)} there and back", remedy_for(CauseWord.LATE))
        trip = f"; {length(context.trip)} there and back" if context.trip else ""
        return Finding(said + trip)

    def clock(self) -> Finding | None:
        """How right our own clock is; a booking goes by the server's, if that is known."""
        return machines.clock(self.machine, decides=self.run.context.server is UNKNOWN)

    def answers(self) -> str | None:
        """Whether what was read looks as it did when it was recorded."""
        return str(self.drift) if self.drift.compared else None

    def channels(self) -> Finding | None:
        """Whether the addresses of the player's channels make sense; nothing is sent."""
        known = channels(self.notify)
        if not known:
            return None
        if wrong := [f"{each.name}: {why}" for each in known if (why := unusable(each))]:
            return warning(f"RESERVE_NOTIFY: {'; '.join(wrong)}", "Correct it, and try `notify-test`.")
        return Finding(f"{', '.join(each.name for each in known)}; `notify-test` sends a message to each")


def _unfit(failure: Unreachable) -> Unfit:
    return Unfit(str(failure), failure.cause, UNTRUSTED if isinstance(failure, NotProved) else "")


def of_machine(machine: Machine) -> Steps:
    """What is looked at on this machine, whatever is booked."""
    return (
        ("disk", lambda: machines.disk(machine), ()),
        ("memory", lambda: machines.memory(machine), ()),
        ("files", lambda: machines.files(machine), ()),
        ("cron", lambda: machines.cron(machine), ()),
        ("database", machine.store, ()),
    )
