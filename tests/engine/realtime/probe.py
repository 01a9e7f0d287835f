"""Measure the true way through a running JACK client: impulses in, and how many samples later they come out.

Two clients, one before and one behind, so that no loop in the graph adds a period of its own. Run as a script it
prints one JSON list of delays in samples: `probe.py IN_PORT OUT_PORT N_IMPULSES`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import jack
import numpy as np

EVERY = 12_000  # samples between impulses: longer than any delay that is looked for
SILENCE_BELOW = 0.25


def main(in_port: str, out_port: str, n_impulses: int) -> None:
    before, behind = jack.Client("probe-before"), jack.Client("probe-behind")
    source, target = before.outports.register("out"), behind.inports.register("in")
    found: list[int] = []

    @before.set_process_callback
    def send(n: int) -> None:
        block = source.get_array()
        block[:] = 0.0
        at = -before.last_frame_time % EVERY
        if at < n:
            block[at] = 1.0

    @behind.set_process_callback
    def take(n: int) -> None:
        block = target.get_array()
        peak = int(np.argmax(np.abs(block)))
        if abs(block[peak]) > SILENCE_BELOW:
            found.append((behind.last_frame_time + peak) % EVERY)

    with before, behind:
        before.connect(source, in_port)
        behind.connect(out_port, target)
        deadline = time.monotonic() + 2 * n_impulses * EVERY / before.samplerate + 3
        while len(found) < n_impulses and time.monotonic() < deadline:
            time.sleep(0.05)
    print(json.dumps(found))


def delays(in_port: str, out_port: str, n_impulses: int = 5) -> list[int]:
    """Run this file in a process of its own; return the delays in samples."""
    arguments = [sys.executable, __file__, in_port, out_port, str(n_impulses)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=True)
    return [int(delay) for delay in json.loads(done.stdout)]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
