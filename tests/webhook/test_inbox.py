"""The inbox: what lies on disk, and readers that wait in real threads."""

import logging
import random
import re
import resource
import sqlite3
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fakes import START, FakeClock
from webhook_server.disk import Disk, KeptText
from webhook_server.gateways import Text
from webhook_server.inbox import Inbox, NotKept, StoredCode

NUMBER = "+14155550100"
MINUTE = timedelta(minutes=1)
FOR_EVER = timedelta(hours=1)
FIRST = int(START.timestamp() * 1000)  # the id of a text that comes at the beginning


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
        self.join(60)
        assert not self.is_alive()
        return self.found.code if self.found else None


def test_only_the_owner_can_read_what_lies_on_disk(inbox: Inbox, tmp_path: Path) -> None:
    inbox.add(text("1"))

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    files = list((tmp_path / "data").iterdir())
    assert {file.name for file in files} == {"inbox.sqlite3", "inbox.sqlite3-wal"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_others_could_read_is_closed_to_them(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "inbox.sqlite3").touch(mode=0o644)

    Inbox(tmp_path, clock.now).close()

    assert stat.S_IMODE((tmp_path / "inbox.sqlite3").stat().st_mode) == 0o600


def newest_id(inbox: Inbox) -> int | None:
    """The id of the newest text for our number."""
    found = inbox.newest(NUMBER)
    return found.id if found else None


def test_texts_ids_and_repeats_outlive_the_process(tmp_path: Path, clock: FakeClock) -> None:
    first = Inbox(tmp_path, clock.now)
    first.add(text("1"))
    first.close()

    second = Inbox(tmp_path, clock.now)
    assert newest_id(second) == FIRST
    assert second.add(text("1")) is None
    assert second.add(text("2")) == FIRST + 1
    second.close()


def contents(folder: Path) -> bytes:
    """What lies on disk."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


def test_after_ten_minutes_nothing_of_a_text_is_on_disk_though_nobody_asks(
    tmp_path: Path, clock: FakeClock, watch: Watch
) -> None:
    inbox = Inbox(tmp_path, watch.now, often=timedelta(milliseconds=5))
    inbox.add(text("1"))
    assert b"482913" in contents(tmp_path)
    clock.sleep(timedelta(minutes=10, seconds=1))

    for _ in range(1000):
        watch.looked.clear()
        assert watch.looked.wait(60)
        if b"482913" not in contents(tmp_path):
            break

    assert b"482913" not in contents(tmp_path)
    assert NUMBER.removeprefix("+").encode() not in contents(tmp_path)
    inbox.close()


def test_texts_that_got_too_old_while_the_service_was_down_are_gone_when_it_starts(
    tmp_path: Path, clock: FakeClock
) -> None:
    with closing(Inbox(tmp_path, clock.now)) as inbox:
        inbox.add(text("1"))
    clock.sleep(timedelta(minutes=11))

    with closing(Inbox(tmp_path, clock.now)):
        assert b"482913" not in contents(tmp_path)


def test_a_text_from_the_future_is_deleted_when_the_clock_is_right_again(
    tmp_path: Path, clock: FakeClock
) -> None:
    tomorrow = FakeClock(START + timedelta(days=1))
    with closing(Inbox(tmp_path, tomorrow.now)) as inbox:
        newest = inbox.add(text("1"))

    with closing(Inbox(tmp_path, clock.now)) as inbox:
        assert b"482913" not in contents(tmp_path)
        assert inbox.add(text("2")) == (newest or 0) + 1  # ids grow all the same


def test_nothing_is_left_of_texts_that_sqlite_moved_between_pages() -> None:
    chance, now, count = random.Random(26), START.timestamp(), 0  # 26 is one that moves some
    young: dict[bytes, float] = {}
    with TemporaryDirectory(dir=next(filter(Path.exists, [Path("/dev/shm"), Path("/tmp")]))) as folder:
        disk = Disk(Path(folder, "inbox.sqlite3"), lambda: datetime.fromtimestamp(now).astimezone())
        for _ in range(20):
            for _ in range(chance.randint(0, 200)):
                count += 1
                code = f"C{count:07}X"
                disk.add(KeptText(count, now, "1" * chance.randint(5, 300), code), str(count))
                young[code.encode()] = now
                now += chance.random() * 8
            now += chance.random() * 200
            disk.forget_old()
            young = {code: at for code, at in young.items() if now - at <= 600}
            assert set(re.findall(rb"C\d{7}X", contents(Path(folder)))) == set(young)
        disk.close()


def test_the_texts_of_an_earlier_version_are_deleted_and_its_events_are_known(
    tmp_path: Path, clock: FakeClock
) -> None:
    with closing(Inbox(tmp_path, clock.now)) as inbox:
        inbox.add(text("1"))
    with closing(sqlite3.connect(tmp_path / "inbox.sqlite3")) as earlier, earlier:
        earlier.execute("DROP TABLE texts")
        earlier.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")
        earlier.execute("INSERT INTO texts VALUES (1, 'Your code is 591827')")
        earlier.execute("PRAGMA user_version = 0")

    with closing(Inbox(tmp_path, clock.now)) as inbox:
        assert b"591827" not in contents(tmp_path)
        assert inbox.add(text("1")) is None
        assert inbox.add(text("2"))


# Bad disks


@pytest.mark.parametrize("place", [0, 40, 4096])
def test_a_damaged_inbox_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    with closing(Inbox(tmp_path, clock.now)) as inbox:
        newest = inbox.add(text("1"))
    path, aside = tmp_path / "inbox.sqlite3", tmp_path / "inbox.sqlite3.damaged"
    damaged = bytearray(path.read_bytes())
    damaged[place : place + 600] = b"482913" * 100
    path.write_bytes(damaged)
    clock.sleep(MINUTE)

    with closing(Inbox(tmp_path, clock.now)) as inbox:
        later = inbox.add(text("2"))
        assert [file.name for file in tmp_path.glob("*damaged*")] == [aside.name]
        assert stat.S_IMODE(aside.stat().st_mode) == 0o600
        assert "set aside as inbox.sqlite3.damaged" in caplog.text
        assert "482913" not in caplog.text
    assert newest
    assert later
    assert later > newest  # so that a code is still proved to be fresh by its id

    clock.sleep(timedelta(minutes=11))
    Inbox(tmp_path, clock.now).close()
    assert [file.name for file in tmp_path.iterdir()] == ["inbox.sqlite3"]


def test_nobody_else_can_lock_the_inbox_so_no_delivery_waits_for_them(inbox: Inbox, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "data" / "inbox.sqlite3", timeout=0)) as other:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

        assert inbox.add(text("1")) == FIRST


def test_a_second_service_on_the_same_inbox_is_refused(
    inbox: Inbox, tmp_path: Path, clock: FakeClock
) -> None:
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        Inbox(tmp_path / "data", clock.now)

    assert not list((tmp_path / "data").glob("*damaged*"))


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_on_a_full_disk_whoever_waits_gets_the_code_and_its_gateway_is_told_to_deliver_again(
    inbox: Inbox, watch: Watch, tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(inbox, watch)

    with full_disk(), pytest.raises(NotKept):
        inbox.add(text("1"))

    assert reader.answer() == "482913"
    assert newest_id(inbox) == FIRST
    assert "482913" not in caplog.text
    assert [inbox.add(text("1")), inbox.add(text("1"))] == [FIRST, None]  # the same text, now on disk
    inbox.close()
    with closing(Inbox(tmp_path / "data", clock.now)) as again:
        assert newest_id(again) == FIRST


def test_what_a_full_disk_keeps_from_being_deleted_is_deleted_when_it_has_room(
    tmp_path: Path, clock: FakeClock, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    inbox = Inbox(tmp_path, watch.now, often=timedelta(milliseconds=5))
    inbox.add(text("1"))
    with full_disk():
        clock.sleep(timedelta(minutes=11))
        for _ in range(3):
            watch.looked.clear()
            assert watch.looked.wait(60)

    for _ in range(1000):
        watch.looked.clear()
        assert watch.looked.wait(60)
        if b"482913" not in contents(tmp_path):
            break

    assert b"482913" not in contents(tmp_path)
    assert "cannot be deleted from disk" in caplog.text
    inbox.close()


def test_whoever_waits_gets_the_code_when_it_arrives(inbox: Inbox, watch: Watch) -> None:
    readers = [Reader(inbox, watch) for _ in range(3)]

    inbox.add(text("1"))

    assert [reader.answer() for reader in readers] == ["482913"] * 3


def test_whoever_waits_is_not_content_with_less(inbox: Inbox, watch: Watch) -> None:
    reader = Reader(inbox, watch, after=FIRST + 1)

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

    assert sorted(i for i in ids if i is not None) == list(range(FIRST, FIRST + 50))
    assert ids.count(None) == 50
