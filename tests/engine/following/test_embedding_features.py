"""Following by other features than bands: every one that can be named finds its way through a real performance."""

from __future__ import annotations

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.following.config import follow_frames
from engine.following.embedding_features import follower_features
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from offline.evaluation.onsets import accuracy, first_reach, track_of
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.following.score_rendering import reference_from_rendering
from offline.synthesis.demo_performance import PerformConfig
from offline.synthesis.demo_piece import minuet
from tests.engine.following.play import RATE, sound

MONO = AudioFormat(sample_rate=RATE, n_channels=1)
N_ONSETS = 40
SECONDS = 4


@pytest.mark.parametrize("name", [name for name in FEATURES if name not in ("bands", "chroma")])
def test_every_feature_follows_a_performance(name: str) -> None:
    audio, played = sound(minuet(), PerformConfig(start_s=0.5), seed=4)
    audio = audio[: int((played.audio_s[N_ONSETS] + 1) * RATE)].astype(np.float32)
    follow = follow_by(name)
    pipeline = Pipeline(MONO, PipelineConfig(score=reference_from_rendering(minuet(), MONO, follow), follow=follow))
    found = track_of(pipeline.process(audio).events, RATE)
    result = accuracy(first_reach(found, played.quarter[:N_ONSETS]) - played.audio_s[:N_ONSETS])
    assert result.lost == 0
    assert result.within[2] >= 80  # chroma of half-second windows is the least sharp of all


@pytest.mark.parametrize("rate", [8000, 11025, 48000])
def test_hops_give_what_the_whole_gives_at_any_rate(rate: int) -> None:
    """The network's own hop is no whole number of samples there: what is due must also be there."""
    follow, audio = follow_by("learned"), AudioFormat(sample_rate=rate, n_channels=1)
    assert follow.input_features is not None
    features = follower_features(follow.input_features, follow_frames(audio), follow.features)
    noise = np.random.default_rng(0).normal(0, 0.1, (SECONDS * rate, 1)).astype(np.float32)
    whole = features.process(noise).copy()
    features.reset()
    hop = follow_frames(audio).hop
    by_hops = [features.process(noise[i : i + hop]).copy() for i in range(0, len(noise), hop)]
    assert np.array_equal(np.concatenate(by_hops), whole)


def test_a_score_that_was_not_sounded_is_refused() -> None:
    with pytest.raises(ConfigError, match="Reference"):
        Pipeline(MONO, PipelineConfig(score=minuet(), follow=follow_by("stft")))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="features"):
        follow_by("mfcc")
