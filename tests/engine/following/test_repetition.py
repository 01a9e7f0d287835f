"""Notes that are struck again: their templates, and that a held note does not pass for its repetition."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import Onset
from engine.core.format import AudioFormat
from engine.following.config import FollowConfig, follow_frames
from engine.following.reference import reference_from_score, with_rests
from engine.following.repetition import repeated_events, shared_by_repeats
from engine.score.score import Score, make_score
from tests.engine.following.play import RATE, events

FRAMES = follow_frames(AudioFormat(sample_rate=RATE, n_channels=1))
WAVES_HZ = 6.0  # of vibrato and tremolo
EARLY_S = 0.06  # by which an onset may be placed early: five frames
BEAT_S = 0.5


def melody() -> Score:
    """Two notes, five times the same, and two others, a quarter each, half a second by the score."""
    pitches = (68, 70, 72, 72, 72, 72, 72, 77, 75)
    rows = [(float(i), 1.0, pitch, 70) for i, pitch in enumerate(pitches)]
    return make_score("melody", rows, tempi=[(0.0, 120.0)], bars=[(4.0 * i, i + 1) for i in range(3)])


def struck(held_s: float) -> np.ndarray:
    """When the notes of the melody begin: in time, but for the third, which is held."""
    return 1.0 + BEAT_S * np.arange(9) + np.where(np.arange(9) > 2, held_s - BEAT_S, 0.0)


def bowed(score: Score, struck_s: np.ndarray, *, vibrato: float, tremolo: float) -> np.ndarray:
    """The melody on an instrument whose tone does not fade; a short gap before every note, and noise."""
    ends_s = np.append(struck_s[1:] - 0.03, struck_s[-1] + 0.5)
    sound = np.zeros(int(RATE * (ends_s[-1] + 1.0)))
    for begin_s, end_s, pitch in zip(struck_s, ends_s, score.note_pitch, strict=True):
        t = np.arange(round((end_s - begin_s) * RATE)) / RATE
        hz = 440 * 2 ** ((pitch - 69) / 12)
        phase = 2 * np.pi * hz * t - vibrato * hz / WAVES_HZ * np.cos(2 * np.pi * WAVES_HZ * t)
        tone = sum(h**-1.2 * np.sin(h * phase) for h in range(1, 12) if h * hz < RATE / 2)
        tone *= 1 + tremolo * np.sin(2 * np.pi * WAVES_HZ * t)
        edges = np.minimum(1, np.minimum(t / 0.01, (t[-1] - t) / 0.02))
        start = round(begin_s * RATE)
        sound[start : start + len(t)] += 0.1 * edges * tone
    sound += 1e-4 * np.random.default_rng(0).normal(size=len(sound))
    return sound[:, None].astype(np.float32)


def test_a_repetition_holds_what_was_held_before() -> None:
    rows = [(0.0, 1.0, 60, 70), (1.0, 1.0, 60, 70), (2.0, 1.0, 60, 70), (2.0, 2.0, 67, 70), (3.0, 1.0, 60, 70)]
    rows += [(4.0, 1.0, 60, 70)]
    score = make_score("repeats", rows, tempi=[(0.0, 120.0)], bars=[(0.0, 1)])
    assert repeated_events(score).tolist() == [False, True, False, True, False]


def test_an_event_and_its_repetitions_share_their_mean() -> None:
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    repeats = np.array([False, False, True, True, False, False])
    shared = shared_by_repeats(rows, repeats)
    assert np.array_equal(shared[[0, 4, 5]], rows[[0, 4, 5]])
    assert np.array_equal(shared[1:4], np.tile(rows[1:4].mean(axis=0), (3, 1)))
    assert shared_by_repeats(rows, np.zeros(6, bool)) is rows


def test_templates_of_repetitions_sustain_alike() -> None:
    reference = reference_from_score(melody(), FRAMES, FollowConfig().features)
    assert np.ptp(reference.sustain[2:7], axis=0).max() == 0
    assert np.ptp(reference.sustain[1:3], axis=0).max() > 0


def test_a_rest_before_a_repetition_is_not_one() -> None:
    rows = [(0.0, 1.0, 60, 70), (8.0, 1.0, 60, 70), (9.0, 1.0, 60, 70)]
    score = make_score("rest", rows, tempi=[(0.0, 120.0)], bars=[(0.0, 1)])
    reference = with_rests(reference_from_score(score, FRAMES, FollowConfig().features))
    assert reference.repeats.tolist() == [False, False, True, True]
    assert not reference.sustain[1].any() and reference.sustain[0].any()


@pytest.mark.parametrize(("held_s", "vibrato", "tremolo"), [(0.75, 0.004, 0.15), (0.9, 0.007, 0.0)])
def test_a_held_note_does_not_pass_for_its_repetition(held_s: float, vibrato: float, tremolo: float) -> None:
    struck_s = struck(held_s)
    sound = bowed(melody(), struck_s, vibrato=vibrato, tremolo=tremolo)
    heard = [event for event in events(sound, melody()) if isinstance(event, Onset) and event.heard]
    assert [event.quarter for event in heard] == list(range(9))
    for event in heard:
        assert event.due_s > struck_s[int(event.quarter)] - EARLY_S, f"quarter {event.quarter} at {event.due_s:.2f} s"
