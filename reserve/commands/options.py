"""The options of a booking: from argv and environment to a booking request and an account."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from reserve.commands import COMMANDS
from reserve.errors import UsageError
from reserve.model import Account, BookingRequest
from reserve.money import Money, parse_money
from reserve.settings import Settings, address, refuse_strange_bytes, token
from reserve.systems import PROFILES, SPORTS, USUAL, WAYS_TO_PAY

if TYPE_CHECKING:
    from reserve.systems.base import BookingSystem
    from reserve.systems.profile import Profile

LONGEST = 500  # letters of one option
SPELT = {"or_starts": "or", "skipped": "except"}  # options that are words of Python
REQUEST_OPTIONS = (
    "court",
    "date",
    "sport",
    "start_time",
    "end_time",
    "link",
)  # what a booking system may need to know
LONGEST_PATIENCE = 600  # seconds; whoever wants to wait longer wants a waiting list


SYSTEM_HELP = f"{', '.join(PROFILES)}; default {USUAL} (RESERVE_SYSTEM)"
LINKED = ", ".join(name for name, profile in PROFILES.items() if "link" in profile.needs)
LINK_HELP = f"{LINKED}: the page of the session, instead of all these"
PAY_HELP = f"{', '.join(WAYS_TO_PAY)}; default %(default)s"


def as_sentence(text: str) -> str:
    """*text* with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, instead of a page of usage."""

    is_discreet = False  # whether a word that means nothing may be a secret

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """What *args* say; a word that means nothing is named, unless it may be half a password."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            is_discreet = self.is_discreet or getattr(options, "password", None) is not None
            named = "" if is_discreet else f": {unknown[0].partition('=')[0]!r}"
            self.error(f"unknown argument{named} (quote names with blanks)")
        return options

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        raise UsageError(f"{message}; see --help")


