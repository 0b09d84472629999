"""The booking systems we speak."""

from __future__ import annotations

from reserve.systems.atrium.adapter import Atrium
from reserve.systems.base import BookingSystem
from reserve.systems.ntnui.adapter import Ntnui
from reserve.systems.recus.adapter import RecUs

SYSTEMS: dict[str, type[BookingSystem]] = {system.name: system for system in (RecUs, Atrium, Ntnui)}
