"""Puts what the last `make bench` measured into README.md, docs/results.md and the drawings beside them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from tests.benchmarks import goals, plots
from tests.benchmarks.figures import FOLDER, kept
from tests.benchmarks.goals import OURS, row

README, RESULTS, DRAWINGS = Path("README.md"), Path("docs/results.md"), Path("tests/benchmarks/results")
FIELD, FORMER, LIMIT = "the field's way, all at once", "the former version with -m", "the limit"
COURTS = (4, 12, 32)

Found = dict[str, Any]


def renew() -> None:
    """Write all of it anew; raises FileNotFoundError where a part was never measured."""
    found = {part: kept(part) for part in ("opening", "wire", "burdens", "clock", "race", "cost")}
    README.write_text(between(README.read_text(), "## How fast", readme(found)))
    RESULTS.write_text(between(RESULTS.read_text(), "# Results", results(found)))
    plots.draw()
    for drawing in FOLDER.glob("*.svg"):
        shutil.copy(drawing, DRAWINGS)


def between(document: str, heading: str, text: str) -> str:
    """The *document* with the *text* between this *heading* and the next."""
    before, line, after = document.partition(f"{heading}\n")
    if not line:
        raise ValueError(f"there is no heading {heading}")
    rest = re.search(r"^## ", after, re.MULTILINE)
    return f"{before}{line}\n{text}\n" + (after[rest.start() :] if rest else "")


def readme(found: Found) -> str:
    """How fast it is, in two lines."""
    ours, field = (arrival(found, method, 4)["p50"] for method in (OURS, FIELD))
    return (
        "With 4 courts and a round trip of 60 ms, the last request reaches the server "
        f"{ours:.1f} ms after the opening (median); the usual\nway of such programs takes {field:.0f} ms. "
        "[Results](docs/results.md) has the rest, and how it was measured.\n"
    )


def results(found: Found) -> str:
    """Tables and figures, with what they mean."""
    at = found["opening"]["machine"]
    even = row(found["opening"], method=OURS, courts=4, rtt_ms=60, jitter_ms=0, loss=0)
    left = found["wire"]["rows"]
    paragraphs = [
        f"""Measured by `make bench` on {at["cores"]} cores ({at["processor"]}, Python {at["python"]},
        {at["date"]}), {even["runs"]} openings each, and put here by `make results`. *The field's way* is what
        known tools do: wait in naps of 0.1 s on the own clock, verify at the opening, then a fresh connection
        for each court. *The former version* is ours before all requests left in one stroke. *The limit* knows
        the server's clock and the quickest way exactly, and writes at once what it has encrypted before; only
        who risks being early could be sooner. The network is imitated: TLS, a round trip of 60 ms, one more
        for a new connection.""",
        "![Last court's request after the opening](../tests/benchmarks/results/opening.svg)",
        table(
            ["last request reaches the server after the opening", *(f"{courts} courts" for courts in COURTS)],
            [
                *(
                    [f"{words}, median (95 %)", *(both(arrival(found, method, courts)) for courts in COURTS)]
                    for words, method in (
                        ("ours with `-m`", OURS),
                        ("the former version", FORMER),
                        (FIELD, FIELD),
                        (LIMIT, LIMIT),
                    )
                ),
                [
                    "the field's way, in times of ours",
                    *(times(found, FIELD, OURS, courts) for courts in COURTS),
                ],
                ["ours, in times of the limit", *(times(found, OURS, LIMIT, courts) for courts in COURTS)],
            ],
        ),
        """Over other networks, four courts, median (95 %). A lost packet is imitated, too: it comes when the
        kernel would have sent it anew, 0.2 s and a round trip later.""",
        table(
            [
                "round trip",
                "first, ours",
                "last, ours",
                "last, former",
                "last, limit",
                "ours in times of the limit",
            ],
            [
                links_row(found, one)
                for one in found["opening"]["rows"]
                if (one["method"], one["courts"]) == (OURS, 4)
            ],
        ),
        f"""Aimed is for a stated chance of being early. In virtual time,
        {found["clock"]["openings"][0]["runs"]} openings each, four courts, median (95 %):""",
        table(
            ["round trip", "first", "last", "early"],
            [
                [link(one), both(one["first_ms"]), both(one["last_ms"]), f"{one['early']:.1%}"]
                for one in found["clock"]["openings"]
            ],
        ),
        "When requests leave, stamped by the kernel: " + "; ".join(departures(one) for one in left) + "."
        if left
        else "When requests leave was not measured, as only root may look at packets.",
        """Four courts with a burden, the server's time found under it, too, median (95 %). The server,
        in truth a machine of its own, goes before what else computes on its core:""",
        table(
            ["burden", "by", "last after the opening", "last left after a given moment"],
            [
                [one["burden"], one["by"], both(one["last_ms"]), both(one["late_ms"])]
                for one in found["burdens"]["rows"]
            ],
        ),
        "![Chance to be the first at one court](../tests/benchmarks/results/race.svg)",
        "The race is computed from the measured arrivals, with everybody's own clock wrong by up to 300 ms. "
        + " ".join(against(found)),
        clock_words(found["clock"]),
        cost_words(found["cost"]),
        "What was to be reached:",
        table(
            ["goal", "wanted", "measured", ""],
            [
                [
                    one["goal"],
                    f"≤ {one['most']:g}" if one["least"] is None else f"≥ {one['least']:g}",
                    "-" if one["figure"] is None else f"{one['figure']:g}",
                    one["verdict"],
                ]
                for one in goals.judged()["rows"]
            ],
        ),
    ]
    return "\n\n".join(one if one[0] in "|!" else wrapped(one) for one in paragraphs) + "\n"


def wrapped(text: str) -> str:
    """The *text* in lines as long as those around it."""
    return fill(" ".join(text.split()), width=128, break_long_words=False, break_on_hyphens=False)


def arrival(found: Found, method: str, courts: int, **link: float) -> dict[str, float]:
    """The last arrival over a link, that of 60 ms if nothing is said; empty if it was not measured."""
    try:
        one = row(
            found["opening"],
            **{"rtt_ms": 60, "jitter_ms": 0, "loss": 0, **link},
            method=method,
            courts=courts,
        )
    except IndexError:
        return {}
    return dict(one["last_ms"])


def both(spread: dict[str, float]) -> str:
    """A median and the 95th of a hundred."""
    if not spread:
        return "-"
    digits = 1 if spread["p50"] < 100 else 0
    return f"{spread['p50']:.{digits}f} ms ({spread['p95']:.{digits}f})"


def times(found: Found, slow: str, quick: str, courts: int, **link: float) -> str:
    """How many times as long the one takes as the other."""
    one, other = arrival(found, slow, courts, **link), arrival(found, quick, courts, **link)
    ratio = one["p50"] / max(other["p50"], 0.1) if one and other else 0
    return f"{ratio:.{1 if ratio < 10 else 0}f}" if ratio else "-"


def links_row(found: Found, one: Found) -> list[str]:
    """One link of the table."""
    here = {key: one[key] for key in ("rtt_ms", "jitter_ms", "loss")}
    last = [both(arrival(found, method, 4, **here)) for method in (OURS, FORMER, LIMIT)]
    return [link(one), both(one["first_ms"]), *last, times(found, OURS, LIMIT, 4, **here)]


def link(one: Found) -> str:
    """What the network of a row is called."""
    lost = f", {one['loss']:.0%} lost" if one.get("loss") else ""
    return f"{one['rtt_ms']} ± {one['jitter_ms']} ms{lost}"


def departures(one: Found) -> str:
    """One row of what the kernel said."""
    share = one["one_write_each_in_order"]
    order = ", each in one write, in order" if share == 1 else ""
    return f"{one['method']}, {one['courts']} within {one['apart_us']['p50'] / 1000:.1f} ms{order}"


def against(found: Found) -> Iterable[str]:
    """What one court is won with, against each kind of rivals."""
    for one in found["race"]["rows"]:
        if one["method"] == OURS and one["courts"] == 1:
            rivals = (
                one["rivals"] if one["number"] > 1 else one["rivals"].replace("ies", "y").replace("ns", "n")
            )
            yield f"Against {one['number']} {rivals} one court is won in {one['wins']:.0%}."


def clock_words(found: Found) -> str:
    """How exactly the server's clock is found."""
    even, uneven = (row(found, method="ours", probes=10, rtt_ms=60, jitter_ms=jitter) for jitter in (0, 10))
    naive = row(found, method="Date at face value", rtt_ms=60, jitter_ms=0)
    least = min(one["inside"] for one in found["rows"] if one["inside"] is not None)
    return f"""How far the server's clock is off was found by 10 probes to {both(even["error_ms"])} at an even
        round trip of 60 ms, and to {both(uneven["error_ms"])} with 10 ms of jitter. The stated bound held in
        {least:.0%} of {even["runs"]} trials each. Taking the `Date` header at its word is
        {naive["error_ms"]["p50"]:.0f} ms off."""


def cost_words(found: Found) -> str:
    """What a run and the small commands cost."""
    run, without = (row(found, courts=3, sign_in=sign_in) for sign_in in ("browser", "api"))
    used = " and ".join(f"{one['cpu_s']:.2f} s for `{one['command']}`" for one in found["commands"])
    return f"""A run costs {run["cpu_s"]:.2f} s of processor time and {run["waiting_mb"]["max"]:.0f} MB apart
        from the browser, which is gone by then, and sends {run["requests"]} requests in all; with
        `--sign-in api`, which needs neither a browser nor selenium, it costs {without["cpu_s"]:.2f} s.
        Nothing to do costs {used}."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


if __name__ == "__main__":
    renew()
