"""The web pages of the simulated rec.us, whose JavaScript draws the login dialogs (facts 1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask, Response, redirect, render_template_string, request

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
  #cookies { position: fixed; bottom: 0; width: 100%; padding: 8px 24px; background: #eee; }
  .clickable { cursor: pointer; }
</style>
</head>
<body>
<header><a href="/">rec</a><nav id="account"></nav></header>
<main id="main"><h1>{{ title }}</h1></main>
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
const later = (call, ms = 150) => setTimeout(call, ms);
const account = document.getElementById("account");
const signedIn = () => SCENARIO.signedIn || document.cookie.includes("access_token=");

const input = (name, label, attributes) =>
  make("input", { type: name === "password" ? "password" : "email", placeholder: label, ...attributes });

const dialog = (...children) => {
  document.querySelector("[role=dialog]")?.remove();
  document.body.append(make("div", { role: "dialog", "aria-modal": "true" }, ...children));
};

async function submit(event) {
  event.preventDefault();
  const form = event.target;
  const message = form.querySelector("[role=alert]");
  message.textContent = "";
  const [email, password] = form.querySelectorAll("input");
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
  later(() => {
    if (!SCENARIO.httpOnly) document.cookie = `access_token=${body.idToken}; path=/`;
    SCENARIO.signedIn = true;
    document.querySelector("[role=dialog]").remove();
    draw();
  }, SCENARIO.cookieDelay);
}

const form = (attributes, button) => {
  const made = make("form", {}, make("h2", {}, "Welcome back"),
    input("email", "Email", attributes("email")), input("password", "Password", attributes("password")),
    make("p", { role: "alert" }), button);
  made.noValidate = true;
  made.onsubmit = submit;
  return made;
};
const named = (name) => ({ name, id: name });
const testId = (name) => ({ "data-testid": name });

const DIALOGS = {
  B: {
    control: () => make("div", { class: "clickable", onclick: () => later(() => dialog(
      form(named, make("button", { type: "submit" }, make("span", {}, "log in & continue"))))) }, "Log In"),
  },
  C: {
    control: () => make("button", { type: "button", onclick: () => later(() => dialog(
      make("h2", {}, "Log in or sign up"),
      make("button", { type: "button" }, "Continue with Google"),
      make("button", { type: "button", onclick: () => later(() => dialog(
        make("h2", {}, "What is your email?"),
        input("email", "Email", testId("email")),
        make("button", { type: "button" }, "Email me a code"),
        make("button", { type: "button", onclick: () => later(() => dialog(
          form(testId, make("button", { type: "submit" }, "Log in & continue")))) },
          "Click here to log in with your password"))) },
        "Log in with your email"))) }, "Log In"),
  },
  D: {
    control: () => make("button", { type: "button", onclick: () => later(() => dialog(
      form(named, make("button", { type: "submit" }, "Log in & continue")))) }, "Log in"),
  },
};

function draw() {
  const greeting = () => make("a", { href: "/account" }, "My account");
  account.replaceChildren(signedIn() ? greeting() : DIALOGS[SCENARIO.dialog].control());
}

async function drawMain() {
  const main = document.getElementById("main");
  if (SCENARIO.location) {
    const { location } = await (await fetch(`/v1/locations/${SCENARIO.location}?publishedSites=true`)).json();
    const courts = location.courts.map((court) => make("li", {}, court.courtNumber));
    main.append(make("ul", {}, ...courts), make("button", { type: "button" }, "Book"));
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


def add_pages(
    app: Flask,
    scenario: RecUsScenario,
    facilities: Mapping[str, SimulatedFacility],
    visited: Callable[[str], None],
) -> None:
    """Add the web app's pages to *app*; *visited* hears of each that is opened."""
    slugs = {facility.slug: facility.id for facility in facilities.values()}

    def page(title: str, **more: Any) -> str:
        visited(request.path)
        whole = {
            "dialog": scenario.dialog,
            "httpOnly": scenario.cookie_http_only,
            "cookieDelay": scenario.cookie_delay / timedelta(milliseconds=1),
            "signedIn": False,
            "location": None,
            "locations": [(facility.id, facility.name) for facility in facilities.values()],
            **more,
        }
        return render_template_string(PAGE, title=title, scenario=whole)

    @app.get("/")
    @app.get("/organizations/<slug>")
    def home(slug: str = "") -> str:
        return page(ORGANIZATION["name"])

    @app.get("/locations/<id_>")
    def location(id_: str) -> str | tuple[str, int]:
        if id_ not in facilities:
            return page("Page not found"), 404
        return page(facilities[id_].name, location=id_)

    @app.get("/app/orders/<id_>/checkout")
    def checkout(id_: str) -> str:
        return page("Checkout")

    @app.get("/<slug>")
    def short(slug: str) -> Any:
        if slug not in slugs:
            return Response(page("Page not found"), 404)
        return redirect(f"/locations/{slugs[slug]}", 308)
