"""python -m webhook_server: read the environment, listen, and stop cleanly on a signal."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from dotenv import dotenv_values

from reserve import itself
from reserve.errors import ReserveError
from reserve.log_file import MOMENT, write_to
from webhook_server import create_app, serve
from webhook_server.access import Access, is_loopback
from webhook_server.log_limit import LogLimit
from webhook_server.pages_process import PagesProcess
from webhook_server.server import PageServer, WebhookServer, handing_over
from webhook_server.signatures import SIGNED, variable

USUAL, MOST = min(2, os.cpu_count() or 1), 8  # processes for the pages
BEHIND = 5  # niceness of the pages: texts, codes and runs come first
SETTINGS = f"""\
environment variables, or lines of the file .env:
  WEBHOOK_TOKEN  secret: gateways post texts to /webhook/<token>, readers send it as their bearer token
  WEBHOOK_HOST   address to listen on (default 127.0.0.1)
  WEBHOOK_PORT   port to listen on (default 5000)
  WEBHOOK_PROXY  address of the reverse proxy before the service, as it connects (127.0.0.1); strangers are
                 then told apart by the last address in its X-Forwarded-For
  WEBHOOK_PAGES  how many processes make the web page (default 2, or 1 where there is one processor); 0, or
                 what is no number, switches it off; who may sign in: `account web-password`
  RESERVE_LOG    file for its lines, rotated; not read from .env (default: the output)
  RESERVE_DATA   folder where texts are kept for ten minutes (default data)
  {", ".join(map(variable, SIGNED))}
                 signature key of a gateway; when it is set, unsigned deliveries are refused
"""


@dataclass(frozen=True)
class Service:
    """What the environment says about the service."""

    host: str
    port: str
    token: str | None = field(repr=False)
    proxy: str | None
    data: Path
    pages: int  # processes for them
    keys: Mapping[str, str] = field(repr=False)

    @property
    def is_exposed(self) -> bool:
        """Whether others can reach it."""
        return bool(self.proxy) or not is_loopback(self.host)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns 2 when the settings make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m webhook_server",
        description="Receives texts from SMS gateways and hands out the one-time codes in them.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # How the service starts the process of its pages: where it listens, and its end of the door.
    parser.add_argument("--pages", nargs=2, type=int, metavar=("PORT", "DOOR"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    _write_log()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service = _service()
    if options.pages:
        port, door = options.pages
        return _serve_pages(service, port, door, stop)
    return _serve_texts(service, stop)


def _write_log() -> None:
    beginning = "%(asctime)s "
    if log := os.environ.get("RESERVE_LOG"):
        write_to(Path(log), lambda: datetime.now(UTC))
        beginning = ""  # is the log's own
    lines = logging.StreamHandler()
    lines.addFilter(LogLimit())
    form = f"{beginning}%(levelname)s %(message)s"
    logging.basicConfig(level=logging.INFO, format=form, datefmt=MOMENT, handlers=[lines])
    logging.getLogger("alembic").setLevel(logging.WARNING)  # new tables are no news for whoever reads texts
    logging.raiseExceptions = False  # a full disk under the log stops nothing


def _service() -> Service:
    settings: dict[str, str | None] = {}
    for file in reversed(itself.env_files()):
        settings |= dotenv_values(file, interpolate=False)  # a `$` in a key is a `$`
    settings |= os.environ
    return Service(
        host=settings.get("WEBHOOK_HOST") or "127.0.0.1",
        port=settings.get("WEBHOOK_PORT") or "5000",
        token=settings.get("WEBHOOK_TOKEN") or None,
        proxy=settings.get("WEBHOOK_PROXY") or None,
        data=Path(settings.get("RESERVE_DATA") or itself.data()),
        pages=_number(settings.get("WEBHOOK_PAGES") or str(USUAL)),
        keys={gateway: key for gateway in SIGNED if (key := settings.get(variable(gateway)))},
    )


def _number(said: str) -> int:
    """How many processes for the pages; `off` and `no` are none."""
    return min(int(said), MOST) if said.isascii() and said.isdigit() else 0


def _serve_texts(service: Service, stop: threading.Event) -> int:
    try:
        app = create_app(
            data=service.data,
            token=service.token,
            loopback=not service.is_exposed,
            now=lambda: datetime.now(UTC),
            keys=service.keys,
        )
    except ValueError as problem:
        return _refuse(str(problem))
    except (OSError, sqlite3.Error) as problem:
        return _refuse(f"cannot keep texts in {service.data}: {problem}")
    ends = _ends(service.pages)
    try:
        server = serve(
            app, service.host, int(service.port), proxy=service.proxy, pages=[ours for ours, _ in ends]
        )
    except (OSError, OverflowError, ValueError) as problem:
        app.extensions["inbox"].close()
        return _refuse(f"cannot listen on {service.host}, port {service.port}: {problem}")
    with server:
        shown = f"[{service.host}]" if ":" in service.host else service.host
        token = f"{'with' if service.token else 'without'} a token"
        with suppress(OSError):  # a full disk under the output
            print(f"Listening on http://{shown}:{server.port}, {token}", flush=True)
        with _pages(server, [theirs for _, theirs in ends]):
            stop.wait()
    return 0


def _ends(processes: int) -> list[tuple[socket.socket, socket.socket]]:
    """Both ends of each door to the pages; that there is none is only said, for texts are worth more."""
    try:
        return [handing_over() for _ in range(processes)]
    except OSError as problem:
        logging.getLogger(__name__).warning("without the web page: %s", problem)
        return []


@contextmanager
def _pages(server: WebhookServer, ends: Sequence[socket.socket]) -> Iterator[None]:
    """The processes of the pages, at their *ends* of the doors, until the block ends."""
    command = [sys.executable, "-m", "webhook_server", "--pages", str(server.port)]
    processes = [PagesProcess(command, end, door) for end, door in zip(ends, server.doors, strict=True)]
    try:
        yield
    finally:
        for each in processes:  # or one would wait for the end of the other
            each.stop()
        for each in processes:
            each.close()


def _serve_pages(service: Service, port: int, door: int, stop: threading.Event) -> int:
    """Serve pages until the service is gone, which listens on *port* and hands connections over by *door*."""
    os.nice(BEHIND)
    try:
        from reserve.settings import read_settings
        from webhook_server.pages import create_pages
        from webhook_server.pages.texts import TextsOfService

        pages = create_pages(
            read_settings(os.environ, *itself.env_files()),
            Access(service.token, exposed=service.is_exposed),
            TextsOfService(service.host, port, service.token),
            exposed=service.is_exposed,
            proxy=service.proxy,
        )
    except (ReserveError, OSError, ValueError, ImportError) as problem:
        logging.getLogger(__name__).warning("the web page cannot be shown: %s", problem)
        return 2
    with PageServer(pages, socket.socket(fileno=door), proxy=service.proxy, left=stop.set):
        stop.wait()
    return 0


def _refuse(why: str) -> int:
    print(f"Refused: {why}.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
