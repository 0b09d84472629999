"""A rehearsal is called one, and leaves nothing among what really happened."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from flask import Flask

from reserve import itself
from reserve.clock import Clock
from reserve.commands import main, rehearse
from reserve.commands.rehearse import own_folder
from reserve.commands.wiring import addresses_of
from reserve.settings import Settings
from reserve.systems import PROFILES
from webhook_server import create_app


def test_a_rehearsal_has_a_folder_of_its_own_and_real_history_knows_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, own = tmp_path / "real", tmp_path / "own"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESERVE_DATA", str(real))
    monkeypatch.setenv("RESERVE_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/real")
    monkeypatch.setattr(rehearse, "own_folder", lambda: own)
    said, beside = io.StringIO(), io.StringIO()

    with redirect_stdout(said), redirect_stderr(beside):  # refused before anything is waited for
        assert main(["rehearse", "--fault", "winter-slot", "--json"]) == 2

    assert json.loads(said.getvalue())["rehearsal"] is True
    assert "Rehearsal. Refused" in beside.getvalue()
    assert (own / "reserve.sqlite3").exists()
    assert not real.exists()


def test_a_rehearsal_can_be_watched_on_the_web_page_by_whoever_has_its_password(tmp_path: Path) -> None:
    app = create_app(data=tmp_path / "inbox", token="t" * 16, loopback=True, now=Clock().now)

    page, password = rehearse.page(app, Settings(data=tmp_path / "data"))

    client = page.test_client()
    token = client.get("/sign-in").text.partition('csrf_token" value="')[2].partition('"')[0]
    fields = {"name": rehearse.PERSON, "password": password, "csrf_token": token}
    assert client.post("/sign-in", data=fields).status_code == 302
    assert "Coming up" in client.get("/").text
    page.extensions["house"].close()
    app.extensions["inbox"].close()


def test_the_page_of_a_rehearsal_asks_the_simulated_booking_system_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts, stayed = list[str](), list[str]()

    @contextmanager
    def shown(_: Flask, settings: Settings) -> Iterator[str]:
        for profile in PROFILES.values():
            hosts.extend(addresses_of(profile, settings).values())
        yield "here"
        stayed.append("until the end")

    monkeypatch.setattr(rehearse, "own_folder", lambda: tmp_path)
    monkeypatch.setattr(rehearse, "shown", shown)
    monkeypatch.setattr(rehearse, "stay_open", stayed.append)

    assert main(["rehearse", "--web", "--fault", "winter-slot"]) == 2

    assert stayed == ["here", "until the end"]
    assert [each for each in hosts if each.startswith("http://127.0.0.1:")]
    assert not [each for each in hosts if each.startswith("https://")]


def test_a_rehearsal_says_what_to_type_to_have_it_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "its own"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rehearse, "own_folder", lambda: own)
    database = "RESERVE_DATABASE_URL=postgresql+psycopg://nobody@127.0.0.1:1/real"
    (tmp_path / ".env").write_text(f"RESERVE_DATA={tmp_path / 'real'}\n{database}\n")
    main(["rehearse", "--fault", "winter-slot"])
    typed = next(line for line in capsys.readouterr().err.splitlines() if line.endswith(" explain"))

    words = shlex.split(typed)
    for word in words[:2]:
        monkeypatch.setenv(*word.split("=", 1))

    assert words[2:] == [*itself.TYPED.split(), "explain"]
    assert main(["explain"]) == 0
    assert "no-such-slot: " in capsys.readouterr().out


def test_no_rehearsal_finds_what_another_left() -> None:
    first, second = own_folder(), own_folder()
    try:
        assert first != second
        assert not any(second.iterdir())
        assert first.parent.parent.name == "build"
    finally:
        for folder in (first, second):
            folder.rmdir()
