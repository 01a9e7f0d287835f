"""What a player plays first, as a piece on the grid, and where to go on from it."""

from __future__ import annotations

import numpy as np
import pytest

from cli.live.bar_listener import BarListener, assign_voices
from engine.core.errors import ConfigError
from engine.midi.notes import note_off, note_on
from offline.music.piece import REST, to_grid

RATE = 48000
STEP = RATE * 60 / 120 / 4  # a sixteenth at 120
SOON = 7 * RATE  # when the player begins


def play(listener: BarListener, notes: list[tuple[float, float, int]], lateness: int = 0) -> None:
    """Notes (onset, end, pitch) in sixteenths, all late by so many samples but the first."""
    messages = [(onset * STEP, 1, note_on(0, pitch, 90)) for onset, _, pitch in notes]
    messages += [(end * STEP, 0, note_off(0, pitch)) for _, end, pitch in notes]
    for i, (at, _, message) in enumerate(sorted(messages)):
        listener.take(SOON + round(at) + (lateness if i else 0), message)


def test_the_first_note_is_the_first_beat_and_the_rest_is_quantised() -> None:
    listener = BarListener(1, sample_rate=RATE, tempo_bpm=120)
    listener.take(SOON - 5000, bytes([0xF8]))  # a clock is no note
    play(listener, [(0, 4, 60), (4, 6, 62), (6, 8, 62), (8, 99, 55)], lateness=round(0.3 * STEP))
    frames, attacks = to_grid(listener.piece(steps_per_quarter=4, n_voices=1), 1)
    assert frames[:, 0].tolist() == [60] * 4 + [62] * 4 + [55] * 8
    assert np.flatnonzero(attacks[:, 0]).tolist() == [0, 4, 6, 8]


def test_a_finger_lifted_early_is_no_rest_but_a_beat_is() -> None:
    listener = BarListener(1, sample_rate=RATE, tempo_bpm=120)
    play(listener, [(0, 2, 60), (4, 5, 62), (10, 11, 64)])
    frames, _ = to_grid(listener.piece(steps_per_quarter=4, n_voices=1), 1)
    assert frames[:, 0].tolist() == [60] * 4 + [62] + [REST] * 5 + [64] * 6


def test_it_goes_on_at_the_next_bar_line_that_can_be_reached() -> None:
    listener = BarListener(2, sample_rate=RATE, tempo_bpm=120)
    assert not listener.ready(10**9, 0)  # nothing played yet: there is time
    play(listener, [(0, 1, 60)])
    bar = round(16 * STEP)
    assert not listener.ready(SOON + 2 * bar - 101, 100)
    assert listener.ready(SOON + 2 * bar - 100, 100)
    assert listener.resume(SOON + 2 * bar - 100) == SOON + 2 * bar
    assert listener.resume(SOON + 2 * bar + 1) == SOON + 3 * bar


def test_chords_are_given_to_voices_from_above() -> None:
    piece = assign_voices([(0, 4, 48), (0, 4, 72), (0, 2, 64), (2, 4, 65)], 4, n_voices=4, steps_per_quarter=4)
    frames, _ = to_grid(piece, 4)
    assert frames[0].tolist() == [72, 64, 48, REST]
    assert frames[3].tolist() == [72, 65, 48, REST]
    assert assign_voices([(0, 2, p) for p in range(60, 70)], 2, n_voices=2, steps_per_quarter=4).n_voices == 2


@pytest.mark.parametrize("bars", [0, 65])
def test_bars_must_be_some_but_not_endless(bars: int) -> None:
    with pytest.raises(ConfigError, match="bars"):
        BarListener(bars, sample_rate=RATE, tempo_bpm=100)
