"""The simulated rec.us on its own: `python -m reserve.simulator`, for trying the real command against it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import urllib.request
from contextlib import suppress
from datetime import date, timedelta
from threading import Event as Stop

from reserve.clock import Clock
from reserve.simulator import FAULTS, PLAYER, Simulation, serve
from reserve.simulator.scenario import DIALOGS, SHAPES, VERIFY
from reserve.simulator.twin import Deliver
from reserve.window import zone

ZONE = zone("America/Los_Angeles")
PATIENCE = 5.0  # seconds that the webhook service may take for one text


def port(text: str) -> int:
    """A port number; 0 means any free one."""
    number = int(text)
    if not 0 <= number < 2**16:
        raise ValueError
    return number


def seconds(text: str) -> float:
    """A length of at most a month."""
    number = float(text)
    if not 0 <= number <= timedelta(days=31).total_seconds():
        raise ValueError
    return number


def parser() -> argparse.ArgumentParser:
    """The options of `python -m reserve.simulator`."""
    faults = "\n".join(f"  {name:20} {what}" for name, what in FAULTS.items())
    made = argparse.ArgumentParser(
        prog="python -m reserve.simulator",
        description="A simulated rec.us on this machine; Ctrl-C ends it and shows what happened.",
        epilog=f"faults:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--port", type=port, default=8100, help="where to listen (default: %(default)s)")
    made.add_argument("--webhook", metavar="URL", help="the webhook service, for the phone's texts")
    made.add_argument("--webhook-token", metavar="T", default=os.environ.get("WEBHOOK_TOKEN"))
    made.add_argument("--opens-in", type=seconds, default=60, metavar="SECONDS", help="default: %(default)s")
    made.add_argument("--day", type=date.fromisoformat, metavar="YYYY-MM-DD", help="default: in 7 days")
    made.add_argument("--seed", type=int, default=0, help="same seed, same story")
    made.add_argument("--rivals", type=int, default=0, help="how many others want the 18:00 slot")
    made.add_argument("--courts", type=int, default=3, help="that open then (default: %(default)s)")
    made.add_argument("--price", type=int, default=0, metavar="CENTS", help="per hour")
    made.add_argument("--shape", choices=SHAPES, default="2026", help="of the answer to a hold")
    made.add_argument("--verify", choices=VERIFY, default="before", help="when a code is wanted")
    made.add_argument("--dialog", choices=DIALOGS, default="D", help="how the log-in looks")
    made.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="may be repeated; see below"
    )
    made.add_argument("--email", default=PLAYER.email)
    made.add_argument("--password", default=PLAYER.password)
    made.add_argument("--phone", default=PLAYER.phone)
    return made


def post_to(webhook: str, token: str | None) -> Deliver:
    """How the phone hands its texts to the webhook service."""
    url = f"{webhook.rstrip('/')}/webhook" + (f"/{token}" if token else "")

    def deliver(payload: dict[str, object]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(payload).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    return deliver


def invitation(simulation: Simulation, url: str, options: argparse.Namespace) -> str:
    """The environment and the command that book a court here."""
    told = simulation.scenario
    environment = dict(simulation.environ(url))
    if options.webhook:
        environment["RESERVE_WEBHOOK_URL"] = options.webhook
    if options.webhook_token:
        environment["RESERVE_WEBHOOK_TOKEN"] = options.webhook_token
    command = ["python3", "main.py", "-c", told.facility, "-d", told.day.isoformat(), "-s", "tennis"]
    command += ["-t", "18:00:00", "-y", "19:30:00", "-e", told.account.email, "-p", told.account.password]
    command += ["-n", told.account.phone or "", "-r", f"{told.opens_at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}"]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join([*exports, shlex.join([*command, "-m", "--json"])])


def main() -> int:
    """Serve until interrupted, then show the ledger."""
    options = parser().parse_args()
    clock = Clock()
    try:
        if options.webhook and not options.webhook.startswith(("http://", "https://")):
            raise ValueError(f"--webhook must be an http address, not {options.webhook!r}")
        deliver = post_to(options.webhook, options.webhook_token) if options.webhook else None
        simulation = Simulation.rehearsed(options, clock, deliver)
        server = serve(simulation.app, port=options.port)
    except ValueError as error:
        print(f"Refused: {error}.", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"Refused: cannot listen on port {options.port}: {error.strerror}. Try --port.", file=sys.stderr
        )
        return 2
    with server, suppress(KeyboardInterrupt):
        opens_at = simulation.scenario.opens_at.astimezone(ZONE)
        print(f"A simulated rec.us answers at {server.url}; reservations open at {opens_at}.")
        print(invitation(simulation, server.url, options), flush=True)
        Stop().wait()
    print(json.dumps(simulation.ledger.as_json(clock.now()), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
