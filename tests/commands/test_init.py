"""`init` asks a person for what is missing, tries each answer, and loses nothing whatever happens."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, closing
from datetime import datetime, timedelta
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals, raise_signal

import pytest

from reserve import itself
from reserve.commands import account, init
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.questions import TRIES, Terminal
from reserve.commands.store import open_store, secret_store
from reserve.commands.wiring import public_system
from reserve.errors import UsageError
from reserve.model import Slot
from reserve.plans.due import plan_of
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.settings import Settings, read_file, read_settings
from reserve.storage.plans import PlanStore
from reserve.storage.secrets import Accounts
from tests.documents import HERE
from tests.stage import TOKEN, Stage
from tests.terminal import typed_at

HOUR, EVENING = timedelta(hours=1), datetime(2026, 3, 9, 18)  # noqa: DTZ001
PASSWORD = "c4nary $ 'word' #1"
USUAL = {"E-mail": "player@example.com", "Password": PASSWORD, "Phone": "(415) 555-0100", "Your": "17"}
# How the questions begin, in their order.
QUESTIONS = ("Booking", "Facility", "How", "A name", "E-mail", "Password", "Phone", "Who")
NONSENSE = ("x" * 10_000, "\x1b[2J\x07", "a\tb", "\udcff", "nowhere 😀")
NOWHERE = "http://127.0.0.1:1"
MINE = "# mine\nOTHER=1 # keep\nRESERVE_PHONE='+14155550199'   # old\n"


class FakeTerminal(Terminal):
    """A terminal at which somebody types these answers to the questions that begin so, else only Enter."""

    def __init__(self, answers: dict[str, str | Signals]) -> None:
        self.answers = answers
        self.shown: list[str] = []
        self.asked: list[str] = []
        self.unseen: list[str] = []

    def say(self, text: str) -> None:
        self.shown.append(text)

    def show(self, command: str) -> None:
        self.shown.append(command)

    def read(self, prompt: str, *, unseen: bool) -> str:
        self.shown.append(prompt)
        self.asked.append(prompt)
        self.unseen += [prompt.split()[0]] if unseen else []
        answer = next((text for begins, text in self.answers.items() if prompt.startswith(begins)), "")
        if isinstance(answer, Signals):
            raise_signal(answer)
            return ""
        if answer == "\x04":
            raise EOFError
        return answer


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage, chdir(tmp_path):
        stage.environ = {"RESERVE_DATA": str(tmp_path / "data"), "PATH": ""}  # where there is no crontab
        yield stage


def now_set(stage: Stage) -> Settings:
    """What the environment of *stage* and the file say."""
    return read_settings({**stage.environ, "NTNUI_URL": "https://simulated.example"}, *itself.env_files())


def answered(stage: Stage, answers: dict[str, str | Signals] | None = None) -> tuple[int, FakeTerminal]:
    """The exit code of `init`, and the terminal at which these answers were typed, or usual ones."""
    terminal = FakeTerminal({**USUAL, **(answers or {})})
    code = init.main([], now_set(stage), terminal=terminal, clock=stage.clock, connect=stage.connect)
    return code, terminal


def accounts(stage: Stage) -> dict[str, dict[str, str]]:
    """What is stored."""
    with secret_store(now_set(stage)) as secrets:
        return {name: Accounts(secrets).read(name) for name in Accounts(secrets).names}


def kept(folder: Path) -> dict[str, bytes]:
    """Every file there."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_is_asked_once_and_all_is_written_at_the_end(stage: Stage, tmp_path: Path) -> None:
    Path(".env").write_text(f"{MINE}WEBHOOK_TOKEN={TOKEN}\n")

    code, terminal = answered(stage)

    assert code == 0
    assert [each.startswith(words) for each, words in zip(terminal.asked, QUESTIONS, strict=True)] == [
        True
    ] * 8
    assert terminal.unseen == ["Password"]
    assert accounts(stage)["home"] == {
        "RESERVE_SYSTEM": "recus",
        "RESERVE_EMAIL": "player@example.com",
        "RESERVE_PASSWORD": PASSWORD,
        "RESERVE_PHONE": "+14155550100",
    }
    assert Path(".env").read_text() == (
        f"{MINE}WEBHOOK_TOKEN={TOKEN}\nRESERVE_SYSTEM=recus\nRESERVE_ACCOUNT=home\n"
        f"RESERVE_WEBHOOK_TOKEN={TOKEN}\n"
    )
    assert Path(".env").stat().st_mode & 0o777 == 0o600
    assert any(line.startswith("The webhook service answers") for line in terminal.shown)
    assert not any(secret in line for line in terminal.shown for secret in (PASSWORD, TOKEN))


