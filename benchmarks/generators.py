"""Generated music: the cost of a step beside torch, and its timing through a JACK server while the machine is busy.

python -m benchmarks.generators [seconds]
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import jack
import numpy as np
import torch

from benchmarks.rows import Row
from engine.midi.notes import note_off, note_on
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from models.generation.graph import export_parts
from models.generation.tokens import TokenLstm, TokenLstmConfig
from offline.generation.cards import find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator
from offline.generation.pace import pace_of
from offline.generation.stream import FREE
from offline.generation.systems import names_where
from offline.generation.weights import SystemFiles
from tests.engine.midi.probe import MidiProbe
from tests.engine.midi.test_jack import GENERATOR, all_is_over
from tests.jack_server import JackServer
from tests.places import ROOT

RATE, STEP = 48000, 6000  # a sixteenth at 120
PERIOD = 1024  # notes are exact at any period, and a long one survives stalls of the machine
AHEAD_S = 0.5
TICK = b"\xf8"
BURN = "import json, os\nos.nice(10)\nwhile True: json.loads(json.dumps([{'a': i} for i in range(2000)]))"


def rows(seconds: float) -> Iterator[Row]:
    """All rows of this page."""
    yield from _alone()
    if missing := JackServer.missing():
        print(f"  no timing: {missing}")
        return
    with JackServer(period=PERIOD, realtime=True):
        yield _timing(seconds)
        yield _killed()


def _alone() -> Iterator[Row]:
    """Steps, in a process whose numpy has one thread, as `collaparte` has it."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.generators", "steps"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    yield from (Row(**json.loads(line)) for line in done.stdout.splitlines())


def steps() -> Iterator[Row]:
    """Rows of single steps."""
    yield _tokens()
    if find_weights("Frames") is not None:
        yield _frame()
    yield _pace()


def _median_ms(step: Callable[[], object], n: int = 300) -> tuple[float, float]:
    """Median and 99th percentile of the CPU time of one call."""
    times = []
    for _ in range(n + 20):
        begin = time.thread_time()
        step()
        times.append(time.thread_time() - begin)
    return float(1e3 * np.median(times[20:])), float(1e3 * np.percentile(times[20:], 99))


