"""4-bit weights: the nearest numbers of a block's scale, and a network that multiplies by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from engine.core.errors import ModelError
from engine.inference.network import Network
from models.export import Graph, export_graph
from models.four_bits import WEIGHT_BLOCK, quantise_blocks
from tests.tolerances import INPUT_STEPS


def unpacked(codes: np.ndarray, scales: np.ndarray, n_in: int) -> np.ndarray:
    """Weights (input, output) of the numbers of blocks, by the description of the operator."""
    numbers = np.stack([codes & 15, codes >> 4], -1).reshape(*codes.shape[:2], WEIGHT_BLOCK).astype(np.float32) - 8
    return (numbers * scales[..., None]).reshape(len(codes), -1)[:, :n_in].T


@pytest.mark.parametrize("n_in", [1, WEIGHT_BLOCK, WEIGHT_BLOCK + 5, 3 * WEIGHT_BLOCK])
def test_numbers_of_a_scale_come_back(n_in: int) -> None:
    """Numbers from -8 to 7 of one scale, with its largest among them, are stored as they are."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(-8, 8, (n_in, 6)).astype(np.float32)
    numbers[::WEIGHT_BLOCK] = -8
    weights = numbers * np.float32(0.25)
    np.testing.assert_array_equal(unpacked(*quantise_blocks(weights), n_in), weights)


def test_the_error_is_below_that_of_the_largest_weight_for_scale() -> None:
    weights = np.random.default_rng(0).standard_normal((4 * WEIGHT_BLOCK, 50)).astype(np.float32)
    blocks = weights.T.reshape(50, 4, WEIGHT_BLOCK)
    scale = np.abs(blocks).max(2, keepdims=True) / 7
    plain = np.clip(np.rint(blocks / scale), -8, 7) * scale
    got = unpacked(*quantise_blocks(weights), len(weights))
    assert np.square(got - weights).sum() < 0.9 * np.square(plain - blocks).sum()


def test_silent_and_faint_weights_stay_finite() -> None:
    weights = np.zeros((WEIGHT_BLOCK, 3), np.float32)
    weights[0, 1], weights[1, 2] = 1e-30, 1e15
    got = unpacked(*quantise_blocks(weights), WEIGHT_BLOCK)
    assert np.isfinite(got).all()
    assert not got[:, 0].any()
    np.testing.assert_allclose(got[1, 2], 1e15, rtol=0.15)


def graph(bias: bool, few_bits: int = 4) -> Graph:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(70, 40, bias=bias), nn.Tanh(), nn.Linear(40, 3, bias=bias))
    return Graph(module=module, inputs={"x": torch.zeros(1, 1, 70)}, outputs=("y",), dynamic={}, few_bits=few_bits)


@pytest.mark.parametrize("bias", [False, True])
def test_a_network_multiplies_by_the_stored_weights(tmp_path: Path, bias: bool) -> None:
    made, path = graph(bias), tmp_path / "four.onnx"
    export_graph(made, path, {"kind": "test"}, bits=4)
    network = Network(path, "test")
    assert network.value("precision", str) == "int4"
    kinds = [node.op_type for node in onnx.load(str(path)).graph.node if node.op_type != "Cast"]
    assert kinds == ["MatMulNBits", "Tanh", "MatMulNBits"]
    with torch.no_grad():
        for layer in made.module[0], made.module[2]:
            stored = unpacked(*quantise_blocks(layer.weight.numpy().T), layer.in_features)
            layer.weight.copy_(torch.from_numpy(stored.T.copy()))
        x = torch.randn(1, 1, 70)
        expected = made.module(x).numpy()
    error = np.abs(network.run({"x": x.numpy()})["y"] - expected).max()
    assert error < INPUT_STEPS * np.abs(expected).max()


def test_fewer_bits_than_a_network_bears_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="8 bits of a weight, or more, got 4"):
        export_graph(graph(True, few_bits=8), tmp_path / "four.onnx", {"kind": "test"}, bits=4)
