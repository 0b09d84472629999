"""`make pages`: how quick the web page is with the runs of years, and that no text or code waits for it.

Writes build/pages.json. Server and clients share the processors of one machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from sqlalchemy import insert

from reserve.causes.facts import written
from reserve.errors import CauseWord
from reserve.plans.due import schedule_next
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.settings import read_settings
from reserve.storage.database import Store
from reserve.storage.people import People
from reserve.storage.plans import PlanStore
from reserve.storage.schema import RUNS
from tests.waterfall.runs import TWO_HELD, facts
from webhook_server import create_app, serve
from webhook_server.access import Access
from webhook_server.pages import create_pages

OUT = Path(__file__).parents[2] / "build" / "pages.json"
TOKEN, PASSWORD, NUMBER = "a-token-that-is-no-secret", "correct horse battery", "+14155550142"
RUNS_KEPT, PLANS_KEPT = 10_000, 500
PATHS = ["/", "/plans", "/runs", "/runs?ended=won", "/runs?cause=rivals", "/runs/20250101T000000-5000"]
PATHS += ["/plans/7", "/plans/new", "/accounts", "/code"]
MOST_TIME, MOST_BYTES = 100, 60_000  # milliseconds at p95; of a page with its style
RATE = 200  # pages in a second
TEXT_LATE, CODE_LATE = 100, 50  # milliseconds


def lay_out(folder: Path) -> None:
    """A store with the runs and plans of years."""
    store, now = Store(folder), datetime.now(UTC)
    People(store).keep("anna", PASSWORD)
    text, causes = written(facts(TWO_HELD)), list(CauseWord)
    rows = [
        {
            "run_id": f"20250101T000000-{number}",
            "system": "recus",
            "player": "somebody",
            "request": f"Alice Marble, tennis, game {number}",
            "started": now - timedelta(hours=number),
            "ended": now - timedelta(hours=number) + timedelta(minutes=3),
            "exit_code": number % 3 and 1,
            "sentence": "Not reserved: all courts were taken.",
            "facility": "Alice Marble",
            "cause": causes[number % len(causes)] if number % 3 else None,
            "margin_ms": 9,
            "facts": text,
        }
        for number in range(RUNS_KEPT)
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(RUNS), rows)
    plans, first = PlanStore(store), (now + timedelta(days=3)).replace(tzinfo=None, microsecond=0)
    plan = Plan((Choice("Alice Marble", ("Court 1",)),), timedelta(minutes=30), first)
    bodies = [body_of(replace(plan, first=first + timedelta(minutes=number))) for number in range(PLANS_KEPT)]
    for number in plans.add(bodies):
        plans.change(number, zone="America/Los_Angeles", rule="7 days 08:00:00", looked=now)
        if stored := plans.get(number):
            schedule_next(plans, stored, now)
    store.close()


def signed_in(url: str) -> requests.Session:
    """Somebody who is."""
    session = requests.Session()
    token = (
        session.get(f"{url}/sign-in", timeout=30).text.partition('csrf_token" value="')[2].partition('"')[0]
    )
    fields = {"name": "anna", "password": PASSWORD, "csrf_token": token}
    assert session.post(f"{url}/sign-in", data=fields, timeout=30).url == f"{url}/"
    return session


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """How many milliseconds a call took, and its result."""
    began = time.perf_counter()
    result = call()
    return (time.perf_counter() - began) * 1000, result


def p95(values: Sequence[float]) -> float:
    """What all but a twentieth of *values* stay below."""
    return round(statistics.quantiles(values, n=20)[-1], 1)


def each_page(url: str, session: requests.Session) -> dict[str, dict[str, float]]:
    """One page after the other: time at p95, and bytes."""
    style = len(session.get(f"{url}/static/style.css", timeout=30).content)
    found = {}
    for path in PATHS:
        answers = [timed(lambda path=path: session.get(url + path, timeout=30)) for _ in range(25)]  # type: ignore[misc]
        assert {answer.status_code for _, answer in answers} == {200}, path
        size = len(answers[0][1].content) + style
        found[path] = {"p95_ms": p95([length for length, _ in answers[2:]]), "bytes": size}
    return found


def crowd(url: str, session: requests.Session, seconds: int) -> dict[str, Any]:
    """Mixed pages at RATE while texts are delivered and codes are waited for."""
    cookies, over = session.cookies.get_dict(), threading.Event()
    ours = {"Authorization": f"Bearer {TOKEN}"}
    texts: list[float] = []
    codes: list[float] = []
    pages: list[float] = []
    statuses: set[int] = set()
    local = threading.local()

    def page(number: int, due: float) -> None:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.cookies.update(cookies)
        time.sleep(max(0.0, due - time.perf_counter()))
        length, answer = timed(lambda: local.session.get(url + PATHS[number % len(PATHS)], timeout=30))
        pages.append(length)
        statuses.add(answer.status_code)

    def deliver() -> None:
        phone, number, address = requests.Session(), 0, f"{url}/webhook/{TOKEN}/forwarder"
        while not over.is_set():
            number += 1
            payload = {"from": NUMBER, "to": NUMBER, "text": f"Your rec code is {100_000 + number}"}
            texts.append(timed(lambda payload=payload: phone.post(address, json=payload, timeout=30))[0])  # type: ignore[misc]
            codes.append(
                timed(
                    lambda: phone.get(
                        f"{url}/get_verification_code",
                        params={"phonenumber": NUMBER},
                        headers=ours,
                        timeout=30,
                    )
                )[0]
            )
            over.wait(0.1)

    delivering = threading.Thread(target=deliver)
    delivering.start()
    began = time.perf_counter() + 0.2
    with ThreadPoolExecutor(32) as workers:
        for number in range(RATE * seconds):
            workers.submit(page, number, began + number / RATE)
    took = time.perf_counter() - began
    over.set()
    delivering.join()
    return {
        "asked_per_second": RATE,
        "answered_per_second": round(len(pages) / took, 1),
        "statuses": sorted(statuses),
        "pages_p95_ms": p95(pages),
        "texts_p95_ms": p95(texts),
        "texts_worst_ms": round(max(texts), 1),
        "codes_p95_ms": p95(codes),
        "codes_worst_ms": round(max(codes), 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write the figures down, and say what is slower than it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.proofs.pages", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of the crowd (10)")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as name:
        folder = Path(name)
        lay_out(folder)
        app = create_app(data=folder, token=TOKEN, loopback=True, now=lambda: datetime.now(UTC))
        texts, access = app.extensions["inbox"], Access(TOKEN, exposed=False)
        pages = create_pages(read_settings({"RESERVE_DATA": name}), access, texts, exposed=False)
        with serve(app, "127.0.0.1", 0, pages=pages) as server:
            url = f"http://127.0.0.1:{server.port}"
            session = signed_in(url)
            figures: dict[str, Any] = {
                "runs": RUNS_KEPT,
                "plans": PLANS_KEPT,
                "pages": each_page(url, session),
                "crowd": crowd(url, session, options.seconds),
            }
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    wrong = failures(figures)
    print("\n".join(wrong) or "everything is as quick and as small as it must be")
    return 1 if wrong else 0


def failures(figures: dict[str, Any]) -> list[str]:
    """What is slower or larger than it must be."""
    found = [
        f"{path} takes too long" for path, each in figures["pages"].items() if each["p95_ms"] > MOST_TIME
    ]
    found += [f"{path} is too large" for path, each in figures["pages"].items() if each["bytes"] > MOST_BYTES]
    crowd = figures["crowd"]
    found += [f"not {RATE} pages in a second"] if crowd["answered_per_second"] < RATE * 0.95 else []
    found += ["texts wait for pages"] if crowd["texts_worst_ms"] > TEXT_LATE else []
    return found + (["codes wait for pages"] if crowd["codes_worst_ms"] > CODE_LATE else [])


if __name__ == "__main__":
    sys.exit(main())
