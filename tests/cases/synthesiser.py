"""Cases of the synthesisers: a tune that comes again and again, against the same rendered in one piece."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np

from engine.accompaniment.fluidsynth import has_fluidsynth
from engine.accompaniment.synthesiser import Synthesiser
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.audio.soundfont import find_soundfont
from engine.core.format import AudioFormat
from engine.midi.notes import note_off, note_on
from tests.contract import Case, delayed
from tests.tolerances import FLOAT32, RESAMPLED

N = 12_000
PERIOD = 8000  # samples at 48 kHz, after which the tune comes again
TUNE = [
    (17, note_on(0, 60, 100)),
    (400, note_on(1, 67, 80)),
    (1500, bytes((0xE1, 0, 90))),
    (2777, note_off(0, 60)),
    (2777, note_on(0, 72, 120)),
    (3001, note_on(9, 38, 100)),
    (5000, note_off(1, 67)),
    (6000, note_off(0, 72)),
]


class Tune:
    """A processor that plays the tune for as long as it has input, whatever that is."""

    def __init__(self, engine: str, sample_rate: int) -> None:
        audio = AudioFormat(sample_rate=sample_rate, n_channels=2)
        self.synthesiser = Synthesiser(audio, SynthesiserConfig(engine=engine))
        self.synthesiser.program(1, 48)
        self.latency = self.synthesiser.latency
        self.scale = sample_rate // 48_000
        self.reset()

    def reset(self) -> None:
        self.synthesiser.reset()
        self.at = self.sent = 0

    def process(self, block: np.ndarray) -> np.ndarray:
        while self.sent < self.at + len(block):
            for at, message in TUNE:
                self.synthesiser.send(self.sent + at * self.scale, message)
            self.sent += PERIOD * self.scale
        self.at += len(block)
        return self.synthesiser.render(len(block))


@cache
def tune(engine: str, sample_rate: int) -> np.ndarray:
    n = N * sample_rate // 48_000
    return Tune(engine, sample_rate).process(np.zeros((n, 2), np.float32)).copy()


def like_the_whole(engine: str, output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, tune(engine, 48_000), latency)


def like_half_the_rate(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output[latency::2], tune("fluidsynth", 96_000), 0)


def case(engine: str, sample_rate: int, misfit: Callable[..., float], tolerance: float) -> Case:
    signal = np.zeros((N * sample_rate // 48_000, 2), np.float32)
    name = f"synthesiser {engine} at {sample_rate}"
    return Case(name, lambda: Tune(engine, sample_rate), signal, misfit, tolerance)


CASES = [case("built-in", 48_000, partial(like_the_whole, "built-in"), FLOAT32)]
if has_fluidsynth() and find_soundfont() is not None:
    CASES.append(case("fluidsynth", 48_000, partial(like_the_whole, "fluidsynth"), FLOAT32))
    CASES.append(case("fluidsynth", 192_000, like_half_the_rate, RESAMPLED))
