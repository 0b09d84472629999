"""A simulated rec.us that keeps its own rules and remembers what really happened."""

from reserve.simulator.faults import FAULTS, CutConnection, Fault
from reserve.simulator.ledger import Event, Ledger
from reserve.simulator.recus import Simulation
from reserve.simulator.scenario import ANSWERS, PLAYER, Answer, Scenario
from reserve.simulator.server import Server, serve

__all__ = [
    "ANSWERS",
    "FAULTS",
    "PLAYER",
    "Answer",
    "CutConnection",
    "Event",
    "Fault",
    "Ledger",
    "Scenario",
    "Server",
    "Simulation",
    "serve",
]
