"""What the pages know of texts: how many there are and how old; never what is in them."""

from __future__ import annotations

import json
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol

PATIENCE = 2.0  # seconds


class Texts(Protocol):
    """What may be asked about the texts that came."""

    def age_of_newest(self) -> timedelta | None:
        """How long ago any text came last, also one that is forgotten; None when none ever came."""

    def state(self) -> tuple[int, timedelta | None]:
        """How many texts are kept, and the age of the newest."""


class TextsOfService:
    """What the webhook service says about its texts, asked over HTTP; nothing while it does not answer."""

    def __init__(self, host: str, port: int, token: str | None) -> None:
        """Nothing is asked yet."""
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        self._port = port
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def age_of_newest(self) -> timedelta | None:
        """How long ago any text came last, also one that is forgotten; None when none ever came."""
        return _age(self._health().get("newest_seconds"))

    def state(self) -> tuple[int, timedelta | None]:
        """How many texts are kept, and the age of the newest."""
        health = self._health()
        return int(health.get("texts", 0)), _age(health.get("age_seconds"))

    def _health(self) -> dict[str, Any]:
        connection = HTTPConnection(self._host, self._port, timeout=PATIENCE)
        try:
            connection.request("GET", "/health", headers=self._headers)
            answer = connection.getresponse()
            return dict(json.load(answer)) if answer.status == 200 else {}
        except (OSError, HTTPException, ValueError):
            return {}
        finally:
            connection.close()


def _age(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
