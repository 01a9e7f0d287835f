"""Musical measures on passages where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from offline.evaluation.musical import (
    copy_check,
    crossing_rate,
    hold_rate,
    note_counts,
    onset_gaps,
    out_of_range_rate,
    overlap,
    parallel_rate,
    scale_consistency,
)
from offline.music.piece import from_grid


def chords(*rows: tuple[int, int, int, int], frames: int = 4) -> np.ndarray:
    return np.repeat(np.array(rows, np.int16), frames, axis=0)


CADENCE = chords((72, 67, 64, 48), (72, 69, 65, 53), (71, 67, 62, 55), (72, 67, 64, 48))


def test_holds_counts_and_gaps() -> None:
    assert hold_rate(CADENCE) == (4 * 15 - 10) / (4 * 15)
    assert note_counts(CADENCE, frames=8) == [4 + 3, 4 + 3]
    assert sorted(onset_gaps(CADENCE).tolist()) == [4] * 9 + [8]


def test_parallels() -> None:
    assert parallel_rate(chords((72, 67, 64, 60), (74, 67, 64, 62))) == 1.0  # octaves, soprano and bass
    assert parallel_rate(chords((67, 60, 48, 36), (69, 62, 48, 36))) == 1.0  # fifths
    assert parallel_rate(chords((67, 60, 48, 36), (60, 67, 48, 36))) == 0.0  # contrary


def test_ranges_and_crossings() -> None:
    assert out_of_range_rate(CADENCE) == 0
    assert out_of_range_rate(chords((90, 67, 64, 48))) == 0.25
    assert crossing_rate(CADENCE) == 0
    assert crossing_rate(chords((60, 67, 55, 48), (72, 67, -1, 48))) == 0.5


def test_scales() -> None:
    assert scale_consistency(CADENCE) == 1.0
    chromatic = np.arange(60, 72, dtype=np.int16)[:, None]
    assert scale_consistency(chromatic) == 7 / 12


def test_overlap() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 400), rng.normal(0, 1, 400)
    assert overlap(a, a).area > 0.999
    assert overlap(a, b).area > 0.9
    assert overlap(a, b + 20).area < 0.01
    assert overlap(a, b + 2).divergence > overlap(a, b).divergence > 0
    # two unit normals two apart share 2 * Phi(-1) = 0.317; kernels widen them a little
    assert abs(overlap(a, b + 2).area - 0.317) < 0.06


def test_copies_are_found_in_any_key() -> None:
    rng = np.random.default_rng(1)
    corpus = [rng.integers(40, 80, (50, 4)).astype(np.int16) for _ in range(3)]
    piece = rng.integers(40, 80, (40, 4)).astype(np.int16)
    piece[5:25] = corpus[2][10:30] + 3
    length, where = copy_check(piece, corpus)
    assert where == 2
    assert length in (19, 20, 21)  # the step into the first frame is another one


def test_muspy_says_the_same() -> None:
    muspy = pytest.importorskip("muspy")
    rng = np.random.default_rng(2)
    for piece in (CADENCE, rng.integers(40, 80, (40, 1)).astype(np.int16)):
        music = muspy.Music(resolution=4, tracks=[muspy.Track(name="all")])
        for note in from_grid(piece).notes:
            music.tracks[0].append(muspy.Note(int(note["onset"]), int(note["pitch"]), int(note["duration"]), 80))
        assert scale_consistency(piece) == pytest.approx(muspy.scale_consistency(music))
