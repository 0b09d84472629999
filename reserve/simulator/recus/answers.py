"""The words in which the simulated rec.us tells of courts and moments, alike in all of its answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flask import request

from reserve.model import Court
from reserve.simulator.orders import Order
from reserve.simulator.refusal import Refusal

LOCAL = "%Y-%m-%d %H:%M:%S"


def id_of(kind: str, order: Order) -> str:
    """The id of what belongs to a court of an order: its item, its booking, its reservation, its rental."""
    return str(uuid5(NAMESPACE_URL, f"{kind} {order.id}"))


def title(court: Court) -> str:
    """What an order, and a rental, calls a court."""
    return f"Court Reservation: {court.name}"


def local_range(order: Order) -> list[str]:
    """Start and end, local and without an offset."""
    return [f"{moment:{LOCAL}}" for moment in (order.slot.start, order.slot.end)]


def zulu(moment: datetime) -> str:
    """A moment in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_object(value: Any) -> dict[str, Any]:
    """*value*, if it is a JSON object."""
    if not isinstance(value, dict):
        raise Refusal("invalid-body")
    return value


def data_sent(*, needed: bool = True) -> dict[str, Any]:
    """What the request that is being answered has under `data`; nothing, where none is *needed*."""
    body = request.get_json(silent=True)
    return json_object(json_object(body).get("data")) if needed or body else {}


def whole_number(names: tuple[str, str], default: int) -> int:
    """A parameter of the query under one of two names (facts 2.2)."""
    value = request.args.get(names[0]) or request.args.get(names[1]) or str(default)
    return max(1, int(value)) if value.isdigit() else default
