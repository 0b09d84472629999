"""Booking systems that run here, keep their own rules, and remember what really happened."""

from reserve.simulator.atrium import Atrium, AtriumStory
from reserve.simulator.faults import FAULTS, CutConnection, Fault
from reserve.simulator.ledger import Event, Ledger
from reserve.simulator.ntnui import NtnuiTwin
from reserve.simulator.phone import post_to
from reserve.simulator.recus import Simulation
from reserve.simulator.scenario import ANSWERS, Answer, Scenario
from reserve.simulator.server import Server, serve
from reserve.simulator.twin import PLAYER, Story, Twin

TWINS: dict[str, type[Twin]] = {twin.name: twin for twin in (Simulation, Atrium, NtnuiTwin)}

__all__ = [
    "ANSWERS",
    "FAULTS",
    "PLAYER",
    "TWINS",
    "Answer",
    "Atrium",
    "AtriumStory",
    "CutConnection",
    "Event",
    "Fault",
    "Ledger",
    "Scenario",
    "Server",
    "Simulation",
    "Story",
    "Twin",
    "post_to",
    "serve",
]
