"""What programs read: calendars, monitors, and the page itself while a run is under way."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

from flask import Flask, Response, abort, request, stream_with_context
from flask_login import current_user
from sqlalchemy import func, select

from reserve.calendar_file import merged
from reserve.errors import ExitCode
from reserve.storage.run_folder import calendars
from reserve.storage.schema import PLANS, RUNS
from webhook_server.access import Access
from webhook_server.pages.house import House, Mine
from webhook_server.pages.live import LOOK_EVERY, Live
from webhook_server.pages.texts import Texts
from webhook_server.server import STREAM, STREAMS

IN_CALENDAR = 100  # reservations
LOOKS = 25  # then the browser asks again


def add_machines(pages: Flask, house: House, access: Access, texts: Texts) -> None:
    """Add what programs read."""
    streams, live = threading.BoundedSemaphore(STREAMS), Live(house)

    @pages.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    @pages.get("/metrics")
    def metrics() -> Response:
        is_reader = access.needs_token and access.has_header(request.headers.get("Authorization", ""))
        if not is_reader and not current_user.is_authenticated:
            abort(401, "sign in, or send the header Authorization: Bearer <token>")
        return Response(_metrics(house, texts), mimetype="text/plain; version=0.0.4")

    @pages.get("/calendar/<secret>.ics")
    def calendar_feed(secret: str) -> Response:
        person = house.people.of_calendar(secret)
        if person is None:
            abort(404)
        won = Mine(house, person).runs & (RUNS.c.exit_code == ExitCode.SUCCESS)
        kept = calendars(house.settings.data)  # also of what was cancelled since
        among = [kept[run.run_id] for run in house.runs.read(won, most=IN_CALENDAR) if run.run_id in kept]
        return Response(merged(kept.values(), among), mimetype="text/calendar")

    @pages.get(STREAM)
    def events() -> Response:
        def changes() -> Iterator[str]:
            before = None
            yield "retry: 1000\n\n"
            for _ in range(LOOKS):
                if (now := live.seen()) is None:
                    return  # signed out, or removed
                if now != before:
                    yield f"data: {json.dumps(now)}\n\n"
                    before = now
                else:
                    yield ": still here\n\n"
                if house.closing.wait(LOOK_EVERY.total_seconds()):
                    return

        def once() -> Iterator[str]:
            yield f"retry: 5000\ndata: {json.dumps(live.seen() or '')}\n\n"

        is_held = streams.acquire(blocking=False)
        said = stream_with_context(changes() if is_held else once())
        answer = Response(said, mimetype="text/event-stream")
        if is_held:
            answer.call_on_close(streams.release)
        answer.headers["X-Accel-Buffering"] = "no"
        return answer


def _metrics(house: House, texts: Texts) -> str:
    """Figures in the text format of Prometheus; nothing in them says who or where."""
    count, age = texts.state()
    with house.store.engine.connect() as connection:
        ended = connection.execute(
            select(RUNS.c.exit_code, func.count()).where(RUNS.c.ended.is_not(None)).group_by(RUNS.c.exit_code)
        ).all()
        unended = connection.scalar(select(func.count()).select_from(RUNS).where(RUNS.c.ended.is_(None)))
        plans = connection.scalar(select(func.count()).select_from(PLANS))
    lines = [
        "# HELP first_serve_runs Runs on record, by their exit code.",
        "# TYPE first_serve_runs gauge",
        *(f'first_serve_runs{{exit_code="{code}"}} {many}' for code, many in ended),
        "# HELP first_serve_runs_not_ended Runs without an end: under way, or cut off.",
        "# TYPE first_serve_runs_not_ended gauge",
        f"first_serve_runs_not_ended {unended}",
        "# HELP first_serve_plans Plans.",
        "# TYPE first_serve_plans gauge",
        f"first_serve_plans {plans}",
        "# HELP first_serve_texts Texts kept.",
        "# TYPE first_serve_texts gauge",
        f"first_serve_texts {count}",
    ]
    if age is not None:
        lines += [
            "# HELP first_serve_newest_text_age_seconds Age of the newest text.",
            "# TYPE first_serve_newest_text_age_seconds gauge",
            f"first_serve_newest_text_age_seconds {age.total_seconds():.0f}",
        ]
    return "\n".join(lines) + "\n"
