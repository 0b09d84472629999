"""The options of a booking: from argv and environment to a booking request and an account."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, ClassVar, NoReturn

from reserve import __version__, itself
from reserve.commands import COMMANDS
from reserve.errors import UsageError, did_you_mean, meant_by
from reserve.model import Account, BookingRequest, WallTime
from reserve.money import Money, parse_money
from reserve.settings import Settings, address, refuse_strange_bytes, token
from reserve.systems import PROFILES, SPORTS, USUAL, WAYS_TO_PAY, WAYS_TO_SIGN_IN
from reserve.systems.profile import EMAIL, PASSWORD, PHONE, Profile

if TYPE_CHECKING:
    from reserve.clock import Clock
    from reserve.commands.wiring import Connect

LONGEST = 500  # letters of one option
# What is called otherwise than its option or argument.
SPELT = {"or_starts": "--or", "skipped": "--except"} | {
    name: name.upper() for name in ("id", "file", "name", "run")
}
# What a booking system may need to know.
REQUEST_OPTIONS = ("court", "date", "sport", "start_time", "end_time", "link")
LONGEST_PATIENCE = 600  # seconds; whoever wants to wait longer wants a waiting list


SYSTEM_HELP = f"{', '.join(PROFILES)}; default {USUAL} (RESERVE_SYSTEM)"
LINKED = ", ".join(name for name, profile in PROFILES.items() if "link" in profile.needs)
DAY_HELP = "2026-11-27, fri, next fri, tomorrow or +7"
TIME_HELP = "18:00, 6pm or 6:30 pm"
SPAN_HELP = f"{TIME_HELP}; with the end: 18:00-19:30"
LINK_HELP = f"{LINKED}: the page of the session, instead of all these"


def as_sentence(text: str) -> str:
    """*text* with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, instead of a page of usage."""

    complete: ClassVar[Callable[[argparse.ArgumentParser], object] | None] = None  # asked for instead
    is_discreet = False  # whether a word that means nothing may be a secret

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """What *args* say; a word that means nothing is named, unless it may be half a password."""
        if Parser.complete is not None:
            Parser.complete(self)
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            is_discreet = self.is_discreet or getattr(options, "password", None) is not None
            word = unknown[0].partition("=")[0]
            named = "" if is_discreet else f": {word!r}"
            meant = "" if is_discreet else self._nearest(word)
            self.error(f"unknown argument{named} (quote names with blanks){meant}")
        return options

    def _nearest(self, word: str) -> str:
        """A question whether the option was meant that is nearest to *word*."""
        if re.fullmatch(r"\d{1,9}", word, re.ASCII):
            counts = [each.option_strings[-1] for each in self._actions if each.type is int]
            return f"; did you mean '{counts[0]} {word}'?" if counts else ""
        options = [name for each in self._actions for name in each.option_strings if name.startswith("--")]
        if word.startswith("-"):
            return did_you_mean(word, options)
        return f"; did you mean '--{word}'?" if f"--{word}" in options else ""

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Name the nearest command when there is none called *value*."""
        choices = [str(each) for each in action.choices or ()]
        if choices and value not in choices:
            self.error(f"there is no {str(action.metavar).lower()} {value!r}{meant_by(str(value), choices)}")

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        names = message.removeprefix("the following arguments are required: ")
        if names != message:
            commands = [
                each for action in self._actions if action.metavar == names for each in action.choices or ()
            ]
            message = f"{names} is missing" + (f": {', '.join(commands)}" if commands else "")
        message = message.removeprefix("argument ").replace("invalid int value: ", "not a number: ")
        raise UsageError(message if message.endswith("?") else f"{message}; see --help")


def command_parser(command: str) -> Parser:
    """A parser for *command*, without options yet."""
    return Parser(
        prog=f"{itself.NAME} {command}", description=as_sentence(COMMANDS[command]), allow_abbrev=False
    )


