"""What one run costs this machine: a real booking in a process of its own, against a simulated rec.us."""

from __future__ import annotations

import os
import re
import resource
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import psutil

import webhook_server
from reserve.clock import Clock
from reserve.simulator import SimulatedRecUs, post_to, serve
from tests.benchmarks.figures import spread

AHEAD = timedelta(seconds=50)  # until the opening: the browser gets twenty, then comes the wait
WAIT = (
    timedelta(seconds=30),
    timedelta(seconds=1),
)  # before the opening; what is used meanwhile is looked at
NAP = 0.1  # seconds between two looks at the process
MB = 1 << 20
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


def bench(*, quick: bool) -> dict[str, Any]:
    """One row per run."""
    cases = [(3, "browser"), (3, "api"), (12, "browser")]
    rows = [booking(courts, sign_in) for courts, sign_in in (cases[:1] if quick else cases)]
    for one in rows:
        used = f"{one['cpu_s']} s of CPU, peak {one['peak_mb']} MB, waiting {one['waiting_mb']['max']} MB"
        rest = f"{one['browsers']} browsers, {one['requests']} requests {one['last_words']}"
        how = f"signed in by {one['sign_in']}"
        print(f"{one['courts']:>2} courts, {how}: exit {one['exit_code']}, {used}, {rest}", flush=True)
    commands = [command(words, 3 if quick else 10) for words in (["due"], ["--help"])]
    for one in commands:
        print(f"{one['command']}: {one['cpu_s']} s of CPU", flush=True)
    return {"rows": rows, "commands": commands, "about": ABOUT}


def usual() -> dict[str, str]:
    """Our environment, but that what was compiled is kept, as it is for a player."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def command(words: list[str], runs: int) -> dict[str, Any]:
    """What one command costs that has nothing to do, in a folder with a store."""
    used = []
    with TemporaryDirectory(prefix="first-serve-cost-") as folder:
        environ = {**usual(), "RESERVE_DATA": folder}
        for _ in range(runs + 1):  # the first makes the store
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "main.py", *words], env=environ, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"command": " ".join(words), "cpu_s": round(median(used[1:]), 3), "runs": runs}


def booking(courts: int, sign_in: str) -> dict[str, Any]:
    """A whole run, signed in by this way, and what it used."""
    clock, token = Clock(), secrets.token_hex(16)
    opens_at = (clock.now() + AHEAD).replace(microsecond=0)
    with TemporaryDirectory(prefix="first-serve-cost-") as folder:
        app = webhook_server.create_app(data=Path(folder), token=token, loopback=True, now=clock.now)
        with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
            webhook = f"http://127.0.0.1:{inbox.port}"
            simulated = SimulatedRecUs.opening(opens_at, clock, post_to(webhook, token), courts=courts)
            with serve(simulated.app) as server:
                player = simulated.environ_of_player(server.url, webhook, token)
                data = str(Path(folder) / "data")
                environ = {**usual(), **player, **simulated.keys, "RESERVE_DATA": data}
                subprocess.run([sys.executable, "main.py", "due"], env=environ, check=True)  # makes the store
                words = [*simulated.words(), "--sign-in", sign_in]
                used = watched([sys.executable, "main.py", *words], environ, opens_at, clock)
            ledger = simulated.ledger
    return {
        "method": "ours with -m",
        "courts": courts,
        "sign_in": sign_in,
        **used,
        "paid": len(ledger.paid),
        "attempts": len(ledger.attempts),
        "requests": sum(ledger.requests.values()),
        "requests_by_path": by_path(ledger.requests),
    }


def by_path(requests: Mapping[str, int]) -> dict[str, int]:
    """How many requests of each kind, whatever they are about."""
    found: Counter[str] = Counter()
    for path, number in requests.items():
        found[ID.sub("…", path)] += number
    return dict(sorted(found.items()))


def watched(command: list[str], environ: dict[str, str], opens_at: datetime, clock: Clock) -> dict[str, Any]:
    """Run *command*, and look at its process until it ends."""
    cpu, peak, browsers, waiting = 0.0, 0.0, 0, []
    with TemporaryFile("w+") as said:
        child = subprocess.Popen(command, env=environ, stdout=said, stderr=said)
        process = psutil.Process(child.pid)
        while child.poll() is None:
            try:
                times = process.cpu_times()
                memory = process.memory_info().rss / MB
                if WAIT[1] < opens_at - clock.now() < WAIT[0]:
                    waiting.append(memory)
                    browsers = max(browsers, len(process.children(recursive=True)))
            except psutil.Error:  # it is just ending
                continue
            cpu, peak = max(cpu, times.user + times.system), max(peak, memory)
            time.sleep(NAP)
        said.seek(0)
        last_words = said.read()[-2000:] if child.returncode else ""
    return {
        "exit_code": child.returncode,
        "last_words": last_words,
        "cpu_s": round(cpu, 2),
        "peak_mb": round(peak, 1),
        "waiting_mb": spread(waiting or [0.0]),  # nothing, if it ended before
        "browsers": browsers,
    }


ABOUT = {
    "cpu_s": "of the Python process alone, without the browser and its driver, up to 0.1 s before its end; "
    "selenium, which tells the driver what to do, is in it where the browser signs in; the store is there",
    "waiting_mb": "resident memory in the last 30 s before the opening",
    "browsers": "most child processes alive at any time in the last 30 s before the opening",
    "commands": "medians, with nothing to do",
    "requests": "all that came to the simulated rec.us, pages and scripts that the browser loads included",
}
