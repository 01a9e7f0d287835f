"""Following by other features than bands: every one that can be named finds its way through a real performance."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.format import AudioFormat
from engine.pipelines import Pipeline, PipelineConfig
from offline.demo.perform import PerformConfig
from offline.demo.piece import minuet
from offline.evaluate.alignment import accuracy, first_reach, track_of
from offline.follow_by import follow_by
from offline.options.features import FEATURES
from offline.score_sound import synthesised
from tests.follow.play import RATE, sound

MONO = AudioFormat(sample_rate=RATE, n_channels=1)
N_ONSETS = 40


@pytest.mark.parametrize("name", [name for name in FEATURES if name not in ("bands", "chroma")])
def test_every_feature_follows_a_performance(name: str) -> None:
    audio, played = sound(minuet(), PerformConfig(start_s=0.5), seed=4)
    audio = audio[: int((played.audio_s[N_ONSETS] + 1) * RATE)].astype(np.float32)
    follow = follow_by(name)
    pipeline = Pipeline(MONO, PipelineConfig(score=synthesised(minuet(), MONO, follow), follow=follow))
    found = track_of(pipeline.process(audio).events, RATE)
    result = accuracy(first_reach(found, played.quarter[:N_ONSETS]) - played.audio_s[:N_ONSETS])
    assert result.lost == 0
    assert result.within[2] >= 80  # chroma of half-second windows is the least sharp of all


def test_a_score_that_was_not_sounded_is_refused() -> None:
    with pytest.raises(ConfigError, match="Reference"):
        Pipeline(MONO, PipelineConfig(score=minuet(), follow=follow_by("stft")))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="features"):
        follow_by("mfcc")
