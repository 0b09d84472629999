"""The picture as one page: no script, nothing from elsewhere, for a phone, a desk and paper."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from html import escape

from reserve.waterfall.picture import (
    Bar,
    Label,
    Mark,
    MarkKind,
    Panel,
    Row,
    Scale,
    Tone,
    Waterfall,
    speakable,
)

LARGEST = 140_000  # bytes, then the log is cut
LETTER = 0.022  # of a scale, on the narrowest phone
LEAST = 0.006  # of a scale; nothing is drawn narrower
CLASSES = {
    Tone.STEP: "step",
    Tone.HELD: "held",
    Tone.TAKEN: "taken",
    Tone.LATER: "later",
    Tone.TROUBLE: "trouble",
}
SHAPES = {  # around the moment, in a track; distinct without colours
    MarkKind.MADE: '<path class="made" id="made" d="M0 5l5 8-5 8-5-8z"/>',
    MarkKind.RIVAL: '<path class="rival" id="rival" d="M-5 8L5 18M5 8L-5 18"/>',
    MarkKind.RELEASED: '<circle class="released" id="released" cx="0" cy="13" r="4"/>',
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
COLOURS = """
:root { color-scheme: light dark; --paper: #fff; --panel: #f6f8fa; --ink: #1f2328; --soft: #57606a;
  --grid: #d0d7de; --plan: #d3dce6; --step: #0969da; --held: #1a7f37; --taken: #bc4c00; --later: #6e7781;
  --trouble: #cf222e; --made: #0b3d1c; --rival: #8250df }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #0d1117; --panel: #161b22; --ink: #e6edf3;
  --soft: #9da7b3; --grid: #3d444d; --plan: #2d3846; --step: #58a6ff; --held: #3fb950; --taken: #f0883e;
  --later: #8b949e; --trouble: #ff7b72; --made: #d2ffdc; --rival: #d2a8ff } }
"""
OF_PAGE = """
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { font-size: 1.3rem; line-height: 1.25; margin: 0 0 .35rem }
h2 { font-size: 1rem; margin: 0 }
p { margin: .35rem 0 } .soft, figcaption p { color: var(--soft); font-size: .86rem }
.end { font-weight: 600; font-size: 1.05rem }
ul { list-style: none; margin: 0; padding: 0 }
"""
OF_PICTURE = """
figure { margin: 1rem 0; padding: .7rem .8rem; background: var(--panel); border-radius: 8px }
figcaption { margin-bottom: .3rem } figure ul { list-style: none; margin: 0; padding: 0 }
.row, .axis { display: grid; grid-template-columns: 10.5rem minmax(0, 1fr) 21rem; column-gap: .8rem;
  align-items: center; break-inside: avoid }
.row { font-size: .9rem; border-top: 1px solid transparent } .name { font-weight: 600; text-align: right }
.words { color: var(--soft); font-variant-numeric: tabular-nums }
.axis svg { grid-column: 2; height: 16px }
svg { display: block; width: 100%; height: 26px; overflow: visible }
svg.track { background: linear-gradient(var(--grid), var(--grid)) 0 50% / 100% 1px no-repeat }
text { fill: var(--soft); font: 12px system-ui, sans-serif; font-variant-numeric: tabular-nums }
.zero { stroke: var(--ink); stroke-width: 1.5 } .tick { stroke: var(--grid) }
.doubt { fill: var(--ink); opacity: .12 }
.plan { fill: var(--plan) } .step { fill: var(--step) } .held { fill: var(--held) }
.taken { fill: var(--taken) } .later { fill: var(--later) } .trouble { fill: var(--trouble) }
.made { fill: var(--made); stroke: var(--panel); stroke-width: 1.5 }
.rival { stroke: var(--rival); stroke-width: 3; fill: none }
.released { fill: var(--panel); stroke: var(--step); stroke-width: 2.5 }
.key { display: flex; flex-wrap: wrap; gap: .15rem 1.1rem; font-size: .86rem; color: var(--soft) }
.key li { display: flex; align-items: center; gap: .4rem } .key svg { width: 16px; height: 20px; flex: none }
details { margin: 1rem 0; font-size: .86rem } summary { cursor: pointer; font-weight: 600 }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .1rem .7rem; margin: .5rem 0 }
dt { color: var(--soft); text-align: right; font-variant-numeric: tabular-nums } dd { margin: 0 }
@media (max-width: 56rem) {
  figure { padding: .6rem } .axis { display: block }
  .row { grid-template: "name words" auto "track track" auto / auto 1fr; padding-top: .45rem;
    align-items: start }
  .name { text-align: left } .words { grid-area: words; text-align: right } .track { grid-area: track } }
