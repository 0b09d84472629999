"""What has to run in the background for cron's bookings: a cron daemon, and the webhook service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from reserve.clock import Clock
from reserve.commands.wiring import texts_to
from reserve.errors import ServiceError, UsageError
from reserve.redaction import printable
from reserve.settings import Settings

ANYBODY = "+14155550100"  # nobody's number; whether the service knows us, it says for any
STARTING = timedelta(seconds=20)  # at most; a slow machine needs five for Python and its packages
LOOK_EVERY = timedelta(milliseconds=200)


def programs() -> Iterator[str]:
    """The names of all programs that run on this machine."""
    import psutil

    return (str(process.info["name"]) for process in psutil.process_iter(["name"]))


def ask_service(settings: Settings, clock: Clock) -> None:
    """Ask the webhook service whether it knows us.

    Raises `UsageError` when it refuses our token, `ServiceError` when none answers.
    """
    texts_to(ANYBODY, settings, clock).newest()


def start_service(line: str, log: Path, settings: Settings, clock: Clock) -> str | None:
    """Start the webhook service as cron would, and wait until it answers; returns why it does not.

    The shell command *line* starts it, and appends what it says to *log*.
    """
    log.touch(mode=0o600)
    before = log.stat().st_size
    process = subprocess.Popen(
        ["/bin/sh", "-c", line],
        env={"HOME": str(Path.home())},  # no more than cron would give it
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = clock.now() + STARTING
    while clock.now() < until:
        try:
            ask_service(settings, clock)
        except UsageError as refusal:
            process.returncode = 0  # it goes on, and nobody waits for it here
            return str(refusal)
        except ServiceError:
            if process.poll() is not None:
                said = log.read_bytes()[before:].decode(errors="replace").splitlines() or [""]
                why = printable(said[-1]).rpartition("Refused: ")[2].rstrip(".") or "it ended at once"
                return f"the webhook service does not start: {why}; its log is {log}"
            clock.sleep(LOOK_EVERY)
        else:
            process.returncode = 0
            return None
    process.returncode = 0
    return f"the webhook service was started, but none answers at {settings.webhook_url}; its log is {log}"
