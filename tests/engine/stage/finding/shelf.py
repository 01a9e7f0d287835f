"""A dozen small pieces that are unlike each other, and their sound from anywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import models
from engine.core.events import Event
from engine.core.format import AudioFormat
from engine.score.score import Score, make_score
from engine.stage.finding.config import FinderConfig
from engine.stage.finding.piece_follower import PieceFollower, PieceFollowerConfig
from engine.stage.finding.piece_index import PieceIndex
from tests.engine.following.play import RATE, sound

SALIENCE = Path(models.__file__).parent / "weights" / "salience.onnx"
AUDIO = AudioFormat(sample_rate=RATE, n_channels=1)
N_PIECES, N_NOTES = 12, 40
MAJOR = np.array([0, 2, 4, 5, 7, 9, 11])
EASILY = FinderConfig(sure=0.75)  # of these bare tones the network hears less than of instruments
LEAD_S = 0.3  # silence before the first note


def tune(seed: int) -> Score:
    """A walk of eighths and quarters through a scale, over a bass of half notes, in bars of four quarters."""
    rng = np.random.default_rng(seed)
    degrees = np.clip(np.cumsum(rng.integers(-3, 4, N_NOTES)), -7, 9)
    lengths = rng.choice([0.5, 0.5, 1.0], N_NOTES)
    onsets = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    pitches = 67 + seed % 5 + 12 * (degrees // 7) + MAJOR[degrees % 7]
    rows = [(q, d, p, 70) for q, d, p in zip(onsets, lengths, pitches, strict=True)]
    rows += [(2.0 * i, 2.0, 40 + seed % 5 + int(rng.choice(MAJOR)), 64) for i in range(int(onsets[-1] / 2))]
    bars = [(4.0 * i, i + 1) for i in range(int(onsets[-1] / 4) + 1)]
    return make_score(f"tune {seed}", rows, tempi=[(0.0, 100.0)], bars=bars)


def spliced(first: Score, then: Score, quarter: float) -> Score:
    """The first tune up to a quarter, then the other."""
    scores = [(first, first.note_quarter < quarter), (then, then.note_quarter >= quarter)]
    columns = [[s.note_quarter[k], s.note_duration[k], s.note_pitch[k], s.note_velocity[k]] for s, k in scores]
    rows = [(float(q), float(d), int(p), int(v)) for part in columns for q, d, p, v in zip(*part, strict=True)]
    bars = [(4.0 * i, i + 1) for i in range(int(then.end_quarter / 4) + 1)]
    return make_score(f"{first.name} and {then.name}", rows, tempi=[(0.0, 100.0)], bars=bars)


def index_of(*scores: Score) -> PieceIndex:
    return PieceIndex.of([(f"id{i}", f"piece {i}", score) for i, score in enumerate(scores)])


def shelf() -> PieceIndex:
    return index_of(*(tune(seed) for seed in range(N_PIECES)))


def played_from(score: Score, quarter: float, seconds: float) -> np.ndarray:
    """Sound (sample, 1) of the score from a quarter on, after a little silence."""
    audio, played = sound(score)
    start_s = float(np.interp(quarter, played.quarter, played.audio_s))
    begin = int((start_s - 0.02) * RATE)
    return np.concatenate([np.zeros((int(LEAD_S * RATE), 1), np.float32), audio[begin : begin + int(seconds * RATE)]])


def heard(index: PieceIndex, audio: np.ndarray, **settings: object) -> list[Event]:
    settings.setdefault("finder", EASILY)
    node = PieceFollower(AUDIO, PieceFollowerConfig(index=index, salience=SALIENCE, **settings))  # type: ignore[arg-type]
    return node.process(audio.astype(np.float32))
