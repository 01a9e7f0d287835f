"""A server of the page that is told positions, and what that costs: `python -m benchmarks.live.page_server SECONDS`.

Prints the address on a line, and at the end a line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from engine.core.events import Position
from engine.stage.controls.stage_controls import StageControls
from engine.stage.server.shelf import StageShelf
from engine.stage.server.stage_server import ServerConfig, StageServer

RATE, PER_S = 44_100, 86.13  # positions a second, as a follower emits them


def main() -> None:
    """Serve, wait for the clients, tell positions, and say what it cost."""
    seconds, n_clients = float(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        controls = StageControls(["follow"])
        server = StageServer(ServerConfig(port=0), controls, StageShelf([], Path(folder)), static={})
        server.start()
        print(server.address("127.0.0.1"), flush=True)
        while server.n_clients < n_clients:
            time.sleep(0.05)
        idle = _cpu_share(min(seconds, 5.0), server, told=False)
        busy = _cpu_share(seconds, server, told=True)
        waiting = [len(client.outbox) for client in server._clients._clients.values()]
        print(json.dumps({"idle": idle, "busy": busy, "waiting": max(waiting)}), flush=True)
        server.close()


def _cpu_share(seconds: float, server: StageServer, *, told: bool) -> float:
    """Share of a core over so many seconds, with the positions told or without."""
    begun_s, cpu_s, n = time.monotonic(), time.process_time(), 0
    while (now_s := time.monotonic() - begun_s) < seconds:
        if told and n < now_s * PER_S:
            at = round(time.time() * RATE)
            server.take(
                Position(
                    at=at,
                    emitted_at=at,
                    quarter=time.time() % 1e5,
                    bar=n // 172,
                    score_s=n / PER_S,
                    tempo_bpm=120.0,
                    confidence=0.9,
                ),
                None,
            )
            n += 1
        time.sleep(max(0.0, min(1 / PER_S, (n + 1) / PER_S - now_s)) if told else 0.1)
    return (time.process_time() - cpu_s) / seconds


if __name__ == "__main__":
    main()
