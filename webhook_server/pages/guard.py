"""Who sees pages: people with a password, for a while; nobody may guess it, no other page acts for them."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, abort, flash, redirect, render_template, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from itsdangerous import BadSignature
from werkzeug.wrappers import Response as AnyResponse

from reserve.storage.people import Person
from reserve.storage.secrets import write_new
from reserve.storage.sign_ins import KNOWN_FOR, SIGNED_IN_FOR
from webhook_server.access import is_local
from webhook_server.pages.house import House, Mine
from webhook_server.pages.saying import TYPED

KEY_FILE = "web.key"  # in the data folder: signs the cookies
MOST_ENDED = 1_000  # sessions that have ended, and whose cookies count among strangers
OPEN = {"sign_in", "sign_in_form", "static", "healthz", "metrics", "calendar_feed"}
# Forms that take long to fill in, and hold no secret: what was typed outlives the session.
KEPT = {"new_plan_form", "edit_plan_form"}
LONGEST_KEPT = 2_000  # letters; an address has no room for more
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STRICT_TRANSPORT = "max-age=31536000"


class Visitor(UserMixin):  # type: ignore[misc]
    """A person who is signed in, by the secret of one session."""

    def __init__(self, person: Person, secret: str) -> None:
        self.person, self.id = person, secret


def guard(pages: Flask, house: House, *, exposed: bool, address: Callable[[], str]) -> None:
    """Have *pages* seen by people who signed in; strangers are told apart by *address*."""
    pages.config.update(
        SECRET_KEY=_key(house.settings.data),
        SESSION_COOKIE_NAME="__Host-first-serve" if exposed else "first-serve",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=exposed,
        SESSION_REFRESH_EACH_REQUEST=False,
        PREFERRED_URL_SCHEME="https" if exposed else "http",  # as TLS ends at the proxy before us
        PERMANENT_SESSION_LIFETIME=SIGNED_IN_FOR,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # the same
    )
    csrf, login = CSRFProtect(pages), LoginManager(pages)
    ended: set[str] = pages.extensions.setdefault("ended", set())  # sessions that somebody still came with
    known_by = f"{pages.config['SESSION_COOKIE_NAME']}-browser"
    hashing = pages.extensions["hashing"] = threading.Lock()  # one at a time leaves processors for codes
    login.session_protection = None  # a phone changes its address

    @login.user_loader  # type: ignore[untyped-decorator]
    def visitor(visitor_id: str) -> Visitor | None:
        person = house.sign_ins.person(visitor_id, house.clock.now())
        if person is None:
            if len(ended) >= MOST_ENDED:
                ended.clear()
            ended.add(visitor_id)
            return None
        return Visitor(person, visitor_id)

    @pages.before_request
    def let_in() -> AnyResponse | None:
        if not exposed and not is_local(request.host):
            abort(403, "these pages are for this machine only, by the name localhost")
        values = [value for fields in (request.args, request.form) for _, value in fields.items(multi=True)]
        if any("\0" in text for text in (request.path, *values)):  # which PostgreSQL takes for a bug of ours
            abort(400, "this has a sign in it that nobody can type")
        if request.endpoint in OPEN or request.endpoint is None or current_user.is_authenticated:
            if request.method not in ("GET", "HEAD", "OPTIONS"):
                csrf.protect()
            return None
        if request.method == "GET":
            return redirect(url_for("sign_in", next=request.full_path.rstrip("?")))
        if request.method != "POST":
            return abort(401, "sign in first")
        flash("You are signed out, so nothing was changed. Sign in, and go on from there.", "warn")
        return redirect(url_for("sign_in", next=page_of_form(pages)))

    @pages.errorhandler(CSRFError)
    def of_another_session(_: CSRFError) -> tuple[str, int]:
        sentence = (
            "It is from before you last signed in, or this browser keeps no cookies. Nothing was changed."
        )
        back = page_of_form(pages)
        return render_template(
            "sentence.html", title="This page is too old", sentence=sentence, back=back
        ), 400

    @pages.after_request
    def harden(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        if exposed:
            answer.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
        if request.endpoint == "static":
            answer.headers["Cache-Control"] = "public, max-age=86400"
            answer.headers.pop("Set-Cookie", None)
        elif request.endpoint in KEPT and answer.status_code == 200:
            answer.headers["Cache-Control"] = "private, no-cache"  # or a browser cannot go back to it
        else:
            answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.context_processor
    def known() -> dict[str, Any]:
        return {"person": current_user.person if is_signed_in() else None}

    @pages.get("/sign-in")
    def sign_in() -> str:
        return render_template("sign_in.html", is_set_up=bool(house.people.all()))

    @pages.post("/sign-in")
    def sign_in_form() -> AnyResponse | tuple[str, int]:
        now, browser = house.clock.now(), request.cookies.get(known_by, "")
        name, password = request.form.get("name", "")[:60], request.form.get("password", "")[:1000]
        attempt = house.sign_ins.trying(name, address(), browser, now)
        if attempt is None:
            abort(429, "too many wrong passwords; wait five minutes")
        with hashing:
            person = house.people.signing_in(name, password)
        if person is None:
            flash("That name and password do not go together.", "bad")
            return render_template("sign_in.html", is_set_up=bool(house.people.all())), 403
        secret, browser = house.sign_ins.begin(person.name, now, attempt=attempt, browser=browser)
        session.clear()  # nobody goes on in a session that somebody else has begun
        session.permanent = True
        login_user(Visitor(person, secret))
        answer = redirect(ours(pages, request.args.get("next", "")))
        answer.set_cookie(known_by, browser, KNOWN_FOR, secure=exposed, httponly=True, samesite="Lax")
        return answer

    @pages.post("/sign-out")
    def sign_out() -> AnyResponse:
        if request.form.get("everywhere"):
            house.sign_ins.end_all(current_user.person.name)
        house.sign_ins.end(current_user.id)
        logout_user()
        session.clear()
        answer = redirect(url_for("sign_in"))
        answer.headers["Clear-Site-Data"] = '"cache"'  # nobody goes back to what was looked at
        return answer


def mine(house: House) -> Mine:
    """What the person sees who is signed in."""
    return Mine(house, current_user.person)


def knows(pages: Flask) -> Callable[[str], bool]:
    """Whether a header Cookie has a session of *pages*; that it has ended is known once it was looked up."""
    signing: Any = pages.session_interface
    serializer, ended = signing.get_signing_serializer(pages), pages.extensions["ended"]

    def is_known(header: str) -> bool:
        # Runs where texts come in, and for strangers: http.cookies takes half a second for some headers.
        cookies = (each.strip().partition("=") for each in header.split(";"))
        value = next((value for name, _, value in cookies if name == pages.config["SESSION_COOKIE_NAME"]), "")
        with suppress(BadSignature):
            said = serializer.loads(value, max_age=int(SIGNED_IN_FOR.total_seconds()))
            return "_user_id" in said and said["_user_id"] not in ended
        return False

    return is_known


def still_mine(house: House) -> Mine | None:
    """What that person sees by now, unless the session has ended meanwhile."""
    person = house.sign_ins.person(current_user.id, house.clock.now())
    return Mine(house, person) if person else None


def is_signed_in() -> bool:
    """Whether somebody is; a store that does not answer knows nobody."""
    try:
        return bool(current_user.is_authenticated)
    except Exception:
        return False


def ours(pages: Flask, wanted: str) -> str:
    """The address *wanted* if it is one of our pages, else the first page."""
    parts = urlsplit(wanted.replace("\\", "/"))
    path = parts.path
    if (
        parts.scheme
        or parts.netloc
        or not path.startswith("/")
        or path.startswith("//")
        or not path.isprintable()
    ):
        return url_for("coming_up")
    try:
        pages.url_map.bind("").match(path, method="GET")
    except Exception:
        return url_for("coming_up")
    return f"{path}?{parts.query}" if parts.query else path


def page_of_form(pages: Flask) -> str:
    """The page with the form that was sent; of `KEPT`, with what was typed."""
    page = ours(pages, request.path if request.endpoint else "")
    if request.endpoint not in KEPT:
        return page
    typed = urlencode([(name, text) for name in TYPED for text in request.form.getlist(name) if text])
    return f"{page}?{typed}" if typed and len(typed) <= LONGEST_KEPT else page


def _key(data: Path) -> bytes:
    """What signs the cookies, made if need be; raises ValueError for one that could be guessed."""
    path = data / KEY_FILE
    with suppress(FileExistsError):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new(path, os.urandom(32).hex().encode() + b"\n")
    key = path.read_text().strip()
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise ValueError(f"{path} holds no key any more; remove it, and a new one is made")
    return bytes.fromhex(key)
