"""The booking systems we speak; what speaks to one is loaded when it is asked for, and no other is."""

from __future__ import annotations

from importlib import import_module

from reserve.systems.base import BookingSystem

ADAPTERS = {"recus": "RecUs", "atrium": "Atrium", "ntnui": "Ntnui"}  # in the module `adapter` of each


def adapter_of(name: str) -> type[BookingSystem]:
    """What speaks to the booking system *name*."""
    adapter: type[BookingSystem] = getattr(import_module(f"reserve.systems.{name}.adapter"), ADAPTERS[name])
    return adapter
