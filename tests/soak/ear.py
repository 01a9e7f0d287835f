"""A receiver of MIDI that comes back with its server: `python -m tests.soak.ear PORT [PORT...]`.

Prints JSON lines: {"life": n, "port": name, "t": monotonic, "midi": hex} for each message; n counts the servers.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections import deque

import jack

LOOK_S = 0.02


def listen(sources: list[str], life: int) -> None:
    """Note what comes until the server has gone."""
    gone, heard = threading.Event(), deque()
    client = jack.Client("ear", no_start_server=True)
    ports = {source: client.midi_inports.register(f"in_{k}") for k, source in enumerate(sources)}

    @client.set_shutdown_callback  # type: ignore[untyped-decorator]
    def shutdown(status: object, reason: str) -> None:
        gone.set()

    @client.set_process_callback  # type: ignore[untyped-decorator]
    def process(frames: int) -> None:
        now = time.monotonic()
        for source, port in ports.items():
            heard.extend((source, now, bytes(data).hex()) for _, data in port.incoming_midi_events())

    with client:
        while not gone.wait(LOOK_S):
            for source, port in ports.items():
                with contextlib.suppress(jack.JackError):
                    if source not in [each.name for each in port.connections]:
                        client.connect(source, port)
            while heard:
                source, t, message = heard.popleft()
                print(json.dumps({"life": life, "port": source, "t": t, "midi": message}), flush=True)


def main(sources: list[str]) -> None:
    """Listen until the input ends."""

    def run() -> None:
        life = 0
        while True:
            with contextlib.suppress(jack.JackError):
                listen(sources, life)
                life += 1
            time.sleep(LOOK_S)

    threading.Thread(target=run, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
