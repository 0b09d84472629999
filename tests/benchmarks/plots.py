"""Two drawings for the README, from what was measured last: how late requests arrive, and who wins."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

from tests.benchmarks.figures import FOLDER, kept

WIDTH = 760
COLOURS = {  # distinct also for those who see few colours, on white and on black
    "ours with -m": "#0a8a5f",
    "ours without -m": "#3b82c4",
    "the field's way, all at once": "#d9730d",
    "the field's way, one by one": "#b0479b",
    "the field's way": "#d9730d",
    "the former version with -m": "#8a6d0a",
    "the limit": "#6e7781",
}
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f } .small { font-size: 11px; fill: #57606a }
  .title { font-size: 15px; font-weight: 600 } .paper { fill: #ffffff } .grid { stroke: #d8dee4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9da7b3 } .paper { fill: #0d1117 } .grid { stroke: #30363d }
  }
"""


def draw() -> None:
    """Draw what there is to draw."""
    for name, picture in (("opening", opening), ("race", race)):
        if (FOLDER / f"{name}.json").exists():
            (FOLDER / f"{name}.svg").write_text(picture(kept(name)))


def opening(found: Mapping[str, Any]) -> str:
    """Last arrival by number of courts over 60 ms without jitter, on a scale of powers of ten."""
    left, right, top, bottom = 70, WIDTH - 250, 74, 400
    rows = [row for row in found["rows"] if (row["rtt_ms"], row["jitter_ms"], row["loss"]) == (60, 0, 0)]
    courts = sorted({row["courts"] for row in rows})

    def across(count: int) -> float:
        return left + 30 + courts.index(count) * (right - left - 60) / max(1, len(courts) - 1)

    def down(ms: float) -> float:
        return bottom - log10(max(1.0, ms)) * (bottom - top) / 4

    parts = [
        text(left - 50, 26, "Last court's request reaches the server after the opening", "title"),
        text(left - 50, 46, "60 ms round trip, TLS; point: median, bar: to the 95th percentile", "small"),
    ]
    for power in range(5):
        y = down(10**power)
        parts.append(line(left, y, right, y))
        label = f"{10**power} ms" if power < 3 else f"{10 ** (power - 3)} s"
        parts.append(text(left - 8, y + 4, label, "small", "end"))
    for count in courts:
        word = "court" if count == 1 else "courts"
        parts.append(text(across(count), bottom + 20, f"{count} {word}", "small", "middle"))
    ends = {}
    for method, colour in COLOURS.items():
        mine = sorted((row for row in rows if row["method"] == method), key=lambda row: row["courts"])
        points = [(across(row["courts"]), row["last_ms"]) for row in mine]
        path = " ".join(f"{x:.0f},{down(last['p50']):.1f}" for x, last in points)
        if points:
            parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            ends[method] = points[-1][1]["p50"]
        for x, last in points:
            y = down(last["p50"])
            parts.append(line(x, y, x, down(last["p95"]), f'stroke="{colour}" stroke-width="2"'))
            parts.append(f'<circle cx="{x:.0f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
    lowest = 0.0
    for method, end in sorted(ends.items(), key=lambda item: -item[1]):
        y = lowest = max(down(end), lowest + 34)
        parts.append(text(right + 4, y, method, fill=COLOURS[method]))
        parts.append(text(right + 4, y + 15, f"{end:,.0f} ms with {courts[-1]} courts", "small"))
    return svg(parts, bottom + 60, found)


def race(found: Mapping[str, Any]) -> str:
    """Chance to win one court, ours and the field's way in our place, against each kind of rivals."""
    left, right, top, step = 210, WIDTH - 70, 74, 60
    rows = [row for row in found["rows"] if row["courts"] == 1]
    rivals = list(dict.fromkeys((row["rivals"], row["number"]) for row in rows))
    bottom = top + step * len(rivals)

    def across(share: float) -> float:
        return left + share * (right - left)

    parts = [
        text(20, 26, "Chance to be the first at one court", "title"),
        text(20, 46, "60 ± 10 ms round trip; everybody's own clock is wrong by up to 300 ms", "small"),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(line(across(share), top - 8, across(share), bottom))
        parts.append(text(across(share), bottom + 18, f"{share:.0%}", "small", "middle"))
    for place, (name, number) in enumerate(rivals):
        y = top + place * step
        what = name if number > 1 else name.replace("copies", "copy").replace("versions", "version")
        parts.append(text(left - 12, y + 24, f"against {number} {what}", anchor="end"))
        even = across(1 / (number + 1)) if name.startswith(("copies", "former")) else left
        for offset, row in enumerate(row for row in rows if (row["rivals"], row["number"]) == (name, number)):
            colour, share = COLOURS[row["method"]], row["wins"]
            width = max(2.0, across(share) - left)
            parts.append(bar(left, y + 20 * offset, width, 17, colour))
            beside = even if 0 < even - left - width < 60 else left + width  # not across the line
            parts.append(text(beside + 6, y + 20 * offset + 13, f"{share:.1%}", "small"))
        if even > left:
            parts.append(line(even, y - 3, even, y + 40, 'stroke="#8b949e" stroke-width="2"'))
    x = left
    for name in ("ours with -m", "the field's way"):
        parts.append(bar(x, bottom + 34, 12, 12, COLOURS[name]))
        parts.append(text(x + 18, bottom + 45, name if name.startswith("ours") else f"{name} instead"))
        x += 150
    parts.append(line(x + 50, bottom + 32, x + 50, bottom + 48, 'stroke="#8b949e" stroke-width="2"'))
    parts.append(text(x + 58, bottom + 45, "even chances"))
    return svg(parts, bottom + 80, found)


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start", fill: str = "") -> str:
    """Some words."""
    style = f' style="fill:{fill}"' if fill else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{style}>{words}</text>'


def line(x: float, y: float, to_x: float, to_y: float, look: str = 'class="grid"') -> str:
    """A straight line."""
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" {look}/>'


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="2" fill="{colour}"/>'


def svg(parts: list[str], height: int, found: Mapping[str, Any]) -> str:
    """The drawing, with the machine and the date below."""
    at = found["machine"]
    foot = f"{at['processor']}, {at['cores']} cores, Python {at['python']}, {at['date']}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
        *parts,
        text(20, height - 8, foot, "small"),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"
