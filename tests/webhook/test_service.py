"""The service at work: real HTTP, and the real process."""

import hmac
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psutil
import pytest
import requests
from requests import Response

from tests.webhook.conftest import TOKEN
from tests.webhook.test_gateways import sample
from webhook_server import create_app, serve
from webhook_server.__main__ import main
from webhook_server.access import is_loopback
from webhook_server.server import LONGEST_BODY, WAITERS
from webhook_server.signatures import SIGNED, variable

REPOSITORY = Path(__file__).parents[2]
READER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
ORDER, _ = sample("smspool_webhook.json")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    app = create_app(data=tmp_path, token=TOKEN, loopback=True, now=lambda: datetime.now(UTC))
    with serve(app, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.port}"


@contextmanager
def process(folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"], "WEBHOOK_PAGES": "0"} | settings
    file = folder / ".env"
    if not file.exists() or "RESERVE_DATA" not in file.read_text():
        environment.setdefault("RESERVE_DATA", str(folder / "data"))
    command = [sys.executable, "-m", "webhook_server"]
    started = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


def where(started: subprocess.Popen[str]) -> str:
    assert started.stdout
    line = started.stdout.readline()
    assert TOKEN not in line
    return line.split()[2].rstrip(",")


def pages_of(started: subprocess.Popen[str], number: int) -> list[psutil.Process]:
    """The processes of its pages, which begin when it listens."""
    while len(found := psutil.Process(started.pid).children()) < number:
        time.sleep(0.01)
    return found


def deliver(
    address: str, body: bytes | Iterable[bytes] = ORDER, headers: Mapping[str, str] = JSON
) -> Response:
    return requests.post(f"{address}/webhook/{TOKEN}", data=body, headers=headers, timeout=60)


def ask(address: str, wait: int = 0, number: str = "+14155550100") -> Response:
    query = {"phonenumber": number, "wait": str(wait)}
    return requests.get(f"{address}/get_verification_code", params=query, headers=READER, timeout=40)


def test_a_chunked_body_is_read_whole(address: str) -> None:
    body, _ = sample("android_income_sms_webhook.json")

    answer = deliver(address, iter([body[:20], body[20:]]))

    assert answer.status_code == 200
    assert ask(address).json()["verification_code"] == "482913"


def test_a_body_that_is_too_long_is_refused_in_json_chunked_or_not(address: str) -> None:
    long = b" " * (LONGEST_BODY + 1)

    assert deliver(address, long).json().keys() == {"error"}
    assert [deliver(address, body).status_code for body in (long, iter([long]))] == [413, 413]


def test_readers_that_wait_leave_room_for_the_delivery_they_wait_for(address: str) -> None:
    with ThreadPoolExecutor(WAITERS + 4) as pool:
        readers = [pool.submit(ask, address, wait=30) for _ in range(WAITERS + 4)]
        refused = [reader.result() for reader in islice(as_completed(readers), 4)]
        deliver(address)
        answers = [reader.result() for reader in readers]

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(503, "1")] * 4
    assert [answer.json()["verification_code"] for answer in answers if answer.ok] == ["482913"] * WAITERS


def test_a_reader_for_whom_there_is_no_room_to_wait_gets_the_code_that_is_there(address: str) -> None:
    with ThreadPoolExecutor(WAITERS + 1) as pool:
        readers = [pool.submit(ask, address, 30, "+14155550199") for _ in range(WAITERS + 1)]
        next(as_completed(readers))  # now all others wait
        body, _ = sample("smspool_webhook_rental.json")
        deliver(address, body)

        assert ask(address, 30, "+12025550143").json()["verification_code"] == "482913"
        deliver(address)


def test_closing_answers_those_who_wait(tmp_path: Path) -> None:
    app = create_app(data=tmp_path, token=TOKEN, loopback=True, now=lambda: datetime.now(UTC))
    with ThreadPoolExecutor(WAITERS + 1) as pool, serve(app, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.port}"
        readers = [pool.submit(ask, address, wait=30) for _ in range(WAITERS + 1)]
        next(as_completed(readers))  # the one for whom there was no room: now all others wait
        server.close()

        assert sorted(reader.result().status_code for reader in readers) == [404] * WAITERS + [503]


