"""No notice is lost: mornings with channels that time out, refuse and come back, and senders that are killed.

    python -m tests.proofs.notices [--count 1000] [--first 0]

The outbox is real files, the time is virtual, and each channel keeps its own list of what it really heard. A
sender is killed at random places, before or after it tells a channel or moves a file; the next one is started
as `due` does it, when something is overdue. Every third morning the disk is full for a while instead.
"""

from __future__ import annotations

import argparse
import errno
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from reserve.clock import Clock
from reserve.notify.channels import Channel, channels
from reserve.notify.notice import Kind, Level, Notice
from reserve.notify.outbox import MOST_TRIES, Entry, Outbox
from reserve.notify.sender import Sender
from tests.proofs.matrix import memory, report

MORNING = datetime(2026, 3, 2, 16, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
REFUSES, TIMES_OUT, LOSES_ANSWERS = "refuses", "times out", "loses answers"
AT_ONCE = 30 * MINUTE  # in that time somebody who was killed again and again has had a try
KINDS = tuple(kind for kind in Kind if kind is not Kind.TEST)


class Killed(BaseException):
    """The machine went down, or somebody killed the process: nothing in it goes on."""


class Jumping(Clock):
    """Virtual time of one process at a time: who sleeps is there at once."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def sleep_until(self, moment: datetime) -> None:
        self._now = max(self._now, moment)


@dataclass
class World:
    """What goes wrong on one morning, and what each channel really heard."""

    clock: Jumping
    outages: dict[str, list[tuple[datetime, datetime, str]]] = field(default_factory=dict)
    full: tuple[datetime, datetime] = (MORNING, MORNING)  # of the disk
    kill_at: set[int] = field(default_factory=set)
    heard: Counter[tuple[str, str]] = field(default_factory=Counter)
    unheard: Counter[tuple[str, str]] = field(default_factory=Counter)  # answers that were lost
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    points: int = 0
    kills: int = 0

    def pass_point(self) -> None:
        """A place at which the process may be killed."""
        self.points += 1
        if self.points in self.kill_at:
            self.kills += 1
            raise Killed

    def is_full(self) -> bool:
        """Whether nothing can be written now."""
        return self.full[0] <= self.clock.now() < self.full[1]

    def trouble(self, channel: Channel, now: datetime) -> str | None:
        """What is wrong with *channel* at the moment."""
        outages = self.outages.get(channel.address, [])
        return next((what for begins, ends, what in outages if begins <= now < ends), None)

    def send(self, channel: Channel, notice: Notice) -> str | None:
        """What a channel does, and what the sender learns of it."""
        key = (channel.address, notice.id)
        self.pass_point()
        self.tried[key] += 1
        what = self.trouble(channel, self.clock.now())
        if what in (TIMES_OUT, LOSES_ANSWERS):
            self.clock.sleep(timedelta(seconds=10))
        if what in (None, LOSES_ANSWERS):
            self.heard[key] += 1
            self.unheard[key] += what is not None
        self.pass_point()
        return what


class Files(Outbox):
    """An outbox whose process may be killed before and after a file is moved, and whose disk may be full."""

    def __init__(self, data: Path, world: World, until: datetime | None = None) -> None:
        super().__init__(data)
        self.world, self.until = world, until

    def is_ours(self) -> bool:
        """Until a newer process takes over, with the next notice."""
        return self.until is None or self.world.clock.now() < self.until

    def save(self, entry: Entry) -> None:
        if self.world.is_full():
            raise OSError(errno.ENOSPC, "full")
        super().save(entry)

    def _move(self, path: Path, target: Path) -> None:
        self.world.pass_point()
        super()._move(path, target)
        self.world.pass_point()


class OneByOne(Sender):
    """A sender that ends when a newer one comes, whatever it alone knows."""

    def run(self) -> None:
        with self.outbox.turn(self.clock):
            while (wake := self.tell_due()) and self.outbox.is_ours():
                self.clock.sleep_until(min(wake, self.clock.now() + self.look))

    @property
    def is_unwanted(self) -> bool:
        return not self.outbox.is_ours()


@dataclass
class Morning:
    """One morning: notices come, and somebody sees to it that they are told."""

    data: Path
    world: World
    channels: Sequence[Channel]
    notices: Sequence[Notice]

    def live(self) -> None:
        """Have everything told, minute by minute, as runs and `due` would."""
        clock = self.world.clock
        ahead = sorted(self.notices, key=lambda each: each.at)
        ends = max(each.at for each in ahead) + 3 * DAY
        unwritten: list[Entry] = []
        while ahead or unwritten or self._outbox.pending():
            assert clock.now() < ends, "it never ends"
            came = [each for each in ahead if each.at <= clock.now()]
            ahead = ahead[len(came) :]
            for notice in came:
                try:
                    self._outbox.put(notice)
                except OSError:
                    unwritten.append(Entry(notice))
            if came or unwritten or self._outbox.is_overdue(clock.now()):
                unwritten = self._sender(unwritten, ahead)
            clock.sleep(MINUTE)

    def _sender(self, unwritten: Sequence[Entry], ahead: Sequence[Notice]) -> list[Entry]:
        """One process, until it is done, killed, or not the newest any more.

        It returns what it alone knows, as the disk was full; in truth it would go on beside the newest one.
        """
        sender = OneByOne(
            Files(self.data, self.world, ahead[0].at if ahead else None),
            self.channels,
            self.world.send,
            self.world.clock,
            self.world.log.append,
            look=MINUTE,
        )
        sender.in_memory = {each.notice.id: each for each in unwritten}
        with suppress(Killed):
            sender.run()
        return list(sender.in_memory.values())

    @cached_property
    def _outbox(self) -> Outbox:
        """What lies on the disk, as whoever puts something into it sees it: nobody kills them here."""
        alive = World(self.world.clock, full=self.world.full)
        return Files(self.data, alive)

    def problems(self) -> list[str]:
        """What is wrong with what the channels heard."""
        world, found = self.world, []
        if self._outbox.pending():
            found.append("something is left in the outbox")
        for notice in self.notices:
            for channel in self.channels:
                key = (channel.address, notice.id)
                heard, most = world.heard[key], 1 + world.unheard[key] + world.kills
                if not channel.level.hears(notice.kind):
                    found += [f"{channel.level} heard of {notice.kind}"] if heard else []
                elif not heard and self._could_hear(channel, notice):
                    found.append(f"{notice.id} was lost for {channel.address}")
                elif heard > most or world.tried[key] > MOST_TRIES:
                    found.append(f"{notice.id} was told {heard} times, at most {most} of them in doubt")
                elif not heard and not any(notice.id in line for line in world.log):
                    found.append(f"{notice.id} was given up without a word")
        return found

    def _could_hear(self, channel: Channel, notice: Notice) -> bool:
        """Whether *channel* came back in time; what must be told before a hold lapses has little time."""
        begins = notice.not_before or notice.at
        outages = self.world.outages.get(channel.address, [])
        if (ends := notice.not_after) is not None:
            was_away = any(begun <= ends and ended >= begins for begun, ended, _ in outages)
            return not was_away and not self.world.kills
        ends = notice.at + DAY - timedelta(hours=1)
        return not any(begun <= begins + AT_ONCE and ended >= ends for begun, ended, _ in outages)


def drawn(seed: int, data: Path) -> Morning:
    """The morning of this *seed*."""
    draw = Random(seed)
    world = World(Jumping(MORNING))
    addresses = [f"ntfy://topic-{number}?tell={draw.choice(list(Level))}" for number in range(3)]
    known = channels(f"ntfy://all {' '.join(addresses[: draw.randint(0, 3)])}")
    for channel in known:
        begins = MORNING + MINUTE * draw.uniform(-30, 30)
        for _ in range(draw.randint(0, 4)):
            length = MINUTE * draw.choice((1, 5, 60, 300, draw.uniform(0, 1300), 5000))
            what = draw.choice((REFUSES, TIMES_OUT, LOSES_ANSWERS))
            world.outages.setdefault(channel.address, []).append((begins, begins + length, what))
            begins += length + MINUTE * draw.uniform(40, 300)
    notices = []
    for number in range(draw.randint(1, 4)):
        kind, at = draw.choice(KINDS), MORNING + MINUTE * draw.choice((0, draw.uniform(0, 40)))
        notices.append(Notice(f"run {number} {kind}", kind, "A sentence.", at))
        if kind is Kind.HELD:
            lapses = at + 10 * MINUTE
            again = lapses - 3 * MINUTE
            notices.append(
                Notice(f"run {number} again", kind, "Again.", at, not_before=again, not_after=lapses)
            )
    if seed % 3 == 2:
        begins = MORNING + MINUTE * draw.uniform(-1, 20)
        world.full = (begins, begins + MINUTE * draw.uniform(1, 200))
    else:
        world.kill_at = {draw.randint(1, 60) for _ in range(draw.choice((0, 1, 3, 10)))}
    return Morning(data, world, known, notices)


def live(seed: int) -> tuple[Morning, list[str]]:
    """The morning of *seed* after it was lived through, and what is wrong with it."""
    with TemporaryDirectory(dir=memory()) as folder:
        morning = drawn(seed, Path(folder))
        morning.live()
        return morning, morning.problems()


def numbers(seeds: Sequence[int]) -> dict[str, Any]:
    """What came of the mornings of *seeds*."""
    counts, failures = Counter[str](), []
    for seed in seeds:
        morning, problems = live(seed)
        world = morning.world
        told = [
            (world.heard[channel.address, notice.id], morning._could_hear(channel, notice))
            for notice in morning.notices
            for channel in morning.channels
            if channel.level.hears(notice.kind)
        ]
        counts += Counter(
            {
                "mornings": 1,
                "to_tell": len(told),
                "told": sum(heard > 0 for heard, _ in told),
                "lost": sum(could and not heard for heard, could in told),
                "given_up_as_the_channel_never_came_back": sum(
                    not heard and not could for heard, could in told
                ),
                "told_more_than_once": sum(heard > 1 for heard, _ in told),
                "tries": world.tried.total(),
                "kills": world.kills,
            }
        )
        failures += [
            {"case": f"morning {seed}", "exit_code": None, "problem": each, "details": None}
            for each in problems
        ]
    return {"lost": 0, **counts, "failures": failures}


def main() -> int:
    """Live through the mornings, write build/notices.json, and return 1 when anything is wrong."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--count", type=int, default=1000, help="mornings (1000)")
    made.add_argument("--first", type=int, default=0, help="the seed of the first morning (0)")
    options = made.parse_args()
    started = perf_counter()
    found = numbers(range(options.first, options.first + options.count))
    return report("notices", {**found, "seconds": round(perf_counter() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())
