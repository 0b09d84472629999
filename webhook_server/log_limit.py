"""A log that strangers cannot fill."""

from __future__ import annotations

import logging
import re
import threading

LINES = 5  # of a kind in a minute
KINDS = 100  # in a minute; there are some twenty


class LogLimit(logging.Filter):
    """Lets a few lines of a kind through in a minute; the first one after that says how many more there were.

    Lines are of one kind when they differ in numbers only.
    """

    def __init__(self) -> None:
        super().__init__()
        self._alone = threading.Lock()
        self._minute = 0
        self._seen: dict[str, int] = {}  # lines in this minute, by kind
        self._left_out: dict[str, int] = {}  # lines not shown and not told of yet, by kind

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show *record*."""
        line = record.getMessage()
        with self._alone:
            if self._minute != int(record.created // 60):
                self._minute = int(record.created // 60)
                self._seen.clear()
            kind = re.sub(r"\d+", "#", line)
            if len(self._seen) >= KINDS:
                kind = "of any other kind"
            self._seen[kind] = self._seen.get(kind, 0) + 1
            if self._seen[kind] > LINES:
                self._left_out[kind] = self._left_out.get(kind, 0) + 1
                return False
            if left_out := self._left_out.pop(kind, 0):
                record.msg, record.args = f"{line} ({left_out} more like this were not shown)", ()
        return True
