"""Processes that share nothing with ours but the store: forks of one that has everything loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["reserve.storage.runs", "reserve.storage.secrets", "psycopg", __name__])


@contextmanager
def running(script: str, *words: str) -> Iterator[BaseProcess]:
    """Inside, a process runs *script* with these arguments, and has said what it prints first.

    It may read its input, which ends when it is killed, afterwards.
    """
    ours, theirs = FORKS.Pipe()
    with ours, theirs:
        process = FORKS.Process(target=_run, args=(script, words, theirs))
        process.start()
        assert os.read(ours.fileno(), 100)
        yield process
        process.kill()
        process.join()


def exit_codes(script: str, *arguments: Sequence[str]) -> list[int | None]:
    """How processes end that run *script* together, each with its own arguments; killed: minus the signal."""
    processes = [FORKS.Process(target=_run, args=(script, words)) for words in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def _run(script: str, words: Sequence[str], talk: Connection | None = None) -> None:
    sys.argv = ["", *words]
    if talk:
        sys.stdin = os.fdopen(os.dup(talk.fileno()))
        sys.stdout = os.fdopen(os.dup(talk.fileno()), "w")
    exec(script, {"__name__": "__main__"})
