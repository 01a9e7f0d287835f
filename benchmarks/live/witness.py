"""Processes of their own that see what happened when: machine stalls, JACK's xruns, a session's counters.

Each runs until SIGTERM and then prints one JSON list. `python -m benchmarks.live.witness KIND ARGUMENT`.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jack
import numpy as np

from engine.core.shared_memory import N_COUNTERS, Counter

STALL_S = 0.001  # a canary that wakes so late could not run
PERIOD_S = 0.001
LOOK_S = 0.002
CANARY_PRIORITY, LOOK_PRIORITY = 95, 90
MAX_SEEN = 1_000_000

seen: list[list[float]] = []


class Done(Exception):
    """SIGTERM came."""


def canary(core: int) -> None:
    """Stalls of one core, [begin, end] on the monotonic clock: nothing on this machine may keep a FIFO-95 thread."""
    os.sched_setaffinity(0, {core})
    prioritise(CANARY_PRIORITY)
    due = time.monotonic()
    while len(seen) < MAX_SEEN:
        due += PERIOD_S
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        if now - due > STALL_S:
            seen.append([due, now])
            due = now


def xruns(_: str) -> None:
    """The instants of JACK's xruns, each as [instant]."""
    client = jack.Client("witness")
    client.set_xrun_callback(lambda delay: seen.append([time.monotonic()]))
    with client:
        signal.pause()


def counters(path: str) -> None:
    """The instants at which counters of a session's shared memory changed, [instant, cell, by how much]."""
    watched = [Counter.N_UNDERFLOWS, Counter.N_OVERFLOWS, Counter.FLAGS]
    descriptor = os.open(path, os.O_RDONLY)
    memory = mmap.mmap(descriptor, 8 * N_COUNTERS, prot=mmap.PROT_READ)
    counters = np.frombuffer(memory, np.int64, N_COUNTERS)
    prioritise(LOOK_PRIORITY)
    before = [int(counters[counter]) for counter in watched]
    while len(seen) < MAX_SEEN:
        time.sleep(LOOK_S)
        now = [int(counters[counter]) for counter in watched]
        if now != before:
            at = time.monotonic()
            seen.extend([at, int(c), b - a] for c, a, b in zip(watched, before, now, strict=True) if b != a)
            before = now


def prioritise(priority: int) -> None:
    """SCHED_FIFO; without the right to it there is no canary, and no excuse."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))


@contextmanager
def watching(kind: str, argument: object) -> Iterator[list[list[float]]]:
    """Run a witness meanwhile; the list is filled when the block is left."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live.witness", kind, str(argument)], stdout=subprocess.PIPE, text=True
    )
    report: list[list[float]] = []
    assert process.stdout is not None
    process.stdout.readline()  # it is ready
    try:
        yield report
    finally:
        process.send_signal(signal.SIGTERM)
        answer, _ = process.communicate(timeout=10)
        report.extend(json.loads(answer.splitlines()[-1]))


def excused(at: float, stalls: list[list[float]], window_s: float) -> bool:
    """Whether the machine stood still in the `window_s` before an instant."""
    return any(begin <= at + LOOK_S and end >= at - window_s for begin, end in stalls)


def main(kind: str, argument: str) -> None:
    """Watch until SIGTERM, then tell."""

    def end(number: int, frame: object) -> None:
        raise Done

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    try:
        print("ready", flush=True)
        if kind == "canary":
            canary(int(argument))
        else:
            {"xruns": xruns, "counters": counters}[kind](argument)
    except Done:
        pass
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
