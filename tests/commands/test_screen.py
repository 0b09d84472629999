"""What a person sees: colours at terminals only, and nothing wider than 80 columns."""

from __future__ import annotations

import json
import re
import sys
from contextlib import closing
from pathlib import Path

import pytest

from reserve.commands import bookings, courts, explain, history
from reserve.commands.outcome import print_outcome
from reserve.commands.plan import DO, Plans
from reserve.commands.plan_options import plan_parser
from reserve.commands.screen import WIDTH, Tone, in_columns, say, shown, tone_of, warn
from reserve.commands.store import open_store
from reserve.errors import ExitCode
from reserve.model import short
from reserve.storage.plans import PlanStore
from tests.stage import Stage

ESCAPE = re.compile(r"\x1b\[\??[\d;]*[A-Za-z]")
TERMINAL = {"TERM": "xterm-256color", "NO_COLOR": ""}


def test_names_stand_in_as_many_columns_as_fit_and_are_read_downwards() -> None:
    assert in_columns(["a" * 24, "b", "c", "d", "e"]) == [f"{'a' * 24}  {'c':<24}  e", f"{'b':<24}  d"]
    assert in_columns(["a" * 200, "b"]) == ["a" * 200, "b"]  # an address is not cut
    assert in_columns([]) == []


def at_terminal(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], *, is_one: bool = True) -> None:
    """Have both outputs be a terminal, or not, in *environ* alone."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: is_one)


@pytest.mark.parametrize(
    ("environ", "is_terminal", "is_coloured"),
    [
        (TERMINAL, True, True),
        ({"TERM": "linux"}, True, True),
        (TERMINAL | {"NO_COLOR": "1"}, True, False),
        (TERMINAL | {"NO_COLOR": "no"}, True, False),
        ({"TERM": "dumb"}, True, False),
        (TERMINAL, False, False),
        (TERMINAL | {"FORCE_COLOR": "1"}, False, False),
    ],
)
def test_colours_are_for_terminals_whose_owner_wants_them(
    environ: dict[str, str],
    is_terminal: bool,
    is_coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_terminal(monkeypatch, environ, is_one=is_terminal)

    print_outcome("Reserved Court 1.", ExitCode.SUCCESS)
    say("the sentence", Tone.BAD, beginning="  FAILED  ")
    say("nothing in particular")
    warn("look here")

    said, warned = capsys.readouterr()
    assert bool(ESCAPE.search(said)) == bool(ESCAPE.search(warned)) == is_coloured
    assert ESCAPE.sub("", said) == "Reserved Court 1.\n  FAILED  the sentence\nnothing in particular\n"
    assert ESCAPE.sub("", warned) == "warning: look here\n"
    if is_coloured:
        assert said.splitlines()[:2] == [
            "\x1b[32mReserved Court 1.\x1b[0m",
            "\x1b[31m  FAILED  \x1b[0mthe sentence",
        ]


def test_json_is_never_coloured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    at_terminal(monkeypatch, TERMINAL)

    print_outcome("Held.", ExitCode.HELD, {"sentence": "Held."})

    said, told = capsys.readouterr()
    assert json.loads(said) == {"sentence": "Held."}
    assert told == "\x1b[33mHeld.\x1b[0m\n"


@pytest.mark.parametrize(
    ("code", "tone"),
    [
        (ExitCode.SUCCESS, Tone.GOOD),
        (ExitCode.HELD, Tone.NEEDS_YOU),
        (ExitCode.UNCONFIRMED, Tone.NEEDS_YOU),
        (ExitCode.NOT_RESERVED, Tone.BAD),
        (ExitCode.USAGE, Tone.BAD),
        (143, Tone.BAD),
        (None, Tone.PLAIN),
    ],
)
def test_how_it_ended_has_a_colour(code: int | None, tone: Tone) -> None:
    assert tone_of(code) is tone


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        ("70fc2f60-314c-4b85-84cd-d4cb14fafc00", "70fc2f60"),
        ("order-cs-1", "order-cs-1"),
        ("123456789012", "123456789012"),
        ("", ""),
    ],
)
def test_a_long_number_is_shortened(id_: str, said: str) -> None:
    assert short(id_) == said


def test_an_address_is_not_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    at_terminal(monkeypatch, TERMINAL)
    link = "https://www.rec.us/app/orders/70fc2f60-314c-4b85-84cd-d4cb14fafc00/checkout?and=more-of-it-here"

    say(f"Held Court 1 at Alice Marble, Monday 2026-03-09 18:00-19:30: pay 7.50 USD by 08:10 PST at {link}")

    assert link in capsys.readouterr().out.splitlines()


def test_nothing_is_wider_than_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        outcome = stage.book()
        settings, clock, connect = stage.booking.settings, stage.clock, stage.connect
        at_terminal(monkeypatch, TERMINAL)
        with shown(stage.run.timeline, ["so many words " * 14]):
            for _, text in list(stage.run.timeline.steps):
                stage.run.timeline.say(text)
        print_outcome(outcome.sentence, outcome.exit_code)
        kind = stage.system_type
        assert bookings.main([], settings, clock=clock, connect=connect, system_type=kind) == 0
        for words in ([], ["-c", "Alice Marble"], ["-c", "Alice Marble", "-d", "2026-03-09"]):
            assert courts.main(words, settings, clock=clock, connect=connect) == 0
        with closing(open_store(settings)) as store:
            plans = Plans(PlanStore(store), settings, clock, connect)
            add = ["add", "--every", "mon 18:00", "--minutes", "90", "-c", "Alice Marble: Court 2, Court 1"]
            for typed in (add, ["list"], ["show", "1"]):
                assert DO[typed[0]](plans, plan_parser().parse_args(typed)) == 0
        assert history.main([], settings) == 0
        printed = capsys.readouterr()
        run = re.search(r"\d{8}T\d{6}-\w{4}", printed.out)
        assert run
        assert explain.main([run[0]], settings) == 0

    explained = capsys.readouterr().out
    lines = re.split(r"[\r\n]+", ESCAPE.sub("", printed.out + explained + printed.err))
    to_be_copied = [line for line in lines if line.startswith("        options: ")]
    assert [line for line in lines if len(line) > WIDTH and line not in to_be_copied] == []
    assert len(lines) > 100
    assert ESCAPE.sub("", explained).count("Reserved Court") == 1  # the last sentence, once
    assert outcome.order_id
    assert outcome.order_id not in printed.out + printed.err
