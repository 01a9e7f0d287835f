"""The soloist: a JACK client that plays SOLO.npy again and again over the pilot, and comes back with its server.

`python -m tests.soak.player SOLO.npy` prints JSON lines: {"pass": n} when it begins anew, {"late": t} when the server
went on without it, {"back": t} when it is connected; `nan N` on its input puts N samples of NaN and infinity into what
it plays, and it prints {"bad": N}.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time

import jack
import numpy as np

from tests.soak.pilot import PERIOD, pilot

LOOK_S = 0.05


class Player:
    """What the callback needs."""

    def __init__(self, solo: np.ndarray) -> None:
        self.solo, self.noise = solo, np.tile(pilot(), 2)
        self.at = self.passes = self.bad = self.end = 0
        self.told: list[dict[str, float]] = []

    def serve(self) -> None:
        """Play until the server has gone."""
        gone = threading.Event()
        client = jack.Client("player", no_start_server=True)
        ports = [client.outports.register(f"out_{k}") for k in (1, 2)]
        self.end = 0

        @client.set_shutdown_callback  # type: ignore[untyped-decorator]
        def shutdown(status: object, reason: str) -> None:
            gone.set()

        @client.set_process_callback  # type: ignore[untyped-decorator]
        def process(frames: int) -> None:
            block = self.block(client.last_frame_time, frames)
            for port in ports:
                port.get_array()[:] = block

        with client:
            self.told.append({"back": time.monotonic()})
            gone.wait()

    def block(self, now: int, frames: int) -> np.ndarray:
        """What is played from a frame on."""
        if self.end and now != self.end:
            self.told.append({"late": time.monotonic()})
        self.end = now + frames
        if self.at >= len(self.solo):
            self.at = 0
        if self.at == 0:
            self.passes += 1
            self.told.append({"pass": self.passes})
        start = now % PERIOD
        block = self.noise[start : start + frames].copy()
        part = self.solo[self.at : self.at + frames]
        block[: len(part)] += part
        self.at += frames
        if self.bad:
            n = min(self.bad, frames)
            block[:n:2], block[1:n:2] = np.nan, np.inf
            self.bad -= n
            self.told.append({"bad": n})
        return block


def main(path: str) -> None:
    """Play until the input ends."""
    player = Player(np.load(path))

    def run() -> None:
        while True:
            with contextlib.suppress(jack.JackError):
                player.serve()
            time.sleep(LOOK_S)

    def tell() -> None:
        while True:
            while player.told:
                print(json.dumps(player.told.pop(0)), flush=True)
            time.sleep(LOOK_S)

    for work in (run, tell):
        threading.Thread(target=work, daemon=True).start()
    for line in sys.stdin:
        player.bad = int(line.split()[1])


if __name__ == "__main__":
    main(sys.argv[1])