@media print {
  :root { color-scheme: light; --panel: #fff }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  body { padding: 0 } figure { border: 1px solid #bbb }
  details::details-content { content-visibility: visible; block-size: auto } }
"""
STYLE = COLOURS + OF_PAGE + "@media (max-width: 56rem) { body { padding: .75rem } }" + OF_PICTURE


def page(waterfall: Waterfall, cause: Sequence[str] = ()) -> str:
    """*waterfall* as a page, below the sentences that say the *cause* of how the run ended."""
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(waterfall.request)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{_text(_unbroken(waterfall.request))}</h1>",
        f'<p class="end">{_text(waterfall.sentence)}</p>',
        *(f"<p>{_text(sentence)}</p>" for sentence in cause),
    ]
    end = "</main>\n</body>\n</html>\n"
    room = LARGEST - len("\n".join([*parts, end]).encode())
    return "\n".join([*parts, drawing(waterfall, room), end])


def drawing(waterfall: Waterfall, room: int = LARGEST) -> str:
    """*waterfall* as a part of a page with COLOURS and OF_PICTURE, in as many bytes as there is *room*."""
    when = f"{waterfall.when:%Y-%m-%d %H:%M:%S %Z}" if waterfall.when else ""
    counted = f"Moments count from {waterfall.zero}{f', {when}' if when else ''}."
    parts = [
        f'<p class="soft">Run {_text(waterfall.run_id)}. {_text(_unbroken(counted))}</p>',
        _key(waterfall),
        *(_panel(each, waterfall) for each in waterfall.panels),
    ]
    if not waterfall.has_race:
        parts.append('<p class="soft">No request for a court is on record.</p>')
    left = room - len("\n".join(parts).encode())
    return "\n".join([*parts, _log(waterfall, left)])


def _key(waterfall: Waterfall) -> str:
    """What the colours and the marks mean, as far as they occur."""
    items = (
        [('<rect class="plan" y="3" width="16" height="14" rx="2"/>', "planned")]
        if waterfall.has_plan
        else []
    )
    items += [
        (f'<rect class="{CLASSES[tone]}" y="5" width="16" height="10" rx="2"/>', str(tone))
        for tone in waterfall.tones
    ]
    items += [(f'<svg x="8" y="-3" width="1">{SHAPES[kind]}</svg>', str(kind)) for kind in waterfall.marks]
    if any(panel.doubt for panel in waterfall.panels):
        items.append(
            ('<rect class="doubt" width="16" height="20"/>', "as far as the server's clock may be off")
        )
    lines = [f'<li><svg aria-hidden="true">{shape}</svg>{_text(words)}</li>' for shape, words in items]
    return f'<ul class="key">{"".join(lines)}</ul>' if lines else ""


def _panel(panel: Panel, waterfall: Waterfall) -> str:
    note = f"<p>{_text(panel.note)}</p>" if panel.note else ""
    grid = panel.title.replace(" ", "-").lower()
    rows = "\n".join(_row(row, panel, grid) for row in panel.rows)
    top = _label(panel.scale.label(timedelta(0), waterfall.zero.removeprefix("the "), LETTER), y=12)
    ticks = "".join(_label(each, y=13) for each in panel.scale.labels(LETTER))
    behind = f'<defs><g id="{grid}">{_grid(panel)}</g></defs>'
    return (
        f"<figure>\n<figcaption><h2>{_text(panel.title)}</h2>{note}</figcaption>\n"
        f'<div class="axis" aria-hidden="true"><svg>{behind}{top}</svg></div>\n<ul>\n{rows}\n</ul>\n'
        f'<div class="axis" aria-hidden="true"><svg>{ticks}</svg></div>\n</figure>'
    )


def _grid(panel: Panel) -> str:
    """What is behind every row of *panel*, written once."""
    parts = [_line(panel.scale, at, "tick") for at, _ in panel.scale.ticks]
    if panel.doubt:
        parts.append(_rect(panel.scale, -panel.doubt, panel.doubt, "doubt", 0, 26))
    return "".join([*parts, _line(panel.scale, timedelta(0), "zero")])


def _row(row: Row, panel: Panel, grid: str) -> str:
    """A line of words, and the track that shows them; what it shows is said to those who cannot see it."""
    parts = [f'<use href="#{grid}"/>']
    if row.plan:
        parts.append(_rect(panel.scale, *row.plan, "plan", 3, 20))
        parts.append(_line(panel.scale, timedelta(0), "zero"))
    parts += [_bar(panel.scale, bar) for bar in row.bars]
    parts += [_mark(panel.scale, mark) for mark in row.marks]
    title = f"{row.name}: {row.details or row.words}"
    return (
        f'<li class="row"><bdi class="name">{_text(row.name)}</bdi>'
        f'<svg class="track" role="img"><title>{_text(title)}</title>{"".join(parts)}</svg>'
        f'<span class="words">{_text(row.words)}</span></li>'
    )


def _bar(scale: Scale, bar: Bar) -> str:
    return _rect(scale, bar.begins, bar.ends, CLASSES[bar.tone], 8, 10)


def _rect(scale: Scale, begins: timedelta, ends: timedelta, kind: str, y: int, height: int) -> str:
    x = min(scale.share(begins), 1 - LEAST)
    width = max(LEAST, scale.share(ends) - x)
    return f'<rect class="{kind}" x="{x:.2%}" y="{y}" width="{width:.2%}" height="{height}" rx="2"/>'


def _mark(scale: Scale, mark: Mark) -> str:
    return f'<use href="#{mark.kind.name.lower()}" x="{scale.share(mark.at):.2%}"/>'


def _line(scale: Scale, at: timedelta, kind: str) -> str:
    x = f"{scale.share(at):.2%}"
    return f'<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="100%"/>'


def _label(label: Label, *, y: int) -> str:
    """Words below or above a moment, within the track."""
    return f'<text x="{label.at:.2%}" y="{y}" text-anchor="{label.anchor}">{_text(label.words)}</text>'


def _log(waterfall: Waterfall, room: int) -> str:
    """What the run said, as much of it as there is *room* for, in bytes."""
    lines = []
    for stamp, words in waterfall.log:
        line = f"<dt>{_text(stamp)}</dt><dd>{_text(words)}</dd>"
        room -= len(line.encode()) + 1
        if room < 0:
            lines.append("<dt></dt><dd>… the rest is left out; `explain` without --html says it all.</dd>")
            break
        lines.append(line)
    if not lines:
        return ""
    return "<details>\n<summary>What it said</summary>\n<dl>\n" + "\n".join(lines) + "\n</dl>\n</details>"


def _unbroken(words: str) -> str:
    """*words* whose dates stay in one line."""
    return re.sub(r"(?<=\d|C)-(?=\d)", "\u2011", words)


def _text(words: str) -> str:
    """*words* of anybody, as text on a page."""
    return escape(speakable(words))
