"""What the webhook tests share: an app on an inbox of its own, and virtual time."""

import pytest

from webhook_server import create_app

TOKEN = "not-a-secret"


@pytest.fixture
def app(tmp_path, clock):
    app = create_app(data=tmp_path / "data", token=TOKEN, loopback=True, now=clock.now)
    yield app
    app.extensions["inbox"].close()


@pytest.fixture
def client(app):
    return app.test_client()
