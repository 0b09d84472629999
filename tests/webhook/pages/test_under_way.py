"""What a page says of a run under way, as the run itself wrote it down, here or on another machine."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from reserve.model import Phase
from reserve.settings import read_settings
from reserve.storage.people import Person
from reserve.storage.runs import Record
from tests.stage import Stage
from tests.webhook.pages.conftest import Household
from webhook_server.pages.house import House, Mine
from webhook_server.pages.live import LOOK_EVERY
from webhook_server.pages.reading import PHASES, under_way

ANNA = Person("anna", "", is_owner=True, accounts=frozenset())
SOON = 60.0  # real seconds: what a run is about is written beside it, and nobody waits for that
SAID = {  # by the run -> by the page at that moment
    "to play on": "getting ready",
    "signed in": "signed in",
    "one-time code accepted": "code received",
    "server is": "ready, asks when it opens",
    "Court 1: held": "holding a court",
    "confirmed order": "confirming",
}


def states(house: House) -> list[str]:
    return [each.state for each in under_way(Mine(house, ANNA))]


def test_a_page_follows_a_run_from_waiting_to_reserved_on_another_machine(
    tmp_path: Path, empty_postgres: str
) -> None:
    url = {"RESERVE_DATABASE_URL": empty_postgres}
    seen = list[str]()
    with Stage(tmp_path / "here", environ=url) as stage:
        there = {"RESERVE_DATA": str(tmp_path / "there"), **url}
        house = House(read_settings(there), stage.clock, stage.connect)
        stage.get_ready()

        def sees(state: str) -> None:
            until = time.monotonic() + SOON
            while states(house) != [state] and time.monotonic() < until:
                time.sleep(0.005)
            assert states(house) == [state]
            seen.append(state)

        def show(line: str) -> None:
            for text, state in SAID.items():
                if text in line:
                    sees(state)

        def when_called(object_: Any, name: str, state: str) -> None:
            call = getattr(object_, name)

            def looking(*values: Any, **named: Any) -> Any:
                sees(state)
                setattr(object_, name, call)
                return call(*values, **named)

            setattr(object_, name, looking)

        run = stage.run
        run.timeline.show = show
        when_called(run.sign_in, "wait_until", "waiting for the opening")
        when_called(run.system, "sign_in", "signing in")
        when_called(run.verification.source, "next_code", "waiting for the code")
        run.book()

        assert states(house) == ["reserved"]
        stage.clock.sleep(timedelta(minutes=11))
        assert states(house) == []
        house.close()
    assert seen == [
        "getting ready",
        "waiting for the opening",
        "signing in",
        "signed in",
        "waiting for the code",
        "code received",
        "ready, asks when it opens",
        "holding a court",
        "confirming",
    ]


def test_every_phase_is_in_words_on_the_page_and_in_what_is_told_to_it(household: Household) -> None:
    anna, told = household.client("anna"), dict[Phase, str]()
    with household.store() as store:
        record = Record(store, "20260302T000000-live", "", household.clock.now)
        with record.kept(system="recus", request="Moscone", day="2026-03-09"):
            for phase in Phase:
                record.reach(phase)
                record.cut_off()  # which waits for what is written before it
                household.clock.sleep(LOOK_EVERY)
                told[phase] = anna.get("/events").text
            page = anna.get("/").text

    assert all(PHASES[phase][0] in text for phase, text in told.items())
    assert "on the waiting list" in page


def test_a_run_that_was_lost_says_why_for_a_while_and_only_to_its_player(household: Household) -> None:
    with household.store() as store:
        record = Record(store, "20260302T000000-lost", "", household.clock.now)
        record.begin("recus", "Moscone")
        record.end(1, "Not reserved: all courts were taken.")

    assert "not reserved" in household.client("anna").get("/events").text
    assert "all courts were taken" in household.client("anna").get("/").text
    assert "Moscone" not in household.client("ben").get("/").text
