"""Whatever comes from outside, answers and options alike, is a sensible value or an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reserve.commands.options import Booking, booking_parser, read_booking
from reserve.errors import ReserveError, UsageError
from reserve.http import Http
from reserve.model import Hold, Offers
from reserve.settings import read_settings
from tests.fakes import InProcess, usd
from tests.proofs.referee import judged
from tests.proofs.trouble import TroubledStage
from tests.stage import Stage

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

careful = settings(suppress_health_check=list(HealthCheck))

STRANGE: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            0,
            -1,
            1.5,
            10**30,
            "",
            "x",
            "null",
            "\x00",
            "é" * 50,
            [],
            {},
            [None],
            [[]],
            [{}],
        ),
        *({"id": None}, {"id": 1}, {"id": "x"}, "2026-02-30T25:61:00Z", "2026-03-09", "9999-12-31T23:59:59Z"),
        *(
            "0001-01-01T00:00:00+14:00",
            "-1:00",
            "25:00:00",
            "08:00",
            "pending",
            "Etc/Nowhere",
            "../x",
            "<html>",
        ),
    ]
)
WHERE = st.lists(st.integers(0, 30), max_size=6)  # a way down into the answer
Changes = list[tuple[list[int], Any, str]]  # where, what instead, and how
SPOILT = st.lists(st.tuples(WHERE, STRANGE, st.sampled_from(["replace", "remove", "insert"])), max_size=3)
RAW = st.one_of(
    st.none(), st.none(), st.binary(max_size=40), st.just(b"[" * 100_000), st.just(b'{"data": NaN}')
)
STATUS = st.sampled_from([None, None, None, 200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 429, 500, 503])
HEADERS: st.SearchStrategy[dict[str, str]] = st.sampled_from(
    [
        {},
        {},
        {"Retry-After": "-1"},
        {"Retry-After": "²"},
        {"Retry-After": "9" * 40},
        {"Date": "x"},
        {"Age": "1"},
    ]
)


def spoilt(value: Any, changes: Changes) -> Any:
    """*value* with every change made somewhere in it."""
    for way, strange, how in changes:
        value = _changed(value, way, strange, how)
    return value


def _changed(value: Any, way: list[int], strange: Any, how: str) -> Any:
    if not way or not isinstance(value, dict | list) or not value:
        return strange
    keys = sorted(value) if isinstance(value, dict) else range(len(value))
    key = keys[way[0] % len(keys)]
    value = value.copy()
    if len(way) > 1 and isinstance(value[key], dict | list):
        value[key] = _changed(value[key], way[1:], strange, how)
    elif how == "remove":
        del value[key]
    elif how == "insert" and isinstance(value, list):
        value.insert(key, strange)
    else:
        value[key] = strange
    return value


class Replay(InProcess):
    """Notes every answer; afterwards gives it again, spoilt, without asking anybody."""

    def __init__(self, stage: ReplayStage) -> None:
        super().__init__(stage.apps, stage.clock)
        self.stage = stage

    def _exchange(
        self, app: WSGIApplication, request: requests.PreparedRequest
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        path = re.sub(r"[0-9a-f-]{36}|pi_[0-9a-f-]+", "*", request.path_url)
        if self.stage.changes is None:
            found = super()._exchange(app, request)
            if found[0] < "3":
                self.stage.answers.setdefault((request.method, path), found)
            return found
        status, headers, body = self.stage.answers.get((request.method, path), ("404 NOT FOUND", [], b"{}"))
        changes, raw, other_status, other_headers = self.stage.changes
        if raw is not None:
            body = raw
        elif body:
            body = json.dumps(spoilt(json.loads(body), changes)).encode()
        headers = [(name, text) for name, text in headers if name not in ("Content-Length", *other_headers)]
        return f"{other_status} ?" if other_status else status, [*headers, *other_headers.items()], body


class ReplayStage(Stage):
    """A stage whose answers can be given again."""

    changes: tuple[Changes, bytes | None, int | None, dict[str, str]] | None = None
    answers: dict[tuple[str | None, str], tuple[str, list[tuple[str, str]], bytes]]
    offers: Offers
    hold: Hold
    me: Any

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        return Http(base_url, headers=headers, adapter=Replay(self), clock=self.clock)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReplayStage]:
    """A stage after a run in which a card was asked for and not confirmed, so that every request was made."""
    scenario = {"price_cents": 500, "card": "requires-action"}
    folder = tmp_path_factory.mktemp("fuzz")
    with ReplayStage(folder, scenario, environ={"RECUS_STRIPE_KEY": "pk_test_1"}) as stage:
        stage.answers = {}
        stage.book("--pay", "card", "--max-price", "20")
        stage.offers = stage.run.system.offers()
        order = next(iter(stage.simulated.orders))
        stage.hold = Hold(stage.offers.offers[0], order, usd(750))
        stage.run.system.order(stage.hold)
        system: Any = stage.run.system
        stage.me = system._me
        yield stage


CALLS: Mapping[str, Callable[[Any, Hold], object]] = {
    "offers": lambda system, hold: system.offers(),
    "sign in": lambda system, hold: system.sign_in(),
    "reservations": lambda system, hold: system.reservations(),
    "holds": lambda system, hold: system.holds(),
    "hold": lambda system, hold: system.connection_for(hold.offer).hold(),
    "warm": lambda system, hold: system.connection_for(hold.offer).warm(system.context.clock),
    "order": lambda system, hold: system.order(hold),
    "by hand": lambda system, hold: system.settles_by_hand(hold, None),
    "confirm": lambda system, hold: system.confirm(hold),
    "release": lambda system, hold: system.release(hold),
    "send": lambda system, hold: system.send_code(),
    "verify": lambda system, hold: system.enter_code("123456"),
}


def test_every_answer_that_is_spoilt_was_given(stage: ReplayStage) -> None:
    assert len({path for _, path in stage.answers}) >= 10


@pytest.mark.parametrize("name", CALLS)
@settings(careful, max_examples=120)
@given(changes=SPOILT, raw=RAW, status=STATUS, headers=HEADERS)
def test_an_answer_that_makes_no_sense_is_an_error_of_ours(
    stage: ReplayStage,
    name: str,
    changes: Changes,
    raw: bytes | None,
    status: int | None,
    headers: dict[str, str],
) -> None:
    system: Any = stage.run.system
    system._me = stage.me
    stage.changes = (changes, raw, status, headers)
    with suppress(ReserveError):
        CALLS[name](system, stage.hold)
    stage.changes = None
    system.close()


@settings(careful, max_examples=60)
@given(changes=SPOILT, raw=RAW, status=STATUS, headers=HEADERS)
def test_a_stamp_that_makes_no_sense_is_no_probe(
    stage: ReplayStage, changes: Changes, raw: bytes | None, status: int | None, headers: dict[str, str]
) -> None:
    stage.changes = (changes, raw, status, headers)
    connection = stage.run.system.connection_for(stage.hold.offer)
    with suppress(ValueError):
        connection.probe(stage.clock)
    stage.changes = None
    connection.close()


@settings(careful, max_examples=60)
@given(changes=SPOILT, raw=RAW, status=STATUS, headers=HEADERS)
def test_a_webhook_service_that_makes_no_sense_is_an_error_of_ours(
    stage: ReplayStage, changes: Changes, raw: bytes | None, status: int | None, headers: dict[str, str]
) -> None:
    inbox = stage.run.verification.source
    assert inbox
    stage.changes = (changes, raw, status, headers)
    with suppress(ReserveError):
        inbox.newest()
    with suppress(ReserveError):
        inbox.next_code(after=0, until=stage.clock.now() + timedelta(seconds=1), stop=stage.stop)
    stage.changes = None


class SpoilingStage(TroubledStage):
    """A stage on which one answer in ten is spoilt."""

    draw: Random

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        return Http(base_url, headers=headers, adapter=Spoiling(self), clock=self.clock)


class Spoiling(InProcess):
    """Spoils answers as the seed of its stage says."""

    def __init__(self, stage: SpoilingStage) -> None:
        super().__init__(stage.apps, stage.clock, latency=stage.latency)
        self.draw = stage.draw

    def _exchange(
        self, app: WSGIApplication, request: requests.PreparedRequest
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        status, headers, body = super()._exchange(app, request)
        if body[:1] in (b"{", b"[") and self.draw.random() < 0.1:
            way = [self.draw.randrange(30) for _ in range(self.draw.randrange(1, 6))]
            strange: Any = self.draw.choice([None, 0, -1, "", "x", [], {}, True])
            body = json.dumps(_changed(json.loads(body), way, strange, "replace")).encode()
            headers = [(name, text) for name, text in headers if name != "Content-Length"]
        return status, headers, body


@pytest.mark.parametrize("seed", range(25))
def test_a_run_among_spoilt_answers_ends_with_a_sentence(tmp_path: Path, seed: int) -> None:
    SpoilingStage.draw = Random(f"spoilt {seed}")
    with SpoilingStage(tmp_path, seed=seed) as stage:
        problems = judged(stage, f"spoilt {seed}").problems

    # A booking system that misnames what it has done can make us say anything but this.
    assert not {kind for kind, _ in problems} & {"double_paid", "double_booked", "leaked", "tracebacks"}


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *(
                "18:00",
                "18:00:00",
                "24:00",
                "7pm",
                "2026-03-09",
                "2026-02-30",
                "0000-00-00",
                "tennis",
                "TENNIS",
            ),
            *(
                "Alice Marble",
                "a@b.c",
                "+1 415 555 0100",
                "1e400",
                "nan",
                "inf",
                "-1",
                "7.50",
                "$7",
                "0",
                "²",
            ),
            *(
                "\udcff",
                "a,b,,c",
                ",",
                "recus",
                "card",
                "credit",
                "http://[",
                "https://x",
                "9" * 400,
                "--",
                "-",
            ),
        ]
    ),
)
NAMES = [name for action in booking_parser("book")._actions for name in action.option_strings]
OPTIONS = st.lists(
    st.tuples(st.sampled_from([name for name in NAMES if name not in ("-h", "--help", "--version")]), WORDS)
)
USUAL = [
    "-c",
    "Alice Marble",
    "-d",
    "2026-03-09",
    "-s",
    "tennis",
    "-t",
    "18:00",
    "-y",
    "19:30",
    "-e",
    "a@b.c",
]
ENVIRON = st.dictionaries(
    st.sampled_from(
        ["RESERVE_EMAIL", "RESERVE_PASSWORD", "RESERVE_PHONE", "RESERVE_MAX_PRICE", "RESERVE_SYSTEM"]
    ),
    WORDS,
)


@settings(careful, max_examples=500)
@given(st.booleans(), OPTIONS, ENVIRON)
def test_options_are_a_booking_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
    usual: bool,
    given_words: list[tuple[str, str]],
    environ: dict[str, str],
) -> None:
    environ = {**environ, "RESERVE_DATA": str(tmp_path_factory.getbasetemp() / "fuzzed-options")}
    words = [*(USUAL if usual else []), *(word for pair in given_words for word in pair)]
    with suppress(UsageError):
        booking = read_booking(booking_parser("book").parse_args(words), read_settings(environ))
        assert isinstance(booking, Booking)
        assert booking.request.length > timedelta(0)
