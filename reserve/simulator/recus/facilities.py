"""The facilities of the simulated rec.us: their courts, and when these open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from uuid import NAMESPACE_URL, uuid5

from reserve.model import Court, Slot
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.window import at, zone

# Ids as published (facts 2.1).
ORGANIZATION = {
    "id": "17380e28-7e02-4b52-82c5-fab18557fd7a",
    "name": "San Francisco Rec & Park",
    "slug": "san-francisco-rec-park",
}
TENNIS = "bd745b6e-1dd6-43e2-a69f-06f094808a96"
PICKLEBALL = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"
SPORTS = {TENNIS: "Tennis", PICKLEBALL: "Pickleball", str(uuid5(NAMESPACE_URL, "yoga")): "Yoga"}

ALICE_MARBLE = "81cd2b08-8ea6-40ee-8c89-aeba92506576"
MOSCONE = "fb0d16b1-5f9f-465f-8ebf-fccf5d400c47"
LAFAYETTE = "c4fc2b3e-d1bc-47d9-b920-76d00d32b20b"
HELEN_WILLS = "3552b6f7-e7bd-4334-9e4a-731b015447e0"
BUENA_VISTA = "3f842b1e-13f9-447d-ab12-62b62d954d3e"

SITES = {
    (ALICE_MARBLE, 1): "f16d5170-6698-4275-90c1-f0e5e499eb52",
    (ALICE_MARBLE, 2): "438ee54a-072c-43b4-a990-f78f9eba47b2",
    (ALICE_MARBLE, 3): "c520577d-2c22-4e4e-8a92-c7709b0df07b",
    (ALICE_MARBLE, 4): "c95ae7df-6b71-4ac6-93fc-d72e6e73be37",
}
TENNIS_IDS = {
    (ALICE_MARBLE, 1): "e53f7248-230b-4faa-843c-eebb31062228",
    (ALICE_MARBLE, 2): "1fd32d61-fecc-4835-a4d1-5663e8e590b2",
    (ALICE_MARBLE, 3): "5218f07c-4901-4c7c-9401-8fc9a832c67e",
    (ALICE_MARBLE, 4): "c6be859b-aae3-4bfe-97dd-4d151be5d2a1",
    (LAFAYETTE, 1): "f8b17c05-0d01-4372-8f09-331fd293c2b2",
    (LAFAYETTE, 2): "4a72386e-7513-4c52-bc58-8d5d971c7932",
    (MOSCONE, 1): "3c3f9466-614d-48da-8757-d06595e1201a",
    (MOSCONE, 2): "a3f0308b-75c8-498f-9bd4-d20fc0054dac",
    (MOSCONE, 3): "02b11dc9-eeac-40df-a195-ab97a6ca43e9",
    (MOSCONE, 4): "6eeb43f8-3c37-4397-a270-0e19bf97961e",
}


@dataclass(frozen=True)
class SlotPolicy:
    """Which fixed slots a court has on every day, and how far ahead they open (facts 2.7, 2.8)."""

    days_ahead: int
    release: time
    minutes: int
    first: time
    count: int

    def blocks(self) -> list[tuple[time, time]]:
        """Start and end of every fixed slot of a day."""
        first = self.first.hour * 60 + self.first.minute
        ticks = [first + number * self.minutes for number in range(self.count + 1)]
        times = [time(*divmod(tick, 60)) for tick in ticks]
        return list(pairwise(times))


LAST_COURT = SlotPolicy(days_ahead=2, release=time(12, 0), minutes=60, first=time(7, 0), count=12)
WALK_UP = SlotPolicy(days_ahead=0, release=time(8, 0), minutes=90, first=time(7, 30), count=0)


@dataclass(frozen=True)
class SimulatedCourt(Court):
    """One court with its three kinds of ids; `id` is that of the site (facts 2.1)."""

    policy: SlotPolicy = LAST_COURT
    sports: dict[str, str] = field(default_factory=dict, hash=False, compare=False)  # courtSportId -> sportId


@dataclass(frozen=True)
class SimulatedFacility:
    """A place with courts; the only one who knows its time zone."""

    id: str
    name: str
    address: str
    zone: tzinfo
    courts: tuple[SimulatedCourt, ...]  # in no order, as published (facts 2.1)

    @property
    def usual(self) -> list[SimulatedCourt]:
        """Those that open at the usual time, by number."""
        found = [court for court in self.courts if court.policy not in (LAST_COURT, WALK_UP)]
        return sorted(found, key=lambda court: int(court.name.split()[1]))

    def published(self, court: Court) -> SimulatedCourt:
        """What is published of a court of this facility."""
        return next(each for each in self.courts if each.id == court.id)

    def moment(self, day: date, wall: time) -> datetime:
        """The moment of a local wall-clock time."""
        return at(day, wall, self.zone)

    def local(self, moment: datetime) -> datetime:
        """A moment in local wall-clock time."""
        return moment.astimezone(self.zone)

    def opening(self, court: SimulatedCourt, day: date) -> datetime:
        """The published moment at which *day* opens for *court*, by calendar days (facts 2.7)."""
        return self.moment(day - timedelta(days=court.policy.days_ahead), court.policy.release)

    def slots(self, court: SimulatedCourt, day: date) -> list[Slot]:
        """All fixed slots of *court* on *day*."""
        return [Slot(self.moment(day, start), self.moment(day, end)) for start, end in court.policy.blocks()]


def facilities(scenario: RecUsScenario) -> list[SimulatedFacility]:
    """The wanted facility, and some others whose names a player might mean."""
    here = zone(scenario.timezone)
    opening = scenario.opens_at.astimezone(here)
    ahead = (scenario.day - opening.date()).days
    if ahead < 0:
        raise ValueError("the wanted day lies before its opening")
    usual = SlotPolicy(ahead, opening.time(), minutes=90, first=time(7, 30), count=8)

    def facility(
        id_: str, name: str, address: str, courts: int, last: SlotPolicy = LAST_COURT
    ) -> SimulatedFacility:
        policies = [usual] * courts + [last]
        built = [_court(id_, number, policy, courts) for number, policy in enumerate(policies, 1)]
        return SimulatedFacility(id_, name, address, here, (*built[1::2], *built[::2]))  # 2, 4, 1, 3

    return [
        facility(
            ALICE_MARBLE,
            scenario.facility,
            "1200 Greenwich St, San Francisco, CA 94109, USA",
            scenario.courts,
        ),
        facility(MOSCONE, "Moscone", "1800 Chestnut St, San Francisco, CA 94123, USA", 3),
        facility(LAFAYETTE, "Lafayette", "Gough St & Washington St, San Francisco, CA 94109, USA", 1),
        facility(HELEN_WILLS, "Helen Wills", "Broadway & Larkin St, San Francisco, CA 94109, USA", 1),
        facility(
            BUENA_VISTA, "Buena Vista", "Buena Vista & Haight St, San Francisco, CA 94117, USA", 1, WALK_UP
        ),
    ]


def _court(facility: str, number: int, policy: SlotPolicy, courts: int) -> SimulatedCourt:
    place = (facility, number)
    sports = {TENNIS_IDS.get(place, _made_up("tennis", place)): TENNIS}
    if number == min(2, courts):
        sports[_made_up("pickleball", place)] = PICKLEBALL
    site = SITES.get(place, _made_up("site", place))
    return SimulatedCourt(site, f"Court {number}", facility, policy, sports)


def _made_up(kind: str, place: tuple[str, int]) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind} {place[0]} {place[1]}"))


def days(first: date, last: date) -> Iterator[date]:
    """Every day from *first* to *last*."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
