"""Nothing is missing in the documents, and what they tell to type can be typed."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import tomllib
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import pytest

from reserve import errors
from reserve.commands import COMMANDS, main
from reserve.commands.options import booking_parser, read_booking
from reserve.errors import ExitCode
from reserve.settings import read_settings
from reserve.signals import SIGNALS
from reserve.simulator.__main__ import parser
from reserve.systems import PROFILES
from tests.booking.test_faults import EXIT_CODES
from tests.documents import DOCUMENTS, HERE, PATHS, README, named, rows
from tests.stage import Stage
from webhook_server.gateways import GATEWAYS
from webhook_server.signatures import SIGNED, variable

CRONTAB = (HERE / "crontab.example").read_text()
WITH_OPTION = re.compile(r"with `(--[\w-]+)` (\d+)")
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
DOT_ENV = {"RESERVE_EMAIL": "you@example.com", "RESERVE_PASSWORD": "secret", "RESERVE_PHONE": "+14155550100"}
WITH_INNER_COMMANDS = ("plan", "account")
BOOKINGS = ("book", "check")
NAMES_FILES = [*PATHS, HERE / "CONTRIBUTING.md", HERE / "docs/facts/README.md"]
FILE = re.compile(r"(?=.*/|.*\.(?:py|md|toml|txt|example)$)[\w.<>*-]+(?:/[\w.<>*-]+)*/?")
MADE = ("data/", "build/")  # by the program when it runs


def shell_lines(text: str) -> list[str]:
    """Every line of every block of shell commands in *text*, with continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return "".join(blocks).replace("\\\n", " ").splitlines()


def cron_lines() -> list[str]:
    """The lines of crontab.example that start something."""
    lines = [line for line in CRONTAB.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if not re.match(r"[A-Z]+=", line)]


def calls(program: str, lines: list[str]) -> list[list[str]]:
    """The words behind *program* in each line that calls it."""
    found = []
    for line in lines:
        words = shlex.split(line.partition(">>")[0].replace(r"\%", "%"), comments=True)
        if program in words:
            found.append(words[words.index(program) + 1 :])
    return found


def command_and_options(words: list[str]) -> tuple[str, list[str]]:
    """Which command *words* call, and with what."""
    return (words[0], words[1:]) if words and words[0] in COMMANDS else ("book", words)


def dated(words: list[str]) -> list[str]:
    """*words* with what the shell puts in the place of each `$(date …)`."""

    def today(call: re.Match[str]) -> str:
        return subprocess.run(
            ["sh", "-c", call[1]], capture_output=True, text=True, check=True
        ).stdout.strip()

    return [re.sub(r"\$\((date [^)]+)\)", today, word) for word in words]


@cache
def options_of(*words: str) -> frozenset[str]:
    """The options that the program itself says it has."""
    said = io.StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit, match=r"^0$"):
        main([*words, "--help"])
    return options_in(said.getvalue())


def options_in(help_text: str) -> frozenset[str]:
    """The options that a `--help` tells of."""
    return frozenset(OPTION.findall(help_text.partition("faults")[0])) - {"-h", "--help", "--version"}


