"""What `--score` may be: a score, or a recording of the piece to follow by."""

from __future__ import annotations

from pathlib import Path

from engine.follow.follower import FollowConfig, follow_frames, onset_delay
from engine.follow.recording import reference_from_audio
from engine.follow.reference import Reference
from engine.follow.score import Score
from engine.follow.score_files import SUFFIXES as SCORE_SUFFIXES
from engine.follow.score_files import read_score
from engine.format import AudioFormat
from engine.io.files import AudioReader, is_audio
from offline.resample import resample

__all__ = ["SCORE_SUFFIXES", "read_score_input"]


def read_score_input(path: Path, audio: AudioFormat, follow: FollowConfig) -> Score | Reference:
    """Read a score, or make a reference of a recording (a quarter is then a second) for an input of this format."""
    if not is_audio(path):
        return read_score(path)
    with AudioReader(path) as reader:
        recording = resample(reader.read(), reader.format.sample_rate, audio.sample_rate)
    here = AudioFormat(sample_rate=audio.sample_rate, n_channels=recording.shape[1])
    frames = follow_frames(here, follow)
    return reference_from_audio(recording, frames, follow.features, delay=onset_delay(frames, follow), name=str(path))
