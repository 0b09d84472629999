"""`report [RUN]`: one archive about a run, without secrets, to hand to whoever maintains this."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from reserve import __version__, itself
from reserve.browser import version_of
from reserve.causes.facts import read, written
from reserve.clock import Clock
from reserve.commands.explain import meant
from reserve.commands.history import end_of, recorded_runs, run_as_json
from reserve.commands.options import command_parser, refuse_garbled
from reserve.commands.output_file import write_new_file
from reserve.commands.questions import YES, answered
from reserve.commands.why import evidence_as_json, explained
from reserve.errors import UsageError
from reserve.redaction import Secrets
from reserve.settings import Settings
from reserve.shape import shape_of, words_of
from reserve.storage.run_folder import BUG, folder_of, kept_of, steps_of
from reserve.storage.runs import PastRun
from reserve.systems import PROFILES, WAYS_TO_SIGN_IN

MOST = 50  # different answers; a waiting list could keep thousands
PRIVATE = ("request", "facility", "court", "sentence")  # of a run as `history` tells it
STAMP = re.compile(r"T[+-]\d+\.\d+|\d\d:\d\d:\d\d", re.ASCII)
WHERE = re.compile(r"\S*/(?=unknown-\d)")  # what is kept lies
PRICE = re.compile(r"\d{1,5}([.,]\d\d)?( ?[A-Z]{3})?", re.ASCII)
VERSION = re.compile(r"[\w.+~-]{1,20}", re.ASCII)
ABOUT = """\
First Serve: report of run {run_id}.

Every word of an answer and of the timeline is one that First Serve's own source
says. Whatever else stood there is replaced by how long it was, e.g. «9» or
«6 digits»; moments are zeros. In run.json the courts have numbers of its own, #1
and so on. The facility is not named, pictures of pages are not included, and of
the settings it says only whether they are set.
"""
IS_GONE = (
    "What the run kept in its folder is gone: it was pruned, or is on another machine. "
    "Here is what the store knows."
)
IS_OLDER = "The run is of another version, which kept no figures that this one can read."


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Show what would be in the archive, and write it when somebody agrees."""
    parser = command_parser("report")
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="its id, or the beginning of it (default: the latest)"
    )
    parser.add_argument(
        "--zip", metavar="FILE", type=Path, help="write it into FILE instead of report-RUN.zip"
    )
    parser.add_argument("--yes", action="store_true", help="write without asking; needed without a terminal")
    options = parser.parse_args(arguments)
    refuse_garbled(options)
    with recorded_runs(settings) as past:
        run = meant(past, options.run)
        is_alive = bool(past.alive([run.run_id]))
    file = options.zip or Path(f"report-{run.run_id}.zip")
    if file.exists():
        raise UsageError(f"--zip: {file} is there already, and nothing is overwritten; name a new file")
    parts = parts_of(run, settings, is_alive=is_alive)
    print(f"A report of run {run.run_id} has no secrets, and these files:")
    for name, text in parts.items():
        print(f"  {name:<28} {len(text.encode()):>7} bytes")
    if not options.yes and not sys.stdin.isatty():
        show(parts)
        raise UsageError("nothing was written: there is no terminal to ask at; add --yes")
    if not options.yes:
        while (said := answered(f"Write it into {file}? [y/N, s shows all of it]")) in ("s", "show"):
            show(parts)
        if said not in YES:
            print("Nothing was written.")
            return 0
    write_new_file(file, zipped(parts), "--zip")
    print(f"Written into {file}. Hand it to whoever maintains First Serve.")
    return 0


def show(parts: Mapping[str, str]) -> None:
    """Print all that is in the archive."""
    for name, text in parts.items():
        print(f"\n--- {name}\n{text.rstrip()}")
    print()


