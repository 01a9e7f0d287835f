"""A web server that can fail, and waiting for what others do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["LIMIT_S", "WebServer", "until", "web_server"]

LIMIT_S = 20.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; AssertionError if it never comes."""
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.005)


class WebServer:
    """What a web server was asked. answers: status of each request in turn, 200 after the last."""

    def __init__(self, answers: list[int]) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.answers, self.gate = answers, threading.Event()
        self.gate.set()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                server.gate.wait(LIMIT_S)
                kept = {name.lower(): value for name, value in self.headers.items()}
                is_json = kept.get("content-type") == "application/json"
                server.asked.append((self.command, self.path, kept, json.loads(body) if is_json else body))
                self.send_response(server.answers.pop(0) if server.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_PUT = do_POST

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"


@contextmanager
def web_server(*answers: int) -> Iterator[WebServer]:
    """Run a web server."""
    server = WebServer(list(answers))
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.gate.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()
