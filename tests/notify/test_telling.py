"""How an outcome becomes notices, and the real process that tells them: no secret of an address comes out."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

import pytest
from icalendar import Calendar

from reserve.booking.result import Outcome
from reserve.calendar_file import Game, calendar_file
from reserve.causes.cause import Cause
from reserve.causes.words import remedy, why
from reserve.clock import Clock
from reserve.commands import telling
from reserve.commands.telling import kind_of, notices_of
from reserve.errors import CauseWord, ExitCode, OutcomeWord
from reserve.model import Slot
from reserve.notify.notice import Kind, Notice
from reserve.notify.outbox import Outbox
from reserve.settings import Settings
from tests.machine import children

NOW = datetime(2026, 11, 27, 16, tzinfo=UTC)
start_sender = telling.start_sender  # the real one, before the tests have another


def test_every_outcome_is_one_kind_of_notice() -> None:
    kinds = {
        kind_of(Outcome(word, code, ""))
        for word, code in ((OutcomeWord.RESERVED, ExitCode.SUCCESS), (OutcomeWord.HELD, ExitCode.HELD))
    }
    others = {
        code: kind_of(Outcome(OutcomeWord.REFUSED, code, "")) for code in (1, 2, 3, 4, 5, 6, 7, 70, 143)
    }

    assert kinds == {Kind.RESERVED, Kind.HELD}
    assert [code for code, kind in others.items() if kind is Kind.LOST] == [1, 5]
    assert set(others.values()) == {Kind.LOST, Kind.BROKEN}


@pytest.mark.parametrize("word", CauseWord)
def test_who_has_no_court_is_told_why_and_what_to_do(word: CauseWord) -> None:
    lost = Outcome(OutcomeWord.NOT_RESERVED, ExitCode.NOT_RESERVED, "Not reserved: taken.", cause=Cause(word))

    (told,) = notices_of(lost, NOW, what="run 1", about="run 1")

    assert told.text == f"Not reserved: taken. {why(Cause(word))} {remedy(Cause(word))} (run 1)"


@pytest.mark.parametrize(("minutes", "again"), [(10, 7), (4, 2)])
def test_what_is_held_is_told_again_before_it_lapses(minutes: int, again: int) -> None:
    lapses = NOW + timedelta(minutes=minutes)
    held = Outcome(OutcomeWord.HELD, ExitCode.HELD, "Held: pay at https://x/1", expires_at=lapses)

    first, second = notices_of(held, NOW, what="run 1", about="run 1")

    assert (first.not_before, second.not_before) == (None, NOW + timedelta(minutes=again))
    assert second.not_after == lapses
    assert "https://x/1" in second.text
    assert notices_of(held, lapses, what="run 1", about="run 1")[1:] == []


class _Service(BaseHTTPRequestHandler):
    heard: list[bytes]

    def do_POST(self) -> None:
        self.heard.append(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[tuple[int, list[bytes]]]:
    """The port of a service, and what was posted to it."""
    heard: list[bytes] = []
    with TCPServer(("127.0.0.1", 0), type("Service", (_Service,), {"heard": heard})) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True)
        thread.start()
        yield server.server_address[1], heard
        server.shutdown()
        thread.join()


def test_a_process_of_its_own_tells_apprises_channels_with_the_calendar_file_and_no_secret_comes_out(
    service: tuple[int, list[bytes]], tmp_path: Path
) -> None:
    port, heard = service
    slot = Slot(NOW, NOW + timedelta(hours=1))
    calendar = calendar_file(Game("recus", "Alice Marble", "Court 1", slot), NOW)
    notice = Notice("run 1", Kind.RESERVED, "Reserved Court 1.", Clock().now(), "1", calendar)
    wrong = (
        "tgram://canary/canary json://canary:canary@127.0.0.1:9/canary?+X-Key=canary telegam://canary canary"
    )
    settings = Settings(tmp_path, notify=f"{wrong} json://127.0.0.1:{port}/canary")
    Outbox(tmp_path).put(notice)

    start_sender(settings)

    ends = Clock().monotonic() + 60
    while Clock().monotonic() < ends and not _is_tried(tmp_path):
        Clock().sleep(timedelta(milliseconds=50))
    (process,) = children("reserve.notify")
    seen = " ".join(process.cmdline())
    process.kill()
    process.wait(60)
    seen += "".join(
        path.name + path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    )  # the log, too
    (body,) = map(json.loads, heard)
    assert (body["title"], body["message"]) == ("First Serve: reserved", "Reserved Court 1.")
    (event,) = Calendar.from_ical(base64.b64decode(body["attachments"][0]["base64"])).walk("VEVENT")
    assert str(event["summary"]) == "Court 1, Alice Marble"
    assert "tgram://…: not told (the address cannot be read" in seen
    assert "canary" not in seen


def _is_tried(data: Path) -> bool:
    """Whether every channel has had its first try."""
    with suppress(IndexError):
        tried = Outbox(data).pending()[0].progress.values()
        return len(tried) == 5 and all(each.why or each.told for each in tried)
    return False
