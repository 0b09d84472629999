"""The web page: what the commands do, for people who use no terminal."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any
from zlib import crc32

from flask import Flask, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from reserve.clock import Clock
from reserve.commands.wiring import Connect
from reserve.errors import ReserveError
from reserve.settings import Settings
from webhook_server.access import Access, address_of
from webhook_server.pages.asking import add_asking
from webhook_server.pages.guard import guard, is_signed_in, knows
from webhook_server.pages.house import House
from webhook_server.pages.machines import add_machines
from webhook_server.pages.planning import add_planning
from webhook_server.pages.reading import add_reading
from webhook_server.pages.texts import Texts
from webhook_server.pages.writing import add_writing

LONGEST_FORM = 32 * 1024  # bytes

log = logging.getLogger(__name__)


def create_pages(
    settings: Settings,
    access: Access,
    texts: Texts,
    *,
    exposed: bool,
    proxy: str | None = None,
    clock: Clock | None = None,
    connect: Connect | None = None,
) -> Flask:
    """The pages, an application beside the webhook service, which says what there is to say of *texts*."""
    house = House(settings, clock or Clock(), connect)
    pages = Flask(__name__)
    pages.extensions |= {"house": house, "access": access}
    pages.config.update(MAX_CONTENT_LENGTH=LONGEST_FORM, MAX_FORM_PARTS=50, MAX_FORM_MEMORY_SIZE=LONGEST_FORM)
    pages.url_map.merge_slashes = False  # or it would lead to what a header Host names
    pages.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    stamp = stamp_of(Path(pages.static_folder or ""))

    @pages.url_defaults
    def of_this_version(endpoint: str, values: dict[str, Any]) -> None:
        if (
            endpoint == "static"
        ):  # which browsers keep for a day: after an upgrade, the page is new and its style old
            values["of"] = stamp

    def address() -> str:
        return address_of(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), proxy)

    guard(pages, house, exposed=exposed, address=address)
    add_reading(pages, house)
    add_planning(pages, house)
    add_writing(pages, house, texts)
    add_asking(pages, house)
    add_machines(pages, house, access, texts)
    pages.register_error_handler(HTTPException, _refused)
    pages.register_error_handler(ReserveError, _cannot)
    pages.register_error_handler(OperationalError, _without_store)
    pages.register_error_handler(Exception, _failed)
    access.knows, access.has_pages = knows(pages), True
    return pages


def stamp_of(folder: Path) -> str:
    """What changes with any file in *folder*."""
    return f"{crc32(b''.join(each.read_bytes() for each in sorted(folder.iterdir()))):x}"


def _page(title: str, sentence: str, code: int) -> tuple[str, int]:
    return render_template("sentence.html", title=title, sentence=sentence), code


def _refused(problem: HTTPException) -> Any:
    if problem.code is None or problem.code < 400:
        return problem
    log.warning("refused %s: %s", request.url_rule or "an unknown path", problem.code)
    titles = {404: "There is nothing here", 413: "That is too much", 429: "Slowly, please"}
    sentences = {
        404: "This page does not exist, or is somebody else's.",
        413: "What was sent is longer than anything that this page asks for.",
    }
    code = problem.code
    return _page(titles.get(code, problem.name), sentences.get(code, _sentence(problem.description)), code)


def _cannot(problem: ReserveError) -> tuple[str, int]:
    log.error("%s failed: %s", request.url_rule, problem)
    told = str(problem) if is_signed_in() else "the store does not answer; the log of the service says more"
    return _page("This did not work", _sentence(told), 503)


def _without_store(problem: OperationalError) -> tuple[str, int]:
    log.error("%s failed: the store does not answer: %s", request.url_rule, problem.orig)
    return _page(
        "This did not work", "The store does not answer now; look what was done, and try again.", 503
    )


def _failed(problem: Exception) -> tuple[str, int]:
    # Only where it happened: the message of an exception can hold a secret.
    where = "".join(traceback.format_tb(problem.__traceback__))
    log.error("%s failed with %s\n%s", request.url_rule, type(problem).__name__, where)
    return _page(
        "This did not work", "A bug, or a store that is gone; the log of the service says more.", 500
    )


def _sentence(text: str | None) -> str:
    said = (text or "").strip()
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '?')) else '.'}"
