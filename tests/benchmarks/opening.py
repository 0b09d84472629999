"""How long after the opening the requests arrive, by five methods, over real TLS and an imitated network."""

from __future__ import annotations

import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle
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
from reserve.clock import AWAKE, Clock, ServerTime, measure, plan
from reserve.http import Http
from reserve.model import Account, BookingRequest, Court, Offer, Slot
from reserve.systems.base import Context
from reserve.systems.recus.adapter import RecUs
from tests.benchmarks.figures import spread
from tests.benchmarks.server import EVEN, HOST, JITTERY, NETWORKS, Network
from tests.benchmarks.versions import former, played
from tests.fakes import NoRecord

COURTS = (1, 4, 12, 32)
FORMER = "the former version with -m"
RUNS = 30  # openings of each row
WORKERS = 6  # processes for what mostly waits: asking for one court after the other
TRUSTED = "REQUESTS_CA_BUNDLE"  # the environment variable that requests reads
NAP = 0.1  # seconds; how the field waits
QUICK = [EVEN, JITTERY]
OFTEN = (NETWORKS[1], EVEN, JITTERY)  # networks that something is promised about
FEWER_COURTS = (4, 32)  # on the other networks
ONE_BY_ONE = COURTS[:-1]
WARMED = 4  # connections, whose answers tell more about the server's clock
WARMING = timedelta(seconds=2.5)  # as long as before an opening
MEASURED = 3  # times that we measure the server's clock per network; the openings alternate with all of them
SELDOM = 2  # times on the other networks
CHUNK = 5  # openings that one process asks one by one for
FEWER = 5  # openings of the field where it is not the headline: it is a hundred times slower anyway
START = datetime(2026, 11, 27, 18, tzinfo=UTC)
SLOT = Slot(START, START + timedelta(minutes=90))

# One opening: court, milliseconds from the opening to an arrival, milliseconds that the delay was late.
Arrivals = list[tuple[int, float, float]]


@dataclass(frozen=True)
class Hosts:
    """Where the server listens, a port for each network, and one for orders; and its process."""

    ports: tuple[int, ...]
    orders: int
    server: int

    def url(self, network: Network) -> str:
        """Where to reach the server through *network*."""
        return f"https://{HOST}:{self.ports[NETWORKS.index(network)]}"

    def open(self, run: str, ahead: float, ask: Callable[[datetime], None]) -> Arrivals:
        """What arrives when *ask* aims at an opening *ahead* seconds from now."""
        moment = datetime.now(UTC) + timedelta(seconds=ahead)
        opens_at = nanoseconds(moment)
        order(self.orders, run=run, opens_at=opens_at)
        ask(moment)
        return in_ms(opens_at, order(self.orders, run=run))


def in_ms(opens_at: int, arrived: Sequence[tuple[str, int, int, int]]) -> Arrivals:
    """What the server tells, in ms after the opening."""
    return [(int(court), (moment - opens_at) / 1e6, late / 1e6) for court, moment, late, _ in arrived]


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
            yield Hosts(tuple(said["ports"]), said["orders"], server.pid)
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


class Limit:
    """Who knows the server's clock and the quickest way exactly, and has everything encrypted before.

    It cannot be early, and nobody who cannot be early can be sooner, but by what the machine takes to write.
    """

    def __init__(self, hosts: Hosts, network: Network, run: str, courts: int) -> None:
        self.run, self.way = run, network.quickest
        self.context = ssl.create_default_context(cafile=os.environ[TRUSTED])
        self.address = HOST, hosts.ports[NETWORKS.index(network)]
        self.connections = [self._connected() for _ in range(courts)]

    def ask(self, opens_at: datetime) -> None:
        """Write everything at once, then read the answers."""
        for court, (_, tls, _, _) in enumerate(self.connections):
            body = json.dumps({"courtSportIds": [str(court)], "participantUserId": self.run}).encode()
            head = f"POST /v1/reservations HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
            tls.write(head.encode() + body)
        letters = [(connection, outgoing.read()) for connection, _, _, outgoing in self.connections]
        moment = opens_at.timestamp() - self.way
        time.sleep(max(0.0, moment - time.time() - AWAKE.total_seconds()))
        while time.time() < moment:
            pass
        for connection, letter in letters:
            connection.sendall(letter)
        for connection, tls, incoming, _ in self.connections:
            answered = False
            while not answered:
                incoming.write(connection.recv(65_536))
                with suppress(ssl.SSLWantReadError):
                    answered = bool(tls.read(65_536))

    def close(self) -> None:
        """Let every connection go."""
        for connection, *_ in self.connections:
            connection.close()

    def _connected(self) -> tuple[socket.socket, ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        connection = socket.create_connection(self.address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = self.context.wrap_bio(incoming, outgoing, server_hostname=HOST)
        greeted = False
        while not greeted:
            try:
                tls.do_handshake()
                greeted = True
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))
        connection.sendall(outgoing.read())
        return connection, tls, incoming, outgoing


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
    """Some openings over one network, asked for by all sides in turn."""

    hosts: Hosts
    network: Network
    courts: int
    at_once: bool
    runs: int
    measured: Sequence[ServerTime]
    name: str
    fields_runs: int = 0  # as many, if nothing is said