def booking_parser(command: str) -> Parser:
    """The options that `book` and `check` share."""
    parser = command_parser(command)
    if command == "book":
        parser.prog = itself.NAME
        parser.add_argument("--version", action="version", version=f"First Serve {__version__}")
        others = "\n".join(f"  {name:<13}{what}" for name, what in COMMANDS.items())
        parser.epilog = f"commands (each has --help; without one, `book` is meant):\n{others}"
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_argument_group("what to reserve")
    what.add_argument("-c", "--court", metavar="NAME", help='facility, e.g. "Alice Marble"')
    what.add_argument("-d", "--date", metavar="DATE", help=f"{DAY_HELP}, in the facility's time zone")
    what.add_argument("-t", "--start-time", metavar="TIME", help=SPAN_HELP)
    what.add_argument("-y", "--end-time", metavar="TIME", help=TIME_HELP)
    who = parser.add_argument_group("who plays")
    who.add_argument("-e", "--email", help="account (RESERVE_EMAIL)")
    who.add_argument("-p", "--password", help="better RESERVE_PASSWORD: others can read the command line")
    who.add_argument("-n", "--phone", help="number that receives the one-time code (RESERVE_PHONE)")
    how = parser.add_argument_group("how")
    how.add_argument(
        "-r",
        "--opens-at",
        metavar="MOMENT",
        help='facility time, e.g. "2026-11-20 08:00:00" or "fri 8am"; otherwise computed',
    )
    how.add_argument(
        "--patience",
        metavar="SECONDS",
        default="10",
        help="how long to go on asking after the opening; default 10",
    )
    how.add_argument("--webhook-url", metavar="URL", help="of the webhook service (RESERVE_WEBHOOK_URL)")
    how.add_argument("--webhook-token", metavar="TOKEN", help="its token (RESERVE_WEBHOOK_TOKEN)")
    how.add_argument("--json", action="store_true", help="the outcome as one JSON object on standard output")
    add_shared_options(what, who, how)
    return parser


def add_shared_options(
    what: argparse._ArgumentGroup, who: argparse._ArgumentGroup, how: argparse._ArgumentGroup
) -> None:
    """The options that a booking and a plan share: what to reserve, who plays, and how."""
    what.add_argument("-s", "--sport", metavar="SPORT", help=", ".join(SPORTS))
    what.add_argument("--only", metavar="COURTS", help="sub-courts in order of preference, comma-separated")
    what.add_argument("--or", dest="or_starts", metavar="TIMES", help="further start times, same length")
    what.add_argument("--link", metavar="URL", help=LINK_HELP)
    who.add_argument("--account", metavar="NAME", help="a stored account instead (RESERVE_ACCOUNT)")
    who.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    signing = f"{', '.join(WAYS_TO_SIGN_IN)}; default {WAYS_TO_SIGN_IN[0]} (RESERVE_SIGN_IN)"
    who.add_argument("--sign-in", metavar="HOW", help=signing)
    how.add_argument("-m", "--multithreaded", action="store_true", help="ask for every sub-court at once")
    how.add_argument("--max-price", metavar="AMOUNT", help="maximum price (RESERVE_MAX_PRICE)")
    ways = f"{', '.join(WAYS_TO_PAY)}; default {WAYS_TO_PAY[0]}"
    how.add_argument("--pay", metavar="HOW", default="by-hand", help=ways)
    how.add_argument("--wait-list", action="store_true", help="when all is taken, look again every 30 s")


@dataclass(frozen=True)
class Booking:
    """What is asked for, on whose behalf, and the settings, over which the options have won."""

    request: BookingRequest
    account: Account
    settings: Settings
    as_json: bool
    warnings: tuple[str, ...] = ()


def read_booking(
    options: argparse.Namespace,
    settings: Settings,
    *,
    clock: Clock | None = None,
    connect: Connect | None = None,
) -> Booking:
    """What *options* and *settings* ask for; raises `UsageError` naming the option and the way out.

    *clock* and *connect* replace real time and the network, of which only a day such as `fri` makes use.
    """
    from reserve import when
    from reserve.clock import Clock
    from reserve.commands import wiring
    from reserve.commands.today import reading_today
    from reserve.systems.registry import adapter_of

    refuse_garbled(options)
    part_times(options)
    stored = _stored(options, settings)
    system = one_of(stored.get("RESERVE_SYSTEM") or options.system or settings.system, PROFILES, "--system")
    settings = replace(settings, system=system)
    if options.webhook_url:
        settings = replace(settings, webhook_url=address(options.webhook_url, "--webhook-url"))
    if options.webhook_token:
        settings = replace(settings, webhook_token=token(options.webhook_token, "--webhook-token"))
    kind = adapter_of(system)
    given = kind.completed(
        {name: text for name in REQUEST_OPTIONS if (text := (getattr(options, name, None) or "").strip())}
    )
    for name in kind.needs:
        if name in REQUEST_OPTIONS and not given.get(name):
            raise UsageError(f"--{name.replace('_', '-')} is missing; see --help")
    start = when.read_time(given["start_time"], "--start-time")

    def days(today: date) -> tuple[date, WallTime | None]:
        day = when.read_day(given["date"], "--date", today)
        moment = options.opens_at
        return day, when.read_moment(moment, "--opens-at", today) if moment else None

    clock = clock or Clock()
    day, opens_at = days(clock.now().date())
    others = [when.read_time(text, "--or") for text in listed(options.or_starts)]
    request = BookingRequest(
        facility=given["court"].strip(),
        sport=one_of(given["sport"], SPORTS, "--sport"),
        day=day,
        starts=tuple(dict.fromkeys([start, *others])),
        length=length_between(start, when.read_time(given["end_time"], "--end-time")),
        only=tuple(dict.fromkeys(listed(options.only))),
        opens_at=opens_at,
        at_once=options.multithreaded,
        max_price=maximum_price(options.max_price or settings.max_price, kind.currency),
        pay=as_word(options.pay),
        patience=_patience(options.patience),
        link=given.get("link"),
        sign_in=way_to_sign_in(options.sign_in, kind, settings),
        wait_list=options.wait_list,
    )
    refuse_unlimited_payment(request, kind, settings)
    day, opens_at = reading_today(days, request, settings, clock, connect or wiring.connect)
    request = kind.fitted(replace(request, day=day, opens_at=opens_at))
    typed = {EMAIL.name: options.email, PASSWORD.name: options.password, PHONE.name: options.phone}
    account = account_of(stored or {**in_environment(settings, kind), **_said(typed)}, kind)
    warning = "--password can be read by other users of this machine; set RESERVE_PASSWORD instead"
    return Booking(request, account, settings, options.json, (warning,) if options.password else ())


