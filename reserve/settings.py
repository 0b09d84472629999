"""The environment, read once into typed values.

What an option may say as well stays as it was written, when what it means depends on the booking system.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from reserve import itself
from reserve.errors import UsageError
from reserve.systems import PROFILES, USUAL

LEAST_DAYS = 30  # no slot is reserved further ahead
LEAST_RUNS = 100
KEPT = (400, 10_000)  # days and runs; a life of playing every day
KEY_FILE = "fernet.key"  # in the data folder; `reserve.storage.secrets` makes it
WEBHOOK = "http://127.0.0.1:5000"
OF_SYSTEMS = frozenset[str]().union(*(profile.variables() for profile in PROFILES.values()))
CHOICES = {name: words for profile in PROFILES.values() for name, words in profile.choices.items()}
# Of the environment, with its passwords and keys, all that a program needs that we start: a browser.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")  # also in small letters
INHERITED = (*PROXIES, "PATH", "DISPLAY", "WAYLAND_DISPLAY", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
OURS = ("RESERVE_", "WEBHOOK_", "FERNET_KEY", "CHROME")  # how the names of the other ones of ours begin


@dataclass(frozen=True)
class Settings:
    """What the environment says, None for what it does not; secrets stay out of `repr`."""

    data: Path = field(default_factory=itself.data)
    database_url: str | None = field(default=None, repr=False)
    fernet_key: str | None = field(default=None, repr=False)
    system: str = USUAL
    account: str | None = None
    email: str | None = None
    password: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    sign_in: str | None = None  # for systems that have several ways
    max_price: str | None = None  # in the currency of the booking system
    webhook_url: str = WEBHOOK
    webhook_token: str | None = field(default=None, repr=False)
    notify: str | None = field(default=None, repr=False)  # read when used: no booking fails for it
    ping_url: str | None = field(default=None, repr=False)
    user_agent: str | None = None
    chrome: str | None = None
    chromedriver: str | None = None
    path: str | None = None  # where programs are looked for
    of_programs: Mapping[str, str] = field(default_factory=dict, repr=False)  # for those that we start
    check_at: str = "20:00"  # when plans are checked on the evening before; `off` for never
    keep: timedelta = timedelta(days=400)  # so long what a run did is kept
    keep_runs: int = 10_000  # and of no more; a life of playing every day
    of_systems: Mapping[str, str] = field(default_factory=dict, repr=False)  # what only one of them asks for
    given: frozenset[str] = frozenset()  # the names of our variables that are set, here or in .env


class UnreadableSettings(UsageError):
    """Something makes no sense; `known` says all the same how to tell the player, when nobody looks."""

    def __init__(self, message: str, known: Settings) -> None:
        """Remember what is known."""
        super().__init__(message)
        self.known = known


def read_settings(environ: Mapping[str, str], *files: Path) -> Settings:
    """What *environ* says, else the first of *files* that says it; an empty variable is not set.

    Raises `UnreadableSettings` naming the variable that makes no sense, or the file that cannot be read.
    """
    merged = dict(environ)  # is all that is known while a file cannot be read
    try:
        for file in reversed(files):
            merged |= read_file(file)
        merged |= environ
        return _settings_in(merged)
    except UsageError as failure:
        data, notify, ping_url = (
            merged.get(name) or None for name in ("RESERVE_DATA", "RESERVE_NOTIFY", "RESERVE_PING_URL")
        )
        known = Settings(Path(data or itself.data()), notify=notify, ping_url=ping_url)
        raise UnreadableSettings(str(failure), known) from failure


def _settings_in(merged: Mapping[str, str]) -> Settings:
    ours = {
        name: text for name, text in merged.items() if text and (name in OF_SYSTEMS or name.startswith(OURS))
    }
    for name, text in ours.items():
        refuse_strange_bytes(text, name)

    for name, choices in CHOICES.items():
        if name in ours and ours[name].strip() not in choices:
            raise UsageError(f"{name}: {ours[name]!r} is none of {', '.join(choices)}")

    def said(name: str) -> str | None:
        return ours.get(name, "").strip() or None

    keep, keep_runs = _kept(said("RESERVE_KEEP") or "400 days", "RESERVE_KEEP")
    return Settings(
        data=Path(said("RESERVE_DATA") or itself.data()),
        database_url=said("RESERVE_DATABASE_URL"),
        fernet_key=said("FERNET_KEY"),
        system=(said("RESERVE_SYSTEM") or USUAL).casefold(),
        account=said("RESERVE_ACCOUNT"),
        email=said("RESERVE_EMAIL"),
        password=ours.get("RESERVE_PASSWORD", "").strip("\r\n") or None,
        phone=said("RESERVE_PHONE"),
        sign_in=said("RESERVE_SIGN_IN"),
        max_price=said("RESERVE_MAX_PRICE"),
        webhook_url=address(said("RESERVE_WEBHOOK_URL") or WEBHOOK, "RESERVE_WEBHOOK_URL"),
        webhook_token=token(said("RESERVE_WEBHOOK_TOKEN"), "RESERVE_WEBHOOK_TOKEN"),
        notify=said("RESERVE_NOTIFY"),
        ping_url=said("RESERVE_PING_URL"),
        user_agent=said("RESERVE_USER_AGENT"),
        chrome=said("CHROME_BINARY"),
        chromedriver=said("CHROMEDRIVER"),
        path=merged.get("PATH"),
        check_at=said("RESERVE_CHECK_AT") or Settings.check_at,
        of_programs={name: text for name, text in merged.items() if name.upper() in INHERITED},
        keep=keep,
        keep_runs=keep_runs,
        of_systems={
            name: address(text.strip(), name) if name.endswith("_URL") else text.strip()
            for name, text in ours.items()
            if name in OF_SYSTEMS
        },
        given=frozenset(ours),
    )


def read_file(file: Path) -> dict[str, str]:
    """The variables in *file*, none when it is not there; raises `UsageError` when it cannot be read."""
    from dotenv import dotenv_values

    try:
        written = dotenv_values(file, interpolate=False)  # a `$` in a password is a `$`
    except (OSError, UnicodeDecodeError) as failure:
        raise UsageError(f"{file} cannot be read ({type(failure).__name__}); write it as UTF-8") from failure
    return {name: value for name, value in written.items() if value is not None}


def loose_files(settings: Settings, *files: Path) -> list[str]:
    """What to say when others can change one of *files*, or read the key of the stored accounts."""
    said = []
    changeable = [(file, 0o022, "change") for file in files]
    for path, bits, can in (*changeable, (settings.data / KEY_FILE, 0o077, "read")):
        with suppress(OSError):
            if path.stat().st_mode & bits:
                said.append(f"other users of this machine can {can} {path}; run: chmod 600 {path}")
    return said


def refuse_strange_bytes(text: str, name: str) -> None:
    """Raise `UsageError` that blames *name* when *text* was made of bytes that are no UTF-8."""
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # what Python makes of such bytes
        raise UsageError(f"{name} is not written in UTF-8")


def address(text: str, name: str) -> str:
    """The http address in *text*, without a slash at its end; raises `UsageError` that blames *name*."""
    try:
        parts = urlsplit(text.strip())
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise UsageError(f"{name}: {text!r} is not an address; write it like {WEBHOOK}")
    return text.strip().rstrip("/")


def _kept(text: str, name: str) -> tuple[timedelta, int]:
    """For how long, and how many runs are kept by *text*; less could take from a run what it has to know."""
    written = re.fullmatch(r"(?:(\d{1,5})(?: days)?)?(?:(?:^|, ?)(\d{1,6}) runs)?", text, re.ASCII)
    days, runs = (
        (each or usual for each, usual in zip(written.groups(), KEPT, strict=True)) if written else (0, 0)
    )
    if int(days) < LEAST_DAYS or int(runs) < LEAST_RUNS:
        least = f"at least {LEAST_DAYS} days and {LEAST_RUNS} runs"
        raise UsageError(f"{name}: {text!r}: write it as '400 days' or '400 days, 10000 runs', {least}")
    return timedelta(days=int(days)), int(runs)


def token(text: str | None, name: str) -> str | None:
    """The token of the webhook service in *text*; raises `UsageError` that blames *name*."""
    found = (text or "").strip()
    if not found.isascii() or not found.isprintable():
        raise UsageError(f"{name} has letters that no token has; use the service's WEBHOOK_TOKEN")
    return found or None
