"""This version of ourselves and a former one, each played in a process of its own, over the same links.

The former is taken from the history, where there is one: the last before all requests left in one stroke.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FORMER = "c764f9dfec855283"
HERE = Path(__file__).parents[2]
FOLDER = HERE / "build" / "bench" / "former"
PLAYER = Path(__file__).with_name("player.py")

Play = Callable[..., Any]  # a task and its words to its answer


def former() -> Path | None:
    """Where the former version is, after it was taken from the history; None where there is no history."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "archive", FORMER], cwd=HERE, capture_output=True, check=False)
    if commit.returncode:
        return None
    subprocess.run(["tar", "-x", "-C", FOLDER], input=commit.stdout, check=True)
    return FOLDER


def versions() -> dict[str, Path]:
    """Where each version is that can be played."""
    found = {"ours": HERE, "the former version": former()}
    return {name: folder for name, folder in found.items() if folder}


@contextmanager
def played(folder: Path) -> Iterator[tuple[Play, int]]:
    """The version in *folder*, and the process that plays it."""
    process = subprocess.Popen(
        [sys.executable, "-P", PLAYER],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, said = process.stdin, process.stdout

    def play(task: str, **words: Any) -> Any:
        print(json.dumps([task, words]), file=asked, flush=True)
        answer = said.readline()
        if not answer:
            raise RuntimeError(f"{folder} cannot be played")
        return json.loads(answer)

    try:
        yield play, process.pid
    finally:
        asked.close()
        process.wait()
        said.close()
