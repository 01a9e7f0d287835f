"""Following by online time warping: a scale played with rubato, silence before it, a place that it is sent to."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.events import Event, Position, State
from engine.core.format import AudioFormat
from engine.dsp.stft import Stft
from engine.following.config import FollowConfig
from engine.following.follower import Follower, follow_frames
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, events, scale, sound

SCORE = scale(40)
MATCH = FollowConfig(method="match")
NEAR_S = 0.1  # a frame of the window and a step of the path


def heard_s(found: list[Event], quarters: np.ndarray) -> np.ndarray:
    """When each quarter was reached first."""
    positions = [event for event in found if isinstance(event, Position)]
    reached = np.maximum.accumulate([position.quarter for position in positions])
    at_s = np.array([position.at for position in positions]) / RATE
    return at_s[np.minimum(np.searchsorted(reached, quarters - 1e-3), len(at_s) - 1)]


@pytest.mark.parametrize("style", [PerformConfig(start_s=0.5), PerformConfig(start_s=4.0, slowing=0.0)])
def test_a_performance_is_followed(style: PerformConfig) -> None:
    audio, played = sound(SCORE, style)
    found = events(audio, SCORE, config=MATCH)
    states = [event.name for event in found if isinstance(event, State)]
    assert states == ["waiting", "following", "ended"]
    onsets = SCORE.onset_quarter
    truth_s = np.interp(onsets, played.quarter, played.audio_s)
    error_s = np.abs(heard_s(found, onsets) - truth_s)
    assert np.median(error_s) < NEAR_S / 2 and np.mean(error_s < NEAR_S) > 0.9


def test_it_goes_on_from_where_it_is_sent() -> None:
    audio, played = sound(SCORE)
    frames = follow_frames(AudioFormat(sample_rate=RATE, n_channels=1))
    spectra, follower = Stft(frames).process(audio.astype(np.float32)), Follower(frames, SCORE, MATCH)
    middle = int(np.interp(10.0, played.quarter, played.audio_s) * RATE) // frames.hop
    follower.process(spectra[: middle // 2])
    follower.relocate(10.0)
    found = [event for event in follower.process(spectra[middle - 4 :]) if isinstance(event, Position)]
    assert min(event.quarter for event in found) > 9.9
    last = [event for event in found if event.quarter < SCORE.onset_quarter[-1]][-1]
    assert last.quarter > 18 and last.tempo_bpm == pytest.approx(100, rel=0.15)
