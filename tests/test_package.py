"""First Serve as a package: everything is in it, and it knows how to call itself."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copytree

import pytest

from tests.documents import HERE

PACKAGES = ("reserve", "webhook_server")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder into which the package was installed, as pip would: without anything else of ours."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        copytree(HERE / name, source / name)
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "main.py"):
        (source / name).write_bytes((HERE / name).read_bytes())
    build = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
    folder = tmp_path_factory.mktemp("home") / "site-packages"
    result = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=source, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / result.stdout.splitlines()[-1]) as wheel:
        wheel.extractall(folder)
    return folder


def run(folder: Path, *words: str, python: tuple[str, ...] = (sys.executable,)) -> tuple[int, str]:
    """The exit code of the installed program, and what it printed."""
    environ = {"PYTHONPATH": str(folder), "HOME": str(folder.parent)}
    result = subprocess.run(
        [*python, *words], cwd=folder.parent, env=environ, capture_output=True, text=True, timeout=60
    )
    return result.returncode, result.stdout + result.stderr


def test_everything_that_the_program_needs_is_in_the_package(installed: Path) -> None:
    ours = {
        path.relative_to(HERE)
        for name in PACKAGES
        for path in (HERE / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {path for path in ours if not (installed / path).is_file()} == set()
    assert not (installed / "main.py").exists()


def test_the_package_depends_on_what_is_in_the_requirements_and_has_two_commands(installed: Path) -> None:
    (described,) = installed.glob("first_serve-*.dist-info")
    lines = (described / "METADATA").read_text().splitlines()

    needed = {line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")}

    assert needed == set((HERE / "requirements.txt").read_text().split())
    assert "first-serve = reserve.__main__:run" in (described / "entry_points.txt").read_text()


def test_an_installed_program_keeps_its_data_in_the_folder_of_the_user_and_calls_itself(
    installed: Path,
) -> None:
    home = installed.parent / ".local/share/first-serve"
    script = (
        "from pathlib import Path; from reserve import itself; from reserve.commands.cron import Machine\n"
        "from reserve.settings import Settings; import os; os.chdir('/')\n"
        "print(*itself.env_files(), itself.command(['due'])[1:]); print(Machine.here(Settings()).lines())"
    )

    assert run(installed, "-m", "reserve", "due") == (0, "")
    assert (home / "data/reserve.sqlite3").exists()
    said = run(installed, "-c", script)[1]
    assert said.startswith(f".env {home}/.env ['-m', 'reserve', 'due']\n")
    assert f"cd {home} && " in said
    assert (
        f"RESERVE_DATA={home}/data RESERVE_LOG={home}/data/due.log exec {sys.executable} -m reserve due >> "
        in said
    )


@pytest.mark.parametrize("words", [["history"], ["-c", "Alice Marble"]])
def test_a_missing_package_is_said_with_the_command_that_helps_and_is_no_bug(words: list[str]) -> None:
    code, said = run(HERE, str(HERE / "main.py"), *words, python=(sys.executable, "-S"))

    assert code == 2
    assert said.startswith("Refused: ")
    assert said.endswith("`.\n")
    assert "activate" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("module", ["webhook_server", "reserve.simulator"])
def test_a_missing_package_is_said_likewise_by_a_module_that_is_started(module: str) -> None:
    result = subprocess.run(
        [sys.executable, "-S", "-m", module], cwd=HERE, capture_output=True, text=True, check=False
    )

    assert result.returncode == 2
    assert re.fullmatch(r"Refused: .*activate.*`\.\n", result.stderr)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("first-serve hist", "history "),
        ("python3 main.py plan add --ev", "--every "),
        ("first-serve plan unsk", "unskip "),
        ("first-serve bookings can", "cancel "),
    ],
)
def test_the_shell_is_told_how_a_line_may_go_on(typed: str, offered: str, tmp_path: Path) -> None:
    start = "2" if typed.startswith("python3") else "1"
    asked = {"_ARGCOMPLETE": start, "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "offered")}
    line = {"COMP_LINE": typed, "COMP_POINT": str(len(typed)), "COMP_TYPE": "9"}

    subprocess.run([sys.executable, str(HERE / "main.py")], env={**asked, **line}, timeout=60, check=True)

    assert (tmp_path / "offered").read_text() == offered
