"""How long after the opening the requests arrive, by four methods, over real TLS and an imitated network."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import certifi
import requests

from reserve.booking.aim import PLANNED, warm_up
from reserve.booking.context import RunContext
from reserve.booking.race import Race
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.booking.verification import Verification
from reserve.clock import Clock, ServerTime, measure, plan
from reserve.http import Http
from reserve.model import Account, BookingRequest, Court, Offer, Slot
from reserve.systems.base import Context
from reserve.systems.recus.adapter import RecUs
from tests.benchmarks.figures import spread
from tests.benchmarks.server import HOST, NETWORKS, Network
from tests.fakes import NoRecord

COURTS = (1, 4, 12, 32)
WORKERS = 6  # processes for what mostly waits: asking for one court after the other
TRUSTED = "REQUESTS_CA_BUNDLE"  # the environment variable that requests reads
NAP = 0.1  # seconds; how the field waits
QUICK = [network for network in NETWORKS if network.rtt == 60]
WARMED = 4  # connections, whose answers tell more about the server's clock
WARMING = timedelta(seconds=2.5)  # as long as before an opening
MEASURED = 3  # times that we measure the server's clock per network...
ABREAST = 3  # ...each time over so many sets of connections; the openings alternate with all of them
CHUNK = 10  # openings that one process asks one by one for
START = datetime(2026, 11, 27, 18, tzinfo=UTC)
SLOT = Slot(START, START + timedelta(minutes=90))

# One opening: court, milliseconds from the opening to an arrival, milliseconds that the delay was late.
Arrivals = list[tuple[int, float, float]]


@dataclass(frozen=True)
class Hosts:
    """Where the server listens: a port for each network, and one for orders."""

    ports: tuple[int, ...]
    orders: int

    def url(self, network: Network) -> str:
        """Where to reach the server through *network*."""
        return f"https://{HOST}:{self.ports[NETWORKS.index(network)]}"

    def open(self, run: str, ahead: float, ask: Callable[[datetime], None]) -> Arrivals:
        """What arrives when *ask* aims at an opening *ahead* seconds from now."""
        moment = datetime.now(UTC) + timedelta(seconds=ahead)
        opens_at = nanoseconds(moment)
        order(self.orders, run=run, opens_at=opens_at)
        ask(moment)
        return [
            (int(court), (arrived - opens_at) / 1e6, late / 1e6)
            for court, arrived, late in order(self.orders, run=run)
        ]


def nanoseconds(moment: datetime) -> int:
    """*moment* as the server counts."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1000


def order(port: int, **what: object) -> Any:
    """Have the server do something, without delay."""
    with socket.create_connection((HOST, port)) as connection, connection.makefile("rw") as stream:
        stream.write(json.dumps(what) + "\n")
        stream.flush()
        return json.loads(stream.readline())


@contextmanager
def served() -> Iterator[Hosts]:
    """The server, in a process of its own, trusted by everything that reads the environment."""
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        words = (
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
        )
        command: list[str | Path] = [
            "openssl",
            *words.split(),
            "-addext",
            f"subjectAltName=IP:{HOST}",
            "-keyout",
            key,
        ]
        subprocess.run([*command, "-out", certificate], check=True, capture_output=True)
        both, trusted = Path(folder, "both.pem"), Path(folder, "trusted.pem")
        both.write_text(key.read_text() + certificate.read_text())
        # Beside the usual certificates, which a fresh connection has to read first in real life, too.
        trusted.write_text(Path(certifi.where()).read_text() + certificate.read_text())
        before = os.environ.get(TRUSTED, "")
        os.environ[TRUSTED] = str(trusted)
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.server", both],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            said = json.loads(server.stdout.readline())
            yield Hosts(tuple(said["ports"]), said["orders"])
        finally:
            server.stdin.close()
            server.wait()
            server.stdout.close()
            os.environ[TRUSTED] = before  # an empty one is as good as none


