"""What is known of the booking systems: every citation leads to a heading, every fact says who knows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent
FACTS = HERE / "docs" / "facts"
ROW = re.compile(r"^\| \[(\S+\.md)\]\(\1\) \|.*\| `(.+) facts [\d.]+` \|$", re.MULTILINE)  # of its README
FILES = {name: file for file, name in ROW.findall((FACTS / "README.md").read_text())}
NAMES = {Path(file).stem: name for name, file in FILES.items()}  # package of one system -> its name
OLD_WORD = "doss" + "ier"  # what the facts were called before

NUMBER = r"\d+(?:\.\d+)*"
LETTER = r"(?: (?:[a-z]|\([a-z]\))(?=[^\w\s]|$| and | to ))?"  # a part of a section: 3.3 a
JOINT = r"(?:, and |, | and | to )"
CITATION = re.compile(
    rf"(?:\b(?P<system>{'|'.join(map(re.escape, FILES))}) )?\bfacts,? (?:sections? )?"
    rf"(?P<numbers>{NUMBER}{LETTER}(?:{JOINT}{NUMBER}{LETTER})*)"
)
MARK = r"(?:G|(?:W\*?|D|T)(?: [A-Z]\d+)+)"  # only a guess needs no source


@dataclass(frozen=True)
class Citation:
    """A reference to sections of the facts; without a system where none is named."""

    system: str | None
    numbers: tuple[str, ...]
    words: str


def citations_in(text: str) -> Iterator[Citation]:
    """What *text* cites, also over the end of a line in a docstring, a comment or a quotation."""
    for found in CITATION.finditer(re.sub(r"\s*\n[ \t]*(?:(?:#|>)[ \t]*)?|[ \t]+", " ", text)):
        parts = re.findall(rf"{NUMBER}{LETTER}", found["numbers"])
        yield Citation(found["system"], tuple(re.sub("[()]", "", part) for part in parts), found[0])


def system_of(path: Path) -> str | None:
    """The one system that the module *path* is about, if it is about one."""
    if path.parts[0] == "webhook_server":
        return "SMS"
    if path.parts[:2] in (("reserve", "systems"), ("reserve", "simulator")):
        name = Path(path.parts[2]).stem
        return next((system for each, system in NAMES.items() if re.fullmatch(rf"{each}(_\w+)?", name)), None)
    return None


def wrong_with(citation: Citation, path: Path) -> str | None:
    """Why nobody could follow *citation* in the file *path*, None when one can."""
    system = citation.system or system_of(path)
    if system is None:
        return "does not say which system"
    known = sections(system)
    for number in citation.numbers:
        section, _, letter = number.partition(" ")
        if section not in known:
            return f"there is no {section} in docs/facts/{FILES[system]}"
        if letter and f"({letter})" not in known[section]:
            return f"there is no ({letter}) in {section} of docs/facts/{FILES[system]}"
    return None


def sections(system: str) -> dict[str, str]:
    """What stands under each numbered heading of the facts about *system*."""
    pieces = re.split(rf"^#{{2,3}} ({NUMBER})\.? ", (FACTS / FILES[system]).read_text(), flags=re.MULTILINE)
    return dict(zip(pieces[1::2], pieces[2::2], strict=True))


def written() -> list[Path]:
    """Every module and every document of this repository, but what was built in it."""
    found = (path.relative_to(HERE) for kind in ("*.py", "*.md") for path in HERE.rglob(kind))
    ours = (path for path in found if path.parts[0] != "build")
    return sorted(path for path in ours if not any(part.startswith(".") for part in path.parts))


def citing() -> list[tuple[Path, Citation]]:
    """Every citation in code and documents but the facts themselves, which show how to cite."""
    files = [
        path for path in written() if path.parts[:2] != ("docs", "facts") and path.name != "test_facts.py"
    ]
    return [(path, each) for path in files for each in citations_in((HERE / path).read_text())]


def test_every_citation_of_a_fact_leads_to_a_heading() -> None:
    wrong = [f"{path}: {each.words}: {why}" for path, each in citing() if (why := wrong_with(each, path))]

    assert not wrong


@pytest.mark.parametrize("system", FILES)
def test_facts_of_every_system_are_cited_by_somebody(system: str) -> None:
    cited = {each.system or system_of(path) for path, each in citing()}

    assert system in cited


def test_every_file_of_the_facts_has_its_row_and_a_name_to_be_cited_by() -> None:
    assert {*FILES.values(), "README.md"} == {path.name for path in FACTS.glob("*.md")}


def test_the_facts_have_one_name() -> None:
    assert not [f"{path}" for path in written() if OLD_WORD in (HERE / path).read_text().lower()]


@pytest.mark.parametrize(
    ("text", "system", "numbers"),
    [
        ("NAP = 1  # rec.us facts 3.5", "rec.us", ("3.5",)),
        ("an order (rec.us facts 3.3 a); then", "rec.us", ("3.3 a",)),
        ("an order (rec.us facts 3.3 (a))", "rec.us", ("3.3 a",)),
        ("rec.us facts 3.3 a court has", "rec.us", ("3.3",)),
        ('= (  # rec.us facts 4\n    (r"taken", SlotTaken),', "rec.us", ("4",)),
        ("(Atrium facts 1.2, 1.3).", "Atrium", ("1.2", "1.3")),
        ("rec.us facts 3.3 to 3.5, and what", "rec.us", ("3.3", "3.5")),
        ("SMS facts 3, 4, 6 and 7)", "SMS", ("3", "4", "6", "7")),
        ("the NTNUI facts, 1, 3, and 4.", "NTNUI", ("1", "3", "4")),
        ("in the SMS facts, sections 1 and 3 to 7. A gateway", "SMS", ("1", "3", "7")),
        ("    # (rec.us\n    # facts 2.7,\n    # 2.8) because", "rec.us", ("2.7", "2.8")),
        ('"""As\n    told (NTNUI facts\n    2).', "NTNUI", ("2",)),
        ("> (SMS facts\n> 6)", "SMS", ("6",)),
        ("an hour (facts 1.3)", None, ("1.3",)),
    ],
)
def test_a_citation_is_found_as_people_write_it(
    text: str, system: str | None, numbers: tuple[str, ...]
) -> None:
    (found,) = citations_in(text)

    assert (found.system, found.numbers) == (system, numbers)


