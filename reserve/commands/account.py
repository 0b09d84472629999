"""`account`: credentials and refresh tokens, encrypted, under names."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reserve import itself
from reserve.booking.context import Leads
from reserve.booking.stop import Stop
from reserve.commands.options import (
    SYSTEM_HELP,
    Parser,
    account_of,
    command_parser,
    in_environment,
    listed,
    one_of,
    phone_number,
    refuse_garbled,
    refuse_no_address,
)
from reserve.commands.store import open_store, secret_store
from reserve.commands.wiring import build_run
from reserve.errors import ReserveError, UsageError
from reserve.model import BookingRequest
from reserve.settings import Settings, read_file
from reserve.storage.secrets import Accounts
from reserve.systems import PROFILES
from reserve.systems.profile import EMAIL, PASSWORD, PHONE, Profile, Variable

if TYPE_CHECKING:
    from reserve.commands.belongings import Belongings

ACTIONS = {
    "add": "store an account; asks at a terminal, else reads the environment",
    "list": "show what is stored, without secrets",
    "remove": "forget an account and its refresh tokens",
    "give": "have an account, and what shares its phone number, be the person's named with --for",
    "refresh": "renew refresh tokens, so that they do not die; for cron",
    "rotate-key": "encrypt all of it with a new key",
    "web-password": "let the person NAME sign in to the web page; the first one is its owner",
    "web-remove": "let a person sign in no more",
}
NAMED = ("add", "remove", "give", "web-password", "web-remove")
LONGEST_PASSWORD = 10_000  # letters that are read of a descriptor, which may have no end
EARLIER_TOKENS = "tokens.json"  # in the data folder, in plain text


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Do what *arguments* say with the stored accounts, and return the exit code."""
    options = _parser().parse_args(arguments)
    refuse_garbled(options)
    if options.name is None and options.what in NAMED:
        raise UsageError(f"account {options.what}: which one? Write a NAME behind it")
    actions = {
        "add": add,
        "list": list_all,
        "remove": remove,
        "give": give,
        "refresh": refresh,
        "rotate-key": rotate_key,
        "web-password": web_password,
        "web-remove": web_remove,
    }
    return actions[options.what](options, settings)


def _parser() -> Parser:
    parser = command_parser("account")
    parser.is_discreet = True
    actions = "; ".join(f"{action}: {does}" for action, does in ACTIONS.items())
    parser.add_argument("what", choices=ACTIONS, help=actions)
    parser.add_argument("name", metavar="NAME", nargs="?", help="of the account, or of the person")
    adding = parser.add_argument_group("for add")
    adding.add_argument("--system", metavar="NAME", help=SYSTEM_HELP)
    adding.add_argument("--password-fd", type=int, metavar="N", help="read the password from this descriptor")
    parser.add_argument(
        "--for", metavar="PERSON", dest="person", help="with add and give: whose it is on the web page"
    )
    of_page = parser.add_argument_group("for web-password (with --password-fd, too)")
    of_page.add_argument(
        "--accounts", metavar="NAMES", help="the stored accounts that are this person's alone, with commas"
    )
    return parser


def add(options: argparse.Namespace, settings: Settings) -> int:
    """Store an account; what earlier tools left in plain text is taken over."""
    name_in(options.name, "NAME")
    system = one_of(options.system or settings.system, PROFILES, "--system")
    profile = PROFILES[system]
    given = known(settings, profile)
    if options.password_fd is not None:
        given[PASSWORD.name] = _from_descriptor(options.password_fd)
    elif sys.stdin.isatty():
        given = {each.name: _asked(each, given.get(each.name)) for each in profile.account_variables}
    given = {name: text for name, text in given.items() if text}
    if EMAIL.name not in given:
        raise UsageError(f"there is no e-mail address: call this at a terminal, or set {EMAIL.name}")
    given |= {
        each.name: fitting(each, given[each.name], each.name)
        for each in profile.account_variables
        if each.name in given
    }
    refuse_no_secret(given, profile)
    keep(options.name, system, given, settings, options.person)
    print(f"Stored {options.name!r} for {system}; use it with --account {options.name}.")
    for line in leftovers(settings, profile, given):
        print(line)
    return 0


def known(settings: Settings, profile: type[Profile]) -> dict[str, str]:
    """What the environment says of an account, or what earlier tools left."""
    return {**_earlier(settings, profile), **in_environment(settings, profile)}


