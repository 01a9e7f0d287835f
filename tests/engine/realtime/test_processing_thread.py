"""The processing thread's work and the callback, without a device: both ends of the rings are driven by hand."""

from __future__ import annotations

import ctypes
import os
import pickle

import numpy as np
import pytest

from engine.audio.callback import context, portaudio_callback
from engine.core.events import Dropout
from engine.core.format import AudioFormat
from engine.core.ring import private_ring
from engine.core.shared_memory import Counter, Layout, SharedMemory, anonymous_file
from engine.dsp.resample import ResampleConfig, Resampler
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.realtime.processing_thread import CHUNK, ProcessingThread, Rings
from engine.realtime.warm import prefill, rehearse_pipeline, warm
from engine.separation.config import HpssConfig, MaskNetworkConfig
from tests.networks.separation import small_file

NOISE = np.random.default_rng(3).standard_normal((40_000, 2)).astype(np.float32)
AUDIO = AudioFormat(sample_rate=48000, n_channels=2)
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
    ctypes.c_ulong,
    ctypes.c_void_p,
)


class Desk:
    """A device that calls back when told, an engine that works when told."""

    def __init__(self, pipeline: Pipeline, *, record_rows: int = 100_000, rows: int = 50_000) -> None:
        descriptor = anonymous_file()
        width = 2 * len(pipeline.targets)
        layout = Layout(record_rows=record_rows, record_width=width, event_bytes=10_000)
        self.memory = SharedMemory(descriptor, layout, create=True)
        os.close(descriptor)
        self.memory.gains[:] = 1.0
        self.rings = Rings(private_ring(rows, 2), private_ring(rows, 2))
        self.hop = ProcessingThread(self.memory, pipeline, self.rings, record=True, grown=lambda block: 0)
        self._context = context(self.memory.counters, self.rings.inputs, self.rings.outputs)
        self._callback = CALLBACK(portaudio_callback.address)
        self.memory[Counter.ARMED] = 1

    def silence(self, n: int) -> None:
        """What stands ready in the output ring."""
        assert self.rings.outputs is not None
        self.rings.outputs.write(np.zeros((n, 2), np.float32))

    def device(self, block: np.ndarray, flags: int = 0) -> np.ndarray:
        """One callback."""
        out = np.full_like(block, np.nan)
        self._callback(block.ctypes.data, out.ctypes.data, len(block), None, flags, self._context.ctypes.data)
        return out

    def work(self) -> None:
        """The processing thread takes what is there."""
        while n := self.rings.inputs.read(self.hop._block):
            self.hop.feed(self.hop._block[:n])
        self.hop._replace_lost()

    def finish(self) -> np.ndarray:
        """Stop, flush; return what was recorded, (sample, target * channel)."""
        self.memory[Counter.STOP] = 1
        self.hop.run()
        assert self.hop.error is None
        recorded = np.zeros((self.memory.record.n_readable, self.memory.record.data.shape[1]), np.float32)
        self.memory.record.read(recorded)
        return recorded

    def events(self) -> list[object]:
        events = []
        while (record := self.memory.events.read()) is not None:
            events.append(pickle.loads(record))
        return events


@pytest.mark.parametrize("block", [64, 100, 256, 480, 512, 960, 4096])
@pytest.mark.parametrize("separate", [None, HpssConfig(look_ahead=0)], ids=["whole", "hpss"])
def test_least_prefill_is_enough_and_one_sample_less_is_not(block: int, separate: HpssConfig | None) -> None:
    pipeline = Pipeline(AUDIO, PipelineConfig(separate=separate))
    hop = warm(pipeline)
    for short, n_underflows in ((0, 0), (1, 1)):
        desk = Desk(pipeline)
        pipeline.reset()
        ready = prefill(block, hop, 0) - short
        desk.silence(ready)
        parts = []
        for start in range(0, len(NOISE) - block, block):
            parts.append(desk.device(NOISE[start : start + block]))
            desk.work()
        out, declared = np.concatenate(parts), ready + pipeline.latency
        assert (desk.memory[Counter.N_UNDERFLOWS] > 0) == n_underflows
        if not short:
            n = len(out) - declared
            assert np.abs(out[declared:] - NOISE[:n]).max() < 1e-4  # the stems sum to the input


