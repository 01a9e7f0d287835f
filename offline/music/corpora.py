"""The corpora that systems learn from: chorales and what is derived from them, tunes, and music made by rule."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from engine.core.errors import ScoreError
from offline.music.catalogue import CORPORA, ROLL_SPLITS
from offline.music.chorale_split import divide
from offline.music.codecs import AbcTokens, DrumTokens
from offline.music.piece import REST, Piece, from_grid
from offline.music.piece_sets import load_pieces
from offline.music.roll_sets import Split, load_chorales, load_rolls

__all__ = ["Corpora", "blues", "chord_code", "chords_of", "grooves", "sound_of", "with_chords"]

TUNES, CHORALES, SIGNED = (CORPORA[name].file for name in ("tunes", "chorales", "signed chorales"))
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)


class Corpora:
    """The corpora of a folder, read when they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cache  # noqa: B019 - lives as long as the process
    def chorales(self) -> Split:
        """Read the chorales at sixteenths, (frame, 4) of pitches."""
        return load_chorales(self._path(CHORALES))

    @property
    def signs_known(self) -> bool:
        """Return whether the scores with ties and fermatas are there."""
        return (self.folder / SIGNED).exists()

    @cache  # noqa: B019
    def signed_chorales(self) -> dict[str, list[Piece]]:
        """Read the chorales with ties, fermatas and metre where chorales.npz is there, else from the grid."""
        published = self.chorales()
        if self.signs_known:
            return divide(load_pieces(self.folder / SIGNED), published)
        return {split: [from_grid(frames) for frames in pieces] for split, pieces in published.items()}

    @cache  # noqa: B019
    def rolls(self, name: str) -> Split:
        """Read a set of Boulanger-Lewandowski, (step, 88)."""
        return load_rolls(self._path(name + ".mat"))

    @cache  # noqa: B019
    def tunes(self) -> tuple[AbcTokens, Split]:
        """Read tunes as tokens: every tenth validates, every tenth tests; the vocabulary is of all."""
        with self._path(TUNES).open(encoding="utf8") as file:
            tunes = json.load(file)
        codec = AbcTokens.of(tunes)
        split: Split = {name: [] for name in ROLL_SPLITS}
        for i, tune in enumerate(tunes):
            split[{0: "valid", 1: "test"}.get(i % 10, "train")].append(codec.encode(tune))
        return codec, split

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            remedy = "collaparte data music21 -o FOLDER" if name == TUNES else "docs/data.md says where to get it"
            raise ScoreError(str(path), expected="a corpus", got="no such file", remedy=remedy)
        return path


