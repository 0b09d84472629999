"""python -m tests.proofs.cron: a plan, the lines that `cron` installs, a real cron daemon, and no hand on it.

The daemon runs in a mount and process namespace of its own: its table is an empty one, the machine's crontabs
stay as they are, and everything that it started ends with it. Root's rights are needed for that: without them
nothing is proved, and the exit code is 77 (0 with --may-skip).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from reserve.clock import Clock
from reserve.simulator import PLAYER, RecUsScenario, SimulatedRecUs, serve
from reserve.simulator.phone import post_to
from reserve.window import zone
from tests.machine import free_port
from tests.proofs.matrix import report

REPOSITORY = Path(__file__).parents[2]
PRODUCT = ("main.py", "reserve", "webhook_server")
NEEDED = {"cron": "cron", "crontab": "cron", "unshare": "util-linux", "mount": "mount"}
ALONE = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
# Nobody else's table is seen in there, and the daemon's process id is its own.
EMPTY = ("/var/spool/cron/crontabs", "/etc/cron.d", "/run")
CITY = zone("America/Los_Angeles")
OTHERS = "# the player's own\n17 3 * * * true\n"
TOKEN = "a-token-of-this-proof"
SKIPPED = 77  # what test harnesses take for "could not be tried here"
AHEAD = timedelta(seconds=150)
AFTERWARDS = timedelta(seconds=60)  # for the run to end and to be written down
LOOK_EVERY = timedelta(seconds=2)


class Folder:
    """A copy of the product, set up as a player would: with a file `.env`, and nothing else."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        """Copy it; its cron lines are its own, because they carry its path."""
        for name in PRODUCT:
            copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy2
            copy(REPOSITORY / name, folder / name)
        lines = "".join(f"{name}='{_escaped(value)}'\n" for name, value in settings.items())
        (folder / ".env").write_text(lines)
        self.path = folder

    def types(self, *words: str) -> str:
        """What `main.py` with *words* prints."""
        result = subprocess.run(
            [sys.executable, "main.py", *words],
            cwd=self.path,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise RuntimeError(f"{words[0]} ended with {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout


def _escaped(value: str) -> str:
    """*value* as it stands between the single quotes of a `.env` file."""
    return value.replace("\\", r"\\").replace("'", r"\'")


@contextmanager
def daemon() -> Iterator[None]:
    """The cron of this machine, as its boot starts it."""
    with subprocess.Popen(
        ["cron", "-f"], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, start_new_session=True
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def prove(clock: Clock, folder: Path) -> dict[str, Any]:
    """Let cron book, and tell what became of it."""
    opens_at = (clock.now() + AHEAD).replace(microsecond=0).astimezone(CITY)
    day = opens_at.date() + timedelta(days=7)
    webhook = f"http://127.0.0.1:{free_port()}"
    simulated = SimulatedRecUs(
        RecUsScenario(opens_at=opens_at, day=day), clock, deliver=post_to(webhook, TOKEN)
    )
    with serve(simulated.app) as server:
        player = {"RESERVE_EMAIL": PLAYER.email, "RESERVE_PASSWORD": PLAYER.password}
        texts = {"WEBHOOK_TOKEN": TOKEN, "WEBHOOK_PORT": webhook.rpartition(":")[2]}
        ours = {
            "RESERVE_PHONE": PLAYER.phone or "",
            "RESERVE_WEBHOOK_TOKEN": TOKEN,
            "RESERVE_WEBHOOK_URL": webhook,
        }
        home = Folder(folder, {**player, **texts, **ours, **simulated.environ(server.url)})
        rule = ["--every", f"{day:%a} 18:00-19:30", "--except", f"{opens_at:%Y-%m-%d}"]
        planned = home.types("plan", "add", *rule, "-c", "Alice Marble", "-m")
        crontab(OTHERS)
        home.types("cron", "--install")
        installed, at_once = crontab(), asked(f"{webhook}/health")
        end_service(home.path)  # as a restart of the machine would
        with daemon():
            until = opens_at + AFTERWARDS
            while not (runs := ended(home)) and clock.now() < until:
                clock.sleep(LOOK_EVERY)
            health = asked(f"{webhook}/health")
        home.types("cron", "--remove")
        ledger, now = simulated.ledger, clock.now()
        (listed,) = json.loads(home.types("plan", "list", "--json"))
        result = {
            "plan": planned.splitlines()[:2],
            "lines": installed.splitlines(),
            "webhook_service_at_once": at_once,
            "webhook_service_since_boot": health,
            "history": runs,
            "last_of_plan": listed["last"],
            "next_of_plan": listed["next"],
            "ledger": {
                "paid": len(ledger.paid),
                "left": len(ledger.open_holds(now)),
                "rules broken": len(ledger.violations),
            },
            "crontab_afterwards": crontab().splitlines(),
            "log": (folder / "data" / "due.log").read_text().splitlines()[-20:],
        }
    return {**result, "failures": failures(result)}


def failures(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What is not as it has to be."""
    history, ledger = result["history"], result["ledger"]
    sentence = history[0]["sentence"] if history else None
    truths = {
        "history has one run, and it reserved a court": len(history) == 1 and history[0]["exit_code"] == 0,
        "the plan knows how it ended and what comes next": result["last_of_plan"] == sentence
        and result["next_of_plan"],
        "the ledger has one court paid, nothing left, no rule broken": list(ledger.values()) == [1, 0, 0],
        "the webhook service was started by `cron --install`": result["webhook_service_at_once"] is not None,
        "the webhook service was started at boot": result["webhook_service_since_boot"] is not None,
        "the crontab is again what it was": result["crontab_afterwards"] == OTHERS.splitlines(),
    }
    details = "; ".join(result["log"][-3:])
    return [
        {"case": what, "exit_code": None, "problem": "is not so", "details": details}
        for what, is_so in truths.items()
        if not is_so
    ]