@pytest.mark.parametrize("hop", [64, 1024])
@pytest.mark.parametrize("block", [64, 256, 441, 512, 1024])
def test_prefill_is_enough_for_a_separation_at_its_own_rate(block: int, hop: int) -> None:
    model = small_file(n_fft=4 * hop, hop=hop, sample_rate=44100)
    pipeline = Pipeline(AUDIO, PipelineConfig(separate=MaskNetworkConfig(model=model)))
    assert not pipeline.even
    desk, ready = Desk(pipeline), prefill(block, warm(pipeline), 0, even=False)
    desk.silence(ready)
    out = []
    for start in range(0, len(NOISE) - block, block):
        out.append(desk.device(NOISE[start : start + block]))
        desk.work()
    assert desk.memory[Counter.N_UNDERFLOWS] == 0
    heard, declared = np.concatenate(out), ready + pipeline.latency
    assert np.abs(heard[declared:] - NOISE[: len(heard) - declared]).max() < 1e-4  # the stems sum to the input


def test_late_samples_are_dropped_and_latency_stays() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()))
    desk.silence(300)
    parts = []
    for turn in range(60):
        parts.append(desk.device(NOISE[100 * turn : 100 * turn + 100]))
        if not 20 <= turn < 30:  # the processing thread is away for a while
            desk.work()
    out = np.concatenate(parts)
    missing = desk.memory[Counter.MISSING]
    assert missing == desk.memory[Counter.SKIPPED] > 0
    silent = np.flatnonzero((out[300:] == 0).all(axis=1)) + 300
    assert len(silent) == missing
    kept = np.delete(np.arange(300, len(out)), silent - 300)
    assert np.array_equal(out[kept], NOISE[kept - 300])


def test_lost_input_becomes_silence_of_the_same_length() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()), rows=1000)
    for turn in range(25):
        desk.device(NOISE[100 * turn : 100 * turn + 100])
        if turn >= 17:
            desk.work()
    recorded = desk.finish()
    lost = desk.memory[Counter.LOST]
    assert lost == desk.memory[Counter.ACKNOWLEDGED] == 800  # the ring held 10 blocks; the 18th freed it again
    expected = NOISE[:2500].copy()
    expected[1000:1800] = 0
    assert np.array_equal(recorded, expected)
    told = [event for event in desk.events() if event.where == "input"]
    assert told == [Dropout(at=1000, emitted_at=1800, samples=800, where="input")]


def test_what_the_record_ring_could_not_hold_is_silent_and_told_in_its_place() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()), record_rows=1000)
    kept = []
    for turn in range(40):
        desk.device(NOISE[100 * turn : 100 * turn + 100])
        desk.work()
        if turn >= 20:  # whoever empties the ring was away for a while
            part = np.zeros((desk.memory.record.n_readable, 2), np.float32)
            desk.memory.record.read(part)
            kept.append(part)
    kept.append(desk.finish())
    recorded, expected = np.concatenate(kept), NOISE[:4000].copy()
    hole = [event for event in desk.events() if event.where == "recording"]
    assert len(hole) == 1
    assert (hole[0].at, hole[0].samples) == (1000, desk.memory[Counter.UNRECORDED])
    expected[1000 : 1000 + hole[0].samples] = 0
    assert np.array_equal(recorded, expected)


def test_nan_and_inf_become_silence_before_anything() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()))
    bad = NOISE[:3000].copy()
    bad[1000:1100], bad[1100:1200, 0], bad[1200:1300, 1] = np.nan, np.inf, -1e30
    desk.silence(4000)
    desk.device(bad)
    desk.work()
    recorded = desk.finish()
    expected = np.where(np.abs(bad) < 1e6, bad, 0).astype(np.float32)
    assert np.array_equal(recorded, expected)
    assert desk.memory[Counter.NON_FINITE] == 400


def test_separation_is_clean_again_right_after_nan() -> None:
    """0.2 s after bad input, the stems are those of an input that had silence there, bit by bit."""
    recorded = []
    for value in (np.nan, 0.0):
        desk = Desk(Pipeline(AUDIO, PipelineConfig(separate=HpssConfig(look_ahead=0))))
        signal = NOISE.copy()
        signal[5000:15_000] = value
        for start in range(0, len(signal), 500):
            desk.device(np.ascontiguousarray(signal[start : start + 500]))
            desk.work()
        recorded.append(desk.finish())
    assert np.array_equal(*recorded)


def test_full_record_ring_costs_no_time() -> None:
    """What the disk was too slow for is silence in the recording, and everything after it is in its place."""
    desk = Desk(Pipeline(AUDIO, PipelineConfig()), record_rows=1000)
    taken = np.zeros((5000, 2), np.float32)
    at = 0
    for turn in range(40):
        desk.device(NOISE[100 * turn : 100 * turn + 100])
        desk.work()
        if not 10 <= turn < 25:
            at += desk.memory.record.read(taken[at:])
    recorded = np.concatenate([taken[:at], desk.finish()])
    lost = desk.memory[Counter.UNRECORDED]
    assert lost > 0
    silent = (recorded == 0).all(axis=1)
    assert silent.sum() == lost
    assert np.array_equal(recorded[~silent], NOISE[:4000][~silent])


