"""`init`: asks at a terminal for what is missing, tries each answer, and writes all of it down at the end."""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass, replace
from datetime import time, timedelta
from functools import cached_property, partial
from signal import SIGHUP
from typing import Any

from reserve import env_file, itself, window
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands import account, cron
from reserve.commands.options import command_parser
from reserve.commands.questions import Question, Terminal, ask, choice
from reserve.commands.store import open_store, secret_store
from reserve.commands.today import NOBODY
from reserve.commands.wiring import Connect, connect, public_system, texts_to
from reserve.errors import Interrupted, ReserveError, ServiceError, UsageError
from reserve.model import BookingRequest, Slot
from reserve.plans.due import plan_of
from reserve.settings import Settings, read_file
from reserve.signals import held_back
from reserve.storage.database import NAME
from reserve.storage.plans import PlanStore
from reserve.storage.secrets import Accounts
from reserve.systems import PROFILES, USUAL
from reserve.systems.base import BookingSystem
from reserve.systems.place import called
from reserve.systems.profile import PHONE, Profile
from reserve.systems.registry import adapter_of
from reserve.when import WEEKDAYS

EVENING = time(18)  # when most people play
HALF_AN_HOUR = timedelta(minutes=30)
AHEAD = timedelta(days=7)  # the example is for a day on which most windows open or have opened
FEW = 9  # facilities that are listed before anybody asks
DAYS = 7  # on one of which the facility has a slot
TOKEN = 24  # bytes of a new one
TOKENS = ("RESERVE_WEBHOOK_TOKEN", "WEBHOOK_TOKEN")  # the same, for those who ask and for the service

ENCRYPTED, PLAIN = "encrypted", "env"  # where an account is kept
YES, NO = "yes", "no"
TYPED = "type"
# Who delivers the texts -> what to set up there, as the guide says it.
DELIVERY = {
    "phone": (
        "SMS Gateway for Android: webhook for sms:received to https://your-host/webhook/<token>/smsgate",
        "httpSMS: webhook for message.phone.received to …/httpsms; leave encryption off",
        "Incoming SMS to URL forwarder: URL …/forwarder, default template",
    ),
    "smspool": (
        "SMSPool: rent a number and put it into your rec.us account; Settings → Your webhook → "
        "Custom webhook → https://your-host/webhook/<token>",
    ),
    "type": (f"When a code comes, type it at the terminal of the run, or run: {itself.TYPED} code DIGITS",),
}


def main(
    arguments: Sequence[str],
    settings: Settings,
    *,
    terminal: Terminal | None = None,
    clock: Clock | None = None,
    connect: Connect = connect,
) -> int:
    """Ask, write down what was answered, and say what to type next."""
    command_parser("init").parse_args(arguments)
    if terminal is None and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError("init asks questions, and there is no terminal; `account add` and .env need none")
    terminal = terminal or Terminal()
    interview = Interview(terminal, settings, clock or Clock(), connect)
    try:
        with Stop().listening():
            setup = interview.setup()
    except (EOFError, Interrupted) as stop:
        terminal.say("")  # behind the prompt
        terminal.say("Refused: stopped; nothing is changed.")
        return stop.exit_code if isinstance(stop, Interrupted) else 128 + SIGHUP
    write_down(setup, settings, terminal)
    if setup.wants_cron:
        try:
            cron.main(["--install"], replace(settings, webhook_token=setup.token, system=setup.system))
        except ReserveError as failure:
            terminal.say(f"warning: {failure}; all else is done")
    elif setup.unheard is not None:
        terminal.say(setup.unheard)
        terminal.show(itself.SERVICE)
    for what, words in setup.examples:
        terminal.say(what)
        terminal.show(f"{itself.TYPED} {shlex.join(words)}")
    return 0


