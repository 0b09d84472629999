"""The outbox and the process that empties it; `tests.proofs.notices` is about what is never lost."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reserve.notify.channels import Channel, channels
from reserve.notify.notice import Kind, Notice
from reserve.notify.outbox import MOST_TRIES, Entry, Outbox
from reserve.notify.sender import TOO_OLD, Sender
from tests.fakes import FakeClock
from tests.proofs.matrix import memory
from tests.proofs.notices import Killed

MINUTE = timedelta(minutes=1)
ONE = channels("ntfy://one")


def notice(clock: FakeClock, name: str = "run 1 reserved", kind: Kind = Kind.RESERVED) -> Notice:
    return Notice(name, kind, "Reserved Court 1.", clock.now(), run_id="run-1", calendar="BEGIN:VCALENDAR")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory: what is tried here is not how long a disk takes."""
    with TemporaryDirectory(dir=memory()) as folder:
        yield Path(folder)


class Told:
    """What was sent when, by a send that answers as it is told."""

    def __init__(self, clock: FakeClock, *answers: str | None) -> None:
        self.clock, self.answers = clock, list(answers)
        self.sent: list[tuple[datetime, str, str]] = []
        self.log: list[str] = []

    def send(self, channel: Channel, notice: Notice) -> str | None:
        self.sent.append((self.clock.now(), channel.name, notice.id))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def sender(self, outbox: Outbox, known: list[Channel] = ONE) -> Sender:
        return Sender(outbox, known, self.send, self.clock, self.log.append, look=10 * MINUTE)


def test_a_channel_is_tried_again_after_pauses_that_grow_and_what_is_over_is_kept_with_how_it_went(
    clock: FakeClock, tmp_path: Path
) -> None:
    outbox, told, began = Outbox(tmp_path), Told(clock, "answered 500", "answered 500", None), clock.now()
    assert outbox.put(notice(clock))

    told.sender(outbox).run()

    assert [(at - began).total_seconds() for at, *_ in told.sent] == [0, 5, 15]
    assert outbox.pending() == []
    (entry,) = outbox.told("run-1")
    (progress,) = entry.progress.values()
    assert str(progress) == f"ntfy://…: told at {clock.now():%Y-%m-%d %H:%M:%S} UTC"
    assert entry.notice == notice(FakeClock(began))
    assert not outbox.put(notice(clock))  # it is known


def test_a_channel_that_never_comes_back_is_given_up_after_a_day_with_one_word_in_the_log(
    clock: FakeClock, tmp_path: Path
) -> None:
    outbox, told, began = Outbox(tmp_path), Told(clock, "TimeoutError"), clock.now()
    outbox.put(notice(clock))

    told.sender(outbox).run()

    assert len(told.sent) == MOST_TRIES
    assert timedelta(hours=24) < clock.now() - began < timedelta(hours=27)
    assert [line.rpartition("; ")[2] for line in told.log] == ["will be tried again)", "given up)"]
    assert outbox.pending() == []


def test_a_sender_that_dies_at_every_try_does_not_tell_for_ever(clock: FakeClock, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(notice(clock))
    tries = 0

    def send(channel: Channel, notice: Notice) -> str | None:
        nonlocal tries
        tries += 1
        raise Killed

    for _ in range(MOST_TRIES + 10):
        with suppress(Killed):
            Sender(Outbox(tmp_path), ONE, send, clock, print, look=10 * MINUTE).run()

    assert tries == MOST_TRIES
    assert outbox.pending() == []


def test_a_channel_that_takes_its_time_does_not_keep_the_others_waiting_twice(
    clock: FakeClock, tmp_path: Path
) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, "TimeoutError", "TimeoutError", None)
    known = channels("tgram://slow/slow ntfy://quick")
    for name in ("first", "second"):
        outbox.put(notice(clock, name))

    told.sender(outbox, known).run()

    assert {(name, which) for _, name, which in told.sent[:4]} == {
        (name, which) for name in ("tgram://…", "ntfy://…") for which in ("first", "second")
    }


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("", {"reserved", "cancelled", "free", "lost", "held", "broken"}),
        ("?tell=all", {"reserved", "cancelled", "free", "lost", "held", "broken"}),
        ("?tell=needs-me", {"free", "held", "broken"}),
        ("?tell=trouble", {"broken"}),
    ],
)
def test_a_channel_hears_what_its_level_says(
    clock: FakeClock, tmp_path: Path, level: str, heard: set[str]
) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, None)
    for kind in Kind:
        if kind is not Kind.TEST:
            outbox.put(notice(clock, kind, kind))

    told.sender(outbox, channels(f"ntfy://one{level}")).run()

    assert {name for *_, name in told.sent} == heard
    assert outbox.pending() == []


