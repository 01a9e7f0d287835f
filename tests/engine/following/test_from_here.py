"""From here: the follower is sent to a place, waits there as long as it takes, and follows from there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from engine.core.events import Event, Onset, Position, State
from engine.core.format import AudioFormat
from engine.dsp.stft import Stft
from engine.following.follower import FollowConfig, Follower, follow_frames
from engine.score.score import Score
from tests.engine.following.play import RATE
from tests.engine.following.test_jumps import spliced, wandering

PAUSE_S = 6.0  # of silence before the player begins: longer than any wait for a next note
NEAR = 0.6  # quarters: a note of the melody


def run(score: Score, sounds: list[np.ndarray], places: list[float | None]) -> list[list[Event]]:
    """Events of each sound in turn; before each the follower is sent to a quarter, or left alone."""
    frames = follow_frames(AudioFormat(sample_rate=RATE, n_channels=1))
    stft, follower = Stft(frames), Follower(frames, score, FollowConfig(semitones=0))
    out = []
    for sound, place in zip(sounds, places, strict=True):
        if place is not None:
            follower.relocate(place)
        out.append(list(follower.process(stft.process(sound.astype(np.float32)))))
    return out


@pytest.mark.parametrize("target", [40, 8])
def test_it_waits_where_it_was_sent_and_follows_from_there(target: int) -> None:
    """Onset 24 has been reached; the player goes back, or on, and lets everybody wait."""
    score = wandering()
    place = float(score.onset_quarter[target])
    before, _, _ = spliced(score, [(0, 24)])
    after, seconds, quarters = spliced(score, [(target, target + 30)])
    silence = np.zeros((round(PAUSE_S * RATE), 1))
    _, waiting, events = run(score, [before, silence, after], [None, place, None])
    settled = [event for event in waiting if isinstance(event, Position)]
    assert {event.name for event in waiting if isinstance(event, State)} == {"waiting"}
    assert all(abs(event.quarter - place) < 1e-3 for event in settled)
    assert {event.bar for event in settled} == {score.bar(place)}
    assert not [event for event in waiting if isinstance(event, Onset)]

    start = (len(before) + len(silence)) / RATE
    positions = [event for event in events if isinstance(event, Position)]
    at = np.array([event.at / RATE for event in positions]) - start
    found = np.interp(seconds + 0.05, at, [event.quarter for event in positions])
    assert np.abs(found - quarters).max() <= NEAR
    assert all(b.quarter >= a.quarter for a, b in pairwise(positions))
    heard = [event.quarter for event in events if isinstance(event, Onset) and event.heard]
    assert heard[0] == place


def test_between_notes_it_waits_for_the_next_and_past_the_end_for_the_last() -> None:
    score, silence = wandering(), np.zeros((RATE // 2, 1))
    _, between, last, first = run(score, [silence] * 4, [None, 3.2, 1e6, 0.0])
    assert between[-1].quarter == pytest.approx(3.5, abs=1e-3)  # type: ignore[attr-defined]
    assert last[-1].quarter == pytest.approx(score.onset_quarter[-1], abs=1e-3)  # type: ignore[attr-defined]
    assert -0.1 < first[-1].quarter <= 0  # type: ignore[attr-defined]


def test_who_plays_elsewhere_is_found() -> None:
    """Sent to bar 2, but the player begins at onset 60: a jump leads there."""
    score = wandering()
    after, seconds, quarters = spliced(score, [(60, 95)])
    (_, events) = run(score, [np.zeros((RATE, 1)), after], [None, 4.0])
    positions = [event for event in events if isinstance(event, Position)]
    at = np.array([event.at / RATE for event in positions]) - 1.0
    found = np.interp(seconds + 0.05, at, [event.quarter for event in positions])
    assert np.abs(found - quarters)[15:].max() <= NEAR
