"""`restore`: what `backup` wrote, into a data folder without state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reserve import itself
from reserve.commands.options import command_parser, refuse_garbled
from reserve.errors import UsageError
from reserve.settings import Settings


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Restore the file, and say what is left to do."""
    from reserve.storage.backup import restore

    parser = command_parser("restore")
    parser.add_argument("file", metavar="FILE", help="what `backup` wrote")
    options = parser.parse_args(arguments)
    refuse_garbled(options)
    file = Path(options.file)
    if settings.database_url:
        raise UsageError("RESERVE_DATABASE_URL: a backup is of a data folder; unset it to restore one")
    restore(file, settings.data)
    print(f"Restored into {settings.data}: plans, history and stored accounts.")
    print(
        f"`{itself.TYPED} plan list` shows the plans, `{itself.TYPED} cron --install` books them from here."
    )
    print("Run `cron --remove` on the machine that the backup is of, or both book.")
    return 0
