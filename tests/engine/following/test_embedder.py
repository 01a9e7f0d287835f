"""The embedding node: what it says of time, at any rate, and what it says of wrong files."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ModelError
from engine.core.format import AudioFormat
from engine.following.embedder import EMBED_HOP, EMBED_RATE, Embedder, EmbedderConfig, TwinFeatures
from models.export import check_graph
from models.similarity.graph import siamese_graph
from offline.run import collect_frames
from tests.networks.separation import small_file
from tests.networks.similarity import small_twin, small_twin_model
from tests.places import WEIGHTS
from tests.tolerances import EXPORT


def embedder(sample_rate: int) -> Embedder:
    return Embedder(EmbedderConfig(model=small_twin()), AudioFormat(sample_rate=sample_rate, n_channels=1))


@pytest.mark.parametrize("block", [1, 2, 7])
def test_the_file_is_the_module(block: int) -> None:
    model = small_twin_model()
    stream = torch.rand(60, model.config.n_features, generator=torch.Generator().manual_seed(0))
    assert check_graph(siamese_graph(model), small_twin(), stream, block=block, kind="siamese") < EXPORT


def test_embeddings_have_unit_length() -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal((EMBED_RATE // 2, 1)).astype(np.float32)
    out = collect_frames(embedder(EMBED_RATE), audio)
    assert np.allclose(np.linalg.norm(out, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
def test_an_instant_is_the_same_at_every_rate(rate: int) -> None:
    """A click is first heard in the frame whose short window ends just after it, wherever frames lie."""
    node, at_s = embedder(rate), 0.4
    audio = np.zeros((rate, 1), np.float32)
    quiet = collect_frames(node, audio)
    audio[round(at_s * rate)] = 0.9
    changed = np.flatnonzero(np.abs(collect_frames(node, audio) - quiet).max(axis=1) > 1e-3)[0]
    reach_s = TwinFeatures.latency / EMBED_RATE
    assert 0 <= node.centre(int(changed)) / rate + reach_s - at_s < 1.5 * EMBED_HOP / EMBED_RATE
    assert node.centre(int(changed)) == pytest.approx((changed + 1) * node.hop_s * rate - node.latency, abs=2)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="kind siamese"):
        Embedder(EmbedderConfig(model=small_file()), AudioFormat(sample_rate=44100, n_channels=1))


def test_the_shipped_network_runs_and_is_its_cards() -> None:
    """And it is a twin: the same sound a little louder lies nearer than another."""
    path = WEIGHTS / "siamese.onnx"
    card = tomllib.loads(path.with_suffix(".toml").read_text())
    assert card["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    node = Embedder(EmbedderConfig(model=path), AudioFormat(sample_rate=EMBED_RATE, n_channels=1))
    time = np.arange(EMBED_RATE) / EMBED_RATE
    rows = []
    for hz, gain in ((440.0, 0.2), (440.0, 0.3), (622.25, 0.2)):
        tone = sum(np.sin(2 * np.pi * h * hz * time) / h for h in (1, 2, 3, 4)) * np.exp(-3 * time) * gain
        rows.append(collect_frames(node, tone[:, None].astype(np.float32))[10])
    assert rows[0] @ rows[1] > 0.95 > rows[0] @ rows[2] + 0.2
