"""The facilities of the simulated rec.us: their courts, which fixed slots these have, and when they open."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache, cached_property, lru_cache
from uuid import NAMESPACE_URL, uuid5
from zlib import crc32

from reserve.model import Court, Slot
from reserve.simulator.orders import overlap
from reserve.simulator.recus.parks import Park, Row, parks
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

SITES = {
    (ALICE_MARBLE, "1"): "f16d5170-6698-4275-90c1-f0e5e499eb52",
    (ALICE_MARBLE, "2"): "438ee54a-072c-43b4-a990-f78f9eba47b2",
    (ALICE_MARBLE, "3"): "c520577d-2c22-4e4e-8a92-c7709b0df07b",
    (ALICE_MARBLE, "4"): "c95ae7df-6b71-4ac6-93fc-d72e6e73be37",
}
TENNIS_IDS = {
    (ALICE_MARBLE, "1"): "e53f7248-230b-4faa-843c-eebb31062228",
    (ALICE_MARBLE, "2"): "1fd32d61-fecc-4835-a4d1-5663e8e590b2",
    (ALICE_MARBLE, "3"): "5218f07c-4901-4c7c-9401-8fc9a832c67e",
    (ALICE_MARBLE, "4"): "c6be859b-aae3-4bfe-97dd-4d151be5d2a1",
    (LAFAYETTE, "1"): "f8b17c05-0d01-4372-8f09-331fd293c2b2",
    (LAFAYETTE, "2"): "4a72386e-7513-4c52-bc58-8d5d971c7932",
    (MOSCONE, "1"): "3c3f9466-614d-48da-8757-d06595e1201a",
    (MOSCONE, "2"): "a3f0308b-75c8-498f-9bd4-d20fc0054dac",
    (MOSCONE, "3"): "02b11dc9-eeac-40df-a195-ab97a6ca43e9",
    (MOSCONE, "4"): "6eeb43f8-3c37-4397-a270-0e19bf97961e",
}

DAY = timedelta(days=1)
FIRST = "Court 1"
SHARING = ("Court A", "Court B")  # on the ground of the first, where a scenario says so

_at = lru_cache(maxsize=8192)(at)  # of few days and times, and asked for very often


@dataclass(frozen=True)
class Window:
    """How far ahead of a slot it opens: whole days, at a time on the wall, or hours that pass (facts 2.7)."""

    ahead: timedelta
    release: time | None  # None: hours that pass, so that slots open one by one

    def opening(self, start: datetime, here: tzinfo) -> datetime:
        """The moment at which a slot opens that starts at *start*."""
        if self.release is None:
            return start.astimezone(UTC) - self.ahead
        return _at(start.date() - self.ahead, self.release, here)

    @property
    def days(self) -> timedelta:
        """Whole days, at least as many."""
        return -(-self.ahead // DAY) * DAY

    @property
    def hours(self) -> float:
        """As published: whole, unless the opening of a scenario is not a whole number of hours ahead."""
        exact = self.ahead / timedelta(hours=1)
        return int(exact) if exact == int(exact) else exact


USUAL = {7: Window(timedelta(days=7), time(8, 0)), 2: Window(timedelta(days=2), time(12, 0))}


@dataclass(frozen=True)
class Block:
    """A fixed slot of some weekdays, all year or in one season (facts 2.8)."""

    start: time
    end: time
    weekdays: Collection[int]  # 1 = Monday
    in_summer: bool | None = None  # only while daylight-saving time is in force, or only while it is not

    @property
    def is_seasonal(self) -> bool:
        """Whether it is not there all year."""
        return self.in_summer is not None


@dataclass(frozen=True)
class SimulatedCourt(Court):
    """One court with its three kinds of ids; `id` is that of the site (facts 2.1)."""

    window: Window | None = None  # None: it publishes none, and never opens
    blocks: tuple[Block, ...] = field(default=(), repr=False)  # none: it is for walk-ups
    sports: dict[str, str] = field(default_factory=dict, hash=False, compare=False)  # courtSportId -> sportId
    ground: tuple[str, ...] = ()  # names of the courts on the same ground

    @property
    def minutes(self) -> int:
        """The longest time it can be had for."""
        day = date.min
        lengths = [
            datetime.combine(day, each.end) - datetime.combine(day, each.start) for each in self.blocks
        ]
        return max((length // timedelta(minutes=1) for length in lengths), default=90)


@dataclass(frozen=True)
class SimulatedFacility:
    """A place with courts; the only one who knows its time zone."""

    id: str
    name: str
    slug: str
    zone: tzinfo
    courts: tuple[SimulatedCourt, ...]  # in no order, as published (facts 2.1)
    booked: float = 0.0  # the share of what is open that others have (facts 2.8)

    @property
    def usual(self) -> list[SimulatedCourt]:
        """Those that have the slots of 90 minutes, by number."""
        found = [court for court in self.courts if TENNIS in court.sports.values() and court.minutes == 90]
        return sorted(
            (court for court in found if court.blocks), key=lambda court: int(court.name.split()[1])
        )

    @property
    def window(self) -> Window:
        """The window of the first court that has one."""
        found = {court.name: court.window for court in self.courts if court.window}
        return found[min(found)]

    def published(self, court: Court) -> SimulatedCourt:
        """What is published of a court of this facility."""
        return self._by_id[court.id]

    def with_ground(self, court: Court) -> Sequence[SimulatedCourt]:
        """A court, and those on the same ground: who has one of them has all (facts 2.3)."""
        return self._grounds[court.id]

    def moment(self, day: date, wall: time) -> datetime:
        """The moment of a local wall-clock time."""
        return _at(day, wall, self.zone)

    def local(self, moment: datetime) -> datetime:
        """A moment in local wall-clock time."""
        return moment.astimezone(self.zone)

    def opening(self, court: SimulatedCourt, slot: Slot) -> datetime:
        """The published moment at which *slot* opens; without a window not before it is over (facts 2.7)."""
        return court.window.opening(slot.start, self.zone) if court.window else slot.end

    def blocks(self, court: SimulatedCourt, day: date, *, all_year: bool = False) -> list[Block]:
        """The fixed slots of *court* on *day*, or all that such a weekday has at any time of the year."""
        here = [block for block in court.blocks if day.isoweekday() in block.weekdays]
        if all_year or not any(block.is_seasonal for block in here):
            return here
        summer = is_summer(day, self.zone)
        return [block for block in here if block.in_summer in (None, summer)]

    def slots(self, court: SimulatedCourt, day: date) -> Sequence[Slot]:
        """All fixed slots of *court* on *day*."""
        known = self._slots.get((court.id, day))
        if known is None:
            known = self._slots[court.id, day] = [
                Slot(self.moment(day, block.start), self.moment(day, block.end))
                for block in self.blocks(court, day)
            ]
        return known

    # What a run asks for thousands of times.

    @cached_property
    def _by_id(self) -> dict[str, SimulatedCourt]:
        return {court.id: court for court in self.courts}

    @cached_property
    def _grounds(self) -> dict[str, Sequence[SimulatedCourt]]:
        return {
            court.id: [each for each in self.courts if each.id == court.id or each.name in court.ground]
            for court in self.courts
        }

    @cached_property
    def _slots(self) -> dict[tuple[str, date], Sequence[Slot]]:
        return {}

    @cached_property
    def _booked(self) -> dict[tuple[str, datetime, int], bool]:
        return {}

    def slots_at(self, court: Court, slot: Slot) -> list[Slot]:
        """The fixed slots of *court* that cannot be had beside *slot*, where others book."""
        mine = self.slots(self.published(court), slot.start.date()) if self.booked else []
        return [each for each in mine if overlap(each, slot)]

    def is_booked(self, court: Court, slot: Slot, seed: int) -> bool:
        """Whether others have *court*, once it is open: the same with the same *seed* (facts 2.8).

        Of courts on the same ground, pickleball goes where tennis is not.
        """
        known = self._booked.get((court.id, slot.start, seed))
        if known is None:
            known = self._booked[court.id, slot.start, seed] = self._draw(court, slot, seed)
        return known

    def _draw(self, court: Court, slot: Slot, seed: int) -> bool:
        drawn = crc32(f"{seed}/{court.id}/{slot.start:%Y-%m-%d %H:%M}".encode()) / 2**32
        if drawn >= self.booked:
            return False
        tennis = {each.id: each for each in self.with_ground(court) if TENNIS in each.sports.values()}
        return court.id in tennis or not any(
            self.is_booked(each, taken, seed)
            for each in tennis.values()
            for taken in self.slots_at(each, slot)
        )


def is_summer(day: date, here: tzinfo) -> bool:
    """Whether daylight-saving time is in force at noon of *day*."""
    return bool(_at(day, time(12, 0), here).dst())


def facilities(scenario: RecUsScenario) -> dict[str, SimulatedFacility]:
    """The wanted facility, as the scenario says, and the other parks of the city; by id."""
    here = zone(scenario.timezone)
    return {ALICE_MARBLE: _wanted(scenario, here), **_other_parks(here, scenario.windows)}


@cache
def _other_parks(here: tzinfo, windows: str) -> dict[str, SimulatedFacility]:
    """The parks of the table, but the wanted one; the same for every simulated rec.us."""
    return {park.id: _park(park, here, windows) for park in parks() if park.id != ALICE_MARBLE}


def _park(park: Park, here: tzinfo, windows: str) -> SimulatedFacility:
    courts: dict[str, SimulatedCourt] = {}
    grounds = {(name, other) for row in park.rows for name in row.names for other in row.ground}
    grounds |= {(other, name) for name, other in grounds}
    for row in park.rows:
        for name in row.names:
            place, sport = (park.id, name), {"T": TENNIS, "P": PICKLEBALL}[row.sport]
            ground = tuple(sorted(f"Court {other}" for each, other in grounds if each == name))
            before = courts.get(name) or SimulatedCourt(
                _made_up("site", place),
                f"Court {name}",
                park.id,
                _window(row.days_ahead, windows),
                sports={TENNIS_IDS.get(place, _made_up(SPORTS[sport], place)): sport},
                ground=ground,
            )
            courts[name] = replace(before, blocks=(*before.blocks, *_blocks(row)))
    return SimulatedFacility(
        park.id, park.name, park.slug, here, _out_of_order([*courts.values()]), park.booked
    )


def _blocks(row: Row) -> Iterator[Block]:
    for start in row.starts:
        begin = datetime.combine(date.min, time.fromisoformat(start.removesuffix("*")))
        end = begin + timedelta(minutes=row.minutes)
        yield Block(begin.time(), end.time(), row.weekdays, True if start.endswith("*") else None)


def _out_of_order(courts: list[SimulatedCourt]) -> tuple[SimulatedCourt, ...]:
    return (*courts[1::2], *courts[::2])  # 2, 4, 1, 3


def _wanted(scenario: RecUsScenario, here: tzinfo) -> SimulatedFacility:
    """The wanted facility; the wanted slot is always there, unless it must not be."""
    (of_usual, of_last) = next(park.rows for park in parks() if park.id == ALICE_MARBLE)
    season = not is_summer(scenario.day, here) if scenario.out_of_season else None
    usual = [
        replace(block, in_summer=season if block.start == scenario.start else block.in_summer)
        for block in _blocks(of_usual)
    ]
    window, last = _wanted_window(scenario, here), scenario.courts + 1
    courts = [_court(number, window, usual, scenario.courts) for number in range(1, last)]
    courts.append(_court(last, _window(2, scenario.windows), [*_blocks(of_last)], scenario.courts))
    ground = SHARING if scenario.shared_ground else ()
    courts[0] = replace(courts[0], ground=ground, window=None if scenario.unclear_court else window)
    for name in ground:
        place = (ALICE_MARBLE, name)
        site, sports = _made_up("site", place), {_made_up("pickleball", place): PICKLEBALL}
        courts.append(replace(courts[0], id=site, name=name, sports=sports, ground=(FIRST,)))
    return SimulatedFacility(ALICE_MARBLE, scenario.facility, "alicemarble", here, _out_of_order(courts))


def _wanted_window(scenario: RecUsScenario, here: tzinfo) -> Window:
    """The window by which the wanted slot opens at the opening of the scenario."""
    opening = scenario.opens_at.astimezone(here)
    days = scenario.day - opening.date()
    if days < timedelta():
        raise ValueError("the wanted day lies before its opening")
    if scenario.windows == "rolling":
        return Window(scenario.slot.start.astimezone(UTC) - scenario.opens_at, None)
    return Window(days, opening.time())


def _window(days_ahead: int | None, windows: str) -> Window | None:
    window = USUAL[days_ahead] if days_ahead else None
    return replace(window, release=None) if window and windows == "rolling" else window


def _court(number: int, window: Window | None, blocks: list[Block], courts: int) -> SimulatedCourt:
    """A court of the wanted facility; the second serves pickleball too."""
    place = (ALICE_MARBLE, f"{number}")
    sports = {TENNIS_IDS.get(place, _made_up("tennis", place)): TENNIS}
    if number == min(2, courts):
        sports[_made_up("pickleball", place)] = PICKLEBALL
    site = SITES.get(place, _made_up("site", place))
    return SimulatedCourt(site, f"Court {number}", ALICE_MARBLE, window, tuple(blocks), sports)


def _made_up(kind: str, place: tuple[str, str]) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind} {place[0]} {place[1]}"))


def days(first: date, last: date) -> Iterator[date]:
    """Every day from *first* to *last*."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)
