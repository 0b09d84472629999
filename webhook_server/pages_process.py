"""A process of the pages, beside ours: started, started again when it ends or hangs, and gone when we are."""

from __future__ import annotations

import logging
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

from webhook_server.server import NUMBER, Door

REFUSED = 2  # the exit code of a process that would not do better a second time

# Seconds.
SOONEST, LATEST = 1.0, 60.0  # from the end of one to the next; longer from time to time, until one lasts
LOOK = 5.0  # from one look at it to the next
GRACE = 4.0  # to finish what it has begun; two may need it one after the other, and Docker gives us 10 in all

LASTING, HUNG = 12, 12  # looks

log = logging.getLogger(__name__)


class PagesProcess:
    """A process that answers what goes through a door; nothing waits for it, whatever it does."""

    def __init__(
        self,
        command: Sequence[str],
        end: socket.socket,
        door: Door,
        *,
        soonest: float = SOONEST,
        look: float = LOOK,
    ) -> None:
        """Keep *command* running from now on; its last argument is the file that is its *end*."""
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [*command, str(end.fileno())]
        self._end = end  # ours as well: whoever comes while it starts again is answered then
        self._door = door
        self._soonest = soonest
        self._pause = soonest
        self._look = look
        self._alone = threading.Lock()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep_running, name="pages", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Ask it to end, and wait for nothing."""
        with self._alone:
            self._stop.set()
            if self.process is not None:
                self.process.terminate()

    def close(self) -> None:
        """End it; may be called again."""
        self.stop()
        self._keeper.join(GRACE)
        if self._keeper.is_alive() and self.process is not None:
            self.process.kill()
        self._keeper.join()
        self._end.close()

    def _keep_running(self) -> None:
        while not self._stop.is_set():
            code = self._run()
            self._door.is_open = False
            if self._stop.is_set():
                return
            if code == REFUSED:
                log.warning("without the web page; the line before says why")
                self._end.close()  # and with it the connections of those who came while it started
                return
            log.error("a process of the web page ended (%s); the next starts in %.0f s", code, self._pause)
            self._stop.wait(self._pause)
            self._pause = min(2 * self._pause, LATEST)
            self._door.is_open = True

    def _run(self) -> int | None:
        """Run it until its end; returns its exit code, None when it cannot start."""
        ended = threading.Event()
        with self._alone:
            if self._stop.is_set():
                return None
            try:
                # A group of its own: Ctrl-C is for us, and we end it.
                self.process = subprocess.Popen(
                    self._command, pass_fds=[self._end.fileno()], stdin=subprocess.DEVNULL, process_group=0
                )
            except OSError as problem:
                log.error("the process of the web page cannot start: %s", problem)
                return None
        watcher = threading.Thread(target=self._watch, args=(self.process, ended), name="watch", daemon=True)
        watcher.start()
        code = self.process.wait()
        ended.set()
        watcher.join()
        return code

    def _watch(self, process: subprocess.Popen[bytes], ended: threading.Event) -> None:
        """Kill *process* when it hangs: when all the time the same connection waits to be taken in."""
        first, since, looks = b"", 0, 0  # in looks, for none is taken while we ourselves are stopped
        while not ended.wait(self._look):
            looks += 1
            if looks == LASTING:
                self._pause = self._soonest
            waiting = self._waiting()
            if not waiting or waiting != first:
                first, since = waiting, looks
            elif looks - since >= HUNG:
                log.error("a process of the web page hangs")
                process.kill()
                return

    def _waiting(self) -> bytes:
        """The number of the first connection that is not taken in yet; nothing if there is none."""
        with suppress(OSError):
            return self._end.recv(NUMBER, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return b""
