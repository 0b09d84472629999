"""Who may import whom: MAY_IMPORT for what is ours, HOME for what is not."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent

SYSTEM = "errors model window clock http browser timeline codes systems.api systems.base systems.refusals"
PLANS = "plans recurrence plan_file outlook roster due notify"
COMMAND = f"{SYSTEM} {PLANS} run race settle recover stop store accounts systems commands"

# What each module of `reserve` may import from `reserve`; a package stands for the modules in it. A booking
# system may import SYSTEM and what else is its own (`recus_answers` is of `recus`), never another system.
MAY_IMPORT = {
    "errors": "",
    "model": "errors",
    "window": "errors model",
    "clock": "",
    "http": "errors",
    "browser": "clock errors",
    "stop": "errors",
    "timeline": "model",
    "codes": "clock errors http stop timeline",
    "schema": "",
    "migrations": "",
    "migrations.versions": "",
    "database": "errors migrations schema",
    "store": "database errors model schema",
    "accounts": "errors store systems.base",
    "systems.base": "browser clock errors http model",
    "systems.refusals": "errors http",
    "systems.api": "errors http model systems.base systems.refusals",
    "systems": "systems",
    "race": "clock errors model settle stop systems.base timeline",
    "settle": "clock errors model stop systems.base timeline",
    "recover": "clock errors model settle store systems.base timeline",
    "waiting": "clock errors model race stop systems.base timeline",
    "run": "clock codes errors model race recover settle stop store systems.base timeline waiting window",
    "recurrence": "errors window",
    "plans": "errors model recurrence window",
    "plan_file": "errors plans",
    "outlook": "errors model plans",
    "roster": "schema store",
    "due": "errors plans roster window",
    "notify": "errors",
    "simulator": "clock model simulator window",
    "commands.rehearse": COMMAND + " simulator",
    "commands": COMMAND,
}
# The only home of each of these in the product; a package stands for the modules in it.
HOME = {
    "alembic": "reserve.migrations",
    "cryptography": "reserve.accounts",
    "dateutil": "reserve.window reserve.recurrence reserve.systems",
    "dotenv": "reserve.commands webhook_server.__main__",
    "flask": "reserve.simulator webhook_server",
    "ntplib": "reserve.clock",
    "phonenumbers": "reserve.commands",
    "psutil": "reserve.browser",
    "pytz": "reserve.window",
    "requests": "reserve.http",
    "rich": "reserve.commands",
    "selenium": "reserve.browser",
    "jsonschema": "reserve.plan_file",
    "sqlalchemy": "reserve.database reserve.migrations reserve.roster reserve.schema reserve.store"
    " webhook_server",
    "time": "reserve.clock",
    "urllib3": "reserve.http reserve.browser",
    "waitress": "webhook_server",
    "webdriver_manager": "reserve.browser",
    "werkzeug": "reserve.simulator webhook_server",
}
ENTRANCES = ("main", "reserve.commands", "reserve.simulator.__main__", "webhook_server.__main__")


def name_of(path: Path) -> str:
    """The module in the file *path*."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts).removesuffix(".__init__")


PATHS = [HERE / "main.py", *(HERE / "reserve").rglob("*.py"), *(HERE / "webhook_server").rglob("*.py")]
TREES = {name_of(path): ast.parse(path.read_text()) for path in sorted(PATHS)}


def imports(name: str) -> Iterator[str]:
    """Every module that *name* imports, at its top or inside a function, and for types too."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            inner = [f"{node.module}.{each.name}" for each in node.names]
            modules = [each for each in inner if each in TREES]
            yield from modules
            if len(modules) < len(inner):
                yield str(node.module)


def lies_in(name: str, places: str) -> bool:
    """Whether the module *name* is one of *places*, or in a package among them."""
    return any(name == place or name.startswith(place + ".") for place in places.split())


def allowed_to(name: str) -> str:
    """What `reserve.<name>` may import: as its own row says, or that of its package."""
    if name in MAY_IMPORT:
        return MAY_IMPORT[name]
    package, _, last = name.rpartition(".")
    assert package in MAY_IMPORT, f"say in MAY_IMPORT what {name} may import"
    if package != "systems":
        return MAY_IMPORT[package]
    family = f"reserve.systems.{last.partition('_')[0]}"  # "recus" of "recus_answers"
    own = (each.removeprefix("reserve.") for each in TREES if each == family or each.startswith(family + "_"))
    return " ".join([SYSTEM, *own])


def attributes(name: str) -> Iterator[str]:
    """Every plain `thing.attribute` in the module *name*."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def called(name: str) -> set[str]:
    """Every plain function that the module *name* calls."""
    calls = [node.func for node in ast.walk(TREES[name]) if isinstance(node, ast.Call)]
    return {function.id for function in calls if isinstance(function, ast.Name)}


@pytest.mark.parametrize("name", [name for name in TREES if name.startswith("reserve.")])
def test_a_module_imports_only_what_stands_below_it(name: str) -> None:
    allowed = allowed_to(name.removeprefix("reserve."))

    ours = {each.removeprefix("reserve.") for each in imports(name) if each.startswith("reserve.")}

    assert {each for each in ours if not lies_in(each, allowed)} == set()


def test_every_row_of_the_table_is_about_a_module_that_exists() -> None:
    assert {row for row in MAY_IMPORT if f"reserve.{row}" not in TREES} == set()


@pytest.mark.parametrize("library", HOME)
def test_a_library_is_imported_in_its_home_only(library: str) -> None:
    users = {name for name in TREES for each in imports(name) if lies_in(each, library)}

    assert users
    assert {name for name in users if not lies_in(name, HOME[library])} == set()


def test_reserve_and_the_webhook_service_meet_over_http_except_in_a_rehearsal() -> None:
    to_service = {name for name in TREES for each in imports(name) if lies_in(each, "webhook_server")}
    to_reserve = {name for name in TREES for each in imports(name) if lies_in(each, "reserve")}

    assert {name for name in to_service if lies_in(name, "reserve main")} == {"reserve.commands.rehearse"}
    assert {name for name in to_reserve if lies_in(name, "webhook_server")} == set()


def test_the_product_does_not_import_the_tests() -> None:
    assert {name for name in TREES for each in imports(name) if lies_in(each, "tests")} == set()


def test_only_the_entrances_read_the_environment() -> None:
    readers = {name for name in TREES if {"os.environ", "os.getenv"} & set(attributes(name))}

    assert {name for name in readers if not lies_in(name, " ".join(ENTRANCES))} == set()


def test_only_the_clock_and_the_webhook_services_entrance_ask_what_time_it_is() -> None:
    present = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}

    askers = {name for name in TREES if present & set(attributes(name))}

    assert askers == {"reserve.clock", "webhook_server.__main__"}


def test_only_the_entrances_print_or_exit() -> None:
    talkers = {name for name in TREES if "print" in called(name) or "sys.exit" in attributes(name)}

    assert {name for name in talkers if not lies_in(name, " ".join(ENTRANCES))} == set()


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from reserve.commands import main\n"
        "try: main(['--help'])\n"
        "finally: print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], cwd=HERE, capture_output=True, text=True, check=True
    )

    loaded = set(told.stderr.split())
    assert "reserve" in loaded
    assert loaded & (HOME.keys() - {"time", "dotenv"}) == set()
