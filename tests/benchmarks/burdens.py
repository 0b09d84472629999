"""What a busy machine makes of the opening, and a weak one: all cores at work, or a tenth of one's time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.figures import spread
from tests.benchmarks.opening import in_ms, row, served
from tests.benchmarks.server import EVEN, NETWORKS
from tests.benchmarks.versions import HERE, played
from tests.benchmarks.wire import Tap, left

PERIOD, QUOTA = 0.1, 0.01  # seconds, and how many of them a process may compute
MICROSECONDS = 1_000_000
GROUPS = Path("/sys/fs/cgroup")
OLD, NEW = GROUPS / "cpu" / "first-serve", GROUPS / "first-serve"  # groups of either version of the kernel
LOOK = 0.001  # seconds, how often who imitates the kernel looks
COURTS = 4
OFTEN = 60  # openings of each row, of which the worst are looked at
MEASURED = 5  # times that the server's clock is measured; the openings alternate with all of them
SOON = 1.0  # seconds, so that what was computed for the opening before is forgiven


@contextmanager
def apart(server: int, cores: set[int]) -> Iterator[None]:
    """The server has one of *cores*, and goes before all else there, if we may decide that; we have the rest.

    It is in truth a machine of its own, and what it is late itself would be counted as ours.
    """
    theirs = {max(cores)}
    os.sched_setaffinity(server, theirs)
    with suppress(PermissionError):
        os.sched_setscheduler(server, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setaffinity(0, cores - theirs or cores)  # and of what we start
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def busy(pid: int, cores: set[int]) -> Iterator[str]:
    """A process on each core computes without an end; says how it was done."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in cores]
    try:
        for each, core in zip(spinning, cores, strict=True):
            os.sched_setaffinity(each.pid, {core})
        yield f"a process on each of {len(spinning)} cores that computes without an end"
    finally:
        for each in spinning:
            each.kill()
            each.wait()


@contextmanager
def tenth(pid: int, cores: set[int]) -> Iterator[str]:
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
    words = {"courts": [COURTS], "runs": 8 if quick else OFTEN, "ahead": SOON}
    cores = os.sched_getaffinity(0)
    with served() as hosts, apart(hosts.server, cores):
        for name, burden in BURDENS.items():
            link = {"url": hosts.url(EVEN), "orders": hosts.orders}
            with played(HERE) as (play, pid):
                play("arrivals", courts=1, runs=0, model={}, seed=0)  # it is there, all modules are loaded
                with burden(pid, cores) as how:
                    aimed = play("openings", **link, **words, measured=MEASURED, name="aimed")
                    with tapped(hosts.ports[NETWORKS.index(EVEN)]) as tap:
                        due = play("openings", **link, **words, measured=0, name="due")
            [(_, opened)], [(_, sent)] = aimed["openings"], due["openings"]
            if tap:
                lates = [last for _, last, _ in left(sent, COURTS, tap)]
            else:
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


@contextmanager
def tapped(port: int) -> Iterator[Tap | None]:
    """What leaves for this port, where we may look at packets."""
    try:
        tap = Tap(port)
    except PermissionError:
        yield None
        return
    with closing(tap):
        yield tap


ABOUT = {
    "last_ms": "as in the opening; the server's time is found under the same burden",
    "late_ms": "of openings with a given moment, when the last request left, stamped by the kernel; where "
    "only root may look at packets, its arrival less the way",
    "server": "in truth a machine of its own: it has one core and, as root, goes before what else is there",
}
