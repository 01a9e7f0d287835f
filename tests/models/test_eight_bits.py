"""8-bit networks give the same results on every processor: no product saturates, and integer arithmetic is exact."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from engine.core.errors import ModelError
from engine.inference.network import Network, open_session
from models.export import SIGNED_INPUTS, Graph, export_graph, store_unsigned
from tests.networks.separation import small_file
from tests.tolerances import EIGHT_BITS

WEIGHTS = Path(__file__).parents[2] / "models" / "weights"
SHIPPED = sorted(WEIGHTS.glob("unmix*.onnx"))
SAFE = 64  # largest signed weight for which two products by up to 255 fit into 16 bits: 2 * 64 * 255 < 2 ** 15

Array = np.ndarray


def eight_bit_weights(path: Path) -> dict[str, Array]:
    """Every 8-bit initialiser that a product takes, by name."""
    graph = onnx.load(str(path)).graph
    values = {one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer}
    names = [node.input[i] for node in graph.node for i in SIGNED_INPUTS.get(node.op_type, ())]
    return {name: values[name] for name in names}


def quantised(values: Array) -> tuple[Array, np.float32]:
    """DynamicQuantizeLinear: integers less their zero point, and the scale."""
    low, high = min(0, values.min()), max(0, values.max())
    scale = np.float32((high - low) / np.float32(255)) if high > low else np.float32(1)
    zero = np.clip(np.rint((0 - low) / scale), 0, 255)
    return (np.clip(np.rint(values / scale) + zero, 0, 255) - zero).astype(np.int64), scale


def product(values: Array, weights: Array, scale: Array, zero: Array) -> Array:
    """Of (..., n) by quantised weights (1, n, m), in exact integers."""
    integers, own = quantised(values)
    exact = integers @ (weights[0].astype(np.int64) - zero.reshape(-1).astype(np.int64))
    return (exact * (own * scale.reshape(-1))).astype(np.float32)


def sigmoid(values: Array) -> Array:
    return 1 / (1 + np.exp(-values))


class DynamicQuantizeLSTM(OpRun):
    """ONNX Runtime's own operator, of one direction and a batch of one, from its documentation."""

    op_domain = "com.microsoft"

    def _run(self, x, w, r, b, lengths, h, c, peepholes, ws, wz, rs, rz, hidden_size=None, **others):  # type: ignore[no-untyped-def]
        bias, h, c, outputs = b[0, : 4 * hidden_size] + b[0, 4 * hidden_size :], h[0], c[0], []
        for given in product(x, w, ws, wz):
            gates = given + product(h, r, rs, rz) + bias
            i, o, f, g = np.split(gates, 4, 1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = (sigmoid(o) * np.tanh(c)).astype(np.float32)
            outputs.append(h)
        return np.stack(outputs)[:, None], h[None], c[None].astype(np.float32)


class MatMulNBits(OpRun):
    """ONNX Runtime's own operator in 4 bits, from its documentation; it brings blocks of the input to 8 bits."""

    op_domain = "com.microsoft"

    def _run(self, a, b, scales, zero, order, bias, K=None, N=None, block_size=None, **others):  # type: ignore[no-untyped-def]
        numbers = np.stack([b & 15, b >> 4], -1).reshape(N, -1, block_size).astype(np.int64) - 8
        padded = np.pad(a.reshape(-1, K), ((0, 0), (0, -K % block_size)))
        blocks = padded.reshape(len(padded), 1, -1, block_size)
        own = np.abs(blocks).max(-1, keepdims=True) / np.float32(127)
        integers = np.rint(blocks / np.where(own > 0, own, 1)).astype(np.int64)
        exact = (integers * numbers).sum(-1) * own[..., 0] * scales.reshape(N, -1)
        return ((exact.sum(-1) + bias).reshape(*a.shape[:-1], N).astype(np.float32),)


@pytest.mark.parametrize("path", sorted(WEIGHTS.rglob("*.onnx")), ids=lambda path: path.stem)
def test_no_product_of_what_ships_saturates(path: Path) -> None:
    weights = eight_bit_weights(path)
    assert bool(weights) == (path in SHIPPED)
    assert all(array.dtype == np.uint8 or np.abs(array.astype(int)).max() <= SAFE for array in weights.values())


@pytest.mark.parametrize("settings", [{}, {"network": "bands"}, {"bidirectional": True}], ids=str)
def test_no_product_of_what_is_exported_saturates(settings: dict[str, object]) -> None:
    weights = eight_bit_weights(small_file(bits=8, **settings))
    assert weights and all(array.dtype == np.uint8 for array in weights.values())


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_masks_are_those_of_exact_integers(path: Path) -> None:
    network, exact = Network(path, "unmix"), ReferenceEvaluator(str(path), new_ops=[DynamicQuantizeLSTM, MatMulNBits])
    state = {name: np.zeros(shape, np.float32) for name, shape in network.inputs.items() if name.endswith("_in")}
    _, n_rows, n_bins = network.inputs["magnitude"]
    rng = np.random.default_rng(0)
    for level in (3.0, 0.1, 0.5):
        magnitude = (level * rng.gamma(0.5, size=(1, n_rows, n_bins))).astype(np.float32)
        expected = dict(
            zip(network.outputs, exact.run(network.outputs, {"magnitude": magnitude, **state}), strict=True)
        )
        state = {name: expected[name.replace("_in", "_out")] for name in state}
        assert np.abs(network.run({"magnitude": magnitude})["mask"] - expected["mask"]).max() < EIGHT_BITS


def test_signed_weights_of_others_are_multiplied_exactly() -> None:
    """By an option of the runtime, since files that other programs quantised are mostly signed."""
    options = open_session(SHIPPED[0]).get_session_options()
    assert options.get_session_config_entry("session.x64quantprecision") == "1"


def test_unsigned_weights_have_the_same_values() -> None:
    signed = np.array([[-128, -1, 0, 127]], np.int8)
    made = [onnx.numpy_helper.from_array(signed, "w"), onnx.numpy_helper.from_array(np.int8(0), "zero")]
    node = onnx.helper.make_node("MatMulInteger", ["x", "w", "x_zero", "zero"], ["y"])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "product", [], [], made))
    store_unsigned(model)
    weights, zero = (onnx.numpy_helper.to_array(one) for one in model.graph.initializer)
    assert weights.dtype == zero.dtype == np.uint8
    assert np.array_equal(weights.astype(int) - int(zero), signed)


def test_signed_numbers_elsewhere_are_refused() -> None:
    made = onnx.numpy_helper.from_array(np.zeros(3, np.int8), "odd")
    model = onnx.helper.make_model(onnx.helper.make_graph([], "nothing", [], [], [made]))
    with pytest.raises(ModelError, match="odd"):
        store_unsigned(model)


def test_the_advice_of_the_quantiser_is_kept_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    graph = Graph(module=torch.nn.Linear(4, 3), inputs={"x": torch.zeros(1, 4)}, outputs=("y",), dynamic={})
    export_graph(graph, tmp_path / "small.onnx", {"kind": "test"}, bits=8)
    assert not caplog.text
    logging.getLogger().warning("other lines about pre-processing come through again")
    assert "come through" in caplog.text