class Field:
    """The usual way: naps on our own clock, then a verification, and a fresh connection for every court."""

    def __init__(self, url: str, run: str, courts: int) -> None:
        self.url, self.run, self.courts = url, run, courts

    def at_once(self, opens_at: datetime) -> None:
        """One thread per court."""
        self._wait(opens_at)
        threads = [threading.Thread(target=self._ask, args=(court,)) for court in range(self.courts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def one_by_one(self, opens_at: datetime) -> None:
        """One court after the other."""
        self._wait(opens_at)
        for court in range(self.courts):
            self._ask(court)

    def _wait(self, opens_at: datetime) -> None:
        while time.time() < opens_at.timestamp():
            time.sleep(NAP)
        self._post("/v1/users/mobile-totp/verify", {"code": "123456"})

    def _ask(self, court: int) -> None:
        self._post("/v1/reservations", {"courtSportIds": [str(court)], "participantUserId": self.run})

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        requests.post(self.url + path, json=body, headers={"Authorization": f"Bearer {self.run}"}, timeout=15)


class Ours:
    """This project's own code from the measuring on: connections to rec.us, server clock, attempts, race."""

    def __init__(self, url: str, run: str, courts: int) -> None:
        self.clock = Clock()
        self.system = RecUs(ACCOUNT, REQUEST, context_of(url, self.clock))
        self.system.use_token(run)
        offers = [Offer(Court(str(court), f"Court {court}"), SLOT, START) for court in range(courts)]
        self.connections = [self.system.connection_for(offer) for offer in offers]
        self.clock.together([partial(each.warm, self.clock) for each in self.connections])

    def measure(self) -> ServerTime:
        """What the probes of the race's own connection say, and the warming of all."""
        context = self.context()
        context.server = measure(lambda: self.connections[0].probe(self.clock), self.clock)
        probes = warm_up(context, self.connections, until=self.clock.now() + WARMING)
        return context.server.with_more(probes, len(self.connections))

    def ask(self, opens_at: datetime, server: ServerTime, *, at_once: bool) -> None:
        """Everything from the plan of moments to the last answer."""
        server = server.with_more([], len(self.connections) if at_once else 1)
        moments = plan(opens_at, server, PLANNED)
        context = self.context()
        deadline = opens_at + timedelta(seconds=60)
        race = Race(context, Verification(context), moments, deadline)
        race.win(self.connections, at_once=at_once)

    def context(self) -> RunContext:
        """What a run works with, nothing found out yet."""
        return RunContext(self.system, self.clock, Timeline(self.clock.now), Stop(), NoRecord())

    def close(self) -> None:
        """Let every connection go."""
        self.system.close()
        for each in self.connections:
            each.close()


ACCOUNT = Account("player@example.com", "")
REQUEST = BookingRequest("Alice Marble", "tennis", START.date(), (START.time(),), SLOT.end - SLOT.start)


def context_of(url: str, clock: Clock) -> Context:
    """What rec.us needs to be asked for courts; nothing else is there."""

    def nothing(*_: object) -> NoReturn:
        raise NotImplementedError

    return Context(
        clock=clock,
        connect=lambda base_url, headers: Http(base_url, headers=headers),
        browser=nothing,
        addresses={**RecUs.addresses, "RECUS_API_URL": url, "RECUS_WEB_URL": url},
        say=nothing,
        keep=nothing,
        conceal=lambda secret: None,
        user_agent="FirstServe benchmark",
    )


@dataclass(frozen=True)
class Task:
    """Some openings over one network, asked for by both sides alternately."""

    hosts: Hosts
    network: Network
    courts: int
    at_once: bool
    runs: int
    measured: Sequence[ServerTime]
    name: str

    @property
    def methods(self) -> tuple[str, str]:
        """What the two sides are called."""
        return METHODS[self.at_once]


METHODS = {
    True: ("the field's way, all at once", "ours with -m"),
    False: ("the field's way, one by one", "ours without -m"),
}


def work(task: Task) -> dict[str, list[Arrivals]]:
    """What arrived in each opening, by method."""
    url, fields_run, our_run = task.hosts.url(task.network), f"field-{task.name}", f"ours-{task.name}"
    field, ours = Field(url, fields_run, task.courts), Ours(url, our_run, task.courts)
    fields_way = field.at_once if task.at_once else field.one_by_one
    found: dict[str, list[Arrivals]] = {method: [] for method in task.methods}
    chance, soon = random.Random(task.name), 0.08 + task.network.rtt / 1000
    try:
        for number in range(task.runs):
            server = task.measured[number % len(task.measured)]
            our_way = partial(ours.ask, server=server, at_once=task.at_once)
            arrivals = (
                task.hosts.open(fields_run, 0.02 + chance.uniform(0, NAP), fields_way),
                task.hosts.open(our_run, soon, our_way),
            )
            for method, one in zip(task.methods, arrivals, strict=True):
                found[method].append(one)
    finally:
        ours.close()
    return found


def measure_clocks(hosts: Hosts, networks: Sequence[Network], times: int) -> dict[Network, list[ServerTime]]:
    """The server's time over each network, several times; this takes 16 seconds a time."""
    measuring = [Ours(hosts.url(network), "clock", WARMED) for network in networks for _ in range(ABREAST)]
    rounds = [Clock().together([each.measure for each in measuring]) for _ in range(times)]
    for each in measuring:
        each.close()
    return {
        network: [one for found in rounds for one in found[place * ABREAST : (place + 1) * ABREAST]]
        for place, network in enumerate(networks)
    }


def extent(arrivals: Arrivals, courts: int) -> tuple[float, float]:
    """The first arrival, however early, and the last court's first arrival that was not too early."""
    mine = sorted((moment, court) for court, moment, _ in arrivals if court < courts)
    valid: dict[int, float] = {}
    for moment, court in mine:
        if moment >= 0:
            valid.setdefault(court, moment)
    if len(valid) < courts:
        raise RuntimeError(f"{courts - len(valid)} of {courts} courts were never asked for in time")
    return mine[0][0], max(valid.values())


def row(method: str, network: Network, courts: int, openings: Sequence[Arrivals]) -> dict[str, Any]:
    """One line of the table."""
    extents = [extent(arrivals, courts) for arrivals in openings]
    return {
        "method": method,
        "courts": courts,
        "rtt_ms": network.rtt,
        "jitter_ms": network.jitter,
        "runs": len(openings),
        "first_ms": spread([first for first, _ in extents]),
        "last_ms": spread([last for _, last in extents]),
        "early": sum(first < 0 for first, _ in extents) / len(extents),
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """Rows for every method, network and number of courts, and what the other parts need of it."""
    networks, runs = (QUICK, 8) if quick else (NETWORKS, 30)
    rows: list[dict[str, Any]] = []
    lates: defaultdict[str, list[float]] = defaultdict(list)
    samples = {}
    with served() as hosts:
        measured = measure_clocks(hosts, networks, 1 if quick else MEASURED)
        for network in networks:
            for courts in COURTS:
                task = Task(hosts, network, courts, True, runs, measured[network], f"{network.name}-{courts}")
                for method, openings in work(task).items():
                    rows.append(row(method, network, courts, openings))
                    lates[method] += [late for one in openings for _, _, late in one]
                    samples[method, network, courts] = openings
                report(rows[-2:])
        for network, found in one_by_one(hosts, networks, runs, measured):
            for method, openings in found.items():
                more = [row(method, network, courts, openings) for courts in most_courts(network)]
                report(more)
                rows += more
    return {
        "rows": rows,
        "delay_error_ms": {method: spread(late) for method, late in lates.items()},
        "server_time": {str(network): [str(one) for one in times] for network, times in measured.items()},
        "model": model(samples, measured),
        "about": ABOUT,
    }


def most_courts(network: Network) -> tuple[int, ...]:
    """How many are asked for one by one; 32 only at 60 ms, as 150 ms make a quarter of a minute of them."""
    return COURTS if network.rtt == 60 else COURTS[:-1]


def one_by_one(
    hosts: Hosts, networks: Sequence[Network], runs: int, measured: Mapping[Network, Sequence[ServerTime]]
) -> Iterator[tuple[Network, dict[str, list[Arrivals]]]]:
    """What arrived, by network and method; several processes at a time, as this is mostly waiting."""
    tasks = [
        Task(
            hosts, network, max(most_courts(network)), False, min(CHUNK, runs - done), measured[network],
            f"{network.name}-from-{done}",
        )
        for done in range(0, runs, CHUNK)
        for network in networks  # the quick ones, which need most of the processor, not all at once
    ]  # fmt: skip
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        found = list(zip(tasks, pool.map(work, tasks), strict=True))
    for network in networks:
        parts = [part for task, part in found if task.network == network]
        yield network, {name: [one for part in parts for one in part[name]] for name in METHODS[False]}


def model(
    samples: Mapping[tuple[str, Network, int], Sequence[Arrivals]],
    measured: Mapping[Network, Sequence[ServerTime]],
) -> dict[str, Any]:
    """What the race in virtual time is built on: four courts over 60 ms without jitter, a list per opening.

    The field's arrivals as they came; of ours, what the machine adds to the way and to the error of the lead.
    """
    field, ours = METHODS[True]
    network = next(network for network in measured if network.rtt == 60 and not network.jitter)
    way, leads = network.rtt / 2, [one.lead / timedelta(milliseconds=1) for one in measured[network]]
    return {
        "field_ms": [[moment for _, moment, _ in one] for one in samples[field, network, 4]],
        "ours_ms": [
            [moment - way + leads[number % len(leads)] for _, moment, _ in one]
            for number, one in enumerate(samples[ours, network, 4])
        ],
    }


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Print *rows*."""
    for one in rows:
        network = f"{one['rtt_ms']:>3} ± {one['jitter_ms']:<2}"
        first, last = (f"{one[key]['p50']:>7} {one[key]['p95']:>7}" for key in ("first_ms", "last_ms"))
        print(
            f"{network} {one['method']:30} {one['courts']:>3} |{first} |{last} | {one['early']:>4.0%}",
            flush=True,
        )


ABOUT = {
    "first_ms": "to the first arrival of a whole request; less than nothing if it was early",
    "last_ms": "to the last court's first arrival that was not early",
    "delay_error_ms": "how much later than due the server stamped, itself included; with the field's way it "
    "has handshakes to do, which late stamps make look up to so much slower",
    "early": "share of openings with a request that was early",
    "network": "TLS over a delay in the byte stream, order kept, one more round trip for a new connection; "
    "names are not looked up; what leaves together takes equally long; both ends share the machine",
    "server": "its clock is this machine's, which spares the field the error of its own clock",
    "the field's way": "naps of 0.1 s on its own clock, a verification at the opening, then requests.post",
    "ours": "the project's own connections, measuring, attempts and race; connections are opened once "
    "per network and number of courts; the server's time is measured several times, and these alternate",
    "one by one": "several processes at a time; fewer courts are the beginning of the same openings; 32 "
    "courts at 60 ms only",
}
