"""The proof with a real cron daemon takes minutes and root's rights; here stands what it would find wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proofs import cron
from tests.proofs.cron import OTHERS, failures

SENTENCE = "Reserved Court 1."
RIGHT: dict[str, Any] = {
    "history": [{"exit_code": 0, "sentence": SENTENCE}],
    "last_of_plan": SENTENCE,
    "next_of_plan": "Wed",
    "ledger": {"paid": 1, "left": 0, "rules broken": 0},
    "webhook_service_at_once": {"texts": 0},
    "webhook_service_since_boot": {"texts": 1},
    "crontab_afterwards": OTHERS.splitlines(),
    "log": [],
}


def test_a_proof_in_which_all_is_as_it_has_to_be_has_no_failure() -> None:
    assert failures(RIGHT) == []


@pytest.mark.parametrize(
    ("what", "instead", "message"),
    [
        ("history", [], "history has one run"),
        ("history", RIGHT["history"] * 2, "history has one run"),
        ("next_of_plan", None, "the plan knows"),
        ("ledger", {"paid": 2, "left": 0, "rules broken": 0}, "the ledger has one court paid"),
        ("webhook_service_at_once", None, "the webhook service was started by"),
        ("webhook_service_since_boot", None, "the webhook service was started at boot"),
        ("crontab_afterwards", [], "the crontab is again"),
    ],
)
def test_a_proof_names_what_is_not_as_it_has_to_be(what: str, instead: Any, message: str) -> None:
    found = failures({**RIGHT, what: instead})

    assert any(failure["case"].startswith(message) for failure in found)


@pytest.mark.parametrize(("words", "code"), [([], 77), (["--may-skip"], 0)])
def test_a_proof_that_cannot_be_had_here_is_no_success_unless_that_is_allowed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("sys.argv", ["cron", *words])

    assert cron.main() == code

    assert capsys.readouterr().err == "Skipped, so nothing is proved: install cron, mount, util-linux.\n"
