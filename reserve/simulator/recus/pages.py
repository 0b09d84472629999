"""The web pages of the simulated rec.us, whose JavaScript draws the login dialogs (facts 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import redirect, render_template_string, request
from flask.typing import ResponseReturnValue

from reserve.simulator.club import Club
from reserve.simulator.recus.facilities import ORGANIZATION, SimulatedFacility
from reserve.simulator.recus.scenario import RecUsScenario

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ title }} | rec.us (simulated)</title>
<link rel="icon" href="data:,">
<style>
  body { font-family: sans-serif; margin: 0; }
  header { display: flex; justify-content: space-between; padding: 12px 24px; border-bottom: 1px solid #ccc; }
  [role=dialog] { position: fixed; top: 80px; left: calc(50% - 180px); width: 320px; padding: 20px;
                  background: #fff; border: 1px solid #888; }
  [role=dialog] input, [role=dialog] button { display: block; width: 100%; margin: 8px 0; }
  #wall { z-index: 2; top: 0; left: 0; width: 100%; height: 100%; }
  #cookies { position: fixed; bottom: 0; width: 100%; padding: 8px 24px; background: #eee; }
  .clickable { cursor: pointer; }
</style>
</head>
<body>
<header><a href="/">rec</a><nav id="account"></nav></header>
<main id="main"><h1>{{ title }}</h1></main>
<footer><form onsubmit="return false">News from your city <input type="email" name="email">
  <button type="button">Subscribe</button></form></footer>
<div id="cookies">We use cookies.
  <button type="button" onclick="this.parentNode.remove()">Accept</button></div>
<script>
const SCENARIO = {{ scenario | tojson }};
{% raw %}
const make = (tag, attributes, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.onclick = value; else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};
const later = (call, ms = SCENARIO.pause) => setTimeout(call, ms);
const account = document.getElementById("account");
const signedIn = () => SCENARIO.signedIn || (!SCENARIO.guests && document.cookie.includes("access_token="));
const beGuest = (number) => {
  if (SCENARIO.guests) document.cookie = `access_token=${SCENARIO.guests[number]}; path=/`;
};
beGuest(0);
if (SCENARIO.banner) {
  const wall = make("div", { id: "wall", role: "dialog", "aria-modal": "true" },
    make("h2", {}, "Your privacy"), make("p", {}, "We and our partners value it."),
    make("button", { type: "button", onclick: () => wall.remove() }, "Accept all"));
  document.getElementById("cookies").replaceWith(wall);
}

const input = (name, label, attributes) =>
  make("input", { type: name === "password" ? "password" : "email", placeholder: label, ...attributes });

const dialog = (...children) => {
  document.getElementById("dialog")?.remove();
  document.body.append(make("div", { id: "dialog", role: "dialog", "aria-modal": "true" }, ...children));
};
const link = (words, call) => make("button", { type: "button", onclick: () => later(call) }, words);
const notice = (words) => {
  const shown = make("div", { role: "status" }, words);
  document.getElementById("main").prepend(shown);
  later(() => shown.remove(), 1500);
};

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const message = form.querySelector("[role=alert]");
  message.textContent = "";
  const [email, password] = ["email", "password"].map((kind) => form.querySelector(`input[type=${kind}]`));
  if (SCENARIO.dialog === "mixed") notice("Court 9 was not found; your filter is invalid");
  const answer = await fetch("/identitytoolkit/v1/accounts:signInWithPassword?key=simulated", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email: email.value, password: password.value, returnSecureToken: true,
                           clientType: "CLIENT_TYPE_WEB" }),
  });
  const body = await answer.json();
  if (!answer.ok) {
    message.textContent = "Invalid email or password";
    return;
  }
  beGuest(1);
  later(() => {
    if (!SCENARIO.httpOnly) document.cookie = `access_token=${body.idToken}; path=/`;
    SCENARIO.signedIn = true;
    document.getElementById("dialog").remove();
    draw();
  }, SCENARIO.cookieDelay);
}

const form = (attributes, button) => {
  const email = input("email", "Email", attributes("email")), alert = make("p", { role: "alert" });
  const password = input("password", "Password", attributes("password"));
  const made = make("form", {}, make("h2", {}, "Welcome back"),
    ...(SCENARIO.lateField ? [] : [email]), password, alert, button);
  if (SCENARIO.lateField) later(() => alert.before(email), SCENARIO.lateField);
  made.noValidate = true;
  made.onsubmit = submit;
  return made;
};
const named = (name) => ({ name, id: name });
const testId = (name) => ({ "data-testid": name });

const submits = (words) => make("button", { type: "submit" }, words);
const signUp = (toLogIn) => dialog(make("form", {}, make("h2", {}, "Create your account"),
  input("email", "Email", named("email")), input("password", "Choose a password", named("password")),
  make("button", { type: "button" }, "Sign up & continue"),
  make("p", {}, "Already have an account? ", link("Log in", toLogIn))));
const byCode = (toPassword) => dialog(make("h2", {}, "What is your email?"),
  input("email", "Email", testId("email")), make("button", { type: "button" }, "Email me a code"),
  link("Click here to log in with your password", toPassword));
const logIn = (attributes, words) => dialog(form(attributes, submits(words)));

const DIALOGS = {
  A: {
    control: () => "",
    book: () => signUp(() => logIn(named, "Log In")),
  },
  mixed: {
    control: () => link("Log in", () => signUp(() => byCode(() => logIn(testId, "Log in & continue")))),
  },
  changed: {
    control: () => link("Member access", () => dialog(make("h2", {}, "Who are you?"),
      make("input", { type: "text", name: "identifier" }), submits("Proceed"))),
  },
  B: {
    control: () => make("div", { class: "clickable", onclick: () => later(() => dialog(
      form(named, submits(make("span", {}, "log in & continue"))))) }, "Log In"),
  },
  C: {
    control: () => link("Log In", () => dialog(make("h2", {}, "Log in or sign up"),
      make("button", { type: "button" }, "Continue with Google"),
      link("Log in with your email", () => byCode(() => logIn(testId, "Log in & continue"))))),
  },
  D: {
    control: () => link("Log in", () => logIn(named, "Log in & continue")),
  },
};

function draw() {
  const greeting = () => make("a", { href: "/account" }, "My account");
  account.replaceChildren(signedIn() ? greeting() : DIALOGS[SCENARIO.dialog].control());
}
const book = () => signedIn() || DIALOGS[SCENARIO.dialog].book?.();

async function drawMain() {
  const main = document.getElementById("main");
  if (SCENARIO.location) {
    const { location } = await (await fetch(`/v1/locations/${SCENARIO.location}?publishedSites=true`)).json();
    const courts = location.courts.map((court) => make("li", {}, court.courtNumber));
    main.append(make("ul", {}, ...courts), link("Book", book));
  } else {
    main.append(...SCENARIO.locations.map(([id, name]) =>
      make("a", { href: `/locations/${id}` }, make("p", {}, name))));
  }
}
later(draw);
drawMain();
{% endraw %}
</script>
</body>
</html>
"""


