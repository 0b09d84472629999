"""Where codes come in that are typed: the mailbox of a run, and its own terminal."""

from __future__ import annotations

import os
import re
import select
import sys

from reserve.storage.typed_codes import Mailbox

MOST = 500  # letters of a line that somebody types


def digits_in(text: str) -> str | None:
    """The code in *text*, which may be written as `123 456` or `123-456`; None if it is none."""
    digits = re.sub(r"[ \-]", "", text.strip())
    return digits if re.fullmatch(r"\d{4,8}", digits, re.ASCII) else None


class MailboxAndTerminal(Mailbox):
    """A mailbox, and the lines that are typed at the terminal of its run."""

    def open(self) -> None:
        """Throw away what was typed before, too."""
        if not self.is_open:
            self._lines()
        super().open()

    def take(self) -> list[str]:
        """The codes that came in, and those typed here."""
        return [*super().take(), *filter(None, map(digits_in, self._lines()))]

    def _lines(self) -> list[str]:
        """What was typed at our terminal and nobody has read; nothing when others are in front there."""
        found = ""
        try:
            terminal = sys.stdin.fileno()
            while (
                os.isatty(terminal)
                and os.tcgetpgrp(terminal) == os.getpgrp()
                and select.select([terminal], [], [], 0)[0]
            ):
                if not (read := os.read(terminal, MOST)):
                    break
                found += read.decode(errors="replace")
        except (AttributeError, OSError, ValueError):  # no standard input, or none to read
            pass
        return found.splitlines()