@dataclass(frozen=True)
class Setup:
    """What was answered."""

    system: str
    name: str | None  # of the account that is kept encrypted
    account: Mapping[str, str]
    token: str | None  # of the webhook service, where texts are needed
    unheard: str | None  # why that service has to be started
    wants_cron: bool
    examples: Sequence[tuple[str, Sequence[str]]]  # what the commands do that may come next, and their words

    def variables(self, written: Mapping[str, str]) -> dict[str, str]:
        """What the file of settings has to say, of which this is *written* now."""
        found = {"RESERVE_SYSTEM": self.system}
        if self.name is not None:
            found["RESERVE_ACCOUNT"] = self.name
        else:
            found |= {"RESERVE_ACCOUNT": ""} if written.get("RESERVE_ACCOUNT") else {}
            found |= self.account
        if self.token is not None:
            found |= {name: written.get(name) or self.token for name in TOKENS}
        return found


def write_down(setup: Setup, settings: Settings, terminal: Terminal) -> None:
    """Keep what was answered: first the account, which is of no use before the file names it."""
    file = itself.env_file()
    with held_back():
        if setup.name is not None:
            account.keep(setup.name, setup.system, setup.account, settings)
        if settings.account is not None and settings.account != setup.name:
            for number in bind_plans(settings.account, setup.system, settings):
                terminal.say(f"Plan {number} goes on with the account {settings.account!r}.")
        values = setup.variables(read_file(file))
        is_new = env_file.change(file, values)
    if setup.name is not None:
        terminal.say(f"Stored the account {setup.name!r}, encrypted.")
        for line in account.leftovers(settings, PROFILES[setup.system], setup.account):
            terminal.say(line)
    terminal.say(f"Wrote {file.absolute()}." if is_new else f"{file.absolute()} says all of it already.")
    for other in itself.env_files():
        said = read_file(other) if other != file and other.exists() else {}
        if names := [name for name, value in values.items() if said.get(name, value) != value]:
            terminal.say(f"warning: in this folder {other} wins, and says otherwise for {', '.join(names)}")


def bind_plans(name: str, system: str, settings: Settings) -> list[int]:
    """Write the account *name* into the plans that it was meant for; returns their numbers.

    It is the one that RESERVE_ACCOUNT named until now; from now on that is one for *system*.
    """
    bound = []
    with closing(open_store(settings)) as store, secret_store(settings) as secrets:
        accounts, plan_store = Accounts(secrets), PlanStore(store)
        its_system = accounts.read(name)["RESERVE_SYSTEM"] if name in accounts.names else system
        for stored in plan_store.all() if its_system != system else ():
            if stored.body.get("system", USUAL) == its_system and stored.body.get("account") is None:
                plan_store.change(stored.plan_id, body={**stored.body, "account": name})
                bound.append(stored.plan_id)
    return bound


