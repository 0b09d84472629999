"""The booking systems we speak."""

from reserve.systems.atrium import Atrium
from reserve.systems.base import BookingSystem
from reserve.systems.ntnui import Ntnui
from reserve.systems.recus import RecUs

SYSTEMS: dict[str, type[BookingSystem]] = {system.name: system for system in (RecUs, Atrium, Ntnui)}
