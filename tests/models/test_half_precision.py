"""Weights stored in 16 bits: the file halves, and runs as one whose weights are rounded to 16 bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from engine.inference.network import Network
from models.export import SMALLEST, store_half
from tests.networks.separation import small_file
from tests.tolerances import EXPORT


def rounded_by_hand(path: Path) -> None:
    """Give every large array of a file the values that 16 bits hold, still in 32."""
    model = onnx.load(str(path))
    for one in model.graph.initializer:
        array = onnx.numpy_helper.to_array(one)
        if one.data_type == onnx.TensorProto.FLOAT and array.size >= SMALLEST:
            one.CopyFrom(onnx.numpy_helper.from_array(array.astype(np.float16).astype(np.float32), one.name))
    onnx.save(model, str(path))


def masks(path: Path) -> np.ndarray:
    magnitude = np.random.default_rng(0).random((6, 2, 129), np.float32)
    network = Network(path, "unmix")
    return np.concatenate([network.run({"magnitude": row[None]})["mask"].copy() for row in magnitude])


@pytest.mark.parametrize("rounded", [False, True])
def test_it_runs_as_one_whose_weights_are_rounded(tmp_path: Path, rounded: bool) -> None:
    plain, half = (Path(shutil.copy(small_file(network="bands"), tmp_path / name)) for name in ("plain", "half"))
    store_half(half, rounded=rounded)
    if rounded:
        rounded_by_hand(plain)
        assert half.stat().st_size < 0.75 * plain.stat().st_size
    assert np.abs(masks(half) - masks(plain)).max() <= EXPORT


def test_what_16_bits_cannot_hold_stays(tmp_path: Path) -> None:
    path = Path(shutil.copy(small_file(network="bands"), tmp_path / "large.onnx"))
    model = onnx.load(str(path))
    name = next(one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT and one.dims)
    one = next(one for one in model.graph.initializer if one.name == name)
    one.CopyFrom(onnx.numpy_helper.from_array(np.full((SMALLEST,), 1e6, np.float32), name))
    onnx.save(model, str(path))
    store_half(path, rounded=True)
    kept = {one.name: one for one in onnx.load(str(path)).graph.initializer}
    assert kept[name].data_type == onnx.TensorProto.FLOAT
