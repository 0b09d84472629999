"""How a command ends: a sentence for a person, or the JSON object of the contract."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from reserve.booking.result import RunResult
from reserve.commands.screen import say, tone_of


def result_as_json(result: RunResult) -> dict[str, object]:
    """The object of the contract."""
    outcome, slot, price = result.outcome, result.outcome.slot, result.outcome.price
    return {
        "outcome": outcome.word,
        "exit_code": outcome.exit_code,
        "sentence": outcome.sentence,
        "system": result.system,
        "facility": result.facility,
        "court": outcome.court,
        "start": slot.start.isoformat() if slot else None,
        "end": slot.end.isoformat() if slot else None,
        "order_id": outcome.order_id,
        "price_cents": price.minor if price else None,
        "currency": price.currency if price else None,
        "cause": result.cause.word if result.cause else None,
        "released": result.released,
        "run_id": result.run_id,
        "opens_at": result.opens_at.isoformat() if result.opens_at else None,
        "attempts": [
            {
                "court": attempt.court,
                "sent_ms": result.milliseconds(attempt.sent),
                "answered_ms": result.milliseconds(attempt.answered),
                "meaning": attempt.meaning,
                "made_ms": result.own_milliseconds(attempt.held.made if attempt.held else None),
            }
            for attempt in result.attempts
        ],
    }


def print_outcome(sentence: str, exit_code: int, as_json: object = None) -> None:
    """Say *sentence*, or *as_json* with the sentence on standard error; nobody listening changes nothing."""
    try:
        if as_json is None:
            say(sentence, tone_of(exit_code))
            sys.stdout.flush()
        else:
            say(sentence, tone_of(exit_code), on_stderr=True)
            print(json.dumps(as_json, ensure_ascii=False), flush=True)
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # or Python complains once more at its end