def keep(
    name: str, system: str, given: Mapping[str, str], settings: Settings, person: str | None = None
) -> None:
    """Store the account *name*, encrypted, in the place of what was there, as `Belongings.add` does."""
    with belongings(settings) as kept:
        kept.add(name, {"RESERVE_SYSTEM": system, **given}, person)


@contextmanager
def belongings(settings: Settings) -> Iterator[Belongings]:
    """The stored accounts, and whose they are."""
    from reserve.commands.belongings import Belongings

    with closing(open_store(settings)) as store:
        yield Belongings(store, settings)


def name_in(text: str, option: str) -> str:
    """*text* as the name of an account; raises `UsageError` that blames *option*."""
    if not re.fullmatch(r"[\w.@+-]{1,60}", text):
        raise UsageError(f"{option}: {text!r} is no name; write it with letters, digits and . _ - @ +")
    return text


def fitting(variable: Variable, text: str, name: str) -> str:
    """*text* as what *variable* asks for; raises `UsageError` that blames *name* and does not repeat it."""
    if variable == EMAIL:
        refuse_no_address(text, name)
    if variable == PHONE:
        return phone_number(text, name)
    if variable.is_number and not (text.isascii() and text.isdigit()):
        raise UsageError(f"{name} is not a number: {variable.what}")
    return text


def refuse_no_secret(given: Mapping[str, str], profile: type[Profile]) -> None:
    """Raise `UsageError` when nothing in *given* could sign anybody in."""
    if not any(each.is_secret and given.get(each.name) for each in profile.account_variables):
        raise UsageError(f"there is no password: call this at a terminal, or set {PASSWORD.name}")


def list_all(options: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each account; no secrets."""
    with secret_store(settings) as secrets:
        accounts = Accounts(secrets)
        trouble: UsageError | None = None
        for name in accounts.names:
            try:
                stored = accounts.read(name)
            except UsageError as failure:
                print(f"{name}  cannot be read")
                trouble = failure
            else:
                print(f"{name}  {stored['RESERVE_SYSTEM']}  {stored['RESERVE_EMAIL']}")
        if trouble is not None:
            raise trouble
        if not accounts.names:
            print("No account is stored yet.")
    return 0


def remove(options: argparse.Namespace, settings: Settings) -> int:
    """Forget an account, its tokens, and whose it was on the web page; this works without the key."""
    with belongings(settings) as kept:
        if not kept.remove(options.name):
            raise UsageError(f"there is no account {options.name!r}; see `account list`")
    print(f"Removed {options.name!r}.")
    return 0


def give(options: argparse.Namespace, settings: Settings) -> int:
    """Have an account be another person's on the web page, with what shares its phone."""
    if options.person is None:
        raise UsageError("account give: to whom? Name the person with --for")
    with belongings(settings) as kept:
        moved = kept.give(options.name, options.person)
    print(f"{', '.join(map(repr, moved))}: {options.person!r} alone sees that on the web page now.")
    return 0


def web_password(options: argparse.Namespace, settings: Settings) -> int:
    """Keep a password of the web page, as its hash."""
    name = name_in(options.name, "NAME")
    with belongings(settings) as kept:
        known = kept.accounts.names
        accounts = None if options.accounts is None else listed(options.accounts)
        for each in accounts or ():
            if each not in known:
                raise UsageError(f"--accounts: there is no account {each!r}; see `account list`")
        person = kept.let_in(name, _new_password(options), accounts)
    whose = "every account and plan that is nobody else's" if person.is_owner else "their own accounts"
    print(f"{name!r} can sign in to the web page now, and sees {whose}.")
    return 0


def _new_password(options: argparse.Namespace) -> str:
    if options.password_fd is not None:
        return _from_descriptor(options.password_fd)
    if not sys.stdin.isatty():
        raise UsageError("there is no password: call this at a terminal, or with --password-fd")
    password = getpass.getpass("Password for the web page: ")
    if getpass.getpass("Once more: ") != password:
        raise UsageError("these were two passwords; nothing was changed")
    return password


def web_remove(options: argparse.Namespace, settings: Settings) -> int:
    """Forget a person of the web page; what was theirs is the owner's now."""
    from reserve.storage.people import People

    with closing(open_store(settings)) as store:
        people = People(store)
        person, others = people.get(options.name), len(people.all()) - 1
        if person is None:
            raise UsageError(f"nobody signs in to the web page as {options.name!r}")
        if person.is_owner and others:
            raise UsageError(f"{options.name!r} is the owner: remove the others first")
        people.remove(options.name)
    print(f"{options.name!r} signs in no more; stored accounts and plans stay.")
    return 0


def rotate_key(options: argparse.Namespace, settings: Settings) -> int:
    """Encrypt everything with a new key, and forget the old one when that is done."""
    with secret_store(settings) as secrets:
        number = secrets.change_key()
    what = "1 secret" if number == 1 else f"{number} secrets"
    print(f"Encrypted {what} with a new key; copy it to every machine that shares the database.")
    return 0


def refresh(options: argparse.Namespace, settings: Settings) -> int:
    """Renew the refresh token of each account that has one; the exit code is that of the worst."""
    with secret_store(settings) as secrets:
        accounts = Accounts(secrets)
        names = [options.name] if options.name else accounts.names
        stored = {name: {**accounts.read(name), "RESERVE_ACCOUNT": name} for name in names}
    if not stored:
        system = one_of(settings.system, PROFILES, "RESERVE_SYSTEM")
        variables = in_environment(settings, PROFILES[system])
        stored = {"the environment": {"RESERVE_SYSTEM": system, **variables}}
    return max(_refreshed(name, variables, settings) for name, variables in stored.items())


def _refreshed(name: str, variables: Mapping[str, str], settings: Settings) -> int:
    """Sign in as this account does, which renews its token; says how it went."""
    system = variables["RESERVE_SYSTEM"]
    if system not in PROFILES or PROFILES[system].token_variable is None:
        print(f"Nothing to renew for {name}: {system} has no refresh tokens.")
        return 0
    nothing = BookingRequest(facility="", sport="", day=date.min, starts=(), length=timedelta())
    account = account_of(variables, PROFILES[system])
    wired = build_run(nothing, account, replace(settings, system=system), Stop(), Leads())
    try:
        wired.run.system.sign_in()
    except ReserveError as failure:
        print(wired.run.timeline.secrets.mask(f"Refused: {name}: {failure}."))
        return failure.exit_code
    finally:
        wired.run.system.close()
        wired.record.store.close()
        wired.folder.remove_if_empty()
    print(f"Renewed the refresh token of {name}.")
    return 0


def _asked(variable: Variable, set_already: str | None) -> str:
    """What the player types; Enter takes what is *set_already*, and says so, but never a secret."""
    if variable.is_secret:
        return getpass.getpass(f"{variable.what}: ").strip()
    hint = f" [{variable.name} from the environment]" if set_already else ""
    return input(f"{variable.what}{hint}: ").strip() or set_already or ""


def _from_descriptor(number: int) -> str:
    try:
        with os.fdopen(number, encoding="utf-8") as file:
            return file.readline(LONGEST_PASSWORD).rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"--password-fd: what is to be read at {number} is not written in UTF-8") from None
    except (OSError, ValueError, TypeError) as failure:  # the last one for a number beyond all descriptors
        why = getattr(failure, "strerror", None) or "there is no such descriptor"
        raise UsageError(f"--password-fd: nothing to read at {number}: {why}") from None


