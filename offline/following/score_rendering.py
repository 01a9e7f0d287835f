"""Templates from the sound of a score: rendered as written, analysed as the performance will be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engine.core.format import AudioFormat
from engine.core.processor import Processor, join
from engine.following.audio_templates import (
    ScoreAudioFeatures,
    reference_from_score_audio,
    with_embeddings,
    with_frames,
)
from engine.following.config import FollowConfig, follow_frames, onset_delay
from engine.following.embedder import EMBED_HOP, EMBED_RATE, Embedder, EmbedderConfig
from engine.following.embedding_features import follower_features
from engine.following.features import FollowerFeaturesConfig
from engine.following.reference import Reference, reference_from_score
from engine.following.similarity.frame_embedder import SIAMESE_CNN
from engine.score.score import Score
from offline.synthesis.additive_piano import additive
from offline.synthesis.pianist import exact

__all__ = ["RenderedEvents", "reference_from_rendering", "render_score", "with_sound_templates"]

BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RenderedEvents:
    """A sound with the times of its events.

    sound: (sample,) float32
    sample_rate: Hz
    onset_s: (event) when each event of a reference begins, seconds
    """

    sound: npt.NDArray[np.float32]
    sample_rate: int
    onset_s: npt.NDArray[np.float64]


def reference_from_rendering(score: Score, audio: AudioFormat, follow: FollowConfig) -> Reference:
    """Make a reference of spectral templates and, from the rendered score, of the other features of `follow`.

    Takes 0.6 GB for an hour of music at 44.1 kHz, half of that for "learned".
    """
    assert follow.input_features is not None
    frames = follow_frames(audio)
    spectral = reference_from_score(score, frames, follow.features)
    return with_sound_templates(
        replace(spectral, delay=onset_delay(frames)), render_score(score, audio, follow.input_features), follow
    )


def render_score(score: Score, audio: AudioFormat, config: FollowerFeaturesConfig) -> RenderedEvents:
    """Render the score at its own tempo and dynamics, at the sample rate that the features take."""
    rate = EMBED_RATE if config.name == "learned" else audio.sample_rate
    played = exact(score)
    return RenderedEvents(sound=additive(played, rate), sample_rate=rate, onset_s=played.audio_s)


def with_sound_templates(events: Reference, source: RenderedEvents, follow: FollowConfig) -> Reference:
    """Return the same events with the templates that `follow.input_features` takes from their sound."""
    config = follow.input_features
    assert config is not None
    audio = AudioFormat(sample_rate=source.sample_rate, n_channels=1)
    if config.name == "learned":
        assert config.weights is not None, "the settings of learned features name weights"
        node = Embedder(EmbedderConfig(model=config.weights), audio)
        hop = EMBED_HOP * source.sample_rate / EMBED_RATE
        rows = ScoreAudioFeatures(
            _rows(node, source), source.onset_s, node.n_features, hop, node.latency, audio.sample_rate
        )
        return with_embeddings(events, rows, config.share)
    features = follower_features(config, follow_frames(audio), follow.features)
    framed = config.name == SIAMESE_CNN
    if framed:  # it hears seconds ahead, to the end too
        source = replace(source, sound=np.pad(source.sound, (0, features.latency)))
    rows = ScoreAudioFeatures(
        _rows(features, source), source.onset_s, features.n_sounds, features.hop, features.latency, audio.sample_rate
    )
    found = reference_from_score_audio(events, rows)
    return with_frames(found, rows) if framed else found


def _rows(node: Processor, source: RenderedEvents) -> npt.NDArray[np.float32]:
    starts = range(0, len(source.sound), BLOCK)
    out: npt.NDArray[np.float32] = join(node.process(source.sound[start : start + BLOCK, None]) for start in starts)
    return out