def zipped(parts: Mapping[str, str]) -> bytes:
    """*parts* as one archive."""
    held = io.BytesIO()
    with ZipFile(held, "w", ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return held.getvalue()


def parts_of(run: PastRun, settings: Settings, *, is_alive: bool) -> dict[str, str]:
    """What is in the archive about *run*, by name."""
    account = (settings.email, settings.password, settings.phone, settings.account)
    tokens = (settings.webhook_token, settings.fernet_key, *settings.of_systems.values())
    addresses = (settings.notify, settings.database_url, settings.ping_url)
    secrets = Secrets([*account, (settings.email or "").partition("@")[0], *tokens, *addresses])
    answers, notes = answers_of(run, settings, secrets)
    steps = [
        f"{step['stamp'] if STAMP.fullmatch(step['stamp']) else '':>8} "
        + words_of(secrets.mask(WHERE.sub("", step["step"])))
        for step in steps_of(settings.data, run.run_id)
    ]
    if not folder_of(settings.data, run.run_id).is_dir():
        notes.append(IS_GONE)
    if read(run.facts) is None and run.ended is not None:
        notes.append(IS_OLDER)
    about = ABOUT.format(run_id=run.run_id) + "".join(f"\n{note}\n" for note in notes)
    return {
        "about.txt": about,
        "run.json": _as_text(figures_of(run, secrets, is_alive=is_alive)),
        **({"timeline.txt": "\n".join(steps) + "\n"} if steps else {}),
        **answers,
        "machine.json": _as_text(machine(settings)),
    }


def figures_of(run: PastRun, secrets: Secrets, *, is_alive: bool) -> dict[str, object]:
    """How *run* ended and why, and what it did when: words of ours, numbers and moments."""
    alive = [run.run_id] if is_alive else []
    cause, facts = explained(run, is_alive=is_alive), read(run.facts)
    told = {name: said for name, said in run_as_json(run, alive).items() if name not in PRIVATE}
    names = [each.court for each in facts.attempts] if facts else []
    names += [each.court for each in run.actions]
    courts = {name: f"court #{number}" for number, name in enumerate(dict.fromkeys(names), 1)}
    figures = json.loads(written(facts)) if facts else None
    for attempt in figures["attempts"] if figures else ():
        attempt["court"] = courts[attempt["court"]]
        attempt["way"] = words_of(attempt["way"]) if attempt["way"] else None
    return {
        **told,
        "sentence": words_of(secrets.mask(end_of(run, alive))),
        "evidence": evidence_as_json(cause) if cause else {},
        "actions": [
            {"at": each.moment.isoformat(), "what": each.kind, "court": courts[each.court]}
            for each in run.actions
        ],
        "facts": figures,
    }


def answers_of(run: PastRun, settings: Settings, secrets: Secrets) -> tuple[dict[str, str], list[str]]:
    """The shapes of what the run kept, each of them once, and what is to be said about the others."""
    shapes: dict[str, str] = {}
    same = left = pictures = 0
    for path in kept_of(settings.data, run.run_id):
        if path.suffix != ".txt":
            pictures += 1
            continue
        text = ""
        with suppress(OSError):
            text = secrets.mask(path.read_bytes().decode("utf-8", "replace"))
        asked, _, body = text.partition("\n\n")
        is_answer = path.name != BUG
        shape = f"{words_of(asked)}\n\n{shape_of(body)}\n" if is_answer else words_of(text)
        if shape in shapes:
            same += 1
        elif len(shapes) >= MOST:
            left += 1
        else:
            shapes[shape] = f"answers/{path.name}" if is_answer else path.name
    counts = {
        "looked like these, and are left out": same,
        f"came after the first {MOST}, and are left out": left,
    }
    notes = [f"{number} more answers {what}." for what, number in counts.items() if number]
    if pictures:
        notes.append(
            f"{pictures} pictures of pages are kept in the run's folder; look at them before you send any."
        )
    return {name: shape for shape, name in shapes.items()}, notes


def machine(settings: Settings) -> dict[str, object]:
    """Versions, the system, and which settings there are, as they are now."""
    return {
        "versions": versions(settings),
        "system": system(settings),
        "settings": settings_without_secrets(settings),
    }


def versions(settings: Settings) -> dict[str, str | None]:
    """Of this program, of Python, of the browser and its driver, and of the libraries."""
    found: dict[str, str | None] = {"first-serve": __version__, "python": platform.python_version()}
    found["chrome"] = version_of(settings.chrome, settings.of_programs)
    found["chromedriver"] = version_of(settings.chromedriver or "chromedriver", settings.of_programs)
    for name in libraries():
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def libraries() -> list[str]:
    """The names of the packages that this program needs."""
    lines: Sequence[str] = []
    with suppress(OSError, metadata.PackageNotFoundError):
        if itself.IS_INSTALLED:
            lines = metadata.requires("first-serve") or []
        else:
            lines = (itself.HERE / "requirements.txt").read_text().splitlines()
    return sorted({found[0] for line in lines if (found := re.match(r"[\w.-]+", line))})


def system(settings: Settings) -> dict[str, object]:
    """What this machine is like; neither its name nor whose it is."""
    import psutil

    release: Mapping[str, str] = {}
    with suppress(OSError):
        release = platform.freedesktop_os_release()
    free = None
    with suppress(OSError):
        free = shutil.disk_usage(settings.data).free // 2**20
    kernel = re.match(r"[\d.]*", platform.release())
    said = {"distribution": release.get("ID", ""), "its version": release.get("VERSION_ID", "")}
    return {
        "system": platform.system(),
        "kernel": kernel[0] if kernel else "",
        "machine": platform.machine(),
        **{name: text if VERSION.fullmatch(text) else None for name, text in said.items()},
        "processors": os.cpu_count(),
        "memory in MB": psutil.virtual_memory().total // 2**20,
        "free disk in MB": free,
        "zone": Clock().now().astimezone().tzname(),
        "letters": getattr(sys.stdout, "encoding", None),
        "installed as": "package" if itself.IS_INSTALLED else "checkout",
    }


def settings_without_secrets(settings: Settings) -> dict[str, object]:
    """Which settings are set, with the values of harmless ones only."""
    harmless = {
        "RESERVE_SYSTEM": settings.system if settings.system in PROFILES else None,
        "RESERVE_SIGN_IN": settings.sign_in if settings.sign_in in WAYS_TO_SIGN_IN else None,
        "RESERVE_MAX_PRICE": settings.max_price if PRICE.fullmatch(settings.max_price or "") else None,
        "RESERVE_KEEP": f"{settings.keep.days} days, {settings.keep_runs} runs",
    }
    scheme = (settings.database_url or "").partition(":")[0].partition("+")[0]
    if scheme in ("postgresql", "postgres", "sqlite"):
        harmless["RESERVE_DATABASE_URL"] = scheme
    return {words_of(name.lower()).upper(): harmless.get(name) or "set" for name in sorted(settings.given)}


def _as_text(found: object) -> str:
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"
