"""The picture in a terminal of at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.table import Table
from rich.text import Text

from reserve.waterfall.picture import MINUS, Label, MarkKind, Row, Scale, Tone, Waterfall, speakable

WIDTH = 80  # columns
NAME, TRACK = 16, 29  # columns; the rest is words
ASCII = {MINUS: "-", "±": "+-", "…": "..."}
STYLES = {
    Tone.STEP: "blue",
    Tone.HELD: "green",
    Tone.TAKEN: "yellow",
    Tone.LATER: "bright_black",
    Tone.TROUBLE: "red",
}
SIGNS = {  # without colours too; where only ASCII can be written, the second
    "plan": "░:",
    "zero": "│|",
    Tone.STEP: "━=",
    Tone.HELD: "█#",
    Tone.TAKEN: "▒%",
    Tone.LATER: "─-",
    Tone.TROUBLE: "▓!",
    MarkKind.MADE: "◆^",
    MarkKind.RIVAL: "×x",  # noqa: RUF001 - meant to be a cross
    MarkKind.RELEASED: "○o",
}


def lines(waterfall: Waterfall, *, ascii_only: bool = False) -> Iterator[Table | Text]:
    """What to print of *waterfall*: what, when, and in words; below it, what the signs mean."""
    which = 1 if ascii_only else 0

    def plain(words: str, style: str = "") -> Text:
        said = speakable(words)
        return Text(_in_ascii(said) if ascii_only else said, style)

    for panel in waterfall.panels:
        rows = Table.grid(padding=(0, 1, 0, 0))
        rows.add_column(width=NAME, justify="right", overflow="fold")
        rows.add_column(width=TRACK, no_wrap=True)
        rows.add_column(width=WIDTH - NAME - TRACK - 2, overflow="fold")
        yield Text(panel.title, "bold")
        rows.add_row("", _top(panel.scale, waterfall), "")
        for row in panel.rows:
            rows.add_row(plain(row.name), _track(row, panel.scale, which), plain(row.words))
        rows.add_row("", plain(_row_of(panel.scale.labels(1 / TRACK)), "bright_black"), "")
        yield rows
    named = [("plan", "planned")] if waterfall.has_plan else []
    named += [(each, str(each)) for each in (*waterfall.tones, *waterfall.marks)]
    yield plain("\n".join(_filled(f"{SIGNS[sign][which]} {words}" for sign, words in named)))
    yield from (plain(f"{panel.title}: {panel.note}") for panel in waterfall.panels if panel.note)


def _track(row: Row, scale: Scale, which: int) -> Text:
    cells: list[tuple[str, str]] = [(" ", "")] * TRACK
    if row.plan:
        for column in _columns(scale, *row.plan):
            cells[column] = (SIGNS["plan"][which], "bright_black")
    cells[_column(scale, timedelta(0))] = (SIGNS["zero"][which], "bold")
    for bar in row.bars:
        for column in _columns(scale, bar.begins, bar.ends):
            cells[column] = (SIGNS[bar.tone][which], STYLES[bar.tone])
    for mark in row.marks:
        cells[_column(scale, mark.at)] = (SIGNS[mark.kind][which], "bold magenta")
    return Text.assemble(*cells)


def _top(scale: Scale, waterfall: Waterfall) -> Text:
    """The name of the zero, over it."""
    return Text(_row_of([scale.label(timedelta(0), waterfall.zero.removeprefix("the "), 1 / TRACK)]), "bold")


def _row_of(labels: Iterable[Label]) -> str:
    """*labels* in a line as long as a track."""
    line = [" "] * TRACK
    for label in labels:
        begins = min(int(label.begins * TRACK + 0.5), TRACK - len(label.words))
        line[begins : begins + len(label.words)] = label.words
    return "".join(line)


def _column(scale: Scale, at: timedelta) -> int:
    return min(TRACK - 1, int(scale.share(at) * TRACK))


def _columns(scale: Scale, begins: timedelta, ends: timedelta) -> range:
    return range(_column(scale, begins), _column(scale, ends) + 1)


def _filled(parts: Iterable[str]) -> list[str]:
    """*parts* in lines, none of them broken."""
    filled: list[str] = []
    for part in parts:
        if filled and len(filled[-1]) + 3 + len(part) <= WIDTH:
            filled[-1] += f"   {part}"
        else:
            filled.append(part)
    return filled


def _in_ascii(words: str) -> str:
    """*words* where only ASCII can be written."""
    return "".join(ASCII.get(letter, letter) for letter in words).encode("ascii", "replace").decode()
