"""Compile what the demo needs before it runs, its two halves side by side in processes of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from engine.core.format import AudioFormat
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.realtime.warm import warm
from engine.separation.config import TUNED
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input
from offline.synthesis.demo_piece import write_musicxml

__all__ = ["HALVES", "warm_following", "warm_separation"]

AUDIO = AudioFormat(sample_rate=44100, n_channels=2)  # as the demo's performance
HALVES = tuple(f"from {__name__} import {name}; {name}()" for name in ("warm_following", "warm_separation"))


def warm_separation() -> None:
    """Compile what separates."""
    warm(Pipeline(AUDIO, PipelineConfig(separate=TUNED)))


def warm_following() -> None:
    """Compile what follows."""
    follow = follow_by(FEATURES[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "score.musicxml")
        write_musicxml(path)
        score = read_score_input(path, AUDIO, follow)
    warm(Pipeline(AUDIO, PipelineConfig(score=score, follow=follow)))
