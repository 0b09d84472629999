"""python -m tests.proofs.kills: a run is killed at every step, and a second run puts everything in order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import webhook_server
from reserve.booking.context import Leads
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import build_run
from reserve.http import Answer, Http
from reserve.settings import read_settings
from reserve.simulator import PLAYER, Ledger, RecUsScenario, SimulatedRecUs, serve
from reserve.storage.database import Store
from reserve.storage.runs import RunStore
from reserve.window import zone
from tests.proofs.matrix import memory, report
from tests.stage import RecUsWithoutBrowser

REPOSITORY = Path(__file__).parents[2]
NEVER = "never"
OPEN_SINCE = timedelta(seconds=5)  # so that nothing waits for the opening
AT_ONCE = 4  # points at the same time: a run mostly waits for its one-time code
LONGEST = 60  # seconds for one process; it takes three


# In the process that is killed.


class Steps:
    """Counts the steps of a run by name, and kills this process at one of them."""

    def __init__(self, kill_at: str) -> None:
        self.kill_at = kill_at
        self.counts: Counter[str] = Counter()
        self.names: list[str] = []

    def step(self, name: str) -> None:
        """One more step; perhaps the last."""
        self.counts[name] += 1
        name = f"{name} #{self.counts[name]}"
        self.names.append(name)
        if name == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        """A connection whose requests are steps."""
        connection = SteppingHttp(base_url, headers=headers)
        connection.step = self.step
        return connection

    def written(self, write: Callable[..., str | None]) -> Callable[..., str | None]:
        """*write* as steps, before and after."""

        def stepping(what: str, about: Sequence[Any]) -> str | None:
            self.step(f"before writing {what}")
            trouble = write(what, about)
            self.step(f"after writing {what}")
            return trouble

        return stepping


class SteppingHttp(Http):
    """Every request is two steps: before it leaves, and when its answer is here."""

    step: Callable[[str], None]

    def send(self, prepared: Any) -> Answer:
        parts = prepared.path_url.partition("?")[0].split("/")
        path = "/".join("*" if len(part) == 36 else part for part in parts)  # ids are that long
        self.step(f"before {prepared.method} {path}")
        answer = super().send(prepared)
        self.step(f"after {prepared.method} {path}")
        return answer


def run_and_die(kill_at: str) -> None:
    """One run of the request that the environment describes; prints how it ended, unless it was killed."""
    steps = Steps(kill_at)
    day = os.environ["PROOF_DAY"]
    words = ["-c", "Alice Marble", "-d", day, "-s", "tennis", "-t", "18:00", "-y", "19:30", "-m"]
    settings = read_settings(os.environ)
    booking = read_booking(booking_parser("book").parse_args(words), settings)
    wired = build_run(
        booking.request,
        booking.account,
        booking.settings,
        Stop(),
        Leads(),
        connect=steps.connect,
        system_type=RecUsWithoutBrowser,
    )
    noting: Any = wired.record
    noting.note = steps.written(noting.note)
    wired.run.timeline.show = lambda line: steps.step(f"said {_short(line)}")
    outcome = wired.run.book().outcome
    print(json.dumps({"exit_code": outcome.exit_code, "sentence": outcome.sentence, "steps": steps.names}))


def _short(line: str) -> str:
    """The first words of a line of the timeline, without what differs from run to run."""
    words = ["*" if any(map(str.isdigit, word)) else word for word in line.split()[1:4]]
    return " ".join(words)


# In the process that watches.


@dataclass(frozen=True)
class World:
    """A served rec.us and what leads a process to it."""

    ledger: Callable[[], Ledger]
    environ: Mapping[str, str]
    data: Path

    def run(self, kill_at: str = NEVER) -> dict[str, Any] | None:
        """How a run in a process of its own ended; None when it was killed."""
        command = [sys.executable, "-m", "tests.proofs.kills", kill_at]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=self.environ, capture_output=True, text=True, timeout=LONGEST
        )
        if done.returncode == -signal.SIGKILL:
            return None
        if done.returncode:
            raise RuntimeError(done.stderr)
        return dict(json.loads(done.stdout))


@contextmanager
def world(*, verify: str) -> Iterator[World]:
    """A rec.us whose window is open, its phone, and an empty data folder."""
    clock = Clock()
    opens_at = clock.now() - OPEN_SINCE
    with TemporaryDirectory(dir=memory()) as folder:
        app = webhook_server.create_app(
            data=Path(folder, "webhook"), token=None, loopback=True, now=lambda: datetime.now(UTC)
        )
        with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
            webhook = f"http://127.0.0.1:{inbox.port}"
            here = opens_at.astimezone(zone("America/Los_Angeles"))
            scenario = RecUsScenario(opens_at=here, day=here.date() + timedelta(days=7), verify=verify)
            simulated = SimulatedRecUs(scenario, clock, deliver=lambda text: _deliver(webhook, text))
            with serve(simulated.app) as server:
                environ = {
                    **{name: value for name, value in os.environ.items() if not name.startswith("RE")},
                    "RESERVE_DATA": str(Path(folder, "data")),
                    "RESERVE_EMAIL": PLAYER.email,
                    "RESERVE_PASSWORD": PLAYER.password,
                    "RESERVE_PHONE": PLAYER.phone or "",
                    "RESERVE_WEBHOOK_URL": webhook,
                    "RECUS_WEB_URL": server.url,
                    "RECUS_API_URL": server.url,
                    "PROOF_DAY": str(scenario.day),
                }
                yield World(lambda: simulated.ledger, environ, Path(folder, "data"))


def steps(*, verify: str) -> list[str]:
    """The names of all steps of a run that is not killed."""
    with world(verify=verify) as here:
        end = here.run()
    assert end is not None
    assert end["exit_code"] == 0, end
    return list(end["steps"])


def problems(kill_at: str, *, verify: str) -> list[str]:
    """What is wrong after a run that is killed at this step, and a second one."""
    with world(verify=verify) as here:
        first = here.run(kill_at)
        if first is not None:
            return [f"was not killed: {first['sentence']}"]
        paid_by_first = bool(here.ledger().paid)
        second = here.run()
        ledger, now = here.ledger(), datetime.now(UTC)
        store = Store(here.data)
        runs = RunStore(store).history()
        store.close()
    assert second is not None
    end = f"exit code {second['exit_code']}: {second['sentence']}"
    found = []
    if second["exit_code"] != (5 if paid_by_first else 0) or len(ledger.paid) != 1:
        found.append(f"{end}; paid: {len(ledger.paid)}")
    if left := ledger.open_holds(now):
        found.append(f"{len(left)} holds are left; {end}")
    if broken := ledger.violations:
        found.append(f"rules broken: {broken}")
    text = [run.sentence or "nothing" for run in runs]
    if paid_by_first and len(runs) == 2 and not text[1].startswith("Reserved"):
        found.append(f"history says of the run that paid: {text[1]}")
    if any(run.ended is None for run in runs):
        found.append(f"history leaves a run open: {text}")
    return found


def main() -> int:
    """Kill at every step, write build/kills.json, and return 1 when anything is wrong."""
    points = steps(verify="before")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(
            zip(points, pool.map(lambda point: problems(point, verify="before"), points), strict=True)
        )
    failures = [
        {"case": point, "exit_code": None, "problem": "kill", "details": "; ".join(wrong)}
        for point, wrong in found.items()
        if wrong
    ]
    return report("kills", {"points": len(points), "wrong": len(failures), "failures": failures})


def _deliver(webhook: str, text: dict[str, object]) -> None:
    connection = Http(webhook, headers={})
    connection.ask("POST", "/webhook", json=text)
    connection.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run_and_die(sys.argv[1])
    else:
        sys.exit(main())
