"""Sessions on a real JACK server without a sound card, by JACK and by PortAudio."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.audio.devices import Device, list_devices
from engine.core.events import Dropout
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import SessionConfig
from engine.separation.config import HpssConfig, InstantConfig, MaskNetworkConfig
from tests.engine.realtime.live import Live
from tests.engine.realtime.probe import delays
from tests.jack_server import JackServer
from tests.networks.separation import small_file
from tests.tolerances import FLOAT32

pytestmark = pytest.mark.jack

OWN = Device(backend="jack", connect=False)
BY_PORTAUDIO = Device(backend="portaudio", name="system")


def ports() -> tuple[str, str]:
    """The first input and output port of whoever is not the server itself."""
    listed = subprocess.run(["jack_lsp"], capture_output=True, text=True, check=True).stdout.split()
    own = [port for port in listed if not port.startswith("system:")]
    first = [next(p for p in own if any(end in p for end in ends)) for ends in (("in_1", "in_0"), ("out_1", "out_0"))]
    return first[0], first[1]


def test_devices_of_a_server(server: JackServer) -> None:
    for backend in ("jack", "portaudio"):
        system = next(d for d in list_devices(backend) if d.name == "system")
        assert (system.n_inputs, system.n_outputs, system.sample_rate) == (2, 2, 48000)


@pytest.mark.parametrize(
    ("device", "block", "sample_rate", "separate"),
    [
        (OWN, 0, None, None),
        (OWN, 0, 44100, None),
        (OWN, 0, None, HpssConfig(look_ahead=0)),
        (BY_PORTAUDIO, 0, None, None),
        (BY_PORTAUDIO, 480, None, None),
    ],
    ids=["jack", "jack resampled", "jack hpss", "portaudio", "portaudio block 480"],
)
def test_true_round_trip_is_the_declared_latency(
    server: JackServer, device: Device, block: int, sample_rate: int | None, separate: HpssConfig | None
) -> None:
    pipeline = PipelineConfig(separate=separate)
    config = SessionConfig(source=device, sink=device, block=block, sample_rate=sample_rate, pipeline=pipeline)
    with Live(config) as live:
        live.running()
        measured = delays(*ports())
        latency = live.stop().latency
    # PortAudio adds what JACK says of the hardware's playback, a period, which the probe does not go through.
    hardware = 0 if device is OWN else server.period
    assert abs(np.median(measured) - (latency.total - hardware)) <= 1, (measured, latency)


def test_stems_of_past_masks_are_heard_within_20_ms() -> None:
    """At 64 samples a period, with the rate of the network another than the device's."""
    separate = MaskNetworkConfig(model=small_file(), instant=InstantConfig())
    config = SessionConfig(source=OWN, sink=OWN, pipeline=PipelineConfig(separate=separate))
    with JackServer(period=64) as server, Live(config) as live:
        live.running()
        measured = delays(*ports(), n_impulses=9)
        latency = live.stop().latency
    # Turns of 1.3 ms that a busy machine misses make some impulses whole periods later, and none sooner.
    assert abs(min(measured) - latency.total) <= 1, (measured, latency)
    assert latency.total <= 0.02 * server.rate
    assert latency.pipeline <= 0.003 * server.rate


def test_longer_blocks_while_running_are_declared(own_server: JackServer) -> None:
    with Live(SessionConfig(source=OWN, sink=OWN)) as live:
        live.running()
        before = live.now.latency
        own_server.set_period(1024)
        live.wait(lambda: live.now.latency != before, "new latency")
        measured = delays(*ports())
        report = live.stop()
    assert before is not None and report.latency.rings == 2048 > before.rings
    assert abs(np.median(measured) - report.latency.total) <= 1
    told = [event for event in live.events if isinstance(event, Dropout) and event.where == "longer block"]
    assert sum(event.samples for event in told) == 2048 - before.rings


def play_and_record(
    signal: np.ndarray, rate: int, folder: Path, agrees: Callable[[list[np.ndarray], int], bool], **pipeline: Any
) -> None:
    """One session plays a file, another records it; its stems, and where the sound begins in them, must agree.

    A common process may miss its turn on a busy machine, and the server goes on without it: twice more in that case.
    """
    soundfile.write(folder / "in.wav", signal, rate, subtype="FLOAT")
    for chances in (2, 1, 0):
        config = SessionConfig(source=OWN, record_to=folder / "out", pipeline=PipelineConfig(**pipeline))
        with Live(config) as recording:
            recording.running()
            player = SessionConfig(source=folder / "in.wav", sink=Device(backend="jack", name="collaparte:in_"))
            with Live(player) as playing:
                played = playing.ended()
            recorded = recording.stop()
        assert (played.ended, played.n_samples, recorded.ended) == ("file", len(signal), "stopped")
        stems = [soundfile.read(folder / "out" / f"{name}.wav", dtype="float32")[0] for name in recorded.targets]
        assert {len(stem) for stem in stems} == {recorded.n_samples}
        loud = np.abs(np.sum(stems, axis=0)).max(axis=1) > 1e-3 * np.abs(signal).max()
        if agrees(stems, int(np.flatnonzero(loud)[0])):
            return
        excuses = played.counts.n_xruns + recorded.counts.n_xruns + played.counts.n_underflows
        assert chances and excuses, "what was recorded is not what was played"


def noise(n: int) -> np.ndarray:
    """(sample, 2), never near 0."""
    rng = np.random.default_rng(4)
    return (rng.uniform(0.1, 0.9, (n, 2)) * rng.choice([-1, 1], (n, 2))).astype(np.float32)


def test_file_to_device_to_file_is_exact(server: JackServer, tmp_path: Path) -> None:
    signal = noise(72_000)

    def agrees(stems: list[np.ndarray], start: int) -> bool:
        return np.array_equal(stems[0][start : start + len(signal)], signal)

    play_and_record(signal, 48000, tmp_path, agrees)


def test_file_of_another_rate_is_resampled(server: JackServer, tmp_path: Path) -> None:
    t, frequencies = np.arange(44_100) / 44_100, (441, 1000)
    signal = 0.5 * np.stack([np.cos(2 * np.pi * f * t) for f in frequencies], 1)

    def agrees(stems: list[np.ndarray], start: int) -> bool:
        spectra = np.abs(np.fft.rfft(stems[0], 480_000, axis=0))
        return bool((np.abs(np.argmax(spectra, axis=0) / 10 - frequencies) <= 0.2).all())

    play_and_record(signal, 44_100, tmp_path, agrees)


def test_live_stems_sum_to_the_file_that_was_played(server: JackServer, tmp_path: Path) -> None:
    signal = noise(96_000)

    def agrees(stems: list[np.ndarray], start: int) -> bool:
        error = np.sum(stems, axis=0)[start : start + len(signal)] - signal
        return bool(np.abs(error).max() <= FLOAT32 * signal.std())

    play_and_record(signal, 48000, tmp_path, agrees, separate=HpssConfig(look_ahead=1))


def test_gains_reach_the_output(server: JackServer) -> None:
    with Live(SessionConfig(source=OWN, sink=OWN, gains={"input": 0.0})) as live:
        live.running()
        assert delays(*ports(), n_impulses=1) == []
        live.session.set_gain("input", 2.0)
        assert len(delays(*ports(), n_impulses=1)) == 1
        live.stop()
