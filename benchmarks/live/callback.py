"""Drive the callbacks a thousand times under the counter of malloc and locks; `python -m benchmarks.live.callback N`.

`measure` compiles `counter.c`, starts this file with it preloaded, and returns what that prints. First the counter
has to show that it counts.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from engine.audio.callback import OUTPUT_PORTS, PORTS, Ctx, context, jack_process, portaudio_callback
from engine.core.ring import RingBuffer, private_ring
from engine.core.shared_memory import N_COUNTERS, Counter

SOURCE = Path(__file__).with_name("counter.c")
N_CALLS = 1000


def measure(block: int) -> dict[str, dict[str, float]]:
    """Compile, preload, run; for each kind of callback: mallocs, locks, nanoseconds a call (median)."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "counter.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.live.callback", str(block)],
            env={**os.environ, "LD_PRELOAD": str(library)},
            capture_output=True,
            text=True,
            check=True,
        )
    answer: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main(block: int) -> None:
    """The child's side."""
    counter = ctypes.CDLL(os.environ["LD_PRELOAD"])
    for call in (counter.call_portaudio, counter.call_jack):
        call.restype = ctypes.c_double
    counts = (ctypes.c_long * 2)()
    counter.call_malloc_and_lock(counts)
    if list(counts) != [2, 1]:
        raise RuntimeError(f"the counter does not count: {list(counts)}")
    print(json.dumps({kind: drive(counter, kind, block) for kind in ("portaudio", "jack")}))


def hop_thread(turn: int, counters: np.ndarray, inputs: RingBuffer, outputs: RingBuffer) -> None:
    """What the processing thread does between two callbacks; from time to time it is away for long."""
    if turn % 40 < 30:
        inputs.skip(len(inputs.data))
        counters[Counter.ACKNOWLEDGED] = counters[Counter.LOST]
        outputs.write(np.ones_like(outputs.data))


def drive(counter: ctypes.CDLL, kind: str, block: int) -> dict[str, float]:
    """Call N_CALLS times in every state: all well, nothing ready in the output, no room for the input."""
    counters = np.zeros(N_COUNTERS, np.int64)
    counters[Counter.ARMED] = 1
    inputs, outputs = private_ring(4 * block, 2), private_ring(8 * block, 2)
    ctx = context(counters, inputs, outputs)
    source, target = np.zeros((block, 2), np.float32), np.zeros((block, 2), np.float32)
    counter.set_buffer(ctypes.c_void_p(source.ctypes.data))
    ctx[Ctx.GET_BUFFER] = ctypes.cast(counter.get_buffer, ctypes.c_void_p).value or 0
    ctx[PORTS : PORTS + 2] = ctx[OUTPUT_PORTS : OUTPUT_PORTS + 2] = 1
    counts, took, mallocs, locks = (ctypes.c_long * 2)(), [], 0, 0
    user = ctypes.c_void_p(ctx.ctypes.data)
    for turn in range(N_CALLS):
        hop_thread(turn, counters, inputs, outputs)
        if kind == "portaudio":
            ends = ctypes.c_void_p(source.ctypes.data), ctypes.c_void_p(target.ctypes.data)
            function = ctypes.c_void_p(portaudio_callback.address)
            took.append(counter.call_portaudio(function, *ends, ctypes.c_ulong(block), user, counts))
        else:
            function = ctypes.c_void_p(jack_process.address)
            took.append(counter.call_jack(function, ctypes.c_uint32(block), user, counts))
        mallocs, locks = mallocs + counts[0], locks + counts[1]
    states = {
        "calls": counters[Counter.CALLBACKS],
        "late": counters[Counter.N_UNDERFLOWS],
        "lost": counters[Counter.N_OVERFLOWS],
    }
    return {
        "mallocs": mallocs,
        "locks": locks,
        "ns": 1e9 * float(np.median(took)),
        **{k: int(v) for k, v in states.items()},
    }


if __name__ == "__main__":
    main(int(sys.argv[1]))