def anchors(path: Path) -> set[str]:
    """The anchors of the headings in a document."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_link_to_another_place_here_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", path.read_text())

    for link in links:
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def exists(name: str) -> bool:
    """Is there such a file or folder? `<name>` is any one; without a folder it is looked for everywhere."""
    pattern = re.sub("<[^>]+>", "*", name.rstrip("/"))
    return any(HERE.glob(pattern if "/" in pattern else f"[!.]*/**/{pattern}")) or any(HERE.glob(pattern))


@pytest.mark.parametrize("path", NAMES_FILES, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(path: Path) -> None:
    prose = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    names = {name for name in named(prose) if FILE.fullmatch(name) and not name.startswith(MADE)}

    assert [name for name in sorted(names) if not exists(name)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_each_of_its_options_is_in_the_documents(command: str) -> None:
    assert f"`{command}`" in DOCUMENTS or f"main.py {command}" in DOCUMENTS

    assert options_of(command) - set(OPTION.findall(DOCUMENTS)) == set()


def test_the_table_of_options_has_those_of_book_and_no_others() -> None:
    table = rows("option", "meaning", "environment")

    assert {option for row in table for option in named(row[0])} == options_of("book")


def test_the_documents_tell_the_steps_of_a_run_in_their_order() -> None:
    source = (HERE / "reserve/booking/run.py").read_text()
    begins, competes = source.partition("self.alone(")[2], source.partition("def compete(")[2]
    steps = begins.partition("except")[0] + competes.partition("    def ")[0]
    done = dict.fromkeys(re.findall(r"\w+", steps))

    documented = [
        step.replace(" ", "_") for step in re.findall(r"^\d\. \*\*(.+?)\*\*", DOCUMENTS, re.MULTILINE)
    ]

    assert documented == [name for name in done if name in documented]
    assert {"find", "opening", "win", "settle"} <= set(documented)


def test_every_exit_code_has_its_row_and_no_other_code_has_one() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ends = {kind.exit_code for kind in kinds if issubclass(kind, errors.ReserveError)}
    signals = {errors.Interrupted(number).exit_code for number in SIGNALS}

    documented = {int(code) for row in rows("code", "meaning") for code in row[0].split(", ")}

    assert documented == ends | signals | {ExitCode.SUCCESS, ExitCode.HELD, ExitCode.BUG}


def test_every_environment_variable_that_is_read_is_in_the_documents() -> None:
    readers = [HERE / "reserve/settings.py", HERE / "webhook_server/__main__.py"]
    read = {
        name
        for path in readers
        for name in re.findall(r'(?:said|get)\("([A-Z]+_[A-Z_]+|CHROMEDRIVER)"[,)]', path.read_text())
    } | {name for system in PROFILES.values() for name in system.addresses}
    read |= {each.name for system in PROFILES.values() for each in system.account_variables}
    read |= {variable(gateway) for gateway in SIGNED}

    assert len(read) > 30
    assert {name for name in read if f"`{name}`" not in DOCUMENTS} == set()


def test_every_booking_system_is_in_the_documents() -> None:
    documented = {row[0].strip("`"): row[2] for row in rows("`--system`", "booking system", "state")}

    assert {name for name, state in documented.items() if "not there yet" not in state} == set(PROFILES)


def test_every_gateway_of_texts_is_in_the_documents() -> None:
    assert {name for name in GATEWAYS if name not in DOCUMENTS.lower()} == set()


FAULTS_OF_RECUS = [
    (fault, code)
    for cell, _, code in rows("fault of rec.us", "what happens", "exit code")
    for fault in named(cell)
]


def test_the_documents_tell_of_every_fault_of_a_rehearsal_how_it_ends() -> None:
    documented = {fault: int(code.partition(",")[0]) for fault, code in FAULTS_OF_RECUS}

    assert documented == EXIT_CODES  # and so they end, also with rivals: tests/causes/test_every_fault.py


@pytest.mark.parametrize(
    ("fault", "options", "code"),
    [(fault, *found) for fault, code in FAULTS_OF_RECUS for found in WITH_OPTION.findall(code)],
)
def test_with_an_option_a_rehearsed_fault_ends_as_the_documents_say(
    fault: str, options: str, code: str, tmp_path: Path
) -> None:
    with Stage(tmp_path, {"rivals": 2, "seed": 1, "faults": (fault,)}) as stage:
        assert stage.book(*options.split()).exit_code == int(code)


@pytest.mark.parametrize("words", calls("main.py", shell_lines(DOCUMENTS)), ids=" ".join)
def test_a_command_of_the_documents_has_only_options_that_exist(words: list[str]) -> None:
    command, options = command_and_options(words)

    used = [word for word in options if OPTION.fullmatch(word)]

    inner = options[:1] if command in WITH_INNER_COMMANDS else []
    assert set(used) <= options_of(command, *inner)


def test_every_option_of_plan_add_is_in_the_documents() -> None:
    assert options_of("plan", "add") - set(OPTION.findall(DOCUMENTS)) == set()


@pytest.mark.parametrize(
    "words",
    [
        words
        for words in calls("main.py", [*shell_lines(DOCUMENTS), *cron_lines()])
        if command_and_options(words)[0] in BOOKINGS
    ],
    ids=" ".join,
)
def test_a_booking_of_the_documents_makes_sense(words: list[str]) -> None:
    command, options = command_and_options(words)
    if "--account" in options:  # nobody has stored one here
        del options[(place := options.index("--account")) : place + 2]

    booking = read_booking(booking_parser(command).parse_args(dated(options)), read_settings(DOT_ENV))

    assert booking.request.facility in ("Alice Marble", "Court 1", "NTNUI")
    assert booking.request.at_once == (booking.request.facility == "Alice Marble")


def test_the_simulator_of_the_documents_is_started_with_options_that_exist() -> None:
    (words,) = calls("reserve.simulator", shell_lines(DOCUMENTS))

    used = [word for word in words if OPTION.fullmatch(word)]

    assert used
    assert set(used) <= options_in(parser().format_help())


def test_make_has_every_target_of_the_documents() -> None:
    makefile = (HERE / "Makefile").read_text()

    documented = set(re.findall(r"make (demo|test|bench|clean)\b", README))

    assert documented == {"demo", "test", "bench", "clean"}
    assert {target for target in documented if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()


@pytest.mark.parametrize("line", cron_lines())
def test_a_cron_line_has_a_time_a_folder_and_no_bare_percent_sign(line: str) -> None:
    time = r"@reboot|[\d*,/-]+( [\d*,/-]+){4}"

    assert re.match(rf"({time}) cd /\S+ && ", line)
    assert not re.search(r"(?<!\\)%", line)
    assert line.endswith(" 2>&1")


def test_cron_books_under_a_lock_and_starts_the_webhook_service() -> None:
    lines = cron_lines()

    assert any(line.startswith("@reboot") and "-m webhook_server" in line for line in lines)
    assert all("flock -n" in line for line in lines if "main.py" in line)
    assert {command_and_options(words)[0] for words in calls("main.py", lines)} == set(BOOKINGS)


def test_every_package_has_its_reason() -> None:
    rows = [line for line in (HERE / "CONTRIBUTING.md").read_text().splitlines() if line.startswith("| ")]
    tools = tomllib.loads((HERE / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    packages = (HERE / "requirements.txt").read_text().split()

    explained = {name for row in rows for name in row.split("|")[1].strip().split(", ")}

    assert {line.partition("==")[0] for line in [*packages, *tools]} - explained == set()
