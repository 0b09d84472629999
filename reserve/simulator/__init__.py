"""Booking systems that run here, keep their own rules, and remember what really happened."""

from reserve.simulator.atrium.club import AtriumStory, AtriumTwin
from reserve.simulator.club import PLAYER, Story, Twin
from reserve.simulator.faults import CutConnection, Fault
from reserve.simulator.ledger import Event, Ledger
from reserve.simulator.ntnui.club import NtnuiTwin
from reserve.simulator.phone import post_to
from reserve.simulator.recus.club import RecUsTwin
from reserve.simulator.recus.scenario import ANSWERS, Answer, RecUsStory
from reserve.simulator.server import Server, serve

TWINS: dict[str, type[Twin]] = {twin.name: twin for twin in (RecUsTwin, AtriumTwin, NtnuiTwin)}

__all__ = [
    "ANSWERS",
    "PLAYER",
    "TWINS",
    "Answer",
    "AtriumStory",
    "AtriumTwin",
    "CutConnection",
    "Event",
    "Fault",
    "Ledger",
    "RecUsStory",
    "RecUsTwin",
    "Server",
    "Story",
    "Twin",
    "post_to",
    "serve",
]