def part_times(options: argparse.Namespace) -> None:
    """Have `--end-time` say the end that stands in `--start-time`; raises `UsageError` if they contradict."""
    from reserve.when import read_span, read_time

    if not (options.start_time or "").strip():
        return
    start, end = read_span(options.start_time, "--start-time")
    if end is None:
        return
    if options.end_time and read_time(options.end_time, "--end-time") != end:
        raise UsageError(f"--end-time: --start-time says {end:%H:%M} already; leave one of them out")
    options.start_time, options.end_time = f"{start}", f"{end}"


def refuse_garbled(options: argparse.Namespace) -> None:
    """Raise `UsageError` for what nobody means: nothing, endless words, line breaks, and no UTF-8."""
    given = [
        (SPELT.get(name, f"--{name.replace('_', '-')}"), text)
        for name, value in vars(options).items()
        for text in (value if isinstance(value, list) else [value])
        if isinstance(text, str)
    ]
    for name, text in given:
        refuse_strange_bytes(text, name)
        if not text.strip():
            raise UsageError(f"{name} is empty; leave it out, or say what you mean")
        if len(text) > LONGEST:
            raise UsageError(f"{name} has {len(text)} letters; {LONGEST} are the most")
        if name != "--password" and not text.isprintable():
            raise UsageError(f"{name}: {text!r} has a line break, or another sign that cannot be printed")


def _stored(options: argparse.Namespace, settings: Settings) -> Mapping[str, str]:
    """The variables of the stored account that is named, nothing when none is."""
    name = options.account or settings.account
    if not name:
        return {}
    for option in ("email", "password", "phone"):
        if getattr(options, option):
            raise UsageError(f"--{option}: account {name!r} is used as it is stored; leave one of them out")
    return stored_account(name, options.system, settings)


def stored_account(name: str, system: str | None, settings: Settings) -> Mapping[str, str]:
    """The variables of the stored account *name*; raises `UsageError` when it is not for *system*."""
    from reserve.commands.store import secret_store
    from reserve.storage.secrets import Accounts

    with secret_store(settings) as secrets:
        stored = Accounts(secrets).read(name)
    if system and as_word(system) != stored["RESERVE_SYSTEM"]:
        raise UsageError(f"--account: {name!r} is for {stored['RESERVE_SYSTEM']}, not for --system {system}")
    return {**stored, "RESERVE_ACCOUNT": name}


def account_named(name: str | None, system: str, settings: Settings) -> Account:
    """The stored account *name* for *system*, without a name that of *settings*."""
    profile = PROFILES[system]
    if name := name or settings.account:
        return account_of(stored_account(name, system, settings), profile)
    return account_of(in_environment(settings, profile), profile)


def in_environment(settings: Settings, profile: type[Profile]) -> dict[str, str]:
    """The variables of an account of this booking system, as far as the environment has them."""
    ours = {EMAIL.name: settings.email, PASSWORD.name: settings.password, PHONE.name: settings.phone}
    known = {**ours, **settings.of_systems}
    return _said({each.name: known.get(each.name) for each in profile.account_variables})


def _said(variables: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in variables.items() if text}


