"""Some of the mornings that `python -m tests.proofs.notices` lives through, and a kill at every place."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from reserve.notify.channels import channels
from reserve.notify.notice import Kind, Notice
from tests.proofs.matrix import memory
from tests.proofs.notices import MORNING, REFUSES, Jumping, Morning, World, numbers


def test_on_some_mornings_no_notice_is_lost_and_none_is_told_without_need() -> None:
    found = numbers(range(5000, 5008))

    assert (found["failures"], found["lost"], found["mornings"]) == ([], 0, 8)
    assert min(found["told"], found["kills"], found["told_more_than_once"]) > 0


def test_wherever_a_sender_is_killed_every_channel_is_told_once_or_twice() -> None:
    known = channels("ntfy://one ntfy://two")
    notices = [Notice(f"run {kind}", kind, "A sentence.", MORNING) for kind in (Kind.RESERVED, Kind.BROKEN)]

    def lived(kill_at: int) -> World:
        away = {known[0].address: [(MORNING, MORNING.replace(minute=2), REFUSES)]}
        world = World(Jumping(MORNING), outages=away, kill_at={kill_at})
        with TemporaryDirectory(dir=memory()) as folder:
            morning = Morning(Path(folder), world, known, notices)
            morning.live()
            assert morning.problems() == []
        return world

    places = lived(0).points
    worlds = [lived(place) for place in range(1, places + 1)]

    assert places > 20
    assert [world.kills for world in worlds] == [1] * places
    assert {heard for world in worlds for heard in world.heard.values()} == {1, 2}
    assert all(sorted(world.heard.values())[:3] == [1, 1, 1] for world in worlds)
