"""`cron`: the lines that make this machine call `due` every minute, and start the webhook service at boot."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from reserve import itself, window
from reserve.checks.machine import without_daemon
from reserve.clock import Clock
from reserve.commands import screen
from reserve.commands.background import ask_service, programs, start_service
from reserve.commands.options import command_parser
from reserve.commands.store import open_store
from reserve.errors import ServiceError, UsageError
from reserve.redaction import printable
from reserve.settings import Settings, loose_files, read_file
from reserve.storage.plans import PlanStore

STANDARD = ("/usr/local/bin", "/usr/bin", "/bin")
BROWSERS = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "chromedriver")
SERVICE_LOG = "webhook.log"  # in the data folder
DAY = "%a %Y-%m-%d %H:%M %Z"


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print the lines, or write them into the crontab, or take ours out of it again."""
    parser = command_parser("cron")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="write the lines into the crontab of this user")
    what.add_argument("--remove", action="store_true", help="remove these lines from it, and nothing else")
    what.add_argument("--systemd", action="store_true", help="print units for systemd instead")
    options = parser.parse_args(arguments)
    machine = Machine.here(settings)
    if options.remove:
        write_crontab(without(machine.marks, crontab()))
        print("Removed the lines of this folder from the crontab.")
        return 0
    warnings = [*loose_files(settings, itself.env_file()), *unseen(settings, machine.folder / itself.ENV)]
    if options.systemd:
        print(machine.units(), end="")
        print("# Save each part under its name, then:")
        print("#   systemctl --user enable --now first-serve.timer first-serve-webhook.service")
        print("#   loginctl enable-linger   # or they end when you log out")
        return warn(warnings)
    lines = machine.lines()
    if options.install:
        for folder in (machine.folder, machine.data):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_crontab(installed(machine, crontab()))
    print(lines, end="")
    print(*clock_change_lines(settings, Clock().now()), sep="\n")
    if not options.install:
        print("Printed only: `cron --install` writes these lines into your crontab.")
        return warn(warnings)
    warnings += serve_now(machine, settings, Clock())
    warnings += ["; ".join(trouble)] if (trouble := without_daemon(programs())) else []
    when = "once a cron daemon runs, it" if trouble else "cron now"
    print(f"Installed: {when} calls `due` every minute. `cron --remove` undoes it.")
    return warn(warnings)


def warn(warnings: Sequence[str]) -> int:
    """Say every warning, after all the rest."""
    sys.stdout.flush()
    for warning in warnings:
        screen.warn(warning)
    return 0


def serve_now(machine: Machine, settings: Settings, clock: Clock) -> list[str]:
    """Have the webhook service answer from now on, as it will after the next boot; returns what is wrong."""
    trouble, how = None, "answers already"
    try:
        ask_service(settings, clock)
    except UsageError as refusal:
        trouble = str(refusal)
    except ServiceError:
        how = "was started, and answers"
        trouble = start_service(machine.service(), machine.data / SERVICE_LOG, settings, clock)
    if trouble is None:
        print(f"The webhook service {how} at {settings.webhook_url}.")
    return [trouble] if trouble else []


@dataclass(frozen=True)
class Machine:
    """Where things are on this machine; all paths are absolute."""

    python: str
    folder: Path
    data: Path
    path: str

    @classmethod
    def here(cls, settings: Settings) -> Machine:
        """This machine, as this process sees it."""
        data = settings.data.absolute()
        places = dict.fromkeys(STANDARD)
        for program in BROWSERS:  # cron looks in two places only
            if found := shutil.which(program, path=settings.path or os.defpath):
                places.setdefault(str(Path(found).parent.absolute()))
        # Not resolved: the interpreter of a virtual environment is a link that has to stay one.
        return cls(str(Path(sys.executable).absolute()), itself.home(), data, ":".join(places))

    @property
    def marks(self) -> tuple[str, str]:
        """The comments around our lines; another folder has its own."""
        return f"# >>> First Serve in {self.folder} >>>", f"# <<< First Serve in {self.folder} <<<"

    def lines(self) -> str:
        """What goes into the crontab."""
        first, last = self.marks
        due = self._shell(itself.command(["due"], self.python, self.folder), "due.log")
        commands = f"* * * * * {due}\n@reboot {self.service()}".replace("%", r"\%")
        return f"{first}\n{commands}\n{last}\n"

    def service(self) -> str:
        """The shell command that starts the webhook service."""
        return self._shell([self.python, "-m", "webhook_server"], SERVICE_LOG)

    def _shell(self, words: Sequence[str], log: str) -> str:
        # The variables are set in the line: on lines of their own they would be for all other jobs as well.
        variables = f"PATH={shlex.quote(self.path)} RESERVE_DATA={shlex.quote(str(self.data))}"
        path = shlex.quote(str(self.data / log))
        # What is said before the program runs, or when it cannot, lands in the same file.
        variables += f" RESERVE_LOG={path}"
        return f"cd {shlex.quote(str(self.folder))} && {variables} exec {shlex.join(words)} >> {path} 2>&1"

    def units(self) -> str:
        """The same for systemd, as units of the user."""
        python, due = _quoted(self.python), itself.command(["due"], self.python, self.folder)
        run = f"""[Service]
WorkingDirectory={_escaped(str(self.folder))}
Environment={_quoted(f"PATH={self.path}")} {_quoted(f"RESERVE_DATA={self.data}")}
"""
        return f"""# ~/.config/systemd/user/first-serve.service
[Unit]
Description=First Serve: start the bookings that are due

{run}Type=oneshot
KillMode=process
ExecStart={" ".join(map(_quoted, due))}

# ~/.config/systemd/user/first-serve.timer
[Unit]
Description=First Serve, every minute

[Timer]
OnCalendar=*-*-* *:*:00
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target

# ~/.config/systemd/user/first-serve-webhook.service
[Unit]
Description=First Serve: the webhook service

{run}ExecStart={python} -m webhook_server
Restart=always

[Install]
WantedBy=default.target
"""


