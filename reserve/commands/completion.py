"""What the shell offers when somebody presses Tab: commands, and the options of the one that is typed."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib import import_module

import argcomplete

from reserve.commands import COMMANDS
from reserve.commands.options import Parser, booking_parser
from reserve.settings import Settings


def complete(environ: MutableMapping[str, str]) -> None:
    """Offer what may follow on the line in *environ*, and end this process."""
    before = environ["COMP_LINE"][: int(environ["COMP_POINT"])]
    words = before.split()[int(environ["_ARGCOMPLETE"]) - 1 :]
    if before[-1:] != " ":
        del words[-1:]  # is being typed
    if len(words) > 1 and words[1] in COMMANDS:
        environ["_ARGCOMPLETE"] = str(int(environ["_ARGCOMPLETE"]) + 1)  # the command counts as the program
        Parser.complete = argcomplete.autocomplete
        import_module(f"reserve.commands.{words[1].replace('-', '_')}").main([], Settings())
    parser = booking_parser("book")
    parser.add_argument("command", choices=COMMANDS)
    argcomplete.autocomplete(parser)
