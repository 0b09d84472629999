"""`code`: a one-time code that the player types, for the runs of this machine that wait for one."""

from __future__ import annotations

import os
import re
import select
import sys
from collections.abc import Sequence

from reserve.clock import Clock
from reserve.commands.options import command_parser
from reserve.errors import ExitCode, UsageError
from reserve.settings import Settings
from reserve.storage.typed_codes import Mailbox, hand_over

MOST = 500  # letters of a line that somebody types


def main(arguments: Sequence[str], settings: Settings, *, clock: Clock | None = None) -> int:
    """Hand the code in *arguments*, or on standard input, to every run that waits."""
    parser = command_parser("code")
    parser.is_discreet = True
    help_ = "the code; - reads it from standard input, where no other user can see it"
    parser.add_argument("digits", nargs="+", metavar="DIGITS", help=help_)
    words = parser.parse_args(arguments).digits
    text = sys.stdin.readline(MOST) if words == ["-"] else " ".join(words)
    digits = digits_in(text)
    if digits is None:
        raise UsageError("a one-time code has 4 to 8 digits; write it as 123456")
    try:
        many = hand_over(settings.data, digits, (clock or Clock()).now())
    except OSError as failure:
        raise UsageError(f"RESERVE_DATA: the code cannot be handed over: {failure.strerror}") from None
    if not many:
        raise UsageError("no run here waits for a code; it is taken once a run has asked for one")
    print(f"Handed to {'the run that waits' if many == 1 else f'{many} runs that wait'} for a code.")
    return ExitCode.SUCCESS


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
