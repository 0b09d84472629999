"""`make package`: installed by pip, by pipx and by uv in a clean home, the program works, in two minutes.

Its first use, too: `init` at a terminal, the `check` that it names, and a plan, against a simulated rec.us.
Needs a browser, and the network for the packages that First Serve needs. A tool that is not here is said, and
skipped.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from reserve.simulator.scenario import PLAYER
from tests.machine import free_port
from tests.terminal import typed_at

HERE = Path(__file__).parents[2]
STRANGE = ("RESERVE_", "WEBHOOK_", "XDG_", "PIPX_", "VIRTUAL_ENV", "PYTHON")  # variables that lead elsewhere
TOKEN = "a-token-of-the-webhook-service"
# Hosts of others that rec.us has its pages ask, as `check` tries them all -> where the simulator has them.
OTHERS = {"STRIPE_API": "stripe", "RECUS_IDENTITY": "identitytoolkit", "RECUS_TOKEN": "securetoken"}
# What the player types at each question of `init`; where it is Enter, what stands in brackets.
ANSWERS = [
    *(("Booking", "\n"), ("Facility", "alice\n"), ("How", "\n"), ("A name", "\n")),
    ("E-mail", f"{PLAYER.email}\n"),
    ("Password", f"{PLAYER.password}\n"),
    *(("Phone", f"{PLAYER.phone}\n"), ("Who", "\n")),
]


def by_pip(source: Path, home: Path, run: Callable[..., str]) -> Path:
    """The folder of the commands, in a virtual environment."""
    run(sys.executable, "-m", "venv", str(home / "venv"))
    run(str(home / "venv/bin/pip"), "install", "--quiet", str(source))
    return home / "venv/bin"


def by_pipx(source: Path, home: Path, run: Callable[..., str]) -> Path:
    """The folder of the commands, in the home."""
    run("pipx", "install", "--quiet", str(source))
    return home / ".local/bin"


def by_uv(source: Path, home: Path, run: Callable[..., str]) -> Path:
    """The same; and once without installing anything for good."""
    run("uv", "run", "--no-dev", "--directory", str(source), "first-serve", "--version")
    run("uv", "tool", "install", "--quiet", str(source))
    return home / ".local/bin"


WAYS = {"pip": by_pip, "pipx": by_pipx, "uv": by_uv}


def tried(tool: str, path: str) -> str:
    """What the program says of itself when *tool* has installed it in a clean home."""
    with TemporaryDirectory(prefix="first-serve-package-") as folder:
        home, source = Path(folder, "home"), Path(folder, "source")
        home.mkdir()
        kept_out = shutil.ignore_patterns(".git", ".venv", "build", "data", ".env", "__pycache__", "tests")
        shutil.copytree(HERE, source, ignore=kept_out)

        inherited = {name: text for name, text in os.environ.items() if not name.startswith(STRANGE)}
        environ = {**inherited, "HOME": str(home), "PATH": path}

        def run(*command: str) -> str:
            result = subprocess.run(
                command, cwd=home, env=environ, capture_output=True, text=True, check=True
            )
            return result.stdout

        commands = WAYS[tool](source, home, run)
        run(str(commands / "first-serve"), "due")
        run(str(commands / "first-serve-webhook"), "--help")
        assert (home / ".local/share/first-serve/data/reserve.sqlite3").exists()
        version = run(str(commands / "first-serve"), "--version").strip()
        return f"{version}; {first_use(str(commands / 'first-serve'), home, environ)}"


def first_use(program: str, home: Path, environ: dict[str, str]) -> str:
    """How many openings the first plan has of a player who did what `init` says."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    file = home / ".local/share/first-serve/.env"
    file.write_text(f"# mine\nWEBHOOK_PORT={port}\nRESERVE_WEBHOOK_URL={url}\nWEBHOOK_TOKEN={TOKEN}\n")
    words = ["-m", "reserve.simulator", "--port", "0", "--webhook", url, "--webhook-token", TOKEN]
    club = subprocess.Popen(
        [sys.executable, *words, "--opens-in", "86400"], cwd=HERE, stdout=subprocess.PIPE, text=True
    )
    started = [club]
    try:
        assert club.stdout is not None
        found = re.search(r"at (http://\S+);", club.stdout.readline())
        assert found
        environ = {**environ, "RECUS_WEB_URL": found[1], "RECUS_API_URL": found[1]}
        environ |= {f"{name}_URL": f"{found[1]}/{path}" for name, path in OTHERS.items()}
        answers = [*ANSWERS, ("Write", "no\n")] if shutil.which("crontab", path=environ["PATH"]) else ANSWERS
        code, seen = typed_at([program, "init"], answers, home, environ)
        assert code == 0, seen
        assert PLAYER.password not in seen
        service = subprocess.Popen(
            [f"{program}-webhook"],
            cwd="/",
            env={**environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(service)
        assert service.stdout is not None
        service.stdout.readline()  # it listens now
        check = shlex.split(seen.splitlines()[-1])
        plan = shlex.split('first-serve plan add --every "wednesday 6pm" -c "Alice Marble"')
        said = [
            subprocess.run(
                [program, *words[1:]], cwd="/", env=environ, capture_output=True, text=True, check=True
            ).stdout
            for words in (check, plan)
        ]
        return f"checked, and a plan with {len(re.findall(r'(?m)^  Wed 2.*opens', said[1]))} openings"
    finally:
        for process in started:
            process.terminate()
            process.wait()


def main() -> int:
    """Print a line for each way; 1 when one fails."""
    code, path = 0, "/usr/local/bin:/usr/bin:/bin:" + str(Path(sys.executable).parent)
    for tool in WAYS:
        if shutil.which(tool, path=path) is None:
            print(f"{tool:<5} skipped: it is not on this machine", flush=True)
            continue
        try:
            print(f"{tool:<5} {tried(tool, path)}", flush=True)
        except subprocess.CalledProcessError as failure:
            print(f"{tool:<5} failed: {failure.stderr[-500:]}", flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
