"""What a busy machine makes of the opening, and a weak one: all cores at work, or a tenth of one's time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.figures import spread
from tests.benchmarks.opening import RUNS, in_ms, row, served
from tests.benchmarks.server import EVEN
from tests.benchmarks.versions import HERE, played

PERIOD, QUOTA = 0.1, 0.01  # seconds, and how many of them a process may compute
MICROSECONDS = 1_000_000
GROUPS = Path("/sys/fs/cgroup")
OLD, NEW = GROUPS / "cpu" / "first-serve", GROUPS / "first-serve"  # groups of either version of the kernel
LOOK = 0.001  # seconds, how often who imitates the kernel looks
COURTS = 4
SOON = 1.0  # seconds, so that what was computed for the opening before is forgiven


@contextmanager
def busy(pid: int) -> Iterator[str]:
    """As many processes as there are cores compute without an end; says how it was done."""
    spinning = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield f"{len(spinning)} processes that compute without an end"
    finally:
        for each in spinning:
            each.kill()
            each.wait()


@contextmanager
def tenth(pid: int) -> Iterator[str]:
    """Process *pid* may compute 10 ms of every 100; says who sees to it."""
    try:
        group = _group(pid)
    except OSError:
        with _imitated(pid):
            yield "stopped by another process for the rest of 100 ms once it had computed 10"
        return
    try:
        yield "the kernel's quota: 10 ms of every 100"
    finally:
        (group.parent / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def _group(pid: int) -> Path:
    """A group of processes with the quota, and *pid* in it; raises OSError where we may not make one."""
    quota, period = round(QUOTA * MICROSECONDS), round(PERIOD * MICROSECONDS)
    if (GROUPS / "cgroup.controllers").exists():
        (GROUPS / "cgroup.subtree_control").write_text("+cpu")
        group, limits = NEW, {"cpu.max": f"{quota} {period}"}
    else:
        group, limits = OLD, {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}
    group.mkdir(exist_ok=True)
    for name, limit in [*limits.items(), ("cgroup.procs", str(pid))]:
        (group / name).write_text(limit)
    return group


@contextmanager
def _imitated(pid: int) -> Iterator[None]:
    """Stop process *pid* as the kernel would; it looks every millisecond, so it is a bit more generous."""
    process, is_over = psutil.Process(pid), threading.Event()

    def used() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    def limit() -> None:
        with suppress(psutil.Error):
            while not is_over.is_set():
                ends, before = time.monotonic() + PERIOD, used()
                while time.monotonic() < ends and not is_over.is_set():
                    if used() - before >= QUOTA:
                        os.kill(pid, signal.SIGSTOP)
                        time.sleep(max(0.0, ends - time.monotonic()))
                        os.kill(pid, signal.SIGCONT)
                    time.sleep(LOOK)

    limiter = threading.Thread(target=limit)
    limiter.start()
    try:
        yield
    finally:
        is_over.set()
        limiter.join()


BURDENS = {"all cores at work": busy, "a tenth of a core": tenth}


def bench(*, quick: bool) -> dict[str, Any]:
    """Openings of four courts under each burden: aimed by what was measured, and with a given moment."""
    rows: list[dict[str, Any]] = []
    words = {"courts": [COURTS], "runs": 8 if quick else RUNS, "ahead": SOON}
    with served() as hosts:
        for name, burden in BURDENS.items():
            link = {"url": hosts.url(EVEN), "orders": hosts.orders}
            with played(HERE) as (play, pid):
                play("arrivals", courts=1, runs=0, model={}, seed=0)  # it is there, all modules are loaded
                with burden(pid) as how:
                    aimed = play("openings", **link, **words, measured=3, name="aimed")
                    due = play("openings", **link, **words, measured=0, name="due")
            [(_, opened)], [(_, sent)] = aimed["openings"], due["openings"]
            lates = [max(late for _, late, _ in in_ms(*one)) - EVEN.rtt / 2 for one in sent]
            rows.append(
                {
                    "burden": name,
                    "by": how,
                    **row("ours with -m", EVEN, COURTS, [in_ms(*one) for one in opened]),
                    "late_ms": spread(lates),
                }
            )
            print(rows[-1], flush=True)
    return {"rows": rows, "about": ABOUT}


ABOUT = {
    "last_ms": "as in the opening; the server's time is found under the same burden",
    "late_ms": "of openings with a given moment, the last arrival less the way: no doubt about the server's "
    "time is in it",
    "server": "in truth a machine of its own; here it shares the burden, and its lateness counts",
}
