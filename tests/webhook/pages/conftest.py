"""A household with two people, its pages, and a simulated booking system behind them; time is virtual."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from reserve.commands.store import open_store, secret_store
from reserve.commands.wiring import host_of
from reserve.errors import CauseWord
from reserve.plans.due import schedule_next
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from reserve.storage.people import People
from reserve.storage.plans import PlanStore
from reserve.storage.runs import Record, player_key
from reserve.storage.secrets import Accounts
from reserve.storage.sign_ins import SignIns
from reserve.systems import PROFILES, USUAL
from tests.fakes import FakeClock
from tests.stage import HERE, Stage
from tests.stage import TOKEN as WEBHOOK_TOKEN
from webhook_server import create_app
from webhook_server.access import is_of_texts
from webhook_server.pages import create_pages

TOKEN = "a-token-that-is-no-secret"
PASSWORD = "correct horse battery"
CANARY = "canary-of-a-password"
SCRIPT = "<script>alert(1)</script>"


@dataclass
class Household:
    """Anna, the owner, and Ben; each has an account, a plan and a run."""

    service: Flask
    pages: Flask
    settings: Settings
    clock: FakeClock
    stage: Stage
    plans: Mapping[str, int]
    aside: list[Callable[[], None]]  # what a page has begun in the background

    def works(self) -> None:
        """Have done what was begun."""
        while self.aside:
            self.aside.pop(0)()

    def client(self, name: str | None = None) -> FlaskClient:
        """A browser in which *name* is signed in, or nobody."""
        client = self.service.test_client()
        if name is not None:
            with self.store() as store:
                secret, _ = SignIns(store).begin(name, self.clock.now())
            serializer = self.pages.session_interface.get_signing_serializer(self.pages)  # type: ignore[attr-defined]
            session = {"_user_id": secret, "_permanent": True}
            client.set_cookie("first-serve", serializer.dumps(session))
        return client

    def store(self) -> _Opened:
        """The store, to look what happened."""
        return _Opened(open_store(self.settings))


def add_pages(app: Flask, settings: Settings, **named: Any) -> Flask:
    """Pages beside *app*, whose test client gets them as whoever comes to the service's port does."""
    pages = create_pages(settings, copy(app.extensions["access"]), app.extensions["inbox"], **named)
    of_texts = app.wsgi_app

    def both(environ: dict[str, Any], start_response: Any) -> Any:
        answers = of_texts if is_of_texts(environ["PATH_INFO"]) else pages.wsgi_app
        return answers(environ, start_response)

    app.wsgi_app = both  # type: ignore[method-assign]
    return pages


class _Opened:
    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> Store:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


def token_in(client: FlaskClient, path: str) -> str:
    """The CSRF token of the page at *path*."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    assert found, path
    return found[1]


def post(client: FlaskClient, path: str, fields: Mapping[str, str] | None = None) -> TestResponse:
    """The answer to a form, sent as its page would."""
    return client.post(path, data={**(fields or {}), "csrf_token": token_in(client, "/code")})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the people and what is theirs, made once: a password takes long to hash."""
    folder = tmp_path_factory.mktemp("household")
    settings = read_settings({"RESERVE_DATA": str(folder)})
    with secret_store(settings) as secrets:
        for name, phone in (("anna-rec", "+14155550142"), ("ben-rec", "+14155550143")):
            variables = {"RESERVE_EMAIL": f"{name}@example.com", "RESERVE_PASSWORD": CANARY}
            Accounts(secrets).add(name, {"RESERVE_SYSTEM": USUAL, **variables, "RESERVE_PHONE": phone})
    store = open_store(settings)
    People(store).keep("anna", PASSWORD)
    People(store).keep("ben", PASSWORD, ["ben-rec"])
    clock = FakeClock()
    for name in ("anna-rec", "ben-rec"):
        player = player_key(USUAL, host_of(PROFILES[USUAL], settings), f"{name}@example.com")
        record = Record(store, f"20260301T000000-{name.partition('-')[0]}", player, clock.now)
        record.begin(USUAL, f"Alice Marble {SCRIPT} for {name}")
        record.end(1, f"Not reserved: {SCRIPT}.", cause=CauseWord.RIVALS, margin=timedelta(milliseconds=31))
        choice = Choice(f"Alice {SCRIPT}", (f"Court of {name}",))
        monday = datetime(2026, 3, 9, 18)  # noqa: DTZ001
        plan = Plan((choice,), timedelta(minutes=90), monday, account=name)
        (number,) = PlanStore(store).add([body_of(plan)])
        PlanStore(store).change(
            number, zone="America/Los_Angeles", rule="7 days 08:00:00", looked=clock.now()
        )
        stored = PlanStore(store).get(number)
        assert stored is not None
        schedule_next(PlanStore(store), stored, clock.now())
    store.close()
    return folder


@pytest.fixture
def household(made: Path, tmp_path: Path) -> Iterator[Household]:
    """The household at the beginning of each test."""
    data = tmp_path / "data"
    copytree(made, data)
    with Stage(tmp_path / "stage") as stage:
        addresses = stage.simulated.environ(HERE)
        del addresses["RECUS_WEB_URL"], addresses["RECUS_API_URL"]  # by which `made` knows players
        settings = read_settings(
            {
                "RESERVE_DATA": str(data),
                "RESERVE_SIGN_IN": "api",
                "RESERVE_WEBHOOK_TOKEN": WEBHOOK_TOKEN,
                **stage.simulated.keys,
                **addresses,
            }
        )
        service = create_app(data=data, token=TOKEN, loopback=True, now=stage.clock.now)
        pages = add_pages(service, settings, exposed=False, clock=stage.clock, connect=stage.connect)
        pages.testing = True
        pages.extensions["house"].closing.set()  # so that what is live ends with its first word
        pages.config["PROPAGATE_EXCEPTIONS"] = False
        aside, house = list[Callable[[], None]](), pages.extensions["house"]
        house.facilities.aside = house.background.aside = aside.append
        yield Household(service, pages, settings, stage.clock, stage, {"anna": 1, "ben": 2}, aside)
        pages.extensions["house"].close()
        service.extensions["inbox"].close()
