"""What a network's file must say; the laws of the node are among the cases (tests/cases/siamese_cnn.py)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.following.similarity.frame_embedder import FrameEmbedder, FrameEmbedderConfig
from models.similarity.graph import export_cnn, siamese_cnn_metadata
from tests.networks.similarity import LEVEL, small_cnn, small_cnn_model, small_twin

AUDIO = AudioFormat(sample_rate=44100, n_channels=1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"level": [0.1, 0]}, "positive deviation"),
        ({"level": [0.1]}, "positive deviation"),
        ({"ahead": -1}, "ahead from 0"),
        ({"around": 10**6}, "around from 0"),
        ({"feature": "smell"}, "feature one of"),
        ({"n_embedding": 5}, "5 numbers a frame"),
    ],
)
def test_wrong_metadata_are_one_line(wrong: dict[str, object], said: str, tmp_path: Path) -> None:
    metadata = siamese_cnn_metadata(small_cnn_model(), "chroma", LEVEL, licence="", training="") | wrong
    export_cnn(small_cnn_model(), tmp_path / "a.onnx", metadata)
    with pytest.raises(ModelError, match=said):
        FrameEmbedder(FrameEmbedderConfig(model=tmp_path / "a.onnx"), AUDIO)


def test_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="kind siamese-cnn"):
        FrameEmbedder(FrameEmbedderConfig(model=small_twin()), AUDIO)


def test_salience_needs_its_network(tmp_path: Path) -> None:
    metadata = siamese_cnn_metadata(small_cnn_model(), "salience", LEVEL, licence="", training="")
    export_cnn(small_cnn_model(), tmp_path / "a.onnx", metadata)
    with pytest.raises(ConfigError, match="weights"):
        FrameEmbedder(FrameEmbedderConfig(model=tmp_path / "a.onnx"), AUDIO)


@pytest.mark.parametrize("rate", [22050, 44100, 48000])
def test_a_frame_describes_its_instant_at_every_rate(rate: int) -> None:
    node = FrameEmbedder(FrameEmbedderConfig(model=small_cnn()), AudioFormat(sample_rate=rate, n_channels=1))
    audio, at_s = np.zeros((2 * rate, 1), np.float32), 1.0
    quiet = node.process(audio).copy()
    node.reset()
    audio[round(at_s * rate) :] = 0.1 * np.sin(np.arange(rate) * 2 * np.pi * 440 / rate)[:, None]
    changed = np.flatnonzero((node.process(audio) != quiet).any(axis=1))[0]
    ahead_s = at_s - node.centre(int(changed)) / rate  # it hears the sound before its middle frame is there
    assert node.latency / rate - 2 * node.hop / rate < ahead_s <= node.latency / rate
