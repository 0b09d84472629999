"""`make picture`: the README's picture, what a terminal shows of a real rehearsal; in docs/rehearsal.svg."""

from __future__ import annotations

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parents[2]
PICTURE = HERE / "docs/rehearsal.svg"
COMMAND = ["main.py", "rehearse", "--seed", "1"]
WIDTH = 118  # columns
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # from elsewhere; any that the reader has will do


def main() -> int:
    """Rehearse, and draw what was printed; returns the exit code of the rehearsal."""
    run = subprocess.run(
        [sys.executable, *COMMAND],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    for line in run.stdout.splitlines():
        console.print(Text(line, style="bold green" if line.startswith("Rehearsal. Reserved") else ""))
    drawn = console.export_svg(title=f"python3 {' '.join(COMMAND)}")
    PICTURE.write_text(FONTS.sub("", drawn))
    print(f"{PICTURE.relative_to(HERE)}: {run.stdout.splitlines()[-1]}")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())
