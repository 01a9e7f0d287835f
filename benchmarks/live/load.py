"""A duplex stream in a process whose Python is busy: `python -m benchmarks.live.load WHO SECONDS`.

WHO is `hpss` (a session that separates harmonic from percussive), `unmix` or `unmix-low-latency` (by a network that
ships), `instant` (the last one by short filters), or `peer` (a Python callback that copies input to output). Prints one
JSON object. The load is the same: a thread that reads and writes JSON and makes cyclic garbage amid 300,000 live
objects, so that it holds the interpreter's lock and the collector has work.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict

import jack

from benchmarks.live.witness import watching
from engine.audio.devices import Device
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.separation.config import HpssConfig, InstantConfig, MaskNetworkConfig
from offline.separation.presets import live_rate, unmix_config

N_OBJECTS = 300_000


class Hog:
    """A pure-Python thread that never rests."""

    def __init__(self) -> None:
        self._live: list[list[int]] = []
        self.turns = 0
        self.running = True
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Fill the memory, then go."""
        self._live = [[k] for k in range(N_OBJECTS)]
        self._thread.start()

    def _run(self) -> None:
        table = {str(k): [k, k / 7, "x" * (k % 50)] for k in range(200)}
        while self.running:
            json.loads(json.dumps(table))
            for _ in range(100):
                ring: list[object] = []
                ring.append(ring)
            self.turns += 1


def arena_path() -> str:
    """The shared memory of this process's session."""
    folder = f"/proc/{os.getpid()}/fd"
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if "memfd:collaparte" in os.readlink(path):
            return path
    raise FileNotFoundError("the session's shared memory")


def separation(who: str) -> HpssConfig | MaskNetworkConfig:
    """What the session separates with."""
    if who == "hpss":
        return HpssConfig(look_ahead=0)
    if who == "instant":
        return unmix_config("unmix-low-latency", instant=InstantConfig())
    return unmix_config(who)


def ours(who: str, seconds: float) -> dict[str, object]:
    device, stop, hog = Device(backend="jack"), threading.Event(), Hog()
    separate = separation(who)
    rate = live_rate(separate) if isinstance(separate, MaskNetworkConfig) else None  # as `collaparte run` has it
    config = SessionConfig(source=device, sink=device, sample_rate=rate, pipeline=PipelineConfig(separate=separate))
    witnesses = ExitStack()
    seen: list[list[list[float]]] = []
    began: list[float] = []

    def on_status(status: SessionStatus) -> None:
        if status.state == "running" and not began:
            began.append(time.monotonic())
            seen.append(witnesses.enter_context(watching("counters", arena_path())))
            hog.start()
            threading.Timer(seconds, stop.set).start()

    report = Session(config).run(on_status=on_status, stop=stop)
    hog.running = False
    witnesses.close()
    return {
        "seen": seen[0],
        "turns": hog.turns,
        "counts": asdict(report.counts),
        "latency": str(report.latency),
        "fifo": report.fifo,
        "began": began[0],
        "n_samples": report.n_samples,
        "sample_rate": report.sample_rate,
    }


def peer(seconds: float) -> dict[str, object]:
    client, hog = jack.Client("peer"), Hog()
    pairs = [(client.inports.register(f"in_{k}"), client.outports.register(f"out_{k}")) for k in (1, 2)]
    n_callbacks = 0

    @client.set_process_callback
    def process(n: int) -> None:
        nonlocal n_callbacks
        n_callbacks += 1
        for source, target in pairs:
            target.get_array()[:] = source.get_array()

    with client:
        for (source, target), k in zip(pairs, (1, 2), strict=True):
            client.connect(f"system:capture_{k}", source)
            client.connect(target, f"system:playback_{k}")
        began = time.monotonic()
        hog.start()
        time.sleep(seconds)
        hog.running = False
    return {"turns": hog.turns, "n_callbacks": n_callbacks, "began": began}


if __name__ == "__main__":
    WHO, SECONDS = sys.argv[1], float(sys.argv[2])
    print(json.dumps(peer(SECONDS) if WHO == "peer" else ours(WHO, SECONDS)), flush=True)
