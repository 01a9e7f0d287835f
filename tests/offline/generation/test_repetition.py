"""Detection of repetitions: what comes again is guessed, with a confidence that grows with what has agreed."""

from __future__ import annotations

import numpy as np

from offline.generation.repetition import N_AGREED, Repetition, repetitions


def phrase(n_chords: int, seed: int = 0) -> np.ndarray:
    """Chords of a beat each, no two alike in any voice one after another, (frame, 4)."""
    chords = np.random.default_rng(seed).permuted(np.tile(np.arange(1, n_chords + 1), (4, 1)), axis=1).T
    return np.repeat(chords, 4, axis=0)


def test_a_phrase_that_comes_back_is_guessed() -> None:
    once = phrase(16)
    guessed, confidence = repetitions(np.concatenate([once, once]))
    second = slice(len(once) + 4, 2 * len(once) - 1)  # after its first chord, which alone is no repetition yet
    assert (guessed[second, 0] == once[5:]).all()
    assert (np.diff(confidence[second, 0, 0]) >= 0).all()
    assert confidence[-1, 0, 0] == N_AGREED - 1
    assert not confidence[: len(once), 0].any()


def test_a_voice_alone_is_followed_where_the_others_left() -> None:
    once, other = phrase(12), phrase(12)
    other[:, 1:] += 20
    guessed, confidence = repetitions(np.concatenate([once, other]))
    end = slice(len(once) + 8, -1)
    assert (guessed[end, 1, 0] == once[9:, 0]).all()
    assert (confidence[end, 1, 0] > 0).all()
    assert not confidence[end, 1, 1:].any()
    assert not confidence[end, 0].any()


def test_a_break_ends_it_and_what_is_still_says_nothing() -> None:
    once = phrase(12)
    broken = np.concatenate([once, once[:24], once[:1] + 30])
    assert not repetitions(broken)[1][-1].any()
    assert not repetitions(np.full((64, 4), 7))[1].any()


def test_it_forgets_and_begins_anew() -> None:
    repetition = Repetition(4)
    for frame in np.concatenate([phrase(16), phrase(200, 1) + 50, phrase(16)]):
        repetition.accept(frame)
    assert not repetition.guess()[1][0].any()  # too long ago
    repetition.reset()
    assert not repetition.guess()[1].any()