METHODS = {
    True: ("the field's way, all at once", "ours with -m", "the limit"),
    False: ("the field's way, one by one", "ours without -m"),
}


def work(task: Task) -> dict[str, list[Arrivals]]:
    """What arrived in each opening, by method."""
    hosts, url, soon = task.hosts, task.hosts.url(task.network), 0.08 + task.network.rtt / 1000
    field, ours = Field(url, f"field-{task.name}", task.courts), Ours(url, f"ours-{task.name}", task.courts)
    limit = Limit(hosts, task.network, f"limit-{task.name}", task.courts)
    chance, servers = random.Random(task.name), cycle(task.measured)
    sides: list[tuple[str, float, Callable[[datetime], None], int]] = [
        (field.run, 0.02, field.at_once if task.at_once else field.one_by_one, task.fields_runs or task.runs),
        (f"ours-{task.name}", soon, lambda at: ours.ask(at, next(servers), at_once=task.at_once), task.runs),
        (limit.run, soon, limit.ask, task.runs),
    ]
    found: dict[str, list[Arrivals]] = {method: [] for method in METHODS[task.at_once]}
    try:
        for number in range(task.runs):
            for method, (run, ahead, ask, runs) in zip(METHODS[task.at_once], sides, strict=False):
                if number < runs:
                    found[method].append(hosts.open(run, ahead + chance.uniform(0, NAP), ask))
    finally:
        ours.close()
        limit.close()
    return found


def measure_clocks(hosts: Hosts, network: Network, times: int) -> list[ServerTime]:
    """The server's time over *network*, several times; this takes 16 seconds a time.

    One after the other, as probes look for the same moment of a second and would be in the way of each other.
    """
    found = []
    for _ in range(times):
        ours = Ours(hosts.url(network), "clock", WARMED)
        found.append(ours.measure())
        ours.close()
    return found


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
        "loss": network.loss,
        "runs": len(openings),
        "first_ms": spread([first for first, _ in extents]),
        "last_ms": spread([last for _, last in extents]),
        "early": sum(first < 0 for first, _ in extents) / len(extents),
        "attempts": max(max(Counter(court for court, *_ in one).values()) for one in openings),
    }


def bench(*, quick: bool) -> dict[str, Any]:
    """Rows for every method, network and number of courts, and what the other parts need of it."""
    networks, runs = (QUICK, 8) if quick else (NETWORKS, RUNS)
    rows: list[dict[str, Any]] = []
    lates: defaultdict[str, list[float]] = defaultdict(list)
    samples = {}
    with served() as hosts:
        measured = {
            network: measure_clocks(hosts, network, 1 if quick else MEASURED if network in OFTEN else SELDOM)
            for network in networks
        }
        for network in networks:
            for courts in COURTS if network in QUICK else FEWER_COURTS:
                name, fields_runs = f"{network.name}-{courts}", runs if network is EVEN else FEWER
                task = Task(hosts, network, courts, True, runs, measured[network], name, fields_runs)
                more = []
                for method, openings in work(task).items():
                    more.append(row(method, network, courts, openings))
                    lates[method] += [late for one in openings for _, _, late in one]
                    samples[method, network, courts] = openings
                report(more)
                rows += more
        for method, openings in one_by_one(hosts, runs, measured[EVEN]).items():
            more = [row(method, EVEN, courts, openings) for courts in ONE_BY_ONE]
            report(more)
            rows += more
        formers, formers_ms = of_former(hosts, networks, runs)
        rows += formers
    return {
        "rows": rows,
        "delay_error_ms": {method: spread(late) for method, late in lates.items()},
        "server_time": {str(network): [str(one) for one in times] for network, times in measured.items()},
        "model": {**model(samples, measured), "former_ms": formers_ms},
        "about": ABOUT,
    }


