"""No secret leaves a run, neither on its outputs nor in its files, whatever goes wrong."""

import base64
import io
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from reserve.commands.outcome import print_outcome, result_as_json
from reserve.commands.screen import shown
from reserve.errors import ServiceError
from reserve.model import Account
from reserve.simulator.faults import Fault
from reserve.simulator.recus.faults import FAULTS, HOLD
from tests.booking.test_faults import EXIT_CODES, fair
from tests.stage import TOKEN, Stage

PASSWORD = "canary $% \"pass' wörd/+&"
PHONE = "+1 415 555 0142"


def spellings(secret: str) -> set[str]:
    """Every way *secret* may stand in a text."""
    found = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
    found |= {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    for shift in range(3):  # the part of a base64 text that the secret alone decides
        encoded = base64.b64encode(b"\0" * shift + secret.encode()).decode().rstrip("=")
        found.add(encoded[(0, 2, 3)[shift] : -1])
    return found


def secrets_of(stage: Stage) -> list[str]:
    """The password, our tokens, every code that was sent, and the phone's number."""
    codes = stage.simulated.codes.sent
    system: Any = stage.wired.run.system
    tokens = [system.token] if system.token else []
    digits = "".join(filter(str.isdigit, PHONE))
    return [PASSWORD, TOKEN, PHONE, digits, digits[1:], *codes, *tokens]


def outputs(stage: Stage, *words: str) -> dict[str, str]:
    """Everything that a run shows and leaves, by name."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        outcome = stage.book(*words)
        with shown(stage.run.timeline, ()):
            for line in stage.steps:
                stage.run.timeline.show(line)
        stage.wired.write_down(stage.result)
        print_outcome(outcome.sentence, outcome.exit_code, result_as_json(stage.result))
        print_outcome(outcome.sentence, outcome.exit_code)
    found = {"stdout": out.getvalue(), "stderr": err.getvalue(), "booking": repr(stage.booking)}
    data = stage.folder / "data"
    for path in data.rglob("*"):
        if path.is_file():
            found[str(path)] = path.read_bytes().decode("latin-1") + path.read_bytes().decode(
                "utf-8", "replace"
            )
    return found


def leaks(stage: Stage, found: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (name, spelled)
        for secret in secrets_of(stage)
        for spelled in spellings(secret)
        for name, text in found.items()
        if spelled in text
    ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """A stage whose player has canaries for secrets."""
    stages = []

    def stage(*faults: str | Fault, together: bool = True, **scenario: Any) -> Stage:
        player = Account("player@example.com", PASSWORD, PHONE)
        settings = {"faults": faults, "account": player, **scenario}
        stages.append(Stage(tmp_path / "stage", settings, together=together))
        return stages[-1]

    yield stage
    for each in stages:
        each.__exit__(None, None, None)


@pytest.mark.parametrize("fault", [None, *FAULTS])  # for all courts at once: tests/causes
def test_with_each_fault_a_run_for_one_court_after_the_other_ends_as_documented_and_leaks_nothing(
    stage: Callable[..., Stage], fault: str | None
) -> None:
    a_stage = stage(*([fault] if fault else []), together=False)

    found = outputs(a_stage)

    assert fair(a_stage, a_stage.result.outcome).exit_code == EXIT_CODES.get(fault or "", 0)
    assert leaks(a_stage, found) == []
    assert found["stdout"]


ECHO = "Bearer {token}, phone +14155550142, (415) 555-0142, player@example.com, {password}"


def test_an_answer_that_repeats_our_secrets_is_kept_without_them(stage: Callable[..., Stage]) -> None:
    said = json.dumps({"message": ECHO.format(token=TOKEN, password=PASSWORD), "type": "E_ODD"})
    a_stage = stage(Fault(HOLD, 0, "status", status=400, body=said, content_type="application/json"))

    found = outputs(a_stage)

    kept = [text for name, text in found.items() if "unknown-" in name]
    assert kept
    assert "E_ODD" in kept[0]
    assert "player@example.com" not in kept[0]
    assert leaks(a_stage, found) == []


@pytest.mark.parametrize("escaped", [True, False])
def test_nothing_that_a_booking_system_says_reaches_the_terminal_as_a_command(
    stage: Callable[..., Stage], escaped: bool
) -> None:
    said = json.dumps({"message": "\x9b2J\u202e odd \u2028", "type": "E_\x85ODD"}, ensure_ascii=escaped)
    a_stage = stage(Fault(HOLD, 0, "status", status=400, body=said, content_type="application/json"))

    found = outputs(a_stage)

    assert "odd" in found["stderr"] or any(
        "odd" in text for name, text in found.items() if "unknown-" in name
    )
    for text in (found["stdout"], found["stderr"], *a_stage.steps):
        assert text.replace("\n", "").isprintable()
    kept = [path.read_text() for path in a_stage.folder.rglob("unknown-*")]
    assert kept
    assert all(text.replace("\n", "").isprintable() for text in kept)


def test_an_exception_from_the_depth_shows_no_secret(stage: Callable[..., Stage]) -> None:
    a_stage = stage()
    outputs(a_stage)

    system: Any = a_stage.run.system
    http, code = system.connect(), a_stage.simulated.codes.sent[-1]
    a_stage.apps.clear()
    with pytest.raises(ServiceError) as failed:
        http.ask("POST", "/v1/users/mobile-totp/verify", json={"code": code})
    text = "".join(traceback.format_exception(failed.value))
    assert code not in text
    assert system.token not in text


def test_a_bug_is_written_down_without_secrets(stage: Callable[..., Stage]) -> None:
    a_stage = stage()
    outputs(a_stage)
    system: Any = a_stage.run.system

    try:
        raise ValueError(f"{PASSWORD} and {TOKEN} and {system.token}")
    except ValueError as bug:
        a_stage.wired.write_down(replace(a_stage.result, bug=bug))

    written = (a_stage.wired.folder.path / "bug.txt").read_text()
    assert "ValueError" in written
    assert leaks(a_stage, {"bug.txt": written}) == []


def test_what_a_run_leaves_is_the_players_alone(stage: Callable[..., Stage]) -> None:
    a_stage = stage("unknown-refusal")
    before = os.umask(0o077)  # as `main` sets it
    try:
        outputs(a_stage)
    finally:
        os.umask(before)

    left = [a_stage.folder / "data", *(a_stage.folder / "data").rglob("*")]
    assert len(left) > 4
    assert {oct(path.stat().st_mode & 0o777) for path in left if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in left if path.is_file()} == {"0o600"}
