"""How many of our functions a request for a court passes on its way out; CONTRIBUTING.md lists them."""

from __future__ import annotations

import re
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from reserve import commands
from reserve.clock import Clock
from reserve.simulator import RecUsScenario, SimulatedRecUs, serve
from reserve.simulator.recus.faults import HOLD
from reserve.systems.recus import adapter as rec_us
from reserve.window import zone
from tests.stage import RecUsWithoutBrowser

HERE = Path(__file__).parents[2]
INSIDE_THE_CLOCK = ("reserve.clock._", "reserve.clock.Clock._")  # how its threads begin, and wait
AT_MOST = 13  # from `main` to what sends it in requests, that one included
_, _, SECTION = (HERE / "CONTRIBUTING.md").read_text().partition("## The way of a booking request\n")
LISTED = re.findall(r"^\d+\. `([\w.]+)` ", SECTION.partition("\n## ")[0], re.MULTILINE)


def ours(frame: FrameType | None) -> list[str]:
    """The functions of the product on the stack that ends in *frame*, the outermost first."""
    names: list[str] = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(HERE / "reserve"):
            names.append(
                f"{path.relative_to(HERE).with_suffix('')}".replace("/", ".").removesuffix(".__init__")
            )
            names[-1] += f".{frame.f_code.co_qualname}"
        frame = frame.f_back
    return names[::-1]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """What each request for a court passed in a real run of `main` at a simulated booking system."""
    stacks: list[list[str]] = []
    method, path = HOLD.split(" ")
    main_thread, send = threading.get_ident(), HTTPAdapter.send

    def spy(adapter: HTTPAdapter, request: requests.PreparedRequest, *rest: Any, **more: Any) -> Any:
        if (request.method, request.path_url) == (method, path):
            frames = sys._current_frames()
            threads = [each for each in map(ours, frames.values()) if "Http.send" in str(each[-3:])]
            asking = next(each for each in threads if "Clock.within" in str(each[-2:]))  # it waits for us
            way = [*ours(frames[main_thread]), *asking, *ours(sys._getframe())]
            stacks.append([name for name in way if not name.startswith(INSIDE_THE_CLOCK)])
        return send(adapter, request, *rest, **more)

    clock = Clock()
    opens_at = (clock.now() - timedelta(seconds=5)).astimezone(zone("America/Los_Angeles"))
    day = opens_at.date() + timedelta(days=7)
    scenario = RecUsScenario(opens_at=opens_at, day=day, verify="never")
    simulated = SimulatedRecUs(scenario, clock, deliver=lambda text: None)
    with serve(simulated.app) as server:
        environ = {**simulated.environ_of_player(server.url, "", ""), "RESERVE_DATA": str(tmp_path)}
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(rec_us, "RecUs", RecUsWithoutBrowser)
        monkeypatch.setattr(HTTPAdapter, "send", spy)
        assert commands.main(simulated.words()) == 0
    return stacks


def test_a_request_for_a_court_passes_few_functions_and_the_documents_name_them(
    passed: list[list[str]],
) -> None:
    assert len(passed) == 3
    for way in passed:
        assert way == LISTED[:-1]
    assert LISTED[-1] == "requests.Session.send"
    assert len(LISTED) <= AT_MOST
