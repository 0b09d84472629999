"""The link of one NTNUI session, as the site shows it: `timeinfo.php?timeid=65&spilletid=20260609T15:00:00`.

`timeid` is the weekly session (weekday, hour, court and level), `spilletid` its start on the wall clock in
Trondheim, whose hour the site itself does not pad: `20260609T9:00:00` (NTNUI facts 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from reserve import window
from reserve.errors import UsageError
from reserve.model import Slot

HOST = "www.ntnuitennis.no"
ZONE = window.zone("Europe/Oslo")
LANGUAGES = ("no", "en")
START = re.compile(r"(\d{8})T(\d{1,2}:\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class SessionLink:
    """One session of one week; `wall` is its time as the link writes it."""

    timeid: int
    day: date
    wall: str

    @property
    def wall_time(self) -> time:
        """The time on the wall clock at which it starts."""
        return datetime.strptime(self.wall, "%H:%M:%S").time()  # noqa: DTZ007  # on the wall, without a zone

    @property
    def start(self) -> datetime:
        """When it starts; raises `UsageError` for a time that the clocks skip."""
        return window.at(self.day, self.wall_time, ZONE, "--link")

    def slot(self, end: time | None) -> Slot:
        """The session until *end*, or an hour long when nobody says until when."""
        start = self.start
        if end is None or end <= self.wall_time:
            return Slot(start, start + timedelta(hours=1))
        return Slot(start, window.at(self.day, end, ZONE, "--link"))

    def on(self, day: date) -> SessionLink:
        """The same session in another week: same time on the wall, same number (facts 2 and 6).

        Raises `UsageError` when it is not on that day of the week.
        """
        if day.weekday() != self.day.weekday():
            raise UsageError(f"--date: the session of --link is on a {self.day:%A}, and {day} is none")
        return replace(self, day=day)

    @property
    def spilletid(self) -> str:
        """The start, written as the link wrote it."""
        return f"{self.day:%Y%m%d}T{self.wall}"

    def path(self, **action: str) -> str:
        """Where the session's page is, in Norwegian: only its words in that language are known.

        With an action such as `leggtilvikarid="9001"`, where to ask for it.
        """
        actions = "".join(f"&{name}={quote(member, safe='')}" for name, member in action.items())
        return f"/timeinfo.php?spilletid={self.spilletid}&timeid={self.timeid}{actions}&lang=no"

    def __str__(self) -> str:
        """The link as a person would paste it."""
        return f"https://{HOST}{self.path()}"


def read_link(text: str, *, hosts: Sequence[str] | None = (HOST,)) -> SessionLink:
    """The session that *text* leads to, on one of *hosts* (None: on any); raises `UsageError`."""
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        host = parts.netloc.lower().removesuffix(":443" if parts.scheme == "https" else ":80")
    except ValueError:
        raise _useless(f"{text!r} is not a link") from None
    if parts.scheme not in ("http", "https") or (hosts is not None and host not in hosts):
        raise _useless(f"{text!r} does not lead to {HOST}")
    if parts.path != "/timeinfo.php":
        raise _useless(f"{parts.path or '/'!r} is not the page of a session")
    fields = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in fields]
    for name in ("timeid", "spilletid"):
        if names.count(name) != 1:
            raise _useless(f"it has {'several' if name in names else 'no'} {name!r}")
    if strange := sorted(set(names) - {"timeid", "spilletid", "lang"}):
        raise _useless(f"it has {strange[0]!r}, which does something with the session")
    found = dict(fields)
    if found.get("lang", "no") not in LANGUAGES:
        raise _useless(f"lang={found['lang']!r} is neither 'no' nor 'en'")
    return _session(found["timeid"], found["spilletid"])


def _session(timeid: str, spilletid: str) -> SessionLink:
    if not re.fullmatch(r"[1-9]\d{0,8}", timeid, re.ASCII):
        raise _useless(f"timeid={timeid!r} is not a number")
    written = START.fullmatch(spilletid)
    try:
        if written is None:
            raise ValueError
        day = window.parse_day(f"{written[1][:4]}-{written[1][4:6]}-{written[1][6:]}", "--link")
        session = SessionLink(int(timeid), day, written[2])
        session.wall_time  # noqa: B018  # raises ValueError when there is no such time
    except (ValueError, UsageError):
        raise _useless(f"spilletid={spilletid!r} is not a start such as 20260609T15:00:00") from None
    session.start  # noqa: B018  # raises UsageError when the clocks skip it
    return session


def _useless(why: str) -> UsageError:
    return UsageError(f"--link: {why}; open the session on the site and copy the address of its page")
