"""`report` holds what helps to mend this program, and nothing secret."""

from __future__ import annotations

import base64
import io
import json
import shutil
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from zipfile import ZipFile

import pytest

from reserve.causes.cause import Cause
from reserve.causes.words import remedy
from reserve.commands import report
from reserve.errors import CauseWord, UsageError
from reserve.model import Account
from reserve.settings import Settings, read_settings
from reserve.simulator.faults import Fault
from reserve.simulator.recus.faults import HOLD
from reserve.storage.database import Store
from reserve.storage.schema import RUNS
from tests.stage import TOKEN, Stage
from tests.test_canary import PASSWORD, PHONE, spellings

EMAIL, NAME, CARD, CODE = "grace.hopper@hoppermail.org", "Grace Hopper", "4242 4242 4242 4242", "482913"
OURS = "the-tennis-account"  # of words that are ours
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJncmFjZSJ9.c2lnbmF0dXJl"
CANARIES = (
    *(EMAIL, "grace.hopper", "hoppermail", NAME, "Grace", "Hopper", "hopper", JWT, CARD, "4242", CODE),
    *(PASSWORD, TOKEN, PHONE, "4155550142", "(415) 555-0142", "555-0142", "5550142"),
)
ENCODED = [
    each
    for canary in CANARIES
    for each in (canary, quote(canary, safe=""), base64.b64encode(canary.encode()).decode())
]
ODD_JSON = json.dumps(
    {
        "error": {"type": "MEMBERSHIP_REQUIRED", "message": f"{NAME}, a membership is needed; {PHONE}"},
        "statusCode": 402,
        "players": [{"firstName": NAME, "codes": [int(CODE), CODE], "card": {"last4": 4242}}],
        **{each: {each: [each, json.dumps({"nested": each})]} for each in ENCODED},
    }
)  # fmt: skip
ODD_PAGE = "<html><title>Just a moment</title>" + "".join(
    f"<div data-{quote(each, safe='')}='1' class='{each}'><!-- {each} --><a href='/?x={quote(each)}'>{each}"
    f"<input name=username value=\"{each}\"><script>var x = '{each}'</script>"
    for each in ENCODED
)  # fmt: skip
ODD_TEXT = "No court for you: " + ", ".join(ENCODED)
ODD = [
    Fault(HOLD, nth, "status", times, status=402, body=body, content_type=kind, headers={"X-Player": EMAIL})
    for nth, times, body, kind in [
        (1, 1, ODD_TEXT, "text/plain"),
        (2, 1, ODD_PAGE, "text/html"),
        (3, 1000, ODD_JSON, "application/json"),
    ]
]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run leaves that was answered in three ways that nobody knows, and ended with a bug, too."""
    folder = tmp_path_factory.mktemp("report")
    player = Account(EMAIL, PASSWORD, PHONE)
    with Stage(folder, {"faults": ODD, "account": player}) as stage:
        stage.book()
        said = f"Not reserved: {NAME} {EMAIL} {JWT} {CARD} {CODE} {OURS}"  # as a site may word a refusal
        stage.run.timeline.say(said)
        with stage.run.record.store.engine.begin() as connection:
            connection.execute(RUNS.update().values(sentence=said))
        stage.wired.write_down(stage.result)
        stage.wired.folder.keep_bug(ValueError(said))
        stage.run.record.store.close()
        (stage.wired.folder.path / "page-20260302.png").write_bytes(b"a picture")
    return folder / "data"


@pytest.fixture
def data(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and an empty folder to work in."""
    shutil.copytree(left, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def settings_of(data: Path) -> Settings:
    secret = {"RESERVE_EMAIL": EMAIL, "RESERVE_PASSWORD": PASSWORD, "RESERVE_PHONE": PHONE}
    secret |= {"RESERVE_WEBHOOK_TOKEN": TOKEN, "RESERVE_NOTIFY": f"ntfy://{JWT}", "FERNET_KEY": JWT}
    secret |= {"RESERVE_HOPPER": NAME, "RESERVE_MAX_PRICE": CODE, "RESERVE_ACCOUNT": OURS}
    return read_settings(
        {"RESERVE_DATA": str(data), "CHROME_BINARY": "/nowhere", "CHROMEDRIVER": "/nowhere"} | secret
    )


class AtATerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", AtATerminal(text))


def unpacked(file: Path) -> dict[str, str]:
    with ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_nothing_secret_is_in_the_archive_and_what_is_new_is(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main(["--yes", "--zip", "sent.zip"], settings_of(data)) == 0

    found, out = unpacked(Path("sent.zip")), capsys.readouterr()
    assert stat.S_IMODE(Path("sent.zip").stat().st_mode) == 0o600
    assert set(found) == {
        *("about.txt", "run.json", "timeline.txt", "machine.json", "bug.txt"),
        *(f"answers/unknown-{number}.txt" for number in (1, 2, 3)),
    }
    everything = "\n".join([*found, *found.values(), out.out, out.err])
    spelled = {each for canary in CANARIES for each in spellings(canary)}
    assert [each for each in sorted(spelled | {OURS, *ENCODED}) if each in everything] == []
    by_size = sorted((found[name] for name in found if "answers/" in name), key=len)
    assert "POST /v1/reservations" in by_size[0]
    assert "No court for you" in by_size[0]
    assert any('"type": "MEMBERSHIP_REQUIRED"' in each and '"statusCode": 402' in each for each in by_size)
    assert any("<title>\nJust a moment\n</title>" in each for each in by_size)
    assert "ValueError: " in found["bug.txt"]
    assert "1 picture" in found["about.txt"]
    figures = json.loads(found["run.json"])
    assert (figures["cause"], figures["exit_code"]) == ("unknown-answer", 6)
    assert {each["court"] for each in figures["facts"]["attempts"]} <= {f"court #{n}" for n in range(1, 9)}
    about = json.loads(found["machine.json"])
    assert about["versions"]["msgspec"]
    assert about["settings"]["RESERVE_PASSWORD"] == about["settings"]["RESERVE_MAX_PRICE"] == "set"


def test_it_is_shown_and_written_only_when_somebody_agrees(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, before = settings_of(data), set(Path().iterdir())

    with pytest.raises(UsageError, match="there is no terminal to ask at; add --yes"):
        report.main([], settings)
    assert "--- timeline.txt" in capsys.readouterr().out
    type_in(monkeypatch, "s\nno\n")
    assert report.main([], settings) == 0
    said = capsys.readouterr()
    assert said.out.count("--- machine.json") == 1
    assert "Nothing was written." in said.out
    assert set(Path().iterdir()) == before
    type_in(monkeypatch, "y\n")
    assert report.main([], settings) == 0
    said = capsys.readouterr()
    assert "--- " not in said.out
    (made,) = set(Path().iterdir()) - before
    assert f"Written into {made}." in said.out
    assert "run.json" in unpacked(made)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--zip", "data"], "data is there already, and nothing is overwritten"),
        (["--zip", "missing/report.zip"], "missing/report.zip cannot be written"),
        (["--zip", "a\0b"], "--zip: "),
        (["19990101T000000-0000"], "no run begins with"),
        ([""], "RUN is empty"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(data: Path, words: list[str], why: str) -> None:
    with closing(Store(data)) as store, store.engine.begin() as connection:
        (row,) = connection.execute(RUNS.select()).mappings()
        connection.execute(RUNS.insert().values({**row, "run_id": "20200101T000000-0000"}))

    with pytest.raises(UsageError, match=why):
        report.main([*words, "--yes"], settings_of(data))

    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_of_an_older_run_whose_folder_is_gone_it_has_what_the_store_knows(data: Path) -> None:
    shutil.rmtree(data / "runs")
    with closing(Store(data)) as store, store.engine.begin() as connection:
        connection.execute(RUNS.update().values(facts=None, cause=None))  # as older versions left it

    assert report.main(["--yes", "--zip", "sent.zip"], settings_of(data)) == 0

    found = unpacked(Path("sent.zip"))
    assert set(found) == {"about.txt", "run.json", "machine.json"}
    assert report.IS_GONE in found["about.txt"]
    assert report.IS_OLDER in found["about.txt"]
    assert json.loads(found["run.json"])["actions"]


@pytest.mark.parametrize("word", [CauseWord.UNKNOWN_ANSWER, CauseWord.BUG])
def test_what_only_the_maintainer_can_mend_leads_to_the_report(word: CauseWord) -> None:
    assert "`report`" in remedy(Cause(word))
