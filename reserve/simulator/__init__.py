"""Booking systems that run here, keep their own rules, and remember what really happened."""

from reserve.simulator.atrium import AtriumStory, AtriumTwin
from reserve.simulator.faults import CutConnection, Fault
from reserve.simulator.ledger import Event, Ledger
from reserve.simulator.ntnui import NtnuiTwin
from reserve.simulator.phone import post_to
from reserve.simulator.recus import RecUsTwin
from reserve.simulator.recus_story import ANSWERS, Answer, RecUsStory
from reserve.simulator.server import Server, serve
from reserve.simulator.twin import PLAYER, Story, Twin

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
