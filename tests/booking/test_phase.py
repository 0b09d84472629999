"""What a run says of itself to whoever watches: forward only, and not when it has no time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reserve.model import Phase
from tests.fakes import FakeClock, FakeSystem, NoRecord, context_of


class Watched(NoRecord):
    """A record that remembers what was reached."""

    def __init__(self) -> None:
        self.reached: list[Phase] = []

    def reach(self, phase: Phase) -> None:
        self.reached.append(phase)


def test_a_run_goes_forward_only(clock: FakeClock) -> None:
    record = Watched()
    context = context_of(FakeSystem(clock), record=record, opens_at=None)

    for phase in (Phase.WAITING, Phase.SIGNED_IN, Phase.RACING, Phase.CODE_ACCEPTED, Phase.SIGNING_IN):
        context.reach(phase)

    assert record.reached == [Phase.WAITING, Phase.SIGNED_IN, Phase.RACING]


@pytest.mark.parametrize(("ahead", "is_said"), [(3.1, True), (3, False), (0.01, False), (-1, True)])
def test_nothing_is_said_in_the_seconds_before_the_opening(
    clock: FakeClock, ahead: float, is_said: bool
) -> None:
    record = Watched()
    context = context_of(FakeSystem(clock), record=record, opens_at=clock.now() + timedelta(seconds=ahead))

    context.reach(Phase.CODE_ACCEPTED)

    assert bool(record.reached) is is_said