@pytest.mark.parametrize(
    "text", ["Facts and their sources: rec.us facts.", "these facts: 3 courts", "artefacts 3"]
)
def test_what_names_no_section_is_no_citation(text: str) -> None:
    assert not list(citations_in(text))


@pytest.mark.parametrize(
    ("text", "path", "why"),
    [
        ("rec.us facts 9.9", "reserve/run.py", "there is no 9.9 in docs/facts/recus.md"),
        ("SMS facts 3, 42", "README.md", "there is no 42 in docs/facts/sms.md"),
        ("rec.us facts 3.3 to 3.7", "reserve/run.py", "there is no 3.7 in docs/facts/recus.md"),
        ("rec.us facts 3.3 z)", "reserve/run.py", "there is no (z) in 3.3 of docs/facts/recus.md"),
        ("facts 3.5", "reserve/run.py", "does not say which system"),
        ("facts 3.5", "reserve/systems/base.py", "does not say which system"),
        ("facts 3.5", "reserve/simulator/server.py", "does not say which system"),
        ("facts 3.5", "docs/unknowns.md", "does not say which system"),
        ("facts 3.5", "tests/systems/test_recus.py", "does not say which system"),
        ("facts 3.5", "reserve/systems/atrium/system.py", "there is no 3.5 in docs/facts/atrium.md"),
        ("facts 2.2", "webhook_server/gateways.py", "there is no 2.2 in docs/facts/sms.md"),
        ("facts 3.5", "reserve/simulator/ntnui/pages.py", "there is no 3.5 in docs/facts/ntnui.md"),
        ("rec.us facts 9.9", "reserve/systems/atrium/system.py", "there is no 9.9 in docs/facts/recus.md"),
    ],
)
def test_a_citation_that_leads_nowhere_is_found_out(text: str, path: str, why: str) -> None:
    (citation,) = citations_in(text)

    assert wrong_with(citation, Path(path)) == why


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("facts 3.5", "reserve/systems/recus/bookings.py"),
        ("facts 3.5", "reserve/simulator/recus/rules.py"),
        ("facts 2.3", "reserve/systems/atrium/sign_in.py"),
        ("facts 3", "reserve/simulator/ntnui/pages.py"),
        ("facts 6", "webhook_server/__init__.py"),
        ("NTNUI facts 7", "reserve/systems/base.py"),
        ("rec.us facts 3.3 b)", "reserve/run.py"),
    ],
)
def test_a_citation_that_leads_somewhere_is_left_alone(text: str, path: str) -> None:
    (citation,) = citations_in(text)

    assert wrong_with(citation, Path(path)) is None


@pytest.mark.parametrize("name", FILES.values())
def test_no_number_of_the_facts_occurs_twice(name: str) -> None:
    numbers = re.findall(rf"^#{{2,3}} ({NUMBER})\.? ", (FACTS / name).read_text(), flags=re.MULTILINE)

    assert numbers
    assert sorted(numbers) == sorted(set(numbers))


@pytest.mark.parametrize("name", FILES.values())
def test_every_mark_names_sources_that_the_first_table_of_its_file_lists(name: str) -> None:
    text = (FACTS / name).read_text()
    first_table = re.split(r"\n(?!\|)", text[text.index("\n|") + 1 :])[0]
    listed = {
        key for row in first_table.splitlines() for key in re.findall(r"\b[A-Z]\d+\b", row.split("|")[1])
    }

    marks = re.findall(r"\[([WDTG](?:\*|\b)[^\]]*)\](?!\()", text)
    malformed = [mark for mark in marks if not re.fullmatch(rf"{MARK}(?:; {MARK})*", mark)]
    unlisted = {key for mark in marks for key in re.findall(r"\b[A-Z]\d+\b", mark)} - listed

    assert marks
    assert not malformed
    assert not unlisted