def ended(home: Folder) -> list[dict[str, Any]]:
    """The runs in the history that have ended."""
    if not (home.path / "data" / "runs").exists():
        return []
    return [run for run in json.loads(home.types("history", "--json")) if run["ended"]]


def asked(address: str) -> object:
    """What the service at *address* answers, None when nobody does."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {TOKEN}"})
    with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())
    return None


def end_service(folder: Path) -> None:
    """End the webhook service that was started in *folder*."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and "webhook_server" in process.cmdline():
                process.terminate()
                process.wait()


def crontab(text: str | None = None) -> str:
    """The crontab in there, or *text* as the new one."""
    words = ["crontab", "-l" if text is None else "-"]
    return subprocess.run(words, input=text, capture_output=True, text=True, check=True).stdout


def hide_the_machine() -> None:
    """Cover what the daemon must not see of this machine; the namespace forgets it when it ends."""
    for place in EMPTY:
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    subprocess.run(["mount", "--bind", "/dev/null", "/etc/crontab"], check=True)


def parser() -> argparse.ArgumentParser:
    """The options of this proof."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--may-skip", action="store_true", help="end with 0 where it cannot be proved")
    made.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # already in the namespace
    return made


def main() -> int:
    """Prove it in a namespace of its own, write build/cron.json, and return 1 when anything is wrong."""
    options = parser().parse_args()
    if options.inside:
        hide_the_machine()
        with TemporaryDirectory() as folder:
            return report("cron", prove(Clock(), Path(folder)))
    missing = sorted({package for program, package in NEEDED.items() if not shutil.which(program)})
    may = not missing and subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    if not may:
        why = (
            f"install {', '.join(missing)}"
            if missing
            else "a cron daemon of its own needs the rights of root"
        )
        print(f"Skipped, so nothing is proved: {why}.", file=sys.stderr)
        return 0 if options.may_skip else SKIPPED
    return subprocess.run(
        [*ALONE, sys.executable, "-m", "tests.proofs.cron", "--inside"], cwd=REPOSITORY
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
