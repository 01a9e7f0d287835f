"""MATCH by a network: a cell costs the distance of the two frames that the network itself gives."""

from __future__ import annotations

import numpy as np
import torch

from engine.core.events import Position
from engine.core.format import AudioFormat
from engine.following.audio_templates import ATTACK_S
from engine.following.config import follow_frames
from engine.following.embedding_features import follower_features
from engine.following.follower import AudioFollower
from engine.following.warping.config import WarpConfig
from engine.following.warping.match import reference_frames
from engine.following.warping.online_warping import follow_row, new_warp, warp_numbers
from models.similarity.losses import distance
from offline.following.presets import follow_by
from offline.following.score_rendering import reference_from_rendering
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, scale, sound
from tests.networks.similarity import small_cnn
from tests.tolerances import FLOAT32

AUDIO = AudioFormat(sample_rate=RATE, n_channels=1)
SCORE = scale(24)
CONFIG = follow_by(str(small_cnn()))
REFERENCE = reference_from_rendering(SCORE, AUDIO, CONFIG)


def test_costs_are_the_distances_of_the_network() -> None:
    """In every cell of the band that was computed, and nowhere else."""
    n = REFERENCE.sustain.shape[1]
    _, frames = reference_frames(REFERENCE, 0.0232, CONFIG.warp.onset)
    assert not frames[:, n:].any()  # the cost is the network's alone
    live = frames[::-1][:60].copy()
    numbers, _ = warp_numbers(WarpConfig(again_s=0), 0.0232)
    warp = new_warp(40, frames.shape[1], numbers.back)
    for row in live:
        follow_row(warp, row, frames, numbers)
    rows, columns = np.nonzero(np.isfinite(warp.cost))
    assert 0 < len(rows) < warp.cost.size or len(frames) > 40
    newest = int(warp.place[0]) - 1, int(warp.place[1]) - 1
    for row, column in zip(rows, columns, strict=True):
        t, j = newest[0] - (newest[0] - row) % 40, newest[1] - (newest[1] - column) % 40
        wanted = float(distance(torch.from_numpy(live[t, :n]), torch.from_numpy(frames[j, :n])))
        assert abs(warp.near[row, column] - wanted) < FLOAT32 * max(wanted, 1.0)


def test_its_frames_begin_with_the_score() -> None:
    """A row of the reference lies where the same sound lies in the live input, later by the delay of onsets."""
    config = CONFIG.input_features
    assert config is not None
    hop_s = follower_features(config, follow_frames(AUDIO), CONFIG.features).hop / RATE
    late_s = REFERENCE.delay / RATE - ATTACK_S
    assert abs(REFERENCE.frames_s - REFERENCE.score_s[0]) <= hop_s / 2 + 1e-9
    assert 0 <= late_s < 0.25


def test_a_score_is_followed_by_the_network() -> None:
    """Even a random network tells one tone of the scale from the next, in the same sound."""
    config = follow_by(str(small_cnn()), type(CONFIG)(method="match"))
    audio, played = sound(SCORE, PerformConfig(start_s=0.5))
    assert config.input_features is not None
    ears = follower_features(config.input_features, follow_frames(AUDIO), config.features)
    follower = AudioFollower(ears, RATE, REFERENCE, config)
    padded = np.concatenate([audio, np.zeros((ears.latency, 1))]).astype(np.float32)
    found = [event for event in follower.process(padded) if isinstance(event, Position)]
    at_s = np.array([event.at for event in found]) / RATE
    inside = (at_s > played.audio_s[1]) & (at_s < played.audio_s[-1])
    truth = np.interp(at_s, played.audio_s, played.quarter)
    error = np.abs(np.array([event.quarter for event in found]) - truth)[inside]
    assert np.median(error) < 1.0
