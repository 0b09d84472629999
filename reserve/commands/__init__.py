"""The commands of main.py: which one is meant, and what every one of them has in common.

A command is imported only when it is called, so that `--help` costs nothing.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from reserve import itself
from reserve.commands.screen import say, tone_of, warn
from reserve.errors import ExitCode, OutcomeWord, ReserveError, Unreachable, UsageError, meant_by
from reserve.settings import Settings, UnreadableSettings, loose_files, read_settings

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

COMMANDS = {
    "book": "reserve a court: now if the window is open, else at the opening",
    "check": "try everything up to the first hold, without holding a court",
    "rehearse": "a whole booking, against a simulated booking system",
    "init": "ask for what is missing, try each answer, and write it down",
    "bookings": "what you have at the booking system; `cancel ID` gives it up",
    "plan": "recurring bookings: add, list, pause, skip, remove and more",
    "due": "what cron calls every minute: books what opens next",
    "courts": "facilities and courts of a booking system, and when they open",
    "cron": "the lines that make this machine call `due` every minute",
    "notify-test": "send a test message to every configured channel",
    "account": "credentials and refresh tokens, encrypted, under names",
    "code": "hand a one-time code that you have received to the runs that wait for one",
    "backup": "plans, history and stored accounts with their key, into one file",
    "restore": "what `backup` wrote, into a data folder without any",
    "history": "the latest runs and how they ended",
    "explain": "why a run ended as it did, step by step, and a picture of it",
    "report": "one archive about a run, without secrets, for whoever maintains this",
}
OF_PLANS = tuple(f"plan {name}" for name in ("add", "list", "remove", "pause", "resume", "skip", "import"))
RESERVING = (None, "book", "due")
NEW_OBJECTS = 300_000  # until garbage is looked for; a run makes half as many, nearly all of them to be kept


def main(arguments: Sequence[str]) -> int:
    """Call the command that *arguments* name, `book` when they name none, and return the exit code."""
    gc.set_threshold(NEW_OBJECTS)
    os.umask(0o077)  # whatever a run writes is the player's alone
    os.environ.setdefault("PYTZ_SKIPEXISTSCHECK", "1")  # or pytz opens the files of all zones to find one
    name = arguments[0] if arguments and not arguments[0].startswith("-") else None
    # The exit code says what became of a court, also where a disk is too full to say it in words.
    # Or where the terminal is gone that somebody was asked at.
    harmless = OSError if name in (*RESERVING, "init") else BrokenPipeError
    if sys.stdout is not None and sys.stdout is sys.__stdout__:
        sys.stdout = _heard_or_not(sys.__stdout__, harmless)
    if sys.stderr is not None and sys.stderr is sys.__stderr__:
        sys.stderr = _heard_or_not(sys.__stderr__, harmless)
    if log := os.environ.get("RESERVE_LOG"):
        from reserve.clock import Clock
        from reserve.log_file import write_to

        write_to(Path(log), Clock().now)
    if "_ARGCOMPLETE" in os.environ:  # the shell asks how a line may go on
        import_module("reserve.commands.completion").complete(os.environ)
    if name == "help":
        arguments = [*arguments[1:], "--help"]
        name = arguments[0] if arguments[0] in COMMANDS else None
    if name is not None and name not in COMMANDS:
        meant = meant_by(name, [*COMMANDS, *OF_PLANS])
        return _refuse(refused(UsageError(f"there is no command {name!r}{meant}")), ExitCode.USAGE)
    if not arguments:
        ways = f"begin with `{itself.TYPED} init`, or try a booking with `rehearse`; `--help` shows all"
        return _refuse(f"Refused: nothing is asked for; {ways}.", ExitCode.USAGE)
    try:
        command = import_module(f"reserve.commands.{(name or 'book').replace('-', '_')}")
        asks_for_help = not {"-h", "--help"}.isdisjoint(arguments)  # which is given whatever is set
        settings = Settings() if asks_for_help else read_settings(os.environ, *itself.env_files())
        if name not in ("due", "cron"):  # one would say it every minute, the other says it at its end
            for warning in loose_files(settings, *itself.env_files()):
                warn(warning)
        return int(command.main(arguments[1:] if name else arguments, settings))
    except ReserveError as failure:
        if name == "due" and isinstance(failure, UnreadableSettings):
            command.report(failure, failure.known)
        from reserve.booking.result import Outcome, RunResult
        from reserve.causes.cause import Cause
        from reserve.commands.outcome import print_outcome, result_as_json

        outcome = Outcome(OutcomeWord.REFUSED, failure.exit_code, refused(failure))
        result = RunResult(outcome, cause=Cause(failure.cause))
        as_json = result_as_json(result) if "--json" in arguments else None
        print_outcome(outcome.sentence, outcome.exit_code, as_json)
        return failure.exit_code
    except KeyboardInterrupt:  # a run listens for it itself, as long as anything is at stake
        return 130
    except Exception as failure:
        if (package := itself.missing_package(failure)) is not None:
            return _refuse(f"Refused: {itself.without(package)}.", ExitCode.USAGE)
        traceback.print_tb(failure.__traceback__)  # without its message, which may hold a secret
        if sys.stderr is not None:
            sys.stderr.flush()  # or a terminal shows it below the sentence
        bug = f"a bug in this program ({type(failure).__name__})"
        if name in RESERVING:
            return _refuse(f"Not sure: {bug}. Look at your reservations before you try again.", ExitCode.BUG)
        return _refuse(f"Refused: {bug}; please report the lines above.", ExitCode.BUG)


def _refuse(sentence: str, exit_code: ExitCode) -> ExitCode:
    say(sentence, tone_of(exit_code))
    return exit_code


def refused(failure: ReserveError) -> str:
    """The last line of a command that *failure* ended; a question ends with its own mark."""
    if isinstance(failure, Unreachable):
        return (
            f"Refused: the booking system cannot be reached ({failure}); check the network of this machine. "
            "`plan list` and `history` work without it, and plans are tried again by themselves."
        )
    return f"Refused: {failure}{'' if str(failure).endswith('?') else '.'}"


class _HeardOrNot(io.FileIO):
    """A file whose reader may go away, as in `history | head -n 1`; no exit code changes for that."""

    def __init__(self, descriptor: int, harmless: type[OSError]) -> None:
        """Write to what *descriptor* names, while nothing *harmless* happens."""
        super().__init__(descriptor, "w", closefd=False)
        self._harmless = harmless

    def write(self, data: ReadableBuffer, /) -> int:
        """Write *data*, or nothing when nobody reads on."""
        try:
            return super().write(data)
        except self._harmless:
            return memoryview(data).nbytes


def _heard_or_not(stream: TextIO, harmless: type[OSError]) -> TextIO:
    """*stream*, to which one can write also when something *harmless* happens to it."""
    file = io.BufferedWriter(_HeardOrNot(stream.fileno(), harmless))
    errors = "replace" if stream.errors == "strict" else stream.errors  # a letter is no reason to say nothing
    return io.TextIOWrapper(
        file, encoding=stream.encoding, errors=errors, line_buffering=bool(stream.line_buffering)
    )
