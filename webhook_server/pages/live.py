"""What is under way, as it changes: read once for everybody who watches."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from flask import render_template
from flask_login import current_user

from webhook_server.pages.guard import still_mine
from webhook_server.pages.house import House
from webhook_server.pages.reading import under_way

LOOK_EVERY = timedelta(seconds=1)


class Live:
    """What is seen of the runs under way; one at a time reads it, and once for all pages of a session."""

    def __init__(self, house: House) -> None:
        """Nobody watches yet."""
        self._house = house
        self._alone = threading.Lock()
        self._seen: dict[str, tuple[datetime, str]] = {}  # when, and what, by session

    def seen(self) -> str | None:
        """What the person sees whose request this is; None once the session has ended."""
        with self._alone:
            now = self._house.clock.now()
            self._seen = {
                session: (when, what)
                for session, (when, what) in self._seen.items()
                if timedelta(0) <= now - when < LOOK_EVERY
            }
            if current_user.id not in self._seen:
                own = still_mine(self._house)
                if own is None:
                    return None
                what = render_template("under_way.html", under_way=under_way(own))
                self._seen[current_user.id] = (now, what)
            return self._seen[current_user.id][1]
