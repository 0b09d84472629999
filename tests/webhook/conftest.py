"""What the webhook tests share: an app on an inbox of its own, and virtual time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes import FakeClock
from webhook_server import create_app

TOKEN = "not-a-secret"


def body_of(answer: TestResponse) -> Any:
    """What *answer* says in JSON."""
    return answer.json


@pytest.fixture
def app(tmp_path: Path, clock: FakeClock) -> Iterator[Flask]:
    app = create_app(data=tmp_path / "data", token=TOKEN, loopback=True, now=clock.now)
    yield app
    app.extensions["inbox"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()
