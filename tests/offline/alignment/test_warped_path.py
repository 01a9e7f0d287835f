"""Aligning by a warping of frames, of hand-made features and of a network's embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.following.config import FollowConfig
from offline.alignment.alignment import AlignConfig, align
from offline.following.presets import follow_by
from offline.recording import Recording
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, scale, sound
from tests.networks.similarity import small_cnn

SCORE = scale(24)
BY = {"bands": 0.1, "chroma": 0.1, str(small_cnn()): 0.5}  # the network is random


@pytest.mark.parametrize(("features", "within_s"), BY.items(), ids=["bands", "chroma", "random network"])
def test_a_warping_is_the_first_pass(features: str, within_s: float, tmp_path: Path) -> None:
    audio, played = sound(SCORE, PerformConfig(start_s=1.5))
    soundfile.write(tmp_path / "take.wav", audio, RATE)
    follow = follow_by(features, FollowConfig(method="match"))
    config = AlignConfig(follow=follow, tune=False, notes=None, refine=None, jumps=None)
    found = align(SCORE, Recording.open(tmp_path / "take.wav"), config)
    truth_s = np.interp(SCORE.onset_quarter, played.quarter, played.audio_s)
    assert np.isfinite(found.audio_s).all() and (np.diff(found.audio_s) >= 0).all()
    assert np.median(np.abs(found.audio_s - truth_s)) < within_s
