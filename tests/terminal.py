"""A real terminal, at which a script types."""

from __future__ import annotations

import os
import pty
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path


def typed_at(
    command: Sequence[str], answers: Sequence[tuple[str, str]], folder: Path, environ: Mapping[str, str]
) -> tuple[int, str]:
    """The exit code of *command* at a terminal of its own, and what was to be seen there.

    Each of the *answers* is typed at the question that begins so, in their order.
    """
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(command[0], list(command), environ)
    seen, left = "", list(answers)
    with os.fdopen(terminal, "rb+", buffering=0) as both, suppress(OSError):  # of a terminal without others
        while piece := both.read(1000):
            seen += piece.decode(errors="replace")
            if left and re.search(rf"(?m)^{left[0][0]}[^\n]*: $", seen):
                both.write(left.pop(0)[1].encode())
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), seen
