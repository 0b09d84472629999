"""What a player types and sets: read whole, or refused in one sentence before anything is sent."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, time, timedelta
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserve.commands import COMMANDS, main
from reserve.commands.options import Booking, booking_parser, read_booking, refuse_garbled
from reserve.errors import UsageError
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from tests.fakes import usd
from tests.stage import Stage

HERE = Path(__file__).parents[2]
USUAL = {
    "-c": "Alice Marble",
    "-d": "2026-03-09",
    "-s": "tennis",
    "-t": "18:00:00",
    "-y": "19:30:00",
}
ACCOUNT = {
    "RESERVE_EMAIL": "player@example.com",
    "RESERVE_PASSWORD": "correct horse",
    "RESERVE_PHONE": "+14155550100",
}


def words(*more: str, **changed: str | None) -> list[str]:
    """The usual options, with those of *changed* (`t="25:00"`, None to leave out) and *more* words."""
    options = USUAL | {f"-{name}": value for name, value in changed.items()}
    given = {name: value for name, value in options.items() if value is not None}
    return [word for pair in given.items() for word in pair] + list(more)


def read(*more: str, environ: Mapping[str, str] | tuple[()] = (), **changed: str | None) -> Booking:
    return read_booking(
        booking_parser("book").parse_args(words(*more, **changed)),
        read_settings({**ACCOUNT, **dict(environ)}),
    )


def refusal(*more: str, environ: Mapping[str, str] | tuple[()] = (), **changed: str | None) -> str:
    with pytest.raises(UsageError) as refused:
        read(*more, environ=environ, **changed)
    return str(refused.value)


@pytest.mark.parametrize(
    ("more", "changed", "names"),
    [
        ([], {"c": None}, "--court"),
        ([], {"d": None}, "--date"),
        ([], {"s": None}, "--sport"),
        ([], {"t": None}, "--start-time"),
        ([], {"y": None}, "--end-time"),
        ([], {"c": "  "}, "--court"),
        ([], {"s": "badminton"}, "--sport"),
        ([], {"d": "2026-02-30"}, "--date"),
        ([], {"d": "12/5"}, "--date"),
        ([], {"t": "25:00"}, "--start-time"),
        ([], {"t": "6"}, "--start-time"),
        *(([name, ""], {}, f"{name} is empty") for name in ("--or", "--only", "--opens-at", "--account")),
        ([], {"t": "18:00-20:00"}, "--end-time: --start-time says 20:00 already"),
        ([], {"t": "18:00-"}, "--start-time"),
        ([], {"t": "18:00-17:00", "y": None}, "--end-time"),
        ([], {"y": "17:00"}, "--end-time"),
        ([], {"y": "18:00"}, "--end-time"),
        ([], {"n": "not a number"}, "--phone"),
        ([], {"n": "12"}, "--phone"),
        ([], {"n": "+999999999999999999"}, "--phone"),
        ([], {"e": "player"}, "--email"),
        ([], {"r": "08:00"}, "--opens-at"),
        ([], {"r": "2026-03-02 25:00:00"}, "--opens-at"),
        (["--or", "17:00,soon"], {}, "--or"),
        (["--max-price", "cheap"], {}, "--max-price"),
        (["--max-price", "-1"], {}, "--max-price"),
        (["--max-price", "7.505"], {}, "--max-price"),
        (["--max-price", "nan"], {}, "--max-price"),
        (["--max-price", "1e999999"], {}, "--max-price"),
        (["--pay", "gold"], {}, "--pay"),
        (["--pay", "credit"], {}, "--max-price"),
        (["--pay", "card", "--max-price", "8"], {}, "RECUS_STRIPE_KEY"),
        (["--patience", "nan"], {}, "--patience"),
        (["--patience", "-1"], {}, "--patience"),
        (["--patience", "601"], {}, "--patience"),
        (["--system", "wimbledon"], {}, "--system"),
        (["--webhook-url", "127.0.0.1:5000"], {}, "--webhook-url"),
        (["--webhook-url", "http://[::1"], {}, "--webhook-url"),
        (["--webhook-url", "ftp://x"], {}, "--webhook-url"),
        (["--webhook-token", "two\nlines"], {}, "--webhook-token"),
    ],
)
def test_bad_input_is_refused_by_the_name_of_its_option(
    more: list[str], changed: dict[str, Any], names: str
) -> None:
    assert names in refusal(*more, **changed)


@pytest.mark.parametrize("start", ["18:00-19:30", "6 to 7:30 pm", "18:00 \u2013 19:30", "6pm", "18"])
@pytest.mark.parametrize("end", [None, "7:30pm", "19:30"])
def test_the_start_may_have_the_end_with_it(start: str, end: str | None) -> None:
    if end is None and len(start) < 5:
        return
    request = read("-t", start, *(["-y", end] if end else []), t=None, y=None).request

    assert (f"{request.starts[0]}", request.length) == ("18:00:00", timedelta(minutes=90))


@pytest.mark.parametrize("name", ["RESERVE_EMAIL", "RESERVE_PASSWORD"])
def test_a_missing_player_is_refused_with_what_to_set(name: str) -> None:
    said = refusal(environ={name: ""})

    assert f"--{name.removeprefix('RESERVE_').lower()}" in said
    assert name in said


@pytest.mark.parametrize(
    "word", [["--cuort", "x"], ["--court"], ["surplus"], ["--mult"], ["-m=1"], ["--json", "--verbose"]]
)
def test_an_option_nobody_knows_is_refused_in_one_sentence(word: list[str]) -> None:
    with pytest.raises(UsageError, match=r"see --help|did you mean '--"):
        read(*word)


@pytest.mark.parametrize(
    ("command", "typed", "named"),
    [
        ("book", ["-c", "Alice", "Marble"], ": 'Marble'"),
        ("book", ["--xyzzy=correct-horse"], ": '--xyzzy'"),
        ("book", ["--xyzzy", "correct-horse"], ": '--xyzzy'"),
        ("book", ["-p", "correct", "horse"], ""),
        ("book", ["horse", "--password=correct"], ""),
        ("account", ["add", "mine", "horse"], ""),
    ],
)
def test_a_word_that_means_nothing_is_named_unless_it_may_be_half_a_password(
    command: str, typed: list[str], named: str
) -> None:
    _, said, _ = called(command, *typed)

    assert said == f"Refused: unknown argument{named} (quote names with blanks); see --help.\n"


@given(
    st.sampled_from(
        ["c", "d", "s", "t", "y", "e", "p", "n", "r", "-only", "-or", "-max-price", "-pay", "-patience"]
    ),
    st.text(),
)
def test_whatever_is_typed_is_read_or_refused(option: str, text: str) -> None:
    options = [f"--{option[1:]}={text}"] if option.startswith("-") else [f"-{option}{text}"]
    try:
        read(*options)
    except UsageError as refused:
        assert "\n" not in str(refused).replace(repr(text), "")  # noqa: PT017


def test_the_usual_options_make_a_booking_request() -> None:
    booking = read(
        "-m", "--only", " Court 3 ,Court 1,Court 3", "--or", "16:30, 18:00", r="2026-03-02 08:00:00"
    )

    request = booking.request
    assert (request.facility, request.sport, request.day) == ("Alice Marble", "tennis", date(2026, 3, 9))
    assert request.starts == (time(18), time(16, 30))
    assert request.length == timedelta(minutes=90)
    assert request.only == ("Court 3", "Court 1")
    assert request.at_once
    assert request.opens_at
    assert request.opens_at.time == time(8)
    assert (request.pay, request.max_price) == ("by-hand", None)
    assert request.patience == timedelta(seconds=10)
    assert (booking.settings.system, booking.settings.webhook_url) == ("recus", "http://127.0.0.1:5000")


@pytest.mark.parametrize(("text", "cents"), [("7.50", 750), ("$8", 800), ("0", 0), (" 10 ", 1000)])
def test_a_price_is_read_in_cents(text: str, cents: int) -> None:
    assert read("--max-price", text).request.max_price == usd(cents)


@pytest.mark.parametrize(
    "text",
    [
        "+14155550100",
        "(415) 555-0100",
        "415-555-0100",
        "415.555.0100",
        "4155550100",
        "1 415 555 0100",
        "+1 415 555 0100",
    ],
)
def test_a_phone_number_is_read_in_any_usual_notation(text: str) -> None:
    assert read(n=text).account.phone == "+14155550100"


def test_a_phone_number_of_another_country_stays_one() -> None:
    assert read(n="+47 40 61 23 45").account.phone == "+4740612345"


def test_a_password_on_the_command_line_is_taken_with_a_warning() -> None:
    booking = read(p="hunter2!")

    assert booking.account.password == "hunter2!"
    assert "RESERVE_PASSWORD" in booking.warnings[0]
    assert "hunter2!" not in booking.warnings[0]
    assert not read().warnings


def test_an_option_wins_over_the_environment() -> None:
    environ = {"RESERVE_MAX_PRICE": "5", "RESERVE_WEBHOOK_URL": "http://a:1", "RESERVE_WEBHOOK_TOKEN": "t"}
    more = ("--max-price", "6", "--webhook-url", "http://b:2/", "--webhook-token", "u")

    booking, other = (
        read(environ=environ),
        read(*more, environ=environ, e="me@example.com", p="mine", n="4155550199"),
    )

    assert (booking.request.max_price, booking.settings.webhook_url, booking.settings.webhook_token) == (
        usd(500),
        "http://a:1",
        "t",
    )
    assert (other.request.max_price, other.settings.webhook_url, other.settings.webhook_token) == (
        usd(600),
        "http://b:2",
        "u",
    )
    assert (other.account.email, other.account.password) == ("me@example.com", "mine")
    assert other.account.phone == "+14155550199"


def test_secrets_do_not_show_in_what_is_printed_for_debugging() -> None:
    booking = read(p="hunter2!")

    assert "hunter2!" not in repr(booking)
    assert "4155550100" not in repr(booking)


# The file .env.


@pytest.mark.parametrize(
    ("line", "password"),
    [
        ("RESERVE_PASSWORD=plain", "plain"),
        ("RESERVE_PASSWORD='cost $5 #1'", "cost $5 #1"),
        ("RESERVE_PASSWORD='${HOME}'", "${HOME}"),
        ('RESERVE_PASSWORD="it\'s \\"quoted\\""', 'it\'s "quoted"'),
        ("export RESERVE_PASSWORD=plain", "plain"),
        ("RESERVE_PASSWORD=grün", "grün"),
        ("RESERVE_PASSWORD='back\\slash'", "back\\slash"),
        ("RESERVE_PASSWORD=a=b", "a=b"),
    ],
)
def test_a_password_is_read_from_the_file_unchanged(tmp_path: Path, line: str, password: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"# ours\n{line}\nRESERVE_SYSTEM\n", encoding="utf-8")

    settings = read_settings({"PATH": "/bin"}, file)

    assert settings == Settings(
        password=password,
        path="/bin",
        of_programs={"PATH": "/bin"},
        given=frozenset({"RESERVE_PASSWORD"}),
    )


def test_the_real_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RESERVE_PASSWORD=old\nRESERVE_EMAIL=old@example.com\n")

    settings = read_settings({"RESERVE_PASSWORD": "new"}, file)

    assert (settings.password, settings.email) == ("new", "old@example.com")


def test_without_a_file_the_environment_is_all_there_is(tmp_path: Path) -> None:
    assert read_settings({"RESERVE_EMAIL": "a@b"}, tmp_path / ".env").email == "a@b"


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"RESERVE_PASSWORD=\xff\xfe\n")

    with pytest.raises(UsageError, match=r"\.env"):
        read_settings({}, file)


# One sentence on standard output.


def called(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(arguments)
    return code, out.getvalue(), err.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [["-c"], ["nonsense"], ["book", "-t", "25:00"], ["-c", "Alice Marble"], ["check"]],
)
def test_what_makes_no_sense_is_one_sentence_and_exit_code_2(arguments: list[str]) -> None:
    code, out, err = called(*arguments)

    assert code == 2
    assert out.startswith("Refused: ")
    assert out.count("\n") == 1
    assert err == ""


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["plan", "add"]])
def test_help_is_given_whatever_is_wrong_with_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    (tmp_path / ".env").write_bytes(b"RESERVE_PASSWORD=\xff\xfe\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESERVE_WEBHOOK_URL", "nonsense")

    with pytest.raises(SystemExit) as ended:
        called(*command, "--help")

    assert ended.value.code == 0


def test_with_json_a_refusal_is_an_object_and_the_sentence_is_beside_it() -> None:
    code, out, err = called("--json")

    answer = json.loads(out)
    assert (code, answer["exit_code"], answer["outcome"], answer["attempts"]) == (2, 2, "refused", [])
    assert err.startswith("Refused: ")


# Found only when the booking system has been asked.


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["-c", "Alise Marble"], ["--court", "the nearest is Alice Marble"]),
        (["-c", "Wimbledon"], ["--court", "no facility is called 'Wimbledon'"]),
        (
            ["-t", "17:00", "-y", "18:30"],
            ["no court of Alice Marble", "the nearest", "16:30-18:00", "18:00-19:30"],
        ),
        (["--only", "Court 9"], ["--only", "'Court 9'", "Court 1, Court 2"]),
        (["-d", "2026-03-01"], ["past", "--date"]),
        (["-d", "2026-03-20"], ["--date", "2026-03-13 08:00:00", "too far ahead"]),
        (["-d", "2026-03-08", "-t", "02:30", "-y", "04:00"], ["--start-time", "02:30 does not exist"]),
        (["-r", "2026-03-08 02:30:00"], ["--opens-at", "02:30 does not exist"]),
        (["--webhook-token", "wrong"], ["--webhook-token"]),
    ],
)
def test_what_the_booking_system_does_not_have_is_refused_with_the_way_out(
    tmp_path: Path, changed: list[str], says: list[str]
) -> None:
    with Stage(tmp_path) as stage:
        outcome = stage.book(*changed)

    assert outcome.exit_code == 2
    assert outcome.sentence.startswith("Refused: ")
    assert all(part in outcome.sentence for part in says), outcome.sentence
    assert stage.ledger.events == []  # not even a sign-in


def test_case_accents_and_blanks_do_not_matter_in_the_name_of_a_facility(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert stage.book("-c", " ALICE  márble ").exit_code == 0


def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        Stage(tmp_path, environ={"RESERVE_DATA": str(tmp_path / "file" / "data")}) as stage,
        pytest.raises(UsageError, match="RESERVE_DATA"),
    ):
        stage.book()


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    with Stage(tmp_path, environ={"RESERVE_DATA": str(shared)}) as stage:
        stage.book()

    assert shared.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("typed", ["x" * 400, "it's " * 80, "both \" and ' " * 40, "\\" * 400])
def test_a_sentence_repeats_only_the_beginning_of_what_somebody_typed(typed: str) -> None:
    text = str(UsageError(f"--court: the city's list has no {typed!r}; there are 'A' and the player's own"))

    assert text.startswith("--court: the city's list has no ")
    assert text.endswith("; there are 'A' and the player's own")
    assert len(text) < 170
    assert (
        str(UsageError("no 'Alice Marble'; there are 'A' and 'B'"))
        == "no 'Alice Marble'; there are 'A' and 'B'"
    )


@pytest.mark.parametrize(
    ("option", "typed", "message"),
    [
        ("--court", "x" * 501, "--court has 501 letters; 500 are the most"),
        ("--or", "18:00\n", "--or: '18:00\\n' has a line break"),
        ("--password", "x" * 501, "--password has 501 letters"),
    ],
)
def test_what_nobody_means_is_refused(option: str, typed: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        refuse_garbled(booking_parser("book").parse_args([option, typed]))

    refuse_garbled(booking_parser("book").parse_args(["--password", "a\tb"]))


@pytest.mark.parametrize(
    ("text", "courts"),
    [
        ("Court 1, Court 2", ("Court 1", "Court 2")),
        ('"Court 1, North", Court 2', ("Court 1, North", "Court 2")),
        (" , Court 1,,", ("Court 1",)),
    ],
)
def test_a_court_with_a_comma_in_its_name_is_written_in_quotes(text: str, courts: tuple[str, ...]) -> None:
    assert read("--only", text).request.only == courts


@pytest.mark.parametrize("words", [["plan", "list"], ["nonsense"]])
def test_a_reader_that_goes_away_changes_no_exit_code_and_nothing_is_said_of_it(
    tmp_path: Path, words: list[str]
) -> None:
    Store(tmp_path).close()
    command = [sys.executable, str(HERE / "main.py"), *words]
    environ = {"RESERVE_DATA": str(tmp_path), "PATH": os.environ["PATH"]}
    ours, theirs = os.pipe()
    os.close(ours)

    heard = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, timeout=60)
    unheard = subprocess.run(command, env=environ, cwd=tmp_path, stdout=theirs, stderr=PIPE, timeout=60)
    os.close(theirs)

    assert (unheard.returncode, unheard.stderr) == (heard.returncode, heard.stderr)
    assert heard.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [("book --json -c Moscone -s tennis -d 2026-03-09 -t 18:00 -y 19:00", 2), ("plan list", 120)],
)
def test_a_full_disk_under_the_output_changes_no_exit_code_that_tells_of_a_court(
    tmp_path: Path, words: str, code: int
) -> None:
    environ = {"RESERVE_DATA": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, str(HERE / "main.py"), *words.split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environ, cwd=tmp_path, stdout=full, stderr=full, timeout=60)

    assert done.returncode == code


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "",
            "nothing is asked for; begin with `python3 main.py init`, or try a booking with `rehearse`; ",
        ),
        ("bok", "there is no command 'bok'; did you mean 'book'?"),
        ("plan", "COMMAND is missing: add, edit, show, list, remove, pause, resume, skip, unskip, export, "),
        ("plan skip 1", "DATE is missing; see --help."),
        ("bookings cancel ''", "ID is empty; leave it out, or say what you mean."),
        ("rm 3", "there is no command 'rm'; did you mean 'plan remove'?"),
        ("cron install", "unknown argument: 'install' (quote names with blanks); did you mean '--install'?"),
        ("history 5", "unknown argument: '5' (quote names with blanks); did you mean '--most 5'?"),
        ("plan rm 1", "there is no command 'rm'; did you mean 'remove'?"),
        (
            "courts --sprot x",
            "unknown argument: '--sprot' (quote names with blanks); did you mean '--sport'?",
        ),
        ("courts -d 12/5", "--date: '12/5' may be 20"),
    ],
)
def test_a_word_that_means_nothing_leads_on(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RESERVE_DATA", str(tmp_path))

    assert main(shlex.split(line)) == 2

    assert capsys.readouterr().out.startswith(f"Refused: {said}")
    assert list(tmp_path.iterdir()) == []


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["help", "plan", "add"])

    assert "main.py plan add" in capsys.readouterr().out
