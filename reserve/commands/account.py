"""`account`: credentials and refresh tokens, encrypted, under names."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reserve.commands import COMMANDS
from reserve.commands.options import Parser, account_of, one_of, refuse_no_address
from reserve.errors import ReserveError, UsageError
from reserve.settings import Settings, read_file

if TYPE_CHECKING:
    from reserve.model import Account

ACTIONS = {
    "add": "store an account; asks at a terminal, else reads the environment",
    "list": "show what is stored, without secrets",
    "remove": "forget an account",
    "refresh": "renew refresh tokens, so that they do not die; for cron",
}
# What is asked at a terminal; the answers to SECRETS are not shown while they are typed.
QUESTIONS = {
    "RESERVE_EMAIL": "E-mail address",
    "RESERVE_PHONE": "Phone number for one-time codes",
    "ATRIUM_OCCUPANT_ID": "Your number in the portal's address of a reservation",
    "NTNUI_MEMBER_ID": "Your number in sign-up links (empty: it is looked for)",
}
SECRETS = {
    "RESERVE_PASSWORD": "Password",
    "ATRIUM_REFRESH_TOKEN": "Refresh token (empty: log in with the password)",
}
# How the earlier tools called these in their `.env`.
EARLIER = {"TFC_USERNAME": "RESERVE_EMAIL", "TFC_PASSWORD": "RESERVE_PASSWORD"}
EARLIER_TOKENS = "tokens.json"  # in the data folder, in plain text


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Do what *arguments* say with the stored accounts, and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.name is None and options.what in ("add", "remove"):
        raise UsageError(f"account {options.what}: which one? Write a NAME behind it")
    actions = {"add": add, "list": list_all, "remove": remove, "refresh": refresh}
    return actions[options.what](options, settings)


def _parser() -> Parser:
    what = f"{COMMANDS['account'].capitalize()}."
    parser = Parser(prog="main.py account", description=what, allow_abbrev=False)
    actions = parser.add_argument_group("what to do")
    actions.add_argument(
        "what", choices=ACTIONS, help="; ".join(f"{action}: {does}" for action, does in ACTIONS.items())
    )
    actions.add_argument("name", metavar="NAME", nargs="?", help="of the account")
    adding = parser.add_argument_group("for add")
    adding.add_argument("--system", metavar="NAME", help="recus (default), atrium or ntnui (RESERVE_SYSTEM)")
    adding.add_argument("--password-fd", type=int, metavar="N", help="read the password from this descriptor")
    return parser


def add(options: argparse.Namespace, settings: Settings) -> int:
    """Store an account; what earlier tools left in plain text is taken over."""
    from reserve.commands.wiring import secret_store
    from reserve.storage.secrets import Accounts
    from reserve.systems import SYSTEMS

    if not re.fullmatch(r"[\w.@+-]{1,60}", options.name):
        raise UsageError(f"NAME: {options.name!r} is no name; write it with letters, digits and . _ - @ +")
    system = (options.system or settings.system).strip().casefold()
    if system not in SYSTEMS:
        raise UsageError(f"--system: {system!r} is not known; choose {', '.join(SYSTEMS)}")
    earlier, leftovers = _earlier(settings, SYSTEMS[system].asks)
    given = {**earlier, **_in_environment(settings, SYSTEMS[system].asks)}
    if options.password_fd is not None:
        given["RESERVE_PASSWORD"] = _from_descriptor(options.password_fd)
    elif sys.stdin.isatty():
        given = {name: _asked(name) or given.get(name, "") for name in SYSTEMS[system].asks}
    given = {name: text for name, text in given.items() if text}
    if "RESERVE_EMAIL" not in given:
        raise UsageError("there is no e-mail address: call this at a terminal, or set RESERVE_EMAIL")
    refuse_no_address(given["RESERVE_EMAIL"], "RESERVE_EMAIL")
    if not given.get("ATRIUM_OCCUPANT_ID", "0").isdigit():
        raise UsageError("ATRIUM_OCCUPANT_ID: it is a number, in the portal's address of a reservation")
    if not given.keys() & SECRETS.keys():
        raise UsageError("there is no password: call this at a terminal, or set RESERVE_PASSWORD")
    with secret_store(settings) as secrets:
        Accounts(secrets).add(options.name, {"RESERVE_SYSTEM": system, **given})
    print(f"Stored {options.name!r} for {system}; use it with --account {options.name}.")
    for leftover in leftovers:
        print(f"{leftover} secrets in plain text and can be deleted now.")
    return 0


def list_all(options: argparse.Namespace, settings: Settings) -> int:
    """Print a line for each account; no secrets."""
    from reserve.commands.wiring import secret_store
    from reserve.storage.secrets import Accounts

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
    """Forget an account; this works without the key."""
    from reserve.commands.wiring import secret_store
    from reserve.storage.secrets import Accounts

    with secret_store(settings) as secrets:
        if not Accounts(secrets).remove(options.name):
            raise UsageError(f"there is no account {options.name!r}; see `account list`")
    print(f"Removed {options.name!r}.")
    return 0


def refresh(options: argparse.Namespace, settings: Settings) -> int:
    """Renew the refresh token of each account that has one; the exit code is that of the worst."""
    from reserve.commands.wiring import secret_store
    from reserve.storage.secrets import Accounts
    from reserve.systems import SYSTEMS

    with secret_store(settings) as secrets:
        accounts = Accounts(secrets)
        names = [options.name] if options.name else accounts.names
        stored = {name: accounts.read(name) for name in names}
    found = [(name, each["RESERVE_SYSTEM"], account_of(each)) for name, each in stored.items()]
    if not found:
        system = one_of(settings.system, tuple(SYSTEMS), "RESERVE_SYSTEM")
        details = _in_environment(settings, SYSTEMS[system].asks)
        found = [("the environment", system, account_of({"RESERVE_EMAIL": "", **details}))]
    return max(_refreshed(name, system, account, settings) for name, system, account in found)


def _refreshed(name: str, system: str, account: Account, settings: Settings) -> int:
    """Sign in as this account does, which renews its token; says how it went."""
    from reserve.booking.context import Leads
    from reserve.booking.stop import Stop
    from reserve.commands.wiring import build_run
    from reserve.model import BookingRequest
    from reserve.systems import SYSTEMS

    if system not in SYSTEMS or SYSTEMS[system].token_variable is None:
        print(f"Nothing to renew for {name}: {system} has no refresh tokens.")
        return 0
    nothing = BookingRequest(facility="", sport="", day=date.min, starts=(), length=timedelta())
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


def _in_environment(settings: Settings, asks: Sequence[str]) -> dict[str, str]:
    """What the environment says of *asks*, the variables that one account needs."""
    said = {
        "RESERVE_EMAIL": settings.email,
        "RESERVE_PASSWORD": settings.password,
        "RESERVE_PHONE": settings.phone,
        **settings.of_systems,
    }
    return {name: text for name in asks if (text := said.get(name))}


def _asked(variable: str) -> str:
    """What the player types; secrets are not shown."""
    if variable in SECRETS:
        return getpass.getpass(f"{SECRETS[variable]}: ").strip()
    return input(f"{QUESTIONS[variable]}: ").strip()


def _from_descriptor(number: int) -> str:
    try:
        with os.fdopen(number) as file:
            return file.readline().rstrip("\r\n")
    except OSError as failure:
        raise UsageError(f"--password-fd: nothing to read at {number}: {failure.strerror}") from None


def _earlier(settings: Settings, asks: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What earlier tools left in plain text, under our names, and where it can be deleted."""
    found: dict[str, str] = {}
    leftovers = []
    if "ATRIUM_REFRESH_TOKEN" in asks:
        others = settings.of_systems
        found = {ours: others[theirs] for theirs, ours in EARLIER.items() if theirs in others}
        path = Path(others.get("TOKENS_PATH") or settings.data / EARLIER_TOKENS)
        if token := _token_in(path):
            found["ATRIUM_REFRESH_TOKEN"] = token
            leftovers.append(f"{path} holds")
    written = read_file(Path(".env"))
    lines = [name for name, value in written.items() if value and (name in EARLIER or name in asks)]
    if lines:
        leftovers.append(f"The lines {', '.join(lines)} of .env hold")
    return found, leftovers


def _token_in(path: Path) -> str | None:
    """The refresh token in a file of tokens, at its top or one level below."""
    try:
        written = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    inner = list(written.values()) if isinstance(written, dict) else written
    for place in [written, *inner] if isinstance(inner, list) else []:
        if isinstance(place, dict) and isinstance(place.get("refresh_token"), str):
            return str(place["refresh_token"])
    return None