def _tokens() -> Row:
    """One step of a token network of three layers of 256, batch 1, state carried: the file and torch turn by turn."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = TokenLstm(TokenLstmConfig(n_tokens=(120,))).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokens.onnx")
        export_parts(module.graphs(), path, {"system": "BachBot"})
        ours = SystemFiles(path).main
    rows = np.random.default_rng(0).integers(0, 120, (40, 1, 1, 1))
    state = [module.initial(1)]
    one = torch.from_numpy(rows[0])

    def eager() -> torch.Tensor:
        with torch.no_grad():
            features, state[0] = module.memory(one, state[0])
            return module.logits(features)

    with torch.no_grad():
        features, _ = module.memory(torch.from_numpy(rows[:, 0]).transpose(0, 1), module.initial(1))
        wanted = module.logits(features)[0].numpy()
    error = np.abs(np.stack([ours.run({"row": row})["logits_0"].copy() for row in rows]) - wanted).max()
    (median, p99), (peer, peer_p99) = _median_ms(lambda: ours.run({"row": rows[0]})), _median_ms(eager)
    return Row(
        what="one step of a token network of 3 x 256, batch 1",
        ours=f"{median:.3f} ms (99 %: {p99:.2f})",
        peer=f"{peer:.3f} ms (99 %: {peer_p99:.2f}), torch {torch.__version__.partition('+')[0]} eager",
        ratio=f"{peer / median:.1f}",
        agreement=f"logits of 40 steps off by {error:.1g}",
    )


def _frame() -> Row:
    """A sixteenth of four voices by the frame network that ships, with its rules and draws."""
    source, free = open_generator("Frames", GeneratorConfig()), np.full(1, FREE)
    median, p99 = _median_ms(lambda: source.next(free))
    return Row(
        what="a sixteenth of four voices by Frames, all in all",
        ours=f"{median:.2f} ms (99 %: {p99:.2f})",
        peer="",
        ratio="",
        agreement=f"{125 / median:.0f} times faster than it plays at 120",
    )


def _pace() -> Row:
    """24 bars of every system that ships, at 240 quarters a minute: notes late, and the busiest system."""
    names = names_where(lambda system: not system.sound and find_weights(system.weights) is not None)
    found = {name: pace_of(open_generator(name, GeneratorConfig()), bars=24, tempo_bpm=240) for name in names}
    busiest = max(names, key=lambda name: found[name].busy)
    least = min(names, key=lambda name: found[name].slack_s)
    return Row(
        what=f"24 bars at 240 a minute by each of the {len(names)} systems that ship",
        ours=f"{sum(pace.late for pace in found.values())} notes late",
        peer="",
        ratio="",
        agreement=f"least slack {1e3 * found[least].slack_s:.0f} ms ({least}); {busiest} writes in "
        f"{100 * found[busiest].busy:.0f} % of the time that it plays",
    )


@contextlib.contextmanager
def burning(n: int = 2) -> Iterator[None]:
    """Processes that never rest."""
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(n)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


Messages = list[tuple[int, bytes]]  # with their frames


def _play(seconds: float) -> tuple[Messages, Messages, list[tuple[int, int]], dict[str, int]]:
    """Play sixteenths at 120 with clock into a probe; return them, those received, skipped frames, report."""
    probe, sent, n = MidiProbe("colla:out"), [], 0
    with MidiProcess(MidiConfig(name="colla", backend="jack")) as port, burning():
        probe.connected()
        first = port.now() + RATE
        port.start_clock(first, 120)
        while n * STEP < seconds * RATE:
            while first + n * STEP < port.now() + AHEAD_S * RATE:
                sent.append((first + n * STEP, note_on(0, 36 + n % 60, 80)))
                sent.append((first + n * STEP + STEP // 2, note_off(0, 36 + n % 60)))
                for message in sent[-2:]:
                    port.send(*message)
                n += 1
            time.sleep(0.05)
        while port.now() < first + n * STEP:
            time.sleep(0.1)
        report = dict(port.report)
    # 24 ticks a quarter, two quarters a second
    sent += [(first + k * RATE // 48, TICK) for k in range(48 * n * STEP // RATE)]
    return sent, probe.heard(), probe.skipped, report


def _timing(seconds: float) -> Row:
    sent, received, skipped, report = _play(seconds)
    n_received = Counter(message for _, message in received)
    n_lost = sum(max(0, n - n_received[message]) for message, n in Counter(message for _, message in sent).items())
    first = next((frame for frame, message in received if message == sent[0][1]), 0)
    delay = first - sent[0][0]  # constant: the server's
    exact = {(frame - delay, message) for frame, message in received}
    missed = [frame for frame, message in sent if (frame, message) not in exact]
    excused = [frame for frame in missed if any(first <= frame + delay < end for first, end in skipped)]
    return Row(
        what=f"sixteenths at 120 for {seconds:.0f} s through jackd at {PERIOD} frames, two processes burning",
        ours=f"{len(sent) - len(missed)} of {len(sent)} notes on and off and clock ticks at their very sample",
        peer="",
        ratio="",
        agreement=f"{len(missed) - len(excused)} not, where the server ran; {len(excused)} where it skipped their "
        f"frames ({len(skipped)} skips, {report.get('n_lost_cycles', 0)} cycles missed); {n_lost} lost",
    )


def _killed() -> Row:
    """Kill -9 of the generator in a chord, five times: until the last note is off."""
    delays = []
    for _ in range(5):
        generator = subprocess.Popen(
            [sys.executable, "-c", GENERATOR], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert generator.stdin is not None and generator.stdout is not None
        generator.stdout.readline()
        probe = MidiProbe("colla:out")
        probe.connected()
        generator.stdin.write("\n")
        generator.stdin.flush()
        generator.stdout.readline()
        with jack.Client("watch", no_start_server=True) as client:
            killed = client.frame_time
            generator.send_signal(signal.SIGKILL)
            probe.until(all_is_over)
        ends: dict[int, int] = {}
        for frame, m in probe.heard():
            if m[0] == 0x80 and frame >= killed:
                ends.setdefault(m[1], frame)
        generator.wait(10)
        assert set(ends) == {60, 64, 67, 72}
        delays.append(1e3 * (max(ends.values()) - killed) / RATE)
    return Row(
        what="kill -9 of the generator in a chord of four: until every note is off",
        ours=f"{np.median(delays):.1f} ms, at most {max(delays):.1f} ms",
        peer="",
        ratio="",
        agreement=f"{len(delays)} kills, no note left",
    )


if __name__ == "__main__" and sys.argv[1:] == ["steps"]:
    for row in steps():
        print(json.dumps(asdict(row)))
elif __name__ == "__main__":
    for row in rows(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0):
        print(f"{row.what}: {row.ours} | {row.peer} | {row.ratio} | {row.agreement}", flush=True)
