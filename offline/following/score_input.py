"""Read what `--score` names: a score, or a recording of the piece."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.audio.files import AudioReader
from engine.audio.suffixes import is_audio
from engine.core.errors import ConfigError
from engine.core.format import AudioFormat
from engine.following.follower import FollowConfig, follow_frames, onset_delay
from engine.following.recording_reference import reference_from_audio
from engine.following.reference import Reference, looped_reference, reference_from_score
from engine.score.readers import SUFFIXES as SCORE_SUFFIXES
from engine.score.readers import read_score
from engine.score.score import Score
from engine.score.score_config import ScoreConfig
from offline.following.score_rendering import RenderedEvents, reference_from_rendering, with_sound_templates
from offline.resample import resample

__all__ = ["SCORE_SUFFIXES", "followed_loop", "followed_score", "read_score_input", "read_score_or_recording"]


def read_score_or_recording(
    path: Path, audio: AudioFormat, follow: FollowConfig, reading: ScoreConfig | None = None
) -> Score | Reference:
    """Read as `read_score_input` does, but do not render a score."""
    return read_score_input(path, audio, follow, reading) if is_audio(path) else _read(path, reading)


def read_score_input(
    path: Path, audio: AudioFormat, follow: FollowConfig, reading: ScoreConfig | None = None
) -> Score | Reference:
    """Read a score, or make a reference of a recording, where a quarter is a second, for an input of this format.

    If `follow` uses more than spectral features, the score is rendered.
    """
    if not is_audio(path):
        return followed_score(_read(path, reading), audio, follow)
    if reading is not None and reading.part:
        raise ConfigError("--part", expected="a score with parts", got=f"the recording {path}")
    with AudioReader(path) as reader:
        recording = resample(reader.read(), reader.format.sample_rate, audio.sample_rate)
    here = AudioFormat(sample_rate=audio.sample_rate, n_channels=recording.shape[1])
    frames = follow_frames(here)
    delay = onset_delay(frames)
    reference = reference_from_audio(recording, frames, follow.features, delay=delay, name=str(path))
    if follow.input_features is None:
        return reference
    mono = np.ascontiguousarray(recording.mean(axis=1))
    return with_sound_templates(
        reference, RenderedEvents(sound=mono, sample_rate=audio.sample_rate, onset_s=reference.score_s), follow
    )


def followed_score(score: Score, audio: AudioFormat, follow: FollowConfig) -> Score | Reference:
    """Return what the follower takes for a score; if `follow` uses more than spectral features, it is rendered."""
    if follow.input_features is None:
        return score
    return replace(reference_from_rendering(score, audio, follow), written=score)


def followed_loop(score: Score, length: float, audio: AudioFormat, follow: FollowConfig) -> Reference:
    """Return what the follower takes for bars that are played many times: three of them are made, the rest is alike.

    length: of one time, quarters
    """
    thrice = followed_score(score.until(3 * length), audio, follow)
    if isinstance(thrice, Score):
        thrice = reference_from_score(thrice, follow_frames(audio), follow.features)
    return looped_reference(thrice, score)


def _read(path: Path, reading: ScoreConfig | None) -> Score:
    reading = reading or ScoreConfig()
    return read_score(path, reading.part, repeats_after_jump=reading.repeats_after_jump)