def test_closing_ends_every_thread_and_frees_the_port_though_a_connection_is_open(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    app = create_app(data=tmp_path, token=None, loopback=True, now=lambda: datetime.now(UTC))
    server = serve(app, "127.0.0.1", 0)

    with requests.Session() as session:
        assert session.get(f"http://127.0.0.1:{server.port}/health", timeout=60).ok
        server.close()
        server.close()

    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(60)
    assert not any(thread.is_alive() for thread in left)
    socket.create_server(("127.0.0.1", server.port)).close()
    assert [file.name for file in tmp_path.iterdir()] == ["inbox.sqlite3"]  # SQLite's side files are gone


def test_a_text_answered_200_outlives_a_killed_process(tmp_path: Path) -> None:
    settings = {"WEBHOOK_TOKEN": TOKEN, "WEBHOOK_PORT": "0"}
    with process(tmp_path, **settings) as first:
        assert deliver(where(first)).status_code == 200
        os.kill(first.pid, signal.SIGKILL)
    with process(tmp_path, **settings) as second:
        assert ask(where(second)).json()["verification_code"] == "482913"


def test_the_dot_env_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"WEBHOOK_TOKEN={TOKEN}\nWEBHOOK_PORT=no\nRESERVE_DATA=elsewhere\n")

    with process(tmp_path, WEBHOOK_PORT="0") as started:
        assert ask(where(started)).status_code == 404

    assert (tmp_path / "elsewhere" / "inbox.sqlite3").exists()


def test_a_key_with_any_sign_in_it_is_taken_from_dot_env_and_checked(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WEBHOOK_KEY_SMSGATE='k${y}'\n")
    body, _ = sample("smsgate_webhook.json")
    stamp = f"{datetime.now(UTC).timestamp():.0f}"
    signed = {
        "X-Timestamp": stamp,
        "X-Signature": hmac.digest(b"k${y}", body + stamp.encode(), "sha256").hex(),
    }

    with process(tmp_path, WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0") as started:
        address = where(started)
        answers = [deliver(address, body, headers) for headers in (JSON, signed)]

    assert [answer.status_code for answer in answers] == [403, 200]


@pytest.mark.parametrize("said", ["0", "off"])
def test_whoever_says_no_to_pages_gets_none(tmp_path: Path, said: str) -> None:
    with process(tmp_path, WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0", WEBHOOK_PAGES=said) as started:
        address = where(started)
        codes = [requests.get(address + path, timeout=60).status_code for path in ("/sign-in", "/health")]

    assert codes == [404, 200]


def test_texts_come_in_though_a_package_of_the_pages_is_broken(tmp_path: Path) -> None:
    (tmp_path / "flask_login.py").write_text("raise ImportError('of another version')")

    with process(tmp_path, WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0", WEBHOOK_PAGES="1") as started:
        assert deliver(where(started)).status_code == 200
        assert started.stderr
        lines = [started.stderr.readline() for _ in range(3)]

    assert "the web page cannot be shown: of another version" in "".join(lines)


def test_help_names_every_key(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "webhook_server", "--help"]

    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout

    assert {variable(gateway) for gateway in SIGNED} <= set(re.findall(r"\w+", result))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_the_processes_of_its_pages(tmp_path: Path, number: int) -> None:
    with process(tmp_path, WEBHOOK_TOKEN=TOKEN, WEBHOOK_PORT="0", WEBHOOK_PAGES="2") as started:
        deliver(where(started))
        first, second = pages_of(started, 2)
        started.send_signal(number)
        _, log = started.communicate(timeout=60)

    assert started.returncode == 0
    assert not first.is_running()
    assert not second.is_running()
    assert re.search(r"text \d+ from smspool", log)
    assert "Traceback" not in log
    assert TOKEN not in log


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"WEBHOOK_HOST": "0.0.0.0"}, "without a token"),
        ({"WEBHOOK_HOST": "::"}, "without a token"),
        ({"WEBHOOK_TOKEN": "two words"}, "WEBHOOK_TOKEN"),
        ({"WEBHOOK_PROXY": "127.0.0.1", "WEBHOOK_TOKEN": "1"}, "at least 16 characters"),
        ({"WEBHOOK_PORT": "http"}, "port http"),
        ({"WEBHOOK_PORT": "taken"}, "cannot listen"),
        ({"RESERVE_DATA": "/dev/null/data"}, "cannot keep texts"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["webhook_server"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # those of the tests stay
    monkeypatch.setattr(logging, "raiseExceptions", True)  # put back afterwards
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = str(other.getsockname()[1])
        for name, value in {"WEBHOOK_PAGES": "0", "RESERVE_DATA": "data", **settings}.items():
            monkeypatch.setenv(name, value.replace("taken", taken))
        code = main()

    out, problem = capsys.readouterr()
    assert (code, out) == (2, "")
    assert why in problem
    assert problem.count("\n") == 1


def test_the_real_process_refuses_them_likewise(tmp_path: Path) -> None:
    with process(tmp_path, WEBHOOK_PORT="70000") as started:
        out, problem = started.communicate(timeout=60)

    assert (started.returncode, out) == (2, "")
    assert "port 70000" in problem
    assert problem.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_is_only_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert not any(is_loopback(other) for other in ("0.0.0.0", "::", "10.0.0.1", "example.test", ""))
