"""A score of some pages with a repeat, and a take of it, for the stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from engine.score.readers import read_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform
from tests.engine.stage.page.music import SmallScore

RATE = 44_100
BPM = 170.0
STEADY = PerformConfig(arch=0.02, wander=0.005, slowing=0.0, spread_ms=4.0, lead_ms=0.0, start_s=1.0)


def written(folder: Path, *, n_bars: int = 24, repeated: int = 2) -> Path:
    """The score as a file."""
    score = folder / "study.musicxml"
    score.write_text(SmallScore(n_bars, repeated).musicxml)
    return score


def played(score: Path, *, seconds: float = 0.0, silence_s: float = 0.0) -> Path:
    """A take beside the score, as it is played out; at most so long, if that is said; then silence."""
    notes = read_score(score)
    quicker = notes.retimed([0.0, 1000.0], [0.0, 1000.0 * 60 / BPM])
    sound = additive(perform(quicker, seed=1, config=STEADY), RATE)
    take = score.with_suffix(".flac")
    silence = np.zeros(int(silence_s * RATE))
    soundfile.write(take, np.concatenate([0.5 * np.asarray(sound[: int(seconds * RATE) or None]), silence]), RATE)
    return take