class Pages:
    """The pages of the web app."""

    def __init__(
        self,
        club: Club,
        scenario: RecUsScenario,
        facilities: Mapping[str, SimulatedFacility],
        guest_token: Callable[[], str],
    ) -> None:
        """The pages about *facilities*; *club* hears of each that is opened."""
        self._club, self._scenario, self._facilities = club, scenario, facilities
        self._guest_token = guest_token
        self._slugs = {facility.slug: facility.id for facility in facilities.values()}

    def home(self, slug: str = "") -> ResponseReturnValue:
        """The city's page, and that of every organization."""
        return self._page(ORGANIZATION["name"])

    def location(self, id_: str) -> ResponseReturnValue:
        """The page of a facility."""
        if id_ not in self._facilities:
            return self._page("Page not found"), 404
        return self._page(self._facilities[id_].name, location=id_)

    def checkout(self, id_: str) -> ResponseReturnValue:
        """Where an order is paid by hand."""
        return self._page("Checkout")

    def short(self, slug: str) -> ResponseReturnValue:
        """The short address of a facility."""
        if slug not in self._slugs:
            return self._page("Page not found"), 404
        return redirect(f"/locations/{self._slugs[slug]}", 308)

    def _page(self, title: str, **more: Any) -> str:
        self._club.record("page-visited", path=request.path)
        scenario, guest = self._scenario, self._guest_token
        whole = {
            "dialog": scenario.dialog,
            "pause": scenario.page_pause / timedelta(milliseconds=1),
            "httpOnly": scenario.cookie_http_only,
            "cookieDelay": scenario.cookie_delay / timedelta(milliseconds=1),
            "banner": scenario.consent_banner,
            "lateField": scenario.late_field / timedelta(milliseconds=1),
            "guests": [guest(), guest()] if scenario.guest_token else None,  # before and during the log-in
            "signedIn": False,
            "location": None,
            "locations": [(facility.id, facility.name) for facility in self._facilities.values()],
            **more,
        }
        return render_template_string(PAGE, title=title, scenario=whole)
