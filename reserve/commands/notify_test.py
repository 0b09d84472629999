"""`notify-test`: a test message to every configured channel."""

from __future__ import annotations

from collections.abc import Sequence

from reserve.clock import Clock
from reserve.commands.options import command_parser
from reserve.errors import ExitCode, UsageError
from reserve.notify.channels import channels, host, ping, send
from reserve.notify.notice import Kind, Notice
from reserve.settings import Settings


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Send the message, and say for each channel how it went; the exit code is 6 when one failed."""
    command_parser("notify-test").parse_args(arguments)
    found, watchdog = channels(settings.notify), settings.ping_url
    if not found and not watchdog:
        raise UsageError("no channel is configured; set RESERVE_NOTIFY, e.g. to ntfy://your-topic")
    text = "A test message: your bookings will be reported here."
    notice = Notice("test", Kind.TEST, text, Clock().now())
    results = [(f"{each.name}, {each.level}", send(each, notice)) for each in found]
    if watchdog:
        results.append(
            (f"{host(watchdog) or 'an address without a host'} (RESERVE_PING_URL)", ping(watchdog))
        )
    for name, why in results:
        print(f"{name}: {why or 'delivered'}", flush=True)
    failed = sum(why is not None for _, why in results)
    print(f"Sent to {len(results)} channels{f', {failed} of which failed' if failed else ''}.")
    return ExitCode.SERVICE if failed else ExitCode.SUCCESS