def of_former(
    hosts: Hosts, networks: Sequence[Network], runs: int
) -> tuple[list[dict[str, Any]], list[list[float]]]:
    """Rows of the former version on some of *networks*, and what the machine adds; none without a history."""
    rows: list[dict[str, Any]] = []
    if not (folder := former()):
        print("no former version: this copy has no history")
        return rows, []
    formers_ms: list[list[float]] = []
    for network in networks:
        if network not in OFTEN:
            continue
        with played(folder) as (play, _):
            found = play(
                "openings", url=hosts.url(network), orders=hosts.orders, courts=COURTS[1:], runs=runs,
                measured=MEASURED, ahead=0.08 + network.rtt / 1000, name="former",
            )  # fmt: skip
        by_courts = {courts: [in_ms(*one) for one in opened] for courts, opened in found["openings"]}
        more = [row(FORMER, network, courts, openings) for courts, openings in by_courts.items()]
        report(more)
        rows += more
        if network is EVEN:
            formers_ms = added(by_courts[4], found["leads_ms"])
    return rows, formers_ms


def one_by_one(hosts: Hosts, runs: int, measured: Sequence[ServerTime]) -> dict[str, list[Arrivals]]:
    """What arrived, by method; several processes at a time, as this is mostly waiting."""
    tasks = [
        Task(hosts, EVEN, max(ONE_BY_ONE), False, min(CHUNK, runs - done), measured, f"one-by-one-{done}")
        for done in range(0, runs, CHUNK)
    ]
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(work, tasks))
    return {method: [one for part in parts for one in part[method]] for method in METHODS[False]}


def model(
    samples: Mapping[tuple[str, Network, int], Sequence[Arrivals]],
    measured: Mapping[Network, Sequence[ServerTime]],
) -> dict[str, Any]:
    """What the race in virtual time is built on: four courts over 60 ms without jitter, a list per opening.

    The field's arrivals as they came; of ours, what the machine adds to the way and to the error of the lead.
    """
    field, ours, _ = METHODS[True]
    leads = [one.lead / timedelta(milliseconds=1) for one in measured[EVEN]]
    return {
        "field_ms": [[moment for _, moment, _ in one] for one in samples[field, EVEN, 4]],
        "ours_ms": added(samples[ours, EVEN, 4], leads),
    }


def added(openings: Sequence[Arrivals], leads: Sequence[float]) -> list[list[float]]:
    """What the machine adds to the even way and to the error of the lead, in ms."""
    return [
        [moment - EVEN.rtt / 2 + leads[number % len(leads)] for _, moment, _ in one]
        for number, one in enumerate(openings)
    ]


def report(rows: Sequence[dict[str, Any]]) -> None:
    """Print *rows*."""
    for one in rows:
        lost = f" -{one['loss']:.0%}" if one["loss"] else ""
        network = f"{one['rtt_ms']:>3} ± {one['jitter_ms']:<2}{lost}"
        first, last = (f"{one[key]['p50']:>7} {one[key]['p95']:>7}" for key in ("first_ms", "last_ms"))
        print(
            f"{network:12} {one['method']:30} {one['courts']:>3} |{first} |{last} | {one['early']:>4.0%}",
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
    "the limit": "knows the clock and the quickest way exactly, and writes at once what it has encrypted",
    "loss": "share of packets that come only when the kernel would have sent them anew: 0.2 s and a round "
    "trip later, for nothing follows a request by which its loss would be noticed sooner; imitated",
    "attempts": "most requests for one court of an opening",
    "one by one": "several processes at a time; fewer courts are the beginning of the same openings",
}
