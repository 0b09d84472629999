"""Which facilities a form can offer: read in the background, and kept with the moment of that.

A form waits for nobody: it offers what was read last, and any other name can be typed.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from reserve.clock import Clock
from reserve.commands.courts import facilities
from reserve.commands.wiring import Connect, host_of
from reserve.errors import ReserveError
from reserve.settings import Settings
from reserve.systems import PROFILES

FOLDER = "facilities"  # in the data folder: a file for each booking system
FRESH = timedelta(days=1)
AGAIN = timedelta(minutes=10)  # after a failure
MOST, LONGEST = 2_000, 300  # names, and letters of one: more is no list of facilities

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """The facilities of one booking system, or the links of its sessions, and when they were read."""

    system: str
    names: tuple[str, ...] = ()
    read: datetime | None = None
    trouble: str | None = None  # why they could not be read last
    are_links: bool = False


def in_a_thread(call: Callable[[], None]) -> None:
    """Have *call* made while others go on."""
    threading.Thread(target=call, daemon=True).start()


class Facilities:
    """The lists of all booking systems."""

    def __init__(self, settings: Settings, clock: Clock, connect: Connect) -> None:
        """Nothing is read yet."""
        self.aside = in_a_thread
        self._settings, self._clock, self._connect = settings, clock, connect
        self._alone = threading.Lock()
        self._asked: dict[str, datetime] = {}
        self._troubles: dict[str, str] = {}

    def known(self, systems: Iterable[str]) -> list[Known]:
        """What there is to offer now; what is old, or not there, is read for the next time."""
        found = [self._kept(system) for system in dict.fromkeys(systems) if system in PROFILES]
        for each in found:
            if each.read is None or not timedelta(0) <= self._clock.now() - each.read < FRESH:
                self._look(each.system)
        return found

    def _look(self, system: str) -> None:
        """Have the list of *system* read, unless somebody is doing so, or has just failed."""
        now = self._clock.now()
        with self._alone:
            asked = self._asked.get(system)
            if asked is not None and now - asked < AGAIN:
                return
            self._asked[system] = now
        self.aside(lambda: self._read(system))

    def _read(self, system: str) -> None:
        try:
            names = facilities(system, self._settings, self._clock, self._connect)
            self._keep(system, [name for name in names if len(name) <= LONGEST and name.isprintable()][:MOST])
        except (ReserveError, OSError) as failure:
            log.warning("the facilities of %s were not read: %s", system, failure)
            self._troubles[system] = str(failure)
        except Exception as failure:  # its message can hold anything, and nobody waits for this thread
            log.warning("the facilities of %s were not read: %s", system, type(failure).__name__)
            self._troubles[system] = "a bug; the log of the service says more"
        else:
            self._troubles.pop(system, None)

    def _kept(self, system: str) -> Known:
        trouble, are_links = self._troubles.get(system), "link" in PROFILES[system].needs
        with suppress(OSError, ValueError, TypeError, KeyError):  # nothing, or nothing that we know
            content = json.loads((self._settings.data / FOLDER / f"{system}.json").read_text())
            if content["host"] == host_of(PROFILES[system], self._settings):
                names, read = tuple(map(str, content["names"])), datetime.fromisoformat(content["read"])
                if read.tzinfo is not None:
                    return Known(system, names, read, trouble, are_links)
        return Known(system, trouble=trouble, are_links=are_links)

    def _keep(self, system: str, names: list[str]) -> None:
        folder = self._settings.data / FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = {
            "host": host_of(PROFILES[system], self._settings),
            "read": self._clock.now().isoformat(),
            "names": names,
        }
        new = folder / f"{system}.json.{os.getpid()}"
        new.write_text(json.dumps(content, ensure_ascii=False))
        new.replace(folder / f"{system}.json")