def _earlier(settings: Settings, profile: type[Profile]) -> dict[str, str]:
    """What earlier tools left in plain text, under our names."""
    names = profile.earlier_names.items()
    found = {ours: settings.of_systems[theirs] for theirs, ours in names if theirs in settings.of_systems}
    if profile.token_variable and (token := _token_in(_earlier_tokens(settings, profile))):
        found[profile.token_variable] = token
    return found


def _earlier_tokens(settings: Settings, profile: type[Profile]) -> Path:
    return Path(settings.of_systems.get(profile.earlier_tokens or "") or settings.data / EARLIER_TOKENS)


def leftovers(settings: Settings, profile: type[Profile], stored: Mapping[str, str]) -> list[str]:
    """What to say of the places where in plain text lies, too, what is *stored* now."""
    found, tokens = [], _earlier_tokens(settings, profile)
    if (token := stored.get(profile.token_variable or "")) and token == _token_in(tokens):
        found.append(f"{tokens} holds")
    written = read_file(itself.env_file())
    ours = {name: profile.earlier_names.get(name, name) for name in written}
    if lines := [name for name, value in written.items() if value and stored.get(ours[name]) == value]:
        found.append(f"The lines {', '.join(lines)} of .env hold")
    return [f"{place} secrets in plain text and can be deleted now." for place in found]


def _token_in(path: Path) -> str | None:
    """The refresh token in a file of tokens, at its top or one level below."""
    try:
        written = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    inner = written.values() if isinstance(written, dict) else ()
    tokens = [place.get("refresh_token") for place in [written, *inner] if isinstance(place, dict)]
    return next((token for token in tokens if isinstance(token, str)), None)
