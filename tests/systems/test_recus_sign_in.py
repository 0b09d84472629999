"""Signing in to rec.us by the API or after a browser that fails, as the simulator's ledger tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.commands.options import booking_parser, read_booking
from reserve.errors import UsageError
from reserve.settings import read_settings
from reserve.simulator import Fault
from reserve.systems.base import BookingSystem
from reserve.systems.recus.adapter import RecUs
from tests.stage import Stage

API = ("--sign-in", "api")
KEY = {"RECUS_IDENTITY_KEY": "simulated"}
PASSWORD, REFRESH = "POST /identitytoolkit/v1/accounts:signInWithPassword", "POST /securetoken/v1/token"
ME = "GET /v1/users/me"


class WithBrowser(Stage):
    """A stage on which the sign-in is that of the product, and looks for a real browser."""

    @property
    def system_type(self) -> type[BookingSystem] | None:
        return RecUs


def stage(folder: Path, *faults: str | Fault, **more: Any) -> Stage:
    return Stage(folder, {"faults": faults, **more.pop("scenario", {})}, **more)


def asked(made: Stage) -> tuple[int, int]:
    """How often a password was sent, and how often a refresh token."""
    requests = made.ledger.requests
    return requests[PASSWORD], requests[REFRESH]


def test_the_api_signs_in_where_the_dialog_is_one_that_nobody_knows(tmp_path: Path) -> None:
    with stage(tmp_path, "changed-dialog") as made:
        assert made.book(*API).exit_code == 0

    assert asked(made) == (1, 0)


def test_with_the_key_the_api_steps_in_when_the_browser_fails(tmp_path: Path) -> None:
    with stage(tmp_path, "changed-dialog", environ=KEY) as made:
        assert made.book().exit_code == 0

    assert asked(made) == (1, 0)
    assert any("the browser could not sign in, so the API does" in step for step in made.steps)


def test_without_it_the_browser_is_tried_until_the_opening_and_no_longer(tmp_path: Path) -> None:
    with stage(tmp_path, "changed-dialog") as made:
        assert made.book().exit_code == 6
        assert made.clock.now() < made.opens_at

    tries = [step for step in made.steps if "trying again in" in step]
    assert 5 < len(tries) < 20
    assert asked(made) == (0, 0)


@pytest.mark.parametrize("words", [(), API], ids=["browser", "api"])
def test_a_refused_password_ends_the_run_and_is_not_sent_again(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with stage(tmp_path, "wrong-password", environ=KEY) as made:
        assert made.book(*words).exit_code == 3

    assert asked(made) == (1, 0)


def test_a_password_whose_answer_is_lost_is_not_sent_again(tmp_path: Path) -> None:
    with stage(tmp_path, Fault(PASSWORD, 1, "cut-after")) as made:
        assert made.book(*API).exit_code == 6

    assert asked(made) == (1, 0)


@pytest.mark.parametrize("words", [(), API], ids=["browser", "api"])
def test_a_service_that_is_away_for_a_moment_costs_no_court_and_no_second_password(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    away = Fault(PASSWORD, 1, "refused", times=4)
    with stage(tmp_path, away, Fault(ME, 1, "status", status=503)) as made:
        assert made.book(*words).exit_code == 0

    assert len(made.ledger.all("signed-in")) == 1
    signed_in_at = made.ledger.all("signed-in")[0].moment
    assert (
        timedelta(seconds=14) < signed_in_at - (made.opens_at - timedelta(minutes=2)) < timedelta(minutes=1)
    )


def test_the_refresh_token_spares_the_next_run_the_password_and_lies_encrypted(tmp_path: Path) -> None:
    with stage(tmp_path, scenario={"all_taken": True}) as made:
        made.book(*API)
        made.clock.step(-timedelta(minutes=10))
        assert made.book(*API).exit_code == 1

    assert asked(made) == (1, 1)
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    assert made.simulated.given
    assert not [token for token in made.simulated.given if token.encode() in kept]


def test_a_long_wait_renews_the_sign_in_without_the_password(tmp_path: Path) -> None:
    leaves = {"all_taken": True, "frees_after": timedelta(hours=2)}
    with stage(tmp_path, scenario=leaves) as made:
        assert made.book(*API, "--wait-list").exit_code == 0

    passwords, renewals = asked(made)
    assert passwords == 1
    assert renewals == 2
    assert not made.ledger.all("token-refused")


def test_a_missing_chrome_is_found_before_the_wait(tmp_path: Path) -> None:
    with WithBrowser(tmp_path, environ={"CHROME_BINARY": "/nowhere/chrome"}) as made:
        outcome = made.book()

    assert outcome.exit_code == 6
    assert "no Chrome at /nowhere/chrome" in outcome.sentence
    assert made.opens_at - made.clock.now() > timedelta(minutes=4)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sign-in", "api"], "--sign-in api needs RECUS_IDENTITY_KEY, the web key"),
        (["--sign-in", "fax"], "--sign-in: 'fax' is not known; choose browser, api"),
        (["--system", "atrium", "--sign-in", "api"], "only one way to sign in to atrium"),
    ],
)
def test_a_way_to_sign_in_that_is_not_there_is_refused_with_the_way_out(words: list[str], says: str) -> None:
    what = ["-c", "Alice Marble", "-d", "2026-03-09", "-s", "tennis", "-t", "18:00", "-y", "19:30"]
    settings = read_settings({"RESERVE_EMAIL": "a@example.com", "RESERVE_PASSWORD": "x"})

    with pytest.raises(UsageError, match=says):
        read_booking(booking_parser("book").parse_args([*what, *words]), settings)