def account_of(variables: Mapping[str, str], profile: type[Profile]) -> Account:
    """The account that *variables* describe, and nothing else does.

    Raises `UsageError` when something is missing.
    """
    email = variables.get(EMAIL.name, "").strip()
    password = variables.get(PASSWORD.name, "").strip("\r\n")
    phone = variables.get(PHONE.name, "").strip()
    if not email:
        raise UsageError(
            f"--email is missing; `{itself.TYPED} init` asks for your account, or set RESERVE_EMAIL"
        )
    refuse_no_address(email, "--email")
    if not password and "password" in profile.needs:
        raise UsageError("--password is missing; set RESERVE_PASSWORD")
    details = {name: text for name, text in variables.items() if not name.startswith("RESERVE_")}
    name = variables.get("RESERVE_ACCOUNT")
    return Account(email, password, phone_number(phone) if phone else None, details, name)


def refuse_unlimited_payment(request: BookingRequest, profile: type[Profile], settings: Settings) -> None:
    """Raise `UsageError` when *request* may pay, but nothing says how much, or not how this system can."""
    one_of(request.pay, profile.ways_to_pay, "--pay")
    if request.pay != "by-hand" and request.max_price is None:
        raise UsageError(
            f"--pay {request.pay} needs --max-price: the most that may be paid without asking you"
        )
    variable = profile.ways_to_pay[request.pay]
    if variable is not None and variable.name not in settings.of_systems:
        raise UsageError(f"--pay {request.pay} needs {variable.name}, {variable.what}")


def way_to_sign_in(given: str | None, profile: type[Profile], settings: Settings) -> str | None:
    """How to sign in, None where there is but one way.

    Raises `UsageError` when this system has no such way, or nothing says what it needs.
    """
    ways = profile.ways_to_sign_in
    if not ways:
        if given:
            raise UsageError(f"--sign-in: there is only one way to sign in to {profile.name}; leave it out")
        return None
    way = one_of(
        given or settings.sign_in or next(iter(ways)), ways, "--sign-in" if given else "RESERVE_SIGN_IN"
    )
    variable = ways[way]
    if variable is not None and variable.name not in settings.of_systems:
        raise UsageError(f"--sign-in {way} needs {variable.name}, {variable.what}")
    return way


def refuse_no_address(email: str, name: str) -> None:
    """Raise `UsageError` when *email*, given by *name*, cannot be an e-mail address; it is not repeated."""
    if "@" not in email.strip("@"):
        raise UsageError(f"{name} is not an e-mail address")


def phone_number(text: str, name: str = "--phone") -> str:
    """*text* as +14155550100; numbers without a country are taken for American ones.

    Raises `UsageError` that blames *name*; the number is not repeated.
    """
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise UsageError(f"{name} is not a phone number; write it as +14155550100") from None
    if not phonenumbers.is_possible_number(number):
        raise UsageError(f"{name} is too short or too long for a phone number; write it as +14155550100")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def maximum_price(text: str | None, currency: str) -> Money | None:
    """The most that may be paid, None for no limit; raises `UsageError` when *text* is no amount of money."""
    if not text:
        return None
    try:
        return parse_money(text, currency)
    except ValueError as failure:
        raise UsageError(f"--max-price: {failure}") from None


def _patience(text: str) -> timedelta:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_PATIENCE:
        raise UsageError(f"--patience: {text!r} is not a number of seconds from 0 to {LONGEST_PATIENCE}")
    return timedelta(seconds=seconds)


def length_between(start: time, end: time) -> timedelta:
    """How long it is from *start* to *end*; raises `UsageError` unless that is later on the same day."""
    length = datetime.combine(date.min, end) - datetime.combine(date.min, start)
    if length <= timedelta(0):
        raise UsageError(f"--end-time: {end:%H:%M} is not after the start at {start:%H:%M}")
    return length


def as_word(text: str) -> str:
    """*text* as we compare it: blanks around it and capitals do not matter."""
    return text.strip().casefold()


def one_of(text: str, allowed: Iterable[str], option: str) -> str:
    """The word in *text*; raises `UsageError` naming *option* when it is none of those *allowed*."""
    word = as_word(text)
    if word not in allowed:
        raise UsageError(f"{option}: {text!r} is not known; choose {', '.join(allowed)}")
    return word


def listed(text: str | None) -> list[str]:
    """The parts of *text* between commas; one that has a comma itself stands in double quotes."""
    (parts,) = csv.reader([text or ""], skipinitialspace=True) or ([],)
    return [part.strip() for part in parts if part.strip()]
