"""Read a network of bands back from the file that it was exported to, to train on from there.

Weights of 8 bits come back as they are run: within half a step of those that were trained. The inverse of
`models.separation.graph.export_separator`, but for the temperature, which is no weight.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from engine.core.errors import EngineError, ModelError
from models.separation.band_network import BandNetwork
from models.separation.config import SeparationNetworkConfig

__all__ = ["read_exported"]

WHAT = "a network of bands as `train separation` exports it"
PREFIX, SUFFIX = "model.", "_quantized"
KNOWN = ("targets", "sample_rate", "n_fft", "hop", "window", "n_channels", "stereo", "hidden", "level")
BANDWIDTH_HZ = SeparationNetworkConfig().bandwidth_hz  # bands look at all there is
GATES = (0, 2, 3, 1)  # of torch (input, forget, cell, output) among ONNX's (input, output, forget, cell)

Arrays = dict[str, npt.NDArray[Any]]


def read_exported(path: Path) -> BandNetwork:
    """Return the network of a file, in evaluation mode; ModelError for any other file."""
    try:
        model = onnx.load(str(path))
        told = {each.key: json.loads(each.value) for each in model.metadata_props}
        weights = dict(_weights(model))
        network = BandNetwork(_config(told, weights))
        network.load_state_dict(weights)
    except (EngineError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(str(path), expected=WHAT, got=" ".join(str(error).split())[:120]) from error
    except Exception as error:  # protobuf's own, of a file that is none
        raise ModelError(str(path), expected=WHAT, got=type(error).__name__) from error
    return network.eval()


def _config(told: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> SeparationNetworkConfig:
    n_layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    known = {name: told[name] for name in KNOWN} | {"network": told["network"], "n_layers": n_layers, "cross": False}
    known["nested"] = told.get("nested", 0)  # older files have none
    unused = {"bandwidth_hz": min(BANDWIDTH_HZ, told["sample_rate"])}
    return SeparationNetworkConfig.from_dict(known | unused)


def _weights(model: onnx.ModelProto) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the state dict of the network: named tensors, those of products and those of recurrent layers."""
    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    for name, values in arrays.items():
        if name.startswith(PREFIX) and not name.endswith(("_scale", "_zero_point")):
            yield name.removeprefix(PREFIX).removesuffix(SUFFIX), _tensor(_exact(arrays, name, values))
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays and not node.input[1].startswith(PREFIX):
            yield f"{_place(node.name)}.weight", _tensor(arrays[node.input[1]].T)
        elif node.op_type == "LSTM":
            yield from _recurrent(_place(node.name), [arrays[name] for name in node.input[1:4]])


def _place(name: str) -> str:
    """Return where a node stands: `/blocks.0/bands/bands.2/MatMul` is `blocks.0.bands.2`."""
    parts: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        parts = [*parts[:-1], part] if parts and part.startswith(f"{parts[-1]}.") else [*parts, part]
    return ".".join(parts)


def _exact(arrays: Arrays, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return 8-bit weights as the numbers that they stand for."""
    if not name.endswith(SUFFIX):
        return values
    stem = name.removesuffix(SUFFIX)
    zero, scale = arrays[f"{stem}_zero_point"], arrays[f"{stem}_scale"]
    return (values.astype(np.float32) - zero.astype(np.float32)) * scale


def _recurrent(place: str, given: list[npt.NDArray[Any]]) -> Iterator[tuple[str, torch.Tensor]]:
    inner, outer, bias = (values[0] for values in given)
    inner_bias, outer_bias = np.split(bias, 2)
    named = {"weight_ih": inner, "weight_hh": outer, "bias_ih": inner_bias, "bias_hh": outer_bias}
    for name, values in named.items():
        gates = np.split(values, 4)
        yield f"{place}.{name}_l0", _tensor(np.concatenate([gates[k] for k in GATES]))


def _tensor(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))
