"""A simulated system over real HTTP: connections that stay open, are cut, or end early."""

import http.client
import json
import shlex
import signal
import subprocess
import sys
import threading
from dataclasses import fields

import pytest

from reserve.commands.options import booking_parser, read_booking
from reserve.settings import read_settings
from reserve.simulator import PLAYER, SIMULATED_SYSTEMS, Club, Fault, serve
from reserve.simulator.__main__ import main
from reserve.simulator.server import SimulatorServer
from tests.simulator.visitor import Visitor


def connect(server: SimulatorServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)


def ask(connection: http.client.HTTPConnection, path: str = "/v1/sports") -> http.client.HTTPResponse:
    connection.request("GET", path)
    return connection.getresponse()


def test_a_connection_stays_open_and_each_answer_is_dated_by_the_servers_clock() -> None:
    with serve(Visitor().simulated.app) as server:
        connection = connect(server)
        first = ask(connection)
        first.read()
        socket = connection.sock
        second = ask(connection)

        assert json.loads(second.read())[0]["name"] == "Tennis"
        assert connection.sock is socket
        assert second.getheader("Date") == "Mon, 02 Mar 2026 15:30:00 GMT"
        connection.close()


@pytest.mark.parametrize(("query", "status"), [("pg[num]=1", 200), ("pg%5Bnum%5D=1", 400)])
def test_a_query_is_judged_as_it_was_sent(query: str, status: int) -> None:
    with serve(Visitor().simulated.app) as server:
        connection = connect(server)
        answer = ask(connection, f"/v1/sports?{query}")
        answer.read()

        assert answer.status == status
        connection.close()


def test_a_refused_post_leaves_the_connection_usable() -> None:
    with serve(Visitor().simulated.app) as server:
        connection = connect(server)
        connection.request("POST", "/v1/reservations", json.dumps({"much": "x" * 5000}))
        refused = connection.getresponse()
        refused.read()

        assert refused.status == 401
        assert ask(connection).status == 200
        connection.close()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("cut-before", http.client.RemoteDisconnected),
        ("cut-after", http.client.RemoteDisconnected),
        ("truncated", http.client.IncompleteRead),
    ],
)
def test_a_connection_is_cut_when_a_fault_says_so(kind: str, error: type[Exception]) -> None:
    visitor = Visitor(faults=(Fault("GET /v1/sports", 1, kind),))
    with serve(visitor.simulated.app) as server:
        connection = connect(server)
        with pytest.raises(error):
            ask(connection).read()
        connection.close()
        assert ask(connection).status == 200
        connection.close()


def test_closing_leaves_no_thread_even_with_connections_open() -> None:
    before = threading.active_count()
    server = serve(Visitor().simulated.app)
    connection = connect(server)
    ask(connection).read()

    server.close()

    assert threading.active_count() == before
    connection.close()


def test_a_page_draws_the_dialog_of_the_scenario_and_a_short_address_leads_to_it() -> None:
    visitor = Visitor(dialog="C")

    moved = visitor.get("/alicemarble")

    assert moved.status_code == 308
    assert '"dialog": "C"' in visitor.get(moved.location).text
    assert visitor.get("/nowhere").status_code == 404


@pytest.mark.parametrize(
    "words",
    [
        ["--fault", "nope"],
        ["--system", "pigeon"],
        ["--courts", "99"],
        ["--system", "atrium", "--courts", "3"],
        ["--opens-in", "-1"],
        ["--port", "99999"],
        ["--webhook", "x"],
    ],
)
def test_bad_input_is_refused_with_a_sentence(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["reserve.simulator", *words])

    try:
        code: object = main()
    except SystemExit as end:  # argparse's
        code = end.code

    assert code == 2
    assert capsys.readouterr().err.strip()


@pytest.mark.parametrize("system", SIMULATED_SYSTEMS)
def test_it_starts_alone_invites_the_real_command_and_shows_the_ledger_when_interrupted(system: str) -> None:
    command = [sys.executable, "-m", "reserve.simulator", "--port", "0", "--system", system]
    exports = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        address = process.stdout.readline().partition(" answers at ")[2].partition(";")[0]
        while (line := process.stdout.readline()).startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            exports[name] = "".join(shlex.split(value))
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)

    program, *words = shlex.split(line)
    booking = read_booking(booking_parser("book").parse_args(words[1:]), read_settings(exports))
    assert (program, words[0]) == ("python3", "main.py")
    assert booking.settings.system == system
    assert booking.account.password == PLAYER.password
    addresses = [value for name, value in exports.items() if name.endswith("_URL") and value]
    assert addresses
    assert all(each.startswith(address) for each in addresses)
    assert process.returncode == 0
    assert json.loads(rest)["violations"] == []


@pytest.mark.parametrize("simulated", SIMULATED_SYSTEMS.values())
def test_an_option_of_a_system_sets_a_field_of_its_scenario(simulated: type[Club]) -> None:
    assert {field for field, _ in simulated.options.values()} <= {
        field.name for field in fields(simulated.scenario_type)
    }
