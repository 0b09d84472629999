"""`code`: a one-time code that the player types, for the runs of this machine that wait for one."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from reserve.clock import Clock
from reserve.commands.mailbox import MOST, digits_in
from reserve.commands.options import command_parser
from reserve.errors import ExitCode, UsageError
from reserve.settings import Settings
from reserve.storage.typed_codes import hand_over


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
