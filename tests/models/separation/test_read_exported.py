"""Networks read back from their files: the same masks, in floats to the last digits, in 8 bits nearly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import ModelError
from models.separation.band_network import BandNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.graph import export_separator
from models.separation.network import OpenUnmix
from models.separation.read_exported import read_exported
from tests.tolerances import FLOAT32

CONFIG = SeparationNetworkConfig(
    network="bands", targets=("vocals", "other"), sample_rate=8000, n_fft=256, hop=64, bandwidth_hz=8000, hidden=8,
    n_layers=2, stereo="mid-side", cross=False, level=0.05,
)  # fmt: skip
EIGHT_BIT_DB = 35.0  # of the masks of random weights


def trained(config: SeparationNetworkConfig) -> BandNetwork:
    """A network as if trained: no two weights alike, which the exporter would share."""
    torch.manual_seed(0)
    network = BandNetwork(config).eval()
    with torch.no_grad():
        for values in network.parameters():
            values.add_(0.1 * torch.randn_like(values))
    return network


@pytest.mark.parametrize("bits", [32, 8])
def test_what_is_read_back_masks_as_what_was_written(tmp_path: Path, bits: int) -> None:
    network, path = trained(CONFIG), tmp_path / "bands.onnx"
    export_separator(network, path, licence="MIT", training="none", bits=bits)
    back = read_exported(path)
    assert back.config == CONFIG
    magnitude = torch.rand(9, 1, 4, CONFIG.n_bins)
    with torch.no_grad():
        wanted, got = network(magnitude).numpy(), back(magnitude).numpy()
    if bits == 8:
        assert 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)) > EIGHT_BIT_DB
    else:
        np.testing.assert_allclose(got, wanted, atol=FLOAT32, rtol=0)


def test_the_temperature_is_no_weight(tmp_path: Path) -> None:
    """What is read back has the weights that were trained, though those of a file are divided by the temperature."""
    config = replace(CONFIG, targets=("vocals", "bass", "other"), nested=1)
    network, path = trained(replace(config, temperature=2)), tmp_path / "bands.onnx"
    export_separator(network, path, licence="MIT", training="none")
    back, network.config = read_exported(path), config
    assert back.config == config
    magnitude = torch.rand(3, 1, 4, config.n_bins)
    with torch.no_grad():
        np.testing.assert_allclose(back(magnitude).numpy(), network(magnitude).numpy(), atol=FLOAT32, rtol=0)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "umx.onnx"
    config = SeparationNetworkConfig(targets=("vocals", "other"), sample_rate=8000, n_fft=256, hop=64, hidden=8,
                                     bandwidth_hz=4000)  # fmt: skip
    export_separator(OpenUnmix(config).eval(), path, licence="MIT", training="none")
    for text in (None, b"", b"no network"):
        if text is not None:
            path.write_bytes(text)
        with pytest.raises(ModelError, match="a network of bands"):
            read_exported(path)
