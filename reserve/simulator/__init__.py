"""Booking systems that run here, keep their own rules, and remember what really happened."""

from reserve import itself

with itself.packages():
    from reserve.simulator.atrium.club import AtriumScenario, SimulatedAtrium
    from reserve.simulator.club import Club
    from reserve.simulator.faults import CutConnection, Fault
    from reserve.simulator.ledger import Event, Ledger
    from reserve.simulator.ntnui.club import SimulatedNtnui
    from reserve.simulator.phone import post_to
    from reserve.simulator.recus.club import SimulatedRecUs
    from reserve.simulator.recus.scenario import WORDINGS, RecUsScenario, Wording
    from reserve.simulator.scenario import PLAYER, Scenario
    from reserve.simulator.server import SimulatorServer, serve

SIMULATED_SYSTEMS: dict[str, type[Club]] = {
    simulated.name: simulated for simulated in (SimulatedRecUs, SimulatedAtrium, SimulatedNtnui)
}

__all__ = [
    "PLAYER",
    "SIMULATED_SYSTEMS",
    "WORDINGS",
    "AtriumScenario",
    "Club",
    "CutConnection",
    "Event",
    "Fault",
    "Ledger",
    "RecUsScenario",
    "Scenario",
    "SimulatedAtrium",
    "SimulatedNtnui",
    "SimulatedRecUs",
    "SimulatorServer",
    "Wording",
    "post_to",
    "serve",
]
