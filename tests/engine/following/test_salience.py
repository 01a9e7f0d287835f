"""The live node of pitch salience: the file is the network, frames speak of their instants, bad files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from engine.core.errors import ConfigError, ModelError
from engine.core.format import AudioFormat
from engine.dsp.harmonic import Hcqt
from engine.following.salience import ALL_FRONT_ENDS, SalienceNode, SalienceNodeConfig, any_front_end
from engine.inference.network import Network
from models.export import check_graph
from models.salience.graph import salience_graph
from tests.cases.frontends import NOISE
from tests.networks.salience import SMALL, small_salience, small_salience_file
from tests.places import WEIGHTS
from tests.tolerances import EXPORT

MONO = AudioFormat(sample_rate=22050, n_channels=1)


@pytest.mark.parametrize("block", [1, 2, 7, 50])
def test_the_file_block_by_block_is_the_network_on_the_whole(block: int) -> None:
    graph, hcqt = salience_graph(small_salience()), torch.rand(50, 6, 24)
    assert check_graph(graph, small_salience_file(), hcqt, block=block, kind="salience") <= EXPORT


def test_frames_are_the_networks_at_their_instants() -> None:
    node = SalienceNode(SalienceNodeConfig(model=small_salience_file(), onsets=True), MONO)
    model, front = small_salience(), Hcqt(SMALL, MONO)
    ours = node.process(NOISE[:, :1]).copy()
    hcqt = front.process(NOISE[:, :1]).reshape(-1, 6, 24)
    with torch.inference_mode():
        whole = torch.sigmoid(model(torch.from_numpy(hcqt)[None]))[0].numpy().reshape(len(hcqt), -1)
    ahead = model.config.look_ahead
    assert np.abs(ours[ahead:] - whole[: len(whole) - ahead]).max() <= EXPORT
    assert node.centre(ahead) == front.centre(0)
    assert node.latency == front.latency + ahead * node.hop


def test_blocks_change_nothing_but_when() -> None:
    one = SalienceNode(SalienceNodeConfig(model=small_salience_file()), MONO)
    four = SalienceNode(SalienceNodeConfig(model=small_salience_file(), block=4), MONO)
    a, b = one.process(NOISE[:, :1]), four.process(NOISE[:, :1])
    assert len(b) == len(a) // 4 * 4
    assert np.abs(a[: len(b)] - b).max() <= EXPORT
    assert four.centre(9) == one.centre(9)
    assert four.latency == one.latency + 3 * one.hop


def test_a_front_end_like_the_others() -> None:
    node = any_front_end("salience", MONO, weights=small_salience_file())
    assert node.n_features == 24
    assert node.process(NOISE[:, :1]).shape == (len(NOISE) // node.hop, 24)
    assert any_front_end("chroma", MONO).n_features == 12
    assert ALL_FRONT_ENDS[-1] == "salience"
    with pytest.raises(ConfigError, match="front end salience: expected weights"):
        any_front_end("salience", MONO)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("kind", '"unmix"', "expected a network of kind salience"),
        ("harmonics", "[1.0]", "expected harmonics"),
        ("maps", '["onset"]', "maps of salience and onsets"),
        ("n_octaves", "3", "expected inputs"),
        ("gamma", "-5.0", "a transform that can be"),
        ("gamma", '"x"', "metadata 'gamma' of type float"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(name: str, value: str, said: str, tmp_path: Path) -> None:
    model = onnx.load(str(small_salience_file()))
    for entry in model.metadata_props:
        if entry.key == name:
            entry.value = value
    onnx.save(model, str(tmp_path / "wrong.onnx"))
    with pytest.raises(ModelError, match=said):
        SalienceNode(SalienceNodeConfig(model=tmp_path / "wrong.onnx"), MONO)


def test_what_ships_hears_a_scale() -> None:
    """The weights of the project: the loudest bin of each tone is its fundamental's, not a harmonic's."""
    weights = WEIGHTS / "salience.onnx"
    node = SalienceNode(SalienceNodeConfig(model=weights, onsets=True), MONO)
    assert Network(weights, "salience").value("licence", str)
    time_s, keys = np.arange(MONO.sample_rate // 2) / MONO.sample_rate, list(range(48, 85, 4))
    tones = []
    for key in keys:
        partials = [np.sin(2 * np.pi * h * 440 * 2 ** ((key - 69) / 12) * time_s) / h for h in range(1, 7)]
        tones.append(0.2 * np.exp(-3 * time_s) * sum(partials))
    sound = np.concatenate(tones).astype(np.float32)[:, None]
    out = node.process(np.concatenate([sound, np.zeros((node.latency, 1), np.float32)]))
    salience = out[:, : node.hcqt.n_bins]
    for i, key in enumerate(keys):
        middle = (i + 0.4) * MONO.sample_rate / 2
        frame = min(range(len(out)), key=lambda t: abs(node.centre(t) - middle))
        assert salience[frame].argmax() == 2 * (key - 24)
