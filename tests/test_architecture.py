"""Who may import whom: MAY_IMPORT for what is ours, HOME for what is not."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from reserve.systems import PROFILES

HERE = Path(__file__).parent.parent

PLAIN = "itself errors redaction money model when window clock lead http browser signals tokens settings"
PLAIN += " notify calendar_file log_file reach shape stroke"
BASES = "systems.profile systems.base systems.api systems.account_api systems.place systems.reading"
BASES += " systems.refusals"
SYSTEM = f"itself errors redaction money model when window clock stroke http browser {BASES}"
BOOKING = f"{PLAIN} {BASES} causes storage"

# What each room of `reserve` may import from `reserve`: a module has a row of its own, or that of the nearest
# package above it; a name in a row stands for the module, or for all modules in the package. Everything in a
# package may import its neighbours, where no row says otherwise; nothing imports in a circle.
MAY_IMPORT = {
    "__main__": "commands",
    "itself": "",
    "log_file": "",
    "errors": "",
    "redaction": "",
    "shape": "itself redaction",
    "money": "",
    "signals": "",
    "tokens": "signals",
    "clock": "lead",
    "lead": "",
    "model": "errors money",
    "window": "errors model",
    "when": "errors model",
    "stroke": "clock",
    "reach": "",
    "http": "errors clock reach redaction stroke",
    "browser": "errors clock redaction",
    "calendar_file": "model redaction",
    "notify": "clock log_file notify",
    "settings": "errors itself systems",
    "env_file": "errors",
    "storage": "causes errors money clock model redaction signals tokens storage",
    "systems.profile": "",
    "systems.base": "errors money model when window clock stroke http browser tokens systems.profile",
    "systems.refusals": "errors http",
    "systems.reading": "errors http window",
    "systems.place": "errors money model window",
    "systems.api": "errors http model stroke systems.base systems.place systems.reading systems.refusals",
    "systems.account_api": "errors http model systems.api systems.base systems.refusals",
    "systems.recus": f"{SYSTEM} systems.recus",
    "systems.atrium": f"{SYSTEM} systems.atrium",
    "systems.ntnui": f"{SYSTEM} systems.ntnui",
    "systems": "systems",
    "causes": "errors model causes",
    "booking": f"{BOOKING} booking",
    "checks": f"{BOOKING} booking checks",
    # Drawn by commands today, and made for a web page too: so it knows only what is stored, and no command.
    "waterfall": "errors model storage causes waterfall",
    "plans": "errors money model when window storage systems plans",
    "simulator": "clock itself model window simulator",
    "commands.rehearse": f"{PLAIN} systems causes booking checks plans storage waterfall commands simulator",
    "commands": f"{PLAIN} env_file systems causes booking checks plans storage waterfall commands",
}
# The only home of each of these in the product; a package stands for the modules in it.
HOME = {
    "alembic": "reserve.storage.migrations",
    "apprise": "reserve.notify.channels",
    "argcomplete": "reserve.commands",
    "cryptography": "reserve.storage.secrets",
    "dateutil": "reserve.window reserve.plans.rule reserve.systems",
    "dotenv": "reserve.settings reserve.env_file webhook_server.__main__",
    "flask": "reserve.simulator reserve.commands.rehearse webhook_server",
    "flask_login": "webhook_server.pages",
    "flask_wtf": "webhook_server.pages",
    "icalendar": "reserve.calendar_file",
    "msgspec": "reserve.causes reserve.systems reserve.plans webhook_server.gateways",
    "ntplib": "reserve.clock",
    "phonenumbers": "reserve.commands",
    "platformdirs": "reserve.itself",
    "psutil": "reserve.browser reserve.commands",
    "psycopg": "reserve.storage.postgresql",
    "pytz": "reserve.window",
    "requests": "reserve.http",
    "rich": "reserve.commands reserve.waterfall.lines",
    "selenium": "reserve.browser",
    "sqlalchemy": "reserve.storage webhook_server.pages",
    "time": "reserve.clock",
    "urllib3": "reserve.http reserve.browser",
    "waitress": "webhook_server",
    "webdriver_manager": "reserve.browser",
    "werkzeug": "reserve.simulator reserve.storage.people webhook_server",
}
# The pages do what commands do: what lies behind `plan`, `account`, `code`, `history` and `explain`, without
# their printing. The rest of the service knows nothing of it, so that no text ever waits for a page.
PAGES_MAY_IMPORT = "booking.result booking.stop calendar_file causes checks.verdict clock commands errors"
PAGES_MAY_IMPORT += " model plans settings storage systems waterfall window"
ENTRANCES = (
    "main",
    "reserve.__main__",
    "reserve.commands",
    "reserve.notify.__main__",
    "reserve.simulator.__main__",
    "webhook_server.__main__",
)


def name_of(path: Path) -> str:
    """The module in the file *path*."""
    return ".".join(path.relative_to(HERE).with_suffix("").parts).removesuffix(".__init__")


PATHS = [HERE / "main.py", *(HERE / "reserve").rglob("*.py"), *(HERE / "webhook_server").rglob("*.py")]
MODULES = {name_of(path): path for path in sorted(PATHS)}


@cache
def nodes(name: str) -> Sequence[ast.AST]:
    """Whatever stands in the module *name*."""
    return [*ast.walk(ast.parse(MODULES[name].read_text()))]


@cache
def imports(name: str) -> Sequence[str]:
    """Every module that *name* imports, at its top or inside a function, and for types too."""
    found = []
    for node in nodes(name):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            inner = [f"{node.module}.{each.name}" for each in node.names]
            modules = [each for each in inner if each in MODULES]
            found += modules
            if len(modules) < len(inner):
                found.append(str(node.module))
    return found


def lies_in(name: str, places: str) -> bool:
    """Whether the module *name* is one of *places*, or in a package among them."""
    return any(name == place or name.startswith(place + ".") for place in places.split())


def allowed_to(name: str) -> str:
    """What `reserve.<name>` may import: as its own row says, or that of the nearest package above it."""
    row = name
    while row not in MAY_IMPORT:
        assert "." in row, f"say in MAY_IMPORT what {name} may import"
        row = row.rpartition(".")[0]
    return MAY_IMPORT[row]


def attributes(name: str) -> Iterator[str]:
    """Every plain `thing.attribute` in the module *name*."""
    for node in nodes(name):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def called(name: str) -> set[str]:
    """Every plain function that the module *name* calls."""
    calls = [node.func for node in nodes(name) if isinstance(node, ast.Call)]
    return {function.id for function in calls if isinstance(function, ast.Name)}


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("reserve.")])
def test_a_module_imports_only_what_is_below_it(name: str) -> None:
    allowed = allowed_to(name.removeprefix("reserve."))

    ours = {each.removeprefix("reserve.") for each in imports(name) if each.startswith("reserve.")}

    assert {each for each in ours if not lies_in(each, allowed)} == set()


def test_nothing_imports_in_a_circle_not_even_for_its_types() -> None:
    graph = {name: {each for each in imports(name) if each in MODULES} - {name} for name in MODULES}

    assert list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_every_row_of_the_table_is_about_a_module_that_exists() -> None:
    assert {row for row in MAY_IMPORT if f"reserve.{row}" not in MODULES} == set()


@pytest.mark.parametrize("library", HOME)
def test_a_library_is_imported_in_its_home_only(library: str) -> None:
    users = {name for name in MODULES for each in imports(name) if lies_in(each, library)}

    assert users
    assert {name for name in users if not lies_in(name, HOME[library])} == set()


def test_reserve_and_the_webhook_service_meet_over_http_except_in_a_rehearsal_and_where_files_lie() -> None:
    to_service = {name for name in MODULES for each in imports(name) if lies_in(each, "webhook_server")}
    to_reserve = {(name, each) for name in MODULES for each in imports(name) if lies_in(each, "reserve")}

    assert {name for name in to_service if lies_in(name, "reserve main")} == {"reserve.commands.rehearse"}
    of_pages = {each for each in to_reserve if lies_in(each[0], "webhook_server.pages")}
    allowed = " ".join(f"reserve.{each}" for each in PAGES_MAY_IMPORT.split())
    assert {each for each in of_pages if not lies_in(each[1], allowed)} == set()
    of_texts = {each for each in to_reserve - of_pages if lies_in(each[0], "webhook_server")}
    assert of_texts == {
        ("webhook_server", "reserve.itself"),
        ("webhook_server.__main__", "reserve.itself"),
        ("webhook_server.__main__", "reserve.errors"),
        ("webhook_server.__main__", "reserve.log_file"),
        ("webhook_server.__main__", "reserve.settings"),  # of the pages
    }


def test_the_product_does_not_import_the_tests() -> None:
    assert {name for name in MODULES for each in imports(name) if lies_in(each, "tests")} == set()


def test_the_environment_is_read_once_and_becomes_settings() -> None:
    readers = {name for name in MODULES if {"os.environ", "os.getenv"} & set(attributes(name))}
    to_settings = {name for name in MODULES if "read_settings" in called(name)}

    assert readers == {"reserve.commands", "reserve.simulator.__main__", "webhook_server.__main__"}
    assert to_settings == {
        "reserve.commands",
        "reserve.commands.rehearse",
        "webhook_server.__main__",
    }  # in a rehearsal, the player's own; the service, for its pages


def test_only_the_clock_and_the_webhook_services_entrance_ask_what_time_it_is() -> None:
    present = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"}

    askers = {name for name in MODULES if present & set(attributes(name))}

    assert askers == {"reserve.clock", "webhook_server.__main__"}


def test_no_booking_system_puts_an_id_into_a_path_without_quoting_it() -> None:
    by_hand = {
        name
        for name in MODULES
        for node in nodes(name)
        if lies_in(name, "reserve.systems") and isinstance(node, ast.JoinedStr)
        for first in node.values[:1]
        if isinstance(first, ast.Constant) and str(first.value).startswith("/")
    }

    assert by_hand == {"reserve.systems.ntnui.link"}  # whose parts are read as numbers and moments before


def test_only_the_entrances_print_or_exit() -> None:
    talkers = {name for name in MODULES if "print" in called(name) or "sys.exit" in attributes(name)}

    assert {name for name in talkers if not lies_in(name, " ".join(ENTRANCES))} == set()


def loaded_by(script: str) -> list[set[str]]:
    """The modules that are there at every `look()` of *script*, in a process of its own."""
    look = "import sys\ndef look(): print(*sys.modules, file=sys.stderr)\n"
    command = [sys.executable, "-c", look + script]
    result = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [set(line.split()) for line in result.stderr.splitlines()]


def libraries(modules: set[str]) -> set[str]:
    """Other people's packages among *modules*."""
    return {name.partition(".")[0] for name in modules} & (HOME.keys() - {"time", "dotenv"})


