"""`due`: what cron calls every minute. When nothing is due it does next to nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from reserve.clock import Clock
from reserve.commands.options import command_parser
from reserve.commands.quiet import is_quiet
from reserve.commands.screen import warn
from reserve.errors import ReserveError
from reserve.settings import Settings

FAILED = "due.failed"  # a file that is there from the first failure to the next success


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Start what is due, or serve one occurrence when *arguments* name it."""
    parser = command_parser("due")
    parser.add_argument("--occurrence", metavar="NAME", help="serve this one; `due` calls itself so")
    parser.add_argument("--check", metavar="NAME", help="check this one; `due` calls itself so")
    parser.add_argument(
        "--check-at", metavar="TIME", help="when plans are checked the evening before; 20:00, or off"
    )
    parser.add_argument("--verbose", action="store_true", help="print a status line even when nothing is due")
    options = parser.parse_args(arguments)
    is_asked = options.occurrence or options.check or options.verbose or sys.stdout.isatty()
    try:
        tell_what_is_left(settings)
        code = 0
        if is_asked or settings.database_url or not is_quiet(settings.data, Clock().now()):
            from reserve.commands.ticking import run_due  # which has a database to load

            code = run_due(options, settings, Clock())
    except Exception as failure:
        report(failure, settings)
        raise
    if options.occurrence or options.check:
        return code
    with suppress(OSError):
        (settings.data / FAILED).unlink(missing_ok=True)
    if settings.ping_url:
        from reserve.notify.channels import ping

        if trouble := ping(settings.ping_url):
            warn(f"RESERVE_PING_URL: {trouble}")
    return code


def report(failure: Exception, settings: Settings) -> None:
    """Tell the player of a *failure*, once until `due` works again: nobody looks at what cron calls."""
    why = str(failure) if isinstance(failure, ReserveError) else type(failure).__name__
    from reserve.commands.telling import tell_of_trouble
    from reserve.notify.channels import ping

    if is_first_failure(settings.data / FAILED, Clock().now()):
        tell_of_trouble(settings, f"`due` failed: {why}.")
    ping(settings.ping_url, failed=True)


def is_first_failure(mark: Path, now: datetime) -> bool:
    """Note a failure in *mark*; False when one was noted. Where none can be, it is the first once an hour."""
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        return False
    except OSError:
        return now.minute == 0
    return True


def tell_what_is_left(settings: Settings) -> None:
    """Have the player told of what a process was killed over, or a machine went down with."""
    with suppress(OSError, ValueError):
        if settings.notify and any((settings.data / "outbox").glob("*.json")):
            from reserve.commands.telling import tell_what_is_left

            tell_what_is_left(settings, Clock().now())
