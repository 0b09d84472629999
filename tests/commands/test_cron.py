"""`cron` writes lines that cron understands, and takes away none but its own; a word to channels."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

import pytest
from sqlalchemy.exc import OperationalError

from reserve.checks.machine import without_daemon
from reserve.clock import Clock
from reserve.commands import main
from reserve.commands.background import start_service
from reserve.commands.cron import Machine, clock_change_lines, installed, not_in_file, without
from reserve.commands.due import is_first_failure
from reserve.commands.due import main as due_command
from reserve.commands.notify_test import main as notify_test
from reserve.commands.ticking import Ticking
from reserve.errors import ServiceError, UsageError
from reserve.notify import channels
from reserve.notify.notice import Kind, Notice
from reserve.plans.due import name_of
from reserve.plans.file import body_of
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from reserve.storage.plans import PlanStore
from tests.machine import children, free_port
from tests.plans.test_due import ADDED, RULE, WEEKLY, keep, tick
from webhook_server import create_app, serve

HERE = Path(__file__).parents[2]
MACHINE = Machine(
    "/srv/first serve/.venv/bin/python", Path("/srv/first serve"), Path("/srv/100%"), "/usr/bin:/bin"
)
OTHERS = b"MAILTO=me\n# my own\n0 3 * * * backup %d\n"
OURS = MACHINE.lines().encode()


def test_the_lines_have_absolute_paths_a_path_and_the_data_folder_and_no_bare_percent_sign() -> None:
    _, minute, boot, _ = MACHINE.lines().splitlines()

    assert minute.startswith(
        "* * * * * cd '/srv/first serve' && PATH=/usr/bin:/bin RESERVE_DATA=/srv/100\\% "
    )
    assert minute.endswith(">> /srv/100\\%/due.log 2>&1")
    assert boot.startswith("@reboot ")
    assert "-m webhook_server" in boot
    assert not re.search(r"(?<!\\)%", MACHINE.lines())
    assert all(len(line) < 900 for line in MACHINE.lines().splitlines())  # cron cuts at about a thousand


def test_installing_twice_leaves_one_block_and_removing_leaves_what_was_there() -> None:
    once = installed(MACHINE, OTHERS)
    twice = installed(MACHINE, once)

    assert twice == once
    assert without(MACHINE.marks, twice) == OTHERS


def test_the_lines_of_another_folder_are_left_alone() -> None:
    other = replace(MACHINE, folder=Path("/srv/other"))
    content = OURS + OTHERS + other.lines().encode()

    assert without(MACHINE.marks, content) == OTHERS + other.lines().encode()


@pytest.mark.parametrize(
    "others",
    [
        "# caf\xe9\n".encode("latin-1"),
        b"# one\r\n0 3 * * * backup\r\n",
        b"# a\x0cb\x0bc\x1cd\x1ee\rf\n",
        "# a\u2028b\u2029c\x85d\n".encode(),
        b"\xff\xfe\x00\n",
        b"# the last line has no end",
        b"\n\n",
        b"",
    ],
)
def test_the_lines_of_others_stay_what_they_are_byte_for_byte(others: bytes) -> None:
    once = installed(MACHINE, others)

    assert once.startswith(others)
    assert once.endswith(OURS)
    assert installed(MACHINE, once) == once
    assert without(MACHINE.marks, once).rstrip(b"\n") == others.rstrip(b"\n")


def test_our_lines_are_known_again_when_an_editor_has_given_them_other_ends() -> None:
    edited = installed(MACHINE, OTHERS).replace(b"\n", b"\r\n")

    assert without(MACHINE.marks, edited) == OTHERS.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("lost", [0, 3])
def test_a_crontab_with_one_mark_only_is_not_touched(lost: int) -> None:
    lines = OURS.splitlines(keepends=True)
    del lines[lost]

    with pytest.raises(UsageError, match="without the other mark"):
        without(MACHINE.marks, b"".join(lines) + OTHERS)


def test_the_line_works_in_the_shell_that_cron_uses(tmp_path: Path) -> None:
    machine = Machine(sys.executable, HERE, tmp_path / "100% mine", "/usr/bin:/bin")
    machine.data.mkdir()
    line = machine.lines().splitlines()[1].removeprefix("* * * * * ").replace(r"\%", "%")

    result = subprocess.run(
        ["env", "-i", "sh", "-c", line], cwd="/", capture_output=True, text=True, check=False
    )

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (machine.data / "due.log").read_text() == ""
    assert (machine.data / "reserve.sqlite3").exists()


@contextmanager
def serving(command: Sequence[str], folder: Path, log: Path) -> Iterator[str]:
    """The address on which the webhook service answers that *command* starts, in a bare environment."""
    with log.open("a") as out, subprocess.Popen(command, cwd=folder, stdout=out, stderr=out) as process:
        clock = Clock()
        until = clock.now() + timedelta(seconds=60)
        while not (listening := re.search(r"Listening on (\S+),", log.read_text())) and clock.now() < until:
            clock.sleep(timedelta(milliseconds=50))
        try:
            assert listening, log.read_text()
            yield listening[1]
        finally:
            process.terminate()
        assert process.wait() == 0


def test_the_webhook_service_starts_in_the_background_as_at_the_next_boot_and_answers(tmp_path: Path) -> None:
    machine = Machine(sys.executable, HERE, tmp_path / "100% mine", "/usr/bin:/bin")
    machine.data.mkdir()
    port = free_port()
    settings = Settings(webhook_url=f"http://127.0.0.1:{port}")
    line = f"export WEBHOOK_PORT={port}; {machine.service()}"

    try:
        assert start_service(line, machine.data / "webhook.log", settings, Clock()) is None
        assert machine.service().replace("%", r"\%") in machine.lines()
    finally:
        for each in children("webhook_server"):
            each.terminate()
            each.wait()


def test_why_the_webhook_service_does_not_start_is_said_in_its_own_words(tmp_path: Path) -> None:
    log = tmp_path / "webhook.log"
    log.write_text("of an earlier start\n")
    line = f"echo 'Refused: cannot listen on 127.0.0.1, port 5000.' >> {log}; exit 2"

    trouble = start_service(line, log, Settings(webhook_url="http://127.0.0.1:9"), Clock())

    assert trouble == (
        "the webhook service does not start: cannot listen on 127.0.0.1, port 5000; its log is " + str(log)
    )


def test_a_machine_without_a_cron_daemon_is_told_what_to_type() -> None:
    assert without_daemon(["sh", "crond"]) is None
    assert "start it with: sudo s" in "; ".join(without_daemon(["sh", "crontab"]) or ())


def unit(name: str, machine: Machine) -> tuple[Path, list[str], list[str]]:
    """The folder, the variables and the words of the service called *name*, as systemd reads its unit."""
    (text,) = (
        each for each in machine.units().split("# ~/.config/systemd/user/") if each.startswith(f"{name}\n")
    )
    found = dict(line.split("=", 1) for line in text.replace("%%", "%").splitlines() if "=" in line)
    return Path(found["WorkingDirectory"]), shlex.split(found["Environment"]), shlex.split(found["ExecStart"])


def test_the_commands_of_the_units_do_the_same_in_a_bare_environment(tmp_path: Path) -> None:
    machine = Machine(sys.executable, HERE, tmp_path / "100% mine", "/usr/bin:/bin")
    machine.data.mkdir()

    folder, variables, words = unit("first-serve.service", machine)
    result = subprocess.run(
        ["env", "-i", *variables, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("", "")
    assert (machine.data / "reserve.sqlite3").exists()

    folder, variables, words = unit("first-serve-webhook.service", machine)
    command = ["env", "-i", "WEBHOOK_PORT=0", *variables, *words]
    with serving(command, folder, tmp_path / "log") as url, urllib.request.urlopen(f"{url}/health") as answer:
        assert answer.status == 200


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here")
    machine = Machine(sys.executable, HERE, tmp_path / "100% mine", "/usr/bin:/bin")
    names = []
    for text in machine.units().split("# ~/.config/systemd/user/")[1:]:
        name, _, body = text.partition("\n")
        names.append(tmp_path / name)
        names[-1].write_text(body)

    result = subprocess.run(
        ["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False
    )

    assert (result.returncode, [line for line in result.stderr.splitlines() if "first-serve" in line]) == (
        0,
        [],
    )


def crontab_in(folder: Path) -> dict[str, str]:
    """An environment with a `crontab` of its own."""
    script = folder / "bin" / "crontab"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\nif [ "$1" = -l ]; then cat {folder}/table 2>/dev/null || '
        f"{{ echo no crontab for me >&2; exit 1; }}; else cat > {folder}/table; fi\n"
    )
    script.chmod(0o755)
    return {"PATH": f"{script.parent}:{os.environ['PATH']}", "RESERVE_DATA": str(folder / "data")}


def test_the_command_installs_and_removes_its_lines_and_starts_no_second_service(tmp_path: Path) -> None:
    app = create_app(data=tmp_path / "texts", token=None, loopback=True, now=Clock().now)
    table = tmp_path / "table"

    with serve(app, "127.0.0.1", 0) as service:
        url = f"http://127.0.0.1:{service.port}"
        environ = {**crontab_in(tmp_path), "RESERVE_WEBHOOK_URL": url}

        def cron(option: str) -> list[str]:
            words = [sys.executable, "main.py", "cron", option]
            return subprocess.check_output(
                words, cwd=HERE, env=environ, text=True, stderr=subprocess.STDOUT
            ).splitlines()

        said = cron("--install")
        assert f"The webhook service answers already at {url}." in said
        warnings = [line for line in said if line.startswith("warning: ")]
        assert "cron will not see RESERVE_WEBHOOK_URL; add it to " in warnings[0]
        assert said[-1 - len(warnings)].startswith("Installed: ")  # and then all that may be wrong
        ours = table.read_bytes()
        others = OTHERS + "# caf\xe9\u2028 \x0c\r\n".encode("latin-1", "replace")
        table.write_bytes(others + ours)
        cron("--install")
        assert table.read_bytes() == others + ours
        cron("--remove")
        assert table.read_bytes() == others


def test_a_variable_that_is_in_no_file_is_named_without_its_value_because_cron_would_lack_it() -> None:
    environ = {
        "RESERVE_NOTIFY": "https://secret",
        "RESERVE_PHONE": "+1",
        "RESERVE_DATA": "/x",
        "HOME": "/",
        "NTNUI_URL": "",
    }

    assert not_in_file(read_settings(environ), {"RESERVE_PHONE": "+1"}) == ["RESERVE_NOTIFY"]
    assert not_in_file(Settings(given=frozenset({"RESERVE_PHONE"})), {"RESERVE_PHONE": ""}) == [
        "RESERVE_PHONE"
    ]
    result = subprocess.run(
        [sys.executable, "main.py", "cron"],
        cwd=HERE,
        env={"RESERVE_DATABASE_URL": "sqlite://", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == f"warning: cron will not see RESERVE_DATABASE_URL; add it to {HERE}/.env\n"


def test_the_units_for_systemd_start_the_same_every_minute() -> None:
    units = MACHINE.units()

    assert "OnCalendar=*-*-* *:*:00" in units
    assert 'ExecStart="/srv/first serve/.venv/bin/python" "/srv/first serve/main.py" "due"' in units
    assert '"RESERVE_DATA=/srv/100%%"' in units
    assert "KillMode=process" in units  # the runs that were started live on


def test_the_next_two_clock_changes_are_shown_and_that_they_do_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    plan_store = PlanStore(store)
    (number,) = plan_store.add([body_of(WEEKLY)])
    plan_store.change(number, zone="America/Los_Angeles", rule=str(RULE), looked=ADDED)
    store.close()

    text = clock_change_lines(Settings(data=tmp_path), datetime(2026, 11, 21, tzinfo=UTC))

    assert "2027-03-14 03:00 PDT (10:00 UTC) and Sun 2027-11-07 01:00 PST (09:00 UTC)" in text[1]


class _Channel(BaseHTTPRequestHandler):
    heard: list[tuple[str, str, str]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        self.heard.append((self.path, self.headers["Content-Type"] or "", body))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def sent(addresses: str, text: str = "text") -> list[str | None]:
    """Why *text* could not be sent to each of *addresses*, if so."""
    notice = Notice("an-id", Kind.TEST, text, Clock().now())
    return [channels.send(each, notice) for each in channels.channels(addresses)]


@pytest.fixture
def channel() -> Iterator[tuple[str, type[_Channel]]]:
    """Somebody who listens, and what was heard there."""
    handler = type("Channel", (_Channel,), {"heard": []})
    with TCPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=partial(server.serve_forever, 0.01), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()
        thread.join()


def test_a_channel_gets_text_or_json_as_it_likes(channel: tuple[str, type[_Channel]]) -> None:
    url, handler = channel

    assert sent(f"{url}/topic, json+{url}/hook", "Reserved Café 1.") == [None, None]

    (path, kind, text), (_, json_kind, body) = handler.heard
    assert (path, kind, text) == ("/topic", "text/plain; charset=utf-8", "Reserved Café 1.")
    assert json_kind == "application/json"
    assert '"text": "Reserved Caf' in body


def test_a_channel_that_fails_is_named_without_its_secrets(channel: tuple[str, type[_Channel]]) -> None:
    url, handler = channel
    handler.status = 403

    failures = sent(f"{url}/secret-topic http://127.0.0.1:9/secret-topic")

    assert failures == ["answered 403", "ConnectionRefusedError"]


def test_the_watchdog_hears_of_life_and_of_failure(channel: tuple[str, type[_Channel]]) -> None:
    url, handler = channel

    assert channels.ping(None) is None
    assert channels.ping(f"{url}/uuid") is None
    assert channels.ping(f"{url}/uuid", failed=True) is None

    assert [path for path, _, _ in handler.heard] == ["/uuid", "/uuid/fail"]


def test_a_channel_that_answers_nonsense_is_named_and_nothing_else_happens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"nonsense\r\n\r\n")

        thread = threading.Thread(target=babble)
        thread.start()
        failures = sent(f"http://127.0.0.1:{listener.getsockname()[1]}/secret")
        thread.join()

    assert failures == ["BadStatusLine"]


def test_a_due_that_cannot_do_its_work_says_so_once_and_gives_every_minute_a_sign_of_failure(
    channel: tuple[str, type[_Channel]], tmp_path: Path
) -> None:
    url, handler = channel
    environ = {
        "RESERVE_DATA": str(tmp_path),
        "RESERVE_NOTIFY": f"{url}/me",
        "RESERVE_PING_URL": f"{url}/dog",
    }
    away = {**environ, "RESERVE_DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/state"}

    def heard() -> list[str]:
        paths = [path for path, _, _ in handler.heard]
        handler.heard.clear()
        return paths

    for expected in (["/me", "/dog/fail"], ["/dog/fail"]):
        with pytest.raises(UsageError, match="cannot keep state"):
            due_command([], read_settings(away))
        assert heard() == expected
    due_command([], read_settings(environ))
    assert heard() == ["/dog"]
    with pytest.raises(UsageError):
        due_command([], read_settings(away))
    assert heard() == ["/me", "/dog/fail"]


def test_a_due_whose_settings_make_no_sense_says_so_once(
    channel: tuple[str, type[_Channel]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = channel
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"RESERVE_NOTIFY={url}/me\nRESERVE_PING_URL={url}/dog\n")
    monkeypatch.setenv("RESERVE_DATA", str(tmp_path))
    monkeypatch.setenv("RESERVE_WEBHOOK_URL", "nonsense")

    assert [main(["due"]), main(["due"])] == [2, 2]

    assert [path for path, _, _ in handler.heard] == ["/me", "/dog/fail", "/dog/fail"]
    assert "`due` failed: RESERVE_WEBHOOK_URL: 'nonsense' is not an address" in handler.heard[0][2]


def test_a_due_whose_folder_has_a_name_of_strange_bytes_says_so_once(
    channel: tuple[str, type[_Channel]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = channel
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESERVE_NOTIFY", f"{url}/me")
    monkeypatch.setenv("RESERVE_DATA", f"{tmp_path}/\udcff")

    assert [main(["due"]), main(["due"])] == [2, 2]

    ((_, _, text),) = handler.heard
    assert text == "`due` failed: RESERVE_DATA is not written in UTF-8."


def test_a_due_that_fails_because_every_disk_is_full_says_so_once(
    channel: tuple[str, type[_Channel]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    url, handler = channel
    monkeypatch.setattr(tempfile, "gettempdir", full)
    environ = {"RESERVE_DATA": str(tmp_path), "RESERVE_DATABASE_URL": "nonsense", "RESERVE_NOTIFY": url}

    for _ in range(2):
        with pytest.raises(UsageError, match="RESERVE_DATABASE_URL"):
            due_command([], read_settings(environ))

    ((_, _, text),) = handler.heard
    assert text.startswith("`due` failed: RESERVE_DATABASE_URL")


def test_due_notes_its_failures_in_its_own_folder_and_nowhere_else(
    channel: tuple[str, type[_Channel]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, handler = channel
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    data = tmp_path / "data"
    data.mkdir()
    bad = {"RESERVE_DATA": str(data), "RESERVE_NOTIFY": f"{url}/me", "RESERVE_DATABASE_URL": "nonsense"}

    for _ in range(3):
        with pytest.raises(UsageError):
            due_command([], read_settings(bad))

    assert [path for path, _, _ in handler.heard] == ["/me"]
    assert (data / "due.failed").stat().st_mode & 0o777 == 0o600
    due_command([], read_settings(bad | {"RESERVE_DATABASE_URL": ""}))
    assert not (data / "due.failed").exists()
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize(("minute", "is_told"), [(0, True), (1, False), (59, False)])
def test_where_no_failure_can_be_noted_the_player_is_told_once_an_hour(
    tmp_path: Path, minute: int, is_told: bool
) -> None:
    (tmp_path / "file").touch()
    now = datetime(2026, 3, 2, 16, minute, tzinfo=UTC)

    assert is_first_failure(tmp_path / "file" / "data" / "due.failed", now) == is_told


def test_a_watchdog_that_drips_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "TIMEOUT", 0.3)
    is_left = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20:
                    connection.sendall(bytes([byte]))
                    if is_left.wait(0.1):
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        began = Clock().monotonic()

        assert channels.ping(f"http://127.0.0.1:{server.getsockname()[1]}") == "TimeoutError"
        assert Clock().monotonic() - began < 8  # all of it takes longer than ten seconds
        is_left.set()
    thread.join()


@pytest.mark.parametrize("address", ["", "nonsense"])
def test_how_a_booking_of_a_plan_ended_is_sent_whatever_the_channel_is_like(
    channel: tuple[str, type[_Channel]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    address: str,
) -> None:
    url, handler = channel
    environ = {
        "RESERVE_DATA": str(tmp_path),
        "RESERVE_NOTIFY": address or url,
        "RECUS_API_URL": "http://127.0.0.1:9",
        "RECUS_WEB_URL": "http://127.0.0.1:9",
    }
    with closing(Store(tmp_path)) as store:
        keep(PlanStore(store), now=Clock().now())
        (scheduled,) = PlanStore(store).occurrences()
        (occurrence,) = tick(PlanStore(store), scheduled.opens_at)

    code = due_command(["--occurrence", name_of(occurrence)], read_settings(environ))

    printed = capsys.readouterr()
    sentence = (
        "Refused: --email is missing; `python3 main.py init` asks for your account, or set RESERVE_EMAIL."
    )
    assert (code, printed.out.splitlines()) == (2, [sentence])
    if address:
        assert "warning: RESERVE_NOTIFY: address 1: write it as" in printed.err
    else:
        ((_, _, text),) = handler.heard
        assert text.startswith(f"{sentence} (plan 1, Wed ")
    with closing(Store(tmp_path)) as store:
        assert PlanStore(store).occurrences(ended=True)[0].sentence == sentence


def test_notify_test_says_for_each_channel_how_it_went(
    channel: tuple[str, type[_Channel]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, _ = channel

    code = notify_test([], Settings(notify=f"{url}/secret http://127.0.0.1:9/secret", ping_url=url))

    printed = capsys.readouterr().out
    assert code == 6
    assert printed.splitlines()[-1] == "Sent to 3 channels, 1 of which failed."
    assert "secret" not in printed


def test_notify_test_without_a_channel_is_refused() -> None:
    with pytest.raises(UsageError, match="RESERVE_NOTIFY"):
        notify_test([], Settings())


def test_notify_test_names_an_address_that_cannot_be_read_and_uses_the_others(
    channel: tuple[str, type[_Channel]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, handler = channel
    wrong = ("telegam://canary/canary", "canary", f"{url}/canary?tell=canary", "tgram://canary")

    assert notify_test([], Settings(notify=" ".join((*wrong, f"{url}/good")))) == 6

    said = capsys.readouterr().out
    assert "canary" not in said.replace("tell=canary", "")
    assert [line.partition(": ")[0] for line in said.splitlines()[:4]] == [
        "telegam://…, all",
        "address 2, all",
        "127.0.0.1 (3), all",
        "tgram://…, all",
    ]
    assert said.count("the address cannot be read") == 2
    assert said.count("tell= is one of all, needs-me, trouble") == 1
    assert [path for path, _, _ in handler.heard] == ["/good"]


def test_a_store_that_is_locked_is_no_bug_of_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(self: Ticking) -> list[str]:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(Ticking, "minute", locked)

    with pytest.raises(ServiceError, match="the store does not answer: database is locked"):
        due_command([], read_settings({"RESERVE_DATA": str(tmp_path)}))
