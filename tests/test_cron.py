"""The whole program as cron starts it: a bare environment, another folder, a real browser, real HTTP."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import psutil
import pytest
from flask import request

import webhook_server
from reserve.clock import Clock
from reserve.simulator import PLAYER, RecUsScenario, SimulatedRecUs, post_to, serve
from reserve.window import zone

REPOSITORY = Path(__file__).parents[1]
BARE = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp"]
MAIN = [sys.executable, str(REPOSITORY / "main.py")]
SF = zone("America/Los_Angeles")
TOKEN = "webhook-token"


class World:
    """A simulated rec.us and a webhook service on this machine, with real time."""

    def __init__(self, folder: Path, ahead: timedelta) -> None:
        clock = Clock()
        self.data, self.home = folder / "data", folder  # of its browser
        self.opens_at = (clock.now() + ahead).replace(microsecond=0).astimezone(SF)
        scenario = RecUsScenario(opens_at=self.opens_at, day=self.opens_at.date() + timedelta(days=7))
        app = webhook_server.create_app(data=folder / "texts", token=TOKEN, loopback=True, now=clock.now)
        self.inbox = webhook_server.serve(app, "127.0.0.1", 0)
        webhook = f"http://127.0.0.1:{self.inbox.port}"
        self.simulated = SimulatedRecUs(scenario, clock, deliver=post_to(webhook, TOKEN))
        self.server = serve(self.simulated.app)
        addresses = {"RECUS_WEB_URL": self.server.url, "RECUS_API_URL": self.server.url}
        secrets = {"RESERVE_PASSWORD": PLAYER.password, "RESERVE_WEBHOOK_TOKEN": TOKEN}
        environ = {**addresses, **secrets, "RESERVE_WEBHOOK_URL": webhook, "RESERVE_DATA": str(self.data)}
        self.command = [
            *BARE, *(f"{name}={value}" for name, value in environ.items()), *MAIN,
            "-c", "Alice Marble", "-d", f"{scenario.day}", "-s", "tennis", "-t", "18:00:00", "-y", "19:30:00",
            "-e", PLAYER.email, "-n", f"{PLAYER.phone}", "-r", f"{self.opens_at:%Y-%m-%d %H:%M:%S}", "-m",
            "--json",
        ]  # fmt: skip

    def close(self) -> None:
        self.server.close()
        self.inbox.close()

    def processes(self) -> list[str]:
        """Whoever belongs to the run: its environment names our folder, or that of its browser."""
        found = []
        for process in psutil.process_iter():
            try:
                environ = process.environ()
                is_browser = environ.get("HOME", "").startswith(f"{self.home}/")
                if is_browser or environ.get("RESERVE_DATA") == str(self.data):
                    found.append(process.name())
            except psutil.Error:
                continue
        return found


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a short name, as Chrome has sockets in it."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Callable[[timedelta], World]]:
    worlds = []

    def world(ahead: timedelta) -> World:
        worlds.append(World(tmp_path, ahead))
        return worlds[-1]

    yield world
    for each in worlds:
        each.close()


def test_a_run_from_cron_ends_with_a_reservation(world: Callable[[timedelta], World], tmp_path: Path) -> None:
    a_world = world(timedelta(seconds=15))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    ended = subprocess.run(
        a_world.command, cwd=elsewhere, capture_output=True, text=True, timeout=110, umask=0o022, check=False
    )

    assert ended.returncode == 0, ended.stderr
    outcome = json.loads(ended.stdout)
    ledger = a_world.simulated.ledger
    assert outcome["outcome"] == "reserved"
    assert outcome["sentence"].startswith("Reserved Court 1 at Alice Marble")
    assert [outcome["order_id"]] == ledger.paid
    assert sorted(outcome["released"]) == sorted(ledger.released)
    assert len(ledger.released) == 2
    assert (ledger.open_holds(datetime.now(UTC)), ledger.violations) == ([], [])
    assert datetime.fromisoformat(outcome["start"]).strftime("%H:%M") == "18:00"
    ends = datetime.fromisoformat(outcome["end"])
    assert ends.utcoffset() == ends.astimezone(SF).utcoffset()  # summer may begin or end in the week before
    assert {attempt["meaning"] for attempt in outcome["attempts"]} == {"held"}
    assert "asked for a one-time code" in ended.stderr
    assert PLAYER.password not in ended.stdout + ended.stderr
    assert TOKEN not in ended.stdout + ended.stderr
    assert a_world.processes() == []
    assert list(elsewhere.iterdir()) == []
    left = [a_world.data, *a_world.data.rglob("*")]
    assert {oct(path.stat().st_mode & 0o777) for path in left if path.is_dir()} == {"0o700"}
    assert {oct(path.stat().st_mode & 0o777) for path in left if path.is_file()} == {"0o600"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_while_it_waits_ends_at_once(
    world: Callable[[timedelta], World], number: int, code: int
) -> None:
    a_world = world(timedelta(minutes=10))

    with subprocess.Popen(
        a_world.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as started:
        assert started.stderr
        for line in started.stderr:
            if "the window opens at" in line:
                break
        started.send_signal(number)
        out, _ = started.communicate(timeout=60)

    assert started.returncode == code
    outcome = json.loads(out)
    assert (outcome["outcome"], outcome["exit_code"]) == ("not-reserved", code)
    assert outcome["sentence"].startswith("Not reserved: stopped by SIG")
    assert a_world.simulated.ledger.events == []


def test_a_run_that_is_killed_while_it_signs_in_leaves_no_browser(
    world: Callable[[timedelta], World], home: Path
) -> None:
    a_world = world(timedelta(minutes=1))
    a_world.home = home
    is_there = Event()

    @a_world.simulated.app.before_request
    def notice() -> None:
        if "Chrome" in request.user_agent.string:
            is_there.set()

    with subprocess.Popen(
        [*BARE, f"TMPDIR={a_world.home}", *a_world.command[len(BARE) :]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as started:
        assert is_there.wait(50)
        assert "chromedriver" in a_world.processes()
        started.kill()

        ends_at = Clock().now() + timedelta(seconds=40)
        while (a_world.processes() or any(a_world.home.iterdir())) and Clock().now() < ends_at:
            Clock().sleep(timedelta(milliseconds=50))  # its watcher needs a moment
        assert (a_world.processes(), list(a_world.home.iterdir())) == ([], [])


def test_help_costs_neither_a_browser_nor_a_server() -> None:
    result = subprocess.run(
        [sys.executable, "-X", "importtime", str(REPOSITORY / "main.py"), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in result.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & {"selenium", "flask", "requests", "rich", "sqlalchemy", "waitress"}
    for option in ("--court", "--multithreaded", "--opens-at", "--json"):
        assert option in result.stdout
