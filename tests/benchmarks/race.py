"""How often we are first, in virtual time, with everybody's clock wrong by up to 300 ms.

Ours is the project's own measuring, plan and race, over a virtual network. What the machine adds to each
request, and how late the field's requests arrive, is drawn from what the benchmark of the opening measured.
Everybody asks for every court. A request wins a court if it is the earliest for it that is not too early.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn

from reserve.booking.aim import PLANNED, warm_up
from reserve.booking.context import RunContext
from reserve.booking.race import Race
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.booking.verification import Verification
from reserve.clock import Clock, Probe, measure, plan
from reserve.errors import NotOpenYet, SlotTaken
from reserve.model import Court, Offer
from reserve.stroke import Departure
from reserve.systems.base import CourtConnection
from reserve.systems.recus.adapter import RecUs
from tests.benchmarks.figures import kept
from tests.benchmarks.opening import ACCOUNT, REQUEST, SLOT, context_of
from tests.benchmarks.versions import former, played
from tests.fakes import START, FakeClock, NoRecord, StampingServer

OPENS_AT = START + timedelta(minutes=1)
CLOCK_ERROR = 300  # ms
RTT, JITTER = 60, 10  # ms
WAY = ((RTT - JITTER) / 2, (RTT + JITTER) / 2)
PATIENCE = timedelta(seconds=10)
WARMING = timedelta(seconds=2.5)  # as long as before an opening
COURTS = (1, 4)
MS = timedelta(milliseconds=1)

MEETINGS = 5000  # of each kind


class VirtualConnection(CourtConnection):
    """One court of a virtual server that takes down when it is asked."""

    def __init__(self, offer: Offer, server: StampingServer, machine: float) -> None:
        super().__init__(offer)
        self.server, self.machine = server, machine
        self.arrived = float("inf")

    def probe(self, clock: Clock) -> Probe:
        """One request that changes nothing."""
        return self.server.probe()

    def hold(self, departure: Departure | None = None) -> NoReturn:
        """Take the time of the machine and of the way there, and answer *taken* or *not open yet*."""
        if departure is not None:
            departure.wait()
        server = self.server
        way = server.chance.uniform(*server.there)
        server.clock.sleep((way + self.machine) * MS)
        late = (server.clock.now() + server.offset - OPENS_AT) / MS
        server.clock.sleep(server.chance.uniform(*server.back) * MS)
        if late < 0:
            raise NotOpenYet("early")
        self.arrived = min(self.arrived, late)
        raise SlotTaken("taken")


def ours(chance: random.Random, courts: int, model: Mapping[str, Any]) -> list[float]:
    """A run of ours from the measuring on."""
    clock = FakeClock(START + timedelta(seconds=chance.random()), seed=chance.randrange(1 << 30))
    error = timedelta(milliseconds=chance.uniform(-CLOCK_ERROR, CLOCK_ERROR))
    server = StampingServer(clock, error, WAY, WAY, chance)
    connections = [
        VirtualConnection(Offer(Court(str(place), f"Court {place}"), SLOT, OPENS_AT), server, machine)
        for place, machine in enumerate(chance.choice(model["ours_ms"])[:courts])
    ]
    system = RecUs(ACCOUNT, REQUEST, context_of("", clock))
    context = RunContext(system, clock, Timeline(clock.now), Stop(), NoRecord())
    context.server = measure(server.probe, clock)
    probes = warm_up(context, connections, until=clock.now() + WARMING)
    moments = plan(OPENS_AT, context.server.with_more(probes, courts), PLANNED)
    race = Race(context, Verification(context), moments, moments[0] + PATIENCE)
    race.win(connections, at_once=True)
    return [each.arrived for each in connections]


def script(chance: random.Random, courts: int, model: Mapping[str, Any]) -> list[float]:
    """The field's way; when it was early, it asks again over a fresh connection until it is not."""
    error = chance.uniform(-CLOCK_ERROR, CLOCK_ERROR)
    moments = [moment - error for moment in chance.choice(model["field_ms"])[:courts]]
    return [moment if moment >= 0 else moment % (3 * RTT) for moment in moments]


def person(chance: random.Random, courts: int, model: Mapping[str, Any]) -> list[float]:
    """Somebody at the web page, who needs three to eight seconds."""
    error = chance.uniform(-CLOCK_ERROR, CLOCK_ERROR)
    return [chance.uniform(3000, 8000) - error] * courts


RIVALS = [
    ("people", "people", 8),
    ("scripts", "scripts", 8),
    ("former versions", "former", 1),
    ("copies of ours", "ours", 1),
    ("copies of ours", "ours", 2),
    ("copies of ours", "ours", 4),
]


def wins(mine: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """Whether one is the first at one court or more."""
    return any(moment < min(other[place] for other in others) for place, moment in enumerate(mine))


def bench(*, quick: bool) -> dict[str, Any]:
    """Rows for each kind of rivals, for ours and for the field's way in our place.

    So many openings are imagined for each kind of player, and then met by each other in many ways.
    """
    model, runs = kept("opening")["model"], 100 if quick else 500
    rows = []
    print(f"{'who':18}{'against':20}{'courts':>6}  wins")
    for courts in COURTS:
        chance = random.Random(f"race {courts}")
        known = {
            name: [player(chance, courts, model) for _ in range(runs)]
            for name, player in {"ours": ours, "scripts": script, "people": person}.items()
        }
        if model["former_ms"] and (folder := former()):
            with played(folder) as (play, _):
                formers = {"ours_ms": model["former_ms"]}
                known["former"] = play("arrivals", courts=courts, runs=runs, model=formers, seed=courts)
        for method, me in (("ours with -m", "ours"), ("the field's way", "scripts")):
            for name, rival, number in RIVALS:
                if rival not in known:
                    continue
                won = 0
                for _ in range(MEETINGS):
                    mine, others = chance.choice(known[me]), chance.sample(known[rival], number)
                    while any(other is mine for other in others):
                        others = chance.sample(known[rival], number)
                    won += wins(mine, others)
                rows.append(
                    {
                        "method": method,
                        "rivals": name,
                        "number": number,
                        "courts": courts,
                        "rtt_ms": RTT,
                        "jitter_ms": JITTER,
                        "clock_error_ms": CLOCK_ERROR,
                        "runs": runs,
                        "wins": round(won / MEETINGS, 4),
                        "even": round(1 / (number + 1), 4),
                    }
                )
                print(f"{method:18}{number} {name:18}{courts:>6}  {won / MEETINGS:.1%}", flush=True)
    return {"rows": rows, "about": " ".join(str(__doc__).split())}