def booking_parser(command: str) -> Parser:
    """The options that `book` and `check` share."""
    others = "\n".join(f"  {name:<13}{what}" for name, what in COMMANDS.items())
    parser = Parser(
        prog="main.py" if command == "book" else f"main.py {command}",
        description=as_sentence(COMMANDS[command]),
        epilog=f"commands (each has --help; without one, `book` is meant):\n{others}"
        if command == "book"
        else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    what = parser.add_argument_group("what to reserve")
    what.add_argument("-c", "--court", metavar="NAME", help='facility, e.g. "Alice Marble"')
    what.add_argument("-d", "--date", metavar="DATE", help="YYYY-MM-DD, in the facility's time zone")
    what.add_argument("-s", "--sport", metavar="SPORT", help=", ".join(SPORTS))
    what.add_argument("-t", "--start-time", metavar="TIME", help="HH:MM or HH:MM:SS")
    what.add_argument("-y", "--end-time", metavar="TIME", help="HH:MM or HH:MM:SS")
    what.add_argument("--only", metavar="COURTS", help="sub-courts in order of preference, comma-separated")
    what.add_argument("--link", metavar="URL", help=LINK_HELP)
    what.add_argument("--or", dest="or_starts", metavar="TIMES", help="further start times, same length")
    who = parser.add_argument_group("who plays")
    who.add_argument("-e", "--email", help="account (RESERVE_EMAIL)")
    who.add_argument("-p", "--password", help="better RESERVE_PASSWORD: others can read the command line")
    who.add_argument("-n", "--phone", help="number that receives the one-time code (RESERVE_PHONE)")
    who.add_argument("--account", metavar="NAME", help="a stored account instead (RESERVE_ACCOUNT)")
    who.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    how = parser.add_argument_group("how")
    how.add_argument(
        "-r", "--opens-at", metavar="MOMENT", help="YYYY-MM-DD HH:MM:SS, facility time; otherwise computed"
    )
    how.add_argument("-m", "--multithreaded", action="store_true", help="ask for every sub-court at once")
    how.add_argument("--max-price", metavar="AMOUNT", help="maximum price (RESERVE_MAX_PRICE)")
    how.add_argument("--pay", metavar="HOW", default="by-hand", help=PAY_HELP)
    how.add_argument(
        "--patience",
        metavar="SECONDS",
        default="10",
        help="how long to go on asking after the opening; default 10",
    )
    how.add_argument("--wait-list", action="store_true", help="when all is taken, look again every 30 s")
    how.add_argument("--webhook-url", metavar="URL", help="of the webhook service (RESERVE_WEBHOOK_URL)")
    how.add_argument("--webhook-token", metavar="TOKEN", help="its token (RESERVE_WEBHOOK_TOKEN)")
    how.add_argument("--json", action="store_true", help="the outcome as one JSON object on standard output")
    return parser


@dataclass(frozen=True)
class Booking:
    """What is asked for, on whose behalf, and the settings, over which the options have won."""

    request: BookingRequest
    account: Account
    settings: Settings
    as_json: bool
    warnings: tuple[str, ...] = ()


def read_booking(options: argparse.Namespace, settings: Settings) -> Booking:
    """What *options* and *settings* ask for; raises `UsageError` naming the option and the way out."""
    from reserve import window
    from reserve.systems.registry import SYSTEMS

    refuse_garbled(options)
    stored = _stored(options, settings)
    system = stored["RESERVE_SYSTEM"] if stored else options.system or settings.system
    settings = replace(
        settings,
        system=one_of(system, tuple(PROFILES), "--system"),
        webhook_url=address(options.webhook_url or settings.webhook_url, "--webhook-url"),
        webhook_token=token(options.webhook_token or settings.webhook_token, "--webhook-token"),
    )
    kind = SYSTEMS[settings.system]
    given = kind.completed(
        {name: text for name in REQUEST_OPTIONS if (text := (getattr(options, name, None) or "").strip())}
    )
    for name in kind.needs:
        if name in REQUEST_OPTIONS and not given.get(name):
            raise UsageError(f"--{name.replace('_', '-')} is missing; see --help")
    start = window.parse_time(given["start_time"], "--start-time")
    end = window.parse_time(given["end_time"], "--end-time")
    day = window.parse_day(given["date"], "--date")
    length = timedelta(hours=end.hour - start.hour, minutes=end.minute - start.minute)
    length += timedelta(seconds=end.second - start.second)
    if length <= timedelta(0):
        raise UsageError(f"--end-time: {end:%H:%M} is not after --start-time {start:%H:%M}")
    others = [window.parse_time(text, "--or") for text in _list(options.or_starts)]
    max_price = ceiling(options.max_price or settings.max_price, kind.currency)
    pay = one_of(options.pay, tuple(kind.ways_to_pay), "--pay")
    request = BookingRequest(
        facility=given["court"].strip(),
        sport=one_of(given["sport"], SPORTS, "--sport"),
        day=day,
        starts=tuple(dict.fromkeys([start, *others])),
        length=length,
        only=tuple(dict.fromkeys(_list(options.only))),
        opens_at=window.parse_moment(options.opens_at, "--opens-at") if options.opens_at else None,
        at_once=options.multithreaded,
        max_price=max_price,
        pay=pay,
        patience=_patience(options.patience),
        link=given.get("link"),
        wait_list=options.wait_list,
    )
    refuse_unlimited_payment(request, kind, settings)
    request = kind.fitted(request)
    warnings = []
    if options.password:
        warnings.append("--password can be read by other users of this machine; set RESERVE_PASSWORD instead")
    return Booking(
        request,
        account_of(stored) if stored else account_in(_overlaid(options, settings), kind),
        settings,
        as_json=options.json,
        warnings=tuple(warnings),
    )


def refuse_garbled(options: argparse.Namespace) -> None:
    """Raise `UsageError` for what nobody means: endless words, line breaks, and bytes that are no UTF-8."""
    given = [
        (f"--{SPELT.get(name, name)}".replace("_", "-"), text)
        for name, value in vars(options).items()
        for text in (value if isinstance(value, list) else [value])
        if isinstance(text, str)
    ]
    for name, text in given:
        refuse_strange_bytes(text, name)
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
    from reserve.commands.wiring import secret_store
    from reserve.storage.secrets import Accounts

    with secret_store(settings) as secrets:
        stored = Accounts(secrets).read(name)
    if system and system.strip().casefold() != stored["RESERVE_SYSTEM"]:
        raise UsageError(f"--account: {name!r} is for {stored['RESERVE_SYSTEM']}, not for --system {system}")
    return stored


def account_named(name: str | None, system: str, settings: Settings) -> Account:
    """The stored account *name* for *system*, without a name that of *settings*."""
    from reserve.systems.registry import SYSTEMS

    if name := name or settings.account:
        return account_of(stored_account(name, system, settings))
    return account_in(settings, SYSTEMS[system])


def refuse_unlimited_payment(request: BookingRequest, profile: type[Profile], settings: Settings) -> None:
    """Raise `UsageError` when *request* may pay, but nothing says how much, or how."""
    if request.pay != "by-hand" and request.max_price is None:
        raise UsageError(
            f"--pay {request.pay} needs --max-price: the most that may be paid without asking you"
        )
    variable = profile.ways_to_pay.get(request.pay)
    if variable is not None and variable.name not in settings.of_systems:
        raise UsageError(f"--pay {request.pay} needs {variable.name}, {variable.what}")


def account_of(variables: Mapping[str, str]) -> Account:
    """The account that *variables* describe, and nothing else does."""
    return Account(
        variables["RESERVE_EMAIL"],
        variables.get("RESERVE_PASSWORD", ""),
        _phone(variables["RESERVE_PHONE"]) if variables.get("RESERVE_PHONE") else None,
        {name: text for name, text in variables.items() if not name.startswith("RESERVE_")},
    )


def _overlaid(options: argparse.Namespace, settings: Settings) -> Settings:
    """*settings*, but as *options* say who plays."""
    return replace(
        settings,
        email=options.email or settings.email,
        password=options.password or settings.password,
        phone=options.phone or settings.phone,
    )


def account_in(settings: Settings, kind: type[BookingSystem]) -> Account:
    """The account that *settings* describe; raises `UsageError` when something is missing."""
    email = (settings.email or "").strip()
    password = (settings.password or "").strip("\r\n")
    phone = (settings.phone or "").strip()
    if not email:
        raise UsageError("--email is missing; give it or set RESERVE_EMAIL")
    refuse_no_address(email, "--email")
    if not password and "password" in kind.needs:
        raise UsageError("--password is missing; set RESERVE_PASSWORD")
    details = {
        each.name: settings.of_systems[each.name]
        for each in kind.account_variables
        if each.name in settings.of_systems
    }
    return Account(email, password, _phone(phone) if phone else None, details)


def refuse_no_address(email: str, name: str) -> None:
    """Raise `UsageError` when *email*, given by *name*, cannot be an e-mail address; it is not repeated."""
    if "@" not in email.strip("@"):
        raise UsageError(f"{name} is not an e-mail address")


def _phone(text: str) -> str:
    """*text* as +14155550100; numbers without a country are taken for American ones."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise UsageError("--phone is not a phone number; write it as +14155550100") from None
    if not phonenumbers.is_possible_number(number):
        raise UsageError("--phone is too short or too long for a phone number; write it as +14155550100")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ceiling(text: str | None, currency: str) -> Money | None:
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


def one_of(text: str, allowed: Sequence[str], option: str) -> str:
    """The word in *text*; raises `UsageError` naming *option* when it is none of those *allowed*."""
    word = text.strip().casefold()
    if word not in allowed:
        raise UsageError(f"{option}: {text!r} is not known; choose {', '.join(allowed)}")
    return word


def _list(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