def test_help_loads_nothing_heavy() -> None:
    (loaded,) = loaded_by("from reserve.commands import main\ntry: main(['--help'])\nfinally: look()")

    assert "reserve" in loaded
    assert libraries(loaded) == set()


def test_a_run_loads_the_booking_system_it_speaks_to_and_no_other() -> None:
    script = "import reserve.commands.wiring\nfrom reserve.systems.registry import adapter_of\nlook()\n"
    before, *after = loaded_by(script + "".join(f"adapter_of({name!r}); look()\n" for name in PROFILES))

    adapters = [{name for name in loaded if name.endswith(".adapter")} for loaded in (before, *after)]
    assert [len(each) for each in adapters] == [*range(len(PROFILES) + 1)]
    needed = {"cryptography", "dateutil", "msgspec", "pytz", "requests", "sqlalchemy", "urllib3"}
    assert libraries(before) == needed
    assert libraries(after[-1]) == needed


def test_neither_what_a_run_loads_nor_its_end_is_searched_for_garbage() -> None:
    script = (
        "import gc; from reserve.__main__ import run\n"
        "def searched(): return [each['collections'] for each in gc.get_stats()]\n"
        "sys.argv = ['main.py', '--help']\n"
        "try: run()\n"
        "except SystemExit: frozen, before = gc.get_freeze_count(), searched()\n"
        "import reserve.commands.wiring, reserve.systems.recus.adapter, reserve.calendar_file\n"
        "import selenium.webdriver.remote.webdriver, icalendar, phonenumbers\n"
        "assert frozen > 10_000 and searched() == before, (frozen, before, searched())\n"
    )

    assert loaded_by(script) == []
