"""`python -m reserve.simulator`: a simulated booking system to try the real command against."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from threading import Event

from reserve import itself
from reserve.clock import Clock
from reserve.simulator import post_to, serve
from reserve.simulator.options import add_options, simulated_for


def port(text: str) -> int:
    """A port number; 0 means any free one."""
    number = int(text)
    if not 0 <= number < 2**16:
        raise ValueError
    return number


def seconds(text: str) -> timedelta:
    """A length of at most a month."""
    length = timedelta(seconds=float(text))
    if not timedelta() <= length <= timedelta(days=31):
        raise ValueError
    return length


def parser() -> argparse.ArgumentParser:
    """The options of `python -m reserve.simulator`."""
    made = argparse.ArgumentParser(
        prog="python -m reserve.simulator",
        description="A simulated booking system on this machine; Ctrl-C ends it and shows what happened.",
    )
    made.add_argument("--port", type=port, default=8100, help="where to listen (%(default)s)")
    made.add_argument("--webhook", metavar="URL", help="the webhook service, for the phone's texts")
    made.add_argument(
        "--webhook-token", metavar="T", default=os.environ.get("WEBHOOK_TOKEN"), help="WEBHOOK_TOKEN"
    )
    made.add_argument(
        "--opens-in", type=seconds, default="60", metavar="SECONDS", help="until the opening (%(default)s)"
    )
    add_options(made)
    return made


def invitation(environ: Mapping[str, str], words: list[str]) -> str:
    """What to type to book here: the environment, then the command."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environ.items()]
    return "\n".join([*exports, f"{itself.TYPED} {shlex.join([*words, '--json'])}"])


def main() -> int:
    """Serve until interrupted, then show the ledger."""
    options = parser().parse_args()
    clock, webhook, token = Clock(), options.webhook, options.webhook_token
    try:
        if webhook and not webhook.startswith(("http://", "https://")):
            raise ValueError(f"--webhook must be an http address, not {webhook!r}")
        deliver = post_to(webhook, token) if webhook else None
        simulated = simulated_for(options, clock, deliver, ahead=options.opens_in)
        server = serve(simulated.app, port=options.port)
    except ValueError as error:
        print(f"Refused: {error}.", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"Refused: cannot listen on port {options.port}: {error.strerror}. Try --port.", file=sys.stderr
        )
        return 2
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with server:
        opens_at = f"{simulated.scenario.opens_at:%Y-%m-%d %H:%M:%S} UTC"
        print(f"A simulated {simulated.title} answers at {server.url}; reservations open at {opens_at}.")
        print(
            invitation(simulated.environ_of_player(server.url, webhook, token), simulated.words()), flush=True
        )
        stop.wait()
    print(json.dumps(simulated.ledger.as_json(clock.now()), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
