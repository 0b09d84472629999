"""`make package`: installed by pip, by pipx and by uv in a clean home, the program works; it takes a minute.

Needs the network, for the packages that First Serve needs. A tool that is not here is said, and skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parents[2]
STRANGE = ("RESERVE_", "WEBHOOK_", "XDG_", "PIPX_", "VIRTUAL_ENV", "PYTHON")  # variables that lead elsewhere


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

        def run(*command: str) -> str:
            inherited = {name: text for name, text in os.environ.items() if not name.startswith(STRANGE)}
            environ = {**inherited, "HOME": str(home), "PATH": path}
            result = subprocess.run(
                command, cwd=home, env=environ, capture_output=True, text=True, check=True
            )
            return result.stdout

        commands = WAYS[tool](source, home, run)
        run(str(commands / "first-serve"), "due")
        run(str(commands / "first-serve-webhook"), "--help")
        assert (home / ".local/share/first-serve/data/reserve.sqlite3").exists()
        return run(str(commands / "first-serve"), "--version").strip()


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
