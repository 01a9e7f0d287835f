"""A case of the accompaniment: a played scale in, the chords that go with it out, against the same run in one piece."""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.accompaniment.accompanist import AccompanyConfig
from engine.accompaniment.parts import Accompaniment, AccompanimentPart
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.touch_config import TouchConfig
from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.score.beats import Beats
from engine.score.score import make_score
from tests.contract import Case, delayed
from tests.engine.following.play import RATE, scale, sound
from tests.tolerances import EXACT

SCALE = scale(12)
CHORDS = make_score("chords", [(q, 1, pitch, 80) for q in range(12) for pitch in (36, 43)])
PEDAL = tuple((q, value) for q in range(0, 12, 2) for value in (0, 127))
PART = AccompanimentPart(name="chords", channel=0, score=CHORDS, pedal=PEDAL, gain_db=-3.0)
BOTH = Accompaniment(solo=SCALE, parts=(PART,), beats=Beats(np.arange(12.0), np.arange(12) % 4 == 0))
ACCOMPANY = AccompanyConfig(
    accompaniment=BOTH,
    sound=SynthesiserConfig(engine="built-in"),
    touch=TouchConfig(dynamics=1.0),
    metronome=True,
)


class Follows:
    """The sound of the accompaniment and its metronome."""

    latency = 0

    def __init__(self) -> None:
        audio = AudioFormat(sample_rate=RATE, n_channels=1)
        self.pipeline = Pipeline(audio, PipelineConfig(score=SCALE, accompany=ACCOMPANY))

    def reset(self) -> None:
        self.pipeline.reset()

    def process(self, block: np.ndarray) -> np.ndarray:
        return self.pipeline.process(block).stems[:, 1:].sum(axis=1)


@cache
def in_one_piece() -> np.ndarray:
    sounded = Follows().process(sound(SCALE)[0])
    assert np.abs(sounded).max() > 0.01, "it plays"
    return sounded


def as_in_one_piece(output: np.ndarray, signal: np.ndarray, latency: int) -> float:
    return delayed(output, in_one_piece()[: len(signal)], latency)


CASES = [Case("accompaniment", Follows, sound(SCALE)[0], as_in_one_piece, tolerance=EXACT)]
