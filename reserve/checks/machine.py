"""Whether this machine is fit for a booking: its disk, memory, clock, browser, cron and database.

How it is looked at is one value, so that a test can bring another machine; what is fit is decided here only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from reserve.causes.words import length
from reserve.checks.verdict import Finding, Unfit, remedy_for, warning
from reserve.errors import CauseWord

MB = 1_000_000  # bytes
LEAST_DISK, LITTLE_DISK = 50 * MB, 500 * MB  # a browser's profile, and what runs write; room for a month
LEAST_MEMORY, LITTLE_MEMORY = 150 * MB, 400 * MB  # of which a browser takes some 300 while it signs in
OFF = timedelta(seconds=1)  # our clock; less does no harm, as a booking goes by the server's
FAR_OFF = timedelta(minutes=1)  # then cron starts a booking too late, or certificates are not valid
DAEMONS = ("cron", "crond", "fcron", "dcron", "cronie")


@dataclass(frozen=True)
class CronLine:
    """The line in the crontab that calls `due`: the PATH it has, what is not on that, and what it lacks."""

    path: str
    missing: tuple[str, ...] = ()  # programs that are found without cron
    unseen: tuple[str, ...] = ()  # what to say of settings that cron does not see


@dataclass(frozen=True)
class Machine:
    """What this machine has, as it was seen; None for what nobody can tell."""

    disk: Callable[[], tuple[Path, int]] = lambda: (Path(), 100 * LITTLE_DISK)  # the fullest, and its room
    memory: Callable[[], int | None] = lambda: None  # bytes that a program could have now
    clock_error: Callable[[], timedelta | None] | None = None  # true time less ours; None: nobody is asked
    zone: Callable[[], str] = lambda: "UTC"
    programs: Callable[[], Iterable[str]] = lambda: ("cron",)  # that run
    cron_line: Callable[[], CronLine | None] = lambda: None  # None where the crontab has none
    loose_files: Callable[[], list[str]] = list  # what to say of files that others can read or change
    store: Callable[[], str] = lambda: "writable"  # what keeps plans and history; raises why it does not
    is_called_by_cron: bool = False  # so that nobody need ask whether cron calls us


def disk(machine: Machine) -> Finding:
    """Whether there is room for what a booking writes."""
    folder, free = machine.disk()
    said = f"{free // MB} MB free in {folder}"
    if free < LEAST_DISK:
        raise Unfit(f"the disk is full: {said}", CauseWord.DISK)
    return warning(said, remedy_for(CauseWord.DISK)) if free < LITTLE_DISK else Finding(said)


def memory(machine: Machine) -> Finding | None:
    """Whether a browser could start."""
    free = machine.memory()
    if free is None:
        return None
    said = f"{free // MB} MB free"
    mend = "End other programs, or add swap: a browser takes some 300 MB."
    if free < LEAST_MEMORY:
        raise Unfit(f"too little memory: {said}", CauseWord.BROWSER, mend)
    return warning(said, mend) if free < LITTLE_MEMORY else Finding(said)


def clock(machine: Machine, *, decides: bool = False) -> Finding | None:
    """Whether our clock is right; it *decides* when the booking system does not tell its own."""
    if machine.clock_error is None:
        return None
    error = machine.clock_error()
    if error is None:
        return Finding("could not ask public time servers")
    said = f"{length(error)} {'behind' if error > timedelta(0) else 'ahead of'} public time servers"
    if abs(error) > FAR_OFF or (decides and abs(error) > OFF):
        raise Unfit(f"this machine's clock is {said}", CauseWord.CLOCK)
    return warning(said, remedy_for(CauseWord.CLOCK)) if abs(error) > OFF else Finding(said)


def without_daemon(running: Iterable[str]) -> tuple[str, str] | None:
    """What to say when no cron daemon is among the *running* programs, and what to do; None when one is."""
    if any(name in DAEMONS for name in running):
        return None
    has_systemd = Path("/run/systemd/system").is_dir()
    start = "sudo systemctl enable --now cron" if has_systemd else "sudo service cron start"
    return "no cron daemon runs on this machine, so nothing will be booked", f"start it with: {start}"


def cron(machine: Machine) -> Finding | None:
    """Whether cron would start the booking, and find what it needs; None where nobody has asked it to."""
    if machine.is_called_by_cron:
        return None
    line = machine.cron_line()
    if line is None:
        return None
    if trouble := without_daemon(machine.programs()):
        raise Unfit(trouble[0], CauseWord.LATE, trouble[1].capitalize())
    if line.missing:
        said = f"cron does not find {' and '.join(line.missing)} on its PATH, {line.path}"
        raise Unfit(said, CauseWord.BROWSER, "Write the lines anew: `cron --install`.")
    if line.unseen:
        return warning("; ".join(line.unseen), "Write them into that file, for cron reads no terminal.")
    return Finding("a daemon runs, and the crontab has a line of ours")


def files(machine: Machine) -> Finding:
    """Whether others on this machine are kept from what is the player's."""
    loose = machine.loose_files()
    if loose:
        return warning("; ".join(loose), "Run what it says.")
    return Finding("settings and key are yours alone")
