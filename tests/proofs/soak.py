"""python -m tests.proofs.soak: the webhook service is flooded, killed again and again, and besieged."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.machine import free_port
from tests.proofs.matrix import report
from tests.proofs.siege import besiege
from webhook_server.log_limit import LINES
from webhook_server.server import A_ROUND, FREE, ROUND

TOKEN = "soak-token"
READER: Mapping[str, Any] = {"Authorization": f"Bearer {TOKEN}"}
WRITERS = 8
READERS = 4  # of numbers under load
PROBES = 20  # a second: texts to a quiet number, for which a reader waits
SIEGE = 12  # seconds
IN_TIME = 5  # seconds from a text to its reader, during a siege
MEMORY = 120  # MB that the service may have, during a siege
LONGEST = 540  # seconds for everything: texts are deleted after ten minutes
REPOSITORY = Path(__file__).parents[2]


def number(writer: int) -> str:
    """The phone number that a writer's texts are for."""
    return f"+1415555{writer:04}"


class Client:
    """A connection to the service that is opened again whenever it breaks."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Any] | None:
        """Status and JSON, or None when no whole answer came."""
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            return None

    def deliver(self, place: int, to: str) -> int | None:
        """Deliver a text until the service says 200; its id, or None when it was kept before."""
        body = json.dumps(payload(place, to)).encode()
        while True:
            answer = self.ask("POST", f"/webhook/{TOKEN}", body, **{"Content-Type": "application/json"})
            if answer and answer[0] == 200:
                kept: int | None = answer[1]["id"]
                return kept
            time.sleep(0.02)  # it is starting again

    def code(self, to: str, *, after: int, wait: float) -> tuple[int, str] | None:
        """The newest code later than *after*."""
        query = f"phonenumber={to.replace('+', '%2B')}&maxage=600&after={after}&wait={wait}"
        answer = self.ask("GET", f"/get_verification_code?{query}", **READER)
        if answer is None or answer[0] == 503:
            time.sleep(0.02)
        if answer is None or answer[0] != 200:
            return None
        return answer[1]["id"], answer[1]["verification_code"]


def payload(place: int, to: str) -> dict[str, str]:
    """What SMSPool sends for the text at this place; its code tells the place."""
    text = f"Your rec.us verification code is: {place:06}. It expires in 2 minutes."
    return {"rental_code": f"SOAK-{place}", "phonenumber": to, "full_sms": text, "timestamp": "2026-03-02"}


def write(writer: int, port: int, places: range, done: Any) -> None:
    """Deliver the texts of these places one after the other."""
    client = Client(port)
    for place in places:
        client.deliver(place, number(writer))
        with done.get_lock():
            done.value += 1


class Reader(threading.Thread):
    """Asks for the next code again and again; notes what should not be."""

    def __init__(self, port: int, to: str, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client, self.to, self.stop = Client(port), to, stop
        self.seen: list[tuple[int, str, float]] = []
        self.wrong: list[str] = []

    def run(self) -> None:
        """Read until it has to stop."""
        last = 0
        while not self.stop.is_set():
            found = self.client.code(self.to, after=last, wait=2)
            if found is None:
                continue
            if found[0] <= last:
                self.wrong.append(f"id {found[0]} was shown after {last}")
            last = found[0]
            self.seen.append((*found, time.monotonic()))


class Service:
    """The process of the service, killed and started again on the same port."""

    def __init__(self, data: Path, port: int, log: Path = Path(os.devnull)) -> None:
        self._log = log
        self._environ = {
            **os.environ,
            "RESERVE_DATA": str(data),
            "WEBHOOK_PORT": str(port),
            "WEBHOOK_TOKEN": TOKEN,
        }
        self._start()

    def _start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "webhook_server"],
                cwd=REPOSITORY,
                env=self._environ,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout
        self._process.stdout.readline()  # it listens

    def memory(self) -> int:
        """Megabytes it has in memory now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) // 1024

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End it at once."""
        self._process.send_signal(number)
        self._process.communicate()

    def kill_and_start(self) -> None:
        """End it at once, and start it again."""
        self.kill()
        self._start()


@contextmanager
def readers(port: int, stop: threading.Event) -> Iterator[list[Reader]]:
    """Readers of the numbers under load."""
    found = [Reader(port, number(writer), stop) for writer in range(READERS)]
    for reader in found:
        reader.start()
    yield found
    stop.set()
    for reader in found:
        reader.join()


def probe(port: int, stop: threading.Event, first: int) -> Callable[[], list[float]]:
    """Send texts to a quiet number for which a reader waits; how long each was under way, in ms."""
    quiet = number(9999)
    reader, sent = Reader(port, quiet, stop), dict[str, float]()
    reader.start()

    def send() -> None:
        client, place = Client(port), first
        while not stop.is_set():
            sent[f"{place:06}"] = time.monotonic()
            client.deliver(place, quiet)
            place += 1
            time.sleep(1 / PROBES)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def took() -> list[float]:
        sender.join()
        reader.join()
        return [(moment - sent[code]) * 1000 for _, code, moment in reader.seen]

    return took


def soak(texts: int, kills: int, folder: Path) -> dict[str, Any]:
    """Everything, and what came of it."""
    port, stop = free_port(), threading.Event()
    service = Service(folder, port)
    context = get_context("spawn")
    done = context.Value("i", 0)
    shares = [range(writer, texts, WRITERS) for writer in range(WRITERS)]
    writers = [
        context.Process(target=write, args=(writer, port, share, done), daemon=True)
        for writer, share in enumerate(shares)
    ]
    with readers(port, stop) as reading:
        took = probe(port, stop, texts)
        for writer in writers:
            writer.start()
        while not done.value:
            time.sleep(0.01)
        started = time.monotonic()
        for kill in range(1, kills + 1):
            while done.value < texts * kill / (kills + 1):
                time.sleep(0.005)
            service.kill_and_start()
        for writer in writers:
            writer.join(LONGEST)
        seconds = time.monotonic() - started
        stop.set()
        delays = sorted(took())
    service.kill(signal.SIGTERM)
    wrong = [each for reader in reading for each in reader.wrong]
    besieged = siege(folder / "siege")
    return {
        "texts": texts,
        "kills": kills,
        "seconds": round(seconds, 1),
        "texts_per_second": round(texts / seconds),
        "reads": sum(len(reader.seen) for reader in reading),
        "waiting_reader_ms": {
            "probes": len(delays),
            "p50": round(delays[len(delays) // 2], 1),
            "p95": round(delays[len(delays) * 95 // 100], 1),
        },
        **_kept(folder, texts, wrong, besieged),
    }


def siege(folder: Path) -> dict[str, Any]:
    """Texts get through to a waiting reader while strangers and a crowd do their worst."""
    folder.mkdir()
    port, stop, log = free_port(), threading.Event(), folder / "log"
    service = Service(folder / "data", port, log)
    context = get_context("spawn")
    answers = context.Value("i", 0)
    besiegers = context.Process(target=besiege, args=(port, TOKEN, answers), daemon=True)
    besiegers.start()
    while not answers.value:
        time.sleep(0.01)
    reader, sent, memory = Reader(port, number(9999), stop), dict[str, float](), 0
    reader.start()
    client, started = Client(port), time.monotonic()
    while (seconds := time.monotonic() - started) < SIEGE:
        sent[f"{len(sent):06}"] = time.monotonic()
        client.deliver(len(sent) - 1, number(9999))
        memory = max(memory, service.memory())
        time.sleep(1 / PROBES)
    guesses = answers.value
    time.sleep(1)
    stop.set()
    reader.join()
    besiegers.terminate()
    besiegers.join()
    service.kill(signal.SIGTERM)
    shown = [(code, moment) for _, code, moment in reader.seen]
    # A reader is shown the newest code, so a text has come when a later one is shown.
    took = {
        code: min((moment for later, moment in shown if later >= code), default=float("inf")) - sent[code]
        for code in sent
    }
    in_order = sorted(took.values())
    minutes = int(seconds // 60) + 2  # begun ones
    allowed = FREE * minutes + A_ROUND * (seconds / ROUND + 2)
    lines = len(log.read_text().splitlines())
    return {
        "siege": {
            "texts": len(sent),
            "p50_ms": round(in_order[len(in_order) // 2] * 1000, 1),
            "p95_ms": round(in_order[len(in_order) * 95 // 100] * 1000, 1),
            "memory_mb": memory,
            "guesses_answered_per_second": round(guesses / seconds, 1),
            "log_lines": lines,
        },
        "kept_out": sum(each > IN_TIME for each in in_order),
        "guesses_over_the_limit": max(0, round(guesses - allowed)),
        "megabytes_over_the_limit": max(0, memory - MEMORY),
        "log_lines_over_the_limit": max(0, lines - 10 * LINES * minutes),
    }


def _kept(folder: Path, texts: int, wrong: list[str], besieged: dict[str, Any]) -> dict[str, Any]:
    """What stands in the inbox: everything answered 200, once, newest last; and what a siege did."""
    with closing(sqlite3.connect(folder / "inbox.sqlite3")) as inbox:
        codes = [code for (code,) in inbox.execute("SELECT code FROM texts ORDER BY id")]
    load = [int(code) for code in codes if int(code) < texts]
    lost = texts - len(set(load))
    by_writer = [[place for place in load if place % WRITERS == writer] for writer in range(WRITERS)]
    disorder = sum(places != sorted(places) for places in by_writer)
    counts = {
        "lost": lost,
        "shown_twice": len(codes) - len(set(codes)),
        "out_of_order": disorder + len(wrong),
        **besieged,
    }
    failures = [
        {"case": "soak", "exit_code": None, "problem": what, "details": f"{count} of {texts}; {wrong[:3]}"}
        for what, count in counts.items()
        if what != "siege" and count
    ]
    return {**counts, "failures": failures}


def main() -> int:
    """Soak, write build/soak.json, and return 1 when anything was lost, doubled or out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=30_000)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="first-serve-soak-") as folder, suppress(KeyboardInterrupt):
        return report("soak", soak(options.texts, options.kills, Path(folder)))
    return 130


if __name__ == "__main__":
    sys.exit(main())
