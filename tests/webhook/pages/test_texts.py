"""What the pages are told of texts by the service beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from tests.webhook.conftest import TOKEN
from webhook_server import create_app, serve
from webhook_server.pages.texts import TextsOfService


def test_the_pages_ask_the_service_how_many_texts_there_are_and_how_old(tmp_path: Path) -> None:
    came, age = datetime(2026, 3, 1, 8, tzinfo=UTC), [timedelta(0)]
    app = create_app(data=tmp_path, token=TOKEN, loopback=True, now=lambda: came + age[0])
    with serve(app, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.port}"
        texts, strangers = (TextsOfService("127.0.0.1", server.port, token) for token in (TOKEN, "guess"))
        before = texts.age_of_newest(), texts.state()
        text = {"from": "x", "text": "code 482913"}
        requests.post(f"{url}/webhook/{TOKEN}/forwarder", json=text, timeout=60)
        age[0] = timedelta(minutes=5)
        soon = texts.age_of_newest(), texts.state()
        guessed = strangers.age_of_newest(), strangers.state()
        age[0] = timedelta(hours=2)
        late = texts.age_of_newest(), texts.state()
        told = requests.get(f"{url}/health", timeout=60).json()

    assert before == (None, (0, None))
    assert soon == (timedelta(minutes=5), (1, timedelta(minutes=5)))
    assert late == (timedelta(hours=2), (0, None))  # the text itself is forgotten
    assert guessed == (None, (0, None))
    assert told == {"texts": 0, "age_seconds": None}  # to whoever shows no token
    assert texts.state() == (0, None)  # the service is gone
