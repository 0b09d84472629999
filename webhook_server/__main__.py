"""python -m webhook_server: read the environment, listen, and stop cleanly on a signal."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sqlite3
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values
from flask import Flask

from reserve import itself
from reserve.errors import ReserveError
from reserve.log_file import MOMENT, write_to
from webhook_server import create_app, serve
from webhook_server.access import is_loopback
from webhook_server.log_limit import LogLimit
from webhook_server.signatures import SIGNED, variable

SETTINGS = f"""\
environment variables, or lines of the file .env:
  WEBHOOK_TOKEN  secret: gateways post texts to /webhook/<token>, readers send it as their bearer token
  WEBHOOK_HOST   address to listen on (default 127.0.0.1)
  WEBHOOK_PORT   port to listen on (default 5000)
  WEBHOOK_PROXY  address of the reverse proxy before the service, as it connects (127.0.0.1); strangers are
                 then told apart by the last address in its X-Forwarded-For
  WEBHOOK_PAGES  0, or anything but 1, switches the web page off; who may sign in: `account web-password`
  RESERVE_LOG    file for its lines, rotated; not read from .env (default: the output)
  RESERVE_DATA   folder where texts are kept for ten minutes (default data)
  {", ".join(map(variable, SIGNED))}
                 signature key of a gateway; when it is set, unsigned deliveries are refused
"""


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 2 when the settings make no sense."""
    argparse.ArgumentParser(
        prog="python -m webhook_server",
        description="Receives texts from SMS gateways and hands out the one-time codes in them.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    beginning = "%(asctime)s "
    if log := os.environ.get("RESERVE_LOG"):
        write_to(Path(log), lambda: datetime.now(UTC))
        beginning = ""  # is the log's own
    lines = logging.StreamHandler()
    lines.addFilter(LogLimit())
    form = f"{beginning}%(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, datefmt=MOMENT, handlers=[lines])
    logging.raiseExceptions = False  # a full disk under the log stops nothing
    settings: dict[str, str | None] = {}
    for file in reversed(itself.env_files()):
        settings |= dotenv_values(file, interpolate=False)  # a `$` in a key is a `$`
    settings |= os.environ
    host = settings.get("WEBHOOK_HOST") or "127.0.0.1"
    port = settings.get("WEBHOOK_PORT") or "5000"
    token = settings.get("WEBHOOK_TOKEN") or None
    proxy = settings.get("WEBHOOK_PROXY") or None
    data = Path(settings.get("RESERVE_DATA") or itself.data())
    with_pages = (settings.get("WEBHOOK_PAGES") or "1") == "1"  # `off` and `no` are no, too
    keys = {gateway: key for gateway in SIGNED if (key := settings.get(variable(gateway)))}

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        is_alone = is_loopback(host) and not proxy
        app = create_app(data=data, token=token, loopback=is_alone, now=lambda: datetime.now(UTC), keys=keys)
    except ValueError as problem:
        return _refuse(str(problem))
    except (OSError, sqlite3.Error) as problem:
        return _refuse(f"cannot keep texts in {data}: {problem}")
    if with_pages:
        _add_pages(app, exposed=not is_alone, proxy=proxy)
    try:
        server = serve(app, host, int(port), proxy=proxy)
    except (OSError, OverflowError, ValueError) as problem:
        app.extensions["inbox"].close()
        return _refuse(f"cannot listen on {host}, port {port}: {problem}")
    with server:
        shown = f"[{host}]" if ":" in host else host
        with suppress(OSError):  # a full disk under the output
            print(
                f"Listening on http://{shown}:{server.port}, {'with' if token else 'without'} a token",
                flush=True,
            )
        stop.wait()
    return 0


def _add_pages(app: Flask, *, exposed: bool, proxy: str | None) -> None:
    """Add the web page; texts and codes are worth more, so whatever is wrong with it is only said."""
    try:
        from reserve.settings import read_settings
        from webhook_server.pages import add_pages

        add_pages(app, read_settings(os.environ, *itself.env_files()), exposed=exposed, proxy=proxy)
    except (ReserveError, OSError, ValueError, ImportError) as problem:
        logging.getLogger(__name__).warning("without the web page: %s", problem)


def _refuse(why: str) -> int:
    print(f"Refused: {why}.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
