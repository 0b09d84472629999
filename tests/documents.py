"""The documents, and what is read from them."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent.parent
PATHS = [HERE / "README.md", *sorted((HERE / "docs").glob("*.md"))]
README = PATHS[0].read_text()
DOCUMENTS = "\n\n".join(path.read_text() for path in PATHS)


def rows(*heads: str) -> list[list[str]]:
    """The cells of the table that has this head."""
    _, _, after = DOCUMENTS.partition(f"| {' | '.join(heads)} |\n")
    table = after.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


def named(cell: str) -> list[str]:
    """What stands between backquotes in a cell."""
    return re.findall(r"`([^`]+)`", cell)
