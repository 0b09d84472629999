"""What is under way, as it changes: read once for everybody who watches."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from flask import render_template

from webhook_server.pages.guard import still_mine
from webhook_server.pages.house import House
from webhook_server.pages.reading import under_way

LOOK_EVERY = timedelta(seconds=1)


class Live:
    """What each person sees of the runs under way; one at a time reads it, and not for each who watches."""

    def __init__(self, house: House) -> None:
        """Nobody watches yet."""
        self._house = house
        self._alone = threading.Lock()
        self._seen: dict[str, tuple[datetime, str]] = {}  # when, and what, by person

    def seen(self) -> str | None:
        """What the person sees whose request this is; None once the session has ended."""
        with self._alone:
            own = still_mine(self._house)
            if own is None:
                return None
            now = self._house.clock.now()
            when, what = self._seen.get(own.person.name, (None, ""))
            if when is None or not timedelta(0) <= now - when < LOOK_EVERY:
                what = render_template("under_way.html", under_way=under_way(own))
                self._seen[own.person.name] = (now, what)
            return what