def test_flush_gives_every_sample_of_the_input() -> None:
    for n in (1, 1000, 5000, 12_345):
        pipeline = Pipeline(AUDIO, PipelineConfig(separate=HpssConfig(look_ahead=2)))
        desk = Desk(pipeline)
        desk.device(NOISE[:n])
        recorded = desk.finish().reshape(-1, 2, 2)
        assert len(recorded) == n + pipeline.latency
        assert np.abs(recorded[pipeline.latency :].sum(axis=1) - NOISE[:n]).max() < 1e-4


def test_gains_change_without_a_click() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()))
    ones = np.ones((500, 2), np.float32)
    parts = []
    for turn in range(10):
        desk.memory.gains[0] = 1.0 if turn < 4 else 0.25
        desk.device(ones)
        desk.work()
        out = np.zeros((600, 2), np.float32)
        assert desk.rings.outputs is not None
        parts.append(out[: desk.rings.outputs.read(out)])
    out = np.concatenate(parts)[:, 0]
    assert np.abs(np.diff(out)).max() < 0.002
    assert out[0] == 1.0 and out[-1] == 0.25


def test_two_rates_keep_the_declared_latency() -> None:
    """A device at 48 kHz, a pipeline at 44.1 kHz: what comes out is what went in, late as declared, for long."""
    pipeline = Pipeline(AudioFormat(sample_rate=44100, n_channels=2), PipelineConfig())
    desk = Desk(pipeline)
    into = Resampler(ResampleConfig(source_rate=48000, target_rate=44100, n_channels=2))
    out_of = Resampler(ResampleConfig(source_rate=44100, target_rate=48000, n_channels=2))
    desk.rings.into, desk.rings.out_of = into, out_of
    ready = prefill(256, 1, 0, 48000 / 44100)
    desk.silence(ready)
    t = np.arange(96_000) / 48000
    signal = np.stack([np.sin(2 * np.pi * 997 * t), np.sin(2 * np.pi * 443 * t)], 1).astype(np.float32)
    parts = []
    for start in range(0, len(signal), 256):
        parts.append(desk.device(signal[start : start + 256]))
        desk.work()
    out, declared = np.concatenate(parts), ready + round(into.latency * 48000 / 44100 + out_of.latency)
    assert desk.memory[Counter.N_UNDERFLOWS] == 0
    shifts = {
        k: np.abs(out[2000 + declared + k : 90_000 + k] - signal[2000 : 90_000 - declared]).max() for k in range(-2, 3)
    }
    assert min(shifts, key=shifts.__getitem__) in (-1, 0, 1)
    assert desk.memory[Counter.CONSUMED] == 96_000 * 441 // 480


def test_an_unarmed_callback_plays_silence_and_counts() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()))
    desk.memory[Counter.ARMED] = 0
    assert (desk.device(NOISE[:64]) == 0).all()
    assert (desk.memory[Counter.CALLBACKS], desk.memory[Counter.SAMPLES], desk.memory[Counter.LONGEST]) == (1, 64, 64)
    assert desk.memory[Counter.N_UNDERFLOWS] == desk.rings.inputs.n_readable == 0


def test_portaudio_flags_are_counted_but_priming_is_not() -> None:
    desk = Desk(Pipeline(AUDIO, PipelineConfig()))
    for flags in (0, 1, 2, 4, 8, 16):
        desk.device(NOISE[:10], flags)
    assert desk.memory[Counter.FLAGS] == 4


def test_rehearsal_leaves_nothing_behind() -> None:
    pipeline = Pipeline(AUDIO, PipelineConfig(separate=HpssConfig(look_ahead=0)))
    desk = Desk(pipeline)
    rehearse_pipeline(pipeline, desk.rings, warm(pipeline))
    desk.device(NOISE[:CHUNK])
    rehearsed = desk.finish()
    fresh = Desk(Pipeline(AUDIO, PipelineConfig(separate=HpssConfig(look_ahead=0))))
    fresh.device(NOISE[:CHUNK])
    assert np.array_equal(rehearsed, fresh.finish())


def test_a_failing_pipeline_is_told() -> None:
    pipeline = Pipeline(AUDIO, PipelineConfig())
    desk = Desk(pipeline)
    pipeline.process = lambda block: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    desk.device(NOISE[:10])
    desk.memory[Counter.STOP] = 1
    desk.hop.run()
    assert isinstance(desk.hop.error, ZeroDivisionError)
    assert desk.memory[Counter.ENDED] == 1
