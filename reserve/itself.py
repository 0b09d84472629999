"""Where this program is, and how it calls itself: by its main.py, or as the package that is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[1]
IS_INSTALLED = HERE.name.endswith("-packages") or not (HERE / "main.py").is_file()
NAME = "first-serve" if IS_INSTALLED else "main.py"  # as --help calls it
TYPED = "first-serve" if IS_INSTALLED else "python3 main.py"  # what a person types
SERVICE = "first-serve-webhook" if IS_INSTALLED else "python3 -m webhook_server"  # likewise
OURS = ("reserve", "webhook_server")  # packages
ENV = Path(".env")
INSTALL = "pip3 install --require-hashes -r requirements.lock"


def command(words: Sequence[str], python: str = sys.executable, folder: Path = HERE) -> list[str]:
    """What starts this program with *words*, from whatever folder."""
    return [python, *(["-m", "reserve"] if IS_INSTALLED else [str(folder / "main.py")]), *words]


def home() -> Path:
    """The folder of this program's own files: the checkout, or for a package one of the user's."""
    if not IS_INSTALLED:
        return HERE
    from platformdirs import user_data_path  # a checkout does not need it

    return user_data_path("first-serve", appauthor=False)


def data() -> Path:
    """Where everything is kept when RESERVE_DATA does not say."""
    return home() / "data"


def env_file() -> Path:
    """The file of settings that is ours to write: of a package in its own folder, else in the working one."""
    return home() / ENV if IS_INSTALLED else ENV


def env_files() -> tuple[Path, ...]:
    """The files of settings that are read: `.env` in the working folder wins over that of a package."""
    return (ENV, env_file()) if IS_INSTALLED else (ENV,)


def missing_package(failure: Exception) -> str | None:
    """The package of somebody else for whose lack something failed, None when that is not why."""
    name = failure.name if isinstance(failure, ModuleNotFoundError) else None
    package = (name or "").partition(".")[0]
    return None if package in ("", *OURS, *sys.stdlib_module_names) else package


@contextmanager
def packages() -> Iterator[None]:
    """Inside, other people's packages are imported for `python -m`: for lack of one it ends with a sentence.

    Whoever else imports ours is left the exception: main.py says the same.
    """
    try:
        yield
    except ModuleNotFoundError as failure:
        if sys.argv[0] != "-m" or (package := missing_package(failure)) is None:
            raise
        sys.stderr.write(f"Refused: {without(package)}.\n")
        raise SystemExit(2) from None


def without(package: str) -> str:
    """What to say when *package* is not installed: the command that helps."""
    if IS_INSTALLED:
        return f"the package {package} is missing; install First Serve again"
    activate = HERE / ".venv/bin/activate"
    if activate.exists() and Path(sys.prefix) != HERE / ".venv":
        return f"the virtual environment is not active; run `. {activate}`"
    make = "" if sys.prefix != sys.base_prefix else "python3 -m venv .venv && . .venv/bin/activate && "
    return f"the package {package} is not installed; run `cd {HERE} && {make}{INSTALL}`"
