"""How far off the server's time is found, by several methods.

Virtual time, drawn from a seed: the same table on every machine. The server is up to 900 ms ahead or behind.
*error* is that of the offset; *arrival* is how late after the opening a request arrives that is sent when the
method says so (less than nothing: early); *inside* is how often the truth lies within what was stated.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reserve.clock import POLITE, PROBES, SECOND, measure, weigh
from tests.benchmarks.figures import spread
from tests.fakes import START, FakeClock, StampingServer

RUNS = 300
OPENINGS = 1_000  # so that a share of two in a hundred is known well enough
COURTS = 4
NETWORKS = [(10, 0), (10, 10), (60, 0), (60, 10), (150, 0), (150, 10)]  # ms there and back, and their jitter
MS = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Finding:
    """What a method says: how far the server is ahead, how much sooner to send, and its bounds if any."""

    offset: timedelta
    lead: timedelta
    bounds: tuple[timedelta, timedelta] | None = None


def at_face_value(server: StampingServer) -> Finding:
    """The stamp is what the server's clock shows now."""
    probe = server.probe()
    offset = probe.stamp - probe.received
    return Finding(offset, lead=offset)


def middle_of_one(server: StampingServer) -> Finding:
    """The stamp, half a second on, is what the server's clock showed half way."""
    probe = server.probe()
    offset = probe.stamp + timedelta(seconds=0.5) - (probe.sent + probe.trip / 2)
    return Finding(offset, lead=offset + probe.trip / 2)


def ours(probes: int) -> Callable[[StampingServer], Finding]:
    """The intervals of so many well-placed probes, intersected."""

    def method(server: StampingServer) -> Finding:
        found = measure(server.probe, server.clock, budget=probes)
        return Finding(found.offset, found.lead, (found.low, found.high))

    return method


def at_random(probes: int) -> Callable[[StampingServer], Finding]:
    """The same intervals, of probes sent at any moment: what the placing is worth."""

    def method(server: StampingServer) -> Finding:
        answers = []
        for _ in range(probes):
            server.clock.sleep(timedelta(milliseconds=server.chance.uniform(250, 1750)))
            answers.append(server.probe())
        found = weigh(answers)
        return Finding(found.offset, found.lead, (found.low, found.high))

    return method


METHODS = {
    ("Date at face value", 1): at_face_value,
    ("middle of one probe", 1): middle_of_one,
    ("probes at random", 10): at_random(10),
    ("ours", 5): ours(5),
    ("ours", 8): ours(8),
    ("ours", 10): ours(10),
    ("ours", PROBES): ours(PROBES),
}


def server_for(run: int, rtt: float, jitter: float) -> StampingServer:
    """The server of this run: every method meets the same ones."""
    chance = random.Random(run)
    clock = FakeClock(START + timedelta(seconds=chance.random()))
    way = (max(0.0, rtt - jitter) / 2, (rtt + jitter) / 2)
    return StampingServer(clock, timedelta(milliseconds=chance.uniform(-900, 900)), way, way, chance)


def row(name: str, probes: int, rtt: float, jitter: float, runs: int = RUNS) -> dict[str, Any]:
    """One method over one network."""
    errors, arrivals, inside = [], [], []
    for run in range(runs):
        server = server_for(run, rtt, jitter)
        found = METHODS[name, probes](server)
        way = timedelta(milliseconds=server.chance.uniform(*server.there))
        errors.append(abs(found.offset - server.offset) / MS)
        arrivals.append((server.offset + way - found.lead) / MS)
        if found.bounds:
            inside.append(found.bounds[0] <= server.offset <= found.bounds[1])
    return {
        "method": name,
        "probes": probes,
        "rtt_ms": rtt,
        "jitter_ms": jitter,
        "runs": runs,
        "error_ms": spread(errors),
        "arrival_ms": spread(arrivals),
        "inside": sum(inside) / runs if inside else None,
    }


def aimed(server: StampingServer) -> timedelta:
    """The lead that a run finds: its probes, and one more on each connection as it is warmed."""
    clock = server.clock
    found = measure(server.probe, clock)
    warmed = []
    for moment in found.telling(clock.now() + POLITE, COURTS):
        while moment < clock.now():  # in truth they are all under way at once
            moment += SECOND
        clock.sleep_until(moment)
        warmed.append(server.probe())
    return found.with_more(warmed, COURTS).lead


def opening_row(rtt: float, jitter: float, runs: int) -> dict[str, Any]:
    """When the first and the last request of an opening arrive over one network, and how many are early."""
    firsts, lasts = [], []
    for run in range(runs):
        server = server_for(run, rtt, jitter)
        lead = aimed(server)
        ways = [server.chance.uniform(*server.there) * MS for _ in range(COURTS)]
        arrivals = [(server.offset + way - lead) / MS for way in ways]
        firsts.append(min(arrivals))
        lasts.append(max(arrivals))
    return {
        "rtt_ms": rtt,
        "jitter_ms": jitter,
        "courts": COURTS,
        "runs": runs,
        "first_ms": spread(firsts),
        "last_ms": spread(lasts),
        "early": sum(first < 0 for first in firsts) / runs,
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """Print the tables: a row for every method and network, and one for the openings of each network."""
    runs = 100 if quick else RUNS
    rows = [row(name, probes, rtt, jitter, runs) for rtt, jitter in NETWORKS for name, probes in METHODS]
    print(f"{runs} servers each, in ms: p50, p95, max")
    print(f"{'network':9} {'method':20} {'probes':6} |{'error':>21} |{'arrival':>21} | inside")
    for one in rows:
        network = f"{one['rtt_ms']:>3} ± {one['jitter_ms']}"
        figures = " |".join(
            "".join(f"{value:>7}" for value in one[key].values()) for key in ("error_ms", "arrival_ms")
        )
        inside = "" if one["inside"] is None else f"{one['inside']:.1%}"
        print(f"{network:9} {one['method']:20} {one['probes']:>6} |{figures} | {inside:>6}")

    openings = [opening_row(rtt, jitter, runs if quick else OPENINGS) for rtt, jitter in NETWORKS]
    print(f"{COURTS} courts at once, in ms after the opening: p50, p95, max")
    for one in openings:
        network = f"{one['rtt_ms']:>3} ± {one['jitter_ms']}"
        figures = " |".join(
            "".join(f"{value:>7}" for value in one[key].values()) for key in ("first_ms", "last_ms")
        )
        print(f"{network:9} |{figures} | early {one['early']:.1%}")
    return {"rows": rows, "openings": openings, "about": " ".join(str(__doc__).split())}