def test_asked_again_enter_keeps_everything_and_shows_no_secret(stage: Stage, tmp_path: Path) -> None:
    stage.apps.clear()  # which is quick
    for way in ("env", "encrypted"):
        answered(stage, {"How": way, "Facility": "Rossi"})
        before = kept(tmp_path)

        code, terminal = answered(stage, {**dict.fromkeys(USUAL, ""), "Facility": "Rossi"})

        assert code == 0
        assert f"{Path('.env').absolute()} says all of it already." in terminal.shown
        assert any("[player@example.com]" in line for line in terminal.asked)
        assert any("[+14155550100]" in line for line in terminal.asked)
        token = read_file(Path(".env"))["WEBHOOK_TOKEN"]
        assert not any(secret in line for line in terminal.shown for secret in (PASSWORD, token))
        assert kept(tmp_path).keys() == before.keys()
        assert kept(tmp_path)[str(tmp_path / ".env")] == before[str(tmp_path / ".env")]
    assert accounts(stage)["home"]["RESERVE_PASSWORD"] == PASSWORD


def test_in_plain_text_only_the_lines_change_whose_answers_are_new(stage: Stage) -> None:
    Path(".env").write_text(MINE)

    assert answered(stage, {"How": "env"})[0] == 0

    head, *more = Path(".env").read_text().partition("# old\n")
    assert head == "# mine\nOTHER=1 # keep\nRESERVE_PHONE=+14155550100   "
    assert "RESERVE_PASSWORD='c4nary $ \\'word\\' #1'\n" in more[1]
    assert now_set(stage).password == PASSWORD
    assert accounts(stage) == {}


def test_who_goes_back_to_plain_text_is_no_longer_the_stored_account(stage: Stage) -> None:
    stage.apps.clear()
    answered(stage, {"Facility": "Rossi"})
    answered(stage, {"Facility": "Rossi", "How": "env"})

    assert (now_set(stage).account, now_set(stage).email) == (None, "player@example.com")
    assert list(accounts(stage)) == ["home"]


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    ("stop", "code"), [(SIGINT, 130), (SIGTERM, 143), (SIGHUP, 129), ("\x04", 129)], ids=str
)
def test_interrupted_at_any_question_everything_is_as_before(
    stage: Stage, tmp_path: Path, stop: str | Signals, code: int, is_new: bool
) -> None:
    stage.apps.clear()  # which is quick
    if is_new:
        stage.environ = {**stage.environ, "RESERVE_DATA": str(tmp_path / "new")}
    else:
        answered(stage, {"How": "env", "Facility": "Alice Marble"})
    before = kept(tmp_path)

    for question in QUESTIONS:
        ended, terminal = answered(stage, {"How": "encrypted", "Facility": "Rossi", question: stop})

        assert (ended, terminal.shown[-1]) == (code, "Refused: stopped; nothing is changed.")
        assert terminal.asked[-1].startswith(question)
    assert kept(tmp_path) == before


