"""How a check looks at the machine it runs on."""

from __future__ import annotations

import re
import shlex
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

from reserve import itself
from reserve.browser import not_on
from reserve.checks.machine import CronLine, Machine
from reserve.checks.verdict import Unfit
from reserve.clock import Clock
from reserve.commands.background import programs
from reserve.commands.cron import crontab, unseen
from reserve.commands.store import open_store
from reserve.errors import CauseWord, UsageError
from reserve.settings import Settings, loose_files
from reserve.storage.plans import PlanStore

USUAL_PATH = "/usr/bin:/bin"  # of cron, when nothing says another one
OF_A_LINE = re.compile(r"(?:^|\s)PATH=(\S+|'[^']*'|\"[^\"]*\")")


def this_machine(
    settings: Settings, true_time: Callable[[], timedelta | None] | None, *, is_called_by_cron: bool = False
) -> Machine:
    """This machine; *true_time* asks time servers, None in a rehearsal."""

    def store() -> str:
        return writable_store(settings)

    return Machine(
        disk=lambda: min(_rooms(settings.data), key=lambda each: each[1]),
        memory=_memory,
        clock_error=true_time,
        zone=lambda: Clock().now().astimezone().tzname() or "no time zone",
        programs=programs,
        cron_line=lambda: _cron_line(settings),
        loose_files=lambda: loose_files(settings, *itself.env_files()),
        store=store,
        is_called_by_cron=is_called_by_cron,
    )


def writable_store(settings: Settings) -> str:
    """Write into the store, and say where that is; raises `Unfit` when it takes nothing."""
    try:
        with closing(open_store(settings)) as store:
            now = Clock().now()
            PlanStore(store).first("check", now, since=now)
            kind = store.engine.dialect.name
    except UsageError as failure:
        cause = CauseWord.DATABASE if settings.database_url else CauseWord.DISK
        raise Unfit(str(failure), cause) from failure
    return f"{kind}, readable and writable"


def _rooms(data: Path) -> list[tuple[Path, int]]:
    """Where a run writes, and the bytes that are free there."""
    rooms = []
    for folder in (data, Path(tempfile.gettempdir())):
        with suppress(OSError):
            rooms.append((folder, shutil.disk_usage(folder).free))
    return rooms or [(data, 0)]


def _memory() -> int | None:
    import psutil

    found = psutil.virtual_memory()
    return int(found.available + psutil.swap_memory().free)


def _cron_line(settings: Settings) -> CronLine | None:
    try:
        path = path_of_cron(crontab(), itself.home())
    except UsageError:
        return None
    if path is None:
        return None
    missing = [
        name
        for name in not_on(path, settings.chrome, settings.chromedriver)
        if name not in not_on(settings.path, settings.chrome, settings.chromedriver)
    ]
    return CronLine(path, tuple(missing), tuple(unseen(settings, itself.home() / itself.ENV)))


def path_of_cron(content: bytes, folder: Path) -> str | None:
    """The PATH with which the crontab *content* runs what lies in *folder*; None when nothing does."""
    path = USUAL_PATH
    for line in content.decode(errors="replace").splitlines():
        said = OF_A_LINE.search(line)
        if line.startswith("PATH="):
            path = line.removeprefix("PATH=").strip("\"' ")
        elif not line.startswith("#") and str(folder) in line.replace("'", "").replace(r"\%", "%"):
            return "".join(shlex.split(said[1])) if said else path
    return None
