"""`backup`: the state and the key in one file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from reserve import itself
from reserve.commands.options import command_parser, refuse_garbled
from reserve.commands.store import open_store
from reserve.settings import KEY_FILE, Settings


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Write the file, and say what is in it and what is not."""
    from reserve.storage.backup import back_up

    parser = command_parser("backup")
    parser.add_argument("file", metavar="FILE", help="a new file; others cannot read it")
    options = parser.parse_args(arguments)
    refuse_garbled(options)
    file = Path(options.file)
    with closing(open_store(settings)) as store:
        parts = back_up(store, file)
    print(f"In {file}: plans, history and stored accounts, of {settings.data}.")
    if settings.fernet_key:
        print("Not in it: the key, as FERNET_KEY is set; without that the accounts cannot be read.")
    elif KEY_FILE in parts:
        print("With them is the key: whoever has this file can read the passwords, so keep it safe.")
    print(f"Not in it: {itself.env_file()}, and what single runs left in {settings.data / 'runs'}.")
    print(f"`{itself.TYPED} restore {file}` puts it into an empty data folder.")
    return 0