class Interview:
    """The questions in their order, each with what is known already; nothing is written, nothing is made."""

    def __init__(self, terminal: Terminal, settings: Settings, clock: Clock, connect: Connect) -> None:
        """Nothing is asked yet."""
        self.terminal, self.settings, self.clock, self.connect = terminal, settings, clock, connect

    def setup(self) -> Setup:
        """Ask everything."""
        self.terminal.say("Enter takes what stands in brackets; Ctrl-C leaves everything as it is.")
        system = self.system()
        self.settings = replace(self.settings, system=system)
        place = self.place()
        name = self.name_of_account()
        given = self.account(name)
        has_texts = PHONE in PROFILES[system].account_variables
        if has_texts:
            self.delivery()
        token = self.token() if has_texts else None
        unheard = self.unheard(given[PHONE.name], token) if token is not None else None
        return Setup(system, name, given, token, unheard, self.wants_cron(), self.examples(place))

    def ask(self, asks: str, words: Sequence[str], default: str, about: str = "") -> str:
        """Which of *words* it is to be."""
        question = Question(f"{asks} ({', '.join(words)})", about, default, choice(words, asks.casefold()))
        return ask(question, self.terminal)

    def system(self) -> str:
        """Which booking system."""
        usual = self.settings.system if self.settings.system in PROFILES else USUAL
        return self.ask("Booking system", list(PROFILES), usual)

    def place(self) -> str:
        """The facility, or the address of a session; one that the booking system knows, if it says so."""
        kind = adapter_of(self.settings.system)
        try:
            with self.public() as system:
                known = system.facilities()
        except ReserveError as failure:
            self.terminal.say(f"The facilities cannot be looked up now ({failure}); yours is not tried.")
            known = []
        before = self.place_before()
        default = before or next(iter(known), "")
        if "link" in kind.needs:
            about = "Open the session on the site, and copy the address of its page."
            return ask(Question("Session", about, default, partial(_link, kind)), self.terminal)
        about = f"There are {', '.join(known)}." if 1 < len(known) <= FEW else ""

        def means(text: str) -> str:
            return called(text, {name: name for name in known}, "facility") if known else text

        return ask(Question("Facility, or how its name begins", about, default, means), self.terminal)

    def name_of_account(self) -> str | None:
        """Under which name the account is kept encrypted, None for the file of settings."""
        is_plain = self.settings.account is None and self.settings.password is not None
        about = "Your account can be kept encrypted, under a name, or in plain text in .env."
        where = self.ask("How to keep it", [ENCRYPTED, PLAIN], PLAIN if is_plain else ENCRYPTED, about)
        if where == PLAIN:
            return None
        named, system = self.settings.account, self.settings.system
        fitting = [name for name, each in self.stored.items() if each["RESERVE_SYSTEM"] == system]
        if named is not None and (named in fitting or named not in self.stored):
            fitting.insert(0, named)
        usual = next(iter(fitting), "home" if "home" not in self.stored else system)
        return ask(Question("A name for it", "", usual, self._free_name), self.terminal)

    def _free_name(self, text: str) -> str:
        name = account.name_in(text, "name")
        system = self.stored.get(name, {}).get("RESERVE_SYSTEM", self.settings.system)
        if system != self.settings.system:
            raise UsageError(f"name: {name!r} is your account for {system}; choose another one")
        return name

    def account(self, name: str | None) -> dict[str, str]:
        """The variables of the account; what is known of it already is kept by Enter."""
        profile = PROFILES[self.settings.system]
        known = self.stored.get(name or self.settings.account or "") or account.known(self.settings, profile)
        given = {}
        for each in profile.account_variables:
            is_optional = each.is_optional or (each.is_secret and "password" not in profile.needs)
            asks = each.what + (" (what you type is not shown)" if each.is_secret else "")
            means = partial(account.fitting, each, name="that")
            question = Question(asks, "", known.get(each.name, ""), means, each.is_secret, is_optional)
            if text := ask(question, self.terminal):
                given[each.name] = text
        account.refuse_no_secret(given, profile)
        return given

    def delivery(self) -> None:
        """Say how the texts get here."""
        about = (
            "Texts with one-time codes are delivered by an app on your own phone, or to a number that you "
            "rent at SMSPool; or you type the code."
        )
        way = self.ask("Who delivers", list(DELIVERY), "phone", about)
        for line in DELIVERY[way]:
            self.terminal.say(f"  {line}")
        if way != TYPED:
            self.terminal.say(f"  The token is WEBHOOK_TOKEN in {itself.env_file().absolute()}.")

    def token(self) -> str:
        """The one that is there, or else a new one; it is not asked for."""
        written = read_file(itself.env_file())
        known = self.settings.webhook_token or next(
            (written[name] for name in TOKENS if written.get(name)), None
        )
        return known or secrets.token_urlsafe(TOKEN)

    def unheard(self, phone: str, token: str) -> str | None:
        """Why the webhook service has to be started, None when it answers already."""
        settings = replace(self.settings, webhook_token=token)
        try:
            texts_to(phone, settings, self.clock, self.connect).newest()
        except UsageError:
            return "A webhook service runs that has another token; end it, and start it again:"
        except ServiceError:
            return "No webhook service answers yet; start it in another terminal, and leave it running:"
        self.terminal.say(f"The webhook service answers at {settings.webhook_url}.")
        return None

    def wants_cron(self) -> bool:
        """Whether to write the lines into the crontab now."""
        if shutil.which("crontab", path=self.settings.path) is None:
            return False
        about = "Plans are booked by cron: two lines in your crontab, as the command `cron` prints them."
        return self.ask("Write them now", [YES, NO], NO, about) == YES

    @cached_property
    def stored(self) -> dict[str, dict[str, str]]:
        """The accounts that are kept encrypted, by name."""
        if not self._has_store():
            return {}
        with secret_store(self.settings) as kept:
            accounts = Accounts(kept)
            return {name: accounts.read(name) for name in accounts.names}

    def place_before(self) -> str:
        """Where the latest plan for this booking system is about, empty without one."""
        if not self._has_store():
            return ""
        found = ""
        with closing(open_store(self.settings)) as store:
            for stored in PlanStore(store).all():
                with suppress(UsageError):  # one that cannot be read any more is named by `plan list`
                    plan = plan_of(stored)
                    if plan.system == self.settings.system:
                        found = plan.link or plan.choices[0].facility
        return found

    def _has_store(self) -> bool:
        """Whether there is a store that could be looked at; to look makes one."""
        return self.settings.database_url is not None or (self.settings.data / NAME).exists()

    def public(self, **wanted: Any) -> AbstractContextManager[BookingSystem]:
        """The booking system, to be asked what is public about what is *wanted*."""
        kind = PROFILES[self.settings.system]
        day = (self.clock.now() + AHEAD).date()
        request = BookingRequest("", kind.sports[0], day, (EVENING,), HALF_AN_HOUR)
        return public_system(
            replace(request, **wanted), NOBODY, self.settings, clock=self.clock, connect=self.connect
        )

    def examples(self, place: str) -> list[tuple[str, list[str]]]:
        """Commands that work at *place* as they stand, the one to begin with last."""
        check = "Next, see whether all of it works; this holds no court:"
        if "link" in PROFILES[self.settings.system].needs:
            return [(check, ["check", "--link", place])]
        try:
            slot, sport = self.slot_at(place)
        except ReserveError:  # closed for a week, or out of reach
            return [("Next, see the courts there:", ["courts", "-c", place])]
        where = ["-c", place, *(["-s", sport] if PROFILES[self.settings.system].usual_sport is None else [])]
        times = ["-t", f"{slot.start:%H:%M}", "-y", f"{slot.end:%H:%M}"]
        every = f"{WEEKDAYS[slot.start.weekday()][:3]} {slot.start:%H:%M}-{slot.end:%H:%M}"
        return [
            (
                "To book every week, once the check below has passed:",
                ["plan", "add", "--every", every, *where],
            ),
            (check, ["check", "-d", f"{slot.start:%Y-%m-%d}", *times, *where]),
        ]

    def slot_at(self, place: str) -> tuple[Slot, str]:
        """A slot at *place* in a week or a little more, best in the evening, and its sport.

        Raises `UsageError` when there is none, and what reading it may raise.
        """
        kind, first = PROFILES[self.settings.system], (self.clock.now() + AHEAD).date()
        for day in (first + timedelta(days=days) for days in range(DAYS)):
            with self.public(facility=place, day=day) as asked:
                if kind.usual_sport is not None:  # where slots start at any time
                    return window.slot(day, EVENING, kind.usual_lengths[0], asked.zone()), kind.usual_sport
                sports = {each.court: each.sports for each in asked.published()}
                slots = [
                    (each.offer.slot, sport)
                    for each in asked.shown()
                    for sport in kind.sports
                    if sport in sports[each.offer.court.name]
                ]
            if slots:
                return min(slots, key=lambda each: (kind.sports.index(each[1]), *_unusual(each[0], kind)))
        raise UsageError(f"nothing can be reserved at {place} in that week")


def _link(kind: type[BookingSystem], text: str) -> str:
    kind.completed({"link": text})
    return text


def _unusual(slot: Slot, kind: type[Profile]) -> tuple[bool, int]:
    """Whether *slot* is shorter or longer than usual, and how many minutes it starts from the evening."""
    minutes = (slot.start.hour - EVENING.hour) * 60 + slot.start.minute - EVENING.minute
    return slot.end - slot.start != kind.usual_lengths[0], abs(minutes)