def unseen(settings: Settings, file: Path) -> list[str]:
    """What to say when runs from cron would lack something that is set here."""
    missing = not_in_file(settings, read_file(file))
    them = "it" if len(missing) == 1 else "them"
    return [f"cron will not see {', '.join(missing)}; add {them} to {file}"] if missing else []


def not_in_file(settings: Settings, written: Mapping[str, str]) -> list[str]:
    """The variables of ours that a run from cron would not have: it reads the file, and not this terminal."""
    return sorted(
        settings.given - {name for name, text in written.items() if text} - {"RESERVE_DATA", "RESERVE_LOG"}
    )


def crontab() -> bytes:
    """The crontab of this user, empty if there is none; bytes, as nothing says how others wrote theirs."""
    listed = _crontab("-l")
    if listed.returncode and b"no crontab" not in listed.stderr:
        raise UsageError(f"the crontab cannot be read: {_said(listed.stderr)}")
    return listed.stdout


def write_crontab(content: bytes) -> None:
    """Replace the crontab of this user."""
    written = _crontab("-", content)
    if written.returncode:
        raise UsageError(f"the crontab cannot be written: {_said(written.stderr)}")


def _crontab(word: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["crontab", word], input=content, capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("there is no crontab here; install cron, or see cron --systemd") from None


def _said(errors: bytes) -> str:
    return printable(errors.decode(errors="replace").strip())


def installed(machine: Machine, content: bytes) -> bytes:
    """The crontab *content* with the lines of *machine* at its end; the lines of others stay as they are."""
    others = without(machine.marks, content)
    end = b"" if others.endswith(b"\n") or not others else b"\n"
    return others + end + os.fsencode(machine.lines())


def without(marks: tuple[str, str], content: bytes) -> bytes:
    """*content* without what is between our marks; raises `UsageError` when one of them is missing."""
    first, last = map(os.fsencode, marks)
    kept, inside = b"", False
    for whole in BytesIO(content):  # which ends lines at line feeds, and nowhere else
        line = whole.rstrip(b"\r\n")
        if line in (first, last) and (line == first) == inside:
            raise _half(line)
        if line not in (first, last) and not inside:
            kept += whole
        inside = line == first or (inside and line != last)
    if inside:
        raise _half(first)
    return kept


def _half(mark: bytes) -> UsageError:
    name = repr(os.fsdecode(mark))
    return UsageError(f"the crontab has {name} without the other mark; correct it with crontab -e")


def clock_change_lines(settings: Settings, now: datetime) -> list[str]:
    """When the clocks of the plans' facilities change, and when their next slots open, here and in UTC."""
    with closing(open_store(settings)) as store:
        stored_plans = PlanStore(store).all()
        ahead = sorted(PlanStore(store).occurrences(ended=False), key=lambda each: each.opens_at)
    lines = ["`due` runs every minute and openings are stored in UTC, so cron needs no time zone."]
    for name in sorted({stored.zone for stored in stored_plans if stored.zone}):
        zone = window.zone(name)
        if changes := window.clock_changes(zone, now):
            days = " and ".join(f"{change:{DAY}} ({change.astimezone(UTC):%H:%M} UTC)" for change in changes)
            lines.append(f"{name}: clocks change on {days}; `due` runs on as before.")
        here = {stored.plan_id for stored in stored_plans if stored.zone == name}
        for each in ahead:
            if each.plan_id in here:
                local = f"{each.opens_at.astimezone(zone):{DAY}}"
                lines.append(f"  plan {each.plan_id}: {local} = {each.opens_at:%Y-%m-%d %H:%M} UTC")
    return lines


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    escaped = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
