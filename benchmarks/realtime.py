"""Real-time figures: drop-outs under load, true latency, what the callback costs, how soon a lost device is noticed.

    python -m benchmarks.realtime [--seconds 60] [--periods 512 1024]

Needs jackd2, a C compiler and, for the drop-outs to mean anything, the right to SCHED_FIFO. Virtual machines stall by
themselves; canaries at FIFO 95 on each core see it, and a loss in the wake of a stall of over 1 ms is excused. How
much of the time such wakes cover is told, for what is excused weighs less the more that is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.live.callback import measure as measure_callback
from benchmarks.live.witness import excused, watching
from benchmarks.rows import Row
from engine.audio.devices import Device
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig, SessionStatus
from engine.separation.config import InstantConfig
from offline.separation.presets import unmix_config
from tests.engine.realtime.live import Live
from tests.engine.realtime.probe import delays
from tests.engine.realtime.test_jack import ports
from tests.jack_server import JackServer

RATE = 48000
MARGIN_S = 0.01  # an xrun may come so long, and two periods, after the stall that caused it
OWN = Device(backend="jack", connect=False)
SEPARATIONS = {
    "hpss": "HPSS",
    "unmix": "network (4096/1024, resampled)",
    "unmix-low-latency": "network (1024/512, resampled)",
    "instant": "network (1024/512), short filters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """A run under load: losses, those that no stall explains, and the stalls; told: what the process said."""

    told: dict[str, object]
    xruns: int
    own_xruns: int
    drops: int
    own_drops: int
    stalls: int
    longest_ms: float
    covered: float


def under_load(who: str, period: int, seconds: float) -> Minute:
    """One process under load on a server of its own, under the eyes of witnesses."""
    with JackServer(rate=RATE, period=period, realtime=True), ExitStack() as stack:
        canaries = [stack.enter_context(watching("canary", core)) for core in sorted(os.sched_getaffinity(0))]
        xruns = stack.enter_context(watching("xruns", ""))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.live.load", who, str(seconds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        stack.close()  # the witnesses report
    told = json.loads(done.stdout.splitlines()[-1])
    stalls = sorted(stall for canary in canaries for stall in canary)
    window = 2 * period / RATE + MARGIN_S
    begin, end = told["began"], told["began"] + seconds
    losses = [at for (at,) in xruns if begin <= at <= end]
    drops = [entry[0] for entry in told.get("seen", [])]
    return Minute(
        told=told,
        xruns=len(losses),
        own_xruns=sum(not excused(at, stalls, window) for at in losses),
        drops=len(drops),
        own_drops=sum(not excused(at, stalls, window) for at in drops),
        stalls=len(stalls),
        longest_ms=1000 * max((b - a for a, b in stalls), default=0.0),
        covered=covered(stalls, window, begin, end),
    )


def covered(stalls: list[list[float]], window: float, begin: float, end: float) -> float:
    """The part of the time in which a loss would be excused."""
    total, reached = 0.0, begin
    for start, stop in stalls:
        a, b = max(start, reached), min(stop + window, end)
        total, reached = total + max(0.0, b - a), max(reached, b)
    return total / (end - begin)


def drop_outs(period: int, seconds: float) -> Iterator[Row]:
    """Losses of sessions and of a Python callback under the same load."""
    peer = under_load("peer", period, seconds)
    for who, name in SEPARATIONS.items():
        ours = under_load(who, period, seconds)
        counts = ours.told["counts"]
        assert isinstance(counts, dict)
        agreement = (
            f"in {seconds:.0f} s: ours {ours.xruns} xruns, {ours.drops} under- or overflows; Python callback "
            f"{peer.xruns} xruns; machine stalls {ours.stalls} / {peer.stalls}, longest {ours.longest_ms:.0f} / "
            f"{peer.longest_ms:.0f} ms, excusing {100 * ours.covered:.0f} / {100 * peer.covered:.0f} % of the time; "
            f"SCHED_FIFO {ours.told['fifo']}"
        )
        yield Row(
            what=f"unexcused drop-outs, duplex {name} under load, {period} samples",
            ours=f"{ours.own_xruns + ours.own_drops}",
            peer=f"{peer.own_xruns}, Python callback that copies",
            ratio=f"{ours.own_xruns + ours.own_drops} : {peer.own_xruns}",
            agreement=agreement,
        )
        seconds_run = float(str(ours.told["n_samples"])) / RATE
        yield Row(
            what=f"CPU of the engine process, {name}, {period} samples",
            ours=f"{100 * counts['cpu_s'] / seconds_run:.1f} % of a core, its start included",
            peer="",
            ratio="",
            agreement=f"{counts['cpu_s']:.1f} s for {seconds_run:.0f} s of sound",
        )


def round_trips() -> Iterator[Row]:
    """Declared against true latency, in samples."""
    system = Device(backend="portaudio", name="system")
    instant = PipelineConfig(separate=unmix_config("unmix-low-latency", instant=InstantConfig()))
    whole = PipelineConfig()
    for period, device, block, pipeline in (
        (512, OWN, 0, whole),
        (1024, OWN, 0, whole),
        (512, system, 0, whole),
        (256, system, 480, whole),
        (64, OWN, 0, instant),
    ):
        config = SessionConfig(source=device, sink=device, block=block, pipeline=pipeline)
        with JackServer(rate=RATE, period=period, realtime=True), Live(config) as live:
            live.running()
            measured = delays(*ports(), n_impulses=9)
            latency = live.stop().latency
        declared = latency.total - (0 if device is OWN else period)
        true = statistics.median(measured)
        yield Row(
            what=f"round trip, {device.backend}, period {period}"
            + (f", block {block}" if block else "")
            + (", stems by short filters" if pipeline is instant else ""),
            ours=f"declared {declared}",
            peer=f"measured {true:.0f} (impulse probe)",
            ratio=f"{declared / true:.4f}; {1000 * true / RATE:.1f} ms",
            agreement=f"off by {declared - true:.0f} samples, the median of {len(measured)} impulses: {measured}",
        )


def callbacks() -> Iterator[Row]:
    """What happens inside the callbacks."""
    for kind, found in measure_callback(512).items():
        yield Row(
            what=f"malloc and locks in the {kind} callback",
            ours=f"{found['mallocs']:.0f} and {found['locks']:.0f}",
            peer="",
            ratio="",
            agreement=f"{found['calls']:.0f} calls of 512 samples, {found['late']:.0f} with late output, "
            f"{found['lost']:.0f} with lost input; median {found['ns'] / 1000:.1f} microseconds",
        )


def device_loss(n: int = 5) -> Iterator[Row]:
    """From the death of the server to the notice, and from its return to sound."""
    for name, device in (("jack", OWN), ("portaudio", Device(backend="portaudio", name="system"))):
        noticed, back = zip(*(one_loss(device) for _ in range(n)), strict=True)
        yield Row(
            what=f"device lost, {name}: time to notice",
            ours=f"{1000 * statistics.median(noticed):.0f} ms",
            peer="150 ms asked",
            ratio=f"{150 / (1000 * max(noticed)):.1f} at worst",
            agreement=f"{n} kills: {1000 * min(noticed):.0f} to {1000 * max(noticed):.0f} ms; sound again "
            f"{min(back):.1f} to {max(back):.1f} s after the server came back at once",
        )


def one_loss(device: Device) -> tuple[float, float]:
    """Seconds to notice, seconds to sound."""
    with JackServer(rate=RATE, period=256) as server:
        times: dict[str, float] = {}
        sound, gone, again = threading.Event(), threading.Event(), threading.Event()
        stop = threading.Event()

        def on_status(status: SessionStatus) -> None:
            if status.state == "waiting" and not gone.is_set():
                times["gone"] = time.monotonic()
                gone.set()
            elif status.state == "running" and status.counts.n_samples > 0:
                (again if gone.is_set() else sound).set()
                times.setdefault("again", time.monotonic()) if gone.is_set() else None

        session = Session(SessionConfig(source=device, sink=device))
        thread = threading.Thread(target=session.run, kwargs={"on_status": on_status, "stop": stop})
        thread.start()
        sound.wait(30)
        time.sleep(0.5)
        killed = time.monotonic()
        server.kill()
        gone.wait(10)
        server.start()
        returned = time.monotonic()
        again.wait(30)
        stop.set()
        thread.join()
    return times["gone"] - killed, times["again"] - returned


def rows(seconds: float, periods: list[int]) -> Iterator[Row]:
    """All rows of this page."""
    if missing := JackServer.missing():
        raise SystemExit(f"real-time figures: {missing}")
    yield from callbacks()
    yield from round_trips()
    yield from device_loss()
    for period in periods:
        yield from drop_outs(period, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--periods", type=int, nargs="+", default=[512, 1024])
    options = parser.parse_args()
    for row in rows(options.seconds, options.periods):
        print(f"{row.what}\n    ours {row.ours} | peer {row.peer} | ratio {row.ratio}\n    {row.agreement}", flush=True)


if __name__ == "__main__":
    main()
