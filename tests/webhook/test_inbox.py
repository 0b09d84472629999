"""The inbox: what lies on disk, and readers that wait in real threads."""

import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes import FakeClock
from webhook_server.gateways import Text
from webhook_server.inbox import Inbox, StoredCode

NUMBER = "+14155550100"
MINUTE = timedelta(minutes=1)
FOR_EVER = timedelta(hours=1)


def text(event_id: str, code: str | None = "482913", to: str = NUMBER) -> Text:
    return Text("smspool", event_id=event_id, to=to, sender=None, text=f"Your code is {code}", code=code)


class Watch:
    """A clock that notes when somebody looks at it; the inbox does so just before it waits."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.looked = threading.Event()

    def now(self) -> datetime:
        self.looked.set()
        return self.clock.now()


@pytest.fixture
def watch(clock: FakeClock) -> Watch:
    return Watch(clock)


@pytest.fixture
def inbox(tmp_path: Path, watch: Watch) -> Iterator[Inbox]:
    inbox = Inbox(tmp_path / "data", watch.now)
    yield inbox
    inbox.close()


class Reader(threading.Thread):
    """Waits for a code, from the moment it is made."""

    def __init__(self, inbox: Inbox, watch: Watch, after: int = 0) -> None:
        super().__init__()
        self.inbox, self.after = inbox, after
        self.found: StoredCode | None = None
        watch.looked.clear()
        self.start()
        watch.looked.wait()

    def run(self) -> None:
        self.found = self.inbox.code(NUMBER, max_age=MINUTE, after=self.after, wait=FOR_EVER)

    def answer(self) -> str | None:
        self.join(20)
        assert not self.is_alive()
        return self.found.code if self.found else None


def test_only_the_owner_can_read_what_lies_on_disk(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add(text("1"))

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    files = list((tmp_path / "data").iterdir())
    assert {file.name for file in files} >= {"inbox.sqlite3", "inbox.sqlite3-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_others_could_read_is_closed_to_them(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "inbox.sqlite3").touch(mode=0o644)

    Inbox(tmp_path, clock.now).close()

    assert stat.S_IMODE((tmp_path / "inbox.sqlite3").stat().st_mode) == 0o600


def test_texts_ids_and_repeats_outlive_the_process(tmp_path: Path, clock: FakeClock) -> None:
    first = Inbox(tmp_path, clock.now)
    first.add(text("1"))
    first.close()

    second = Inbox(tmp_path, clock.now)
    assert second.newest_id(NUMBER) == 1
    assert second.add(text("1")) is None
    assert second.add(text("2")) == 2
    second.close()


def test_a_deleted_text_is_not_left_on_disk(tmp_path: Path, clock: FakeClock) -> None:
    inbox = Inbox(tmp_path, clock.now)
    inbox.add(text("1"))
    clock.sleep(timedelta(minutes=11))
    inbox.state()
    inbox.close()

    assert b"482913" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_whoever_waits_gets_the_code_when_it_arrives(inbox: Inbox, watch: Watch) -> None:
    readers = [Reader(inbox, watch) for _ in range(3)]

    inbox.add(text("1"))

    assert [reader.answer() for reader in readers] == ["482913"] * 3


def test_whoever_waits_is_not_content_with_less(inbox: Inbox, watch: Watch) -> None:
    reader = Reader(inbox, watch, after=2)

    inbox.add(text("1"))
    inbox.add(text("2"))
    inbox.add(text("3", code=None))
    inbox.add(text("4", code="111111", to="+14155550101"))
    inbox.add(text("1", code="222222"))
    assert reader.is_alive()
    inbox.add(text("5", code="591827"))

    assert reader.answer() == "591827"


def test_waiting_ends(inbox: Inbox) -> None:
    assert inbox.code(NUMBER, max_age=MINUTE, after=0, wait=timedelta(milliseconds=20)) is None


def test_nobody_waits_for_an_older_text(inbox: Inbox) -> None:
    assert inbox.code(NUMBER, max_age=MINUTE, after=0, before=1, wait=FOR_EVER) is None


def test_nobody_waits_at_a_service_that_stops(inbox: Inbox) -> None:
    inbox.stop_waiting()

    assert inbox.code(NUMBER, max_age=MINUTE, after=0, wait=FOR_EVER) is None


def test_closing_sends_everybody_away(inbox: Inbox, watch: Watch) -> None:
    readers = [Reader(inbox, watch) for _ in range(3)]

    inbox.close()

    assert [reader.answer() for reader in readers] == [None] * 3


def test_many_threads_add_and_each_text_is_kept_once(inbox: Inbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(inbox.add, [text(str(n // 2)) for n in range(100)]))

    assert sorted(i for i in ids if i is not None) == list(range(1, 51))
    assert ids.count(None) == 50