def test_nonsense_is_asked_again_and_the_third_time_nothing_is_written(stage: Stage, tmp_path: Path) -> None:
    before, apps = kept(tmp_path), dict(stage.apps)
    for question in QUESTIONS:
        for text in NONSENSE[: -1 if question == "Password" else None]:  # in which emoji may be
            stage.apps.clear()  # which is quick, where it makes no difference
            stage.apps |= apps if question == "Facility" else {}
            terminal = FakeTerminal({**USUAL, "Facility": "Rossi", question: text})
            with pytest.raises(UsageError, match=f"none of {TRIES} answers made sense; nothing is changed"):
                init.main([], now_set(stage), terminal=terminal, clock=stage.clock, connect=stage.connect)

            assert [each.startswith(question) for each in terminal.asked[-TRIES:]] == [True] * TRIES
            said = [line for line in terminal.shown if line.startswith("  ") and line not in terminal.asked]
            assert len(said) == TRIES
            assert all(line.isprintable() and len(line) < 800 for line in terminal.shown)
    for question in ("E-mail", "Password", "Phone"):
        with pytest.raises(UsageError):
            answered(stage, {question: ""})
    assert kept(tmp_path) == before


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"Booking": "golf"}, "Booking system: 'golf' is not known; choose recus, atrium, ntnui."),
        ({"Facility": "Alice Marbel"}, "Facility: no facility is called 'Alice Marbel'; the nearest"),
        ({"Facility": "M"}, "Facility: 'M' may be "),
        ({"E-mail": "me"}, "That is not an e-mail address."),
        ({"Phone": "12"}, "That is too short or too long for a phone number; write it as +14155550100."),
        ({"A name": "my home"}, "Name: 'my home' is no name; write it with letters"),
        ({"A name": "club"}, "Name: 'club' is your account for atrium; choose another one."),
        ({"Booking": "atrium", "Your": "ten"}, "That is not a number: Your number in the portal's"),
        ({"Booking": "ntnui", "Session": "https://x.example"}, "--link"),
        ({"Who": "nobody"}, "Who delivers: 'nobody' is not known; choose phone, smspool, type."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence(stage: Stage, answers: dict[str, str], said: str) -> None:
    mine = {"RESERVE_EMAIL": "a@b.example", "RESERVE_PASSWORD": "word"}
    account.keep("club", "atrium", mine, now_set(stage))
    terminal = FakeTerminal({**USUAL, **answers})

    with pytest.raises(UsageError, match="nothing is changed"):
        init.main([], now_set(stage), terminal=terminal, clock=stage.clock, connect=stage.connect)

    assert terminal.shown[-1].strip().startswith(said)


def words_of(command: str) -> Sequence[str]:
    """The words behind the name of the program."""
    return shlex.split(command.removeprefix(f"{itself.TYPED} "))


@pytest.mark.parametrize("facility", ["Alice", "Rossi"])
def test_the_command_at_the_end_works_as_it_stands(stage: Stage, facility: str) -> None:
    _, terminal = answered(stage, {"Facility": facility})

    name, *words = words_of(terminal.shown[-1])
    booking = read_booking(booking_parser(name).parse_args(words), now_set(stage))
    with public_system(
        booking.request, booking.account, booking.settings, clock=stage.clock, connect=stage.connect
    ) as asked:
        offers = asked.offers()
    assert name == "check"
    assert offers.facility.casefold().startswith(facility.casefold())
    assert isinstance(offers.offers[0].slot, Slot)
    assert (booking.account.email, booking.account.phone) == ("player@example.com", "+14155550100")


def test_what_opens_at_any_time_and_what_cannot_be_looked_up_have_a_next_command_too(stage: Stage) -> None:
    _, terminal = answered(stage, {"Booking": "atrium", "A name": "tower"})
    assert terminal.shown[-1] == (f"{itself.TYPED} check -d 2026-03-09 -t 18:00 -y 18:30 -c TFC")
    assert accounts(stage)["tower"]["ATRIUM_OCCUPANT_ID"] == "17"
    assert "WEBHOOK_TOKEN" not in Path(".env").read_text()  # no texts are needed

    stage.apps.clear()
    _, terminal = answered(stage, {"Booking": "recus", "A name": "home", "Facility": "Alice Marble"})
    assert any(line.startswith("The facilities cannot be looked up now") for line in terminal.shown)
    assert any(line.startswith("No webhook service answers yet") for line in terminal.shown)
    assert words_of(terminal.shown[-1]) == ["courts", "-c", "Alice Marble"]


def test_without_a_terminal_it_says_so(stage: Stage) -> None:
    with pytest.raises(UsageError, match="there is no terminal"):
        init.main([], Settings())


def at_terminal(folder: Path, answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """The exit code of the real command at a real terminal, and what was to be seen there."""
    environ = {"RECUS_API_URL": NOWHERE, "RECUS_WEB_URL": NOWHERE, "RESERVE_WEBHOOK_URL": NOWHERE}
    environ |= {"RESERVE_DATA": str(folder / "data"), "HOME": str(folder), "LANG": "C.UTF-8"}
    command = [sys.executable, str(HERE / "main.py"), "init"]
    return typed_at(command, answers, folder, {**environ, "PATH": "/nowhere"})


def test_at_a_real_terminal_a_script_can_answer_and_the_password_is_not_to_be_seen(tmp_path: Path) -> None:
    answers = [(question, f"{USUAL.get(question, '')}\n") for question in QUESTIONS]
    answers[1] = ("Facility", "Alice Marble\n")

    code, seen = at_terminal(tmp_path, [*answers[:5], ("Password", "\x03")])
    assert (code, seen.splitlines()[-1]) == (130, "Refused: stopped; nothing is changed.")
    assert list(tmp_path.iterdir()) == []

    code, seen = at_terminal(tmp_path, answers)
    assert (code, PASSWORD in seen) == (0, False)
    assert seen.splitlines()[-1] == f"  {itself.TYPED} courts -c 'Alice Marble'"
    assert read_file(tmp_path / ".env")["RESERVE_ACCOUNT"] == "home"


def test_another_booking_system_has_an_account_of_its_own_and_plans_keep_theirs(stage: Stage) -> None:
    stage.apps.clear()
    answered(stage, {"Facility": "Rossi"})
    with closing(open_store(now_set(stage))) as store:
        (number,) = PlanStore(store).add(
            [body_of(Plan((Choice("Alice Marble"),), HOUR, EVENING, "FREQ=WEEKLY"))]
        )

    code, terminal = answered(stage, {"Booking": "atrium", "Facility": "TFC"})

    assert code == 0
    assert any(line.startswith("A name for it [atrium]") for line in terminal.asked)
    assert now_set(stage).account == "atrium"
    assert {name: each["RESERVE_SYSTEM"] for name, each in accounts(stage).items()} == {
        "home": "recus",
        "atrium": "atrium",
    }
    assert f"Plan {number} goes on with the account 'home'." in terminal.shown
    with closing(open_store(now_set(stage))) as store:
        assert [plan_of(stored).account for stored in PlanStore(store).all()] == ["home"]


def test_what_to_set_up_is_what_the_guide_says() -> None:
    guide = re.sub(r"[`*]|\[|\]\([^)]*\)", "", (HERE / "docs/guide.md").read_text())
    rows = [line.strip("| ").split(" | ") for line in guide.splitlines() if line.count(" | ") == 1]

    documented = [f"{who.removeprefix('your own phone: ')}: {how}" for who, how in rows]

    assert {line for way in ("phone", "smspool") for line in init.DELIVERY[way]} <= set(documented)
