"""What `--score` may be: a score, or a recording of the piece to follow by."""

from __future__ import annotations

from pathlib import Path

from engine.follow.follower import FollowConfig
from engine.follow.reference import Reference
from engine.follow.score import Score
from engine.follow.score_files import SUFFIXES as SCORE_SUFFIXES
from engine.follow.score_files import read_score
from engine.format import AudioFormat

__all__ = ["SCORE_SUFFIXES", "read_score_input"]


def read_score_input(path: Path, audio: AudioFormat, follow: FollowConfig) -> Score | Reference:
    """Read a score, or make a reference of a recording for an input of this format."""
    return read_score(path)
