"""Serves a simulated system over real HTTP/1.1: connections stay open, and are cut when a fault says so."""

from __future__ import annotations

import socket
from threading import Thread
from types import TracebackType
from typing import Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

from reserve.simulator.faults import CutConnection


class _Handler(WSGIRequestHandler):
    """One connection; unlike its parent it is kept open after an answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer leaves in one piece

    def run_wsgi(self) -> None:
        try:
            body, status, headers = run_wsgi_app(self.server.app, self.make_environ(), buffered=True)
        except CutConnection:
            self.close_connection = True
            return
        content = b"".join(body)
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
            if len(content) < int(headers.get("Content-Length", 0)):
                self.close_connection = True  # a truncated answer: the rest never comes
        self.wfile.flush()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing; the ledger knows."""


class _Listener(ThreadedWSGIServer):
    daemon_threads = False  # closing waits for every thread, so that none is left behind

    def __init__(self, app: Any, port: int) -> None:
        super().__init__("127.0.0.1", port, app, handler=_Handler)
        self.connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class SimulatorServer:
    """A listening simulated system; ends with `close()` or at the end of a `with` block."""

    def __init__(self, app: Any, port: int) -> None:
        """Listen on this machine only; port 0 means any free one."""
        self._listener = _Listener(app, port)
        self.url = f"http://127.0.0.1:{self._listener.server_port}"
        self._thread = Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, cut what is still connected, and wait for the last thread."""
        self._listener.shutdown()
        for connection in list(self._listener.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # it went away by itself
        self._thread.join()

    def __enter__(self) -> SimulatorServer:
        """Be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def serve(app: Any, *, port: int = 0) -> SimulatorServer:
    """Serve *app* over HTTP/1.1 on this machine, from threads of its own."""
    return SimulatorServer(app, port)
