"""Musical measures of generated pieces beside a corpus: holds, ranges, parallels, overlap, and copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import gaussian_kde

from offline.music.piece import REST, attacks_of

__all__ = [
    "Overlap",
    "copy_check",
    "crossing_rate",
    "hold_rate",
    "note_counts",
    "onset_gaps",
    "out_of_range_rate",
    "overlap",
    "parallel_rate",
    "scale_consistency",
]

RANGES = ((57, 81), (52, 76), (45, 69), (36, 64))  # soprano, alto, tenor, bass, as in Bach's chorales, a tone wider
MAJOR = np.array([0, 2, 4, 5, 7, 9, 11])


def hold_rate(piece: np.ndarray) -> float:
    """Return the share of (frame, voice) that repeats the voice's last pitch, without the first frame."""
    return float((piece[1:] == piece[:-1]).mean())


def note_counts(piece: np.ndarray, frames: int = 128) -> list[int]:
    """Return the notes that begin in each stretch of `size` frames."""
    struck = attacks_of(piece).sum(axis=1)
    return [int(struck[i : i + frames].sum()) for i in range(0, len(piece) - frames + 1, frames)]


def onset_gaps(piece: np.ndarray) -> np.ndarray:
    """Return the frames from each note to the next one of its voice."""
    struck = attacks_of(piece)
    return np.concatenate([np.diff(np.flatnonzero(struck[:, v])) for v in range(piece.shape[1])])


def parallel_rate(piece: np.ndarray) -> float:
    """Return the share of parallel fifths and octaves among all moves of two voices, each voice pair counted alone."""
    bad = moves = 0
    for low in range(piece.shape[1]):
        for high in range(low):
            upper, lower = piece[:, high].astype(int), piece[:, low].astype(int)
            both = (np.diff(upper) != 0) & (np.diff(lower) != 0)
            both &= (upper[:-1] != REST) & (lower[:-1] != REST) & (upper[1:] != REST) & (lower[1:] != REST)
            same_way = np.sign(np.diff(upper)) == np.sign(np.diff(lower))
            interval = (upper - lower) % 12
            perfect = (interval[1:] == interval[:-1]) & np.isin(interval[1:], (0, 7))
            bad += int((both & same_way & perfect).sum())
            moves += int(both.sum())
    return bad / moves if moves else 0.0


def out_of_range_rate(piece: np.ndarray) -> float:
    """Return the share of sounding (frame, voice) outside the four voices' ranges."""
    low, high = np.array(RANGES).T
    sounding = piece != REST
    outside = sounding & ((piece < low) | (piece > high))
    return float(outside.sum() / max(sounding.sum(), 1))


def crossing_rate(piece: np.ndarray) -> float:
    """Return the share of frames where a lower voice is above a higher one."""
    pitch = piece.astype(float)
    pitch[piece == REST] = np.nan
    with np.errstate(invalid="ignore"):
        return float((np.diff(pitch, axis=1) > 0).any(axis=1).mean())


def scale_consistency(piece: np.ndarray) -> float:
    """Return the largest share of notes in one major scale (muspy's measure, minor keys by their relative major)."""
    pitches = piece[attacks_of(piece)] % 12
    if not len(pitches):
        return 1.0
    return max(float(np.isin((pitches - root) % 12, MAJOR).mean()) for root in range(12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two estimated densities compared.

    area: shared by both, 0 to 1
    divergence: Kullback-Leibler, from the corpus, nats
    """

    area: float
    divergence: float


def overlap(samples: np.ndarray, corpus: np.ndarray) -> Overlap:
    """Compare a measure over samples with the same over a corpus (Yang & Lerch 2020, on the values themselves).

    Densities by Gaussian kernels with Scott's width; a set without spread gets a width of a hundredth of the other's.
    """
    samples, corpus = np.asarray(samples, float), np.asarray(corpus, float)
    low, high = min(samples.min(), corpus.min()), max(samples.max(), corpus.max())
    margin = max(high - low, 1e-6)
    x = np.linspace(low - margin, high + margin, 2001)
    p, q = _density(samples, x, margin), _density(corpus, x, margin)
    step = x[1] - x[0]
    area = float(np.minimum(p, q).sum() * step)
    inside = (q > 1e-12) & (p > 1e-12)
    return Overlap(area=area, divergence=float((q[inside] * np.log(q[inside] / p[inside])).sum() * step))


def _density(values: np.ndarray, x: np.ndarray, margin: float) -> np.ndarray:
    if values.std() < 1e-9:
        width = margin / 100
        out: np.ndarray = np.exp(-0.5 * ((x - values[0]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        return out
    return np.asarray(gaussian_kde(values)(x))


def copy_check(piece: np.ndarray, corpus: list[np.ndarray]) -> tuple[int, int]:
    """Return the length of the longest run of frames that occurs in the corpus in some key, and the index of its piece.

    Frames are compared as voices relative to the run's first soprano; rests equal rests.
    """
    best = (0, -1)
    for i, other in enumerate(corpus):
        length = _longest_shared(_relative(piece), _relative(other))
        if length > best[0]:
            best = (length, i)
    return best


def _relative(piece: np.ndarray) -> np.ndarray:
    """Encode each frame as chord shape and the soprano's step, so that keys do not matter."""
    pitch = piece.astype(np.int64)
    shape = np.where(piece == REST, 99, pitch - pitch[:, :1])
    steps = np.diff(pitch[:, 0], prepend=pitch[:1, 0])
    columns = np.column_stack([shape[:, 1:], steps])
    code = np.zeros(len(piece), np.int64)
    for column in columns.T:
        code = code * 401 + column + 200
    return code


def _longest_shared(a: np.ndarray, b: np.ndarray) -> int:
    """Return the longest common substring, one row of its table at a time."""
    best = 0
    before = np.zeros(len(b) + 1, np.int32)
    for value in a:
        now = np.zeros_like(before)
        now[1:] = np.where(b == value, before[:-1] + 1, 0)
        best = max(best, int(now.max()))
        before = now
    return best
