"""The process that tells the player's channels; what it is to know comes by a pipe, as it is secret."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from reserve.clock import Clock
from reserve.log_file import write_to
from reserve.notify.channels import channels, send
from reserve.notify.outbox import Outbox, entry_in
from reserve.notify.sender import Sender

LOG = "due.log"


def main() -> None:
    """Tell everything that lies in the outbox; never says why it failed, only that it did."""
    os.umask(0o077)
    clock = Clock()

    def log(line: str) -> None:
        print(f"RESERVE_NOTIFY: {line}", flush=True)

    try:
        given = json.load(sys.stdin)
        write_to(Path(given["data"]) / LOG, clock.now)
        sender = Sender(Outbox(Path(given["data"])), channels(given["notify"]), send, clock, log)
        for text in given["unwritten"]:
            if entry := entry_in(text):
                sender.in_memory[entry.notice.id] = entry
        sender.run()
    except Exception as failure:  # whose text may show an address
        log(f"a bug in this program ({type(failure).__name__})")
        sys.exit(1)


if __name__ == "__main__":
    main()
