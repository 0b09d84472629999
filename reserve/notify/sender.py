"""Telling every channel what lies in the outbox, again and again with pauses, for a bounded time.

Each channel is told at least once: whoever is killed between telling it and noting so has it told again, and
so does a channel whose answer was lost. Every try is counted before it is made, so there are never more than
`MOST_TRIES` of them, and each has the id of the notice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from reserve.clock import Clock
from reserve.notify.channels import Channel
from reserve.notify.notice import Notice
from reserve.notify.outbox import LONGEST_PAUSE, MOST_TRIES, Entry, Outbox, Progress, pause_after

LOOK = timedelta(seconds=1)  # so soon is noticed what else is to be told, and who else wants to
TOO_OLD = timedelta(days=7)  # nobody wants to hear of it any more

Send = Callable[[Channel, Notice], str | None]  # why it could not be sent, if so


class Sender:
    """One process that tells *channels* what lies in *outbox*."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Sequence[Channel],
        send: Send,
        clock: Clock,
        log: Callable[[str], None],
        *,
        look: timedelta = LOOK,
    ) -> None:
        """Nothing is sent yet; what goes wrong for good is a line in the *log*."""
        self.outbox, self.channels, self.send, self.clock, self.log = outbox, channels, send, clock, log
        self.look = look
        self.in_memory: dict[str, Entry] = {}  # what the disk would not take

    def run(self) -> None:
        """Tell everything; returns when nothing is left, or when a newer process takes over.

        What came by a pipe, as the disk was full, is only ours to tell, and waits for nobody's turn.
        """
        while self.in_memory and (wake := self.tell_due(only_ours=True)):
            self.clock.sleep_until(min(wake, self.clock.now() + self.look))
        with self.outbox.turn(self.clock) as is_ours:
            while is_ours and (wake := self.tell_due()):
                self.clock.sleep_until(min(wake, self.clock.now() + self.look))
                is_ours = not self.is_unwanted

    @property
    def is_unwanted(self) -> bool:
        """Whether a newer process waits for its turn, which finds all that we still have to tell."""
        return not self.in_memory and not self.outbox.is_ours()

    def tell_due(self, *, only_ours: bool = False) -> datetime | None:
        """Try once whatever is due; returns when something is due again, None when all is over."""
        now = self.clock.now()
        entries = partial(self._entries, only_ours)
        # First tries come first: a channel that does not answer must not keep the others waiting.
        due = [
            (entry, channel, entry.progress[channel.key])
            for entry in entries()
            for channel in self._waiting(entry)
            if self._wakes(entry, channel, now) <= now
        ]
        for entry, channel, progress in sorted(due, key=lambda each: each[2].tries):
            if not self.is_unwanted:
                self._try(entry, channel, progress)
        left, now = self._left(entries()), self.clock.now()
        return min((self._wakes(*each, now) for each in left), default=None)

    def _left(self, entries: Sequence[Entry]) -> list[tuple[Entry, Channel]]:
        """What is still to be told to whom; what is over is put away."""
        left = []
        for entry in entries:
            waiting = self._waiting(entry)
            if not waiting:
                self.in_memory.pop(entry.notice.id, None)
                self.outbox.finish(entry)
            left += [(entry, channel) for channel in waiting]
        return left

    def _entries(self, only_ours: bool) -> list[Entry]:
        if only_ours:
            return list(self.in_memory.values())
        on_disk = [each for each in self.outbox.pending() if each.notice.id not in self.in_memory]
        return [*self.in_memory.values(), *on_disk]

    def _waiting(self, entry: Entry) -> list[Channel]:
        """The channels that *entry* is still to be told to; gives up what is of no use any more."""
        notice, now = entry.notice, self.clock.now()
        waiting = []
        for channel in self.channels:
            if not channel.level.hears(notice.kind):
                continue
            progress = entry.progress.setdefault(channel.key, Progress(channel.name))
            is_too_late = now > (notice.not_after or notice.at + TOO_OLD)
            if not progress.is_over and (is_too_late or progress.tries >= MOST_TRIES):
                progress.is_given_up = True
                self.log(f"{notice.kind} {notice.id}: {progress}")
                self._save(entry)
            waiting += [] if progress.is_over else [channel]
        return waiting

    def _wakes(self, entry: Entry, channel: Channel, now: datetime) -> datetime:
        """When *entry* is to be told to *channel*; a moment that a wrong clock set is none."""
        wakes = entry.progress[channel.key].wakes()
        if wakes is None or wakes > now + LONGEST_PAUSE:
            wakes = now
        return max(wakes, entry.notice.not_before or wakes)

    def _try(self, entry: Entry, channel: Channel, progress: Progress) -> None:
        progress.tries += 1
        progress.again = (self.clock.now() + pause_after(progress.tries)).isoformat()
        self._save(entry)
        progress.why = self.send(channel, entry.notice)
        if progress.why is None:
            progress.told = self.clock.now().isoformat()
        elif progress.tries == 1:
            self.log(f"{entry.notice.kind} {entry.notice.id}: {progress}")
        self._save(entry)

    def _save(self, entry: Entry) -> None:
        """Write *entry*, or remember it while the disk does not take it."""
        try:
            self.outbox.save(entry)
            self.in_memory.pop(entry.notice.id, None)
        except OSError:
            self.in_memory[entry.notice.id] = entry
