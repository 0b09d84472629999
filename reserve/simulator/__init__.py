"""Booking systems that run here, keep their own rules, and remember what really happened."""

from reserve.simulator.atrium.club import AtriumScenario, SimulatedAtrium
from reserve.simulator.club import PLAYER, Scenario, SimulatedSystem
from reserve.simulator.faults import CutConnection, Fault
from reserve.simulator.ledger import Event, Ledger
from reserve.simulator.ntnui.club import SimulatedNtnui
from reserve.simulator.phone import post_to
from reserve.simulator.recus.club import SimulatedRecUs
from reserve.simulator.recus.scenario import ANSWERS, Answer, RecUsScenario
from reserve.simulator.server import Server, serve

SIMULATED_SYSTEMS: dict[str, type[SimulatedSystem]] = {
    simulated.name: simulated for simulated in (SimulatedRecUs, SimulatedAtrium, SimulatedNtnui)
}

__all__ = [
    "ANSWERS",
    "PLAYER",
    "SIMULATED_SYSTEMS",
    "Answer",
    "AtriumScenario",
    "CutConnection",
    "Event",
    "Fault",
    "Ledger",
    "RecUsScenario",
    "Scenario",
    "Server",
    "SimulatedAtrium",
    "SimulatedRecUs",
    "SimulatedSystem",
    "post_to",
    "serve",
]