def chords_of(frames: np.ndarray, steps: int = 4) -> np.ndarray:
    """Return the chord of every `steps` frames (frame, voice): 1 + root for major, 13 + root for minor.

    It is the triad whose notes sound longest, with the bass counted twice.
    """
    n = -(-len(frames) // steps)
    chroma = np.zeros((n, 12))
    for voice in range(frames.shape[1]):
        weight = 2.0 if voice == frames.shape[1] - 1 else 1.0
        sounding = np.flatnonzero(frames[:, voice] != REST)
        np.add.at(chroma, (sounding // steps, frames[sounding, voice] % 12), weight)
    triads = np.zeros((24, 12))
    for root in range(12):
        for i, triad in enumerate((MAJOR, MINOR)):
            triads[12 * i + root, [(root + step) % 12 for step in triad]] = 1
    return np.asarray(1 + (chroma @ triads.T).argmax(axis=1))


def chord_code(chord: np.ndarray) -> np.ndarray:
    """Return MidiNet's thirteen values of chords (n,): twelve for the root, one for minor; (n, 13) float32."""
    code = np.zeros((len(chord), 13), np.float32)
    known = chord > 0
    code[np.flatnonzero(known), (chord[known] - 1) % 12] = 1
    code[:, 12] = chord > 12
    return code


def with_chords(frames: np.ndarray, steps: int = 4) -> Piece:
    """Return the highest voice, and the chords of all as voice 1 (see `TuneTuples`)."""
    chords = np.repeat(chords_of(frames, steps), steps)[: len(frames)]
    grid = np.column_stack([frames[:, 0], chords]).astype(np.int16)
    return from_grid(grid)


BLUES_ROOTS = (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 0)  # twelve bars: I I I I IV IV I I V IV I I
BLUES_SCALE = (0, 3, 5, 6, 7, 10, 12)


def blues(rng: np.random.Generator, *, melody: bool = True) -> np.ndarray:
    """Make twelve bars of eighths as bits (96, 25): twelve of chord tones, thirteen of a melody in the blues scale.

    Eck & Schmidhuber (2002) made theirs by rule too. The rule here: seventh chords, and a random walk on the scale
    that is on a chord tone at each bar line.
    """
    roll = np.zeros((96, 25 if melody else 12), np.float32)
    place = int(rng.integers(len(BLUES_SCALE)))
    for bar, root in enumerate(BLUES_ROOTS):
        roll[bar * 8 : bar * 8 + 8, [(root + step) % 12 for step in (0, 4, 7, 10)]] = 1
        if not melody:
            continue
        for eighth in range(8):
            if eighth % 2 and rng.random() < 0.4:
                continue
            place = int(np.clip(place + rng.integers(-1, 2), 0, len(BLUES_SCALE) - 1))
            tones = [i for i, step in enumerate(BLUES_SCALE) if (step - root) % 12 in (0, 3, 4, 7, 10)]
            if eighth == 0:
                place = min(tones, key=lambda i: abs(i - place))
            roll[bar * 8 + eighth, 12 + BLUES_SCALE[place]] = 1
    return roll


def grooves(rng: np.random.Generator, n_bars: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Make drum tokens (step,) by rule, and their conditions (step, 22): bass, guitar, tempo, position in the metre.

    A backbeat with a kick pattern that the bass doubles, hats by tempo, and a fill in every fourth bar. No drum corpus
    has a free licence, so weights trained on this know only this style.
    """
    codec = DrumTokens()
    bit = {key: 1 << i for i, key in enumerate(codec.drums)}
    tempo = rng.uniform(70, 160)
    kick = {0, *rng.choice([3, 6, 7, 8, 10, 11, 14], size=int(rng.integers(1, 4)), replace=False).tolist()}
    strum = set(rng.choice(16, size=int(rng.integers(2, 7)), replace=False).tolist())
    every = 2 if tempo < 125 else 4
    tokens = np.zeros(16 * n_bars, np.int64)
    for step in range(16 * n_bars):
        bar, place = divmod(step, 16)
        token = bit[36] if place in kick else 0
        token |= bit[38] if place in (4, 12) else 0
        token |= (bit[46] if place == 14 and rng.random() < 0.2 else bit[42]) if place % every == 0 else 0
        if bar % 4 == 3 and place >= 12:
            token = bit[38] if place % 2 == 0 else bit[45] if rng.random() < 0.7 else bit[48]
        if bar % 4 == 0 and place == 0 and bar:
            token |= bit[49]
        tokens[step] = token
    places = np.arange(16 * n_bars) % 16
    instruments = np.stack([np.isin(places, sorted(kick)), np.isin(places, sorted(strum))], axis=1)
    bars = np.eye(4)[np.arange(16 * n_bars) // 16 % 4][:, :3]
    pace = np.full((16 * n_bars, 1), (tempo - 110) / 40)
    return tokens, np.hstack([instruments, np.eye(16)[places], bars, pace]).astype(np.float32)


def sound_of(frames: np.ndarray, sample_rate: int, *, step_s: float = 0.15, seed: int = 0) -> np.ndarray:
    """Render frames (frame, voice) by an organ of six harmonics with a soft attack; float32, peak 0.9 at most."""
    rng = np.random.default_rng(seed)
    length = round(step_s * sample_rate)
    out = np.zeros(len(frames) * length)
    for note in from_grid(frames).notes:
        start, n = int(note["onset"]) * length, int(note["duration"]) * length
        t = np.arange(n) / sample_rate
        frequency = 440 * 2 ** ((int(note["pitch"]) - 69) / 12)
        shape = np.minimum(1, np.minimum(t / 0.02, (n / sample_rate - t) / 0.02))
        for harmonic in range(1, 7):
            if harmonic * frequency < sample_rate / 2:
                out[start : start + n] += (
                    shape * np.sin(2 * np.pi * harmonic * frequency * t + rng.uniform(0, 2 * np.pi)) / harmonic
                )
    return np.asarray((0.9 * out / max(np.abs(out).max(), 1e-9)).astype(np.float32))