def test_a_word_for_later_waits_and_is_not_said_when_it_is_too_late(clock: FakeClock, tmp_path: Path) -> None:
    outbox, told, now = Outbox(tmp_path), Told(clock, None), clock.now()
    outbox.put(Notice("again", Kind.HELD, "", now, not_before=now + 7 * MINUTE, not_after=now + 10 * MINUTE))
    outbox.put(Notice("too late", Kind.HELD, "", now, not_before=now, not_after=now - MINUTE))
    outbox.put(Notice("too old", Kind.LOST, "", now - TOO_OLD - MINUTE))

    told.sender(outbox).run()

    assert told.sent == [(now + 7 * MINUTE, "ntfy://…", "again")]
    assert [line.split(":")[0] for line in told.log] == ["lost too old", "held too late"]


def test_a_clock_that_was_set_back_makes_nobody_wait(clock: FakeClock, tmp_path: Path) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, None)
    entry = Entry(notice(clock))
    sender = told.sender(outbox)
    outbox.put(entry.notice)
    sender.send = lambda channel, notice: "answered 500"
    sender.tell_due()
    sender.send = told.send
    (entry,) = outbox.pending()
    clock.step(timedelta(days=-2))

    sender.run()

    assert len(told.sent) == 1
    assert clock.now() == told.sent[0][0]


def test_the_newest_sender_takes_over_with_the_settings_of_today(clock: FakeClock, tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put(notice(clock))
    old, new = Told(clock, "answered 404"), Told(clock, None)
    clock.call_at(clock.now() + MINUTE, new.sender(Outbox(tmp_path), channels("ntfy://two")).run)

    Sender(Outbox(tmp_path), ONE, old.send, clock, old.log.append).run()

    clock.sleep(timedelta(hours=1))

    assert old.sent[-1][0] < new.sent[0][0] < clock.now() - timedelta(minutes=58)
    assert len(new.sent) == 1
    assert Outbox(tmp_path).pending() == []


def test_with_a_full_disk_it_is_told_once_all_the_same(clock: FakeClock, tmp_path: Path) -> None:
    class Full(Outbox):
        def save(self, entry: Entry) -> None:
            raise OSError(errno.ENOSPC, "full")

    Outbox(tmp_path).put(notice(clock))
    told = Told(clock, "answered 500", None)
    sender = told.sender(Full(tmp_path))
    sender.in_memory = {"from a pipe": Entry(notice(clock, "from a pipe"))}

    sender.run()

    assert [name for *_, name in told.sent] == ["from a pipe", "from a pipe", "run 1 reserved"]
    assert Outbox(tmp_path).pending() == []


def test_what_lies_in_the_outbox_is_for_the_players_eyes_and_strange_files_are_left_alone(
    clock: FakeClock, tmp_path: Path
) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, None)
    outbox.put(notice(clock))
    (outbox.folder / "strange.json").write_text("{}")
    (outbox.folder / "binary.json").write_bytes(b"\xff\x00")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (outbox.folder, *outbox.folder.iterdir())}

    told.sender(outbox).run()

    assert (modes["outbox"], modes["told"], modes["run 1 reserved.json"]) == (0o700, 0o700, 0o600)
    assert len(told.sent) == 1
    assert (outbox.folder / "strange.json").exists()


def test_something_is_overdue_when_nobody_told_it_for_minutes(clock: FakeClock, tmp_path: Path) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, "answered 500")
    assert not outbox.is_overdue(clock.now())
    outbox.put(notice(clock))
    assert not outbox.is_overdue(clock.now() + MINUTE)
    assert outbox.is_overdue(clock.now() + 3 * MINUTE)

    told.sender(outbox).tell_due()

    assert not outbox.is_overdue(clock.now() + 2 * MINUTE)
    assert outbox.is_overdue(clock.now() + 3 * MINUTE)


def test_what_is_over_is_forgotten_with_the_runs(clock: FakeClock, tmp_path: Path) -> None:
    outbox, told = Outbox(tmp_path), Told(clock, None)
    outbox.put(notice(clock, "over"))
    told.sender(outbox).run()
    outbox.put(notice(clock, "waits"))

    outbox.forget(datetime.now().astimezone() + MINUTE)

    assert (outbox.told(), [each.notice.id for each in outbox.pending()]) == ([], ["waits"])
